package dialect_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
	"github.com/weirgate/weir/pkg/scan"
)

func TestWeaviateHeads(t *testing.T) {
	const id = "/d34f1a4e-0000-4000-8000-000000000000"
	head := func(method, path string, c authz.Class, collection string, docs, vectors int64) headCase {
		return headCase{method, path, done(at(path, c, collection), docs, vectors), false}
	}
	body := func(path string, c authz.Class) headCase {
		return headCase{"POST", path, unread(at(path, c, "")), true}
	}
	unknownIn := unknown()
	unknownIn.Collection = "Docs"
	checkHeads(t, dialect.Weaviate{}, []headCase{
		body("/v1/objects", authz.ClassWrite),
		body("/v1/batch/objects", authz.ClassWrite),
		body("/v1/graphql", authz.ClassSearch),
		body("/v1/graphql/batch", authz.ClassSearch),
		head("GET", "/v1/objects", authz.ClassExport, "", all, 0),
		head("GET", "/v1/objects/Docs"+id, authz.ClassRead, "Docs", 1, 0),
		head("HEAD", "/v1/objects/Docs"+id, authz.ClassRead, "Docs", 1, 0),
		head("GET", "/v1/objects"+id, authz.ClassRead, "", 1, 0),
		head("PUT", "/v1/objects/Docs"+id, authz.ClassWrite, "Docs", 1, 1),
		head("PATCH", "/v1/objects/Docs"+id, authz.ClassWrite, "Docs", 1, 0),
		head("DELETE", "/v1/objects/Docs"+id, authz.ClassWrite, "Docs", 1, 0),
		head("POST", "/v1/objects/Docs"+id+"/references/author", authz.ClassWrite, "Docs", all, 0),
		head("DELETE", "/v1/batch/objects", authz.ClassWrite, "", all, 0),
		head("POST", "/v1/batch/references", authz.ClassWrite, "", all, 0),
		head("GET", "/v1/schema", authz.ClassList, "", 0, 0),
		head("GET", "/v1/schema/Docs", authz.ClassList, "Docs", 0, 0),
		head("DELETE", "/v1/schema/Docs", authz.ClassAdmin, "Docs", 0, 0),
		head("POST", "/v1/schema", authz.ClassAdmin, "", 0, 0),
		head("GET", "/v1/meta", authz.ClassList, "", 0, 0),
		head("GET", "/v1/.well-known/ready", authz.ClassList, "", 0, 0),
		head("POST", "/v1/backups/s3", authz.ClassExport, "", all, all),
		head("GET", "/v1/backups/s3/b1", authz.ClassList, "", 0, 0),
		head("POST", "/v1/backups/s3/b1/restore", authz.ClassAdmin, "", 0, 0),
		head("DELETE", "/v1/backups/s3/b1", authz.ClassAdmin, "", 0, 0),
		{"GET", "/v1/graphql", unknown(), false},
		{"POST", "/v1/objects/Docs" + id, unknownIn, false},
		{"GET", "/v1/objects/Docs" + id + "/more", unknownIn, false},
		{"POST", "/v1/search/Docs", unknown(), false},
		{"POST", "/v2/objects", unknown(), false},
		{"GET", "/v1x", unknown(), false},
	})
}

