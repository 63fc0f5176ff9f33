package vector_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
	"github.com/weirgate/weir/pkg/vector"
)

func TestNDJSON(t *testing.T) {
	tests := map[string]struct {
		doc, want string
		read      vector.Reading
	}{
		"lines": {
			"{\"v\":[1,2]}\n{\"v\":[3]}\r\n\n \t\n{\"v\":\"" + b64(1) + "\"}", "{\"v\":[]}\n{\"v\":[]}\r\n\n \t\n{\"v\":\"\"}",
			vector.Reading{Vectors: 3, Dims: 4, BytesFloat: 8, BytesBase64: 8},
		},
		"keys are unique in a line": {"{\"v\":null}\n{\"v\":null}\n", "{\"v\":null}\n{\"v\":null}\n", vector.Reading{}},
		"scalars":                   {"1\n\"a\"\nnull\n-2.5e1\n", "1\n\"a\"\nnull\n-2.5e1\n", vector.Reading{}},
		"nothing":                   {"", "", vector.Reading{}},
		"blank":                     {" \n\r\n", " \n\r\n", vector.Reading{}},
		"undeclared": {
			"{\"x\":[" + long(31) + "]}\n[" + long(33) + "]\n", "{\"x\":[" + long(31) + "]}\n[0" + strings.Repeat(",0", 31) + ", 0]\n",
			vector.Reading{Vectors: 1, Dims: 33, Undeclared: 1},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			th := through{format: scan.FormatNDJSON, fields: at("v"), opts: vector.Options{Mask: authz.MaskRedact}}
			th.everyCut(t, tc.doc, tc.want, tc.read)
			if tc.read.Undeclared == 0 {
				th.opts.Mask = authz.MaskNone
				th.everyCut(t, tc.doc, tc.doc, tc.read)
			}
		})
	}
}

func TestEvents(t *testing.T) {
	tests := map[string]struct {
		doc, want string // want "" is doc itself
		read      vector.Reading
	}{
		"events": {
			"event: delta\nid: 1\ndata: {\"v\":[1,2]}\n\n: keep-alive\n\ndata:{\"v\":[3]}\nretry: 10\n\ndata: [DONE]\n\n",
			"event: delta\nid: 1\ndata: {\"v\":[]}\n\n: keep-alive\n\ndata:{\"v\":[]}\nretry: 10\n\ndata: [DONE]\n\n",
			vector.Reading{Vectors: 2, Dims: 3, BytesFloat: 8},
		},
		"CRLF and CR": {
			"data: {\"v\":[1]}\r\n\r\ndata: {\"v\":[2]}\r\rdata: [DONE]\r\n\r", "data: {\"v\":[]}\n\ndata: {\"v\":[]}\n\ndata: [DONE]\n\n",
			vector.Reading{Vectors: 2, Dims: 2, BytesFloat: 6},
		},
		"data of several lines": {
			"data: {\"x\":[1,\ndata: 2],\ndata:\"v\":[1,\ndata:2\ndata\ndata: ]\ndata:}\nid: 7\n\n", "data: {\"x\":[1,\ndata: 2],\ndata: \"v\":[]\ndata: }\nid: 7\n\n",
			vector.Reading{Vectors: 1, Dims: 2, BytesFloat: 8},
		},
		"held over lines": {
			"data: [" + strings.Repeat("1,\ndata:", 30) + "2]\n\n", "data: [" + strings.Repeat("1,\ndata: ", 30) + "2]\n\n", vector.Reading{},
		},
		"undeclared over lines": {
			"data: [" + strings.Repeat("1,\ndata:", 32) + "2]\n\n", "data: [0" + strings.Repeat(",0", 31) + ",\ndata: 0]\n\n", vector.Reading{Vectors: 1, Dims: 33, Undeclared: 1},
		},
		"no blank line at the end": {"data: {\"v\":[1]}\n", "data: {\"v\":[]}\n", vector.Reading{Vectors: 1, Dims: 1, BytesFloat: 3}},
		"no line end at the end":   {"data: {\"v\":[1]}", "data: {\"v\":[]}", vector.Reading{Vectors: 1, Dims: 1, BytesFloat: 3}},
		"no data":                  {"data\n\ndata:\n\ndata: \n\n\n\n", "data:\n\ndata:\n\ndata: \n\n\n\n", vector.Reading{}},
		"nothing":                  {"", "", vector.Reading{}},
		"scalars":                  {"data: 1\n\ndata: [1]\n\ndata: \"[DONE]\"\n\ndata: null", "", vector.Reading{}},
		"a vector in a comment": {
			": [" + long(40) + "]\ndata: 1\n\nid: " + b64(sample(64)...) + "\n\n", "data: 1\n\n\n", vector.Reading{Vectors: 2, Undeclared: 2},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			want := tc.want
			if want == "" {
				want = tc.doc
			}
			th := through{format: scan.FormatSSE, fields: at("v"), opts: vector.Options{Mask: authz.MaskRedact}}
			th.everyCut(t, tc.doc, want, tc.read)
			if tc.read.Undeclared == 0 {
				th.opts.Mask = authz.MaskNone
				th.everyCut(t, tc.doc, tc.doc, tc.read)
			}
		})
	}
}

