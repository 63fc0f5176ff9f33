package attack_test

import "math"

// nearest keeps the k smallest distances offered to each of n rows, sorted.
type nearest struct {
	k     int
	far   []float32 // n × k
	which []int32
}

func newNearest(n, k int) *nearest {
	s := &nearest{k: k, far: make([]float32, n*k), which: make([]int32, n*k)}
	for i := range s.far {
		s.far[i] = math.MaxFloat32
	}
	return s
}

//go:norace
func (s *nearest) offer(i int, far float32, which int32) {
	if far >= s.far[i*s.k+s.k-1] {
		return
	}
	f, w := s.far[i*s.k:(i+1)*s.k], s.which[i*s.k:(i+1)*s.k]
	at := len(f) - 1
	for ; at > 0 && f[at-1] > far; at-- {
		f[at], w[at] = f[at-1], w[at-1]
	}
	f[at], w[at] = far, which
}

func (s *nearest) of(i int) []int32 { return s.which[i*s.k : (i+1)*s.k] }

// neighbours finds, by squared Euclidean distance, the kb rows of b nearest to each of a, and the ka rows of a nearest to each of b.
//
//go:norace
func neighbours(a, b rows, kb, ka int) (ofA, ofB *nearest) {
	ofA, ofB = newNearest(a.n, kb), newNearest(b.n, ka)
	sizes := make([]float32, b.n)
	for j := range sizes {
		sizes[j] = dot(b.row(j), b.row(j))
	}
	eachProduct(a, b, func(i int, products []float32) { offerAll(ofA, ofB, i, dot(a.row(i), a.row(i)), sizes, products) })
	return ofA, ofB
}

//go:norace
func offerAll(ofA, ofB *nearest, i int, size float32, sizes, products []float32) {
	last, ends := &ofA.far[(i+1)*ofA.k-1], ofB.far[ofB.k-1:]
	sizes = sizes[:len(products)]
	for j, p := range products {
		far := size + sizes[j] - 2*p
		if far < *last {
			ofA.offer(i, far, int32(j))
		}
		if far < ends[j*ofB.k] {
			ofB.offer(j, far, int32(i))
		}
	}
}
