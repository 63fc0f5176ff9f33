package vector_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
	"github.com/weirgate/weir/pkg/vector"
)

// times returns n times text, with sep between.
func times(n int, text, sep string) string {
	return strings.TrimSuffix(strings.Repeat(text+sep, n), sep)
}

// TestRuns: numbers in a row are a vector whatever the brackets, keys and nulls between them, and those of different objects are none.
func TestRuns(t *testing.T) {
	vectors := map[string]struct {
		doc, want string
		dims      int64
	}{
		"rows of one":     {`{"x":[` + times(40, "[0.5]", ", ") + `],"n":7}`, `{"x":[` + times(32, "[0]", ",") + `, ` + times(8, "[0]", ", ") + `],"n":7}`, 40},
		"rows of two":     {`[` + times(16, "[0.5,1]", ",") + `]`, `[` + times(16, "[0,0]", ",") + `]`, 32},
		"nulls":           {`[` + times(33, "0.5", ",null,") + `]`, `[` + times(33, "0", ",null,") + `]`, 33},
		"brackets":        {`[` + times(33, "0.5", ",[[],[]],") + `]`, `[` + times(33, "0", ",[[],[]],") + `]`, 33},
		"keys":            {`{"x":{` + times(33, `"k\"1":0.5`, ",") + `},"n":7}`, `{"x":{` + times(33, `"k\"1":0`, ",") + `},"n":7}`, 33},
		"keys, nulls":     {`{"x":{` + times(33, `"a":0.5,"b":null`, ",") + `}}`, `{"x":{` + times(33, `"a":0,"b":null`, ",") + `}}`, 33},
		"texts":           {`[` + times(34, `"-0.125"`, ",") + `]`, `[` + times(34, `"0"`, ",") + `]`, 34},
		"texts as 1e-3":   {`[` + times(34, `"1e-3"`, ",") + `]`, `[` + times(34, `"0"`, ",") + `]`, 34},
		"texts, escaped":  {`[` + times(34, `"\u0030.\u0031\u0032\u0035"`, ",") + `]`, `[` + times(34, `"0"`, ",") + `]`, 34},
		"all escaped":     {`[` + times(34, `"\u002D\u0030\u002e\u0031\u0032\u0035\u0030\u0030\u0030\u0030\u0030\u0030\u0030\u0030\u0030"`, ",") + `]`, `[` + times(34, `"0"`, ",") + `]`, 34},
		"texts, labels":   {`[` + times(34, `"v=0.125"`, ",") + `]`, `[` + times(34, `"0"`, ",") + `]`, 34},
		"texts, numpy":    {`[` + times(34, `"np.float32(-0.125)"`, ",") + `]`, `[` + times(34, `"0"`, ",") + `]`, 34},
		"texts, 1st, 2nd": {`[` + times(17, `"v1: 0.125","v23: 0.125"`, ",") + `]`, `[` + times(34, `"0"`, ",") + `]`, 34},
		"texts, spaced":   {`[` + times(34, `" 0.125\n"`, ",") + `]`, `[` + times(34, `"0"`, ",") + `]`, 34},
		"texts, no zero":  {`[` + times(34, `"+.125"`, ",") + `]`, `[` + times(34, `"0"`, ",") + `]`, 34},
		"mixed":           {`[` + times(17, `"-0.125",[2]`, ",") + `]`, `[` + times(17, `"0",[0]`, ",") + `]`, 34},
	}
	for name, tc := range vectors {
		t.Run(name, func(t *testing.T) {
			doc, want := `{"d":`+tc.doc+`}`, `{"d":`+tc.want+`}`
			through{fields: at("v"), opts: vector.Options{Mask: authz.MaskRedact}}.everyCut(t, doc, want, vector.Reading{Vectors: 1, Dims: tc.dims, Undeclared: 1})
			_, _, err := through{fields: at("v"), opts: vector.Options{Mask: authz.MaskZero, Strict: true}}.feed([]byte(doc), whole)
			if !errors.Is(err, vector.ErrUndeclared) {
				t.Errorf("strict: %v", err)
			}
		})
	}
	others := map[string]string{
		"many objects":    `{"m":[` + times(40, `{"row":1,"price":0.125}`, ",") + `]}`,
		"31 and an array": `{"a":{` + times(31, `"k":1`, ",") + `,"b":[1]},"c":[` + times(31, "1", ",") + `],"d":[1]}`,
		"31 and a word":   `[` + times(31, "0.5", ",") + `,true,` + times(31, "0.5", ",") + `]`,
		"31 and a text":   `[` + times(31, "0.5", ",") + `,"12.50",` + times(31, "0.5", ",") + `]`,
		"prices":          `[` + times(40, `"12.50"`, ",") + `]`,
		"versions":        `[` + times(40, `"1.2.345"`, ",") + `]`,
		"whole numbers":   `[` + times(40, `"1234"`, ",") + `]`,
		"durations":       `[` + times(40, `"took 12.345 ms"`, ",") + `]`,
		"other labels":    `[` + times(31, `"took 0.345 ms"`, ",") + `,` + times(31, `"ran 0.345 ms"`, ",") + `]`,
		"papers":          `[` + times(40, `"arXiv:2101.12345","doi:10.1234/5.678"`, ",") + `]`,
		"points":          `[` + times(40, `"5.125 and 6.125"`, ",") + `]`,
		"escapes":         `[` + times(40, `"\u00e9\t\u0031\u0032.50"`, ",") + `]`,
		"words":           `[` + times(40, `"\ndeadbeef"`, ",") + `]`,
		"signs":           `[` + times(40, `"-"`, ",") + `]`,
	}
	for name, doc := range others {
		t.Run(name, func(t *testing.T) {
			through{fields: at("v"), opts: vector.Options{Mask: authz.MaskRedact}}.everyCut(t, doc, doc, vector.Reading{})
		})
	}
}

