package vector_test

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
	"github.com/weirgate/weir/pkg/vector"
)

const everything = math.MaxInt64

// through is what a document goes through.
type through struct {
	format scan.Format // the zero value is JSON
	fields []scan.Field
	opts   vector.Options
	opener vector.Opener // instead of opts
}

func (th through) stream() (*vector.Stream, error) {
	f := th.format
	if f == "" {
		f = scan.FormatJSON
	}
	if th.opener != nil {
		return vector.NewOpener(f, th.fields, th.opener, th.opts.Place)
	}
	return vector.NewStream(f, th.fields, th.opts)
}

// feed runs doc through a stream in pieces that cut returns, and closes it.
func (th through) feed(doc []byte, cut func(left int) int) (string, vector.Reading, error) {
	s, err := th.stream()
	if err != nil {
		return "", vector.Reading{}, err
	}
	var out []byte
	for len(doc) > 0 {
		n := min(cut(len(doc)), len(doc))
		var consumed int
		if out, consumed, err = s.Write(out, doc[:n], everything); err != nil {
			return string(out), s.Reading(), err
		}
		if consumed != n {
			return string(out), s.Reading(), fmt.Errorf("consumed %d of %d without an error", consumed, n)
		}
		doc = doc[n:]
	}
	out, err = s.Close(out)
	return string(out), s.Reading(), err
}

// everyCut checks that doc comes out as want whole, cut in two anywhere, and byte by byte.
func (th through) everyCut(t *testing.T, doc, want string, read vector.Reading) {
	t.Helper()
	check := func(name string, cut func(int) int) {
		t.Helper()
		got, r, err := th.feed([]byte(doc), cut)
		if err != nil || got != want {
			t.Fatalf("%s, %s: %v\n doc %s\n got %s\nwant %s", th.opts.Mask, name, err, doc, got, want)
		}
		if diff := cmp.Diff(read, r); diff != "" {
			t.Fatalf("%s, %s: %s: reading (-want +got):\n%s", th.opts.Mask, name, doc, diff)
		}
	}
	check("whole", whole)
	check("bytewise", bytewise)
	for i := 1; i < len(doc); i++ {
		first := true
		check(fmt.Sprint("cut at ", i), func(left int) int {
			if first {
				first = false
				return i
			}
			return left
		})
	}
}

// at declares vectors at the paths.
func at(paths ...string) []scan.Field {
	var fields []scan.Field
	for _, p := range paths {
		fields = append(fields, scan.Field{Path: p, Role: scan.RoleVector})
	}
	return fields
}

// feed runs a JSON document with vectors at the paths.
func feed(doc []byte, mask authz.MaskMode, paths []string, cut func(left int) int) (string, vector.Reading, error) {
	return through{fields: at(paths...), opts: vector.Options{Mask: mask}}.feed(doc, cut)
}

// TestScoresAreNoVectors: a field that is declared to hold scores is neither masked, counted, nor refused for not being a vector.
func TestScoresAreNoVectors(t *testing.T) {
	fields := []scan.Field{{Path: "embeddings[*][*]", Role: scan.RoleVector}, {Path: "distances[*][*]", Role: scan.RoleScore}}
	s, err := vector.NewStream(scan.FormatJSON, fields, vector.Options{Mask: authz.MaskRedact})
	if err != nil {
		t.Fatal(err)
	}
	out, _, err := s.Write(nil, []byte(`{"embeddings":[[[0.5,0.25]]],"distances":[[0,1.5]]}`), everything)
	if err == nil {
		out, err = s.Close(out)
	}
	if want := `{"embeddings":[[[]]],"distances":[[0,1.5]]}`; err != nil || string(out) != want || s.Reading().Vectors != 1 {
		t.Errorf("got %s, %+v, %v; want %s", out, s.Reading(), err, want)
	}
}

func whole(left int) int { return left }
func bytewise(int) int   { return 1 }

// b64 is base64 of the values as little-endian float32.
func b64(v ...float32) string {
	var b []byte
	for _, f := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f))
	}
	return base64.StdEncoding.EncodeToString(b)
}

