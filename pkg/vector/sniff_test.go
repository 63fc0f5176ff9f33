package vector_test

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/vector"
)

// inLines breaks text into lines of 76 bytes, as MIME has it (RFC 2045 §6.8).
func inLines(text, end string) string {
	var b strings.Builder
	for i := 0; i < len(text); i += 76 {
		b.WriteString(text[i:min(i+76, len(text))] + end)
	}
	return b.String()
}

// doubles is base64 of the values as little-endian float64.
func doubles(v ...float32) string {
	var b []byte
	for _, f := range v {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(float64(f)))
	}
	return base64.StdEncoding.EncodeToString(b)
}

// npy is a vector as numpy.save writes it, in base64: a head of 128 bytes and the floats.
func npy(v ...float32) string {
	head := fmt.Sprintf("%-127s\n", "\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (64,), }")
	raw, _ := base64.StdEncoding.DecodeString(b64(v...))
	return base64.StdEncoding.EncodeToString(append([]byte(head)[:128], raw...))
}

// TestVectorsInStrings: a vector in a string that nobody declared leaves by no more than what a detector must have seen of it.
func TestVectorsInStrings(t *testing.T) {
	enc := b64(sample(64)...)
	raw, _ := base64.StdEncoding.DecodeString(enc)
	tests := map[string]struct{ text, want string }{ // inside the quotes
		"numbers":            {"bad input: [" + long(40) + "]", "bad input: ["},
		"numbers, as many":   {long(32), ""},
		"numpy":              {"[" + strings.ReplaceAll(long(40), ", ", ` `) + `\n` + long(40) + "]", "["},
		"numbers, quoted":    {`{\"v\":[\"` + strings.ReplaceAll(long(40), ", ", `\",\"`) + `\"]}`, `{\"v\":[\"`},
		"numbers, tabs":      {strings.ReplaceAll(long(40), ", ", `\t`), ""},
		"numbers, escaped":   {"v: " + strings.NewReplacer("0.", `\u0030.`, ", ", `\u002C`).Replace(long(40)), "v: "},
		"separators escaped": {"x " + strings.ReplaceAll(long(40), ", ", `\u0020`), "x "},
		"minus escaped":      {"x " + strings.Repeat(`\u002d0.5\f`, 40), "x "},
		"base64, escaped":    {"x: " + strings.NewReplacer("+", `\u002b`, "/", `\u002F`, "A", `\u0041`).Replace(enc), "x: "},
		"exponents":          {"x=" + strings.Repeat("1e-2,-3E-1,", 20), "x="},
		"some whole":         {strings.Repeat("0,0.5,", 20), ""},
		"base64":             {"x: " + enc + " y", "x: "},
		"base64 after \\u":   {`caf\u00e9` + enc, `caf\u00e9`},
		"slashes escaped":    {strings.ReplaceAll(enc+enc, "/", `\/`), ""},
		"base64 in lines":    {"v=" + inLines(enc, `\n`), "v="},
		"base64 in CR lines": {"v=" + inLines(enc, `\r\n`), "v="},
		"base64 for URLs":    {strings.NewReplacer("+", "-", "/", "_").Replace(enc), ""},
		"float64":            {doubles(sample(64)...), ""},
		"hexadecimal":        {"0x" + hex.EncodeToString(raw), ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			doc, want := `{"x":"`+tc.text+`","y":"z"}`, `{"x":"`+tc.want+`","y":"z"}`
			if !json.Valid([]byte(doc)) {
				t.Fatalf("no JSON: %s", doc)
			}
			for _, mask := range []authz.MaskMode{authz.MaskRedact, authz.MaskZero} {
				through{opts: vector.Options{Mask: mask}}.everyCut(t, doc, want, vector.Reading{Vectors: 1, Undeclared: 1})
			}
		})
	}
	got, read, err := feed([]byte(`{"x":"`+npy(sample(64)...)+`"}`), authz.MaskRedact, nil, bytewise)
	if err != nil || read.Undeclared != 1 || len(got) > len(`{"x":""}`)+176 { // the head, and three values
		t.Errorf("npy: %v, %+v, %s", err, read, got)
	}
}

// TestTextIsLeftAlone: what merely looks a little like a vector passes as it is.
func TestTextIsLeftAlone(t *testing.T) {
	dates, addresses, sums := strings.Repeat("2026-01-02 ", 60), strings.Repeat("10.20.30.40, ", 60), strings.Repeat(strings.Repeat("0123456789abcdef", 4)+` `, 9)
	for name, text := range map[string]string{
		"whole numbers":   strings.Repeat("1, 22, 333, ", 40),
		"few fractions":   "[" + long(31) + "]",
		"prose":           strings.Repeat("In 2026 it was 0.5 m, then 0.7 m; \\\"high\\\" \\u00e9\\n", 40),
		"escapes":         strings.Repeat(`\u0031\u0032\u00e9\u2028 \u0030.5\u005c\u0022 x`, 40),
		"dates":           dates,
		"dates, dotted":   strings.Repeat("01.02.2026 ", 60),
		"addresses":       addresses,
		"rules of dashes": strings.Repeat("- ", 100) + strings.Repeat("-", 300),
		"checksums":       sums,
		"text in base64":  base64.StdEncoding.EncodeToString([]byte(strings.Repeat("The quick brown fox jumps over the lazy dog. ", 20))),
		"DNA":             strings.Repeat("GATTACAGATCGATTAGCTA", 40),
		"a long number":   strings.Repeat("31415926535", 100),
		"a token":         "eyJhbGciOiJFUzI1NiJ9." + base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"https://issuer.example","sub":"ada","aud":["a","b"],"exp":1764057600,"iat":1764054000,"groups":["research","ml-platform","everybody"],"email":"ada@example.org"}`)),
		"backslashes":     strings.Repeat(`\\`, 300) + strings.Repeat(`\/`, 300) + strings.Repeat(`\n`, 300),
	} {
		doc := `{"x":"` + text + `"}`
		for _, cut := range []func(int) int{whole, bytewise} {
			if got, read, err := feed([]byte(doc), authz.MaskRedact, nil, cut); err != nil || got != doc || read != (vector.Reading{}) {
				t.Errorf("%s: %v, %+v\n got %s\nwant %s", name, err, read, got, doc)
			}
		}
	}
}
