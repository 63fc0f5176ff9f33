package dialect_test

import (
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
	"github.com/weirgate/weir/pkg/scan"
)

func TestLanceDBHeads(t *testing.T) {
	head := func(method, path string, c authz.Class, table string, docs int64) headCase {
		return headCase{method, path, done(at(path, c, table), docs, 0), false}
	}
	const list, write, admin = authz.ClassList, authz.ClassWrite, authz.ClassAdmin
	checkHeads(t, dialect.LanceDB{}, []headCase{
		{"POST", "/v1/table/docs/query", unread(at("/v1/table/docs/query", authz.ClassSearch, "docs")), true},
		{"POST", "/v1/table/docs/query/", unread(at("/v1/table/docs/query/", authz.ClassSearch, "docs")), true},
		head("GET", "/v1/table", list, "", 0),
		head("GET", "/v1/table/", list, "", 0),
		head("GET", "/v1/namespace/$/table/list", list, "", 0),
		head("POST", "/v1/table/docs/describe", list, "docs", 0),
		head("POST", "/v1/table/docs/count_rows", list, "docs", 0),
		head("POST", "/v1/table/docs/index/list", list, "docs", 0),
		head("POST", "/v1/table/docs/index/i/stats", list, "docs", 0),
		head("POST", "/v1/table/docs/insert", write, "docs", all),
		head("POST", "/v1/table/docs/merge_insert", write, "docs", all),
		head("POST", "/v1/table/docs/create", admin, "docs", 0),
		head("POST", "/v1/table/docs/index/i/drop", admin, "docs", 0),
		head("POST", "/v1/table/docs/restore", admin, "docs", 0),
		head("POST", "/v1/namespace/n/drop", admin, "", 0),
		{"GET", "/v1/table/docs/query", unknown(), false},
		{"POST", "/v1/table/docs/tomorrow", unknown(), false},
		{"POST", "/v1/table//query", unknown(), false},
		{"POST", "/v1/table/batch-commit", unknown(), false},
		{"POST", "/v2/table/docs/query", unknown(), false},
	})
}

// TestLanceDBBodies reads what lance-namespace-urllib3-client 0.13.0 sends, and "lancedb" what LanceDB's own clients do.
func TestLanceDBBodies(t *testing.T) {
	const path = "/v1/table/docs/query"
	op := func(c authz.Class, docs, vectors int64, column string) authz.Operation {
		o := done(at(path, c, "docs"), docs, vectors)
		o.Vector = column
		return o
	}
	const search, read, export = authz.ClassSearch, authz.ClassRead, authz.ClassExport
	checkBodies(t, dialect.LanceDB{}, "POST", path, map[string]bodyCase{
		"client":           {body: `{"k": 5, "vector": {"single_vector": [0.1, 0.2]}}`, want: op(search, 5, 5, "vector")},
		"client, columns":  {body: `{"columns": {"column_names": ["title", "vector"]}, "k": 5, "vector": {"single_vector": [0.1, 0.2]}, "vector_column": "vector"}`, want: op(search, 5, 5, "vector")},
		"client, aliases":  {body: `{"columns": {"column_aliases": {"a": "vector"}}, "k": 5, "vector": {"multi_vector": [[0.1, 0.2], [0.3, 0.4]]}}`, bad: "another name"},
		"client, two":      {body: `{"columns": {"column_aliases": {"a": "title"}}, "k": 5, "vector": {"multi_vector": [[0.1, 0.2], [0.3, 0.4]]}}`, want: op(search, 10, 0, "vector")},
		"lancedb":          {body: `{"k":10,"vector":[0.1,0.2],"columns":["title"],"filter":null,"nprobes":20,"prefilter":true,"version":null}`, want: op(search, 10, 0, "vector")},
		"lancedb, two":     {body: `{"k":10,"vector":[[0.1,0.2],[0.3,0.4]]}`, want: op(search, 20, 20, "vector")},
		"lancedb, dynamic": {body: `{"k":10,"vector":[],"columns":{"t":"title"}}`, want: op(read, 10, 0, "")},
		"lancedb, renamed": {body: `{"k":10,"vector":[],"columns":{"t":"vector[0]"}}`, bad: "another name"},
		"lancedb, by case": {body: `{"k":10,"vector":[],"columns":{"t":"VECTOR[0]"}}`, bad: "another name"},
		"lancedb, all":     {body: `{"k":18446744073709551615,"vector":[]}`, want: op(export, all, all, "")},
		"a filter":         {body: `{"k":5,"vector":null,"filter":"a > 1"}`, want: op(read, 5, 5, "")},
		"k is 0":           {body: `{"k":0,"vector":[0.1]}`, want: op(export, all, all, "vector")},
		"k a fraction":     {body: `{"k":1000000000000000000.5,"vector":[0.1]}`, bad: "k is no whole number"},
		"no k":             {body: `{"vector":[0.1]}`, bad: "k is missing"},
	})
	checkBodies(t, dialect.LanceDB{Vectors: []string{"image", "text"}}, "POST", path, map[string]bodyCase{
		"all columns": {body: `{"k":5,"vector":[0.1],"vector_column":"image"}`, want: op(search, 5, 10, "image")},
		"one":         {body: `{"k":5,"vector":[0.1],"columns":["image","vector"]}`, want: op(search, 5, 5, "")},
	})
}

func TestLanceDBPlaces(t *testing.T) {
	op := at("/v1/table/docs/query", authz.ClassSearch, "docs")
	op.Vector = "vector"
	d := dialect.LanceDB{}
	checkPlaces(t, d, []placeCase{
		{op: op, status: 400, carries: "vector"},
		{op: at("/v1/table/docs/update", authz.ClassWrite, "docs")},
		{op: at("/v1/table/docs/describe", authz.ClassList, "docs")},
	})
	for verb, want := range map[string]string{"insert": "vector", "merge_insert": "vector", "create": "vector", "update": "", "drop": "", "index/create/stats": ""} {
		format, fields := d.Carries(at("/v1/table/docs/"+verb, authz.ClassWrite, "docs"))
		if got, _ := split(t, format, fields); got != want || want != "" && format != scan.FormatArrow {
			t.Errorf("%s carries %q as %s", verb, got, format)
		}
	}
	a := d.Answer(op, authz.Response{Status: 200})
	vectors, scores := split(t, a.Format, a.Fields)
	if !a.Judge || a.Format != scan.FormatArrow || len(a.ContentTypes) != 2 || vectors != "vector" || scores != "_distance _score _relevance_score" {
		t.Errorf("%+v", a)
	}
}
