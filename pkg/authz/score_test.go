package authz_test

import (
	"testing"

	"github.com/weirgate/weir/pkg/authz"
)

func TestScoreMask(t *testing.T) {
	weakestFirst := []authz.ScoreMask{"", "round:6", "round:3", "round:0", "rank", "drop"}
	for i, m := range weakestFirst {
		if !m.Valid() {
			t.Errorf("%q is not valid", m)
		}
		for j, o := range weakestFirst {
			if got, want := m.Stricter(o), weakestFirst[max(i, j)]; got != want {
				t.Errorf("the stricter of %q and %q is %q, want %q", m, o, got, want)
			}
		}
	}
	for _, m := range []authz.ScoreMask{"round", "round:", "round:7", "round:-1", "round:+1", "round:01", "round:1 ", "Drop", "none", "rank:1"} {
		if m.Valid() || authz.ScoreDrop.Stricter(m) != authz.ScoreDrop {
			t.Errorf("%q is taken", m)
		}
	}
	if n, ok := authz.ScoreMask("round:4").Decimals(); n != 4 || !ok {
		t.Errorf("round:4 is %d, %v", n, ok)
	}
}
