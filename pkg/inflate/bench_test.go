package inflate_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/weirgate/weir/pkg/inflate"
)

// BenchmarkDecoder decodes an answer of 100 vectors in messages of 64 KiB; MB/s are decoded bytes.
func BenchmarkDecoder(b *testing.B) {
	body := document(100)
	for _, codings := range [][]string{{"gzip"}, {"deflate"}, {"br"}, {"zstd"}, {"gzip", "zstd"}} {
		b.Run("coding="+strings.Join(codings, "+"), func(b *testing.B) {
			packed := encode(b, body, codings...)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				d, err := inflate.New(codings, inflate.Limits{})
				if err != nil {
					b.Fatal(err)
				}
				var n int
				for rest := packed; len(rest) > 0; {
					step := min(len(rest), 64<<10)
					d.Feed(rest[:step])
					if rest = rest[step:]; len(rest) == 0 {
						d.End()
					}
					for {
						piece, err := d.Next()
						n += len(piece)
						if err != nil || len(piece) == 0 {
							break
						}
					}
				}
				d.Stop()
				if n != len(body) {
					b.Fatalf("%d bytes of %d", n, len(body))
				}
			}
		})
	}
}

// BenchmarkCopy is what the others are compared with.
func BenchmarkCopy(b *testing.B) {
	body := document(100)
	out := make([]byte, len(body))
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		copy(out, body)
	}
	if !bytes.Equal(out, body) {
		b.Fatal("not copied")
	}
}
