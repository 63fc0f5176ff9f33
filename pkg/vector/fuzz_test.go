package vector_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
	"github.com/weirgate/weir/pkg/vector"
)

// flat is a Masker that keeps nothing of a vector but its length, and an Opener that knows no sealed one.
type flat struct{}

func (flat) Mask(dst, v []float32, _ vector.Place) ([]float32, error) {
	return append(dst[:0], slices.Repeat([]float32{0.125}, len(v))...), nil
}

func (flat) Open(dst, _ []float32, _ vector.Place) ([]float32, vector.Seal, error) {
	return dst[:0], vector.NotSealed, nil
}

// fuzzed is everything that a fuzzed document may go through.
func fuzzed() (all []through) {
	fields := func(e scan.Encoding) []scan.Field {
		return []scan.Field{{Path: "v", Encoding: e}, {Path: "data[*].*", Encoding: e}, {Path: "deep.**.v", Encoding: e}, {Path: "score", Role: scan.RoleScore}, {Path: "i", Role: scan.RoleIndices}, {Path: "words", Encoding: scan.EncodingText, Role: scan.RoleScore}}
	}
	for _, format := range []scan.Format{scan.FormatJSON, scan.FormatNDJSON, scan.FormatSSE} {
		for _, e := range []scan.Encoding{
			scan.EncodingAuto, scan.EncodingFloats, scan.EncodingInts, scan.EncodingBase64, scan.EncodingBase64F16, scan.EncodingBase64I8, scan.EncodingNested, scan.EncodingSparse, scan.EncodingText,
		} {
			for _, o := range []vector.Options{
				{Mask: authz.MaskNone},
				{Mask: authz.MaskZero},
				{Mask: authz.MaskZero, Unit: true},
				{Mask: authz.MaskRedact},
				{Mask: "seal", Masker: flat{}},
				{Mask: authz.MaskRedact, Scores: "round:2", Fields: []string{"x", "y.*"}, Strict: true},
			} {
				all = append(all, through{format: format, fields: fields(e), opts: o})
			}
			all = append(all, through{format: format, fields: fields(e), opener: flat{}})
		}
	}
	return all
}

// documentsOf is the reference for frames: the documents that any reader of the format finds in a body.
func documentsOf(format scan.Format, body []byte) (docs []string) {
	switch format {
	case scan.FormatNDJSON:
		for _, line := range strings.Split(string(body), "\n") {
			if strings.Trim(line, " \t\r") != "" {
				docs = append(docs, line)
			}
		}
	case scan.FormatSSE:
		var data []string
		text := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(body))
		for _, line := range append(strings.Split(text, "\n"), "") {
			name, value, _ := strings.Cut(line, ":")
			switch {
			case line == "":
				if doc := strings.Join(data, "\n"); strings.Trim(doc, " \t\n") != "" && doc != "[DONE]" {
					docs = append(docs, doc)
				}
				data = nil
			case name == "data":
				data = append(data, strings.TrimPrefix(value, " "))
			}
		}
	default:
		docs = []string{string(body)}
	}
	return docs
}

// vectorsOf is the reference for vectors: the numbers, and strings, at the declared places of a document, and runs of numbers that nobody
// declared.
func vectorsOf(doc string) (vectors [][]string) {
	d := json.NewDecoder(strings.NewReader(doc))
	d.UseNumber()
	var root any
	if d.Decode(&root) != nil {
		return nil
	}
	var walk func(v any, path []string)
	walk = func(v any, path []string) {
		place := strings.ToLower(strings.Join(path, "."))
		if place == "v" || len(path) == 3 && strings.HasPrefix(place, "data.#.") && path[2] != "#" || strings.HasPrefix(place, "deep.") && strings.EqualFold(path[len(path)-1], "v") {
			vectors = append(vectors, leaves(v)...)
			return
		}
		switch v := v.(type) {
		case map[string]any:
			for key, member := range v {
				walk(member, append(slices.Clone(path), key))
			}
		case []any:
			if n := slices.IndexFunc(v, func(e any) bool { _, number := e.(json.Number); return !number }); n < 0 && len(v) >= 32 {
				vectors = append(vectors, leaves(v)...)
			}
			for _, element := range v {
				walk(element, append(slices.Clone(path), "#"))
			}
		}
	}
	walk(root, nil)
	return vectors
}

