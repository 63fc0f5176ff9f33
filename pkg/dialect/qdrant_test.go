package dialect_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
	"github.com/weirgate/weir/pkg/scan"
)

const all = authz.Unbounded

// at is an operation on a collection whose route is kept for its answer.
func at(path string, c authz.Class, collection string) authz.Operation {
	return authz.Operation{Class: c, Collection: collection, Object: path}
}

func done(op authz.Operation, docs, vectors int64) authz.Operation {
	op.Documents, op.Vectors, op.Complete = docs, vectors, true
	return op
}

func TestQdrantHeads(t *testing.T) {
	const docs = "/collections/docs"
	head := func(method, path string, c authz.Class, documents, vectors int64) headCase {
		return headCase{method, path, done(at(path, c, "docs"), documents, vectors), false}
	}
	body := func(path string, c authz.Class) headCase {
		return headCase{"POST", path, unread(at(path, c, "docs")), true}
	}
	server := func(method, path string, c authz.Class) headCase {
		return headCase{method, path, done(at(path, c, ""), 0, 0), false}
	}
	unknownIn := unknown()
	unknownIn.Collection = "docs"
	full := func(h headCase) headCase { h.want.Documents, h.want.Vectors = all, all; return h }
	checkHeads(t, dialect.Qdrant{}, []headCase{
		body(docs+"/points", authz.ClassRead),
		body(docs+"/points/scroll", authz.ClassExport),
		body(docs+"/points/search", authz.ClassSearch),
		body(docs+"/points/search/batch", authz.ClassSearch),
		body(docs+"/points/search/groups", authz.ClassSearch),
		body(docs+"/points/search/matrix/pairs", authz.ClassSearch),
		body(docs+"/points/search/matrix/offsets", authz.ClassSearch),
		body(docs+"/points/recommend", authz.ClassSearch),
		body(docs+"/points/recommend/batch", authz.ClassSearch),
		body(docs+"/points/recommend/groups", authz.ClassSearch),
		body(docs+"/points/discover", authz.ClassSearch),
		body(docs+"/points/discover/batch", authz.ClassSearch),
		body(docs+"/points/query", authz.ClassSearch),
		body(docs+"/points/query/batch", authz.ClassSearch),
		body(docs+"/points/query/groups", authz.ClassSearch),
		body(docs+"/facet", authz.ClassRead),
		head("GET", docs+"/points/17", authz.ClassRead, 1, 1),
		head("GET", docs+"/points/d34f1a4e-0000-4000-8000-00000000000a", authz.ClassRead, 1, 1),
		head("PUT", docs+"/points", authz.ClassWrite, all, 0),
		head("PUT", docs+"/points/vectors", authz.ClassWrite, all, 0),
		head("POST", docs+"/points/batch", authz.ClassWrite, all, 0),
		head("POST", docs+"/points/delete", authz.ClassWrite, all, 0),
		head("POST", docs+"/points/payload", authz.ClassWrite, all, 0),
		head("PUT", docs+"/points/payload", authz.ClassWrite, all, 0),
		head("POST", docs+"/points/count", authz.ClassList, 0, 0),
		head("GET", docs, authz.ClassList, 0, 0),
		head("GET", docs+"/exists", authz.ClassList, 0, 0),
		head("PUT", docs, authz.ClassAdmin, 0, 0),
		head("DELETE", docs, authz.ClassAdmin, 0, 0),
		head("PUT", docs+"/index", authz.ClassAdmin, 0, 0),
		head("DELETE", docs+"/index/a", authz.ClassAdmin, 0, 0),
		head("GET", docs+"/snapshots", authz.ClassList, 0, 0),
		head("POST", docs+"/snapshots", authz.ClassExport, all, all),
		head("GET", docs+"/snapshots/a.snapshot", authz.ClassExport, all, all),
		head("GET", docs+"/shards/0/snapshots/a.snapshot", authz.ClassExport, all, all),
		head("GET", docs+"/shards/0/snapshot", authz.ClassExport, all, all),
		head("PUT", docs+"/snapshots/recover", authz.ClassAdmin, 0, 0),
		head("POST", docs+"/snapshots/upload", authz.ClassAdmin, 0, 0),
		head("DELETE", docs+"/snapshots/a.snapshot", authz.ClassAdmin, 0, 0),
		server("GET", "/collections", authz.ClassList),
		server("GET", "/aliases", authz.ClassList),
		server("GET", "/healthz", authz.ClassList),
		server("POST", "/collections/aliases", authz.ClassAdmin),
		full(server("POST", "/snapshots", authz.ClassExport)),
		full(server("GET", "/snapshots/full.snapshot", authz.ClassExport)),
		server("GET", "/snapshots", authz.ClassList),
		{"GET", docs + "/points/discover", unknownIn, false},
		{"GET", docs + "/points", unknownIn, false},
		{"PATCH", docs + "/points", unknownIn, false},
		{"POST", docs + "/points/tomorrow", unknownIn, false},
		{"DELETE", docs + "/points/1", unknownIn, false},
		{"POST", docs, unknownIn, false},
		{"GET", "/dashboard", unknown(), false},
		{"POST", "/collections", unknown(), false},
	})
}

