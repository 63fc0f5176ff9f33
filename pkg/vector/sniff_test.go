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

// labelled is 40 numbers of a vector, with text before and behind each.
func labelled(before, behind string) string {
	return strings.TrimSuffix(before+strings.ReplaceAll(long(40), ", ", behind+before)+behind, behind)
}

// numbered is 40 numbers of a vector, each with its index.
func numbered(format string) string {
	var b strings.Builder
	for i, n := range strings.Split(long(40), ", ") {
		fmt.Fprintf(&b, format, i, n)
	}
	return b.String()
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
		// With something else than separators between them, the same again and again.
		"numpy 2":            {"[" + labelled("np.float32(", "), ") + ")]", "[np.float"},
		"numpy 2, rows":      {"[[" + labelled("np.float64(", "),\\n  ") + ")]]", "[[np.float"},
		"PyTorch":            {labelled("torch.tensor(", "), "), "torch.tensor("},
		"decimals":           {labelled("Decimal('", "'), "), "Decimal('"},
		"labels":             {"[" + labelled("v: ", ", ") + "]", "[v: "},
		"labels, equal":      {labelled("v=", " "), "v="},
		"labels, quoted":     {"{" + labelled(`\"v\": `, ", ") + "}", `{\"v\": `},
		"numbered":           {numbered("v%d=%s;"), "v0="},
		"indices":            {numbered("[%d] = %s\\n"), "[0] = "},
		"indices, a map":     {"{" + numbered("%d:%s, ") + "}", "{0:"},
		"XML":                {labelled("<double>", "</double>"), "<double>"},
		"slashes":            {labelled("", "/"), ""},
		"slashes, escaped":   {labelled("", `\/`), ""},
		"backslashes":        {labelled("", `\\`), ""},
		"letters":            {labelled("x", ""), "x"},
		"signs":              {labelled("", "+"), ""},
		"signs, spaces":      {labelled("", " - "), ""},
		"colons":             {labelled("", ":"), ""},
		"units":              {labelled("", " mm, "), ""},
		"beyond ASCII":       {labelled("", "\u00b7"), ""},
		"beyond, escaped":    {labelled("", `\u00b7`), ""},
		"label, escaped":     {labelled(`\u0076\u003d`, ` `), `\u0076\u003d`},
		"no zero":            {strings.ReplaceAll(labelled("v=", " "), "0.", "."), "v="},
		"exponents, labels":  {strings.Repeat("x=-1.25e+01 ", 40), "x="},
		"a row, then labels": {"[" + long(20) + "], " + labelled("v=", " "), "["},
		"labels, then a row": {strings.Repeat("v=12.50 ", 20) + strings.TrimSuffix(strings.Repeat("13.25, ", 40), ", "), strings.Repeat("v=12.50 ", 19) + "v="},
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
		"escapes":         strings.Repeat(`\u0031\u0032\u00e9\u2028 \u0031\u0030.5\u005c\u0022 x`, 40),
		"dates":           dates,
		"dates, dotted":   strings.Repeat("01.02.2026 ", 60),
		"addresses":       addresses,
		"rules of dashes": strings.Repeat("- ", 100) + strings.Repeat("-", 300),
		"checksums":       sums,
		"text in base64":  base64.StdEncoding.EncodeToString([]byte(strings.Repeat("The quick brown fox jumps over the lazy dog. ", 20))),
		"DNA":             strings.Repeat("GATTACAGATCGATTAGCTA", 40),
		"a long number":   strings.Repeat("31415926535", 100),
		"a token":         "eyJhbGciOiJFUzI1NiJ9." + base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"https://issuer.example","sub":"ada","aud":["a","b"],"exp":1764057600,"iat":1764054000,"groups":["research","ml-platform","everybody"],"email":"ada@example.org"}`)),
		// Figures that are no vectors: a figure with a label is in half of what people write.
		"boilerplate":           strings.Repeat(`The flow was 0.5 m, the depth 0.712 m and the slope 0.02; see section 4.1, page 12.\n`, 40),
		"a log":                 strings.Repeat(`10.20.30.40 - - [02/Jan/2026:12:30:45 +0000] \"GET /v1/embeddings HTTP/1.1\" 200 5316 0.012\n`, 40),
		"a log, dated":          strings.Repeat(`2026-01-02T12:30:45.123Z level=info took=0.712s status=200\n`, 40),
		"a log, timed":          strings.Repeat(`12:30:45.123 took 0.7 ms\n`, 40),
		"pings":                 strings.Repeat(`64 bytes from 10.20.30.40: icmp_seq=1 ttl=64 time=0.042 ms\n`, 40),
		"address, time":         strings.Repeat(`10.20.30.40 0.712\n`, 40),
		"laps":                  strings.Repeat(`1:23.456, `, 40),
		"subtitles":             strings.Repeat(`00:00:01.000 --> 00:00:04.250\nA river.\n\n`, 40),
		"prices":                strings.Repeat(`$12.50, $3.99, $104.00, `, 20),
		"prices, a table":       strings.Repeat(`| EUR 12.50 | EUR 3.99 | 17 |\n`, 20),
		"prices, named":         strings.Repeat(`price: 12.50, price: 3.99; `, 20),
		"percentages":           strings.Repeat(`12.5 %, 3.2 %, `, 40),
		"versions, named":       strings.Repeat(`weir v1.2.3, opa v1.10, envoy v1.40; `, 40),
		"temperatures":          strings.Repeat(`-12.5 °C, 3.25 °C, `, 40),
		"a style sheet":         strings.Repeat(`margin: 0.5em auto; padding: 0.25em; line-height: 1.25;\n`, 40),
		"UUIDs":                 strings.Repeat(`550e8400-e29b-41d4-a716-446655440000, 6ba7b810-9dad-11d1-80b4-00c04fd430c8, `, 20),
		"Prometheus":            strings.Repeat(`# HELP rpc_seconds Latency.\n# TYPE rpc_seconds histogram\nrpc_seconds_bucket{le=\"0.05\"} 24054\nrpc_seconds_bucket{le=\"0.1\"} 33444\nrpc_seconds_bucket{le=\"0.2\"} 100392\nrpc_seconds_sum 53423.25\nrpc_seconds_count 144320\n`, 20),
		"Prometheus, quantiles": strings.Repeat(`go_gc_duration_seconds{quantile=\"0.25\"} 3.41e-05\n`, 40),
		"Prometheus, gauges":    strings.Repeat(`node_load1 0.52\nnode_load5 0.361\nnode_cpu{mode=\"idle\"} 0.97\nup 1\n`, 20),
		"identifiers":           strings.Repeat(`vlseg2e8, vlseg2e16, vlse32.v, vlse8.v; `, 40),
		"a report":              strings.Repeat(`river   0.91  0.85  0.88  120\nweir    0.78  0.81  0.79   64\nlock    0.66  0.71  0.68   12\n`, 20),
		"backslashes":           strings.Repeat(`\\`, 300) + strings.Repeat(`\/`, 300) + strings.Repeat(`\n`, 300),
	} {
		doc := `{"x":"` + text + `"}`
		for _, cut := range []func(int) int{whole, bytewise} {
			if got, read, err := feed([]byte(doc), authz.MaskRedact, nil, cut); err != nil || got != doc || read != (vector.Reading{}) {
				t.Errorf("%s: %v, %+v\n got %s\nwant %s", name, err, read, got, doc)
			}
		}
	}
}
