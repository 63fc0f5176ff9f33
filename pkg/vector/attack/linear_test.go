package attack_test

import (
	"cmp"
	"math"
	"slices"
)

// The race detector would make the loops of this file ten times slower and has nothing to find: they run in one goroutine. Hence go:norace.

// rows is a matrix of n rows, one vector each.
type rows struct {
	n, d int
	x    []float32
}

func newRows(n, d int) rows { return rows{n, d, make([]float32, n*d)} }

func (m rows) row(i int) []float32 { return m.x[i*m.d : (i+1)*m.d] }

// some returns rows from up to to, shared.
func (m rows) some(from, to int) rows { return rows{to - from, m.d, m.x[from*m.d : to*m.d]} }

// pick returns the rows of those indices, copied.
func (m rows) pick(which []int) rows {
	out := newRows(len(which), m.d)
	for i, j := range which {
		copy(out.row(i), m.row(j))
	}
	return out
}

// cols returns the first k components of each row, copied.
func (m rows) cols(k int) rows {
	out := newRows(m.n, k)
	for i := range m.n {
		copy(out.row(i), m.row(i)[:k])
	}
	return out
}

// mean returns the mean row.
func (m rows) mean() []float32 {
	sum := make([]float64, m.d)
	for i := range m.n {
		for j, x := range m.row(i) {
			sum[j] += float64(x)
		}
	}
	out := make([]float32, m.d)
	for j, x := range sum {
		out[j] = float32(x / float64(m.n))
	}
	return out
}

// minus returns m with v taken from each row, and the result scaled.
func (m rows) minus(v []float32, scale float32) rows {
	out := newRows(m.n, m.d)
	for i := range m.n {
		o := out.row(i)
		for j, x := range m.row(i) {
			o[j] = (x - v[j]) * scale
		}
	}
	return out
}

// normalised returns m with each row scaled to length 1; a zero row stays zero.
func (m rows) normalised() rows {
	out := newRows(m.n, m.d)
	for i := range m.n {
		v := m.row(i)
		if l := math.Sqrt(float64(dot(v, v))); l > 0 {
			for j, x := range v {
				out.row(i)[j] = float32(float64(x) / l)
			}
		}
	}
	return out
}

//go:norace
func dot(a, b []float32) float32 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float32
	i := 0
	for ; i+4 <= len(a); i += 4 {
		s0 += a[i] * b[i]
		s1 += a[i+1] * b[i+1]
		s2 += a[i+2] * b[i+2]
		s3 += a[i+3] * b[i+3]
	}
	for ; i < len(a); i++ {
		s0 += a[i] * b[i]
	}
	return s0 + s1 + s2 + s3
}

// dots fills eight products: of two rows with four.
//
//go:norace
func dots(out *[2][4]float32, a0, a1, b0, b1, b2, b3 []float32) {
	n := len(a0)
	a1, b0, b1, b2, b3 = a1[:n], b0[:n], b1[:n], b2[:n], b3[:n]
	var p0, p1, p2, p3, q0, q1, q2, q3 float32
	for i, x := range a0 {
		y := a1[i]
		u, v, w, z := b0[i], b1[i], b2[i], b3[i]
		p0 += x * u
		p1 += x * v
		p2 += x * w
		p3 += x * z
		q0 += y * u
		q1 += y * v
		q2 += y * w
		q3 += y * z
	}
	out[0] = [4]float32{p0, p1, p2, p3}
	out[1] = [4]float32{q0, q1, q2, q3}
}

// eachProduct calls f with the inner products of rows of a and b: of row i with all of b, for each i in order.
//
//go:norace
func eachProduct(a, b rows, f func(i int, products []float32)) {
	p0, p1 := make([]float32, b.n), make([]float32, b.n)
	var out [2][4]float32
	for i := 0; i < a.n; i += 2 {
		r0 := a.row(i)
		r1 := a.row(min(i+1, a.n-1))
		j := 0
		for ; j+4 <= b.n; j += 4 {
			dots(&out, r0, r1, b.row(j), b.row(j+1), b.row(j+2), b.row(j+3))
			p0[j], p0[j+1], p0[j+2], p0[j+3] = out[0][0], out[0][1], out[0][2], out[0][3]
			p1[j], p1[j+1], p1[j+2], p1[j+3] = out[1][0], out[1][1], out[1][2], out[1][3]
		}
		for ; j < b.n; j++ {
			p0[j], p1[j] = dot(r0, b.row(j)), dot(r1, b.row(j))
		}
		f(i, p0)
		if i+1 < a.n {
			f(i+1, p1)
		}
	}
}