// leaves returns the numbers of each array below v, and pieces of each string: as long as two float32 in base64.
func leaves(v any) (out [][]string) {
	switch v := v.(type) {
	case map[string]any:
		var weights []string
		for key, member := range v {
			if n, ok := member.(json.Number); ok {
				weights = append(weights, n.String(), key)
			}
			out = append(out, leaves(member)...)
		}
		out = append(out, weights)
	case []any:
		var numbers []string
		for _, element := range v {
			if n, ok := element.(json.Number); ok {
				numbers = append(numbers, n.String())
			}
			out = append(out, leaves(element)...)
		}
		out = append(out, numbers)
	case string:
		var pieces []string
		for i := 0; i+12 <= len(v); i += 12 {
			pieces = append(pieces, v[i:i+12])
		}
		out = append(out, pieces)
	}
	return out
}

// surviving returns how many of a vector's numbers are left in what came out. Only those count that are long enough to be recognised, and
// stand in vectors only: all is all of them.
func surviving(vector, all []string, doc, out string) (n int) {
	for _, number := range vector {
		if len(number) < 7 || strings.Trim(number, "A=") == "" {
			continue
		}
		inVectors := 0
		for _, other := range all {
			inVectors += strings.Count(other, number)
		}
		if strings.Count(doc, number) == inVectors && strings.Contains(out, number) {
			n++
		}
	}
	return n
}

func streamSeeds() []string {
	numbers := func(n int) string {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprintf("0.7312%04d", i+1))
		}
		return "[" + strings.Join(list, ", ") + "]"
	}
	r := rand.New(rand.NewPCG(1, 1)) //nolint:gosec // repeatable
	v := make([]float32, 40)
	for i := range v {
		v[i] = r.Float32() - .5
	}
	var docs []string
	for _, value := range []string{
		numbers(3), numbers(40), `"` + b64(v...) + `"`, `"` + url(v...) + `"`, "[" + numbers(2) + "," + numbers(3) + "]", `{"a":` + numbers(2) + `,"b":[` + numbers(1) + `]}`,
		`{"indices":[1234567,7654321],"values":` + numbers(2) + "}", `[{"index":1234567,"value":0.73120001},{"value":0.73120002,"index":7654321}]`, `{"1234567":0.73120001}`,
		`"[0.73120001,-7.3120002e-01]"`, `"{1234567:0.73120001}/7654321"`, `"010101010101010101"`, "[-128,127,0,1234567]", "null", "[]", `""`, "{}", "1.5", "true", `"caf\u00e9 \ud83d\ude00"`,
	} {
		docs = append(docs, `{"v":`+value+`}`, `{"words":`+value+`}`, `{"data":[{"e":`+value+`,"n":{"x":[1]}}],"score":0.73129999}`, `{"deep":[{"a":{"V":`+value+`}}],"x":`+value+`,"y":{"z":`+value+`}}`, `{"u":`+value+`,"i":[7,1234567]}`)
	}
	return docs
}

// framed is a body that holds doc twice.
func framed(format scan.Format, doc string) []byte {
	switch format {
	case scan.FormatNDJSON:
		return []byte(doc + "\n\n" + doc + "\r\n")
	case scan.FormatSSE:
		return []byte("data: " + strings.ReplaceAll(doc, ",", ",\ndata:") + "\n\nid: 1\ndata:" + doc + "\r\n\r\ndata: [DONE]\n\n")
	default:
		return []byte(doc)
	}
}

