package redisstore

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/redisstore/redistest"
	"github.com/weirgate/weir/pkg/window/windowtest"
)

// eager returns a Store that leases every meter from its first claim on.
func eager(t testing.TB, cfg Config) *Store {
	t.Helper()
	cfg.Leases, cfg.Log = true, slog.New(slog.DiscardHandler)
	if cfg.Timeout == 0 {
		cfg.Timeout = 5 * time.Second
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.leases.hotAfter = 0
	if err := s.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// tended is a Store that is given back to before each call, as Run does it all the time.
type tended struct{ *Store }

func (s tended) Reserve(ctx context.Context, r authz.Reservation) (authz.Quota, error) {
	s.giveBack(ctx, false)
	return s.Store.Reserve(ctx, r)
}

func (s tended) Raise(ctx context.Context, r authz.Reservation) (authz.Quota, error) {
	s.giveBack(ctx, false)
	return s.Store.Raise(ctx, r)
}

// TestLeases: with every claim out of a lease, no window admits more than its limit, and what is charged in the end is what left.
func TestLeases(t *testing.T) {
	server := redistest.Start(t)
	windowtest.RunHolding(t, func(t *testing.T, windows []authz.Window, clock *windowtest.Clock) windowtest.Store {
		server.Flush(t)
		return tended{eager(t, Config{URL: server.URL(), Windows: windows, Now: clock.Now})}
	}, func(s windowtest.Store) { s.(tended).giveBack(context.Background(), true) })
}

// vectorsUnder is a claim of n vectors by ada, of whom max may be had in an hour.
func vectorsUnder(id string, n, most int64) authz.Reservation {
	k := authz.MeterKey{Meter: authz.MeterSubject, Key: "ada"}
	return authz.Reservation{ID: id, Tenant: "t", Keys: []authz.MeterKey{k}, Volume: authz.Volume{}.With(authz.UnitVectors, n), Limits: []authz.Limit{
		{Meter: k.Meter, Key: k.Key, Unit: authz.UnitVectors, Window: authz.Window(time.Hour), Max: most},
	}}
}

func hourOf(t *testing.T, s *Store) int64 {
	t.Helper()
	u, err := s.Usage(t.Context(), "t", vectorsUnder("", 0, 0).Keys)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range u {
		if c.Unit == authz.UnitVectors && c.Window == authz.Window(time.Hour) {
			return c.Count
		}
	}
	return 0
}

// TestLeaseOfOtherLimits: a lease that was taken under one limit is not given to who is under a stricter one.
func TestLeaseOfOtherLimits(t *testing.T) {
	server := redistest.Start(t)
	s := eager(t, Config{URL: server.URL()})
	for i := range 10 {
		if q, err := s.Reserve(t.Context(), vectorsUnder(fmt.Sprint("wide ", i), 1, 1000)); err != nil || len(q.Over) > 0 {
			t.Fatal(q, err)
		}
	}
	if q, err := s.Reserve(t.Context(), vectorsUnder("strict", 1, 10)); err != nil || len(q.Over) != 1 {
		t.Errorf("an eleventh of ten: %+v, %v", q, err)
	}
	if q, err := s.Reserve(t.Context(), vectorsUnder("wider", 1, 2000)); err != nil || len(q.Over) > 0 {
		t.Errorf("under a wider limit: %+v, %v", q, err)
	}
}

// TestLeaseAndMoreThanGranted: what left beyond a claim's grant is asked for by nobody, and counts all the same: a lease does not give out then what
// it took ahead while there was room.
func TestLeaseAndMoreThanGranted(t *testing.T) {
	server := redistest.Start(t)
	for _, direct := range []bool{false, true} {
		server.Flush(t)
		s := eager(t, Config{URL: server.URL()})
		first := vectorsUnder("first", 1, 100)
		if direct {
			s.leases.goesDirect(claimID{first.Tenant, first.ID}, authz.Volume{})
		}
		if q, err := s.Reserve(t.Context(), first); err != nil || len(q.Over) > 0 {
			t.Fatal(q, err)
		}
		if q, err := s.Reserve(t.Context(), vectorsUnder("second", 1, 100)); err != nil || len(q.Over) > 0 { // its lease takes some ahead
			t.Fatal(q, err)
		}
		first.Volume = first.Volume.With(authz.UnitVectors, 99)
		if err := s.Settle(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		if q, err := s.Reserve(t.Context(), vectorsUnder("third", 1, 100)); err != nil || len(q.Over) == 0 {
			t.Errorf("asked of Redis by its own name: %v: the 101st of 100: %+v, %v", direct, q, err)
		}
	}
}

// TestLeasesAtTheEndOfTheirTick: many at once, over ticks so short that leases end while claims wait for them: what a lease took ahead and
// does not give out any more is in nobody's way, be it given back already or not.
func TestLeasesAtTheEndOfTheirTick(t *testing.T) {
	server := redistest.Start(t)
	const most, callers, each = 2000, 64, 50
	s := eager(t, Config{URL: server.URL(), Windows: []authz.Window{authz.Window(400 * time.Millisecond), authz.Window(time.Hour)}})
	var admitted atomic.Int64
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := range each {
				q, err := s.Reserve(t.Context(), vectorsUnder(fmt.Sprint(c, " ", i), 1, most))
				switch {
				case err != nil:
					t.Error(err)
				case len(q.Over) == 0:
					admitted.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if n := admitted.Load(); n != most {
		t.Errorf("%d admitted of %d that asked, want %d", n, callers*each, most)
	}
}

// TestLeasesAreGivenBack: what was held ahead is free again once the tick is over, or the process ends, and what a crash left is not.
func TestLeasesAreGivenBack(t *testing.T) {
	server := redistest.Start(t)
	clock := windowtest.NewClock()
	cfg := Config{URL: server.URL(), Now: clock.Now}
	a, b, crashed := eager(t, cfg), eager(t, cfg), eager(t, cfg)
	open := vectorsUnder("a open", 5, 1000)
	for _, r := range []authz.Reservation{open, vectorsUnder("a", 5, 1000)} {
		if _, err := a.Reserve(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Settle(t.Context(), vectorsUnder("a", 1, 1000)); err != nil {
		t.Fatal(err)
	}
	if got := hourOf(t, b); got <= 6 || got > 1000/aheadParts+10 {
		t.Errorf("%d are charged while a lease lasts: want more than the 6 that are spent, and no more than a part of what there is", got)
	}
	clock.Advance(10 * time.Second)
	a.giveBack(t.Context(), false)
	if got := hourOf(t, b); got != 6 {
		t.Errorf("%d are charged once the tick is over, want 6", got)
	}
	open.Volume = authz.Volume{}
	if err := a.Settle(t.Context(), open); err != nil {
		t.Fatal(err)
	}
	a.giveBack(t.Context(), false)
	if got := hourOf(t, b); got != 1 {
		t.Errorf("%d are charged once the claim has ended, want 1", got)
	}
	if _, err := b.Reserve(t.Context(), vectorsUnder("b", 2, 1000)); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if got := hourOf(t, a); got != 3 {
		t.Errorf("%d are charged after a store was closed, want 3", got)
	}
	if _, err := crashed.Reserve(t.Context(), vectorsUnder("crashed", 2, 1000)); err != nil {
		t.Fatal(err)
	}
	held := hourOf(t, a)
	clock.Advance(time.Hour - time.Minute)
	if got := hourOf(t, a); got != held || held <= 5 {
		t.Errorf("%d are charged while a lease of a process that is gone counts, want %d", got, held)
	}
}

// TestLeasesAndLoss: a process that holds leases does not go on with them once it has seen that Redis lost what it holds.
func TestLeasesAndLoss(t *testing.T) {
	server := redistest.Start(t)
	s := eager(t, Config{URL: server.URL(), Timeout: 500 * time.Millisecond})
	if err := s.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	long := vectorsUnder("long", 1, 1000)
	for i := range 5 {
		if _, err := s.Reserve(t.Context(), vectorsUnder(fmt.Sprint(i), 1, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Reserve(t.Context(), long); err != nil {
		t.Fatal(err)
	}
	server.Flush(t)
	if s.Ready(t.Context()) == nil {
		t.Fatal("the loss is not seen")
	}
	if q, err := s.Reserve(t.Context(), vectorsUnder("after", 1, 1000)); err == nil || q.Granted != (authz.Volume{}) {
		t.Errorf("reserve: %+v, %v", q, err)
	}
	long.Volume = long.Volume.With(authz.UnitVectors, 3)
	if q, err := s.Raise(t.Context(), long); err == nil {
		t.Errorf("raise: %+v, %v", q, err)
	}
}

// TestLeasesAskSeldom: on busy meters, Redis is asked less than once for ten exchanges; INFO commandstats counts.
func TestLeasesAskSeldom(t *testing.T) {
	const exchanges, callers = 4000, 8
	server := redistest.Start(t)
	s, err := New(Config{URL: server.URL(), Leases: true, Timeout: 5 * time.Second, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	server.Do(t, "CONFIG RESETSTAT")
	var wg sync.WaitGroup
	for w := range callers {
		wg.Go(func() {
			for i := range exchanges / callers {
				r := busy(fmt.Sprint(w, "-", i))
				q, err := s.Reserve(t.Context(), r)
				if err != nil || len(q.Over) > 0 {
					t.Error(q, err)
					return
				}
				if err := s.Settle(t.Context(), r); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	s.giveBack(t.Context(), true)
	calls := scriptCalls(t, server)
	t.Logf("%d scripts for %d exchanges of two calls", calls, exchanges)
	if calls*10 > exchanges {
		t.Errorf("%d scripts for %d exchanges: more than one for ten", calls, exchanges)
	}
	u, err := s.Usage(t.Context(), "t", busy("").Keys)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range u {
		if c.Unit == authz.UnitRequests && c.Count != exchanges {
			t.Errorf("%v of %v counts %d requests, want %d", c.Window, c.Key, c.Count, exchanges)
		}
	}
}

// busy is a claim on four meters, each limited, as everybody makes it.
func busy(id string) authz.Reservation {
	r := authz.Reservation{ID: id, Tenant: "t", Volume: authz.Volume{1, 1, 0, 8, 0}}
	for _, m := range []authz.Meter{authz.MeterSubject, authz.MeterSubjectTarget, authz.MeterTarget, authz.MeterCredential} {
		r.Keys = append(r.Keys, authz.MeterKey{Meter: m, Key: "k"})
		r.Limits = append(r.Limits, authz.Limit{Meter: m, Key: "k", Unit: authz.UnitVectors, Window: authz.Window(time.Hour), Max: 1 << 40})
	}
	return r
}

// scriptCalls is how many scripts Redis has run since its statistics were reset.
func scriptCalls(t testing.TB, server *redistest.Server) int {
	t.Helper()
	n := 0
	for line := range strings.Lines(server.Do(t, "INFO commandstats")) {
		for _, name := range []string{"cmdstat_evalsha:calls=", "cmdstat_eval:calls="} {
			if after, ok := strings.CutPrefix(line, name); ok {
				text, _, _ := strings.Cut(after, ",")
				calls, err := strconv.Atoi(text)
				if err != nil {
					t.Fatal(err)
				}
				n += calls
			}
		}
	}
	return n
}

// TestOverUntil: who is over a limit and asks again is refused from memory, with a Retry-After that counts down, until something changes.
func TestOverUntil(t *testing.T) {
	server := redistest.Start(t)
	clock := windowtest.NewClock()
	s, err := New(Config{URL: server.URL(), Now: clock.Now, Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	other, err := New(Config{URL: server.URL(), Now: clock.Now, Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close() })
	id := 0
	ask := func(n int64) authz.Quota {
		t.Helper()
		id++
		q, err := s.Reserve(t.Context(), vectorsUnder(fmt.Sprint(id), n, 10))
		if err != nil {
			t.Fatal(err)
		}
		return q
	}
	for range 2 {
		ask(4)
	}
	first := ask(4)
	server.Do(t, "CONFIG RESETSTAT")
	clock.Advance(100 * time.Millisecond)
	for range 20 {
		q := ask(4)
		if len(q.Over) != 1 || q.Over[0].Used != 8 || q.Over[0].RetryAfter != first.Over[0].RetryAfter-100*time.Millisecond {
			t.Fatalf("%+v, first %+v", q, first)
		}
	}
	if n := scriptCalls(t, server); n != 0 {
		t.Errorf("Redis was asked %d times for what was refused a moment ago", n)
	}
	if q := ask(1); len(q.Over) > 0 {
		t.Errorf("less, for which there is room: %+v", q)
	}
	if q := ask(4); len(q.Over) != 1 || q.Over[0].Used != 9 {
		t.Errorf("after more was counted: %+v; want 9 used", q)
	}
	if err := other.Cancel(t.Context(), vectorsUnder("1", 0, 10)); err != nil { // another replica gives back
		t.Fatal(err)
	}
	clock.Advance(overFor)
	if q := ask(4); len(q.Over) > 0 {
		t.Errorf("%v after there was room again: %+v", overFor, q)
	}
	ask(4)
	if err := s.Cancel(t.Context(), vectorsUnder("2", 0, 10)); err != nil { // so does this one
		t.Fatal(err)
	}
	if q := ask(4); len(q.Over) > 0 {
		t.Errorf("after there was room again: %+v", q)
	}
}
