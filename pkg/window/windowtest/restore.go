package windowtest

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/window"
)

// restorer is what a store can do for operators, too.
type restorer interface {
	Restore(ctx context.Context, tenant string, past []window.PastMeter) error
	Reset(ctx context.Context, tenant string, keys []authz.MeterKey) error
}

// testReset: what is reset counts nothing, whatever is given back later, and counts on from there.
func testReset(b *bench) {
	s, ok := b.s.(restorer)
	if !ok {
		b.t.Skip("the store restores nothing by itself")
	}
	l := limit("ada", authz.UnitVectors, minute, 10)
	open := b.claim(b.id(), "ada", 6, l)
	b.reserve(open)
	b.reserve(b.claim(b.id(), "bob", 3))
	b.clock.Advance(20 * time.Second)
	b.reserve(b.claim(b.id(), "ada", 4, l))
	if err := s.Reset(b.t.Context(), "t", []authz.MeterKey{key("ada"), key("nobody")}); err != nil {
		b.t.Fatal(err)
	}
	b.used("ada", minute, 0)
	b.used("ada", month, 0)
	b.used("bob", hour, 3)
	if q := b.reserve(b.claim(b.id(), "ada", 10, l)); len(q.Over) > 0 {
		b.t.Errorf("after the reset: %+v", q)
	}
	open.Volume = vectors(0)
	b.settle(open)
	b.used("ada", minute, 10)
}

// testRestore: a store that has lost everything counts as before once it is told the past, and one that has lost nothing is not changed by it.
func testRestore(b *bench) {
	s, ok := b.s.(restorer)
	if !ok {
		b.t.Skip("the store restores nothing by itself")
	}
	keys := []authz.MeterKey{key("ada"), key("team")}
	r := rand.New(rand.NewPCG(1, 4)) //nolint:gosec // repeatable
	type event struct {
		at time.Time
		n  int64
	}
	var log []event
	for range 60 {
		b.clock.Advance(time.Duration(r.Int64N(int64(20 * time.Hour))).Truncate(time.Microsecond))
		if r.IntN(3) == 0 {
			b.clock.Advance(time.Duration(r.Int64N(int64(time.Minute))).Truncate(time.Microsecond))
		}
		c := b.claim(b.id(), "ada", 1+r.Int64N(9))
		c.Keys = keys
		b.reserve(c)
		b.settle(c)
		log = append(log, event{b.clock.Now(), c.Volume.Of(authz.UnitVectors)})
	}
	usage := func() authz.Usage {
		b.t.Helper()
		u, err := b.s.Usage(b.t.Context(), "t", keys)
		if err != nil {
			b.t.Fatal(err)
		}
		return u
	}
	b.clock.Advance(time.Hour) // what came in the last tick is in slots by now
	before := usage()
	past := window.NewPast([]authz.Window{minute, hour, day, month}, nil, b.clock.Now())
	for _, e := range log {
		past.Add("t", keys, e.at, vectors(e.n))
	}
	restore := func() {
		b.t.Helper()
		if err := s.Restore(b.t.Context(), "t", past.Meters("t")); err != nil {
			b.t.Fatal(err)
		}
	}
	restore()
	if diff := cmp.Diff(before, usage()); diff != "" {
		b.t.Errorf("told what it knows (-before +after):\n%s", diff)
	}
	if err := s.Reset(b.t.Context(), "t", keys); err != nil {
		b.t.Fatal(err)
	}
	for range 2 {
		restore()
		if diff := cmp.Diff(before, usage()); diff != "" || len(before) < 4 {
			b.t.Errorf("told what it lost (-before +after):\n%s", diff)
		}
	}
	b.reserve(b.claim(b.id(), "ada", 5))
	for range 70 { // and it forgets in time
		b.clock.Advance(12 * time.Hour)
		usage()
	}
	if u := usage(); len(u) > 0 {
		b.t.Errorf("35 days later it counts %v", u)
	}
}