// TestRawRunsCount: who may have raw vectors gets those that nobody declared too, and they count: each array of 32 numbers or more.
func TestRawRunsCount(t *testing.T) {
	row := func(n int) string { return "[" + times(n, "0.5", ", ") + "]" }
	for name, tc := range map[string]struct {
		doc           string
		vectors, dims int64
	}{
		"a table":    {`{"columns":[{"name":"x"}],"values":[[1,` + row(40) + `],[2,` + row(32) + `],[3,` + row(31) + `]]}`, 2, 72},
		"no table":   {`{"values":[1,` + row(31) + `,2,` + times(29, "3", ",") + `],"x":{` + times(40, `"k":1`, ",") + `}}`, 0, 0},
		"a root":     {row(64), 1, 64},
		"integers":   {`{"x":[` + times(33, "17", ",") + `]}`, 1, 33},
		"after both": {`{"v":` + row(40) + `,"x":` + row(40) + `}`, 2, 80},
	} {
		t.Run(name, func(t *testing.T) {
			th := through{fields: at("v"), opts: vector.Options{Mask: authz.MaskNone}}
			for _, cut := range []func(int) int{whole, bytewise} {
				out, read, err := th.feed([]byte(tc.doc), cut)
				if err != nil || out != tc.doc || read.Vectors != tc.vectors || read.Dims != tc.dims {
					t.Errorf("%+v, %v; want %d vectors of %d dims\n%s", read, err, tc.vectors, tc.dims, out)
				}
			}
		})
	}
	s, err := through{fields: at("v"), opts: vector.Options{Mask: authz.MaskNone}}.stream()
	if err != nil {
		t.Fatal(err)
	}
	rest := []byte(`{"values":[` + row(40) + `,` + row(40) + `,` + row(40) + `]}`)
	second := strings.Index(string(rest), "],[0") + 2
	n, err := s.Scan(rest, 1)
	if !errors.Is(err, vector.ErrGrant) || n > second+len(row(40)) || s.Reading().Vectors != 1 {
		t.Errorf("one granted: %d bytes, %v, %+v; want the end before the second is over", n, err, s.Reading())
	}
	if n, err = s.Scan(rest[n:], 3); err != nil || s.Reading().Vectors != 3 {
		t.Errorf("all granted: %d bytes, %v, %+v", n, err, s.Reading())
	}
}

// TestKeptScoresAreNoRun: as many scores as there are results leave as they came.
func TestKeptScoresAreNoRun(t *testing.T) {
	doc := `{"distances":[[` + times(40, "0.25", ",") + `],[` + times(40, "0.25", ",") + `]]}`
	fields := []scan.Field{{Path: "distances[*][*]", Role: scan.RoleScore}, {Path: "v", Role: scan.RoleVector}}
	through{fields: fields, opts: vector.Options{Mask: authz.MaskRedact}}.everyCut(t, doc, doc, vector.Reading{})
}

// TestVectorsInKeys: a key that is a vector cannot be masked.
func TestVectorsInKeys(t *testing.T) {
	for name, key := range map[string]string{"base64": b64(sample(33)...), "numbers": long(33)} {
		for cut, by := range map[string]func(int) int{"whole": whole, "bytewise": bytewise} {
			out, _, err := feed([]byte(`{"x":{"`+key+`":1}}`), authz.MaskRedact, []string{"v"}, by)
			if !errors.Is(err, vector.ErrMalformed) || len(out) > len(`{"x":{"`) {
				t.Errorf("%s, %s: %v, and %q left", name, cut, err, out)
			}
		}
	}
}
