package distinct

import (
	"fmt"
	"math"
	"testing"
)

// TestSketch measures how far off counts are: a standard error of 0.8 %, over 40 sets of documents of each size, and none that is off by more
// than four of those.
func TestSketch(t *testing.T) {
	const sets = 40
	for _, n := range []int{10, 1000, 10_000, 100_000} {
		squares, worst := 0.0, 0.0
		for set := range sets {
			var s sketch
			for i := range n {
				s.add(cellOf(hashed(fmt.Sprint(set), fmt.Sprint(i))))
			}
			off := float64(s.count())/float64(n) - 1
			squares += off * off
			worst = max(worst, math.Abs(off))
		}
		rms := math.Sqrt(squares / sets)
		t.Logf("%6d documents: off by %.2f %% (root mean square), %.2f %% at worst", n, 100*rms, 100*worst)
		if rms > .0105 || worst > .033 {
			t.Errorf("%d documents: off by %.4f, at worst %.4f", n, rms, worst)
		}
	}
}

// TestSketchSparse: few cells are kept as a list and many as an array, which say the same.
func TestSketchSparse(t *testing.T) {
	var s, again sketch
	ranks := map[uint16]uint8{}
	for i := range 3 * maxSparse {
		c := cellOf(hashed(fmt.Sprint(i)))
		if got, want := s.has(c), ranks[c.register] >= c.rank; got != want {
			t.Fatalf("has %v after %d: %v", c, i, got)
		}
		s.add(c)
		ranks[c.register] = max(ranks[c.register], c.rank)
		if (s.dense != nil) != (len(ranks) > maxSparse) {
			t.Fatalf("an array: %v, with %d registers set", s.dense != nil, len(ranks))
		}
	}
	s.each(func(c cell) {
		if ranks[c.register] != c.rank {
			t.Errorf("register %d has %d, want %d", c.register, c.rank, ranks[c.register])
		}
		delete(ranks, c.register)
		again.add(c)
	})
	if len(ranks) > 0 || again.count() != s.count() {
		t.Errorf("%d registers missing; %d, counted again %d", len(ranks), s.count(), again.count())
	}
}
