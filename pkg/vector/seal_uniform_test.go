package vector_test

import (
	"math"
	"testing"

	"github.com/weirgate/weir/pkg/vector"
)

// TestSealedWordsAreUniform seals what is least random (the same few vectors, in many places) and counts words by their bits, all words
// together and the first and the last by themselves, where header and filler are. Chi-square over 256 bins has mean 255 and deviation 22.6.
func TestSealedWordsAreUniform(t *testing.T) {
	s := vector.NewSealer(ring(t, master(1)))
	const limit = 255 + 5*22.6
	for _, d := range []int{34, 35, 384} {
		inputs := [][]float32{make([]float32, d), vec(d, 1), vec(d, 2)}
		var all, first, last [13][256]int // by the eight bits from bit 0 … 12 on
		n := 0
		for i := range 40000 * 34 / d {
			p := place
			p.Space = string(rune('0' + i))
			v := seal(t, s, inputs[i%len(inputs)], p)
			for j, x := range v {
				k := uint32(int32(x*(1<<19))) & (1<<20 - 1)
				for b := range all {
					bin := k >> b & 255
					all[b][bin]++
					if j == 0 {
						first[b][bin]++
					}
					if j == d-1 {
						last[b][bin]++
					}
				}
			}
			n++
		}
		for b := range all {
			for name, c := range map[string]struct {
				bins *[256]int
				n    int
			}{"all": {&all[b], n * d}, "first": {&first[b], n}, "last": {&last[b], n}} {
				if x := chiSquare(c.bins, c.n); x > limit || math.IsNaN(x) {
					t.Errorf("dims %d, %s words, bits from %d on: chi-square %.0f over 256 bins", d, name, b, x)
				}
			}
		}
	}
	// The test can tell: the words of a raw vector, scaled to fill the range, are not uniform.
	var bins [256]int
	raw := vec(1<<16, 1)
	for i := range raw {
		raw[i] = (raw[i] + raw[(i+1)%len(raw)]) * 128
		bins[uint32(int32(raw[i]*(1<<19)))>>12&255]++
	}
	if x := chiSquare(&bins, len(raw)); x < limit {
		t.Errorf("a sum of two uniform numbers passes for uniform: %.0f", x)
	}
}

func chiSquare(bins *[256]int, n int) float64 {
	want := float64(n) / 256
	var sum float64
	for _, got := range bins {
		sum += (float64(got) - want) * (float64(got) - want) / want
	}
	return sum
}
