package vector_test

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
	"github.com/weirgate/weir/pkg/vector"
)

// url is b64 in the URL alphabet, without padding.
func url(v ...float32) string {
	return strings.NewReplacer("+", "-", "/", "_", "=", "").Replace(b64(v...))
}

// TestEncodings: what leaves of each encoding, as it was: none; and by zero, zero with Unit, and redact.
func TestEncodings(t *testing.T) {
	type wants struct{ zero, unit, redact string }
	sparse := `{"indices":[7,42],"values":[0.5,-1.5e-2]}`
	tests := map[string]struct {
		doc  string
		at   scan.Field
		want wants
		read vector.Reading
	}{
		"floats": {
			`[[0.1, -2e3 ],[]]`,
			scan.Field{Path: "[*]", Encoding: scan.EncodingFloats},
			wants{`[[0,0],[]]`, `[[1,0],[]]`, `[[],[]]`},
			vector.Reading{Vectors: 2, Dims: 2, BytesFloat: 14},
		},
		"ints": {
			`{"int8":[[-128,127, 0],null]}`,
			scan.Field{Path: "int8[*]", Encoding: scan.EncodingInts},
			wants{`{"int8":[[0,0,0],null]}`, `{"int8":[[1,0,0],null]}`, `{"int8":[[],null]}`},
			vector.Reading{Vectors: 1, Dims: 3, BytesInt: 13},
		},
		"base64": {
			`["` + b64(0.5, -1) + `"]`,
			scan.Field{Path: "[*]", Encoding: scan.EncodingBase64},
			wants{`["AAAAAAAAAAA="]`, `["AACAPwAAAAA="]`, `[""]`},
			vector.Reading{Vectors: 1, Dims: 2, BytesBase64: 12},
		},
		"base64 for URLs": {
			`["` + url(-0.99, 7e8) + `"]`,
			scan.Field{Path: "[*]"},
			wants{`["AAAAAAAAAAA"]`, `["AACAPwAAAAA"]`, `[""]`},
			vector.Reading{Vectors: 1, Dims: 2, BytesBase64: 11},
		},
		"one float in base64": {
			`["` + b64(-1) + `"]`,
			scan.Field{Path: "[*]"},
			wants{`["AAAAAA=="]`, `["AACAPw=="]`, `[""]`},
			vector.Reading{Vectors: 1, Dims: 1, BytesBase64: 8},
		},
		"base64 of float16": {
			`["ADwAwAB8"]`,
			scan.Field{Path: "[*]", Encoding: scan.EncodingBase64F16},
			wants{`["AAAAAAAA"]`, `["ADwAAAAA"]`, `[""]`},
			vector.Reading{Vectors: 1, Dims: 3, BytesBase64: 8},
		},
		"base64 of int8": {
			`["gX8AAQ==","fw"]`,
			scan.Field{Path: "[*]", Encoding: scan.EncodingBase64I8},
			wants{`["AAAAAA==","AA"]`, `["AQAAAA==","AQ"]`, `["",""]`},
			vector.Reading{Vectors: 2, Dims: 5, BytesBase64: 10},
		},
		"base64 that ends before where the one before did, which is a quotation mark": {
			`["gX8AAQgX8AAQgX8A","gX8AAQgX8AA","fw","gX8AAQgX8AAQgX8A"]`,
			scan.Field{Path: "[*]", Encoding: scan.EncodingBase64I8},
			wants{`["AAAAAAAAAAAAAAAA","AAAAAAAAAAA","AA","AAAAAAAAAAAAAAAA"]`, `["AQAAAAAAAAAAAAAA","AQAAAAAAAAA","AQ","AQAAAAAAAAAAAAAA"]`, `["","","",""]`},
			vector.Reading{Vectors: 4, Dims: 33, BytesBase64: 45},
		},
		"nested: one": {
			`{"vector":[ 0.1,2]}`,
			scan.Field{Path: "vector", Encoding: scan.EncodingNested},
			wants{`{"vector":[ 0,0]}`, `{"vector":[ 1,0]}`, `{"vector":[ ]}`},
			vector.Reading{Vectors: 1, Dims: 2, BytesFloat: 8},
		},
		"nested: several": {
			`{"vector":[[0.1,2],[3,4], null]}`,
			scan.Field{Path: "vector", Encoding: scan.EncodingNested},
			wants{`{"vector":[[0,0],[0,0], null]}`, `{"vector":[[1,0],[1,0], null]}`, `{"vector":[[],[], null]}`},
			vector.Reading{Vectors: 2, Dims: 4, BytesFloat: 12},
		},
		"nested: named": {
			`{"vector":{"a":[0.1],"b" : [[1],[2]],"c":` + sparse + `,"d":"` + b64(1) + `","values":[5],"e":null}}`,
			scan.Field{Path: "vector", Encoding: scan.EncodingNested},
			wants{
				`{"vector":{"a":[0],"b" : [[0],[0]],"c":{"indices":[0,1],"values":[0,0]},"d":"AAAAAA==","values":[0],"e":null}}`,
				`{"vector":{"a":[1],"b" : [[1],[1]],"c":{"indices":[0,1],"values":[1,0]},"d":"AACAPw==","values":[1],"e":null}}`,
				`{"vector":{"a":[],"b" : [[],[]],"c":{"indices":[],"values":[]},"d":"","values":[],"e":null}}`,
			},
			vector.Reading{Vectors: 6, Dims: 7, BytesFloat: 14, BytesBase64: 8, BytesSparse: int64(len(sparse))},
		},
		"nested: sparse": {
			`{"vector":{ "values" : [1.5], "Indices":[ 3 ] } }`,
			scan.Field{Path: "vector", Encoding: scan.EncodingNested},
			wants{`{"vector":{"indices":[0],"values":[0]} }`, `{"vector":{"indices":[0],"values":[1]} }`, `{"vector":{"indices":[],"values":[]} }`},
			vector.Reading{Vectors: 1, Dims: 1, BytesSparse: 37},
		},
		"nested: entries": {
			`[[ {"index":1,"value":2}, {"value":0.5, "index":0}]]`,
			scan.Field{Path: "[*]", Encoding: scan.EncodingNested},
			wants{`[[ {"index":0,"value":0},{"index":1,"value":0}]]`, `[[ {"index":0,"value":1},{"index":1,"value":0}]]`, `[[ ]]`},
			vector.Reading{Vectors: 1, Dims: 2, BytesSparse: 50},
		},
		"nested: nothing": {
			`{"vector":{},"vectors":[]}`,
			scan.Field{Path: "*", Encoding: scan.EncodingNested},
			wants{`{"vector":{},"vectors":[]}`, `{"vector":{},"vectors":[]}`, `{"vector":{},"vectors":[]}`},
			vector.Reading{},
		},
		"sparse": {
			`{"s":` + sparse + `}`,
			scan.Field{Path: "s", Encoding: scan.EncodingSparse},
			wants{`{"s":{"indices":[0,1],"values":[0,0]}}`, `{"s":{"indices":[0,1],"values":[1,0]}}`, `{"s":{"indices":[],"values":[]}}`},
			vector.Reading{Vectors: 1, Dims: 2, BytesSparse: int64(len(sparse))},
		},
		"sparse: entries": {
			`[[{"index":1,"value":2}],[]]`,
			scan.Field{Path: "[*]", Encoding: scan.EncodingSparse},
			wants{`[[{"index":0,"value":0}],[]]`, `[[{"index":0,"value":1}],[]]`, `[[],[]]`},
			vector.Reading{Vectors: 2, Dims: 1, BytesSparse: 25},
		},
		"sparse: weights": {
			`{"s":{"7":0.5,"42":-1e-2}}`,
			scan.Field{Path: "s", Encoding: scan.EncodingSparse},
			wants{`{"s":{}}`, `{"s":{}}`, `{"s":{}}`},
			vector.Reading{Vectors: 1, Dims: 2, BytesSparse: 20},
		},
		"text": {
			`[{"v":"[0.1,-2e-05, 3]"},{"v":" [] "}]`,
			scan.Field{Path: "[*].v", Encoding: scan.EncodingText},
			wants{`[{"v":"[0,0,0]"},{"v":"[]"}]`, `[{"v":"[1,0,0]"},{"v":"[]"}]`, `[{"v":"[]"},{"v":"[]"}]`},
			vector.Reading{Vectors: 2, Dims: 3, BytesText: 19},
		},
		"text: sparse": {
			`["{1:0.5, 7:-2}/1536","{}/3"]`,
			scan.Field{Path: "[*]", Encoding: scan.EncodingText},
			wants{`["{}/1536","{}/3"]`, `["{1:1}/1536","{}/3"]`, `["{}/1536","{}/3"]`},
			vector.Reading{Vectors: 2, Dims: 2, BytesText: 22},
		},
		"text: bits": {
			`["0101"]`,
			scan.Field{Path: "[*]", Encoding: scan.EncodingText},
			wants{`["0000"]`, `["1000"]`, `[""]`},
			vector.Reading{Vectors: 1, Dims: 4, BytesText: 4},
		},
		"any member": {
			`{"vectors":{"a":{"values":[1,2]},"b":{"values":[3]}},"values":[4]}`,
			scan.Field{Path: "vectors.*.values"},
			wants{`{"vectors":{"a":{"values":[0,0]},"b":{"values":[0]}},"values":[4]}`, `{"vectors":{"a":{"values":[1,0]},"b":{"values":[1]}},"values":[4]}`, `{"vectors":{"a":{"values":[]},"b":{"values":[]}},"values":[4]}`},
			vector.Reading{Vectors: 2, Dims: 3, BytesFloat: 8},
		},
		"any depth": {
			`{"hits":[{"a":{"v":[1]},"b":[{"V":"` + b64(1) + `"}],"v":[2]}]}`,
			scan.Field{Path: "hits[*].**.v"},
			wants{`{"hits":[{"a":{"v":[0]},"b":[{"V":"AAAAAA=="}],"v":[0]}]}`, `{"hits":[{"a":{"v":[1]},"b":[{"V":"AACAPw=="}],"v":[1]}]}`, `{"hits":[{"a":{"v":[]},"b":[{"V":""}],"v":[]}]}`},
			vector.Reading{Vectors: 3, Dims: 3, BytesFloat: 6, BytesBase64: 8},
		},
		"indices alone": {
			`{"i":[ 3,17,200 ],"v":null}`,
			scan.Field{Path: "i", Role: scan.RoleIndices},
			wants{`{"i":[0,1,2],"v":null}`, `{"i":[0,1,2],"v":null}`, `{"i":[],"v":null}`},
			vector.Reading{BytesInt: 12},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			th := through{fields: []scan.Field{tc.at}}
			th.opts.Mask = authz.MaskNone
			th.everyCut(t, tc.doc, tc.doc, tc.read)
			th.opts.Mask = authz.MaskZero
			th.everyCut(t, tc.doc, tc.want.zero, tc.read)
			th.opts.Unit = true
			th.everyCut(t, tc.doc, tc.want.unit, tc.read)
			th.opts.Mask = authz.MaskRedact
			th.everyCut(t, tc.doc, tc.want.redact, tc.read)
			th.opts.Mask = authz.MaskRefuse
			if _, _, err := th.feed([]byte(tc.doc), whole); tc.read != (vector.Reading{}) && !errors.Is(err, vector.ErrVectorRefused) {
				t.Errorf("refuse: %v", err)
			}
		})
	}
}

