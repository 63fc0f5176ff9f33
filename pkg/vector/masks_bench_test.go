package vector_test

import (
	"fmt"
	"testing"

	"github.com/weirgate/weir/pkg/vector"
)

// BenchmarkMask masks vectors of float32; bytes are theirs. What seal and open allocate is the sealing library's.
func BenchmarkMask(b *testing.B) {
	r := ring(b, master(1))
	for _, mode := range modes {
		m := masker(b, r, mode)
		for _, d := range []int{384, 1024, 1536, 3072} {
			b.Run(fmt.Sprintf("mask=%s/dims=%d", mode, d), func(b *testing.B) {
				v, dst := vec(d, 1), make([]float32, d)
				b.SetBytes(int64(4 * d))
				b.ReportAllocs()
				for b.Loop() {
					if out, err := m.Mask(dst, v, place); err != nil || len(out) != d {
						b.Fatal(len(out), err)
					}
				}
			})
		}
	}
}

// BenchmarkOpen opens sealed vectors, and looks at raw ones and at forged ones.
func BenchmarkOpen(b *testing.B) {
	s := vector.NewSealer(ring(b, master(1)))
	for _, d := range []int{384, 1024, 1536, 3072} {
		sealed := seal(b, s, vec(d, 1), place)
		forged := append([]float32{-sealed[1]}, sealed[1:]...)
		for _, c := range []struct {
			name string
			v    []float32
			want vector.Seal
		}{{"sealed", sealed, vector.Opened}, {"raw", vec(d, 1), vector.NotSealed}, {"forged", forged, vector.Forged}} {
			b.Run(fmt.Sprintf("vector=%s/dims=%d", c.name, d), func(b *testing.B) {
				dst := make([]float32, d)
				b.SetBytes(int64(4 * d))
				b.ReportAllocs()
				for b.Loop() {
					if _, is, err := s.Open(dst, c.v, place); err != nil || is != c.want {
						b.Fatal(is, err)
					}
				}
			})
		}
	}
}
