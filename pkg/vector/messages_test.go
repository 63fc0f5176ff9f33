package vector_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
	"github.com/weirgate/weir/pkg/scan"
	"github.com/weirgate/weir/pkg/vector"
)

// pb is a field of a message: text, bytes, a message of fields, one number, or packed ones.
func pb(number protowire.Number, value any) []byte {
	fixed32 := func(b []byte, f float32) []byte { return protowire.AppendFixed32(b, math.Float32bits(f)) }
	fixed64 := func(b []byte, f float64) []byte { return protowire.AppendFixed64(b, math.Float64bits(f)) }
	tag := func(typ protowire.Type) []byte { return protowire.AppendTag(nil, number, typ) }
	var packed []byte
	switch v := value.(type) {
	case string:
		packed = []byte(v)
	case []byte:
		packed = v
	case float32:
		return fixed32(tag(protowire.Fixed32Type), v)
	case float64:
		return fixed64(tag(protowire.Fixed64Type), v)
	case int:
		return protowire.AppendVarint(tag(protowire.VarintType), uint64(v))
	case []float32:
		for _, f := range v {
			packed = fixed32(packed, f)
		}
	case []float64:
		for _, f := range v {
			packed = fixed64(packed, f)
		}
	case []int:
		for _, i := range v {
			packed = protowire.AppendVarint(packed, uint64(i))
		}
	default:
		panic(fmt.Sprintf("no field of %T", v))
	}
	return protowire.AppendBytes(tag(protowire.BytesType), packed)
}

// join is a message of fields, or fields one after another.
func join(fields ...[]byte) (b []byte) {
	for _, f := range fields {
		b = append(b, f...)
	}
	return b
}

// sent is messages as gRPC sends them.
func sent(msgs ...[]byte) string {
	var b []byte
	for _, m := range msgs {
		b = append(binary.BigEndian.AppendUint32(append(b, 0), uint32(len(m))), m...)
	}
	return string(b)
}

// rpcFields is where the answer of a method holds vectors and scores.
func rpcFields(t testing.TB, d dialect.Dialect, method string) []scan.Field {
	t.Helper()
	op := d.Head("POST", method, "", authz.Header{"content-type": {"application/grpc"}})
	a := d.Answer(op, authz.Response{Status: 200})
	if !a.Judge || a.Format != scan.FormatGRPC || len(a.Fields) == 0 {
		t.Fatalf("%s: %+v", method, a)
	}
	return a.Fields
}

// le is little-endian bytes.
func le(values ...any) (b []byte) {
	for _, v := range values {
		var err error
		if b, err = binary.Append(b, binary.LittleEndian, v); err != nil {
			panic(err)
		}
	}
	return b
}