// TestEncodingsAreStrict: a place that holds something else than what it was declared to hold is refused, whole and byte by byte.
func TestEncodingsAreStrict(t *testing.T) {
	bad := map[scan.Encoding][]string{
		scan.EncodingFloats:    {`"` + b64(1) + `"`, `{}`, `1`, `[[1]]`, `["1"]`, `true`},
		scan.EncodingInts:      {`[1.0]`, `[1,2.5,3]`, `[1e2]`, `[1,1E2,3]`, `"AA"`, `[[1]]`, `[1,2,3,4,5,6,7,8,9,0.5]`},
		scan.EncodingBase64:    {`[1]`, `"AAA"`, `"AAAAA"`, `"AAAA"`, `"AAAAAA="`, `"AAAAAA==="`, `"A=AAAA=="`, `"AA==AA=="`, `"AAAA\\nAAAA"`, `"AAAA AAA"`, `"+_AAAA=="`, `"ÀAAAAA=="`, `"="`, `"===="`},
		scan.EncodingBase64F16: {`"AA=="`, `[1]`},
		scan.EncodingBase64I8:  {`"A"`, `"AA="`, `[1]`, `{}`},
		scan.EncodingNested: {
			`1`, `true`, `[[1],2]`, `[1,[2]]`, `[[1],{"index":1,"value":1}]`, `{"a":1}`, `{"a":true}`, `{"a":[1],"A":[2]}`, `{"indices":[1],"values":[1,2]}`, `{"indices":[-1],"values":[1]}`,
			`[true]`, `["x y"]`, `{"values":[1],"x":[1]}`,
		},
		scan.EncodingSparse: {
			`[1]`, `1`, `"AAAAAA=="`, `{"indices":[1.5],"values":[1]}`, `{"indices":[1],"values":["1"]}`, `{"indices":[1],"values":[1],"x":[]}`, `{"indices":[1],"values":null}`,
			`[{"index":1}]`, `[{"value":1}]`, `[{"index":1.5,"value":1}]`, `[{"index":-1,"value":1}]`, `[{"index":1,"value":"1"}]`, `[{"index":1,"value":1,"x":1}]`, `[{"index":1,"index":1,"value":1}]`,
			`[[1]]`, `[null]`, `{"7":"a"}`, `{"7":1,"indices":[1]}`, `{"indices":[1],"7":1,"values":[1]}`, `{"7":1,"7":1}`, `[{"index":1e0,"value":1}]`,
		},
		scan.EncodingText: {
			`"x"`, `""`, `" "`, `"["`, `"[1"`, `"[1,]"`, `"[,1]"`, `"[1]]"`, `"[1] x"`, `"[01]"`, `"[1.]"`, `"[1 2]"`, `"[NaN]"`, `"[1\\u002c2]"`, `"{1:2}"`, `"{1:2}/"`, `"{1:2}/x"`, `"{1}/3"`, `"{1.5:2}/3"`,
			`"{-1:2}/3"`, `"{:2}/3"`, `"{1:}/3"`, `"{1:2,}/3"`, `"{1:2]/3"`, `"[1}"`, `"012"`, `"01 "`, `"{}/12345678901"`, `[1]`, `"[` + strings.Repeat("1", 65) + `]"`, `"{01:2}/3"`, `"[--1]"`,
		},
	}
	for encoding, docs := range bad {
		for _, doc := range docs {
			for _, mask := range []authz.MaskMode{authz.MaskNone, authz.MaskZero, authz.MaskRedact} {
				th := through{fields: []scan.Field{{Path: "v", Encoding: encoding}}, opts: vector.Options{Mask: mask}}
				for _, cut := range []func(int) int{whole, bytewise} {
					if out, _, err := th.feed([]byte(`{"v":`+doc+`}`), cut); !errors.Is(err, vector.ErrMalformed) {
						t.Errorf("%s, %s: %s: error %v after %q; want ErrMalformed", encoding, mask, doc, err, out)
					}
				}
			}
		}
	}
	for _, f := range []scan.Field{{Encoding: scan.EncodingBF16}, {Encoding: scan.EncodingDoubles}, {Encoding: "hex"}, {Role: "id"}, {Path: "a..b"}} {
		if _, err := vector.NewStream(scan.FormatJSON, []scan.Field{f}, vector.Options{}); err == nil {
			t.Errorf("%+v is taken", f)
		}
	}
}

