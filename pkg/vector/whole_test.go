package vector_test

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
	"github.com/weirgate/weir/pkg/vector"
)

// backwards is a Masker, and the Opener of what it makes: the components in reverse. It makes none of a vector that begins with 13, and
// fails at 666. A vector that begins with 0.5 is one of its own, with 0.25 a forged one.
type backwards struct{ seen *[]vector.Place }

func (m backwards) Mask(dst, v []float32, p vector.Place) ([]float32, error) {
	if m.seen != nil {
		*m.seen = append(*m.seen, p)
	}
	if len(v) > 0 && v[0] == 13 {
		return dst[:0], nil
	}
	if len(v) > 0 && v[0] == 666 {
		return nil, errors.New("no keys")
	}
	dst = append(dst[:0], v...)
	slices.Reverse(dst)
	return dst, nil
}

func (m backwards) Open(dst, v []float32, p vector.Place) ([]float32, vector.Seal, error) {
	switch {
	case len(v) > 0 && v[0] == 0.25:
		return nil, vector.Forged, nil
	case len(v) == 0 || v[0] != 0.5:
		return nil, vector.NotSealed, nil
	}
	out, err := m.Mask(dst, v, p)
	return out, vector.Opened, err
}

func TestWholeVectorMasks(t *testing.T) {
	tests := map[string]struct {
		doc  string
		at   scan.Field
		want string
		read vector.Reading
	}{
		"floats": {
			`[[ 0.5, -0.25,1e-3 ],[12.5,1e-7,0]]`,
			scan.Field{Path: "[*]"},
			`[[0.00100000,-0.25000000,0.50000000],[0.00000000,1e-07,12.5]]`,
			vector.Reading{Vectors: 2, Dims: 6, BytesFloat: 32},
		},
		"none of it":     {`[[13, 1],"` + b64(13, 1) + `"]`, scan.Field{Path: "[*]"}, `[[],""]`, vector.Reading{Vectors: 2, Dims: 4, BytesFloat: 7, BytesBase64: 12}},
		"empty":          {`[[],""]`, scan.Field{Path: "[*]"}, `[[],""]`, vector.Reading{Vectors: 2, BytesFloat: 2}},
		"base64":         {`["` + b64(0.5, -0.25, 3) + `"]`, scan.Field{Path: "[*]"}, `["` + b64(3, -0.25, 0.5) + `"]`, vector.Reading{Vectors: 1, Dims: 3, BytesBase64: 16}},
		"base64, padded": {`["` + b64(0.5, -1) + `"]`, scan.Field{Path: "[*]"}, `["` + b64(-1, 0.5) + `"]`, vector.Reading{Vectors: 1, Dims: 2, BytesBase64: 12}},
		"base64, url":    {`["` + url(-0.99, 7e8) + `"]`, scan.Field{Path: "[*]"}, `["` + url(7e8, -0.99) + `"]`, vector.Reading{Vectors: 1, Dims: 2, BytesBase64: 11}},
		"nested": {
			`{"a":[[ 1,2],[3]],"b":"` + b64(5, 6) + `","c":{"indices":[1],"values":[2]}}`,
			scan.Field{Encoding: scan.EncodingNested},
			`{"a":[[ 2.00000000,1.00000000],[3.00000000]],"b":"` + b64(6, 5) + `","c":{"indices":[],"values":[]}}`,
			vector.Reading{Vectors: 4, Dims: 6, BytesFloat: 9, BytesBase64: 12, BytesSparse: 28},
		},
		"no room":          {`{"i":[1,2],"j":[3]}`, scan.Field{Path: "*", Encoding: scan.EncodingInts}, `{"i":[],"j":[]}`, vector.Reading{Vectors: 2, Dims: 3, BytesInt: 8}},
		"no room: float16": {`["ADwAPA=="]`, scan.Field{Path: "[*]", Encoding: scan.EncodingBase64F16}, `[""]`, vector.Reading{Vectors: 1, Dims: 2, BytesBase64: 8}},
		"no room: int8":    {`["AQI="]`, scan.Field{Path: "[*]", Encoding: scan.EncodingBase64I8}, `[""]`, vector.Reading{Vectors: 1, Dims: 2, BytesBase64: 4}},
		"no room: text":    {`["[1,2]"]`, scan.Field{Path: "[*]", Encoding: scan.EncodingText}, `["[]"]`, vector.Reading{Vectors: 1, Dims: 2, BytesText: 5}},
		"undeclared":       {`{"x":[` + long(32) + `]}`, scan.Field{Path: "y"}, `{"x":[0` + strings.Repeat(",0", 31) + `]}`, vector.Reading{Vectors: 1, Dims: 32, Undeclared: 1}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			through{fields: []scan.Field{tc.at}, opts: vector.Options{Mask: "seal", Masker: backwards{}}}.everyCut(t, tc.doc, tc.want, tc.read)
		})
	}
}

