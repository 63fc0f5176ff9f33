package dialect_test

import (
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
	all := append(routes(), []route{
		{d: dialect.Chroma{}, method: "GET", path: "/api/v2/tenants/t/databases/d/collections/c1"},
		{d: dialect.OpenAI{}, method: "GET", path: "/v1/models"},
		{d: dialect.OpenAI{}, method: "GET", path: "/v1/files/f/content"},
		{d: dialect.Mistral{}, method: "POST", path: "/v1/batch/jobs"},
		{d: dialect.Cohere{}, method: "GET", path: "/v1/datasets/d"},
		{d: dialect.Gemini{}, method: "GET", path: "/v1beta/batches/b"},
		{d: dialect.Voyage{}, method: "POST", path: "/v1/rerank"},
		{d: dialect.KServe{}, method: "GET", path: "/v2/models/m"},
		{d: dialect.TEI{}, method: "GET", path: "/info"},
		{d: dialect.Files{}, method: "GET", path: "/models/a.json"},
	}...)
	for _, tc := range all {
		for _, header := range []string{"x-http-method-override", "x-http-method", "x-method-override"} {
			op := tc.head(header)
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

// TestHeadAllocates: what every request goes through costs next to nothing.
func TestHeadAllocates(t *testing.T) {
	h := authz.Header{"content-type": {"application/grpc"}}
	for _, r := range routes() {
		if n := testing.AllocsPerRun(10, func() { r.d.NeedsBody(r.method, r.path); r.d.Head(r.method, r.path, "", h) }); n > 2 {
			t.Errorf("%s %s: %v allocations", r.d.Name(), r.path, n)
		}
	}
}

func BenchmarkBody(b *testing.B) {
	text := strings.Repeat("lorem ipsum ", 100)
	texts := `{"input": ["` + strings.Repeat(text+`","`, 63) + text + `"], "model": "m", "encoding_format": "base64"}`
	tokens := `{"input":[[` + strings.Repeat(strings.Repeat("1234,", 500)+"1],[", 63) + `1]],"model":"m"}`
	query := `{"query_embeddings":[[` + strings.Repeat("0.123456789,", 1535) + `1]],"n_results":10,"include":["embeddings"]}`
	many := `{"texts":["` + strings.Repeat(text+`","`, 999) + text + `"],"model":"m","embedding_types":["float","int8"]}` // 1.2 MB
	tensor := `{"inputs":[{"shape":[64,4096],"parameters":{"binary_data_size":1048576}}],"outputs":[{"name":"e"}]}` + strings.Repeat("\x00", 1<<20)
	for _, tt := range []struct {
		name string
		d    dialect.Dialect
		op   authz.Operation
		body string
	}{
		{"copy/texts=1000", nil, authz.Operation{}, many},
		{"dialect=openai/texts=1", dialect.OpenAI{}, authz.Operation{Class: authz.ClassEmbed}, `{"input":"a river","model":"m","encoding_format":"base64"}`},
		{"dialect=openai/texts=1000", dialect.OpenAI{}, authz.Operation{Class: authz.ClassEmbed}, `{"input":["` + strings.Repeat(text+`","`, 999) + text + `"],"model":"m"}`},
		{"dialect=openai/texts=64", dialect.OpenAI{}, authz.Operation{Class: authz.ClassEmbed}, texts},
		{"dialect=openai/tokens=32001/inputs=1", dialect.OpenAI{}, authz.Operation{Class: authz.ClassEmbed}, `{"input":[` + strings.Repeat("1234,", 32_000) + `1],"model":"m"}`},
		{"dialect=openai/tokens=32000", dialect.OpenAI{}, authz.Operation{Class: authz.ClassEmbed}, tokens},
		{"dialect=cohere/texts=1000", dialect.Cohere{}, authz.Operation{Class: authz.ClassEmbed}, many},
		{"dialect=kserve/encoding=binary", dialect.KServe{}, authz.Operation{Class: authz.ClassEmbed, Object: "/v2/models/m/infer"}, tensor},
		{"dialect=chroma/operation=query", dialect.Chroma{}, authz.Operation{Class: authz.ClassSearch}, query},
	} {
		b.Run(tt.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(tt.body)))
			body, to := []byte(tt.body), make([]byte, len(tt.body))
			for b.Loop() {
				if tt.d == nil {
					copy(to, body)
					continue
				}
				if _, err := tt.d.Body(tt.op, body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