// TestMessages has a message of each API, and what is left of it.
func TestMessages(t *testing.T) {
	type masks map[authz.MaskMode]string
	const seal = authz.MaskMode("seal") // backwards, in these tests
	for name, tc := range map[string]struct {
		fields []scan.Field
		doc    string
		want   masks
		read   vector.Reading
	}{
		"TEI, Embed": {
			rpcFields(t, dialect.TEI{}, "/tei.v1.Embed/EmbedStream"),
			sent(join(pb(1, []float32{1, 2, 3}), pb(2, join(pb(1, 7)))), join(pb(1, []float32{4, 5}))),
			masks{
				authz.MaskZero:   sent(join(pb(1, []float32{0, 0, 0}), pb(2, join(pb(1, 7)))), join(pb(1, []float32{0, 0}))),
				authz.MaskRedact: sent(join(pb(1, ""), pb(2, join(pb(1, 7)))), join(pb(1, ""))),
				seal:             sent(join(pb(1, []float32{3, 2, 1}), pb(2, join(pb(1, 7)))), join(pb(1, []float32{5, 4}))),
			},
			vector.Reading{Vectors: 2, Dims: 5, BytesBinary: 20},
		},
		"TEI, Embed, not packed": {
			rpcFields(t, dialect.TEI{}, "/tei.v1.Embed/Embed"),
			sent(join(pb(1, float32(1)), pb(2, ""), pb(1, float32(2)), pb(1, []float32{3}))),
			masks{
				authz.MaskZero:   sent(join(pb(1, float32(0)), pb(2, ""), pb(1, float32(0)), pb(1, []float32{0}))),
				authz.MaskRedact: sent(join(pb(2, ""), pb(1, ""))),
				seal:             sent(join(pb(1, float32(0)), pb(2, ""), pb(1, float32(0)), pb(1, []float32{0}))),
			},
			vector.Reading{Vectors: 1, Dims: 3, BytesBinary: 12},
		},
		"TEI, Embed, in two runs": {
			rpcFields(t, dialect.TEI{}, "/tei.v1.Embed/Embed"),
			sent(join(pb(1, []float32{1, 2}), pb(1, []float32{}), pb(1, []float32{3}))),
			masks{
				authz.MaskZero:   sent(join(pb(1, []float32{0, 0}), pb(1, ""), pb(1, []float32{0}))),
				authz.MaskRedact: sent(join(pb(1, ""), pb(1, ""), pb(1, ""))),
				seal:             sent(join(pb(1, []float32{2, 1}), pb(1, ""), pb(1, []float32{0}))), // the first is masked as a whole before the second is known of
			},
			vector.Reading{Vectors: 1, Dims: 3, BytesBinary: 12},
		},
		"TEI, EmbedAll": {
			rpcFields(t, dialect.TEI{}, "/tei.v1.Embed/EmbedAll"),
			sent(join(pb(1, join(pb(1, []float32{1, 2}))), pb(1, join(pb(1, []float32{3, 4}))), pb(1, ""))),
			masks{
				authz.MaskZero:   sent(join(pb(1, join(pb(1, []float32{0, 0}))), pb(1, join(pb(1, []float32{0, 0}))), pb(1, ""))),
				authz.MaskRedact: sent(join(pb(1, join(pb(1, ""))), pb(1, join(pb(1, ""))), pb(1, ""))),
				seal:             sent(join(pb(1, join(pb(1, []float32{2, 1}))), pb(1, join(pb(1, []float32{4, 3}))), pb(1, ""))),
			},
			vector.Reading{Vectors: 2, Dims: 4, BytesBinary: 16},
		},
		"TEI, EmbedSparse": {
			rpcFields(t, dialect.TEI{}, "/tei.v1.Embed/EmbedSparse"),
			sent(join(pb(1, join(pb(1, 3), pb(2, float32(.5)))), pb(1, join(pb(1, 300), pb(2, float32(.25)))), pb(1, join(pb(1, 9), pb(2, float32(2))))), join(pb(1, join(pb(1, 9), pb(2, float32(2)))))),
			masks{
				authz.MaskZero:   sent(join(pb(1, join(pb(1, 0), pb(2, float32(0)))), pb(1, join(pb(1, 128), pb(2, float32(0)))), pb(1, join(pb(1, 1), pb(2, float32(0))))), join(pb(1, join(pb(1, 0), pb(2, float32(0)))))),
				authz.MaskRedact: sent(join(pb(1, ""), pb(1, ""), pb(1, "")), join(pb(1, ""))),
				seal:             sent(join(pb(1, join(pb(1, 0), pb(2, float32(0)))), pb(1, join(pb(1, 128), pb(2, float32(0)))), pb(1, join(pb(1, 1), pb(2, float32(0))))), join(pb(1, join(pb(1, 0), pb(2, float32(0)))))),
			},
			vector.Reading{Vectors: 2, Dims: 4, BytesBinary: 21},
		},
		"Qdrant, Search": {
			rpcFields(t, dialect.Qdrant{}, "/qdrant.Points/Search"),
			sent(join(
				pb(1, join(pb(1, join(pb(1, 7))), pb(2, join(pb(1, "city"), pb(2, join(pb(4, "Bern"))))), pb(3, float32(.9)), pb(5, 3), pb(6, join(pb(1, join(pb(101, join(pb(1, []float32{1, 2}))))))))),
				pb(1, join(pb(6, join(pb(2, join(pb(1, join(pb(1, "title"), pb(2, join(pb(103, join(pb(1, join(pb(1, []float32{3, 4}))), pb(1, join(pb(1, []float32{5, 6}))))))))), pb(1, join(pb(1, "words"), pb(2, join(pb(102, join(pb(1, []float32{7, 8}), pb(2, []int{40, 4000}))))))))))))),
				pb(2, .25))),
			masks{
				authz.MaskZero: sent(join(
					pb(1, join(pb(1, join(pb(1, 7))), pb(2, join(pb(1, "city"), pb(2, join(pb(4, "Bern"))))), pb(3, float32(.9)), pb(5, 3), pb(6, join(pb(1, join(pb(101, join(pb(1, []float32{0, 0}))))))))),
					pb(1, join(pb(6, join(pb(2, join(pb(1, join(pb(1, "title"), pb(2, join(pb(103, join(pb(1, join(pb(1, []float32{0, 0}))), pb(1, join(pb(1, []float32{0, 0}))))))))), pb(1, join(pb(1, "words"), pb(2, join(pb(102, join(pb(1, []float32{0, 0}), pb(2, []int{0, 128}))))))))))))),
					pb(2, .25))),
				authz.MaskRedact: sent(join(
					pb(1, join(pb(1, join(pb(1, 7))), pb(2, join(pb(1, "city"), pb(2, join(pb(4, "Bern"))))), pb(3, float32(.9)), pb(5, 3), pb(6, join(pb(1, join(pb(101, join(pb(1, ""))))))))),
					pb(1, join(pb(6, join(pb(2, join(pb(1, join(pb(1, "title"), pb(2, join(pb(103, join(pb(1, join(pb(1, ""))), pb(1, join(pb(1, ""))))))))), pb(1, join(pb(1, "words"), pb(2, join(pb(102, join(pb(1, ""), pb(2, ""))))))))))))),
					pb(2, .25))),
				seal: sent(join(
					pb(1, join(pb(1, join(pb(1, 7))), pb(2, join(pb(1, "city"), pb(2, join(pb(4, "Bern"))))), pb(3, float32(.9)), pb(5, 3), pb(6, join(pb(1, join(pb(101, join(pb(1, []float32{2, 1}))))))))),
					pb(1, join(pb(6, join(pb(2, join(pb(1, join(pb(1, "title"), pb(2, join(pb(103, join(pb(1, join(pb(1, []float32{4, 3}))), pb(1, join(pb(1, []float32{6, 5}))))))))), pb(1, join(pb(1, "words"), pb(2, join(pb(102, join(pb(1, []float32{0, 0}), pb(2, []int{0, 128}))))))))))))),
					pb(2, .25))),
			},
			vector.Reading{Vectors: 4, Dims: 8, BytesBinary: 35},
		},
		"Qdrant, deprecated fields": {
			rpcFields(t, dialect.Qdrant{}, "/qdrant.Points/Get"),
			sent(join(
				pb(1, join(pb(4, join(pb(1, join(pb(1, []float32{1, 2, 3, 4, 5, 6}), pb(3, 3))))))),
				pb(1, join(pb(4, join(pb(1, join(pb(1, []float32{7, 8}), pb(2, join(pb(1, []int{1, 2})))))))))),
			),
			masks{
				authz.MaskZero: sent(join(
					pb(1, join(pb(4, join(pb(1, join(pb(1, []float32{0, 0, 0, 0, 0, 0}), pb(3, 3))))))),
					pb(1, join(pb(4, join(pb(1, join(pb(1, []float32{0, 0}), pb(2, join(pb(1, []int{0, 1})))))))))),
				),
				authz.MaskRedact: sent(join(
					pb(1, join(pb(4, join(pb(1, join(pb(1, ""))))))),
					pb(1, join(pb(4, join(pb(1, join(pb(1, ""), pb(2, join(pb(1, "")))))))))),
				),
				seal: sent(join(
					pb(1, join(pb(4, join(pb(1, join(pb(1, []float32{6, 5, 4, 3, 2, 1}), pb(3, 3))))))),
					pb(1, join(pb(4, join(pb(1, join(pb(1, []float32{8, 7}), pb(2, join(pb(1, []int{0, 1})))))))))),
				),
			},
			vector.Reading{Vectors: 4, Dims: 8, BytesBinary: 34},
		},
		"Milvus, Query": {
			rpcFields(t, dialect.Milvus{}, "/milvus.proto.milvus.MilvusService/Query"),
			sent(join(
				pb(2, join(pb(1, 5), pb(2, "id"), pb(3, join(pb(3, join(pb(1, []int{5, 6}))))))),
				pb(2, join(pb(1, 101), pb(2, "dense"), pb(4, join(pb(1, 2), pb(2, join(pb(1, []float32{1, 2, 3, 4}))))))),
				pb(2, join(pb(1, 102), pb(2, "half"), pb(4, join(pb(1, 2), pb(4, le(uint16(0x3c00), uint16(0x4000), uint16(1), uint16(2))))))),
				pb(2, join(pb(1, 100), pb(2, "bits"), pb(4, join(pb(1, 16), pb(3, "\x01\x02\x03\x04"))))),
				pb(2, join(pb(1, 104), pb(2, "words"), pb(4, join(pb(1, 9000), pb(6, join(pb(1, le(uint32(5), float32(.5), uint32(6), float32(.25))), pb(1, le(uint32(70000), float32(1))), pb(2, 9000))))))),
			)),
			masks{
				authz.MaskZero: sent(join(
					pb(2, join(pb(1, 5), pb(2, "id"), pb(3, join(pb(3, join(pb(1, []int{5, 6}))))))),
					pb(2, join(pb(1, 101), pb(2, "dense"), pb(4, join(pb(1, 2), pb(2, join(pb(1, []float32{0, 0, 0, 0}))))))),
					pb(2, join(pb(1, 102), pb(2, "half"), pb(4, join(pb(1, 2), pb(4, le(uint64(0))))))),
					pb(2, join(pb(1, 100), pb(2, "bits"), pb(4, join(pb(1, 16), pb(3, "\x00\x00\x00\x00"))))),
					pb(2, join(pb(1, 104), pb(2, "words"), pb(4, join(pb(1, 9000), pb(6, join(pb(1, le(uint32(0), float32(0), uint32(1), float32(0))), pb(1, le(uint32(0), float32(0))), pb(2, 9000))))))),
				)),
				authz.MaskRedact: sent(join(
					pb(2, join(pb(1, 5), pb(2, "id"), pb(3, join(pb(3, join(pb(1, []int{5, 6}))))))),
					pb(2, join(pb(1, 101), pb(2, "dense"), pb(4, join(pb(1, 2), pb(2, join(pb(1, ""))))))),
					pb(2, join(pb(1, 102), pb(2, "half"), pb(4, join(pb(1, 2), pb(4, ""))))),
					pb(2, join(pb(1, 100), pb(2, "bits"), pb(4, join(pb(1, 16), pb(3, ""))))),
					pb(2, join(pb(1, 104), pb(2, "words"), pb(4, join(pb(1, 9000), pb(6, join(pb(1, ""), pb(1, ""), pb(2, 9000))))))),
				)),
				seal: sent(join(
					pb(2, join(pb(1, 5), pb(2, "id"), pb(3, join(pb(3, join(pb(1, []int{5, 6}))))))),
					pb(2, join(pb(1, 101), pb(2, "dense"), pb(4, join(pb(1, 2), pb(2, join(pb(1, []float32{2, 1, 4, 3}))))))),
					pb(2, join(pb(1, 102), pb(2, "half"), pb(4, join(pb(1, 2), pb(4, le(uint64(0))))))),
					pb(2, join(pb(1, 100), pb(2, "bits"), pb(4, join(pb(1, 16), pb(3, "\x00\x00\x00\x00"))))),
					pb(2, join(pb(1, 104), pb(2, "words"), pb(4, join(pb(1, 9000), pb(6, join(pb(1, le(uint32(0), float32(0), uint32(1), float32(0))), pb(1, le(uint32(0), float32(0))), pb(2, 9000))))))),
				)),
			},
			vector.Reading{Vectors: 8, Dims: 4 + 4 + 32 + 3, BytesBinary: 16 + 8 + 4 + 24},
		},
		"KServe, contents": {
			rpcFields(t, dialect.KServe{}, "/inference.GRPCInferenceService/ModelInfer"),
			sent(join(pb(1, "m"),
				pb(5, join(pb(1, "a"), pb(2, "FP32"), pb(3, []int{2, 2}), pb(5, join(pb(6, []float32{1, 2, 3, 4}))))),
				pb(5, join(pb(1, "b"), pb(2, "FP64"), pb(3, 1), pb(3, 2), pb(5, join(pb(7, []float64{5, 6}))))),
				pb(5, join(pb(1, "c"), pb(2, "INT64"), pb(3, []int{3, 1}), pb(5, join(pb(3, []int{7, 300, -1}))))),
				pb(5, join(pb(1, "d"), pb(2, "BYTES"), pb(3, []int{1}), pb(5, join(pb(8, "text"))))),
			)),
			masks{
				authz.MaskZero: sent(join(pb(1, "m"),
					pb(5, join(pb(1, "a"), pb(2, "FP32"), pb(3, []int{2, 2}), pb(5, join(pb(6, []float32{0, 0, 0, 0}))))),
					pb(5, join(pb(1, "b"), pb(2, "FP64"), pb(3, 1), pb(3, 2), pb(5, join(pb(7, []float64{0, 0}))))),
					pb(5, join(pb(1, "c"), pb(2, "INT64"), pb(3, []int{3, 1}), pb(5, join(pb(3, "\x80\x80\x80\x00\x80\x80\x80\x00\x80\x80\x80\x80\x00"))))), // 1, 2 and 10 bytes together
					pb(5, join(pb(1, "d"), pb(2, "BYTES"), pb(3, []int{1}), pb(5, join(pb(8, "text"))))),
				)),
				authz.MaskRedact: sent(join(pb(1, "m"),
					pb(5, join(pb(1, "a"), pb(2, "FP32"), pb(3, []int{2, 2}), pb(5, join(pb(6, ""))))),
					pb(5, join(pb(1, "b"), pb(2, "FP64"), pb(3, 1), pb(3, 2), pb(5, join(pb(7, ""))))),
					pb(5, join(pb(1, "c"), pb(2, "INT64"), pb(3, []int{3, 1}), pb(5, join(pb(3, ""))))),
					pb(5, join(pb(1, "d"), pb(2, "BYTES"), pb(3, []int{1}), pb(5, join(pb(8, "text"))))),
				)),
				seal: sent(join(pb(1, "m"),
					pb(5, join(pb(1, "a"), pb(2, "FP32"), pb(3, []int{2, 2}), pb(5, join(pb(6, []float32{2, 1, 4, 3}))))),
					pb(5, join(pb(1, "b"), pb(2, "FP64"), pb(3, 1), pb(3, 2), pb(5, join(pb(7, []float64{6, 5}))))),
					pb(5, join(pb(1, "c"), pb(2, "INT64"), pb(3, []int{3, 1}), pb(5, join(pb(3, "\x80\x80\x80\x00\x80\x80\x80\x00\x80\x80\x80\x80\x00"))))),
					pb(5, join(pb(1, "d"), pb(2, "BYTES"), pb(3, []int{1}), pb(5, join(pb(8, "text"))))),
				)),
			},
			vector.Reading{Vectors: 6, Dims: 9, BytesBinary: 16 + 16 + 13},
		},
		"KServe, raw contents in a stream": {
			rpcFields(t, dialect.KServe{}, "/inference.GRPCInferenceService/ModelStreamInfer"),
			sent(join(pb(1, ""), pb(2, join(pb(1, "m"),
				pb(5, join(pb(1, "a"), pb(2, "FP16"), pb(3, []int{2, 2}))),
				pb(5, join(pb(1, "d"), pb(2, "BYTES"), pb(3, []int{1}))),
				pb(5, join(pb(1, "b"), pb(2, "FP32"), pb(3, []int{1, 3}))),
				pb(6, le(uint64(0x3c003c003c003c00))), pb(6, "\x04\x00\x00\x00text"), pb(6, le(float32(1), float32(2), float32(3))),
			)))),
			masks{
				authz.MaskZero: sent(join(pb(1, ""), pb(2, join(pb(1, "m"),
					pb(5, join(pb(1, "a"), pb(2, "FP16"), pb(3, []int{2, 2}))),
					pb(5, join(pb(1, "d"), pb(2, "BYTES"), pb(3, []int{1}))),
					pb(5, join(pb(1, "b"), pb(2, "FP32"), pb(3, []int{1, 3}))),
					pb(6, le(uint64(0))), pb(6, "\x04\x00\x00\x00text"), pb(6, le(float32(0), float32(0), float32(0))),
				)))),
				authz.MaskRedact: sent(join(pb(1, ""), pb(2, join(pb(1, "m"),
					pb(5, join(pb(1, "a"), pb(2, "FP16"), pb(3, []int{2, 2}))),
					pb(5, join(pb(1, "d"), pb(2, "BYTES"), pb(3, []int{1}))),
					pb(5, join(pb(1, "b"), pb(2, "FP32"), pb(3, []int{1, 3}))),
					pb(6, ""), pb(6, "\x04\x00\x00\x00text"), pb(6, ""),
				)))),
				seal: sent(join(pb(1, ""), pb(2, join(pb(1, "m"),
					pb(5, join(pb(1, "a"), pb(2, "FP16"), pb(3, []int{2, 2}))),
					pb(5, join(pb(1, "d"), pb(2, "BYTES"), pb(3, []int{1}))),
					pb(5, join(pb(1, "b"), pb(2, "FP32"), pb(3, []int{1, 3}))),
					pb(6, le(uint64(0))), pb(6, "\x04\x00\x00\x00text"), pb(6, le(float32(3), float32(2), float32(1))),
				)))),
			},
			vector.Reading{Vectors: 3, Dims: 7, BytesBinary: 20},
		},
		"Weaviate, Search": {
			rpcFields(t, dialect.Weaviate{}, "/weaviate.v1.Weaviate/Search"),
			sent(join(pb(1, float32(.1)), pb(2, join(pb(2, join(pb(1, "id"), pb(2, []float32{1, 2}), pb(19, le(float32(3), float32(4))),
				pb(23, join(pb(1, "title"), pb(3, le(float32(5), float32(6))), pb(4, 1))),
				pb(23, join(pb(1, "rows"), pb(3, le(uint16(2), float32(7), float32(8), float32(9), float32(10))), pb(4, 2))),
			)))))),
			masks{
				authz.MaskZero: sent(join(pb(1, float32(.1)), pb(2, join(pb(2, join(pb(1, "id"), pb(2, []float32{0, 0}), pb(19, le(uint64(0))),
					pb(23, join(pb(1, "title"), pb(3, le(uint64(0))), pb(4, 1))),
					pb(23, join(pb(1, "rows"), pb(3, le(uint16(2), uint64(0), uint64(0))), pb(4, 2))),
				)))))),
				authz.MaskRedact: sent(join(pb(1, float32(.1)), pb(2, join(pb(2, join(pb(1, "id"), pb(2, ""), pb(19, ""),
					pb(23, join(pb(1, "title"), pb(3, ""), pb(4, 1))),
					pb(23, join(pb(1, "rows"), pb(3, ""), pb(4, 2))),
				)))))),
				seal: sent(join(pb(1, float32(.1)), pb(2, join(pb(2, join(pb(1, "id"), pb(2, []float32{2, 1}), pb(19, le(float32(4), float32(3))),
					pb(23, join(pb(1, "title"), pb(3, le(float32(6), float32(5))), pb(4, 1))),
					pb(23, join(pb(1, "rows"), pb(3, le(uint16(2), float32(8), float32(7), float32(10), float32(9))), pb(4, 2))),
				)))))),
			},
			vector.Reading{Vectors: 5, Dims: 10, BytesBinary: 40},
		},
		"Pinecone, Query": {
			rpcFields(t, dialect.Pinecone{}, "/VectorService/Query"),
			sent(join(pb(2, join(pb(1, "a"), pb(2, float32(.5)), pb(3, []float32{1, 2}), pb(5, join(pb(1, []int{1 << 20}), pb(2, []float32{3})))))), join()),
			masks{
				authz.MaskZero:   sent(join(pb(2, join(pb(1, "a"), pb(2, float32(.5)), pb(3, []float32{0, 0}), pb(5, join(pb(1, []int{16384}), pb(2, []float32{0})))))), join()),
				authz.MaskRedact: sent(join(pb(2, join(pb(1, "a"), pb(2, float32(.5)), pb(3, ""), pb(5, join(pb(1, ""), pb(2, "")))))), join()),
				seal:             sent(join(pb(2, join(pb(1, "a"), pb(2, float32(.5)), pb(3, []float32{2, 1}), pb(5, join(pb(1, []int{16384}), pb(2, []float32{0})))))), join()),
			},
			vector.Reading{Vectors: 2, Dims: 3, BytesBinary: 15},
		},
	} {
		t.Run(name, func(t *testing.T) {
			tc.want[authz.MaskNone] = tc.doc
			for mask, want := range tc.want {
				opts := vector.Options{Mask: mask}
				if mask == seal {
					opts.Masker = backwards{}
				}
				through{format: scan.FormatGRPC, fields: tc.fields, opts: opts}.everyCut(t, tc.doc, want, tc.read)
			}
			refuses(t, through{format: scan.FormatGRPC, fields: tc.fields, opts: vector.Options{Mask: authz.MaskRefuse}}, tc.doc, vector.ErrVectorRefused)
			stopsAtGrants(t, tc.fields, tc.doc, tc.read.Vectors)
		})
	}
}

