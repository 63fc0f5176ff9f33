package dialect_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
	"github.com/weirgate/weir/pkg/scan"
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
	bad  string          // what the refusal says
}

func checkBodies(t *testing.T, d dialect.Dialect, method, path string, tests map[string]bodyCase) {
	t.Helper()
	for name, tc := range tests {
		head := d.Head(method, path, "", nil)
		got, err := d.Body(head, []byte(tc.body))
		if tc.bad != "" {
			if err == nil || authz.AsError(err).Kind != authz.KindBadRequest || !strings.Contains(authz.AsError(err).Public, tc.bad) {
				t.Errorf("%s: %+v, %v; want a bad request: %s", name, got, err, tc.bad)
			}
			if diff := cmp.Diff(head, got); diff != "" {
				t.Errorf("%s: a refused body changed the operation:\n%s", name, diff)
			}
			continue
		}
		tc.want.Bytes, tc.want.Complete = int64(len(tc.body)), true
		if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

// unknown is what every dialect that reads answers makes of a request it does not know.
func unknown() authz.Operation {
	return authz.Operation{Class: authz.ClassUnknown, Complete: true, Vectors: authz.Unbounded, Documents: authz.Unbounded}
}

func list() authz.Operation { return authz.Operation{Class: authz.ClassList, Complete: true} }

// unread is an operation whose body was not read yet.
func unread(op authz.Operation) authz.Operation {
	op.Vectors, op.Documents = authz.Unbounded, authz.Unbounded
	return op
}

// TestMethodOverride: a header that has the upstream take the request for one of another method makes it a request that nobody knows.
func TestMethodOverride(t *testing.T) {
	const collection = "/api/v2/tenants/t/databases/d/collections/c1"
	for _, tc := range []struct {
		d            dialect.Dialect
		method, path string
	}{
		{dialect.Chroma{}, "GET", collection},
		{dialect.Chroma{}, "POST", collection + "/get"},
		{dialect.OpenAI{}, "GET", "/v1/models"},
		{dialect.OpenAI{}, "POST", "/v1/embeddings"},
		{dialect.TEI{}, "POST", "/embed"},
		{dialect.TEI{}, "GET", "/info"},
		{dialect.Files{}, "GET", "/models/a.json"},
	} {
		for _, header := range []string{"x-http-method-override", "x-http-method", "x-method-override"} {
			op := tc.d.Head(tc.method, tc.path, "", authz.Header{header: {"DELETE"}})
			if op.Class != authz.ClassUnknown || !op.Complete {
				t.Errorf("%s %s %s with %s: %+v; want an unknown operation", tc.d.Name(), tc.method, tc.path, header, op)
			}
		}
	}
}

func TestNames(t *testing.T) {
	names := dialect.Names()
	if !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) || !slices.Contains(names, "http") {
		t.Errorf("names: %q", names)
	}
	for _, n := range dialect.Names() {
		if d, ok := dialect.ByName(n); !ok || d.Name() != n {
			t.Errorf("ByName(%q) = %v, %v", n, d, ok)
		}
	}
	if _, ok := dialect.ByName("opnai"); ok {
		t.Error("an unknown name was found")
	}
}

// TestAnswers: where vectors are, and that nothing a vector store or an embedding server answers goes unread, errors included.
func TestAnswers(t *testing.T) {
	embed := authz.Operation{Class: authz.ClassEmbed}
	for _, tt := range []struct {
		dialect string
		op      authz.Operation
		want    string // paths; "-" for none, "" for an answer that is not judged
	}{
		{"openai", embed, "data[*].embedding"},
		{"openai", list(), "-"},
		{"openai", unknown(), "data[*].embedding"},
		{"tei", authz.Operation{Class: authz.ClassEmbed, Object: "/embed"}, "[*]"},
		{"tei", embed, "data[*].embedding"},
		{"tei", list(), "-"},
		{"tei", unknown(), "-"},
		{"chroma", authz.Operation{Class: authz.ClassRead}, "embeddings[*]"},
		{"chroma", authz.Operation{Class: authz.ClassExport}, "embeddings[*]"},
		{"chroma", authz.Operation{Class: authz.ClassSearch}, "embeddings[*][*]"},
		{"chroma", authz.Operation{Class: authz.ClassWrite}, "-"},
		{"chroma", list(), "-"},
		{"chroma", unknown(), "-"},
		{"files", authz.Operation{Class: authz.ClassRead}, ""},
		{"http", authz.Operation{Class: authz.ClassRead}, ""},
	} {
		d, _ := dialect.ByName(tt.dialect)
		for _, status := range []int{0, 200, 400, 500} {
			a := d.Answer(tt.op, authz.Response{Status: status})
			got := "-"
			for _, f := range a.Fields {
				if f.Role == scan.RoleScore {
					continue
				}
				if got = f.Path; f.Role != scan.RoleVector || f.Encoding != scan.EncodingAuto {
					t.Errorf("%s %s: %+v", tt.dialect, tt.op.Class, f)
				}
			}
			if !a.Judge {
				got = ""
			} else if a.Format != scan.FormatJSON || len(a.ContentTypes) != 1 || a.ContentTypes[0] != "application/json" {
				t.Errorf("%s %s: %+v", tt.dialect, tt.op.Class, a)
			}
			if tt.want == "[*]" && status >= 400 {
				got = "[*]" // an error of /embed is an object; judged, without fields
			}
			if got != tt.want {
				t.Errorf("%s %s, status %d: vectors at %q, want %q", tt.dialect, tt.op.Class, status, got, tt.want)
			}
		}
		if _, err := scan.CompilePaths(d.Answer(tt.op, authz.Response{}).Fields); err != nil {
			t.Error(err)
		}
	}
}

func TestForTarget(t *testing.T) {
	for _, tt := range []struct {
		target authz.Target
		name   string
		judge  bool
	}{
		{authz.Target{Dialect: "openai", Kind: authz.KindInference}, "openai", true},
		{authz.Target{Dialect: "http", Kind: authz.KindVectorDB}, "http", true},
		{authz.Target{Kind: authz.KindInference}, "http", true},
		{authz.Target{Dialect: "vespa", Kind: authz.KindCorpus}, "http", true},
		{authz.Target{Dialect: "http", Kind: authz.KindCorpus}, "http", false},
		{authz.Target{Name: "unmatched"}, "http", false},
		{authz.Target{Dialect: "files", Kind: authz.KindWeights}, "files", false},
	} {
		d := dialect.ForTarget(tt.target)
		op := d.Head("GET", "/x", "", nil)
		if got := d.Answer(op, authz.Response{}).Judge; d.Name() != tt.name || got != tt.judge {
			t.Errorf("%+v: %s, judge %v", tt.target, d.Name(), got)
		}
		if tt.judge && op.Vectors != authz.Unbounded {
			t.Errorf("%+v: %+v", tt.target, op)
		}
	}
}

// FuzzBody: what is accepted is JSON that encoding/json accepts too, and no reader finds more in it than the operation says.
func FuzzBody(f *testing.F) {
	f.Add([]byte(`{"input":["a",[1]],"model":"m"}`))
	f.Add([]byte(`{"include":["embeddings"],"limit":3,"ids":["x"],"query_embeddings":[[1]],"n_results":2}`))
	f.Add([]byte(`{"inputs":"a","x":[1,2,-3e5,null,true],"Input":["b"]}`))
	f.Add([]byte(`{"input":[1,2],"\u0049nput":["a","b"]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, d := range []dialect.Dialect{dialect.OpenAI{}, dialect.TEI{}, dialect.Chroma{}} {
			for _, head := range []authz.Operation{{Class: authz.ClassEmbed}, {Class: authz.ClassEmbed, Object: "/embed"}, {Class: authz.ClassRead}, {Class: authz.ClassSearch}} {
				op, err := d.Body(head, body)
				if err != nil {
					continue
				}
				if !json.Valid(body) || !op.Complete {
					t.Fatalf("%s accepted %q as %+v", d.Name(), body, op)
				}
				compare(t, d.Name(), body, op)
			}
		}
	})
}

// compare reads the body as a Go upstream would: keys in any case, the last one wins.
func compare(t *testing.T, name string, body []byte, op authz.Operation) {
	var doc struct {
		Input, Inputs, IDs any
		QueryEmbeddings    []any  `json:"query_embeddings"`
		NResults           *int64 `json:"n_results"`
		Limit              *int64
		Include            []string
	}
	if json.Unmarshal(body, &doc) != nil {
		return
	}
	switch {
	case name == "openai":
		want := textsIn(doc.Input)
		if op.Vectors != want || op.Documents != want {
			t.Fatalf("%s: %q holds %d texts, the operation is %+v", name, body, want, op)
		}
	case name == "tei" && op.Object == "/embed":
		if want := textsIn(doc.Inputs); op.Vectors != want {
			t.Fatalf("%s: %q holds %d texts, the operation is %+v", name, body, want, op)
		}
	case name == "chroma":
		if slices.Contains(doc.Include, "embeddings") && op.Vectors != op.Documents {
			t.Fatalf("%q: %+v", body, op)
		}
		if op.Class == authz.ClassExport && doc.Limit != nil && *doc.Limit > 0 {
			t.Fatalf("%q has a limit: %+v", body, op)
		}
	}
}

func textsIn(v any) int64 {
	a, ok := v.([]any)
	if !ok {
		return 1
	}
	for _, e := range a {
		if _, ok := e.(float64); ok {
			return 1
		}
	}
	return int64(len(a))
}

func BenchmarkBody(b *testing.B) {
	text := strings.Repeat("lorem ipsum ", 100)
	texts := `{"input": ["` + strings.Repeat(text+`","`, 63) + text + `"], "model": "m", "encoding_format": "base64"}`
	tokens := `{"input":[[` + strings.Repeat(strings.Repeat("1234,", 500)+"1],[", 63) + `1]],"model":"m"}`
	query := `{"query_embeddings":[[` + strings.Repeat("0.123456789,", 1535) + `1]],"n_results":10,"include":["embeddings"]}`
	for _, tt := range []struct {
		name string
		d    dialect.Dialect
		op   authz.Operation
		body string
	}{
		{"openai/small", dialect.OpenAI{}, authz.Operation{Class: authz.ClassEmbed}, `{"input":"a river","model":"m","encoding_format":"base64"}`},
		{"openai/texts=64", dialect.OpenAI{}, authz.Operation{Class: authz.ClassEmbed}, texts},
		{"openai/tokens=32k", dialect.OpenAI{}, authz.Operation{Class: authz.ClassEmbed}, tokens},
		{"chroma/query", dialect.Chroma{}, authz.Operation{Class: authz.ClassSearch}, query},
	} {
		b.Run(tt.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(tt.body)))
			body := []byte(tt.body)
			for b.Loop() {
				if _, err := tt.d.Body(tt.op, body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