func long(n int) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = fmt.Sprintf("%.6f", float64(i%7)/10-0.3)
	}
	return strings.Join(parts, ", ")
}

func TestMasks(t *testing.T) {
	openai := []string{"data[*].embedding"}
	enc := b64(0.5, -0.25, 1)
	zeroed := strings.Repeat("A", 16)
	tests := map[string]struct {
		doc   string
		paths []string
		want  map[authz.MaskMode]string // none is always the document itself
		read  vector.Reading
	}{
		"openai floats": {
			doc: `{"object":"list","data":[{"embedding":[0.5, -0.25,1e-3 ],"index":0},{"embedding":[1,2,3]}],"usage":{"n":[1,2]}}`, paths: openai,
			want: map[authz.MaskMode]string{
				authz.MaskRedact: `{"object":"list","data":[{"embedding":[],"index":0},{"embedding":[]}],"usage":{"n":[1,2]}}`,
				authz.MaskZero:   `{"object":"list","data":[{"embedding":[0,0,0],"index":0},{"embedding":[0,0,0]}],"usage":{"n":[1,2]}}`,
			},
			read: vector.Reading{Vectors: 2, Dims: 6, BytesFloat: 25},
		},
		"openai base64": {
			doc: `{"data":[{"embedding":"` + enc + `"}]}`, paths: openai,
			want: map[authz.MaskMode]string{authz.MaskRedact: `{"data":[{"embedding":""}]}`, authz.MaskZero: `{"data":[{"embedding":"` + zeroed + `"}]}`},
			read: vector.Reading{Vectors: 1, Dims: 3, BytesBase64: 16},
		},
		"base64 with padding": {
			doc: `["` + b64(0.5) + `"]`, paths: []string{"[*]"},
			want: map[authz.MaskMode]string{authz.MaskRedact: `[""]`, authz.MaskZero: `["AAAAAA=="]`},
			read: vector.Reading{Vectors: 1, Dims: 1, BytesBase64: 8},
		},
		"tei": {
			doc: "[[0.1,0.2],\n [0.3]]", paths: []string{"[*]"},
			want: map[authz.MaskMode]string{authz.MaskRedact: "[[],\n []]", authz.MaskZero: "[[0,0],\n [0]]"},
			read: vector.Reading{Vectors: 2, Dims: 3, BytesFloat: 14},
		},
		"chroma query, nulls": {
			doc: `{"ids":[["a"]],"embeddings":[[[0.1],[0.2]],null]}`, paths: []string{"embeddings[*][*]"},
			want: map[authz.MaskMode]string{
				authz.MaskRedact: `{"ids":[["a"]],"embeddings":[[[],[]],null]}`, authz.MaskZero: `{"ids":[["a"]],"embeddings":[[[0],[0]],null]}`,
			},
			read: vector.Reading{Vectors: 2, Dims: 2, BytesFloat: 10},
		},
		"escaped and upper-case keys": {
			doc: `{"d\u0061ta":[{"EMBEDDING":[0.1]}]}`, paths: openai,
			want: map[authz.MaskMode]string{authz.MaskRedact: `{"d\u0061ta":[{"EMBEDDING":[]}]}`},
			read: vector.Reading{Vectors: 1, Dims: 1, BytesFloat: 5},
		},
		"undeclared numbers": {
			doc: `{"x":[` + long(40) + `],"y":[1,2]}`, paths: openai,
			want: map[authz.MaskMode]string{authz.MaskRedact: `{"x":[` + strings.TrimSuffix(strings.Repeat("0,", 32), ",") + strings.Repeat(", 0", 8) + `],"y":[1,2]}`},
			read: vector.Reading{Vectors: 1, Dims: 40, Undeclared: 1},
		},
		"undeclared base64": {
			doc: `{"x":"` + b64(sample(64)...) + `","y":"` + strings.Repeat("plain text, ", 40) + `"}`, paths: openai,
			want: map[authz.MaskMode]string{authz.MaskZero: `{"x":"","y":"` + strings.Repeat("plain text, ", 40) + `"}`},
			read: vector.Reading{Vectors: 1, Undeclared: 1},
		},
		"no vector at all": {
			doc: ` {"error":{"message":"caf\u00e9 😀 \ud83d\ude00","code":null,"ok":[true,false,-0.0e+1]}} `, paths: openai,
			want: map[authz.MaskMode]string{authz.MaskRedact: ` {"error":{"message":"caf\u00e9 😀 \ud83d\ude00","code":null,"ok":[true,false,-0.0e+1]}} `},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			for mask, want := range tc.want {
				through{fields: at(tc.paths...), opts: vector.Options{Mask: mask}}.everyCut(t, tc.doc, want, tc.read)
			}
			if tc.read.Undeclared == 0 {
				through{fields: at(tc.paths...), opts: vector.Options{Mask: authz.MaskNone}}.everyCut(t, tc.doc, tc.doc, tc.read)
			}
		})
	}
}

