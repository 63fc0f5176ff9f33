package server_test

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/redisstore"
	"github.com/weirgate/weir/pkg/redisstore/redistest"
	"github.com/weirgate/weir/pkg/window"
	"github.com/weirgate/weir/pkg/window/windowtest"
	"github.com/weirgate/weir/server/internal/wire"
)

// reserver is counters by a clock of the test.
type reserver interface {
	Reserve(ctx context.Context, r authz.Reservation) (authz.Quota, error)
}

// TestRetryAfterIsTrue: what a 429 says holds to the second, by counters in memory and in Redis. As much as is left (r) passes at once and one
// more does not; a second before Retry-After (and t) the request is refused still, and at the second it passes.
func TestRetryAfterIsTrue(t *testing.T) {
	stores := map[string]func(t *testing.T, clock *windowtest.Clock) reserver{
		"memory": func(t *testing.T, clock *windowtest.Clock) reserver {
			m, err := window.NewMemory(window.Config{Now: clock.Now})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = m.Close() })
			return m
		},
		"Redis": func(t *testing.T, clock *windowtest.Clock) reserver {
			return redisByClock(t, clock, false)
		},
		"Redis with leases": func(t *testing.T, clock *windowtest.Clock) reserver {
			return redisByClock(t, clock, true)
		},
	}
	for name, open := range stores {
		for _, w := range window.Defaults() {
			for _, asked := range []int64{4, 7, 10} { // for the first to leave, the first two, all
				t.Run(fmt.Sprintf("%s/%v/%d of 10", name, w, asked), func(t *testing.T) {
					clock := windowtest.NewClock()
					p := patient{t, open(t, clock), clock, w, 0}
					p.waits(asked)
				})
			}
		}
	}
}

func redisByClock(t *testing.T, clock *windowtest.Clock, leases bool) reserver {
	server := redistest.Start(t)
	s, err := redisstore.New(redisstore.Config{URL: server.URL(), Now: clock.Now, Leases: leases, Timeout: 5 * time.Second, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// patient is somebody who has ten vectors in a window.
type patient struct {
	*testing.T
	store  reserver
	clock  *windowtest.Clock
	window authz.Window
	asked  int
}

// ask asks for n vectors and returns the fields of the refusal; nil where there is none.
func (p *patient) ask(n int64) map[string]string {
	p.Helper()
	p.asked++
	k := authz.MeterKey{Meter: authz.MeterSubject, Key: "ada"}
	q, err := p.store.Reserve(p.Context(), authz.Reservation{
		ID: strconv.Itoa(p.asked), Tenant: "t", Keys: []authz.MeterKey{k}, Volume: authz.Volume{}.With(authz.UnitVectors, n),
		Limits: []authz.Limit{{Meter: k.Meter, Key: k.Key, Unit: authz.UnitVectors, Window: p.window, Max: 10}},
	})
	if err != nil {
		p.Fatal(err)
	}
	if len(q.Over) == 0 {
		return nil
	}
	fields := map[string]string{}
	for _, h := range wire.RefusalFor(authz.Decision{Effect: authz.Deny, Kind: authz.KindQuota, Exceeded: q.Over}, "d", nil, wire.FormProblem).Headers {
		fields[h[0]] = h[1]
	}
	return fields
}

// waits uses the limit up over time, asks for too much, and does as it is told.
func (p *patient) waits(asked int64) {
	for _, n := range []int64{4, 3, 2} {
		if p.ask(n) != nil {
			p.Fatalf("%d of the first 9 were refused", n)
		}
		p.clock.Advance(time.Duration(p.window)/5 + 1234567*time.Microsecond)
	}
	fields := p.ask(asked)
	said := regexp.MustCompile(`;r=(\d+);t=(\d+)$`).FindStringSubmatch(fields["ratelimit"])
	if said == nil || said[1] != "1" || said[2] != fields["retry-after"] {
		p.Fatalf("%v: want one left, and the same time twice", fields)
	}
	seconds, err := strconv.Atoi(said[2])
	if most := int(time.Duration(p.window)+time.Duration(window.Width(p.window))) / int(time.Second); err != nil || seconds < 1 || seconds > most {
		p.Fatalf("%v: want 1 to %d seconds", fields, most)
	}
	p.clock.Advance(time.Duration(seconds-1) * time.Second)
	if again := p.ask(asked); again["retry-after"] != "1" {
		p.Errorf("a second before it was to pass: %v, want to be told one second", again)
	}
	p.clock.Advance(time.Second)
	if again := p.ask(asked); again != nil {
		p.Errorf("after the %d s that were said: %v", seconds, again)
	}
}

// TestWhatIsLeftIsTrue: as much passes as a refusal says is left, and not one more.
func TestWhatIsLeftIsTrue(t *testing.T) {
	for _, left := range []int64{0, 1, 6} {
		clock := windowtest.NewClock()
		p := patient{t, redisByClock(t, clock, false), clock, authz.Window(time.Hour), 0}
		p.ask(10 - left)
		if got, want := p.ask(10)["ratelimit"], fmt.Sprintf(`"subject.vectors.1h";r=%d;`, left); len(got) < len(want) || got[:len(want)] != want {
			t.Errorf("%q, want %s…", got, want)
		}
		if p.ask(left+1) == nil {
			t.Errorf("one more than the %d that are left passed", left)
		}
		if left > 0 && p.ask(left) != nil {
			t.Errorf("the %d that are left were refused", left)
		}
	}
}
