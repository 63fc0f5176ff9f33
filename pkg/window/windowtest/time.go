package windowtest

import (
	"time"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/window"
)

// testRotation: a decrease goes to the slot that reserved, and nowhere once that has rotated out.
func testRotation(b *bench) {
	old := b.claim(b.id(), "ada", 10)
	b.reserve(old)
	b.clock.Advance(70 * time.Second) // out of the minute, inside the hour
	b.reserve(b.claim(b.id(), "ada", 5))
	old.Volume = vectors(1)
	b.settle(old)
	b.used("ada", minute, 5)
	b.used("ada", hour, 6)
}

// testLongStream: a stream longer than its window charges what leaves when it leaves.
func testLongStream(b *bench) {
	l := limit("ada", authz.UnitVectors, minute, 10)
	r := b.claim(b.id(), "ada", 0, l)
	b.reserve(r)
	total := int64(0)
	for range 40 { // 200 s: more than three windows, and more steps than there are slots
		r.Volume = vectors(total + 5)
		total = b.raise(r).Granted.Of(authz.UnitVectors)
		b.clock.Advance(5 * time.Second)
	}
	if total < 20 || total > 40 {
		b.t.Errorf("%d vectors left in 200 s under 10 a minute; want between 20 and 40", total)
	}
	before := total
	r.Volume = vectors(total - 2) // the last two were never sent
	b.settle(r)
	u, err := b.s.Usage(b.t.Context(), "t", []authz.MeterKey{key("ada")})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range u {
		if c.Window == hour && c.Unit == authz.UnitVectors && c.Count != before-2 {
			b.t.Errorf("hour counts %d, want %d", c.Count, before-2)
		}
	}
}

func testClockBack(b *bench) {
	l := limit("ada", authz.UnitVectors, minute, 10)
	b.reserve(b.claim(b.id(), "ada", 10, l))
	b.clock.Advance(-10 * time.Minute)
	if q := b.reserve(b.claim(b.id(), "ada", 1, l)); len(q.Over) == 0 {
		b.t.Error("a clock that was set back gave budget")
	}
	b.used("ada", minute, 10)
	// What is counted meanwhile counts from when the clock stood last: set right again, it has not aged.
	b.reserve(b.claim(b.id(), "bob", 5))
	b.clock.Advance(10 * time.Minute)
	b.used("bob", minute, 5)
	b.clock.Advance(time.Minute)
	b.used("bob", minute, 5)
	b.clock.Advance(8 * time.Second)
	b.used("bob", minute, 0)
}

func testForgets(b *bench) {
	l := limit("ada", authz.UnitVectors, minute, 1)
	b.reserve(b.claim(b.id(), "ada", 1, l))
	b.clock.Advance(time.Minute - time.Nanosecond)
	if q := b.reserve(b.claim(b.id(), "ada", 1, l)); len(q.Over) == 0 {
		b.t.Error("admitted again within the minute")
	}
	slot := time.Duration(window.Width(minute))
	b.clock.Advance(slot)
	if q := b.reserve(b.claim(b.id(), "ada", 1, l)); len(q.Over) != 0 {
		b.t.Errorf("still refused %v after the minute: %+v", slot, q)
	}
	// Retry-After is no lie: after it, there is room.
	q := b.reserve(b.claim(b.id(), "ada", 1, l))
	if len(q.Over) == 0 {
		b.t.Fatal("admitted twice")
	}
	b.clock.Advance(q.Over[0].RetryAfter)
	if q := b.reserve(b.claim(b.id(), "ada", 1, l)); len(q.Over) != 0 {
		b.t.Errorf("refused after Retry-After: %+v", q)
	}
}
