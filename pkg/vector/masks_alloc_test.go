//go:build !race

package vector_test

import (
	"testing"

	"github.com/weirgate/weir/pkg/vector"
)

// The race detector empties pools at random, so this runs without it only: go test ./pkg/vector.

// TestMasksAllocateNothing of their own: AES-SIV's library does, and the limit is what it did when this was written.
func TestMasksAllocateNothing(t *testing.T) {
	const library = 7
	r := ring(t, master(1))
	v, dst := vec(384, 1), make([]float32, 384)
	sealed := seal(t, vector.NewSealer(r), v, place)
	for _, mode := range modes {
		m := masker(t, r, mode)
		most := 0.0
		if mode == "seal" {
			most = library
		}
		if got := testing.AllocsPerRun(200, func() { _, _ = m.Mask(dst, v, place) }); got > most {
			t.Errorf("%s: %v allocations, want %v", mode, got, most)
		}
	}
	s := vector.NewSealer(r)
	for _, c := range []struct {
		v    []float32
		most float64
	}{{v, 0}, {sealed, library}} {
		if got := testing.AllocsPerRun(200, func() { _, _, _ = s.Open(dst, c.v, place) }); got > c.most {
			t.Errorf("open: %v allocations, want %v", got, c.most)
		}
	}
}
