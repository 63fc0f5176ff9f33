package vector_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
	"github.com/weirgate/weir/pkg/scan"
	"github.com/weirgate/weir/pkg/vector"
)

// TestMessagesOfClients: answers made by the classes that the databases' own clients bring (testdata/messages.py) are counted exactly, and
// nothing of their vectors is left by a mask.
func TestMessagesOfClients(t *testing.T) {
	golden, err := os.ReadFile("testdata/messages.golden")
	if err != nil {
		t.Fatal(err)
	}
	sentinels := [][]byte{le(float32(0.7312)), {0xd9, 0x39, 0xd9, 0x39}, {0x3b, 0x3f, 0x3b, 0x3f}, {1, 2, 3, 4}} // float32, float16, bfloat16, bytes and bits
	seen := 0
	for line := range strings.Lines(string(golden)) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		name, method := f[0], f[2]
		d, ok := dialect.ByName(f[1])
		if !ok {
			t.Fatalf("no dialect %q", f[1])
		}
		msg, err := hex.DecodeString(f[5])
		if err != nil {
			t.Fatal(err)
		}
		vectors, _ := strconv.ParseInt(f[3], 10, 64)
		dims, _ := strconv.ParseInt(f[4], 10, 64)
		seen++
		for _, mask := range []authz.MaskMode{authz.MaskNone, authz.MaskZero, authz.MaskRedact, "seal"} {
			opts := vector.Options{Mask: mask}
			if mask == "seal" {
				opts.Masker = constant{}
			}
			th := through{format: scan.FormatGRPC, fields: rpcFields(t, d, method), opts: opts}
			got, read, err := th.feed([]byte(sent(msg)), whole)
			if err != nil || read.Vectors != vectors || read.Dims != dims || read.Undeclared != 0 {
				t.Errorf("%s, %s: %+v, %v; want %d vectors of %d dims", name, mask, read, err, vectors, dims)
			}
			if mask == authz.MaskNone && got != sent(msg) || mask == authz.MaskZero && len(got) != len(sent(msg)) {
				t.Errorf("%s, %s: %x", name, mask, got)
			}
			for _, s := range sentinels {
				if mask != authz.MaskNone && bytes.Contains([]byte(got), s) {
					t.Errorf("%s, %s: %x is left in %x", name, mask, s, got)
				}
			}
			th.everyCut(t, sent(msg), got, read)
		}
	}
	if seen != 11 {
		t.Errorf("%d messages", seen)
	}
}

// TestBinaryEncodingsCountAlike: the same thousand vectors are as many in every binary encoding.
func TestBinaryEncodingsCountAlike(t *testing.T) {
	const n, dims = 1000, 48
	v := sample(dims)
	flat := slices.Repeat(v, n)
	tensor := join(pb(1, "m"), pb(5, join(pb(2, "FP32"), pb(3, []int{n, dims}))), pb(6, le(flat)))
	contents := join(pb(1, "m"), pb(5, join(pb(2, "FP32"), pb(3, []int{n, dims}), pb(5, pb(6, flat)))))
	infer := rpcFields(t, dialect.KServe{}, "/inference.GRPCInferenceService/ModelInfer")
	milvus := pb(2, join(pb(1, 101), pb(2, "v"), pb(4, join(pb(1, dims), pb(2, pb(1, flat))))))
	head := output("FP32", fmt.Sprintf("%d,%d", n, dims), behind(4*n*dims))
	for name, tc := range map[string]struct {
		th  through
		doc string
	}{
		"TEI":            {through{format: scan.FormatGRPC, fields: rpcFields(t, dialect.TEI{}, "/tei.v1.Embed/Embed")}, strings.Repeat(sent(pb(1, v)), n)},
		"TEI, EmbedAll":  {through{format: scan.FormatGRPC, fields: rpcFields(t, dialect.TEI{}, "/tei.v1.Embed/EmbedAll")}, sent(bytes.Repeat(pb(1, pb(1, v)), n))},
		"Qdrant":         {through{format: scan.FormatGRPC, fields: rpcFields(t, dialect.Qdrant{}, "/qdrant.Points/Search")}, sent(bytes.Repeat(pb(1, pb(6, pb(1, pb(101, pb(1, v))))), n))},
		"Milvus":         {through{format: scan.FormatGRPC, fields: rpcFields(t, dialect.Milvus{}, "/milvus.proto.milvus.MilvusService/Query")}, sent(milvus)},
		"KServe":         {through{format: scan.FormatGRPC, fields: infer}, sent(contents)},
		"KServe, raw":    {through{format: scan.FormatGRPC, fields: infer}, sent(tensor)},
		"KServe, binary": {through{format: scan.FormatKServe, opts: vector.Options{Document: int64(len(inference(head)))}}, inference(head, le(flat))},
		"octets":         {through{format: scan.FormatOctets, fields: []scan.Field{{Encoding: scan.EncodingF32}}, opts: vector.Options{Dims: dims}}, string(le(flat))},
	} {
		for _, mask := range []authz.MaskMode{authz.MaskNone, authz.MaskZero} {
			tc.th.opts.Mask = mask
			_, read, err := tc.th.feed([]byte(tc.doc), func(int) int { return 60_000 })
			if want := (vector.Reading{Vectors: n, Dims: n * dims, BytesBinary: 4 * n * dims}); err != nil || read != want {
				t.Errorf("%s, %s: %+v, %v", name, mask, read, err)
			}
		}
	}
}

