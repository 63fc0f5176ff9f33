package window_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/window"
	"github.com/weirgate/weir/pkg/window/windowtest"
)

// distant is a shared store on a line that breaks: before a call, or after it, when its answer is lost.
type distant struct {
	*window.Memory
	label atomic.Value // of the error while the line is broken; "": it is not
	lost  atomic.Bool  // calls are made, and their answers lost
	calls atomic.Int64
}

func (d *distant) through(call func() error) error {
	d.calls.Add(1)
	label, _ := d.label.Load().(string)
	if label == "" {
		return call()
	}
	if d.lost.Load() {
		_ = call()
	}
	return &authz.Error{Kind: authz.KindUnavailable, Label: label, Public: "Weir could not read its counters", Err: errors.New("the line is broken")}
}

func (d *distant) Reserve(ctx context.Context, r authz.Reservation) (q authz.Quota, err error) {
	if err2 := d.through(func() error { q, err = d.Memory.Reserve(ctx, r); return err }); err2 != nil {
		return authz.Quota{}, err2
	}
	return q, nil
}

func (d *distant) Raise(ctx context.Context, r authz.Reservation) (q authz.Quota, err error) {
	if err2 := d.through(func() error { q, err = d.Memory.Raise(ctx, r); return err }); err2 != nil {
		return authz.Quota{}, err2
	}
	return q, nil
}

func (d *distant) Settle(ctx context.Context, r authz.Reservation) error {
	return d.through(func() error { return d.Memory.Settle(ctx, r) })
}

func (d *distant) Cancel(ctx context.Context, r authz.Reservation) error {
	return d.through(func() error { return d.Memory.Cancel(ctx, r) })
}

func (d *distant) Healthy() error { return d.through(func() error { return nil }) }

// newAway returns an Away and the line behind it.
func newAway(t testing.TB, cfg window.AwayConfig, now func() time.Time) (*window.Away, *distant) {
	t.Helper()
	d := &distant{Memory: newMemory(t, cfg.Windows, now)}
	cfg.Shared, cfg.Now, cfg.Log = d, now, slog.New(slog.DiscardHandler)
	a, err := window.NewAway(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return a, d
}

// TestAwayThere: while the shared store is there, Away is the shared store.
func TestAwayThere(t *testing.T) {
	windowtest.Run(t, func(t *testing.T, windows []authz.Window, clock *windowtest.Clock) windowtest.Store {
		a, _ := newAway(t, window.AwayConfig{Windows: windows, Default: authz.AwayLocal, Replicas: 2}, clock.Now)
		return a
	})
}

// vectorsOf is a claim of n vectors by ada under limits of 10 an hour, one for each mode.
func vectorsOf(id string, n int64, modes ...authz.Away) authz.Reservation {
	r := claimOf(id, n)
	r.Limits = nil
	for _, m := range modes {
		r.Limits = append(r.Limits, authz.Limit{Meter: authz.MeterSubject, Key: "ada", Unit: authz.UnitVectors, Window: hour, Max: 10, Away: m})
	}
	return r
}

// TestAwayModes: what passes while the store is away, and what does not.
func TestAwayModes(t *testing.T) {
	const refuse, local, allow, unset = authz.AwayRefuse, authz.AwayLocal, authz.AwayAllow, authz.AwayUnset
	for _, tc := range []struct {
		name     string
		cfg      window.AwayConfig
		limits   []authz.Away
		admitted int64      // of claims of one vector; 100: all
		flag     authz.Away // of what is
	}{
		{"refuse", window.AwayConfig{Replicas: 2}, []authz.Away{refuse}, 0, unset},
		{"unset", window.AwayConfig{Replicas: 2}, []authz.Away{unset}, 0, unset},
		{"no limits", window.AwayConfig{Replicas: 2, Default: allow}, nil, 0, unset},
		{"local", window.AwayConfig{Replicas: 2}, []authz.Away{local}, 5, local},
		{"local, and nobody knows the share", window.AwayConfig{}, []authz.Away{local}, 0, unset},
		{"local of three", window.AwayConfig{Replicas: 3}, []authz.Away{local}, 3, local},
		{"local, share of nothing", window.AwayConfig{Replicas: 11}, []authz.Away{local}, 0, local},
		{"allow", window.AwayConfig{}, []authz.Away{allow}, 100, allow},
		{"default local", window.AwayConfig{Default: local, Replicas: 1}, []authz.Away{unset}, 10, local},
		{"default allow, and one refuses", window.AwayConfig{Default: allow}, []authz.Away{unset, refuse}, 0, unset},
		{"local and allow", window.AwayConfig{Replicas: 2}, []authz.Away{local, allow}, 5, allow},
		{"local and refuse", window.AwayConfig{Replicas: 2}, []authz.Away{local, refuse}, 0, unset},
	} {
		for _, label := range []string{"store_unavailable", "store_amnesiac", "store_evicts", "limit_unreadable"} {
			t.Run(tc.name+"/"+label, func(t *testing.T) {
				tc.cfg.Windows = []authz.Window{hour}
				a, line := newAway(t, tc.cfg, nil)
				line.label.Store(label)
				admitted := int64(0)
				for i := range 100 {
					q, err := a.Reserve(t.Context(), vectorsOf(fmt.Sprint(i), 1, tc.limits...))
					if (err == nil) != (len(q.Over) > 0 || q.Granted != authz.Volume{}) {
						t.Fatalf("%+v, %v", q, err)
					}
					if n := q.Granted.Of(authz.UnitVectors); n > 0 {
						admitted += n
						if q.Away != tc.flag {
							t.Fatalf("admitted by mode %q, want %q", q.Away, tc.flag)
						}
					}
				}
				want := tc.admitted
				if label == "limit_unreadable" { // the store is there, and refuses
					want = 0
				}
				if admitted != want {
					t.Errorf("%d admitted, want %d", admitted, want)
				}
			})
		}
	}
}

// TestAwayClaimGoesOn: a claim that the shared store has granted goes on without it, and back; all of it is charged there in the end.
func TestAwayClaimGoesOn(t *testing.T) {
	for _, lost := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			a, line := newAway(t, window.AwayConfig{Windows: []authz.Window{hour}, Replicas: 1}, nil)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- a.Run(ctx) }()
			must := func(q authz.Quota, err error, want int64) {
				t.Helper()
				if err != nil || q.Granted.Of(authz.UnitVectors) != want {
					t.Fatalf("%+v, %v; want %d", q, err, want)
				}
			}
			reserve := func(id string, n, want int64) {
				t.Helper()
				q, err := a.Reserve(t.Context(), vectorsOf(id, n, authz.AwayLocal))
				must(q, err, want)
			}
			raise := func(id string, n, want int64) {
				t.Helper()
				q, err := a.Raise(t.Context(), vectorsOf(id, n, authz.AwayLocal))
				must(q, err, want)
			}
			settle := func(id string, n int64) {
				t.Helper()
				if err := a.Settle(t.Context(), vectorsOf(id, n, authz.AwayLocal)); err != nil {
					t.Fatal(err)
				}
			}
			reserve("a", 4, 4)
			reserve("b", 1, 1)
			reserve("c", 2, 2)
			line.label.Store("store_unavailable")
			line.lost.Store(lost)
			raise("a", 9, 9)   // 5 of them from the share of 10
			reserve("d", 4, 4) // 9 of the share
			raise("d", 6, 5)   // and the last
			settle("b", 0)
			settle("d", 3) // 2 come back
			raise("a", 20, 11)
			if err := a.Cancel(t.Context(), vectorsOf("c", 0, authz.AwayLocal)); err != nil {
				t.Fatal(err)
			}
			calls := line.calls.Load()
			if raise("a", 11, 11); line.calls.Load() != calls {
				t.Error("a store that was away a moment ago was asked again")
			}
			line.label.Store("")
			time.Sleep(3 * time.Second) // of the bubble's time: Run looks every second
			synctest.Wait()
			if n := a.Owed(); n != 0 {
				t.Errorf("%d claims are owed", n)
			}
			if got := used(t, line.Memory); got != 11+3 {
				t.Errorf("%d are charged in the shared store, want 14", got)
			}
			raise("a", 12, 11) // the limit of 10 is passed already
			settle("a", 11)
			if got := used(t, line.Memory); got != 14 {
				t.Errorf("%d are charged in the end, want 14", got)
			}
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}

