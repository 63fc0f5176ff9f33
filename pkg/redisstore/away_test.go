package redisstore_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/redisstore"
	"github.com/weirgate/weir/pkg/redisstore/redistest"
	"github.com/weirgate/weir/pkg/window"
	"github.com/weirgate/weir/pkg/window/windowtest"
)

// befallen is a Redis that something befalls, and the way back.
type befallen struct {
	url    string
	befall func()
	heal   func()
	accept func() // what an operator says of a Redis that has lost its counts; nil where it has not
}

// awayFaults are what befalls a Redis that counts for others. None is a fault of the limits: each follows its mode.
func awayFaults() map[string]func(t *testing.T) befallen {
	accept := func(t *testing.T, s *redistest.Server) func() {
		return func() { s.Do(t, "SET weir:accept-amnesia monday EX 60") }
	}
	return map[string]func(t *testing.T) befallen{
		"stopped": func(t *testing.T) befallen {
			s := redistest.Start(t)
			return befallen{s.URL(), s.Stop, s.Restart, accept(t, s)}
		},
		"slow": func(t *testing.T) befallen {
			s := redistest.Start(t, "--enable-debug-command", "yes")
			var sleeping sync.WaitGroup
			began := make(chan struct{})
			return befallen{s.URL(), func() {
				sleeping.Go(func() {
					close(began)
					if got := s.Do(t, "DEBUG SLEEP 4"); got != "OK" {
						t.Errorf("DEBUG SLEEP: %s", got)
					}
				})
				<-began
				for deadline := time.Now().Add(5 * time.Second); s.Answers(50*time.Millisecond) && time.Now().Before(deadline); {
					continue // until it sleeps
				}
			}, sleeping.Wait, nil}
		},
		"failing over": func(t *testing.T) befallen {
			w := redistest.StartSentinel(t)
			return befallen{w.URL(), w.Master.Stop, func() { w.Promoted(t) }, nil}
		},
		"flushed": func(t *testing.T) befallen {
			s := redistest.Start(t)
			return befallen{s.URL(), func() { s.Flush(t) }, func() {}, accept(t, s)}
		},
		"evicting": func(t *testing.T) befallen {
			s := redistest.Start(t)
			return befallen{
				s.URL(), func() { s.Do(t, "CONFIG SET maxmemory-policy allkeys-lru") },
				func() { s.Do(t, "CONFIG SET maxmemory-policy noeviction") }, nil,
			}
		},
		"out of memory": func(t *testing.T) befallen {
			s := redistest.Start(t)
			return befallen{s.URL(), func() { s.Do(t, "CONFIG SET maxmemory 1") }, func() { s.Do(t, "CONFIG SET maxmemory 0") }, nil}
		},
	}
}