// times returns m·w.
func (m rows) times(w rows) rows {
	out := newRows(m.n, w.d)
	eachProduct(m, w.transposed(), func(i int, products []float32) { copy(out.row(i), products) })
	return out
}

func (m rows) transposed() rows {
	out := newRows(m.d, m.n)
	for i := range m.n {
		for j, x := range m.row(i) {
			out.x[j*m.n+i] = x
		}
	}
	return out
}

// inner returns aᵀ·b, of as many rows each, over n.
//
//go:norace
func inner(a, b rows, n float64) []([]float64) {
	out := make([][]float64, a.d)
	for i := range out {
		out[i] = make([]float64, b.d)
	}
	for r := range a.n {
		v := b.row(r)
		for i, x := range a.row(r) {
			y, o := float64(x), out[i][:len(v)]
			for j, z := range v {
				o[j] += y * float64(z)
			}
		}
	}
	for _, o := range out {
		for j := range o {
			o[j] /= n
		}
	}
	return out
}

// svd decomposes a = u·s·vᵀ by one-sided Jacobi rotations (Hestenes): u and v come as lists of columns, s descending. a may be any shape with
// at least as many rows as columns.
//
//go:norace
func svd(a [][]float64) (u [][]float64, s []float64, v [][]float64) {
	n := len(a[0])
	u, v = make([][]float64, n), make([][]float64, n)
	for j := range n {
		u[j], v[j] = make([]float64, len(a)), make([]float64, n)
		v[j][j] = 1
		for i := range a {
			u[j][i] = a[i][j]
		}
	}
	for range 60 {
		turned := false
		for p := range n {
			for q := p + 1; q < n; q++ {
				turned = orthogonalise(u, v, p, q) || turned
			}
		}
		if !turned {
			break
		}
	}
	order := make([]int, n)
	size := make([]float64, n)
	for j := range order {
		order[j] = j
		size[j] = math.Sqrt(dot64(u[j], u[j]))
	}
	slices.SortFunc(order, func(i, j int) int { return cmp.Compare(size[j], size[i]) })
	su, sv := make([][]float64, n), make([][]float64, n)
	for to, j := range order {
		s = append(s, size[j])
		su[to], sv[to] = u[j], v[j]
		for i := range su[to] {
			if size[j] > 0 {
				su[to][i] /= size[j]
			}
		}
	}
	return su, s, sv
}

// orthogonalise turns columns p and q so that u's are orthogonal, and reports whether they were not.
//
//go:norace
func orthogonalise(u, v [][]float64, p, q int) bool {
	a, b := u[p], u[q]
	aa, bb, ab := dot64(a, a), dot64(b, b), dot64(a, b)
	if math.Abs(ab) <= 1e-9*math.Sqrt(aa*bb) || aa == 0 || bb == 0 {
		return false
	}
	z := (bb - aa) / (2 * ab)
	t := math.Copysign(1/(math.Abs(z)+math.Sqrt(1+z*z)), z)
	c := 1 / math.Sqrt(1+t*t)
	turn(a, b, c, c*t)
	turn(v[p], v[q], c, c*t)
	return true
}

//go:norace
func turn(a, b []float64, c, s float64) {
	b = b[:len(a)]
	for i, x := range a {
		y := b[i]
		a[i], b[i] = c*x-s*y, s*x+c*y
	}
}

//go:norace
func dot64(a, b []float64) float64 {
	b = b[:len(a)]
	var s0, s1 float64
	i := 0
	for ; i+2 <= len(a); i += 2 {
		s0 += a[i] * b[i]
		s1 += a[i+1] * b[i+1]
	}
	if i < len(a) {
		s0 += a[i] * b[i]
	}
	return s0 + s1
}

// columns makes the matrix whose columns these are.
func columns(c [][]float64) rows {
	out := newRows(len(c[0]), len(c))
	for j, col := range c {
		for i, x := range col {
			out.x[i*out.d+j] = float32(x)
		}
	}
	return out
}
