package attack_test

import "math"

// knownPairs attacks by k texts whose masked vectors the attacker knows: to have asked for them is enough. The pairs span a subspace; in it,
// the rotation is the product of the two sides' bases, and there unseen masked vectors are compared with raw candidates, noise allowed for.
// Returned is the share of 1,000 unseen ones whose own raw vector is the nearest of 3,800.
func knownPairs(raw, masked rows, k int, noise float64, seed uint64) float64 {
	masked = masked.normalised()
	order := shuffled(raw.n, seed)
	pairs, others := order[:200], order[200:]
	ofMasked, ofRaw := subspaces(masked.pick(pairs[:k]), raw.pick(pairs[:k]))
	seen := masked.pick(others[:1000]).times(ofMasked)
	for i := range seen.x {
		seen.x[i] *= float32(math.Sqrt(1 + noise*noise))
	}
	ofSeen, _ := neighbours(seen, raw.pick(others).times(ofRaw), 1, 1)
	hits := 0
	for i := range seen.n {
		if ofSeen.of(i)[0] == int32(i) {
			hits++
		}
	}
	return float64(hits) / float64(seen.n)
}

// subspaces returns the first k left and right singular vectors, as columns, of xᵀ·a, for k rows x and a. They lie in what the rows span, so
// a decomposition of k × k numbers is enough.
func subspaces(x, a rows) (u, v rows) {
	qx, rx := orthonormal(x)
	qa, ra := orthonormal(a)
	k := x.n
	small := make([][]float64, k) // rx·raᵀ, where row i of x is Σ rx[j][i]·qx[j]
	for i := range small {
		small[i] = make([]float64, k)
		for j := range small[i] {
			small[i][j] = dot64(rx[i], ra[j])
		}
	}
	su, _, sv := svd(small)
	return combine(qx, su), combine(qa, sv)
}

// combine returns the matrix with columns Σ c[i]·q[i], one for each c of cs.
func combine(q [][]float64, cs [][]float64) rows {
	out := make([][]float64, len(cs))
	for to, c := range cs {
		out[to] = make([]float64, len(q[0]))
		for i, x := range c {
			for j, y := range q[i] {
				out[to][j] += x * y
			}
		}
	}
	return columns(out)
}

// orthonormal decomposes m's rows: row i of m is Σ r[j][i]·q[j], q being orthonormal (Gram-Schmidt, twice for accuracy).
func orthonormal(m rows) (q, r [][]float64) {
	for i := range m.n {
		v := make([]float64, m.d)
		for j, x := range m.row(i) {
			v[j] = float64(x)
		}
		r = append(r, make([]float64, m.n))
		for range 2 {
			for j, b := range q {
				along := dot64(v, b)
				r[j][i] += along
				for c := range v {
					v[c] -= along * b[c]
				}
			}
		}
		if r[i][i] = math.Sqrt(dot64(v, v)); r[i][i] > 1e-12 {
			for c := range v {
				v[c] /= r[i][i]
			}
		}
		q = append(q, v)
	}
	return q, r
}