// TestAwayModes: whatever befalls Redis, each limit follows its mode: nothing passes, this replica's share does, or everything; an emptied Redis
// is never read as one that counts nothing; and once it is back, it counts what passed meanwhile, once.
func TestAwayModes(t *testing.T) {
	const maximum, before = 20, 4
	for name, start := range awayFaults() {
		for mode, passes := range map[authz.Away]int{authz.AwayRefuse: 0, authz.AwayLocal: maximum / 2, authz.AwayAllow: 30} {
			t.Run(name+"/"+string(mode), func(t *testing.T) {
				t.Parallel()
				b := start(t)
				s := newStore(t, redisstore.Config{URL: b.url, Timeout: 400 * time.Millisecond, CheckEvery: 100 * time.Millisecond, Log: slog.New(slog.DiscardHandler)})
				a, err := window.NewAway(window.AwayConfig{Shared: s, Replicas: 2, RetryEvery: 100 * time.Millisecond, Log: slog.New(slog.DiscardHandler)})
				if err != nil {
					t.Fatal(err)
				}
				of := func(id string) authz.Reservation {
					r := claim(id)
					r.Limits[0].Max, r.Limits[0].Away = maximum, mode
					return r
				}
				if err := a.Ready(t.Context()); err != nil {
					t.Fatal(err)
				}
				for i := range before {
					if q, err := a.Reserve(t.Context(), of(fmt.Sprint("before ", i))); err != nil || len(q.Over) > 0 {
						t.Fatal(q, err)
					}
				}
				ctx, cancel := context.WithCancel(t.Context())
				var running sync.WaitGroup
				running.Go(func() { _ = a.Run(ctx) })
				defer running.Wait()
				defer cancel()
				b.befall()
				until(t, "the fault is noticed", func() bool { return a.Healthy() != nil })
				passed, tries := 0, 30
				if mode == authz.AwayRefuse {
					tries = 3 // each may take as long as Redis is given
				}
				for i := range tries {
					q, err := a.Reserve(t.Context(), of(fmt.Sprint("during ", i)))
					if mode == authz.AwayRefuse && err == nil || mode != authz.AwayRefuse && err != nil {
						t.Fatalf("during: %+v, %v", q, err)
					}
					if n := q.Granted.Of(authz.UnitVectors); n > 0 {
						if passed++; q.Away != mode {
							t.Fatalf("passed by mode %q", q.Away)
						}
					}
				}
				if passed != passes {
					t.Errorf("%d passed, want %d", passed, passes)
				}
				b.heal()
				total := before + passed
				if b.accept != nil {
					until(t, "the loss is noticed", func() bool { return label(t, a.Healthy()) == "store_amnesiac" })
					if q, err := a.Reserve(t.Context(), of("emptied")); mode == authz.AwayRefuse && (err == nil || q.Granted != authz.Volume{}) {
						t.Errorf("an emptied Redis admits: %+v, %v", q, err)
					} else if len(q.Over) == 0 {
						total += int(q.Granted.Of(authz.UnitVectors))
					}
					b.accept() // what this replica itself counted lately is counted again
				}
				until(t, "all is well", func() bool { return a.Healthy() == nil && a.Owed() == 0 })
				u, err := s.Usage(t.Context(), "acme", claim("").Keys)
				if err != nil {
					t.Fatal(err)
				}
				counted := 0
				for _, c := range u {
					if c.Window == authz.Window(time.Hour) && c.Unit == authz.UnitVectors {
						counted = int(c.Count)
					}
				}
				if counted != total {
					t.Errorf("%d are counted afterwards, want %d", counted, total)
				}
				admitted := 0
				for i := range maximum + 1 {
					q, err := a.Reserve(t.Context(), of(fmt.Sprint("after ", i)))
					if err != nil {
						t.Fatal(err)
					}
					admitted += int(q.Granted.Of(authz.UnitVectors))
				}
				if want := max(0, maximum-total); admitted != want {
					t.Errorf("%d admitted afterwards, want %d", admitted, want)
				}
			})
		}
	}
}

// until waits until something is so.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); !so(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("not after 30 s: %s", what)
		}
	}
}

// TestClockSetBack: a Redis whose clock is set back by an hour gives no budget away, in any mode. The clock is the scripts' time source, which a
// test may set.
func TestClockSetBack(t *testing.T) {
	for _, mode := range []authz.Away{authz.AwayRefuse, authz.AwayLocal, authz.AwayAllow} {
		server := redistest.Start(t)
		clock := windowtest.NewClock()
		s := newStore(t, redisstore.Config{URL: server.URL(), Now: clock.Now, Log: slog.New(slog.DiscardHandler)})
		a, err := window.NewAway(window.AwayConfig{Shared: s, Replicas: 1, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		admitted := int64(0)
		for i := range 60 {
			r := claim(fmt.Sprint(i))
			r.Limits[0].Max, r.Limits[0].Away = 10, mode
			q, err := a.Reserve(t.Context(), r)
			if err != nil || q.Away != authz.AwayUnset {
				t.Fatalf("%+v, %v", q, err)
			}
			admitted += q.Granted.Of(authz.UnitVectors)
			switch i {
			case 5, 15:
				clock.Advance(-time.Hour)
			case 25:
				clock.Advance(30 * time.Minute)
			case 35:
				clock.Advance(80 * time.Minute) // 10 minutes before the time it was first
			}
		}
		if admitted != 10 {
			t.Errorf("%s: %d admitted in an hour of 10", mode, admitted)
		}
	}
}
