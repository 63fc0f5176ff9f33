package vector_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/weirgate/weir/pkg/vector"
)

// jsonOf writes a vector as JSON's numbers.
func jsonOf(v []float32) string {
	parts := make([]string, len(v))
	for i, x := range v {
		parts[i] = strconv.FormatFloat(float64(x), 'g', -1, 32)
	}
	return "[" + strings.Join(parts, ",") + "]"
}

// TestUnopened: a sealed vector is found wherever it stands in a body, however that is written, and a raw one is not.
func TestUnopened(t *testing.T) {
	s := vector.NewSealer(ring(t, master(1)))
	for _, d := range sealDims {
		raw := vec(d, 7)
		sealed := seal(t, s, raw, place)
		spaced := strings.ReplaceAll(jsonOf(sealed), ",", ", ")
		eight := &strings.Builder{}
		for i, x := range sealed {
			fmt.Fprintf(eight, "%s%.8f", map[bool]string{true: "", false: ",\n"}[i == 0], x)
		}
		for name, tc := range map[string]struct {
			body []byte
			want int64
		}{
			"JSON":              {[]byte(`{"v":` + jsonOf(sealed) + `,"w":[` + jsonOf(sealed) + `,` + jsonOf(raw) + `]}`), 2},
			"spaced":            {[]byte(`{"v":` + spaced + `}`), 1},
			"eight decimals":    {[]byte(`[` + eight.String() + `]`), 1},
			"in a string":       {[]byte(`{"v":"` + spaced + `"}`), 1},
			"GraphQL":           {[]byte(`{"query":"{Get{Docs(nearVector:{vector:` + spaced + `}){title}}}"}`), 1},
			"bytes":             {append([]byte("head"), le(sealed)...), 1},
			"at an odd place":   {append([]byte("a head"), append(le(sealed), "tail"...)...), 1},
			"in a message":      {pb(3, pb(9, append(le(sealed), le(raw)...))), 1},
			"one after another": {pb(3, append(pb(9, le(sealed)), pb(9, le(sealed))...)), 2},
			"raw":               {[]byte(`{"v":` + jsonOf(raw) + `}`), 0},
			"raw bytes":         {le(raw), 0},
			"nothing":           {nil, 0},
		} {
			if got := vector.Unopened(tc.body); got != tc.want {
				t.Errorf("%d dims, %s: %d, want %d", d, name, got, tc.want)
			}
		}
	}
}

// TestRawIsNotUnopened: real vectors, as float32 and float16 and in JSON, texts and bytes that mean something else are no sealed vectors.
func TestRawIsNotUnopened(t *testing.T) {
	half, err := os.ReadFile("testdata/minilm-l6-v2.f16")
	if err != nil {
		t.Fatal(err)
	}
	golden, err := os.ReadFile("testdata/messages.golden")
	if err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string][]byte{
		"float16": half, "text": golden, "zeros": make([]byte, 1<<20), "digits": bytes.Repeat([]byte("0.123456789,"), 10_000), "marks": bytes.Repeat([]byte("?"), 1<<16),
		"one number": bytes.Repeat([]byte("\x00\x00\x00\x3f"), 10_000), "ones": []byte("[" + strings.Repeat("1,0.5,", 5000) + "1]"),
	} {
		if n := vector.Unopened(body); n != 0 {
			t.Errorf("%s: %d", name, n)
		}
	}
	for at := 0; at+768 <= len(half); at += 768 {
		v := halves(half[at : at+768])
		if vector.Unopened(le(v))+vector.Unopened([]byte(jsonOf(v))) != 0 {
			t.Fatalf("the vector at %d", at)
		}
	}
}

// BenchmarkUnopened is what a request costs more where sealed vectors may come.
func BenchmarkUnopened(b *testing.B) {
	text := []byte(`{"points":[` + strings.Repeat(jsonOf(vec(1536, 3))+",", 64) + "[1]]}")
	for name, body := range map[string][]byte{"encoding=json": text, "encoding=bytes": bytes.Repeat(le(vec(1536, 3)), 64), "encoding=text": bytes.Repeat([]byte("lorem ipsum "), 1<<17)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if vector.Unopened(body) != 0 {
					b.Fatal()
				}
			}
		})
	}
}

// halves reads float16, little-endian; none of those here is infinite.
func halves(b []byte) []float32 {
	v := make([]float32, len(b)/2)
	for i := range v {
		u := binary.LittleEndian.Uint16(b[2*i:])
		fraction, exponent := float64(u&0x3ff)/1024, int(u>>10&31)
		if exponent > 0 {
			fraction++
		} else {
			exponent = 1
		}
		if v[i] = float32(math.Ldexp(fraction, exponent-15)); u>>15 == 1 {
			v[i] = -v[i]
		}
	}
	return v
}