// TestFramesAreStrict: what one reader of lines or events takes apart in another way than the next is refused.
func TestFramesAreStrict(t *testing.T) {
	bad := map[scan.Format][]string{
		scan.FormatNDJSON: {"{\n}", "[1,\n2]", "{}{}\n", "{} x\n", "{}\n{", "\"a\nb\"", "\ufeff{}\n", "{}\n\ufeff{}\n", "tru\ne\n", "1,\n2\n", "{\"v\":1}\n", "{}\x00\n", "{}\v\n", "{}\u2028{}"},
		scan.FormatSSE: {
			"data: {\n\n", "data: {\"v\":[1\n", "data: {}{}\n\n", "data: {}\ndata: {}\n\n", "\ufeffdata: {}\n\n", "{}\n\n", "Data: {}\n\n", " data: {}\n\n", "data : {}\n\n", "data: \ufeff{}\n\n", "other: 1\n\n",
			"data: [DONE\n\n", "data: [DONE]x\n\n", "data: [DONE] \n\n", "data: [DONE]\ndata: {}\n\n", "data: {}\ndata: [DONE]\n\n", "data: [\nid: 1\ndata: 1]\n\n", "data: \"a\ndata: b\"\n\n", "data: ping\n\n",
			": a\x00\n\n", ": a\x0bdata: [1]\n\n", ": \u2028data: {}\n\n", ": \u0085data: {}\n\n", "id: \xff\n\n", "event: " + strings.Repeat("a", 4100) + "\n\n", strings.Repeat("a", 5000), "data\x00: {}\n\n", "data: {}\x00\n\n",
			"data: tru\ndata: e\n\n", "data: {\"v\":1}\n\n", "data: [1,]\n\ndata: [1]\n\n",
		},
	}
	for format, docs := range bad {
		for _, doc := range docs {
			for _, mask := range []authz.MaskMode{authz.MaskNone, authz.MaskRedact} {
				th := through{format: format, fields: at("v"), opts: vector.Options{Mask: mask}}
				for _, cut := range []func(int) int{whole, bytewise} {
					if out, _, err := th.feed([]byte(doc), cut); !errors.Is(err, vector.ErrMalformed) {
						t.Errorf("%s, %s: %.60q: error %v after %q; want ErrMalformed", format, mask, doc, err, out)
					}
				}
			}
		}
	}
}