func TestQdrantBodies(t *testing.T) {
	const points = "/collections/docs/points"
	d := dialect.Qdrant{}
	check := func(path string, tests map[string]bodyCase) {
		t.Helper()
		checkBodies(t, d, "POST", path, tests)
	}
	want := func(path string, c authz.Class, docs, vectors int64) authz.Operation {
		return done(at(path, c, "docs"), docs, vectors)
	}
	using := func(op authz.Operation, name string) authz.Operation { op.Vector = name; return op }
	in := func(op authz.Operation, collections string) authz.Operation { op.Collection = collections; return op }

	// Bodies called "client" are those of qdrant-client 1.20.0, unless they say 1.9.1.
	path := points + "/query"
	search := func(docs, vectors int64) authz.Operation { return want(path, authz.ClassSearch, docs, vectors) }
	check(path, map[string]bodyCase{
		"client":          {body: `{"query":{"nearest":[0.1,0.2,0.3]},"limit":5,"with_vector":true,"with_payload":true}`, want: search(5, 5)},
		"client, named":   {body: `{"query":{"nearest":[0.1,0.2,0.3]},"using":"image","limit":5,"with_vector":["image","text"],"with_payload":true}`, want: using(search(5, 10), "image")},
		"client, hybrid":  {body: `{"prefetch":[{"query":{"indices":[1,2],"values":[0.5,0.6]},"using":"sparse","limit":20},{"query":[0.1,0.2],"using":"dense","limit":20}],"query":{"fusion":"rrf"},"limit":3,"with_vector":false,"with_payload":true}`, want: using(search(3, 0), "dense,sparse")},
		"client, similar": {body: `{"query":{"recommend":{"positive":[1,[0.1,0.2]],"negative":["d34f1a4e-0000-4000-8000-000000000000"]}},"limit":3,"with_vector":false,"with_payload":true}`, want: search(3, 0)},
		"defaults":        {body: `{}`, want: search(10, 0)},
		"spelt otherwise": {body: `{"top":7,"with_vectors":true}`, want: search(7, 7)},
		"selector null":   {body: `{"with_vector":null}`, want: search(10, 0)},
		"none named":      {body: `{"with_vector":[]}`, want: search(10, 0)},
		"no limit":        {body: `{"limit":0,"with_vector":true}`, want: search(all, all)},
		"limit for all":   {body: `{"limit":18014398509481984,"with_vector":true}`, want: search(all, all)},
		"deep":            {body: `{"prefetch":{"prefetch":{"query":[1],"using":"a"},"query":[1]},"query":[1],"using":"b"}`, want: using(search(10, 0), "a,,b")},
		"looked up":       {body: `{"query":1,"lookup_from":{"collection":"other","vector":"v"},"limit":1}`, want: in(search(1, 0), "docs,other")},
		"escaped":         {body: `{"with\u005fvector":true}`, want: search(10, 10)},
		"two spellings":   {body: `{"with_vector":true,"with_vectors":true}`, bad: "with_vector is stated twice"},
		"two limits":      {body: `{"limit":1,"top":1000}`, bad: "limit is stated twice"},
		"limit twice":     {body: `{"limit":1,"limit":1000}`, bad: "limit stands twice"},
		"in caps":         {body: `{"With_Vector":true}`, bad: "differs from with_vector in case"},
		"a word":          {body: `{"with_vector":"image"}`, bad: "neither true nor false"},
		"a fraction":      {body: `{"limit":1.5}`, bad: "no whole number"},
		"negative":        {body: `{"limit":-1}`, bad: "no whole number"},
	})
	path = points + "/query/batch"
	check(path, map[string]bodyCase{
		"client":   {body: `{"searches":[{"query":{"nearest":[0.1,0.2]},"limit":2,"with_vector":true},{"query":{"nearest":3}}]}`, want: search(12, 2)},
		"names":    {body: `{"searches":[{"using":"a"},{"using":"b"},{"query":[1]},{"using":"a"}]}`, want: using(search(40, 0), "a,b,")},
		"no limit": {body: `{"searches":[{"limit":0,"with_vector":true},{"limit":2}]}`, want: search(all, all)},
	})
	path = points + "/query/groups"
	check(path, map[string]bodyCase{
		"client": {
			body: `{"query":{"nearest":[0.1,0.2]},"with_vector":true,"with_payload":true,"group_by":"a","group_size":2,"limit":4,"with_lookup":{"collection":"other","with_vectors":true}}`,
			want: in(search(12, 12), "docs,other"),
		},
		"defaults":     {body: `{"group_by":"a","with_vector":true}`, want: search(30, 30)},
		"lookup named": {body: `{"group_by":"a","with_lookup":"other"}`, want: in(search(40, 0), "docs,other")},
	})
	path = points + "/search"
	check(path, map[string]bodyCase{
		"client 1.9.1":         {body: `{"vector":{"name":"image","vector":[0.1,0.2]},"limit":3,"with_payload":true,"with_vector":true}`, want: using(search(3, 3), "image")},
		"client 1.9.1, sparse": {body: `{"vector":{"name":"s","vector":{"indices":[1],"values":[0.5]}},"limit":3,"with_payload":true,"with_vector":["a","b"]}`, want: using(search(3, 6), "s")},
		"client 1.9.1, plain":  {body: `{"vector":[0.1,0.2],"limit":10,"with_payload":true,"with_vector":false}`, want: search(10, 0)},
		"no limit":             {body: `{"vector":[0.1,0.2]}`, bad: "limit is missing"},
	})
	path = points + "/search/batch"
	check(path, map[string]bodyCase{
		"client 1.9.1": {body: `{"searches":[{"vector":[0.1,0.2],"limit":3,"with_vector":true},{"vector":{"name":"image","vector":[0.1,0.2]},"limit":4}]}`, want: using(search(7, 3), ",image")},
	})
	path = points + "/search/groups"
	check(path, map[string]bodyCase{
		"client 1.9.1": {body: `{"vector":[0.1,0.2],"with_payload":true,"with_vector":true,"group_by":"a","group_size":2,"limit":3}`, want: search(6, 6)},
		"no size":      {body: `{"vector":[0.1,0.2],"group_by":"a","limit":3}`, bad: "group_size is missing"},
	})
	path = points + "/search/matrix/pairs"
	check(path, map[string]bodyCase{"client": {body: `{"sample":10,"limit":2}`, want: search(10, 0)}})
	path = points + "/recommend"
	check(path, map[string]bodyCase{
		"client 1.9.1": {
			body: `{"positive":[1],"negative":[[0.1,0.2]],"limit":3,"offset":0,"with_payload":true,"with_vector":false,"using":"image","lookup_from":{"collection":"other","vector":"v"}}`,
			want: in(using(search(3, 0), "image"), "docs,other"),
		},
	})
	path = points + "/discover"
	check(path, map[string]bodyCase{
		"client 1.9.1": {body: `{"target":[0.1,0.2],"context":[{"positive":1,"negative":[0.3,0.4]}],"limit":3,"offset":0,"with_payload":true,"with_vector":false}`, want: search(3, 0)},
	})
	path = points + "/scroll"
	check(path, map[string]bodyCase{
		"client":          {body: `{"limit":100,"with_payload":true,"with_vector":true}`, want: want(path, authz.ClassExport, 100, 100)},
		"client, default": {body: `{"limit":10,"with_payload":true,"with_vector":false}`, want: want(path, authz.ClassExport, 10, 0)},
	})
	path = points
	check(path, map[string]bodyCase{
		"client": {body: `{"ids":[1,2,3],"with_payload":true,"with_vector":true}`, want: want(path, authz.ClassRead, 3, 3)},
		"no ids": {body: `{"with_vector":true}`, bad: "ids is missing"},
	})
	path = "/collections/docs/facet"
	check(path, map[string]bodyCase{"client": {body: `{"key":"a","limit":5,"exact":false}`, want: want(path, authz.ClassRead, 5, 0)}})

	d.Vectors, path = []string{"image", "text", "title"}, points+"/query"
	check(path, map[string]bodyCase{"all of three": {body: `{"with_vector":true,"limit":5}`, want: search(5, 15)}})
}