// written is 1,000 vectors of 32 small whole numbers, so that every encoding holds them exactly, in one encoding.
func written(e scan.Encoding) string {
	var docs []string
	for i := range 1000 {
		var numbers, entries, sparseText, indices []string
		var f32, f16, i8, bits []byte
		for j := range 32 {
			bit := (i*31 + j*j*7) % 5 % 2
			numbers = append(numbers, strconv.Itoa(bit))
			indices = append(indices, strconv.Itoa(j))
			entries = append(entries, fmt.Sprintf(`{"index":%d,"value":%d}`, j, bit))
			sparseText = append(sparseText, fmt.Sprintf("%d:%d", j+1, bit))
			f32 = binary.LittleEndian.AppendUint32(f32, uint32(bit)*0x3f800000)
			f16 = binary.LittleEndian.AppendUint16(f16, uint16(bit)*0x3c00)
			i8 = append(i8, byte(bit))
			bits = append(bits, '0'+byte(bit))
		}
		list := "[" + strings.Join(numbers, ",") + "]"
		docs = append(docs, map[scan.Encoding]string{
			scan.EncodingAuto: list, scan.EncodingFloats: strings.ReplaceAll(list, ",", ",\n  "), scan.EncodingInts: list,
			scan.EncodingBase64: `"` + base64.StdEncoding.EncodeToString(f32) + `"`, scan.EncodingBase64F16: `"` + base64.RawURLEncoding.EncodeToString(f16) + `"`,
			scan.EncodingBase64I8: `"` + base64.StdEncoding.EncodeToString(i8) + `"`, scan.EncodingNested: `{"a":[` + list + `]}`,
			scan.EncodingSparse: `{"indices":[` + strings.Join(indices, ",") + `],"values":` + list + `}`, "sparse entries": "[" + strings.Join(entries, ",") + "]",
			scan.EncodingText: `"` + list + `"`, "sparse text": `"{` + strings.Join(sparseText, ",") + `}/32"`, "bits": `"` + string(bits) + `"`,
		}[e])
	}
	return strings.Join(docs, "\n")
}