func TestScores(t *testing.T) {
	doc := `{"result":[{"id":1,"score":0.98765},{"score": -1.5e-3 ,"id":2},{"score":null}],"distances":[[0.25, 12],[7]],"max":0.5,"v":[0.5]}`
	fields := append(at("v"), scan.Field{Path: "result[*].score", Role: scan.RoleScore}, scan.Field{Path: "distances[*][*]", Role: scan.RoleScore}, scan.Field{Path: "max", Role: scan.RoleScore})
	for mask, want := range map[authz.ScoreMask]string{
		"":        doc,
		"drop":    `{"result":[{"id":1,"score":0},{"score": 0 ,"id":2},{"score":null}],"distances":[[0, 0],[0]],"max":0,"v":[0.5]}`,
		"rank":    `{"result":[{"id":1,"score":1},{"score": 2 ,"id":2},{"score":null}],"distances":[[1, 2],[1]],"max":1,"v":[0.5]}`,
		"round:2": `{"result":[{"id":1,"score":0.99},{"score": -0.00 ,"id":2},{"score":null}],"distances":[[0.25, 12.00],[7.00]],"max":0.50,"v":[0.5]}`,
		"round:0": `{"result":[{"id":1,"score":1},{"score": -0 ,"id":2},{"score":null}],"distances":[[0, 12],[7]],"max":0,"v":[0.5]}`,
	} {
		th := through{fields: fields, opts: vector.Options{Mask: authz.MaskNone, Scores: mask}}
		th.everyCut(t, doc, want, vector.Reading{Vectors: 1, Dims: 1, BytesFloat: 5})
		th.opts.Mask = authz.MaskRedact
		th.everyCut(t, doc, strings.Replace(want, `"v":[0.5]`, `"v":[]`, 1), vector.Reading{Vectors: 1, Dims: 1, BytesFloat: 5})
	}
	for _, bad := range []string{`"1"`, `[1]`, `{}`, `true`, `1e400`} {
		for _, cut := range []func(int) int{whole, bytewise} {
			out, _, err := through{fields: fields, opts: vector.Options{Mask: authz.MaskNone, Scores: "round:1"}}.feed([]byte(`{"max":`+bad+`}`), cut)
			if !errors.Is(err, vector.ErrMalformed) {
				t.Errorf("%s for a score: %v after %s", bad, err, out)
			}
		}
	}
	if _, err := vector.NewStream(scan.FormatJSON, nil, vector.Options{Scores: "round:9"}); err == nil {
		t.Error("round:9 is taken")
	}
	whole := through{fields: []scan.Field{{Role: scan.RoleScore}}, opts: vector.Options{Mask: authz.MaskNone, Scores: "drop"}}
	whole.everyCut(t, "0.5", "0", vector.Reading{})
}

// TestScoreWords: a score may stand in a string, and whatever tells of one in words is emptied with it.
func TestScoreWords(t *testing.T) {
	long := strings.Repeat("1", 70)
	doc := `{"hits":[{"s":"0.98765","w":"original score 0.98765"},{"s":-1.5e-3,"w":{"value":0.98765,"details":[{"value":0.5}]}},{"s":null,"w":[0.98765]},` +
		`{"s":"","w":true},{"s":"0.5\u0031","w":"` + long + `"},{"s":"0.98765x","w":"` + long + `0.5"}],"v":[0.5]}`
	fields := append(at("v"), scan.Field{Path: "hits[*].s", Encoding: scan.EncodingText, Role: scan.RoleScore}, scan.Field{Path: "hits[*].w", Encoding: scan.EncodingText, Role: scan.RoleScore})
	for mask, want := range map[authz.ScoreMask]string{
		"":        doc,
		"drop":    `{"hits":[{"s":"0","w":""},{"s":0,"w":{}},{"s":null,"w":[]},{"s":"","w":false},{"s":"","w":""},{"s":"","w":""}],"v":[0.5]}`,
		"round:2": `{"hits":[{"s":"0.99","w":""},{"s":-0.00,"w":{}},{"s":null,"w":[]},{"s":"","w":false},{"s":"","w":""},{"s":"","w":""}],"v":[0.5]}`,
	} {
		th := through{fields: fields, opts: vector.Options{Mask: authz.MaskNone, Scores: mask}}
		th.everyCut(t, doc, want, vector.Reading{Vectors: 1, Dims: 1, BytesFloat: 5})
		th.opts.Mask = authz.MaskRedact
		th.everyCut(t, doc, strings.Replace(want, `"v":[0.5]`, `"v":[]`, 1), vector.Reading{Vectors: 1, Dims: 1, BytesFloat: 5})
	}
	refuses(t, through{fields: fields, opts: vector.Options{Mask: authz.MaskNone, Scores: "round:1"}}, `{"hits":[{"s":"1e400"}]}`, vector.ErrMalformed)
}