func sample(n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(math.Sin(float64(i)+1)) / 8
	}
	return v
}

// TestStrict is the evasion table: what some parser reads differently is refused, whole and byte by byte.
func TestStrict(t *testing.T) {
	deep := strings.Repeat("[", scan.MaxDepth+1) + strings.Repeat("]", scan.MaxDepth+1)
	bad := map[string]string{
		"empty": "", "truncated": `{"data":[`, "trailing text": `{} {}`, "trailing garbage": `[]x`, "byte order mark": "\ufeff{}", "duplicate key": `{"data":1,"data":[]}`,
		"duplicate key, case": `{"data":[],"DATA":[]}`, "duplicate key, escaped": `{"data":[{"embedding":[1],"\u0065mbedding":[2]}]}`, "invalid UTF-8": "\"\xff\"",
		"overlong UTF-8": "\"\xc0\xaf\"", "surrogate in UTF-8": "\"\xed\xa0\x80\"", "truncated UTF-8": "\"\xe2\x82\"", "lone high surrogate": `"\ud800"`, "lone low surrogate": `"\udc00"`,
		"high surrogate, then text": `"\ud800x"`, "raw control character": "\"a\nb\"", "unknown escape": `"\x"`, "NaN": `[NaN]`, "leading zero": `[01]`, "leading plus": `[+1]`,
		"bare point": `[.5]`, "point at the end": `[1.]`, "exponent at the end": `[1e]`, "hexadecimal": `[0x1]`, "trailing comma": `[1,]`, "missing comma": `[1 2]`, "unquoted key": `{a:1}`,
		"single quotes": `{'a':1}`, "comment": `[1/**/]`, "deep": deep, "long number": "[" + strings.Repeat("1", 65) + "]", "wrong bracket": `{"a":1]`, "capital literal": `[True]`,
		"string in a vector": `{"data":[{"embedding":[1,"2"]}]}`, "array in a vector": `{"data":[{"embedding":[[1]]}]}`, "null in a vector": `{"data":[{"embedding":[null]}]}`,
		"number for a vector": `{"data":[{"embedding":7}]}`, "object for a vector": `{"data":[{"embedding":{"0":1}}]}`, "not base64": `{"data":[{"embedding":"a b="}]}`,
		"base64 of odd length": `{"data":[{"embedding":"AAAAA"}]}`, "half a float": `{"data":[{"embedding":"AAA="}]}`, "base64, text after padding": `{"data":[{"embedding":"AA==AAAA"}]}`,
		"base64 with an escape": `{"data":[{"embedding":"AAAA\u0041AAA"}]}`, "two alphabets": `{"data":[{"embedding":"AA-/AA=="}]}`, "two alphabets, far apart": `{"data":[{"embedding":"` + strings.Repeat("A", 20000) + "+" + strings.Repeat("A", 20000) + `_=="}]}`, "long key": `{"` + strings.Repeat("k", scan.MaxKey+1) + `":1}`,
		"UTF-16": "{\x00\"\x00a\x00\"\x00:\x001\x00}\x00", "UTF-16, BOM": "\xff\xfe{\x00}\x00", "UTF-32": "{\x00\x00\x00}\x00\x00\x00", "JSONP": `callback({"data":[]})`, "JSONP, comment": `/**/cb({"data":[]});`,
		"guarded JSON": ")]}',\n{\"data\":[]}", "two documents": `{"data":[{"embedding":[1]}]}{"data":[]}`, "lines": "{\"data\":[]}\n{\"data\":[]}", "an event": "data: {\"data\":[]}\n\n", "XML": "<a/>", "CSV": "1,2,3", "a zero byte": "{\"data\":[]}\x00",
		"many keys": `{` + manyKeys(1<<10+1) + `}`, "keys by another case of s": "{\"data\":[{\"s\":1,\"\u017f\":2}]}", "infinite": `[Infinity]`, "hexadecimal float": `[0x1p-2]`, "two points in a vector": `{"data":[{"embedding":[1,2.5.5,3]}]}`,
		"two points, far in": `{"data":[{"embedding":[` + strings.Repeat("0.5,", 100) + `1.5.5,` + strings.Repeat("0.5,", 100) + `1]}]}`, "zeros lead, far in": `{"data":[{"embedding":[` + strings.Repeat("0.5,", 100) + `00.5,` + strings.Repeat("0.5,", 100) + `1]}]}`,
		"a text in a vector, far in": `{"data":[{"embedding":[` + strings.Repeat("0.5,", 100) + `"x",1]}]}`, "no comma, far in": `{"data":[{"embedding":[` + strings.Repeat("0.5,", 100) + `1 2,` + strings.Repeat("0.5,", 100) + `1]}]}`,
	}
	for name, doc := range bad {
		for _, mask := range []authz.MaskMode{authz.MaskNone, authz.MaskZero, authz.MaskRedact} {
			for how, cut := range map[string]func(int) int{"whole": whole, "bytewise": bytewise} {
				if out, _, err := feed([]byte(doc), mask, []string{"data[*].embedding"}, cut); !errors.Is(err, vector.ErrMalformed) {
					t.Errorf("%s, %s, %s: error %v after %q; want ErrMalformed", name, mask, how, err, out)
				}
			}
		}
	}
}