// TestQdrantRPC reads messages of qdrant-client 1.20.0, and of 1.9.1 where the name says so.
func TestQdrantRPC(t *testing.T) {
	op := func(method string, c authz.Class, docs, vectors int64, vector string) authz.Operation {
		o := done(at("/qdrant.Points/"+method, c, "docs"), docs, vectors)
		o.Vector = vector
		return o
	}
	in := func(op authz.Operation, collections string) authz.Operation { op.Collection = collections; return op }
	const search, read, export, write = authz.ClassSearch, authz.ClassRead, authz.ClassExport, authz.ClassWrite
	checkMessages(t, dialect.Qdrant{}, map[string]messageCase{
		"query":        {msg: "0a04646f63731a120a10120e0a0ccdcccc3dcdcc4c3e9a99993e4005520208015a020801", want: op("Query", search, 5, 5, "")},
		"query, named": {msg: "0a04646f63731a120a10120e0a0ccdcccc3dcdcc4c3e9a99993e2205696d6167654005520f120d0a05696d6167650a04746578745a020801", want: op("Query", search, 5, 10, "image")},
		"query, hybrid": {
			msg:  "0a04646f6373121e12120a101a0e0a080000003f9a99193f120201021a0673706172736538141219120e0a0c120a0a08cdcccc3dcdcc4c3e1a0564656e736538141a0230004003520208005a020801",
			want: op("Query", search, 3, 0, "dense,sparse"),
		},
		"batch":              {msg: "0a04646f6373121c0a04646f63731a0e0a0c120a0a08cdcccc3dcdcc4c3e400252020801120e0a04646f63731a060a040a020803", want: op("QueryBatch", search, 12, 2, "")},
		"groups":             {msg: "0a04646f63731a0e0a0c120a0a08cdcccc3dcdcc4c3e420208014a020801580460026a01617a0b0a056f746865721a020801", want: in(op("QueryGroups", search, 12, 12, ""), "docs,other")},
		"scroll":             {msg: "0a04646f63732064320208013a020801", want: op("Scroll", export, 100, 100, "")},
		"get":                {msg: "0a04646f6373120208011202080212020803220208012a020801", want: op("Get", read, 3, 3, "")},
		"upsert":             {msg: "0a04646f637310011a290a0208011a070a016112021801221a12180a160a05696d616765120daa060a0a08cdcccc3dcdcc4c3e1a150a020802220f0a0daa060a0a08cdcccc3dcdcc4c3e", want: op("Upsert", write, 2, 0, "")},
		"search 1.9.1":       {msg: "0a04646f63731208cdcccc3dcdcc4c3e2003320208015205696d6167655a020801", want: op("Search", search, 3, 3, "image")},
		"search batch 1.9.1": {msg: "0a04646f637312160a04646f63731208cdcccc3dcdcc4c3e20035a02080112190a04646f63731208cdcccc3dcdcc4c3e20045205696d616765", want: op("SearchBatch", search, 7, 3, ",image")},
		"groups 1.9.1":       {msg: "0a04646f63731208cdcccc3dcdcc4c3e20032a0208014a0208015201615802", want: op("SearchGroups", search, 6, 6, "")},
		"recommend 1.9.1":    {msg: "0a04646f63731202080128033a02080150005a05696d616765620208006a0a0a056f7468657212017692010a0a08cdcccc3dcdcc4c3e", want: in(op("Recommend", search, 3, 0, "image"), "docs,other")},
		"discover 1.9.1":     {msg: "0a04646f6373120e0a0c120a0a08cdcccc3dcdcc4c3e1a140a040a020801120c120a0a089a99993ecdcccc3e280332020801400052020800", want: op("Discover", search, 3, 0, "")},

		"no limit":          {msg: "0a04646f63735a020801", want: op("Search", search, 0, 0, ""), bad: "limit is missing"},
		"limit 0":           {msg: "0a04646f63732000" + "5a020801", want: op("Search", search, all, all, "")},
		"two limits":        {msg: "0a04646f637320032004", want: op("Search", search, 0, 0, ""), bad: "stands twice"},
		"two selectors":     {msg: "0a04646f637320035a0408001200", want: op("Search", search, 0, 0, ""), bad: "with_vectors is stated twice"},
		"selectors merged":  {msg: "0a04646f637320035a0208005a020801", want: op("Search", search, 0, 0, ""), bad: "stands twice"},
		"limit as a string": {msg: "0a04646f63732201035a020801", want: op("Search", search, 0, 0, ""), bad: "no whole number"},
		"no message":        {msg: "0a", want: op("Search", search, 0, 0, ""), bad: "no protobuf field"},
	})
	// Counts of a second message add up.
	d := dialect.Qdrant{}
	first := unread(at("/qdrant.Points/Search", search, ""))
	for range 2 {
		var err error
		if first, err = d.Body(first, fromHex(t, "0a04646f63731208cdcccc3dcdcc4c3e2003320208015205696d6167655a020801")); err != nil {
			t.Fatal(err)
		}
	}
	if first.Vectors != 6 || first.Documents != 6 || first.Bytes != 66 {
		t.Errorf("two messages: %+v", first)
	}
}

