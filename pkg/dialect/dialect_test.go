package dialect_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
)

type headCase struct {
	method, path string
	want         authz.Operation
	needsBody    bool
}

func checkHeads(t *testing.T, d dialect.Dialect, tests []headCase) {
	t.Helper()
	for _, tc := range tests {
		if diff := cmp.Diff(tc.want, d.Head(tc.method, tc.path, "", authz.Header{})); diff != "" {
			t.Errorf("%s %s %s (-want +got):\n%s", d.Name(), tc.method, tc.path, diff)
		}
		if got := d.NeedsBody(tc.method, tc.path); got != tc.needsBody {
			t.Errorf("%s %s %s: needs body %v, want %v", d.Name(), tc.method, tc.path, got, tc.needsBody)
		}
	}
}

type bodyCase struct {
	body string
	want authz.Operation // Bytes is filled in
	bad  bool
}

func checkBodies(t *testing.T, d dialect.Dialect, method, path string, tests map[string]bodyCase) {
	t.Helper()
	for name, tc := range tests {
		got, err := d.Body(d.Head(method, path, "", nil), []byte(tc.body))
		if tc.bad {
			if err == nil || authz.AsError(err).Kind != authz.KindBadRequest || got.Complete {
				t.Errorf("%s: %+v, %v; want a bad request", name, got, err)
			}
			continue
		}
		tc.want.Bytes, tc.want.Complete = int64(len(tc.body)), true
		if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

func TestOpenAI(t *testing.T) {
	checkHeads(t, dialect.OpenAI{}, []headCase{
		{"POST", "/v1/embeddings", authz.Operation{Class: authz.ClassEmbed}, true},
		{"POST", "/proxy/v1/embeddings", authz.Operation{Class: authz.ClassEmbed}, true},
		{"POST", "/openai/deployments/ada/embeddings", authz.Operation{Class: authz.ClassEmbed, Model: "ada"}, true},
		{"GET", "/v1/models", authz.Operation{Class: authz.ClassList, Complete: true}, false},
		{"GET", "/v1/embeddings", authz.Operation{Class: authz.ClassUnknown, Complete: true}, false},
		{"POST", "/v1/chat/completions", authz.Operation{Class: authz.ClassUnknown, Complete: true}, false},
		{"POST", "/v1/embeddings/batch", authz.Operation{Class: authz.ClassUnknown, Complete: true}, false},
	})
	op := func(n, dims int64) authz.Operation {
		return authz.Operation{Class: authz.ClassEmbed, Model: "m", Vectors: n, Documents: n, Dims: dims}
	}
	checkBodies(t, dialect.OpenAI{}, "POST", "/v1/embeddings", map[string]bodyCase{
		"openai-python": {body: `{"input": ["a", "b"], "model": "m", "encoding_format": "base64"}`, want: op(2, 0)},
		"one string":    {body: `{"input":"a","model":"m"}`, want: op(1, 0)},
		"tokens":        {body: `{"input":[1,2,3],"model":"m"}`, want: op(1, 0)},
		"token lists":   {body: `{"input":[[1,2],[3]],"model":"m","dimensions":256}`, want: op(2, 256)},
		"empty list":    {body: `{"input":[],"model":"m"}`, want: op(0, 0)},
		"spaces":        {body: " {\n \"model\" : \"m\" ,\t\"input\" : [ \"a\" , \"b\" ] } ", want: op(2, 0)},
		"nested user":   {body: `{"input":"a","model":"m","user":{"x":[1,{"input":["y","z"]}]}}`, want: op(1, 0)},
		"escaped key":   {body: `{"\u0069nput":["a","b"],"model":"m"}`, want: op(2, 0)},
		"no input":      {body: `{"model":"m"}`, bad: true},
		"input twice":   {body: `{"input":["a"],"input":["a","b"]}`, bad: true},
		"twice escaped": {body: `{"input":["a"],"\u0069nput":["a","b"]}`, bad: true},
		"object":        {body: `{"input":{"a":1}}`, bad: true},
		"array":         {body: `[]`, bad: true},
		"not JSON":      {body: `input=a`, bad: true},
		"two documents": {body: `{"input":"a"} {"input":"b"}`, bad: true},
		"truncated":     {body: `{"input":["a"`, bad: true},
		"empty":         {body: ``, bad: true},
		"bad dims":      {body: `{"input":"a","dimensions":1.5}`, bad: true},
		"deep":          {body: `{"input":"a","x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, bad: true},
	})
}

func TestTEI(t *testing.T) {
	checkHeads(t, dialect.TEI{}, []headCase{
		{"POST", "/embed", authz.Operation{Class: authz.ClassEmbed, Object: "/embed"}, true},
		{"POST", "/v1/embeddings", authz.Operation{Class: authz.ClassEmbed}, true},
		{"POST", "/embed_all", authz.Operation{Class: authz.ClassUnknown, Complete: true}, false},
		{"GET", "/info", authz.Operation{Class: authz.ClassList, Complete: true}, false},
	})
	checkBodies(t, dialect.TEI{}, "POST", "/embed", map[string]bodyCase{
		"one":     {body: `{"inputs":"a"}`, want: authz.Operation{Class: authz.ClassEmbed, Object: "/embed", Vectors: 1, Documents: 1}},
		"several": {body: `{"inputs":["a","b","c"],"truncate":true}`, want: authz.Operation{Class: authz.ClassEmbed, Object: "/embed", Vectors: 3, Documents: 3}},
		"missing": {body: `{}`, bad: true},
	})
	if a := (dialect.TEI{}).Answer(authz.Operation{Class: authz.ClassEmbed, Object: "/embed"}, authz.Response{Status: 422}); !a.Judge || len(a.Fields) != 0 {
		t.Errorf("an error of /embed: %+v; want judged without fields", a)
	}
}

func TestChroma(t *testing.T) {
	base := "/api/v2/tenants/t/databases/d/collections"
	col := func(c authz.Class, complete bool) authz.Operation {
		return authz.Operation{Class: c, Collection: "c1", Complete: complete}
	}
	checkHeads(t, dialect.Chroma{}, []headCase{
		{"POST", base + "/c1/get", col(authz.ClassRead, false), true},
		{"POST", base + "/c1/query", col(authz.ClassSearch, false), true},
		{"POST", base + "/c1/upsert", col(authz.ClassWrite, true), false},
		{"GET", base + "/c1/count", col(authz.ClassList, true), false},
		{"GET", base, authz.Operation{Class: authz.ClassList, Complete: true}, false},
		{"DELETE", base + "/c1", col(authz.ClassAdmin, true), false},
		{"POST", base + "/c1/search", col(authz.ClassUnknown, true), false},
		{"GET", "/api/v2/heartbeat", authz.Operation{Class: authz.ClassList, Complete: true}, false},
		{"POST", "/api/v2/reset", authz.Operation{Class: authz.ClassAdmin, Complete: true}, false},
		{"POST", "/api/v1/collections", authz.Operation{Class: authz.ClassUnknown, Complete: true}, false},
	})
	get := func(c authz.Class, docs, vectors int64) authz.Operation {
		return authz.Operation{Class: c, Collection: "c1", Documents: docs, Vectors: vectors}
	}
	checkBodies(t, dialect.Chroma{}, "POST", base+"/c1/get", map[string]bodyCase{
		"everything":         {body: `{"include":["embeddings","documents"]}`, want: get(authz.ClassExport, authz.Unbounded, authz.Unbounded)},
		"null ids":           {body: `{"ids":null,"limit":null,"include":["embeddings"]}`, want: get(authz.ClassExport, authz.Unbounded, authz.Unbounded)},
		"ids":                {body: `{"ids":["a","b"],"include":["embeddings"]}`, want: get(authz.ClassRead, 2, 2)},
		"limit":              {body: `{"limit":10,"offset":5,"include":["metadatas","documents"]}`, want: get(authz.ClassRead, 10, 0)},
		"ids and limit":      {body: `{"ids":["a","b"],"limit":1,"include":["embeddings"]}`, want: get(authz.ClassRead, 1, 1)},
		"escaped include":    {body: `{"limit":1,"include":["\u0065mbeddings"]}`, want: get(authz.ClassRead, 1, 1)},
		"no include":         {body: `{"limit":1}`, want: get(authz.ClassRead, 1, 0)},
		"negative limit":     {body: `{"limit":-1}`, bad: true},
		"include of numbers": {body: `{"include":[1]}`, bad: true},
	})
	checkBodies(t, dialect.Chroma{}, "POST", base+"/c1/query", map[string]bodyCase{
		"default": {body: `{"query_embeddings":[[0.1,0.2]],"include":["embeddings"]}`, want: get(authz.ClassSearch, 10, 10)},
		"batch":   {body: `{"query_embeddings":[[0.1],[0.2]],"n_results":100,"include":["embeddings","distances"]}`, want: get(authz.ClassSearch, 200, 200)},
		"huge":    {body: `{"query_embeddings":[[0.1],[0.2]],"n_results":9000000000000000000,"include":[]}`, want: get(authz.ClassSearch, authz.Unbounded, 0)},
	})
}

func TestFiles(t *testing.T) {
	for path, want := range map[string]string{
		"/models/a.safetensors": "checkpoint", "/A.GGUF": "checkpoint", "/m.safetensors.gz": "checkpoint", "/m.gguf.part1": "checkpoint", "/m.ckpt.001": "checkpoint",
		"/pytorch_model.bin": "checkpoint", "/README.md": "", "/config.json": "", "/": "", "/noext": "", "/v1.0": "",
	} {
		op := dialect.Files{}.Head("GET", path, "", authz.Header{"range": {"bytes=0-9"}})
		want := authz.Operation{Class: authz.ClassRead, Complete: true, Object: path, Range: "bytes=0-9", Documents: 1, Artifact: want}
		if diff := cmp.Diff(want, op); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
	if op := (dialect.Files{}).Head("BREW", "/x", "", nil); op.Class != authz.ClassUnknown {
		t.Errorf("an unknown method is %s", op.Class)
	}
}

func TestNames(t *testing.T) {
	for _, n := range dialect.Names() {
		if d, ok := dialect.ByName(n); !ok || d.Name() != n {
			t.Errorf("ByName(%q) = %v, %v", n, d, ok)
		}
	}
	if _, ok := dialect.ByName("opnai"); ok {
		t.Error("an unknown name was found")
	}
}

// FuzzBody: what is accepted is JSON that encoding/json accepts too, and the count of inputs is the one it finds.
func FuzzBody(f *testing.F) {
	f.Add([]byte(`{"input":["a",[1]],"model":"m"}`))
	f.Add([]byte(`{"include":["embeddings"],"limit":3,"ids":["x"]}`))
	f.Add([]byte(`{"inputs":"a","x":[1,2,-3e5,null,true]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, d := range []dialect.Dialect{dialect.OpenAI{}, dialect.TEI{}, dialect.Chroma{}} {
			op, err := d.Body(authz.Operation{Class: authz.ClassEmbed}, body)
			if err != nil {
				continue
			}
			if !json.Valid(body) || !op.Complete {
				t.Fatalf("%s accepted %q as %+v", d.Name(), body, op)
			}
			var doc struct{ Input []json.RawMessage }
			if d.Name() == "openai" && json.Unmarshal(body, &doc) == nil && int64(len(doc.Input)) < op.Vectors && op.Vectors > 1 {
				t.Fatalf("%d inputs, operation %+v", len(doc.Input), op)
			}
		}
	})
}
