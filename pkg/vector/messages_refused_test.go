package vector_test

import (
	"strings"
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
	"github.com/weirgate/weir/pkg/scan"
	"github.com/weirgate/weir/pkg/vector"
)

func TestUnitVectorsInMessages(t *testing.T) {
	one32, one64 := []float32{1, 0, 0}, []float64{1, 0}
	for name, tc := range map[string]struct {
		field     scan.Field
		doc, want []byte
	}{
		"floats":          {scan.Field{Path: "1"}, pb(1, []float32{2, 3, 4}), pb(1, one32)},
		"floats, one one": {scan.Field{Path: "1"}, join(pb(1, float32(2)), pb(1, float32(3))), join(pb(1, float32(1)), pb(1, float32(0)))},
		"doubles":         {scan.Field{Path: "1", Encoding: scan.EncodingDoubles}, pb(1, []float64{2, 3}), pb(1, one64)},
		"float16":         {scan.Field{Path: "1", Encoding: scan.EncodingF16}, pb(1, "abcd"), pb(1, "\x00\x3c\x00\x00")},
		"bfloat16":        {scan.Field{Path: "1", Encoding: scan.EncodingBF16}, pb(1, "abcd"), pb(1, "\x80\x3f\x00\x00")},
		"int8":            {scan.Field{Path: "1", Encoding: scan.EncodingI8}, pb(1, "abcd"), pb(1, "\x01\x00\x00\x00")},
		"bits":            {scan.Field{Path: "1", Encoding: scan.EncodingBits}, pb(1, "abcd"), pb(1, "\x80\x00\x00\x00")},
		"pairs":           {scan.Field{Path: "1", Encoding: scan.EncodingSparse}, pb(1, le(uint32(9), float32(3), uint32(9000), float32(2))), pb(1, le(uint32(0), float32(1), uint32(1), float32(0)))},
		"whole numbers":   {scan.Field{Path: "1", Encoding: scan.EncodingInts}, pb(1, []int{500, 5}), pb(1, "\x01\x80\x00")},
		"rows":            {scan.Field{Path: "1", Encoding: scan.EncodingInts, Dims: "2"}, join(pb(2, 1), pb(1, []int{5, 5})), join(pb(2, 1), pb(1, []int{1, 1}))},
	} {
		th := through{format: scan.FormatGRPC, fields: []scan.Field{tc.field}, opts: vector.Options{Mask: authz.MaskZero, Unit: true}}
		for _, cut := range []func(int) int{whole, bytewise} {
			got, _, err := th.feed([]byte(sent(tc.doc)), cut)
			if err != nil || got != sent(tc.want) {
				t.Errorf("%s: %x, %v; want %x", name, got, err, sent(tc.want))
			}
		}
	}
}

