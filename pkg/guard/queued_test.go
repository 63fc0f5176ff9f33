package guard_test

import (
	"errors"
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/guard"
)

// What does not wait for the decision record must hear of it at Finish.
func TestQueuedIsDurableAtFinish(t *testing.T) {
	broken := errors.New("io error")
	for name, tc := range map[string]struct {
		set            func(*world)
		queued, finish bool // well
	}{
		"well":         {set: func(*world) {}, queued: true, finish: true},
		"append fails": {set: func(w *world) { w.appendErr = broken }},
		"fsync fails":  {set: func(w *world) { w.waitErr = broken }, queued: true},
		"append fails, off": {set: func(w *world) {
			w.appendErr, w.decision.Record, w.target.Floors.Record = broken, authz.RecordOff, authz.RecordOff
		}, queued: true, finish: true},
		"fsync fails, observe": {set: func(w *world) { w.waitErr, w.target.Mode = broken, authz.ModeObserve }, queued: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			tc.set(w)
			a := w.guard.Begin(authz.Request{})
			a.Admit(t.Context())
			if err := a.Queued(); (err == nil) != tc.queued || a.Allowed() != tc.queued {
				t.Fatalf("Queued = %v, allowed %v", err, a.Allowed())
			}
			if !tc.queued && a.Decision().Kind != authz.KindUnavailable {
				t.Errorf("kind %v, want unavailable", a.Decision().Kind)
			}
			err := a.Finish(t.Context(), guard.Final{Outcome: authz.OutcomeUnobserved, Head: true})
			if (err == nil) != tc.finish {
				t.Errorf("Finish = %v", err)
			}
		})
	}
}
