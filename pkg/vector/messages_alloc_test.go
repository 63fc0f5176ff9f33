package vector_test

import (
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
	"github.com/weirgate/weir/pkg/scan"
	"github.com/weirgate/weir/pkg/vector"
)

// TestMessagesAllocateNothing: once its buffers have grown, a stream allocates nothing.
func TestMessagesAllocateNothing(t *testing.T) {
	doc := hits(8, 384)
	fields := rpcFields(t, dialect.Qdrant{}, "/qdrant.Points/Search")
	for _, mask := range []authz.MaskMode{authz.MaskNone, authz.MaskZero, authz.MaskRedact, "seal"} {
		s, err := vector.NewStream(scan.FormatGRPC, fields, vector.Options{Mask: mask, Masker: backwards{}})
		if err != nil {
			t.Fatal(err)
		}
		out := make([]byte, 0, 1<<16)
		got := testing.AllocsPerRun(20, func() {
			for rest := doc; len(rest) > 0; rest = rest[min(len(rest), 1000):] {
				if _, _, err := s.Write(out, rest[:min(len(rest), 1000)], everything); err != nil {
					t.Fatal(err)
				}
			}
		})
		if got != 0 {
			t.Errorf("%s: %v allocations a message", mask, got)
		}
	}
}
