package redisstore_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/redisstore"
	"github.com/weirgate/weir/pkg/redisstore/redistest"
	"github.com/weirgate/weir/pkg/window"
	"github.com/weirgate/weir/pkg/window/windowtest"
)

// play makes random calls. The clock moves in whole microseconds, the finest that Redis' clock tells.
type play struct {
	*rand.Rand
	clock   *windowtest.Clock
	windows []authz.Window
	ids     int // how many claims there are at a time
	life    int // how many calls later there are others
	calls   int
}

var (
	tenants = []string{"t", "u"}
	keys    = []authz.MeterKey{
		{Meter: authz.MeterSubject, Key: "ada"},
		{Meter: authz.MeterSubject, Key: "bob"},
		{Meter: authz.MeterTarget, Key: "ada"},
		{Meter: authz.MeterGroup, Key: "\x00{}\xff"},
	}
)

func (p *play) volume(least int64) authz.Volume {
	var v authz.Volume
	for i := range v {
		if p.IntN(3) > 0 {
			v[i] = least + p.Int64N(40)
		}
	}
	return v
}

func (p *play) reservation() authz.Reservation {
	id := p.calls/p.life*p.ids + p.IntN(p.ids)
	least := int64(3 * (p.calls % p.life)) // totals grow
	p.calls++
	r := authz.Reservation{ID: fmt.Sprint("r", id), Tenant: tenants[id%len(tenants)], Volume: p.volume(least)}
	for _, k := range keys {
		if p.IntN(3) > 0 {
			r.Keys = append(r.Keys, k)
		}
	}
	for range p.IntN(4) {
		k := keys[p.IntN(len(keys))]
		l := authz.Limit{Meter: k.Meter, Key: k.Key, Unit: authz.Units()[p.IntN(authz.NumUnits)], Max: p.Int64N(3*least + 100)}
		l.Window = p.windows[p.IntN(len(p.windows))]
		switch p.IntN(60) {
		case 0:
			l.Unit = "parsecs"
		case 1:
			l.Window = authz.Window(61 * time.Minute)
		case 2:
			l.Max = 1 << 62
		}
		r.Limits = append(r.Limits, l)
	}
	return r
}

func (p *play) passTime() {
	switch p.IntN(40) {
	case 0:
		p.clock.Advance(-time.Duration(p.Int64N(int64(2*time.Hour/time.Microsecond))) * time.Microsecond)
	case 1:
		p.clock.Advance(time.Duration(p.Int64N(int64(40*24*time.Hour/time.Microsecond))) * time.Microsecond)
	case 2, 3, 4:
		p.clock.Advance(time.Duration(p.Int64N(int64(time.Hour/time.Microsecond))) * time.Microsecond)
	case 5, 6, 7, 8, 9, 10, 11, 12:
	default:
		p.clock.Advance(time.Duration(p.Int64N(int64(4*time.Second/time.Microsecond))) * time.Microsecond)
	}
}

// outcome is what a call said.
type outcome struct {
	Quota authz.Quota
	Usage authz.Usage
	Label string // of the error
}

func (p *play) call(raise int) func(t *testing.T, s windowtest.Store) outcome {
	r := p.reservation()
	n := p.IntN(6 + raise)
	return func(t *testing.T, s windowtest.Store) (o outcome) {
		var err error
		switch n {
		case 0, 1:
			o.Quota, err = s.Reserve(t.Context(), r)
		case 2:
			err = s.Settle(t.Context(), r)
		case 3:
			err = s.Cancel(t.Context(), r)
		case 4:
			o.Usage, err = s.Usage(t.Context(), r.Tenant, r.Keys)
		default:
			o.Quota, err = s.Raise(t.Context(), r)
		}
		var e *authz.Error
		if errors.As(err, &e) {
			o.Label = e.Label
		} else if err != nil {
			t.Fatal(err)
		}
		return o
	}
}

