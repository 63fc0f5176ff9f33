package vector_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/weirgate/weir/pkg/vector"
)

func token(t testing.TB, m vector.Masker, v []float32, p vector.Place) []float32 {
	t.Helper()
	got, err := m.Mask(nil, v, p)
	if err != nil || len(got) != len(v) {
		t.Fatalf("got %d components, %v", len(got), err)
	}
	return got
}

func TestTokenTellsEqualityOnly(t *testing.T) {
	m := masker(t, ring(t, master(1), master(2)), "token")
	for _, d := range []int{16, 17, 64, 384, 1536} {
		v := vec(d, 1)
		v[3] = 0
		a := token(t, m, v, place)
		minus := slices.Clone(v)
		minus[3] = float32(math.Copysign(0, -1))
		for name, same := range map[string][]float32{
			"again": token(t, m, v, place), "with -0": token(t, m, minus, place), "in place": token(t, m, slices.Clone(v), place),
		} {
			if !sameBits(a, same) {
				t.Errorf("dims %d: %s: another token", d, name)
			}
		}
		if n := length(a); math.Abs(n-1) > 1e-6 {
			t.Errorf("dims %d: length %v", d, n)
		}
		last := slices.Clone(v)
		last[d-1] = math.Nextafter32(last[d-1], 2)
		elsewhere := place
		elsewhere.Name = ""
		for name, other := range map[string][]float32{
			"the last bit changed": token(t, m, last, place),
			"another place":        token(t, m, v, elsewhere),
			"another key":          token(t, masker(t, ring(t, master(2)), "token"), v, place),
			"another vector":       token(t, m, vec(d, 2), place),
			"the vector itself":    v,
		} {
			// Unrelated vectors have a cosine of 1/√d, give or take.
			if c := cosine(a, other); math.Abs(c) > 4.5/math.Sqrt(float64(d)) {
				t.Errorf("dims %d: %s: cosine %.3f", d, name, c)
			}
		}
	}
}

func length(v []float32) float64 {
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return math.Sqrt(sum)
}

// TestTokensDoNotMeet makes 20,000 tokens of the shortest vectors that get one, in pairs that differ in one bit.
func TestTokensDoNotMeet(t *testing.T) {
	m := masker(t, ring(t, master(1)), "token")
	seen := map[string]bool{}
	for i := range 20000 {
		v := make([]float32, 16)
		v[i%16] = float32(i)
		seen[fmt.Sprint(token(t, m, v, place))] = true
	}
	if len(seen) != 20000 {
		t.Errorf("%d tokens for 20000 vectors", len(seen))
	}
}

// TestTokensAreRaw: a token that comes back is neither opened nor taken for a forgery.
func TestTokensAreRaw(t *testing.T) {
	r := ring(t, master(1))
	m, s := masker(t, r, "token"), vector.NewSealer(r)
	for i := range 200 {
		if _, is := open(t, s, token(t, m, vec(34+i, 1), place), place); is != vector.NotSealed {
			t.Errorf("dims %d: %v", 34+i, is)
		}
	}
}

func TestTokenGivesNoneOf(t *testing.T) {
	m := masker(t, ring(t, master(1)), "token")
	nan, inf := vec(64, 1), vec(64, 1)
	nan[0], inf[63] = float32(math.NaN()), float32(math.Inf(-1))
	for name, v := range map[string][]float32{"nothing": nil, "15": vec(15, 1), "NaN": nan, "Inf": inf} {
		if got, err := m.Mask(nil, v, place); err != nil || len(got) > 0 {
			t.Errorf("%s: got %d components, %v, want none", name, len(got), err)
		}
	}
}