// TestWeaviateParameters: what a GET asks for stands in its query.
func TestWeaviateParameters(t *testing.T) {
	object := func(c authz.Class, collection string, docs, vectors int64) authz.Operation {
		return done(at("/v1/objects", c, collection), docs, vectors)
	}
	for query, want := range map[string]authz.Operation{
		"class=Docs&limit=5&include=vector":                     object(authz.ClassRead, "Docs", 5, 10),
		"class=Docs&limit=5":                                    object(authz.ClassRead, "Docs", 5, 0),
		"limit=5&include=classification,%20Vector":              object(authz.ClassRead, "", 5, 10),
		"limit=5&include=classification&include=vector":         object(authz.ClassRead, "", 5, 10),
		"limit=5&%69nclude=%76ector":                            object(authz.ClassRead, "", 5, 10),
		"class=Docs&limit=100&after=&include=vector":            object(authz.ClassExport, "Docs", 100, 200),
		"class=Docs&include=vector":                             object(authz.ClassExport, "Docs", all, all),
		"class=Docs&limit=0&include=vector":                     object(authz.ClassExport, "Docs", all, all),
		"class=Docs&limit=-1&include=vector":                    object(authz.ClassExport, "Docs", all, all),
		"limit=5&limit=5000":                                    unknown(),
		"limit=many":                                            unknown(),
		"class=Docs&class=Other&limit=5":                        unknown(),
		"limit=5;include=vector":                                unknown(),
		"include=%zz":                                           unknown(),
		"limit=5&class=" + strings.Repeat("x", 300):             unknown(),
		"limit=5&class=Docs&include=vector&tenant=a&sort=title": object(authz.ClassRead, "Docs", 5, 10),
	} {
		d := dialect.Weaviate{Vectors: []string{"title", "body"}}
		if diff := cmp.Diff(want, d.Head("GET", "/v1/objects", query, nil)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
	op := dialect.Weaviate{}.Head("GET", "/v1/objects/Docs/d34f1a4e-0000-4000-8000-000000000000", "include=vector", nil)
	if op.Vectors != 1 || op.Documents != 1 {
		t.Errorf("one object: %+v", op)
	}
}

func TestWeaviateWrites(t *testing.T) {
	write := func(path, collection string, n int64) authz.Operation {
		return done(at(path, authz.ClassWrite, collection), n, n)
	}
	// weaviate-client 4.24.1
	checkBodies(t, dialect.Weaviate{}, "POST", "/v1/objects", map[string]bodyCase{
		"client":        {body: `{"class":"Docs","properties":{"a":"b"},"id":"90b40dca-b538-43f1-a2dd-1046db236404","vector":[0.1,0.2]}`, want: write("/v1/objects", "Docs", 1)},
		"client, named": {body: `{"class":"Docs","properties":{"a":"b"},"id":"0e02e342-d7ac-4fbe-84e2-d0c93c4cc8b7","vectors":{"image":[0.1,0.2]}}`, want: write("/v1/objects", "Docs", 1)},
		"two classes":   {body: `{"class":"Docs","class":"Other"}`, bad: "class stands twice"},
	})
	checkBodies(t, dialect.Weaviate{}, "POST", "/v1/batch/objects", map[string]bodyCase{
		"documented": {body: `{"objects":[{"class":"Docs","vector":[0.1]},{"class":"Other"},{"class":"Docs"}]}`, want: write("/v1/batch/objects", "Docs,Other", 3)},
	})
}

func TestWeaviateGraphQL(t *testing.T) {
	ask := func(query string) string {
		return `{"query":"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(query) + `"}`
	}
	op := func(c authz.Class, collection, vector string, docs, vectors int64) authz.Operation {
		o := done(at("/v1/graphql", c, collection), docs, vectors)
		o.Vector = vector
		return o
	}
	const search, read, export = authz.ClassSearch, authz.ClassRead, authz.ClassExport
	checkBodies(t, dialect.Weaviate{}, "POST", "/v1/graphql", map[string]bodyCase{
		"client 4.24.1": {body: `{"query":"{Get{Docs(limit:5 nearVector:{vector:[0.1,0.2]}){title _additional{id vector distance}}}}"}`, want: op(search, "Docs", "", 5, 5)},
		"named": {
			body: ask(`query q { Get { Docs(nearVector: {vector: [0.1, -2e-3], targetVectors: ["image"]}, limit: 3) { title _additional { id vectors { image text } } } } }`),
			want: op(search, "Docs", "image", 3, 6),
		},
		"two targets":    {body: ask(`{Get{Docs(limit:2 hybrid:{query:"x" targetVectors:["a" "b"]}){_additional{score}}}}`), want: op(search, "Docs", "a,b", 2, 0)},
		"two classes":    {body: ask(`{Get{Docs(limit:2){_additional{vector}} x: Other(limit:3){_additional{vector}}}}`), want: op(read, "Docs,Other", "", 5, 5)},
		"two operations": {body: ask(`query a{Get{Docs(limit:2){_additional{vector}}}} query b{Get{Docs(limit:3){title}}}`), want: op(read, "Docs", "", 5, 2)},
		"cursor":         {body: ask(`{Get{Docs(limit:100 after:""){_additional{id vector}}}}`), want: op(export, "Docs", "", 100, 100)},
		"no limit":       {body: ask(`{Get{Docs{title _additional{vector}}}}`), want: op(export, "Docs", "", all, all)},
		"limit by variable": {
			body: `{"query":"query($n: Int! = 5, $v: [Float!]){Get{Docs(limit:$n nearVector:{vector:$v}){_additional{vector}}}}","variables":{"n":1000000,"v":[0.1]}}`,
			want: op(search, "Docs", "", all, all),
		},
		"groups": {
			body: ask(`{Get{Docs(limit:5 nearText:{concepts:["x"]} groupBy:{path:["a"] groups:2 objectsPerGroup:3}){_additional{vector group{id hits{title _additional{vector}}}}}}}`),
			want: op(search, "Docs", "", 11, 11),
		},
		"references":    {body: ask(`{Get{Docs(limit:5){author{... on Author{name _additional{vector}}}}}}`), want: op(read, "Docs", "", 5, all)},
		"no vectors":    {body: ask("{Get{Docs(limit:5){author{... on Author{name}} # vector\n title}}}"), want: op(read, "Docs", "", 5, 0)},
		"projection":    {body: ask(`{Get{Docs(limit:5){_additional{featureProjection(dimensions:2){vector}}}}}`), want: op(read, "Docs", "", 5, 5)},
		"aggregate":     {body: ask(`{Aggregate{Docs{meta{count}}}}`), want: op(read, "Docs", "", 0, 0)},
		"explore":       {body: ask(`{Explore(nearVector:{vector:[0.1]} limit:7){beacon distance}}`), want: op(search, "*", "", 7, 0)},
		"introspection": {body: ask(`{__schema{types{name}}}`), want: op(authz.ClassList, "", "", 0, 0)},
		"block string":  {body: ask(`{Get{Docs(limit:1 bm25:{query:"""a " } \""" b"""}){title}}}`), want: op(search, "Docs", "", 1, 0)},
		"conditional":   {body: ask(`{Get{Docs(limit:4){_additional @include(if: true){vector @skip(if:false)}}}}`), want: op(read, "Docs", "", 4, 4)},
		"class renamed": {body: ask(`{g: Get{d: Docs(limit:4){_additional{vector}}}}`), want: op(read, "Docs", "", 4, 4)},

		"vector renamed":      {body: ask(`{Get{Docs(limit:5){_additional{v: vector}}}}`), bad: "renames a field of _additional"},
		"additional renamed":  {body: ask(`{Get{Docs(limit:5){a: _additional{vector}}}}`), bad: "renames _additional"},
		"named renamed":       {body: ask(`{Get{Docs(limit:5){_additional{vectors{x: image}}}}}`), bad: "renames a vector"},
		"hits renamed":        {body: ask(`{Get{Docs(limit:5){_additional{group{hits{a: _additional{vector}}}}}}}`), bad: "renames _additional"},
		"fragment":            {body: ask(`{Get{Docs(limit:5){...f}}} fragment f on Docs{_additional{vector}}`), bad: "named fragments"},
		"fragment first":      {body: ask(`fragment f on Docs{_additional{vector}} {Get{Docs(limit:5){title}}}`), bad: "no query, or has named fragments"},
		"fragment additional": {body: ask(`{Get{Docs(limit:5){_additional{... on X{vector}}}}}`), bad: "fragment in _additional"},
		"fragment of classes": {body: ask(`{Get{... on X{Docs(limit:5){title}}}}`), bad: "fragment where classes are named"},
		"mutation":            {body: ask(`mutation{Get{Docs{title}}}`), bad: "is no query"},
		"another root":        {body: ask(`{Tomorrow{Docs{title}}}`), bad: `"Tomorrow", which is not known`},
		"limit twice":         {body: ask(`{Get{Docs(limit:5 limit:5000){title}}}`), bad: "cannot be read"},
		"early end":           {body: ask(`{Get{Docs(limit:5){title}}`), bad: "cannot be read"},
		"open string":         {body: ask(`{Get{Docs(bm25:{query:"x}){title}}}`), bad: "cannot be read"},
		"open block":          {body: ask(`{Get{Docs(bm25:{query:"""x"}){title}}}`), bad: "cannot be read"},
		"too deep":            {body: ask(strings.Repeat("{a", 70) + strings.Repeat("}", 70)), bad: "nested too deep"},
		"empty":               {body: ask(``), bad: "cannot be read"},
		"no query":            {body: `{}`, bad: "query is missing"},
		"no string":           {body: `{"query":5}`, bad: "query is no string"},
	})
	o := done(at("/v1/graphql/batch", read, "Docs,Other"), 3, 3)
	checkBodies(t, dialect.Weaviate{}, "POST", "/v1/graphql/batch", map[string]bodyCase{
		"two":    {body: `[{"query":"{Get{Docs(limit:1){_additional{vector}}}}"},{"query":"{Get{Other(limit:2){_additional{vector}}}}"}]`, want: o},
		"single": {body: `{"query":"{Get{Docs{title}}}"}`, bad: "want an array"},
	})
}

// TestWeaviateRPC reads messages of weaviate-client 4.24.1.
func TestWeaviateRPC(t *testing.T) {
	const search, read, export, write = authz.ClassSearch, authz.ClassRead, authz.ClassExport, authz.ClassWrite
	op := func(method string, c authz.Class, docs, vectors int64, vector string) authz.Operation {
		o := done(at("/weaviate.v1.Weaviate/"+method, c, "Docs"), docs, vectors)
		o.Vector = vector
		return o
	}
	checkMessages(t, dialect.Weaviate{}, map[string]messageCase{
		"near vector":         {msg: "0a04446f6373aa0106080110012801f00105da020e4a0c1a08cdcccc3dcdcc4c3e2001a00601a80601b00601", want: op("Search", search, 5, 5, "")},
		"near vector, named":  {msg: "0a04446f6373aa010f08015205696d616765520474657874da021732070a05696d6167654a0c1a08cdcccc3dcdcc4c3e2001a00601a80601b00601", want: op("Search", search, all, all, "image")},
		"near vector, both":   {msg: "0a04446f6373aa01020801f00102da0249320d0a05696d6167650a0474657874421c0a05696d6167651a130a05696d6167651a08cdcccc3dcdcc4c3e2001421a0a04746578741a120a04746578741a089a99993ecdcccc3e2001a00601a80601b00601", want: op("Search", search, 2, 0, "image,text")},
		"hybrid":              {msg: "0a04446f6373aa010408011001f00103ca02120a0171253333333f3208cdcccc3dcdcc4c3ea00601a80601b00601", want: op("Search", search, 3, 3, "")},
		"bm25":                {msg: "0a04446f6373aa01020801f00103d202030a0171a00601a80601b00601", want: op("Search", search, 3, 0, "")},
		"fetch":               {msg: "0a04446f6373aa010408011001f0010aa00601a80601b00601", want: op("Search", read, 10, 10, "")},
		"fetch by ID":         {msg: "0a04446f6373aa010a08011001180120014801f00101c202300801222464333466316134652d303030302d343030302d383030302d303030303030303030303030a201050a035f6964a00601a80601b00601", want: op("Search", read, 1, 1, "")},
		"page after":          {msg: "0a04446f6373aa010408011001f0010a8a022464333466316134652d303030302d343030302d383030302d303030303030303030303030a00601a80601b00601", want: op("Search", export, 10, 10, "")},
		"groups":              {msg: "0a04446f6373aa010408011001b201070a016110021803f00105da020e4a0c1a08cdcccc3dcdcc4c3e2001a00601a80601b00601", want: op("Search", search, 11, 11, "")},
		"references":          {msg: "0a04446f6373a2010d12090a01721a04080110015801aa01020801f00102a00601a80601b00601", want: op("Search", read, 2, all, "")},
		"insert":              {msg: "0a440a2433316564343966612d656132322d346536382d613763312d3662353539396138343933341a0c0a0a0a080a016112031a01622204446f63733208cdcccc3dcdcc4c3e", want: op("BatchObjects", write, 1, 0, "")},
		"aggregate":           {msg: "0a04446f6373a00101", want: op("Aggregate", read, 0, 0, "")},
		"aggregate, searched": {msg: "0a04446f6373d2020432020a00", want: op("Aggregate", search, 0, 0, "")},

		"fetch by ID, no limit": {msg: "0a04446f6373aa01021001c2020e080122024142a201050a035f6964", want: op("Search", read, 1, 1, "")},
		"fetch by two IDs":      {msg: "0a04446f6373aa01021001c20212080c4a060a01610a0162a201050a035f6964", want: op("Search", read, 2, 2, "")},
		"fetch, no limit":       {msg: "0a04446f6373aa01021001", want: op("Search", export, all, all, "")},
		"not by ID":             {msg: "0a04446f6373aa01021001c2020e080222024142a201050a035f6964", want: op("Search", export, all, all, "")},
		"limit twice":           {msg: "0a04446f6373f00105f00106", want: op("Search", search, 0, 0, ""), bad: "stands twice"},
		"behind two references": {msg: "0a04446f6373" + "a2010a" + "1208" + "1206" + "1204" + "1a021001" + "f00102", want: op("Search", read, 2, all, "")},
		"references too deep":   {msg: "a2010e" + "120c" + "120a" + "1208" + "1206" + "1204" + "1a021001", want: op("Search", search, 0, 0, ""), bad: "behind more than 2 references"},
	})
}

func TestWeaviateRPCHeads(t *testing.T) {
	d := dialect.Weaviate{}
	grpc := authz.Header{"content-type": {"application/grpc"}}
	for path, want := range map[string]authz.Class{
		"/weaviate.v1.Weaviate/Search": authz.ClassSearch, "/weaviate.v1.Weaviate/BatchStream": authz.ClassWrite, "/weaviate.v1.Weaviate/TenantsGet": authz.ClassList,
		"/weaviate.v1.Weaviate/Tomorrow": authz.ClassUnknown, "/weaviate.v1.FileReplicationService/ListFiles": authz.ClassUnknown, "/grpc.health.v1.Health/Check": authz.ClassList,
	} {
		if op := d.Head("POST", path, "", grpc); op.Class != want {
			t.Errorf("%s: %+v", path, op)
		}
		if op := d.Head("POST", path, "", nil); op.Class != authz.ClassUnknown {
			t.Errorf("%s, not as gRPC: %+v", path, op)
		}
	}
}

func TestWeaviatePlaces(t *testing.T) {
	const hit, group = "data.*.*[*]._additional.", "data.*.*[*]._additional.group."
	const scores = "data.*[*].distance data.*[*].certainty " + hit + "distance " + hit + "certainty " + hit + "score " + hit + "explainScore " + hit + "rerank[*].score " +
		group + "hits[*]._additional.distance " + group + "hits[*]._additional.certainty " + group + "hits[*]._additional.score " +
		group + "hits[*]._additional.explainScore " + group + "hits[*]._additional.rerank[*].score " + group + "minDistance " + group + "maxDistance"
	named := at("/v1/graphql", authz.ClassSearch, "Docs")
	named.Vector = "image"
	checkPlaces(t, dialect.Weaviate{}, []placeCase{
		{op: named, vectors: "data.**.vector data.**.vectors", scores: scores, carries: "variables.**"},
		{op: at("/v1/objects", authz.ClassExport, ""), vectors: "objects[*].vector objects[*].vectors objects[*].additional.**.vector"},
		{op: at("/v1/objects", authz.ClassWrite, ""), vectors: "vector vectors additional.**.vector", carries: "vector vectors"},
		{op: at("/v1/objects/Docs/1", authz.ClassRead, ""), vectors: "vector vectors additional.**.vector"},
		{op: at("/v1/batch/objects", authz.ClassWrite, ""), vectors: "[*].vector [*].vectors", carries: "objects[*].vector objects[*].vectors"},
		{op: at("/v1/schema", authz.ClassList, "")},
		{
			op: at("/weaviate.v1.Weaviate/Search", authz.ClassSearch, ""), format: scan.FormatGRPC,
			vectors: "2.2.2 2.2.19 2.2.23.3 2.1.4.2 2.1.4.19 2.1.4.23.3 2.1.2.1.4.2 2.1.2.1.4.19 2.1.2.1.4.23.3 2.1.2.1.2.1.4.2 2.1.2.1.2.1.4.19 2.1.2.1.2.1.4.23.3 " +
				"4.5.2.2 4.5.2.19 4.5.2.23.3 4.5.1.4.2 4.5.1.4.19 4.5.1.4.23.3 4.5.1.2.1.4.2 4.5.1.2.1.4.19 4.5.1.2.1.4.23.3 4.5.1.2.1.2.1.4.2 4.5.1.2.1.2.1.4.19 4.5.1.2.1.2.1.4.23.3",
			scores:  "2.2.7 2.2.9 2.2.11 2.2.13 2.2.21 4.5.2.7 4.5.2.9 4.5.2.11 4.5.2.13 4.5.2.21 4.2 4.3 4.6.1",
			carries: "41.3 41.6 41.21.3 41.9.1 41.9.4 41.9.9.3 41.9.7.2 41.9.8.2 41.9.8.3.3 43.1 43.4 43.9.3 43.7.2 43.8.2 43.8.3.3",
		},
		{op: at("/weaviate.v1.Weaviate/Aggregate", authz.ClassSearch, ""), format: scan.FormatGRPC, carries: "41.3 41.6 41.21.3 41.9.1 41.9.4 41.9.9.3 41.9.7.2 41.9.8.2 41.9.8.3.3 42.1 42.4 42.9.3 42.7.2 42.8.2 42.8.3.3"},
		{op: at("/weaviate.v1.Weaviate/BatchObjects", authz.ClassWrite, ""), format: scan.FormatGRPC, carries: "1.2 1.6 1.23.3"},
		{op: at("/weaviate.v1.Weaviate/BatchStream", authz.ClassWrite, ""), format: scan.FormatGRPC, carries: "2.1.1.2 2.1.1.6 2.1.1.23.3"},
	})
}
