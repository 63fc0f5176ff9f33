package distinct

import (
	"cmp"
	"math"
	"slices"
)

const (
	precision = 14
	registers = 1 << precision
	maxRank   = 64 - precision + 1
	// maxSparse is how many registers are kept as a list, of 4 bytes each: beyond it that takes no less than all of them, as lists grow.
	maxSparse = registers / 8
)

// sketch is a HyperLogLog. The zero value has counted nothing.
type sketch struct {
	sparse []cell           // in order of register; nil where dense is not
	dense  []uint8          // a rank for each register
	ranks  [maxRank + 1]int // how many registers have each rank; 0 is not kept up
}

// rank returns a register's rank, and where its cell is or would be in sparse.
func (s *sketch) rank(register uint16) (rank uint8, at int) {
	if s.dense != nil {
		return s.dense[register], 0
	}
	at, ok := slices.BinarySearchFunc(s.sparse, register, func(c cell, r uint16) int { return cmp.Compare(c.register, r) })
	if !ok {
		return 0, at
	}
	return s.sparse[at].rank, at
}

// has reports whether the sketch would not change by a cell.
func (s *sketch) has(c cell) bool {
	rank, _ := s.rank(c.register)
	return rank >= c.rank
}

// add marks a cell.
func (s *sketch) add(c cell) {
	rank, at := s.rank(c.register)
	if rank >= c.rank {
		return
	}
	s.ranks[rank]--
	s.ranks[c.rank]++
	switch {
	case s.dense != nil:
		s.dense[c.register] = c.rank
	case rank > 0:
		s.sparse[at].rank = c.rank
	case len(s.sparse) < maxSparse:
		s.sparse = slices.Insert(s.sparse, at, c)
	default:
		s.dense = make([]uint8, registers)
		for _, o := range s.sparse {
			s.dense[o.register] = o.rank
		}
		s.dense[c.register], s.sparse = c.rank, nil
	}
}

// each calls do with all cells that are not zero, in order of register.
func (s *sketch) each(do func(cell)) {
	for _, c := range s.sparse {
		do(c)
	}
	for i, rank := range s.dense {
		if rank > 0 {
			do(cell{uint16(i), rank}) //nolint:gosec // below 2^14
		}
	}
}

// count estimates how many documents set the cells.
func (s *sketch) count() int64 {
	const m = float64(registers)
	set := 0
	for _, n := range s.ranks[1:] {
		set += n
	}
	if set == 0 {
		return 0
	}
	z := m * tau((m-float64(s.ranks[maxRank]))/m)
	for k := maxRank - 1; k >= 1; k-- {
		z = (z + float64(s.ranks[k])) / 2
	}
	z += m * sigma((m-float64(set))/m)
	return int64(math.Round(m * m / (2 * math.Ln2) / z))
}

// sigma and tau are those of the paper: what empty registers and full ones stand for.
func sigma(x float64) float64 {
	if x == 1 {
		return math.Inf(1)
	}
	y, z := 1.0, x
	for last := -1.0; z != last; {
		x *= x
		last = z
		z += x * y
		y += y
	}
	return z
}

func tau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	y, z := 1.0, 1-x
	for last := -1.0; z != last; {
		x = math.Sqrt(x)
		last = z
		y /= 2
		z -= (1 - x) * (1 - x) * y
	}
	return z / 3
}