// TestTwin: whatever the calls, Redis says what memory says.
func TestTwin(t *testing.T) {
	server := redistest.Start(t)
	for _, c := range []struct {
		name                    string
		seed                    uint64
		calls, ids, life, raise int
	}{
		{"many claims", 1, 1500, 100, 200, 1},
		{"few claims", 2, 1500, 4, 25, 3},
		{"long streams", 3, 1500, 2, 500, 400}, // more raises than charges are remembered
	} {
		t.Run(c.name, func(t *testing.T) {
			server.Flush(t)
			clock := windowtest.NewClock()
			clock.Advance(-653 * time.Nanosecond)
			p := &play{Rand: rand.New(rand.NewPCG(c.seed, 0)), clock: clock, ids: c.ids, life: c.life} //nolint:gosec // repeatable
			p.windows = []authz.Window{
				authz.Window(7 * time.Second),
				authz.Window(time.Minute), authz.Window(time.Hour), authz.Window(24 * time.Hour), authz.Window(30 * 24 * time.Hour),
			}
			m, err := window.NewMemory(window.Config{Windows: p.windows, Now: clock.Now})
			if err != nil {
				t.Fatal(err)
			}
			s := newStore(t, redisstore.Config{URL: server.URL(), Windows: p.windows, Now: clock.Now})
			labels := map[string]int{}
			over := 0
			for i := range c.calls {
				call := p.call(c.raise)
				want := call(t, m)
				if diff := cmp.Diff(want, call(t, s)); diff != "" {
					t.Fatalf("call %d at %v (-memory +redis):\n%s", i, clock.Now(), diff)
				}
				labels[want.Label]++
				over += len(want.Quota.Over)
				for _, tenant := range tenants {
					want, _ := m.Usage(t.Context(), tenant, keys)
					got, err := s.Usage(t.Context(), tenant, keys)
					if diff := cmp.Diff(want, got); err != nil || diff != "" {
						t.Fatalf("usage after call %d at %v: %v (-memory +redis):\n%s", i, clock.Now(), err, diff)
					}
				}
				p.passTime()
			}
			if over < 20 || labels["limit_unreadable"] < 5 || len(labels) != 2 {
				t.Errorf("%d limits were in the way, errors %v: the calls do not try enough", over, labels)
			}
		})
	}
}

// TestTwinJoinsCharges: a stream that was raised more often than charges are remembered gives back as in memory.
func TestTwinJoinsCharges(t *testing.T) {
	server := redistest.Start(t)
	windows := []authz.Window{authz.Window(time.Hour), authz.Window(24 * time.Hour)}
	for _, raises := range []int{63, 64, 65, 66, 130} {
		t.Run(fmt.Sprint(raises), func(t *testing.T) {
			server.Flush(t)
			clock := windowtest.NewClock()
			m, err := window.NewMemory(window.Config{Windows: windows, Now: clock.Now})
			if err != nil {
				t.Fatal(err)
			}
			s := newStore(t, redisstore.Config{URL: server.URL(), Windows: windows, Now: clock.Now})
			r := authz.Reservation{ID: "stream", Tenant: "t", Keys: keys[:1]}
			for i := range raises {
				n := int64(1+i) * 7
				r.Volume = authz.Volume{n, n, n, n, n}
				for _, s := range []windowtest.Store{m, s} {
					if _, err := s.Raise(t.Context(), r); err != nil {
						t.Fatal(err)
					}
				}
				clock.Advance(10 * time.Minute)
			}
			r.Volume = authz.Volume{10, 10, 10, 10, 10} // of the second charge, 3
			for _, s := range []windowtest.Store{m, s} {
				if err := s.Settle(t.Context(), r); err != nil {
					t.Fatal(err)
				}
			}
			for range 26 {
				want, _ := m.Usage(t.Context(), "t", keys)
				got, err := s.Usage(t.Context(), "t", keys)
				if diff := cmp.Diff(want, got); err != nil || diff != "" {
					t.Fatalf("at %v: %v (-memory +redis):\n%s", clock.Now(), err, diff)
				}
				clock.Advance(time.Hour)
			}
		})
	}
}
