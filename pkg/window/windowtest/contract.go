package windowtest

import (
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/authz"
)

func testReserve(b *bench) {
	if err := b.s.Ready(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	l := limit("ada", authz.UnitVectors, minute, 10)
	if q := b.reserve(b.claim(b.id(), "ada", 7, l)); len(q.Over) != 0 || q.Granted != vectors(7) {
		b.t.Errorf("7 of 10: %+v", q)
	}
	q := b.reserve(b.claim(b.id(), "ada", 4, l))
	if len(q.Over) != 1 || q.Granted != (authz.Volume{}) || q.Over[0].Used != 7 || q.Over[0].RetryAfter <= 0 || q.Over[0].RetryAfter > 68*time.Second {
		b.t.Errorf("4 more: %+v; want a refusal that says 7 are used", q)
	}
	if diff := cmp.Diff(l, q.Over[0].Limit); diff != "" {
		b.t.Error(diff)
	}
	b.used("ada", minute, 7) // a refusal burns nothing
	if q := b.reserve(b.claim(b.id(), "ada", 3, l)); len(q.Over) != 0 {
		b.t.Errorf("3 more: %+v", q)
	}
	// More at once than ever passes is not worth waiting for, and the worst of what is in the way.
	q = b.reserve(b.claim(b.id(), "ada", 11, limit("ada", authz.UnitVectors, hour, 15), l))
	if len(q.Over) != 2 || q.Over[0].Limit != l || q.Over[0].RetryAfter != 0 || q.Over[1].RetryAfter <= 0 {
		b.t.Errorf("11 where 10 are the most: %+v", q)
	}
	if q := b.reserve(b.claim(b.id(), "bob", 10, limit("bob", authz.UnitVectors, minute, 10))); len(q.Over) != 0 {
		b.t.Errorf("another key: %+v", q)
	}
	other := b.claim(b.id(), "ada", 10, l)
	other.Tenant = "u"
	if q := b.reserve(other); len(q.Over) != 0 {
		b.t.Errorf("another tenant: %+v", q)
	}
}

func testAllOrNothing(b *bench) {
	r := b.claim(b.id(), "ada", 5, limit("ada", authz.UnitVectors, minute, 100), limit("team", authz.UnitVectors, hour, 4))
	r.Keys = append(r.Keys, key("team"))
	if q := b.reserve(r); len(q.Over) != 1 || q.Over[0].Limit.Key != "team" {
		b.t.Errorf("%+v; want the team's limit in the way", q)
	}
	b.used("ada", minute, 0)
	b.used("team", hour, 0)
	r.ID, r.Volume = b.id(), vectors(4)
	if q := b.reserve(r); len(q.Over) != 0 {
		b.t.Errorf("%+v", q)
	}
	b.used("ada", hour, 4)
	b.used("team", minute, 4)
}

func testIdempotent(b *bench) {
	r := b.claim("x", "ada", 5, limit("ada", authz.UnitVectors, minute, 8))
	for range 2 {
		if q := b.reserve(r); q.Granted != vectors(5) {
			b.t.Errorf("reserve: %+v", q)
		}
	}
	b.used("ada", minute, 5)
	r.Volume = vectors(7)
	for range 2 {
		if q := b.raise(r); q.Granted != vectors(7) || len(q.Over) != 0 {
			b.t.Errorf("raise: %+v", q)
		}
	}
	b.used("ada", minute, 7)
	r.Volume = vectors(6)
	for range 2 {
		b.settle(r)
	}
	b.used("ada", minute, 6)
	if err := b.s.Cancel(b.t.Context(), r); err != nil {
		b.t.Fatal(err)
	}
	b.used("ada", minute, 6) // settled is settled
}

func testRaise(b *bench) {
	r := b.claim(b.id(), "ada", 2, limit("ada", authz.UnitVectors, minute, 10))
	b.reserve(r)
	b.reserve(b.claim(b.id(), "ada", 5))
	r.Volume = vectors(9).With(authz.UnitBytes, 1000)
	q := b.raise(r)
	if want := vectors(5).With(authz.UnitBytes, 1000); q.Granted != want || len(q.Over) != 1 || q.Over[0].Used != 7 {
		b.t.Errorf("raise to 9 with room for 5: %+v; want 5 vectors and all the bytes", q)
	}
	b.used("ada", minute, 10)
	r.Volume = vectors(3)
	if q := b.raise(r); q.Granted.Of(authz.UnitVectors) != 5 || len(q.Over) != 0 {
		b.t.Errorf("raise to less than is charged: %+v", q)
	}
}

func testSettle(b *bench) {
	r := b.claim(b.id(), "ada", 10)
	b.reserve(r)
	r.Volume = vectors(4)
	b.settle(r)
	b.used("ada", minute, 4)
	r = b.claim(b.id(), "ada", 1)
	b.reserve(r)
	r.Volume = vectors(3) // more left than was reserved
	b.settle(r)
	b.used("ada", minute, 7)
	r.Volume = vectors(9)
	if q := b.raise(r); q.Granted != vectors(3) {
		b.t.Errorf("raise after settle: %+v; a closed claim stays as it is", q)
	}
	b.used("ada", minute, 7)
}

func testCancel(b *bench) {
	r := b.claim(b.id(), "ada", 10)
	b.reserve(r)
	b.reserve(b.claim(b.id(), "ada", 1))
	for range 2 {
		if err := b.s.Cancel(b.t.Context(), r); err != nil {
			b.t.Fatal(err)
		}
	}
	b.used("ada", minute, 1)
}

func testUnknown(b *bench) {
	r := b.claim(b.id(), "ada", 6, limit("ada", authz.UnitVectors, minute, 10))
	if q := b.raise(r); q.Granted != vectors(6) {
		b.t.Errorf("raise: %+v; want it charged as new", q)
	}
	b.used("ada", minute, 6)
	b.settle(b.claim(b.id(), "ada", 3))
	b.used("ada", minute, 9)
	if err := b.s.Cancel(b.t.Context(), b.claim(b.id(), "ada", 3)); err != nil {
		b.t.Fatal(err)
	}
	b.used("ada", minute, 9)
}

func testUnreadable(b *bench) {
	for name, l := range map[string]authz.Limit{
		"window that is not kept": limit("ada", authz.UnitVectors, authz.Window(7*time.Minute), 10),
		"unit":                    limit("ada", "parsecs", minute, 10),
	} {
		if q, err := b.s.Reserve(b.t.Context(), b.claim(b.id(), "ada", 1, l)); err == nil || q.Granted != (authz.Volume{}) {
			b.t.Errorf("%s: %+v, %v; want an error", name, q, err)
		}
	}
	b.used("ada", minute, 0)
}

// testHuge: counts so large that a sum of them has no room in a number never come out as room for more.
func testHuge(b *bench) {
	const huge = 1 << 53 // the largest that a claim may hold
	l := limit("ada", authz.UnitVectors, minute, 10)
	for _, n := range []int64{huge + 1, math.MaxInt64, -1} {
		r := b.claim(b.id(), "ada", n, l)
		if q, err := b.s.Reserve(b.t.Context(), r); err == nil || q.Granted != (authz.Volume{}) {
			b.t.Errorf("reserve %d: %+v, %v; want an error", n, q, err)
		}
		if err := b.s.Settle(b.t.Context(), r); err == nil {
			b.t.Errorf("settle %d: want an error", n)
		}
	}
	b.reserve(b.claim(b.id(), "ada", 1))
	if q := b.reserve(b.claim(b.id(), "ada", huge, l)); len(q.Over) != 1 || q.Over[0].Used != 1 || q.Over[0].RetryAfter != 0 {
		b.t.Errorf("2^53 where 10 are the most: %+v", q)
	}
	for range 1 + math.MaxInt64/(2*huge) { // in all more than the largest number there is
		b.reserve(b.claim(b.id(), "ada", huge))
		b.reserve(b.claim(b.id(), "ada", huge))
	}
	if q := b.reserve(b.claim(b.id(), "ada", 1, l)); len(q.Over) != 1 {
		b.t.Errorf("one more: %+v; want a refusal", q)
	}
	b.clock.Advance(time.Minute + 8*time.Second)
	b.used("ada", minute, 0)
}

// testConcurrent: many at once never pass the limit by one.
func testConcurrent(b *bench) {
	const workers, each, maximum = 16, 40, 100
	l := limit("ada", authz.UnitVectors, hour, maximum)
	var wg sync.WaitGroup
	var mu sync.Mutex
	admitted := 0
	for w := range workers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range each {
				q, err := b.s.Reserve(b.t.Context(), b.claim(fmt.Sprint(w, "-", i), "ada", 1, l))
				if err != nil {
					b.t.Error(err)
					return
				}
				if len(q.Over) == 0 {
					mu.Lock()
					admitted++
					mu.Unlock()
				}
			}
		}()
	}
	wg.Wait()
	if admitted != maximum {
		b.t.Errorf("%d admitted, want exactly %d", admitted, maximum)
	}
}
