package coveragetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/coverage"
)

// model is coverage told slot by slot, of everything that was ever asked for.
type model struct {
	left map[string][]bool
	last map[string]time.Time
	open map[string]opened
}

// opened is a claim that is open.
type opened struct {
	c      authz.CoverClaim
	lapses time.Time
}

// name tells a holder's object apart from all others.
func name(c authz.CoverClaim, holder string) string {
	n := fmt.Sprintf("%q %q %q %q %q", c.Tenant, holder, c.Target, c.Piece.Object, c.Piece.Version)
	if c.Piece.Version != "" {
		n += fmt.Sprint(c.Piece.Size)
	}
	return n
}

// mark marks the slots of a piece byte by byte. Byte n of an object is the part of it from n/size to (n+1)/size.
func mark(slots []bool, p authz.Piece) {
	end := p.Offset + p.Length
	if p.Size <= 0 || p.Length < 0 {
		p.Size, p.Offset, end = coverage.Slots, 0, coverage.Slots
	}
	for n := p.Offset; n < min(end, p.Size); n++ {
		for i := n * coverage.Slots / p.Size; i*p.Size < (n+1)*coverage.Slots; i++ {
			slots[i] = true
		}
	}
}

func share(slots []bool) float64 {
	n := 0
	for _, s := range slots {
		if s {
			n++
		}
	}
	return float64(n) / float64(len(slots))
}

// slots are those that have left, as they are now.
func (m *model) slots(key string, now time.Time) []bool {
	out := make([]bool, coverage.Slots)
	if now.Sub(m.last[key]) < coverage.TTL {
		copy(out, m.left[key])
	}
	return out
}

func (m *model) claim(c authz.CoverClaim, now time.Time) []authz.Covered {
	id := c.Tenant + " " + c.ID
	mine, known := m.open[id]
	if !known || !now.Before(mine.lapses) {
		mine.lapses = now.Add(coverage.OpenFor)
	}
	delete(m.open, id)
	var out []authz.Covered
	for _, h := range c.Holders {
		slots := m.slots(name(c, h), now)
		with := slices.Clone(slots)
		mark(with, c.Piece)
		covered := authz.Covered{Before: share(slots), After: share(slots)}
		if slices.Equal(slots, with) { // nothing new
			out = append(out, covered)
			continue
		}
		for _, o := range m.open {
			for _, other := range o.c.Holders {
				if now.Before(o.lapses) && name(o.c, other) == name(c, h) {
					mark(with, o.c.Piece)
				}
			}
		}
		covered.After = share(with)
		out = append(out, covered)
	}
	m.open[id] = opened{c, mine.lapses}
	return out
}

func (m *model) commit(c authz.CoverClaim, now time.Time) {
	delete(m.open, c.Tenant+" "+c.ID)
	for _, h := range c.Holders {
		key := name(c, h)
		slots := m.slots(key, now)
		mark(slots, c.Piece)
		m.left[key], m.last[key] = slots, now
	}
}

// random makes random steps and compares each answer with the model's.
func random(b *bench, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 7)) //nolint:gosec // repeatable
	m := &model{left: map[string][]bool{}, last: map[string]time.Time{}, open: map[string]opened{}}
	claims := make([]authz.CoverClaim, 12)
	for step := range 600 {
		i := r.IntN(len(claims))
		if claims[i].ID == "" || r.IntN(4) == 0 {
			old := claims[i]
			if old.ID != "" && r.IntN(2) == 0 {
				m.drop(old)
				b.drop(old)
			}
			claims[i] = randomClaim(r, fmt.Sprint("c", step))
		}
		c, now := claims[i], b.clock.Now()
		switch r.IntN(5) {
		case 0, 1, 2:
			got, err := b.store.Claim(b.Context(), c)
			if err != nil {
				b.Fatal(err)
			}
			if diff := cmp.Diff(m.claim(c, now), got); diff != "" {
				b.Fatalf("step %d: claim %+v: -want +got:\n%s", step, c, diff)
			}
		case 3:
			b.commit(c)
			m.commit(c, now)
		case 4:
			b.drop(c)
			m.drop(c)
		}
		switch r.IntN(60) {
		case 0:
			b.clock.Advance(time.Duration(r.Int64N(int64(100*24*time.Hour/time.Microsecond))) * time.Microsecond)
		case 1, 2, 3, 4, 5:
			b.clock.Advance(time.Duration(r.Int64N(int64(12*time.Second/time.Microsecond))) * time.Microsecond)
		}
	}
}

func (m *model) drop(c authz.CoverClaim) { delete(m.open, c.Tenant+" "+c.ID) }

// randomClaim is a claim of a few holders on a piece of one of a few objects, some of them smaller than there are slots.
func randomClaim(r *rand.Rand, id string) authz.CoverClaim {
	sizes := []int64{authz.UnknownLength, 0, 1, 2, 700, 1023, 1024, 1025, 3000, 10_007}
	c := authz.CoverClaim{ID: id, Tenant: []string{"t", "u"}[r.IntN(2)], Target: "models"}
	for _, h := range []string{"subject|ada", "subject|bob", "group|team", "group|all"} {
		if r.IntN(2) == 0 {
			c.Holders = append(c.Holders, h)
		}
	}
	if len(c.Holders) == 0 {
		c.Holders = []string{"subject|eve"}
	}
	p := authz.Piece{Object: "weights", Version: []string{"", "v1"}[r.IntN(2)], Size: sizes[r.IntN(len(sizes))]}
	p.Offset = r.Int64N(max(p.Size, 1))
	p.Length = r.Int64N(max(p.Size/4, 2))
	if r.IntN(20) == 0 {
		p.Length = authz.UnknownLength
	}
	c.Piece = p
	return c
}