// TestAwayOutages: whatever breaks when, this replica admits no more than 2 × max in any window, and the shared store has all of it in the
// end, once.
func TestAwayOutages(t *testing.T) {
	const maximum = 10
	for seed := range uint64(20) {
		clock := windowtest.NewClock()
		start := clock.Now()
		r := rand.New(rand.NewPCG(seed, 9)) //nolint:gosec // repeatable
		a, line := newAway(t, window.AwayConfig{Windows: []authz.Window{hour, 30 * 24 * hour}, Replicas: 1, RetryEvery: time.Second}, clock.Now)
		type event struct {
			at time.Duration
			n  int64
		}
		var log []event
		total := int64(0)
		for i := range 400 {
			switch r.IntN(12) {
			case 0:
				line.label.Store("store_unavailable")
				line.lost.Store(r.IntN(2) == 0)
			case 1, 2:
				line.label.Store("")
			case 3, 4, 5:
				clock.Advance(time.Duration(r.Int64N(int64(20 * time.Minute))))
			}
			claim := vectorsOf(fmt.Sprint(i), 1+r.Int64N(4), authz.AwayLocal)
			q, err := a.Reserve(t.Context(), claim)
			if err != nil {
				t.Fatal(err)
			}
			if len(q.Over) > 0 {
				continue
			}
			if r.IntN(3) == 0 {
				claim.Volume = claim.Volume.Add(authz.Volume{}.With(authz.UnitVectors, 2))
				if q, err = a.Raise(t.Context(), claim); err != nil {
					t.Fatal(err)
				}
			}
			left := q.Granted.Of(authz.UnitVectors)
			if r.IntN(3) == 0 {
				left = r.Int64N(left + 1)
			}
			claim.Volume = authz.Volume{}.With(authz.UnitVectors, left)
			if err := a.Settle(t.Context(), claim); err != nil {
				t.Fatal(err)
			}
			now := clock.Now().Sub(start)
			log = append(log, event{now, left})
			total += left
			sum := int64(0)
			for _, e := range log {
				if e.at > now-time.Duration(hour) {
					sum += e.n
				}
			}
			if sum > 2*maximum {
				t.Fatalf("seed %d: %d in an hour, at most %d may be", seed, sum, 2*maximum)
			}
		}
		line.label.Store("")
		clock.Advance(time.Minute)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := a.Run(ctx); err != nil { // which pays before it ends
			t.Fatal(err)
		}
		u, err := line.Memory.Usage(t.Context(), "t", claimOf("", 0).Keys)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range u {
			if c.Window == 30*24*hour && c.Unit == authz.UnitVectors && c.Count != total {
				t.Errorf("seed %d: %d are charged, and %d left", seed, c.Count, total)
			}
		}
		if total < 50 || a.Owed() > 0 {
			t.Errorf("seed %d: %d left, %d owed: it does not try enough, or pay", seed, total, a.Owed())
		}
	}
}
