package vector_test

import (
	"fmt"
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
	"github.com/weirgate/weir/pkg/scan"
	"github.com/weirgate/weir/pkg/vector"
)

// hits is Qdrant's answer to a search: hits with an ID, a short payload, a score and a vector.
func hits(n, dims int) []byte {
	hit := pb(1, join(pb(1, join(pb(2, "5c56c793-69f3-4fbf-87e6-c4bf54c28c26"))), pb(2, join(pb(1, "title"), pb(2, pb(4, "a title of a few words")))), pb(3, float32(.5)), pb(5, 3),
		pb(6, pb(1, pb(101, pb(1, sample(dims)))))))
	var all []byte
	for range n {
		all = append(all, hit...)
	}
	return []byte(sent(append(all, pb(2, .002)...)))
}

// all is TEI's answer with a vector for each token.
func all(n, dims int) []byte {
	var msg []byte
	for range n {
		msg = append(msg, pb(1, pb(1, sample(dims)))...)
	}
	return []byte(sent(msg))
}

// BenchmarkMessages reads one message of 256 vectors again and again, in 64 KiB pieces, as Envoy sends them: vectors only, and hits. x-copy
// is the part of the speed of copying the same message that it reaches.
func BenchmarkMessages(b *testing.B) {
	for _, tc := range []struct {
		encoding string
		doc      []byte
		fields   []scan.Field
	}{
		{"grpc", all(256, 1536), rpcFields(b, dialect.TEI{}, "/tei.v1.Embed/EmbedAll")},
		{"grpc_hits", hits(256, 1536), rpcFields(b, dialect.Qdrant{}, "/qdrant.Points/Search")},
	} {
		for _, mask := range []authz.MaskMode{authz.MaskNone, authz.MaskRedact, authz.MaskZero, "seal"} {
			b.Run(fmt.Sprintf("mask=%s/encoding=%s/dims=1536", mask, tc.encoding), func(b *testing.B) {
				passMessages(b, tc.doc, tc.fields, mask)
			})
		}
	}
}

// passMessages sends the same message again and again through one stream.
func passMessages(b *testing.B, doc []byte, fields []scan.Field, mask authz.MaskMode) {
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	opts := vector.Options{Mask: mask, Place: place}
	if mask == "seal" {
		opts.Masker = masker(b, ring(b, master(1)), mask)
	}
	s, err := vector.NewStream(scan.FormatGRPC, fields, opts)
	if err != nil {
		b.Fatal(err)
	}
	w, out := newStopwatch(doc), make([]byte, 0, 2*piece)
	for b.Loop() {
		w.pieces(b, func(p []byte) error {
			if mask == authz.MaskNone {
				_, err = s.Scan(p, everything)
			} else {
				_, _, err = s.Write(out, p, everything)
			}
			return err
		})
	}
	w.report(b)
}