func TestQdrantRPCHeads(t *testing.T) {
	d := dialect.Qdrant{}
	for path, want := range map[string]struct {
		class authz.Class
		body  bool
	}{
		"/qdrant.Points/Query": {authz.ClassSearch, true}, "/qdrant.Points/Scroll": {authz.ClassExport, true}, "/qdrant.Points/Get": {authz.ClassRead, true},
		"/qdrant.Points/Upsert": {authz.ClassWrite, true}, "/qdrant.Points/Count": {authz.ClassList, true}, "/qdrant.Points/SearchMatrixPairs": {authz.ClassSearch, true},
		"/qdrant.Points/CreateFieldIndex": {authz.ClassAdmin, true}, "/qdrant.Collections/List": {authz.ClassList, false}, "/qdrant.Collections/Get": {authz.ClassList, true},
		"/qdrant.Collections/Delete": {authz.ClassAdmin, true}, "/qdrant.Collections/UpdateAliases": {authz.ClassAdmin, false},
		"/qdrant.Snapshots/Create": {authz.ClassExport, true}, "/qdrant.Snapshots/CreateFull": {authz.ClassExport, false}, "/qdrant.Snapshots/List": {authz.ClassList, true},
		"/qdrant.Qdrant/HealthCheck": {authz.ClassList, false}, "/qdrant.Points/Tomorrow": {authz.ClassUnknown, false}, "/qdrant.PointsInternal/Sync": {authz.ClassUnknown, false},
	} {
		grpc := authz.Header{"content-type": {"application/grpc"}}
		op := d.Head("POST", path, "", grpc)
		if op.Class != want.class || d.NeedsBody("POST", path) != want.body || op.Complete == want.body {
			t.Errorf("%s: %+v, needs body %v", path, op, d.NeedsBody("POST", path))
		}
		for name, op := range map[string]authz.Operation{
			"GET":      d.Head("GET", path, "", grpc),
			"JSON":     d.Head("POST", path, "", authz.Header{"content-type": {"application/grpc+json"}}),
			"gRPC-Web": d.Head("POST", path, "", authz.Header{"content-type": {"application/grpc-web"}}),
			"no type":  d.Head("POST", path, "", nil),
		} {
			if op.Class != authz.ClassUnknown {
				t.Errorf("%s as %s: %+v", path, name, op)
			}
		}
	}
}