// TestCountsAreTheSameInEveryEncoding: 1,000 vectors are 1,000 vectors and 32,000 components, however they are written, framed and masked.
func TestCountsAreTheSameInEveryEncoding(t *testing.T) {
	declared := map[scan.Encoding]scan.Encoding{"sparse entries": scan.EncodingSparse, "sparse text": scan.EncodingText, "bits": scan.EncodingText}
	for _, e := range []scan.Encoding{
		scan.EncodingAuto, scan.EncodingFloats, scan.EncodingInts, scan.EncodingBase64, scan.EncodingBase64F16, scan.EncodingBase64I8, scan.EncodingNested, scan.EncodingSparse,
		"sparse entries", scan.EncodingText, "sparse text", "bits",
	} {
		as, ok := declared[e]
		if !ok {
			as = e
		}
		for _, mask := range []authz.MaskMode{authz.MaskNone, authz.MaskZero, authz.MaskRedact, "seal"} {
			text := written(e)
			docs := map[scan.Format]string{
				scan.FormatJSON:   "[" + strings.ReplaceAll(strings.ReplaceAll(text, ",\n  ", ", "), "\n", ",") + "]",
				scan.FormatNDJSON: "[" + strings.ReplaceAll(strings.ReplaceAll(text, ",\n  ", ", "), "\n", "]\n[") + "]",
				scan.FormatSSE:    "data: [" + strings.ReplaceAll(strings.ReplaceAll(text, ",\n  ", ", "), "\n", "]\n\ndata: [") + "]\n\n",
			}
			for format, doc := range docs {
				th := through{format: format, fields: []scan.Field{{Path: "[*]", Encoding: as}}, opts: vector.Options{Mask: mask, Masker: backwards{}}}
				_, read, err := th.feed([]byte(doc), func(int) int { return 997 })
				if err != nil || read.Vectors != 1000 || read.Dims != 32000 || read.Undeclared != 0 {
					t.Errorf("%s, %s, %s: %v, %+v", format, e, mask, err, read)
				}
			}
		}
	}
}