func TestFields(t *testing.T) {
	doc := `{"a":{"b":"secret","c":[1,{"d":2}],"e":{"f":true}},"g":-1.5,"h":true,"i":null,"j":["x","y"],"v":[0.5],"k":{"v":[` + long(40) + `],"w":"` + b64(sample(64)...) + `"},"l":0.5}`
	th := through{fields: at("v", "k.v"), opts: vector.Options{Mask: authz.MaskRedact, Fields: []string{"a.*", "g", "h", "i", "j[*]", "v", "k"}}}
	want := `{"a":{"b":"","c":[],"e":{}},"g":0,"h":false,"i":null,"j":["",""],"v":[],"k":{},"l":0.5}`
	th.everyCut(t, doc, want, vector.Reading{Vectors: 2, Dims: 41, BytesFloat: int64(7 + len(long(40))), Emptied: 9})
	th.opts.Mask = authz.MaskNone
	th.everyCut(t, doc, want, vector.Reading{Vectors: 2, Dims: 41, BytesFloat: int64(7 + len(long(40))), Emptied: 9})
	th.opts.Mask, th.opts.Masker = "seal", backwards{}
	th.everyCut(t, doc, want, vector.Reading{Vectors: 2, Dims: 41, BytesFloat: int64(7 + len(long(40))), Emptied: 9})

	for path, want := range map[string]string{
		"":          `{}`,
		"**":        `{}`,
		"a.**":      `{"a":{},"g":"x"}`,
		"**.d":      `{"a":{"b":"secret","c":[1,{"d":0}]},"g":"x"}`,
		"a.c[*].**": `{"a":{"b":"secret","c":[0,{}]},"g":"x"}`,
		"a.payload": `{"a":{"b":"secret","c":[1,{"d":2}]},"g":"x"}`, // and says so: nothing was there
	} {
		emptied := map[string]int64{"": 1, "**": 1, "a.**": 1, "**.d": 1, "a.c[*].**": 2}[path]
		doc := `{"a":{"b":"secret","c":[1,{"d":2}]},"g":"x"}`
		through{opts: vector.Options{Mask: authz.MaskNone, Fields: []string{path}}}.everyCut(t, doc, want, vector.Reading{Emptied: emptied})
	}
	for whole, want := range map[string]string{"12": "0", `"a"`: `""`, "null": "null", "true ": "false "} {
		emptied := int64(1)
		if whole == "null" {
			emptied = 0
		}
		through{opts: vector.Options{Mask: authz.MaskZero, Fields: []string{""}}}.everyCut(t, whole, want, vector.Reading{Emptied: emptied})
	}
	for _, bad := range []string{`{"a":{"b":"x"}{}`, `{"a":{"b":"x","B":"y"}}`, `{"a":["b" 1]}`, `{"a":"` + "\xff" + `"}`} {
		if out, _, err := (through{opts: vector.Options{Mask: authz.MaskNone, Fields: []string{"a.b"}}}).feed([]byte(bad), whole); !errors.Is(err, vector.ErrMalformed) {
			t.Errorf("%s: %v after %s", bad, err, out)
		}
	}
	if _, err := vector.NewStream(scan.FormatJSON, nil, vector.Options{Fields: []string{"a..b"}}); err == nil {
		t.Error("a path that is none is taken")
	}
}

// TestSparseInEmptiedFields: what is emptied comes back to itself afterwards, whatever it held.
func TestSparseInEmptiedFields(t *testing.T) {
	doc := `{"a":{"s":{"indices":[1],"values":[2]}},"s":{"indices":[3],"values":[4]},"n":{"x":{"indices":[1],"values":[2]}},"z":[1]}`
	fields := []scan.Field{{Path: "**.s", Encoding: scan.EncodingSparse}, {Path: "n", Encoding: scan.EncodingNested}}
	th := through{fields: fields, opts: vector.Options{Mask: authz.MaskZero, Fields: []string{"a", "n"}}}
	th.everyCut(t, doc, `{"a":{},"s":{"indices":[0],"values":[0]},"n":{},"z":[1]}`, vector.Reading{Vectors: 3, Dims: 3, BytesSparse: 3 * 28, Emptied: 2})
}