func TestMessagesRefused(t *testing.T) {
	floats := []scan.Field{{Path: "1.2", Encoding: scan.EncodingFloats}}
	rows := []scan.Field{{Path: "1.2", Encoding: scan.EncodingFloats, Dims: "1.1"}}
	raw := rpcFields(t, dialect.KServe{}, "/inference.GRPCInferenceService/ModelInfer")
	for name, tc := range map[string]struct {
		fields []scan.Field
		msg    []byte
	}{
		"a number for a vector":          {floats, pb(1, pb(2, 1))},
		"a double for a float":           {floats, pb(1, pb(2, 1.))},
		"half a float":                   {floats, pb(1, pb(2, "abcde"))},
		"bytes in pieces":                {[]scan.Field{{Path: "1", Encoding: scan.EncodingF16}}, pb(1, "abc")},
		"a float for bytes":              {[]scan.Field{{Path: "1", Encoding: scan.EncodingF32}}, pb(1, float32(1))},
		"half a row":                     {rows, pb(1, join(pb(1, 2), pb(2, []float32{1, 2, 3})))},
		"rows without a length":          {rows, pb(1, pb(2, []float32{1, 2, 3}))},
		"rows of no length":              {rows, pb(1, join(pb(1, 0), pb(2, []float32{1, 2, 3})))},
		"the length of another":          {rows, join(pb(1, pb(1, 2)), pb(1, pb(2, []float32{1, 2})))},
		"the length after":               {rows, pb(1, join(pb(1, 2), pb(2, []float32{1, 2}), pb(1, 1)))},
		"the length, a string":           {rows, pb(1, join(pb(1, "\x80"), pb(2, []float32{1, 2})))},
		"the length, a float":            {rows, pb(1, join(pb(1, float32(2)), pb(2, []float32{1, 2})))},
		"the length, endless":            {rows, pb(1, join(pb(1, 1<<40), pb(2, []float32{1, 2})))},
		"rows behind a length that lies": {[]scan.Field{{Path: "1", Encoding: scan.EncodingF32}}, pb(1, le(uint16(2), float32(1)))},
		"rows behind no length":          {[]scan.Field{{Path: "1", Encoding: scan.EncodingF32}}, pb(1, le(uint16(0), float32(1)))},
		"a number of vectors that lies":  {[]scan.Field{{Path: "1", Rows: "3"}}, join(pb(1, []float32{1, 2, 3}), pb(3, 5))},
		"no number of vectors":           {[]scan.Field{{Path: "1", Rows: "3"}}, join(pb(1, []float32{1, 2, 3}), pb(3, 0))},
		"a tensor without its output":    {raw, pb(6, "abcd")},
		"a tensor too many":              {raw, join(pb(5, join(pb(2, "FP32"), pb(3, 1))), pb(6, "abcd"), pb(6, "abcd"))},
		"a tensor of no known type":      {raw, join(pb(5, join(pb(2, "FP8"), pb(3, 4))), pb(6, "abcd"))},
		"a tensor without a shape":       {raw, join(pb(5, pb(2, "FP32")), pb(6, "abcd"))},
		"a type after its tensor":        {[]scan.Field{{Path: "2", Type: "1"}}, join(pb(1, "FP32"), pb(2, "abcd"), pb(1, "FP16"))},
		"whole numbers, not packed":      {[]scan.Field{{Path: "1", Encoding: scan.EncodingInts}}, pb(1, 1)},
		"whole numbers that go on":       {[]scan.Field{{Path: "1", Encoding: scan.EncodingInts}}, pb(1, "\x80")},
		"whole numbers, padded":          {[]scan.Field{{Path: "1", Encoding: scan.EncodingInts}}, pb(1, "\x80\x00")},
		"whole numbers, too long":        {[]scan.Field{{Path: "1", Encoding: scan.EncodingInts}}, pb(1, strings.Repeat("\xff", 10)+"\x01")},
		"whole numbers, too large":       {[]scan.Field{{Path: "1", Encoding: scan.EncodingInts}}, pb(1, strings.Repeat("\xff", 9)+"\x02")},
		"indices, floats":                {[]scan.Field{{Path: "1", Role: scan.RoleIndices}}, pb(1, float32(1))},
		"a name that is no text":         {[]scan.Field{{Path: "2", Named: "1"}}, pb(1, "\xff")},
		"a name too long":                {[]scan.Field{{Path: "2", Named: "1"}}, pb(1, strings.Repeat("a", 257))},
		"a name that is a number":        {[]scan.Field{{Path: "2", Named: "1"}}, pb(1, 1)},
		"a group":                        {floats, []byte{0x0b, 0x0c}},
	} {
		for _, mask := range []authz.MaskMode{authz.MaskNone, authz.MaskZero, authz.MaskRedact} {
			refuses(t, through{format: scan.FormatGRPC, fields: tc.fields, opts: vector.Options{Mask: mask}}, sent(tc.msg), vector.ErrMalformed)
		}
		if t.Failed() {
			t.Fatal(name)
		}
	}
	th := through{format: scan.FormatGRPC, fields: floats}
	refuses(t, th, "\x01\x00\x00\x00\x00", scan.ErrCompressed)
	refuses(t, th, sent(pb(9, "abc"))[:6], vector.ErrMalformed)
	th = through{format: scan.FormatGRPC, fields: []scan.Field{{Path: "2", Named: "1"}}, opts: vector.Options{Mask: "seal", Masker: backwards{}}}
	refuses(t, th, sent(join(pb(2, []float32{1}), pb(1, "late"))), vector.ErrMalformed)
}

func TestFieldsOfMessagesRefused(t *testing.T) {
	for name, fields := range map[string][]scan.Field{
		"no number":             {{Path: "a"}},
		"an element":            {{Path: "1[*]"}},
		"one within another":    {{Path: "1"}, {Path: "1.2"}},
		"twice":                 {{Path: "1", Encoding: scan.EncodingFloats}, {Path: "1", Encoding: scan.EncodingF32}},
		"scores and vectors":    {{Path: "1"}, {Path: "1", Role: scan.RoleScore}},
		"an encoding of JSON's": {{Path: "1", Encoding: scan.EncodingBase64}},
		"a role nobody knows":   {{Path: "1", Role: "x"}},
		"a name elsewhere":      {{Path: "1.2", Named: "3.1"}},
		"a length far away":     {{Path: "1.2.3", Dims: "3.1"}},
		"a length in a vector":  {{Path: "1", Dims: "2"}, {Path: "2"}},
		"a number of vectors":   {{Path: "1.2", Rows: "3"}},
	} {
		if _, err := vector.NewStream(scan.FormatGRPC, fields, vector.Options{}); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if _, err := vector.NewStream(scan.FormatGRPC, nil, vector.Options{Fields: []string{"a"}}); err == nil {
		t.Error("a path of JSON's is taken")
	}
}