// FuzzStream: whatever a document goes through, what the reference rejects is refused; what passes parses, holds no two numbers of a vector
// where a mask is in force, and is the same however it is cut.
func FuzzStream(f *testing.F) {
	all := fuzzed()
	for i, doc := range streamSeeds() {
		for third := range 3 {
			how := third*len(all)/3 + i*5%(len(all)/3)
			f.Add(framed(all[how].format, doc), uint64(i), uint16(how))
		}
	}
	f.Fuzz(func(t *testing.T, doc []byte, seed uint64, how uint16) {
		if len(doc) > 16<<10 {
			return
		}
		checkStream(t, all[int(how)%len(all)], doc, rand.New(rand.NewPCG(seed, 0))) //nolint:gosec // repeatable
	})
}

// TestStreamSeeds runs every seed through everything.
func TestStreamSeeds(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // repeatable
	for _, doc := range streamSeeds() {
		for _, th := range fuzzed() {
			checkStream(t, th, framed(th.format, doc), r)
		}
	}
}

func (th through) String() string {
	return fmt.Sprintf("%s, %s, mask %s %+v, opener %v", th.format, th.fields[0].Encoding, th.opts.Mask, th.opts, th.opener != nil)
}

func checkStream(t *testing.T, th through, doc []byte, r *rand.Rand) {
	t.Helper()
	out, read, err := th.feed(doc, whole)
	for _, cut := range []func(int) int{func(int) int { return 1 + r.IntN(9) }, func(left int) int { return 1 + r.IntN(left) }, bytewise} {
		out2, read2, err2 := th.feed(doc, cut)
		if (err == nil) != (err2 == nil) {
			t.Fatalf("%v: %v whole, %v in pieces: %q", th, err, err2, doc)
		}
		if err == nil && (out != out2 || read != read2) {
			t.Fatalf("%v: %q\n   whole %q\nin pieces %q\n%s", th, doc, out, out2, cmp.Diff(read, read2))
		}
	}
	if err != nil {
		return
	}
	docs := documentsOf(th.format, doc)
	for _, d := range docs {
		if !json.Valid([]byte(d)) {
			t.Fatalf("%v: accepted what encoding/json rejects: %q of %q", th, d, doc)
		}
	}
	results := documentsOf(th.format, []byte(out))
	if len(results) != len(docs) {
		t.Fatalf("%v: %d documents came out of %d: %q of %q", th, len(results), len(docs), out, doc)
	}
	for _, result := range results {
		if !json.Valid([]byte(result)) {
			t.Fatalf("%v: made %q of %q, which is no JSON", th, result, doc)
		}
	}
	if th.opener != nil || th.opts.Mask == authz.MaskNone {
		if !slices.Equal(results, docs) || th.opener == nil && out != string(doc) {
			t.Fatalf("%v changed\n%q to\n%q", th, doc, out)
		}
		return
	}
	var vectors [][]string
	for _, d := range docs {
		vectors = append(vectors, vectorsOf(d)...)
	}
	for _, v := range vectors {
		if n := surviving(v, slices.Concat(vectors...), string(doc), out); n > 1 {
			t.Fatalf("%v: %d numbers of %q survive\n%q\n%q", th, n, v, doc, out)
		}
	}
}

// FuzzDetect: looking at any bytes ends, and finds what is there.
func FuzzDetect(f *testing.F) {
	f.Add([]byte("[" + long(40) + "]"))
	f.Add([]byte(b64(sample(64)...)))
	f.Fuzz(func(t *testing.T, text []byte) {
		if !vector.Detect(text) && vector.Detect(bytes.TrimSpace(text)) {
			t.Errorf("white space around it hides a vector: %q", text)
		}
		if numbers := "[" + long(40) + "]"; !vector.Detect(append(bytes.Clone(text), " ; "+numbers...)) {
			t.Errorf("text before it hides a vector: %q", text)
		}
	})
}
