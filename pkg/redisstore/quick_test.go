package redisstore

import (
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/redisstore/redistest"
	"github.com/weirgate/weir/pkg/window/windowtest"
)

// TestQuickLimits: the short script, which is told of limits in groups, stops at each limit, whatever its unit and window, and at no other; and
// it is asked alone until then.
func TestQuickLimits(t *testing.T) {
	server := redistest.Start(t)
	days := func(n int) authz.Window { return authz.Window(time.Duration(n) * 24 * time.Hour) }
	windows := []authz.Window{authz.Window(time.Minute), authz.Window(time.Hour), days(1), days(2), days(7), days(30)}
	for kept := 1; kept <= len(windows); kept++ {
		clock := windowtest.NewClock()
		s, err := New(Config{URL: server.URL(), Windows: windows[:kept], Now: clock.Now, Timeout: 5 * time.Second, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		for tight := range kept {
			for u, unit := range authz.Units() {
				s.ends(t, server, fmt.Sprintf("%d windows, %s in %v", kept, unit, windows[tight]), u, windows[:kept], tight)
			}
		}
	}
}

// ends reserves under limits of all windows, of which one is tighter than the others, and wants exactly as much as that lets pass.
func (s *Store) ends(t *testing.T, server *redistest.Server, name string, u int, windows []authz.Window, tight int) {
	t.Helper()
	const most = 5
	unit := authz.Units()[u]
	r := authz.Reservation{Tenant: name, Volume: authz.Volume{}.With(unit, 1)}
	for _, m := range []authz.Meter{authz.MeterSubject, authz.MeterTarget} {
		r.Keys = append(r.Keys, authz.MeterKey{Meter: m, Key: "k"})
		for i, w := range windows {
			l := authz.Limit{Meter: m, Key: "k", Unit: unit, Window: w, Max: 1 << 40}
			if i == tight && m == authz.MeterTarget {
				l.Max = most
			}
			r.Limits = append(r.Limits, l)
		}
	}
	slices.Reverse(r.Limits) // in any order
	ask := func(n int) authz.Quota {
		t.Helper()
		r.ID = fmt.Sprint(n)
		q, err := s.Reserve(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		return q
	}
	ask(0)
	ask(1) // Redis may not know the short script yet
	server.Do(t, "CONFIG RESETSTAT")
	for n := 2; n < most; n++ {
		if q := ask(n); len(q.Over) > 0 {
			t.Errorf("%s: number %d of %d: %+v", name, n+1, most, q)
		}
	}
	if calls := scriptCalls(t, server); calls != most-2 {
		t.Errorf("%s: %d scripts for %d claims: the short one is not enough", name, calls, most-2)
	}
	if q := ask(most); len(q.Over) != 1 || q.Over[0].Limit.Window != windows[tight] || q.Over[0].Limit.Unit != unit {
		t.Errorf("%s: one too many: %+v", name, q)
	}
}