func TestQdrantPlaces(t *testing.T) {
	const points = "/collections/docs/points"
	checkPlaces(t, dialect.Qdrant{}, []placeCase{
		{op: at(points, authz.ClassRead, ""), vectors: "result[*].vector"},
		{op: done(at(points+"/1", authz.ClassRead, ""), 1, 1), vectors: "result.vector"},
		{op: at(points+"/scroll", authz.ClassExport, ""), vectors: "result.points[*].vector"},
		{op: at(points+"/search", authz.ClassSearch, ""), vectors: "result[*].vector", scores: "result[*].score", carries: searchedBy("")},
		{op: at(points+"/search/batch", authz.ClassSearch, ""), vectors: "result[*][*].vector", scores: "result[*][*].score", carries: searchedBy("searches[*].")},
		{op: at(points+"/query", authz.ClassSearch, ""), vectors: "result.points[*].vector", scores: "result.points[*].score", carries: searchedBy("")},
		{op: at(points+"/query/groups", authz.ClassSearch, ""), vectors: "result.groups[*].hits[*].vector result.groups[*].lookup.vector", scores: "result.groups[*].hits[*].score", carries: searchedBy("")},
		{op: at(points+"/search/matrix/pairs", authz.ClassSearch, ""), scores: "result.pairs[*].score"},
		{op: at(points+"/search/matrix/offsets", authz.ClassSearch, ""), scores: "result.scores[*]"},
		{op: at(points, authz.ClassWrite, ""), carries: "points[*].vector batch.vectors operations[*].upsert.points[*].vector operations[*].upsert.batch.vectors operations[*].update_vectors.points[*].vector"},
		{op: at("/collections/docs/snapshots/a", authz.ClassExport, "")},
		{op: at("/collections/docs", authz.ClassList, "")},

		{op: at("/qdrant.Points/Get", authz.ClassRead, ""), format: scan.FormatGRPC, vectors: "1.4.1.1 1.4.1.101.1 1.4.1.102.1 1.4.1.103.1.1 1.4.2.1.2.1 1.4.2.1.2.101.1 1.4.2.1.2.102.1 1.4.2.1.2.103.1.1"},
		{op: at("/qdrant.Points/Query", authz.ClassSearch, ""), format: scan.FormatGRPC, scores: "1.3", vectors: "1.6.1.1 1.6.1.101.1 1.6.1.102.1 1.6.1.103.1.1 1.6.2.1.2.1 1.6.2.1.2.101.1 1.6.2.1.2.102.1 1.6.2.1.2.103.1.1", carries: queriedBy("3.", "2.2.", "2.1.2.", "2.1.1.2.")},
		{op: at("/qdrant.Points/Search", authz.ClassSearch, ""), format: scan.FormatGRPC, scores: "1.3", vectors: "1.6.1.1 1.6.1.101.1 1.6.1.102.1 1.6.1.103.1.1 1.6.2.1.2.1 1.6.2.1.2.101.1 1.6.2.1.2.102.1 1.6.2.1.2.103.1.1", carries: "2"},
		{op: at("/qdrant.Points/Upsert", authz.ClassWrite, ""), format: scan.FormatGRPC, carries: "3.4.1.1 3.4.1.101.1 3.4.1.102.1 3.4.1.103.1.1 3.4.2.1.2.1 3.4.2.1.2.101.1 3.4.2.1.2.102.1 3.4.2.1.2.103.1.1"},
		{op: at("/qdrant.Collections/List", authz.ClassList, ""), format: scan.FormatGRPC},
	})
	// Each vector that is named is opened under its own name, whatever their number.
	op := at(points+"/search", authz.ClassSearch, "")
	op.Vector = "image,text,a,b,c,d,e"
	for _, object := range []string{op.Object, "/qdrant.Points/Query"} {
		op.Object = object
		_, fields := (dialect.Qdrant{}).Carries(op)
		for _, f := range fields {
			if f.Name != "image" || !slices.Equal(f.Others, []string{"text", "a", "b", "c", "d", "e"}) {
				t.Errorf("%s: %+v", object, f)
			}
		}
	}
}

// searchedBy is where a search holds what it searches by.
func searchedBy(at string) string {
	var out []string
	for _, member := range []string{"vector", "positive", "negative", "target", "context", "query", "prefetch"} {
		out = append(out, at+member+".**")
	}
	return strings.Join(out, " ")
}

// queriedBy is the same of a Query message that stands at any of these.
func queriedBy(at ...string) string {
	var out []string
	for _, q := range at {
		for _, input := range strings.Fields("1 2.1 2.2 3.1 3.2.1.1 3.2.1.2 4.1.1 4.1.2 9.1 11.1 11.2.1") {
			out = append(out, q+input+".2.1", q+input+".4.1.1")
		}
	}
	return strings.Join(out, " ")
}