// refuses checks that a document is refused by that error, however it is cut.
func refuses(t *testing.T, th through, doc string, want error) {
	t.Helper()
	for _, cut := range []func(int) int{whole, bytewise} {
		if out, _, err := th.feed([]byte(doc), cut); !errors.Is(err, want) {
			t.Errorf("%x: %x, %v; want %v", doc, out, err, want)
		}
	}
}

// stopsAtGrants checks that a stream stops before each vector that is not granted, and goes on where it stopped.
func stopsAtGrants(t *testing.T, fields []scan.Field, doc string, vectors int64) {
	t.Helper()
	for _, mask := range []authz.MaskMode{authz.MaskNone, authz.MaskZero, authz.MaskRedact} {
		wanted, _, err := through{format: scan.FormatGRPC, fields: fields, opts: vector.Options{Mask: mask}}.feed([]byte(doc), whole)
		if err != nil {
			t.Fatal(err)
		}
		s, err := vector.NewStream(scan.FormatGRPC, fields, vector.Options{Mask: mask})
		if err != nil {
			t.Fatal(err)
		}
		rest, out := []byte(doc), []byte(nil)
		for granted := int64(0); ; granted++ {
			var n int
			out, n, err = s.Write(out, rest, granted)
			rest = rest[n:]
			if err == nil {
				if granted != vectors {
					t.Errorf("%s: all is through with %d vectors granted, not %d", mask, granted, vectors)
				}
				break
			}
			if !errors.Is(err, vector.ErrGrant) || s.Reading().Vectors != granted {
				t.Fatalf("%s, %d granted: %v with %d counted", mask, granted, err, s.Reading().Vectors)
			}
		}
		if string(out) != wanted {
			t.Errorf("%s, grant by grant:\n%x\nnot %x", mask, out, wanted)
		}
	}
}
