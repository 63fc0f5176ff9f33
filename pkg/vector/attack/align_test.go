package attack_test

import (
	"cmp"
	"math"
	"slices"
)

// alignment attacks with no known text at all: masked vectors on one side, raw ones of other texts, from the same model, on the other. Both
// clouds have the same shape; principal axes give it up to signs, all signs of the first six are tried, and the best starts are refined by
// matching nearest neighbours in ever more dimensions (iterative closest point, Procrustes).
type alignment struct {
	x, b   rows // coordinates along the own principal axes, means taken away
	ux, ub rows // these axes, as columns
	mx, mb []float32
}

// The schedule: how many dimensions are matched, step by step. Starts are refined up to the last of early, the best one then through late.
// More of everything (8 starts, 3 updates, up to all 384 dimensions) re-identifies as many, in several times the time.
var (
	early = []int{6, 8, 12, 16, 20, 24, 32}
	late  = []int{40, 48, 64, 80, 96, 128, 192}
)

const (
	keptStarts  = 4
	updates     = 2 // in each step
	signUpdates = 6 // for each pattern of signs
	nearestOfX  = 20
	nearestOfB  = 6
)

// align returns the attack's estimate of the raw vectors behind masked, given others; noise is what the mask is known to add. lead is by how
// much the best start is ahead of the second: the attacker's own sign of success.
func align(masked, others rows, noise float64) (estimate rows, lead float64) {
	a := alignment{mx: masked.mean(), mb: others.mean()}
	x := masked.minus(a.mx, float32(math.Sqrt(1+noise*noise)))
	b := others.minus(a.mb, 1)
	a.ux, a.ub = axes(x), axes(b)
	a.x, a.b = x.times(a.ux), b.times(a.ub)

	starts := a.starts()
	for i, s := range starts {
		for at, k := range early {
			for range updates - 1 {
				s.w = a.update(s.w, k, k, nearestOfX, nearestOfB, a.x, a.b)
			}
			next := k
			if at+1 < len(early) {
				next = early[at+1]
			}
			s.w = a.update(s.w, k, next, nearestOfX, nearestOfB, a.x, a.b)
		}
		s.score = score(a.x.cols(s.w.n).times(s.w), a.b.cols(s.w.n))
		starts[i] = s
	}
	slices.SortFunc(starts, func(s, o start) int { return cmp.Compare(s.score, o.score) })
	w := starts[0].w
	for at, k := range late {
		from := early[len(early)-1]
		if at > 0 {
			from = late[at-1]
		}
		w = a.update(w, from, k, nearestOfX, nearestOfB, a.x, a.b)
		for range updates - 1 {
			w = a.update(w, k, k, nearestOfX, nearestOfB, a.x, a.b)
		}
	}
	return a.x.cols(w.n).times(w).times(a.ub.cols(w.n).transposed()), starts[1].score - starts[0].score
}

// axes returns the principal axes of centred rows, as columns, the longest first.
func axes(m rows) rows {
	_, _, v := svd(inner(m, m, float64(m.n)))
	return columns(v)
}

// update improves w, a rotation of the first k coordinates: every masked vector is paired with the mean of its kx nearest in b, every one of b
// with the mean of its kb nearest masked ones, and the result is the rotation that fits those pairs best, in the first next coordinates.
func (a *alignment) update(w rows, k, next, kx, kb int, x, b rows) rows {
	y, bk := x.cols(k).times(w), b.cols(k)
	ofX, ofB := neighbours(y, bk, kx, kb)
	xn, bn := x.cols(next), b.cols(next)
	c := inner(xn, meanOf(ofX, bn, x.n), float64(x.n))
	for i, row := range inner(meanOf(ofB, xn, b.n), bn, float64(b.n)) {
		for j, v := range row {
			c[i][j] += v
		}
	}
	u, _, v := svd(c)
	return columns(u).times(columns(v).transposed())
}

// meanOf returns, for each of n rows the mean of its neighbours in m.
//
//go:norace
func meanOf(s *nearest, m rows, n int) rows {
	out := newRows(n, m.d)
	for i := range n {
		o := out.row(i)
		for _, j := range s.of(i) {
			for c, x := range m.row(int(j)) {
				o[c] += x
			}
		}
		for c := range o {
			o[c] /= float32(s.k)
		}
	}
	return out
}

// score is the mean distance of each row to the nearest of the other side, both ways: small where the clouds lie on each other.
func score(y, b rows) float64 {
	ofY, ofB := neighbours(y, b, 1, 1)
	mean := func(s *nearest) float64 {
		var sum float64
		for _, far := range s.far {
			sum += math.Sqrt(max(0, float64(far)))
		}
		return sum / float64(len(s.far))
	}
	return mean(ofY) + mean(ofB)
}

// start is a rotation of the first coordinates and how well it fits.
type start struct {
	w     rows
	score float64
}

// starts refines every pattern of signs a little, on part of the rows, and returns the best that are distinct.
func (a *alignment) starts() []start {
	k := early[0]
	x, b := a.x.some(0, min(750, a.x.n)), a.b.some(0, min(1500, a.b.n))
	var all []start
	for signs := range 1 << k {
		w := newRows(k, k)
		for i := range k {
			w.row(i)[i] = float32(1 - 2*(signs>>i&1))
		}
		for range signUpdates {
			w = a.update(w, k, k, nearestOfX, nearestOfB, x, b)
		}
		all = append(all, start{w, score(x.cols(k).times(w), b.cols(k))})
	}
	slices.SortFunc(all, func(s, o start) int { return cmp.Compare(s.score, o.score) })
	var best []start
	for _, s := range all {
		same := func(o start) bool { return float64(dot(s.w.x, o.w.x))/float64(k) >= 0.95 }
		if len(best) < keptStarts && !slices.ContainsFunc(best, same) {
			best = append(best, s)
		}
	}
	return best
}

// unpaired is the share of masked rows 0–1,499 whose estimate is nearest, of all 4,000 raw vectors, to their own, when the attacker aligned
// them with the raw rows 1,500–3,999; noise is what the mask is known to add, and lead the attacker's own sign of success.
func unpaired(raw, masked rows, noise float64) (share, lead float64) {
	const n = 1500
	others := raw.some(n, raw.n)
	estimate, lead := align(masked.some(0, n).normalised(), others, noise)
	candidates := raw.minus(others.mean(), 1).normalised()
	return reid(estimate.normalised(), candidates, func(i int) int { return i }), lead
}