func manyKeys(n int) string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf(`"k%d":1`, i)
	}
	return strings.Join(keys, ",")
}

// TestNothingCovert: what stands for a vector tells nothing of how its numbers were written: no sign, no digit, no NaN's payload.
func TestNothingCovert(t *testing.T) {
	plain, covert := `{"data":[{"embedding":[0,0,0]},{"embedding":"`+b64(0, 0, 0)+`"}]}`, `{"data":[{"embedding":[-0,-0.0e-0,1E400]},{"embedding":"`+
		b64(math.Float32frombits(0xffc12345), math.Float32frombits(1), float32(math.Copysign(0, -1)))+`"}]}`
	for _, mask := range []authz.MaskMode{authz.MaskZero, authz.MaskRedact} {
		want, _, err := feed([]byte(plain), mask, []string{"data[*].embedding"}, whole)
		got, _, err2 := feed([]byte(covert), mask, []string{"data[*].embedding"}, whole)
		if err != nil || err2 != nil || got != want {
			t.Errorf("%s: %v, %v\n got %s\nwant %s", mask, err, err2, got, want)
		}
	}
}

func TestGrant(t *testing.T) {
	doc := `{"data":[{"embedding":[1]},{"embedding":[2]},{"embedding":"AAAAAA=="}]}`
	for _, mask := range []authz.MaskMode{authz.MaskNone, authz.MaskRedact} {
		s, err := vector.NewStream(scan.FormatJSON, []scan.Field{{Path: "data[*].embedding"}}, vector.Options{Mask: mask})
		if err != nil {
			t.Fatal(err)
		}
		var out []byte
		rest := []byte(doc)
		for grant := range int64(3) {
			var n int
			out, n, err = s.Write(out, rest, grant)
			if !errors.Is(err, vector.ErrGrant) || s.Reading().Vectors != grant {
				t.Fatalf("%s grant %d: %v, reading %+v", mask, grant, err, s.Reading())
			}
			rest = rest[n:]
			if rest[0] != '[' && rest[0] != '"' {
				t.Fatalf("%s grant %d: stopped before %q, want the vector's first byte", mask, grant, rest)
			}
		}
		if out, _, err = s.Write(out, rest, 3); err != nil {
			t.Fatal(err)
		}
		if out, err = s.Close(out); err != nil || mask == authz.MaskNone && string(out) != doc {
			t.Errorf("%s: %v, %s", mask, err, out)
		}
	}
}

