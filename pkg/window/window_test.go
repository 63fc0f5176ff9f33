package window_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/window"
	"github.com/weirgate/weir/pkg/window/windowtest"
)

func newMemory(t testing.TB, windows []authz.Window, now func() time.Time) *window.Memory {
	t.Helper()
	m, err := window.NewMemory(window.Config{Windows: windows, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMemory(t *testing.T) {
	windowtest.Run(t, func(t *testing.T, windows []authz.Window, clock *windowtest.Clock) windowtest.Store {
		return newMemory(t, windows, clock.Now)
	})
}

// TestSweepForgetsOnlyWhatCountsNothing: sweeping never gives budget.
func TestSweepForgetsOnlyWhatCountsNothing(t *testing.T) {
	clock := windowtest.NewClock()
	m := newMemory(t, []authz.Window{authz.Window(time.Hour)}, clock.Now)
	l := authz.Limit{Meter: authz.MeterTarget, Key: "k", Unit: authz.UnitBytes, Window: authz.Window(time.Hour), Max: 1}
	r := authz.Reservation{ID: "a", Keys: []authz.MeterKey{{Meter: authz.MeterTarget, Key: "k"}}, Volume: authz.Volume{}.With(authz.UnitBytes, 1), Limits: []authz.Limit{l}}
	for i, step := range []struct {
		advance time.Duration
		want    bool
	}{{0, true}, {50 * time.Minute, false}, {9 * time.Minute, false}, {10 * time.Minute, true}} {
		clock.Advance(step.advance)
		m.Sweep()
		r.ID = fmt.Sprint(i)
		q, err := m.Reserve(t.Context(), r)
		if err != nil || len(q.Over) == 0 != step.want {
			t.Errorf("step %d: %+v, %v; want admitted %v", i, q, err, step.want)
		}
	}
}