// TestNamesOfVectors: a masker is told which vector it has before it.
func TestNamesOfVectors(t *testing.T) {
	doc := `{"vectors":{"image":{"values":[1,2]},"te\u0078t":{"values":"` + b64(3, 4) + `"}},"named":{"a":[5],"b":[[6],[7]]},"title":[8],"plain":[9]}`
	fields := []scan.Field{
		{Path: "vectors.*.values"}, {Path: "named", Encoding: scan.EncodingNested}, {Path: "title", Name: "the title"}, {Path: "plain"},
	}
	var want []vector.Place
	for _, name := range []string{"image", "text", "a", "b", "b", "the title", "default"} {
		want = append(want, vector.Place{Tenant: "t", Target: "db", Space: "docs", Name: name})
	}
	for _, cut := range []func(int) int{whole, bytewise} {
		var seen []vector.Place
		th := through{fields: fields, opts: vector.Options{Mask: "token", Masker: backwards{&seen}, Place: vector.Place{Tenant: "t", Target: "db", Space: "docs", Name: "default"}}}
		if _, _, err := th.feed([]byte(doc), cut); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, seen); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestMaskersThatFail(t *testing.T) {
	for _, doc := range []string{`[[666]]`, `["` + b64(666) + `"]`} {
		out, _, err := through{fields: at("[*]"), opts: vector.Options{Mask: "seal", Masker: backwards{}}}.feed([]byte(doc), whole)
		if err == nil || errors.Is(err, vector.ErrMalformed) || strings.Contains(out, "666") {
			t.Errorf("%s: %v after %s", doc, err, out)
		}
	}
	for _, mask := range []authz.MaskMode{"seal", "obfuscate:rotate", "rot13"} {
		if _, err := vector.NewStream(scan.FormatJSON, nil, vector.Options{Mask: mask}); err == nil {
			t.Errorf("%s without a masker is taken", mask)
		}
	}
}

// TestLongVectors: one component more than a Masker is given, and the vector is redacted; an opener leaves it.
func TestLongVectors(t *testing.T) {
	const most = 1 << 16
	for n, redacted := range map[int]bool{most: false, most + 1: true} {
		numbers := "[" + strings.Repeat("0.5,", n-1) + "0.5]"
		code := `"` + b64(slices.Repeat([]float32{0.5}, n)...) + `"`
		for _, doc := range []string{numbers, code} {
			for _, size := range []int{1 << 30, 64 << 10, 1000} {
				cut := func(int) int { return size }
				out, read, err := through{fields: at(""), opts: vector.Options{Mask: "seal", Masker: backwards{}}}.feed([]byte(doc), cut)
				if err != nil || (out == "[]" || out == `""`) != redacted || read.Vectors != 1 || read.Dims != int64(n) {
					t.Errorf("%d components, %.4s…, pieces of %d: %v, %.20s…, %+v", n, doc, size, err, out, read)
				}
				out, read, err = through{fields: at(""), opener: backwards{}}.feed([]byte(doc), cut)
				if err != nil || (read.Sealed == 1) == redacted || redacted && out != doc {
					t.Errorf("%d components, %.4s…, pieces of %d: opener: %v, %.20s…, %+v", n, doc, size, err, out, read)
				}
			}
		}
	}
}

// TestSealedThere and back: what a client has been given opens on its way back, by whatever encoding it took.
func TestSealedThereAndBack(t *testing.T) {
	place := vector.Place{Tenant: "t", Target: "db", Space: "docs"}
	sealer := vector.NewSealer(ring(t, master(1)))
	v := half(vec(384, 1))
	numbers, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	for _, doc := range []string{`{"v":` + string(numbers) + `}`, `{"v":"` + b64(v...) + `"}`} {
		masked, read, err := through{fields: at("v"), opts: vector.Options{Mask: authz.MaskMode("seal"), Masker: sealer, Place: place}}.feed([]byte(doc), whole)
		if err != nil || read.Vectors != 1 || masked == doc {
			t.Fatalf("%v, %+v", err, read)
		}
		got, read, err := through{fields: at("v"), opts: vector.Options{Place: place}, opener: sealer}.feed([]byte(masked), bytewise)
		if err != nil || read.Sealed != 1 || read.Raw() != 0 || !slices.Equal(components(t, got), v) {
			t.Errorf("%.5s: %v, %+v", doc, err, read)
		}
		place2 := place
		place2.Space = "others"
		got, read, err = through{fields: at("v"), opts: vector.Options{Place: place2}, opener: sealer}.feed([]byte(masked), whole)
		if err != nil || read.Forged != 1 || got != masked {
			t.Errorf("elsewhere: %v, %+v", err, read)
		}
	}
}

// components reads the vector of {"v": …}.
func components(t *testing.T, doc string) (v []float32) {
	t.Helper()
	var numbers struct{ V []float32 }
	if json.Unmarshal([]byte(doc), &numbers) == nil {
		return numbers.V
	}
	var code struct{ V []byte }
	if err := json.Unmarshal([]byte(doc), &code); err != nil {
		t.Fatal(err)
	}
	for b := code.V; len(b) > 0; b = b[4:] {
		v = append(v, math.Float32frombits(binary.LittleEndian.Uint32(b)))
	}
	return v
}

func TestOpener(t *testing.T) {
	tests := map[string]struct {
		doc, want string
		at        scan.Field
		read      vector.Reading
	}{
		"sealed, forged, raw": {
			`[[0.5, 1e-9,16777217],[0.25, 1.0],[1,  2.50]]`, `[[1.6777216e+07,1e-09,0.5],[0.25, 1.0],[1,  2.50]]`,
			scan.Field{Path: "[*]"},
			vector.Reading{Vectors: 3, Dims: 7, BytesFloat: 41, Sealed: 1, Forged: 1},
		},
		"base64": {
			`["` + b64(0.5, 2) + `","` + b64(0.25) + `","` + url(7) + `"]`, `["` + b64(2, 0.5) + `","` + b64(0.25) + `","` + url(7) + `"]`,
			scan.Field{Path: "[*]"},
			vector.Reading{Vectors: 3, Dims: 4, BytesBase64: 26, Sealed: 1, Forged: 1},
		},
		"nested": {
			`{"a":[[0.5,1],[1]],"b":{"indices":[1],"values":[0.5]},"c":[{"index":1,"value":2}],"d":7,"e":true}`,
			`{"a":[[1,0.5],[1]],"b":{"indices":[1],"values":[0.5]},"c":[{"index":1,"value":2}],"d":7,"e":true}`,
			scan.Field{Encoding: scan.EncodingNested},
			vector.Reading{Vectors: 4, Dims: 5, BytesFloat: 18, Sealed: 2},
		},
		"what is no vector": {
			`{"a":"6f1c0f2e-4c2b-4a37-9d0c-000000000000","b":42,"c":{"x":[0.5]},"d":["AAAA",[1]],"e":[1,"x",[2]],"f":"abc","g":true,"h":"AAAAA","i":"a\u0062"}`,
			`{"a":"6f1c0f2e-4c2b-4a37-9d0c-000000000000","b":42,"c":{"x":[0.5]},"d":["AAAA",[1]],"e":[1,"x",[2]],"f":"abc","g":true,"h":"AAAAA","i":"a\u0062"}`,
			scan.Field{Path: "*"},
			vector.Reading{},
		},
		"any depth": {
			`{"v":{"a":{"x":[0.5,1]},"b":[[0.5,2],{"c":[0.5,3]},"AAAAPw==",[[0.5,4],"x"]]},"w":[0.5,5]}`, `{"v":{"a":{"x":[1,0.5]},"b":[[2,0.5],{"c":[3,0.5]},"AAAAPw==",[[4,0.5],"x"]]},"w":[0.5,5]}`,
			scan.Field{Path: "v.**"},
			vector.Reading{Vectors: 5, Dims: 9, BytesFloat: 28, BytesBase64: 8, Sealed: 5},
		},
		"no room for a sealed one": {`{"a":[0.5,1]}`, `{"a":[0.5,1]}`, scan.Field{Path: "a", Encoding: scan.EncodingInts}, vector.Reading{}},
		"undeclared":               {`{"x":[` + long(40) + `]}`, `{"x":[` + long(40) + `]}`, scan.Field{Path: "a"}, vector.Reading{}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			through{fields: []scan.Field{tc.at}, opener: backwards{}}.everyCut(t, tc.doc, tc.want, tc.read)
		})
	}
	if _, _, err := (through{fields: at("[*]"), opener: backwards{}}).feed([]byte(`[[0.5,666],[1`), whole); !errors.Is(err, vector.ErrMalformed) {
		t.Errorf("half a document: %v", err)
	}
}