// TestDeclaredPlacesOfCalls: what the dialects declare of their methods can be read, answers and requests.
func TestDeclaredPlacesOfCalls(t *testing.T) {
	for dialectName, services := range map[string]map[string]string{
		"qdrant":   {"/qdrant.Points/": "Search SearchBatch SearchGroups Recommend RecommendBatch RecommendGroups Discover DiscoverBatch Query QueryBatch QueryGroups SearchMatrixPairs SearchMatrixOffsets Get Scroll Facet Count Upsert UpdateVectors UpdateBatch Delete"},
		"milvus":   {"/milvus.proto.milvus.MilvusService/": "Search HybridSearch Query Insert Upsert Delete Flush HasCollection"},
		"weaviate": {"/weaviate.v1.Weaviate/": "Search Aggregate BatchObjects BatchStream BatchReferences BatchDelete TenantsGet"},
		"pinecone": {"/VectorService/": "Query Fetch FetchByMetadata Upsert Update Delete List"},
		"kserve":   {"/inference.GRPCInferenceService/": "ModelInfer ModelStreamInfer ServerLive"},
		"tei":      {"/tei.v1.": "Embed/Embed Embed/EmbedStream Embed/EmbedAll Embed/EmbedAllStream Embed/EmbedSparse Embed/EmbedSparseStream Rerank/Rerank Rerank/RerankStream Predict/Predict Predict/PredictPair Info/Info"},
	} {
		d, ok := dialect.ByName(dialectName)
		if !ok {
			t.Fatalf("no dialect %q", dialectName)
		}
		for service, methods := range services {
			for m := range strings.FieldsSeq(methods) {
				op := d.Head("POST", service+m, "", authz.Header{"content-type": {"application/grpc"}})
				op.Vector = "title,image,"
				a := d.Answer(op, authz.Response{Status: 200})
				if !a.Judge || a.Format != scan.FormatGRPC {
					t.Errorf("%s: judged %v as %s", m, a.Judge, a.Format)
				}
				for _, scores := range []authz.ScoreMask{authz.ScoreKeep, authz.ScoreRank} {
					s, err := vector.NewStream(a.Format, a.Fields, vector.Options{Mask: authz.MaskZero, Scores: scores})
					if err != nil {
						t.Errorf("%s: %v", m, err)
						continue
					}
					if _, _, err := s.Write(nil, []byte(sent(nil)), everything); err != nil {
						t.Errorf("%s: an empty answer: %v", m, err)
					}
				}
				format, fields := d.Carries(op)
				if len(fields) == 0 {
					continue
				}
				if _, err := vector.NewOpener(format, fields, backwards{}, place); err != nil || format != scan.FormatGRPC {
					t.Errorf("%s: opened as %s: %v", m, format, err)
				}
			}
		}
	}
}
