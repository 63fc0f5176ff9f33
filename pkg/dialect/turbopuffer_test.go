package dialect_test

import (
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
)

func TestTurbopufferHeads(t *testing.T) {
	head := func(method, path string, c authz.Class, namespace string, docs, vectors int64) headCase {
		return headCase{method, path, done(at(path, c, namespace), docs, vectors), false}
	}
	body := func(path string, c authz.Class) headCase {
		return headCase{"POST", path, unread(at(path, c, "docs")), true}
	}
	checkHeads(t, dialect.Turbopuffer{}, []headCase{
		body("/v2/namespaces/docs/query", authz.ClassSearch),
		body("/v1/namespaces/docs/query", authz.ClassSearch),
		body("/v2/namespaces/docs", authz.ClassWrite),
		head("GET", "/v1/namespaces", authz.ClassList, "", 0, 0),
		head("GET", "/v1/namespaces/docs", authz.ClassExport, "docs", all, all),
		head("GET", "/v1/namespaces/docs/schema", authz.ClassList, "docs", 0, 0),
		head("GET", "/v2/namespaces/docs/metadata", authz.ClassList, "docs", 0, 0),
		head("POST", "/v2/namespaces/docs/explain_query", authz.ClassList, "docs", 0, 0),
		head("POST", "/v1/namespaces/docs/_debug/recall", authz.ClassList, "docs", 0, 0),
		head("POST", "/v1/namespaces/docs/schema", authz.ClassAdmin, "docs", 0, 0),
		head("DELETE", "/v2/namespaces/docs", authz.ClassAdmin, "docs", 0, 0),
		{"POST", "/v2/namespaces/docs/tomorrow", unknown(), false},
		{"GET", "/v2/namespaces/docs/query", unknown(), false},
		{"POST", "/v2/namespaces", unknown(), false},
		{"POST", "/v2/namespacesx/docs", unknown(), false},
		{"POST", "/v3/namespaces/docs", unknown(), false},
	})
}