// TestPrintedNumbers: eight decimals are the nearest there are; what they do not suit is exact.
func TestPrintedNumbers(t *testing.T) {
	v := []float32{0, float32(math.Copysign(0, -1)), 1, -1, 9.9999995, 10, -123.5, 1e-6, 1.1e-6, 9.9e-7, -1e-30, 0.123456789, 0.999999999, 1.0 / 3, -0.000001907348633, 3.4e38, 1 << 19, 0.5, 5e-9}
	for i := range 50000 {
		v = append(v, float32(math.Sin(float64(i)*1.37))/float32(1+i%97))
	}
	out, _, err := through{fields: at(""), opts: vector.Options{Mask: "seal", Masker: same{}}}.feed([]byte(strings.ReplaceAll(fmt.Sprint(v), " ", ",")), whole)
	if err != nil {
		t.Fatal(err)
	}
	for i, got := range strings.Split(strings.Trim(out, "[]"), ",") {
		want := fmt.Sprintf("%.8f", v[i])
		if abs := math.Abs(float64(v[i])); abs >= 10 || abs > 0 && abs < 1e-6 {
			want = strconv.FormatFloat(float64(v[i]), 'g', -1, 32)
		}
		if got != want {
			t.Fatalf("%v: %s, want %s", v[i], got, want)
		}
	}
}

// same gives every vector as it is.
type same struct{}

func (same) Mask(dst, v []float32, _ vector.Place) ([]float32, error) {
	return append(dst[:0], v...), nil
}

// TestBase64KeepsItsLength: whatever is made of a base64 vector is as long as it was.
func TestBase64KeepsItsLength(t *testing.T) {
	for dims := range 50 {
		raw := make([]byte, 4*dims)
		for i := range raw {
			raw[i] = byte(i * 37)
		}
		for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
			doc := `"` + enc.EncodeToString(raw) + `"`
			for _, mask := range []authz.MaskMode{authz.MaskZero, "seal"} {
				out, _, err := through{fields: at(""), opts: vector.Options{Mask: mask, Masker: same{}, Unit: true}}.feed([]byte(doc), func(int) int { return 7 })
				if err != nil || len(out) != len(doc) || mask == "seal" && out != doc {
					t.Errorf("%d, %s: %v\n got %s\nwant %s", dims, mask, err, out, doc)
				}
			}
		}
	}
}
