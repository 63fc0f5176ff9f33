// Package windowtest is the suite that every store of sliding windows must pass. It owns the meaning of the store's promises, as tests:
// never more than the limit in any window, forgets at most one slot late, a refusal burns nothing, every call is idempotent. It trusts the
// clock that the factory hands it.
package windowtest

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/window"
)

// Store is what is tested; guard.Store and Ready.
type Store interface {
	Reserve(ctx context.Context, r authz.Reservation) (authz.Quota, error)
	Raise(ctx context.Context, r authz.Reservation) (authz.Quota, error)
	Settle(ctx context.Context, r authz.Reservation) error
	Cancel(ctx context.Context, r authz.Reservation) error
	Usage(ctx context.Context, tenant string, keys []authz.MeterKey) (authz.Usage, error)
	Ready(ctx context.Context) error
}

// Clock is the time a store under test runs by.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock at an arbitrary, fixed time.
func NewClock() *Clock { return &Clock{now: time.Unix(1_700_000_003, 141_592_653)} }

// Now returns the time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the time; backwards too.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Factory makes an empty store with the windows, running by the clock.
type Factory func(t *testing.T, windows []authz.Window, clock *Clock) Store

const (
	minute = authz.Window(time.Minute)
	hour   = authz.Window(time.Hour)
)

func key(s string) authz.MeterKey { return authz.MeterKey{Meter: authz.MeterSubject, Key: s} }

func limit(k string, u authz.Unit, w authz.Window, n int64) authz.Limit {
	return authz.Limit{Meter: authz.MeterSubject, Key: k, Unit: u, Window: w, Max: n}
}

func vectors(n int64) authz.Volume { return authz.Volume{}.With(authz.UnitVectors, n) }

// bench is one store under test.
type bench struct {
	t     *testing.T
	s     Store
	clock *Clock
	ids   int
}

func (b *bench) id() string {
	b.ids++
	return fmt.Sprint("r", b.ids)
}

// claim is a reservation of n vectors for one key.
func (b *bench) claim(id, k string, n int64, limits ...authz.Limit) authz.Reservation {
	return authz.Reservation{ID: id, Tenant: "t", Keys: []authz.MeterKey{key(k)}, Volume: vectors(n), Limits: limits}
}

func (b *bench) reserve(r authz.Reservation) authz.Quota {
	b.t.Helper()
	q, err := b.s.Reserve(b.t.Context(), r)
	if err != nil {
		b.t.Fatal(err)
	}
	return q
}

func (b *bench) raise(r authz.Reservation) authz.Quota {
	b.t.Helper()
	q, err := b.s.Raise(b.t.Context(), r)
	if err != nil {
		b.t.Fatal(err)
	}
	return q
}

func (b *bench) settle(r authz.Reservation) {
	b.t.Helper()
	if err := b.s.Settle(b.t.Context(), r); err != nil {
		b.t.Fatal(err)
	}
}

// used asserts what a key's window counts.
func (b *bench) used(k string, w authz.Window, want int64) {
	b.t.Helper()
	u, err := b.s.Usage(b.t.Context(), "t", []authz.MeterKey{key(k)})
	if err != nil {
		b.t.Fatal(err)
	}
	got := int64(0)
	for _, c := range u {
		if c.Unit == authz.UnitVectors && c.Window == w {
			got = c.Count
		}
	}
	if got != want {
		b.t.Errorf("%s in %v: %d used, want %d", k, w, got, want)
	}
}

// Run runs the suite.
func Run(t *testing.T, make Factory) {
	tests := map[string]func(*bench){
		"reserve and refuse": testReserve, "all or nothing": testAllOrNothing, "idempotent": testIdempotent, "raise": testRaise, "settle": testSettle,
		"cancel": testCancel, "unknown claims": testUnknown, "rotation": testRotation, "long stream": testLongStream, "clock set back": testClockBack,
		"no window over": testNoWindowOver, "forgets at most a slot late": testForgets, "unreadable limit": testUnreadable, "concurrent": testConcurrent,
		"huge counts": testHuge,
	}
	for name, f := range tests {
		t.Run(name, func(t *testing.T) {
			clock := NewClock()
			f(&bench{t: t, s: make(t, []authz.Window{minute, hour}, clock), clock: clock})
		})
	}
}

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
	if q := b.reserve(b.claim(b.id(), "ada", huge, l)); len(q.Over) != 1 || q.Over[0].Used != 1 {
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

// testNoWindowOver: whatever the arrivals, no window of the limit's length admits more than the limit. The model keeps every admission.
func testNoWindowOver(b *bench) {
	const maximum = 20
	type admission struct {
		at time.Time
		n  int64
	}
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // repeatable
	l := limit("ada", authz.UnitVectors, minute, maximum)
	var log []admission
	for i := range 600 {
		switch {
		case i%50 < 10: // greedy at one moment
		case i%50 == 10: // wait for just before a window later: the edge that leaks in weighted schemes
			b.clock.Advance(time.Minute - time.Millisecond)
		default:
			b.clock.Advance(time.Duration(r.IntN(4000)) * time.Millisecond)
		}
		n := int64(1 + r.IntN(6))
		if q := b.reserve(b.claim(b.id(), "ada", n, l)); len(q.Over) == 0 {
			log = append(log, admission{b.clock.Now(), n})
		}
	}
	admitted := int64(0)
	for i, first := range log {
		sum := int64(0)
		for _, a := range log[i:] {
			if a.at.Sub(first.at) < time.Minute {
				sum += a.n
			}
		}
		if sum > maximum {
			b.t.Fatalf("%d admitted in the minute from %v, at most %d may be", sum, first.at, maximum)
		}
		admitted += first.n
	}
	if admitted < maximum*5 {
		b.t.Errorf("only %d admitted in all: the limit is kept by refusing everything", admitted)
	}
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