// TestTurbopufferBodies reads what turbopuffer 3.1.0 sends.
func TestTurbopufferBodies(t *testing.T) {
	const path = "/v2/namespaces/docs/query"
	op := func(docs, vectors int64, name string) authz.Operation {
		o := done(at(path, authz.ClassSearch, "docs"), docs, vectors)
		o.Vector = name
		return o
	}
	computed := func(o authz.Operation) authz.Operation { o.Object += "?computed"; return o }
	checkBodies(t, dialect.Turbopuffer{}, "POST", path, map[string]bodyCase{
		"client":           {body: `{"include_attributes":["title","vector"],"rank_by":["vector","ANN",[0.1,0.2]],"top_k":5}`, want: op(5, 5, "vector")},
		"client, all":      {body: `{"include_attributes":true,"limit":5,"rank_by":["vector","ANN",[0.1,0.2]],"vector_encoding":"base64"}`, want: op(5, 5, "vector")},
		"client, but":      {body: `{"exclude_attributes":["vector"],"rank_by":["id","asc"],"top_k":5}`, want: op(5, 0, "")},
		"client, IDs":      {body: `{"rank_by":["title","BM25","x"],"top_k":5}`, want: op(5, 0, "")},
		"client, two":      {body: `{"queries":[{"rank_by":["vector","ANN",[0.1,0.2]],"top_k":5,"include_attributes":["vector"]},{"rank_by":["title","BM25","x"],"top_k":3}]}`, want: op(8, 5, "vector")},
		"but another":      {body: `{"exclude_attributes":["title"],"top_k":5}`, want: op(5, 5, "")},
		"a sum":            {body: `{"rank_by":["Sum",[["vector","ANN",[0.1]],["title","BM25","x"]]],"top_k":5}`, want: op(5, 0, "vector")},
		"limit by parts":   {body: `{"rank_by":["id","asc"],"limit":{"total":7,"per":{"attributes":["a"],"limit":2}},"include_attributes":true}`, want: op(7, 7, "")},
		"computed":         {body: `{"rank_by":["id","asc"],"limit":7,"compute_attributes":{"a":["x"]}}`, want: computed(op(7, 7, ""))},
		"of a vector":      {body: `{"rank_by":["id","asc"],"limit":7,"compute_attributes":{"a":["Sum",[["vector"],2]]}}`, want: scripted(computed(op(7, 7, "")))},
		"of one of two":    {body: `{"queries":[{"top_k":5},{"top_k":3,"compute_attributes":{"a":"x","b":"v\u0065ctor"}}]}`, want: scripted(computed(op(8, 6, "")))},
		"no limit":         {body: `{"include_attributes":true}`, want: op(all, all, "")},
		"two limits":       {body: `{"top_k":5,"limit":5000}`, bad: "limit is stated twice"},
		"attributes twice": {body: `{"include_attributes":[],"include_attributes":true}`, bad: "stands twice"},
	})
	v1 := done(at("/v1/namespaces/docs/query", authz.ClassSearch, "docs"), 5, 5)
	v1.Vector = "vector"
	checkBodies(t, dialect.Turbopuffer{}, "POST", "/v1/namespaces/docs/query", map[string]bodyCase{
		"documented, v1": {body: `{"vector":[0.1,0.2],"distance_metric":"cosine_distance","top_k":5,"include_vectors":true}`, want: v1},
	})
	write := func(c authz.Class, namespace string) authz.Operation {
		return done(at("/v2/namespaces/docs", c, namespace), all, 0)
	}
	checkBodies(t, dialect.Turbopuffer{}, "POST", "/v2/namespaces/docs", map[string]bodyCase{
		"client, rows":    {body: `{"distance_metric":"cosine_distance","upsert_rows":[{"id":1,"vector":"zczMPc3MTD4="}]}`, want: write(authz.ClassWrite, "docs")},
		"client, columns": {body: `{"upsert_columns":{"id":[1],"vector":["zczMPc3MTD4="]}}`, want: write(authz.ClassWrite, "docs")},
		"client, copy":    {body: `{"copy_from_namespace":"other"}`, want: write(authz.ClassExport, "docs,other")},
		"copy, an object": {body: `{"copy_from_namespace":{"source_namespace":"other","source_api_key":"x"}}`, want: write(authz.ClassExport, "docs,other")},
		"branch":          {body: `{"branch_from_namespace":"other"}`, want: write(authz.ClassExport, "docs,other")},
	})
}

func TestTurbopufferPlaces(t *testing.T) {
	op := at("/v2/namespaces/docs/query", authz.ClassSearch, "docs")
	op.Vector = "vector"
	v1 := op
	v1.Object = "/v1/namespaces/docs/query"
	const query = "rank_by[*] rank_by[*][*][*] queries[*].rank_by[*] queries[*].rank_by[*][*][*] vector"
	checkPlaces(t, dialect.Turbopuffer{}, []placeCase{
		{op: op, vectors: "rows[*].vector results[*].rows[*].vector", scores: "rows[*].$dist results[*].rows[*].$dist", carries: query},
		{op: v1, vectors: "[*].vector", scores: "[*].dist", carries: query},
		{op: at("/v1/namespaces/docs", authz.ClassExport, "docs"), vectors: "vectors[*]"},
		{op: at("/v2/namespaces/docs", authz.ClassWrite, "docs"), carries: "upsert_rows[*].vector upsert_columns.vector[*] patch_rows[*].vector patch_columns.vector[*] upserts[*].vector vectors[*]"},
		{op: at("/v1/namespaces", authz.ClassList, "")},
	})
	if (dialect.Turbopuffer{}).Answer(op, authz.Response{}).MoreScores {
		t.Error("more scores where nothing is computed")
	}
	op.Object += "?computed"
	if !(dialect.Turbopuffer{}).Answer(op, authz.Response{}).MoreScores {
		t.Error("no more scores where something is computed")
	}
	checkPlaces(t, dialect.Turbopuffer{}, []placeCase{{op: op, vectors: "rows[*].vector results[*].rows[*].vector", scores: "rows[*].$dist results[*].rows[*].$dist", carries: query}})
}