func TestStrictDetection(t *testing.T) {
	for _, doc := range []string{`{"x":[` + long(32) + `]}`, `{"x":"` + b64(sample(64)...) + `"}`, `{"x":"[` + long(40) + `]"}`} {
		for _, cut := range []func(int) int{whole, bytewise} {
			out, _, err := through{fields: at("v"), opts: vector.Options{Mask: authz.MaskZero, Strict: true}}.feed([]byte(doc), cut)
			if !errors.Is(err, vector.ErrUndeclared) || strings.Contains(out, "0.1") || errors.Is(err, vector.ErrMalformed) {
				t.Errorf("%v after %s", err, out)
			}
		}
	}
	declared := `{"v":[` + long(32) + `]}`
	if _, _, err := (through{fields: at("v"), opts: vector.Options{Mask: authz.MaskZero, Strict: true}}).feed([]byte(declared), whole); err != nil {
		t.Error(err)
	}
}

// TestGrantInEveryEncoding: nothing of the vector beyond the grant leaves, and the stream goes on when more is granted.
func TestGrantInEveryEncoding(t *testing.T) {
	tests := map[string]struct {
		doc   string
		form  scan.Encoding
		total int64
	}{
		"floats":   {`[[1.25],[1.25],[1.25]]`, scan.EncodingFloats, 3},
		"base64":   {`["` + b64(1.25) + `","` + b64(1.25) + `"]`, scan.EncodingBase64, 2},
		"nested":   {`[[[1.25],[1.25]],{"a":[1.25],"b":{"indices":[1],"values":[1.25]}},[{"index":1,"value":1.25}]]`, scan.EncodingNested, 5},
		"sparse":   {`[{"indices":[1],"values":[1.25]},[{"index":1,"value":1.25}],{"3":1.25}]`, scan.EncodingSparse, 3},
		"text":     {`["[1.25]","{1:1.25}/3","01"]`, scan.EncodingText, 3},
		"SSE":      {"data: [[1.25]]\n\ndata: [[1.25],[1.25]]\n\n", scan.EncodingAuto, 3},
		"by lines": {"[[1.25]]\n[[1.25],[1.25]]\n", scan.EncodingAuto, 3},
	}
	for name, tc := range tests {
		for _, mask := range []authz.MaskMode{authz.MaskNone, authz.MaskZero, authz.MaskRedact, "seal"} {
			format := map[string]scan.Format{"SSE": scan.FormatSSE, "by lines": scan.FormatNDJSON}[name]
			th := through{format: format, fields: []scan.Field{{Path: "[*]", Encoding: tc.form}}, opts: vector.Options{Mask: mask, Masker: backwards{}}}
			want, _, err := th.feed([]byte(tc.doc), whole)
			if err != nil {
				t.Fatal(err)
			}
			s, err := th.stream()
			if err != nil {
				t.Fatal(err)
			}
			var out []byte
			rest := []byte(tc.doc)
			for grant := range tc.total {
				var n int
				out, n, err = s.Write(out, rest, grant)
				if !errors.Is(err, vector.ErrGrant) || s.Reading().Vectors != grant {
					t.Fatalf("%s, %s, grant %d: %v, reading %+v", name, mask, grant, err, s.Reading())
				}
				rest = rest[n:]
				if got := strings.Count(tc.doc[:len(tc.doc)-len(rest)], "1.25"); int64(got) > grant {
					t.Fatalf("%s, %s, grant %d: stopped before %q", name, mask, grant, rest)
				}
			}
			if out, _, err = s.Write(out, rest, tc.total); err != nil {
				t.Fatal(err)
			}
			if out, err = s.Close(out); err != nil || string(out) != want {
				t.Errorf("%s, %s: %v\n got %s\nwant %s", name, mask, err, out, want)
			}
		}
	}
}
