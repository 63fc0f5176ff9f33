package vector_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
	"github.com/weirgate/weir/pkg/vector"
)

// BenchmarkText looks at text, and at bytes, in which nobody declared a vector, and there is none. x-copy is the part of the speed of copying
// the same that it reaches.
func BenchmarkText(b *testing.B) {
	noise := make([]byte, 1<<20)
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // repeatable
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	quoted := func(text string) []byte {
		return []byte(`{"documents":["` + strings.Repeat(text, 1<<20/len(text)) + `"]}`)
	}
	for _, tc := range []struct {
		name   string
		format scan.Format
		doc    []byte
	}{
		{"prose", scan.FormatJSON, quoted(`The quick brown fox jumps over the lazy dog, and nobody can say why; \"perhaps\" it was asked to.\n`)},
		{"figures", scan.FormatJSON, quoted(`In 2026 it was 0.5 m, then 0.7 m (section 4.1, page 12): \"high\", said 3 of 7 people on 2026-01-02.\n`)},
		{"log", scan.FormatJSON, quoted(`10.20.30.40 - - [02/Jan/2026:12:30:45 +0000] \"GET /v1/embeddings HTTP/1.1\" 200 5316 0.012\n`)},
		{"bytes", scan.FormatGRPC, []byte(sent(pb(9, noise)))},
	} {
		b.Run(tc.name, func(b *testing.B) {
			b.SetBytes(int64(len(tc.doc)))
			w, out := newStopwatch(tc.doc), make([]byte, 0, 1<<21)
			for b.Loop() {
				s, err := vector.NewStream(tc.format, []scan.Field{{Path: map[scan.Format]string{scan.FormatJSON: "v", scan.FormatGRPC: "1"}[tc.format]}}, vector.Options{Mask: authz.MaskZero})
				if err != nil {
					b.Fatal(err)
				}
				w.pieces(b, func(p []byte) error {
					_, _, err = s.Write(out, p, everything)
					return err
				})
				if n := s.Reading().Undeclared; n > 0 {
					b.Fatalf("%d vectors were found", n)
				}
			}
			w.report(b)
		})
	}
}
