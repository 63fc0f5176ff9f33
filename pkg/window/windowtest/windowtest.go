// Package windowtest is the suite that every store of sliding windows must pass. It owns the meaning of the store's promises, as tests:
// never more than the limit in any window, forgets at most one slot late, a refusal burns nothing, every call is idempotent. It trusts the
// clock that the factory hands it.
package windowtest

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/weirgate/weir/pkg/authz"
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

// RunHolding runs what must hold of a store that may hold some of its limits back for itself, too, for a slot at most: it never admits more, and
// what is charged in the end, after settle, is what left.
func RunHolding(t *testing.T, make Factory, settle func(s Store)) {
	for name, f := range holders() {
		t.Run(name, func(t *testing.T) {
			clock := NewClock()
			s := make(t, []authz.Window{minute, hour, day, month}, clock)
			f(&bench{t: t, s: s, clock: clock}, func() { settle(s) })
		})
	}
}

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
		"forgets at most a slot late": testForgets, "unreadable limit": testUnreadable, "concurrent": testConcurrent,
		"huge counts": testHuge, "reset": testReset, "restore": testRestore,
	}
	maps.Copy(tests, adversaries())
	for name, f := range tests {
		t.Run(name, func(t *testing.T) {
			clock := NewClock()
			f(&bench{t: t, s: make(t, []authz.Window{minute, hour, day, month}, clock), clock: clock})
		})
	}
}
