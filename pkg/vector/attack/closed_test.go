package attack_test

import (
	"slices"
	"testing"
)

// closedSet names three rotated vectors, when the raw ones are among the attacker's candidates: a rotation keeps inner products, so the first
// two are a pair of candidates with their product, and the third fits both. It returns every assignment that fits.
func closedSet(x, candidates rows) [][3]int {
	const slack = 1e-6
	near := func(a, b float32) bool { return a-b < slack && b-a < slack }
	p01, p02, p12 := dot(x.row(0), x.row(1)), dot(x.row(0), x.row(2)), dot(x.row(1), x.row(2))
	var hits [][2]int
	eachProduct(candidates, candidates, func(i int, products []float32) {
		for j, p := range products {
			if near(p, p01) && i != j {
				hits = append(hits, [2]int{i, j})
			}
		}
	})
	var fit [][3]int
	for _, h := range hits {
		for k := range candidates.n {
			if near(dot(candidates.row(h[0]), candidates.row(k)), p02) && near(dot(candidates.row(h[1]), candidates.row(k)), p12) {
				fit = append(fit, [3]int{h[0], h[1], k})
			}
		}
	}
	return fit
}

// TestThreeRotatedVectorsAreEnough: no pair, no key; the candidates hold the true texts.
func TestThreeRotatedVectorsAreEnough(t *testing.T) {
	raw := minilm(t)
	which := [3]int{17, 1234, 3999}
	rotated := mask(t, raw, "obfuscate:rotate", 1).pick(which[:])
	if got := closedSet(rotated, raw); !slices.Equal(got, [][3]int{which}) {
		t.Errorf("the attacker named %v, want %v and nothing else", got, which)
	}
	sealed := mask(t, raw, "seal", 1).normalised().pick(which[:])
	if got := closedSet(sealed, raw); slices.Contains(got, which) {
		t.Errorf("seal: the attacker named %v", which)
	}
}