func TestRefuse(t *testing.T) {
	for _, doc := range []string{`{"data":[{"embedding":[0.123]}]}`, `{"data":[{"embedding":"AAAAAA=="}]}`, `{"x":[` + long(40) + `]}`, `{"x":"` + b64(sample(64)...) + `"}`} {
		out, _, err := feed([]byte(doc), authz.MaskRefuse, []string{"data[*].embedding"}, bytewise)
		if !errors.Is(err, vector.ErrVectorRefused) || strings.Contains(out, "0.1") {
			t.Errorf("%v after %q", err, out)
		}
	}
}

func TestDetect(t *testing.T) {
	tests := map[string]struct {
		text string
		want bool
	}{
		"numbers":        {"error: [" + long(32) + "]", true},
		"few numbers":    {"error: [" + long(31) + "]", false},
		"csv":            {strings.ReplaceAll(long(40), ", ", ";"), true},
		"labels":         {"error: " + labelled("np.float32(", "), "), true},
		"slashes":        {"/next/" + labelled("", "/"), true},
		"prices":         {strings.Repeat("price: 12.50, ", 40), false},
		"base64":         {"<p>" + b64(sample(64)...) + "</p>", true},
		"base64, offset": {"x" + b64(sample(64)...), true},
		"html":           {"<html><body>502 Bad Gateway</body></html>", false},
		"long word":      {strings.Repeat("abcdefghij", 40), false},
		"empty":          {"", false},
	}
	for name, tc := range tests {
		if got := vector.Detect([]byte(tc.text)); got != tc.want {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}

// TestNoAllocation: in steady state nothing is allocated, whatever the encoding and mask.
func TestNoAllocation(t *testing.T) {
	forms := map[string]struct {
		format     scan.Format
		begin, one string
		form       scan.Encoding
	}{
		"floats": {scan.FormatJSON, `{"data":[`, `{"embedding":[` + long(100) + `],"index":1},`, scan.EncodingAuto}, "base64": {scan.FormatJSON, `{"data":[`, `{"embedding":"` + b64(sample(100)...) + `"},`, scan.EncodingAuto},
		"nested": {scan.FormatJSON, `{"data":[`, `{"embedding":{"a":[[` + long(50) + `]],"b":{"indices":[1],"values":[2]}}},`, scan.EncodingNested},
		"sparse": {scan.FormatJSON, `{"data":[`, `{"embedding":[{"index":1,"value":2}]},`, scan.EncodingSparse}, "text": {scan.FormatJSON, `{"data":[`, `{"embedding":"[` + long(50) + `]"},`, scan.EncodingText},
		"lines": {scan.FormatNDJSON, "", `{"data":[{"embedding":[` + long(100) + `]}],"text":"1, 2, some text"}` + "\n", scan.EncodingAuto}, "events": {scan.FormatSSE, "", `data: {"data":[{"embedding":[` + long(100) + `]}]}` + "\n\n", scan.EncodingAuto},
	}
	for name, tc := range forms {
		for _, mask := range []authz.MaskMode{authz.MaskNone, authz.MaskZero, authz.MaskRedact, "seal"} {
			th := through{format: tc.format, fields: []scan.Field{{Path: "data[*].embedding", Encoding: tc.form}}, opts: vector.Options{Mask: mask, Masker: same{}}}
			s, err := th.stream()
			if err != nil {
				t.Fatal(err)
			}
			out, piece := make([]byte, 0, 1<<16), []byte(tc.one)
			if _, _, err := s.Write(out, []byte(tc.begin+tc.one), everything); err != nil {
				t.Fatal(err)
			}
			if n := testing.AllocsPerRun(100, func() {
				if _, _, err := s.Write(out[:0], piece, everything); err != nil {
					t.Fatal(err)
				}
			}); n != 0 {
				t.Errorf("%s, %s: %v allocations per piece, want 0", name, mask, n)
			}
		}
	}
}
