package guard_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/guard"
)

// TestObserveCountsWhateverFails: nothing is in the way of an exchange that is only observed, what leaves is counted on what can be counted,
// and the record says in one word what would have become of it.
func TestObserveCountsWhateverFails(t *testing.T) {
	unavailable := &authz.Error{Kind: authz.KindUnavailable, Label: "policy_timeout"}
	for name, tc := range map[string]struct {
		set    func(*world)
		word   string
		meters []authz.Meter // that are charged
	}{
		"refused":              {func(w *world) { w.decision = authz.Decision{Effect: authz.Deny} }, "would_deny", []authz.Meter{authz.MeterSubject, authz.MeterSubjectTarget, authz.MeterTarget}},
		"masked":               {func(w *world) { w.decision.Mask.Vectors = authz.MaskZero }, "would_mask", []authz.Meter{authz.MeterSubject, authz.MeterSubjectTarget, authz.MeterTarget}},
		"let through":          {func(*world) {}, "", []authz.Meter{authz.MeterSubject, authz.MeterSubjectTarget, authz.MeterTarget}},
		"the policy fails":     {func(w *world) { w.evalErr = unavailable }, "would_fail", []authz.Meter{authz.MeterSubject, authz.MeterSubjectTarget, authz.MeterTarget}},
		"nobody knows who":     {func(w *world) { w.authErr = &authz.Error{Kind: authz.KindUnauthenticated, Label: "token_missing"} }, "would_deny", []authz.Meter{authz.MeterTarget}},
		"the issuer is away":   {func(w *world) { w.authErr = unavailable }, "would_fail", []authz.Meter{authz.MeterTarget}},
		"a limit that is none": {func(w *world) { w.decision.Limits = []authz.Limit{{Meter: authz.MeterGroup, Unit: authz.UnitVectors}} }, "would_fail", []authz.Meter{authz.MeterSubject, authz.MeterSubjectTarget, authz.MeterTarget}},
		"the store is away":    {func(w *world) { w.storeErr = unavailable }, "would_fail", nil},
		"only a rule would":    {func(w *world) { w.decision.Would = &authz.Would{Effect: authz.Deny, Rule: "night"} }, "would_deny", []authz.Meter{authz.MeterSubject, authz.MeterSubjectTarget, authz.MeterTarget}},
		"a rule would fail":    {func(w *world) { w.decision.Would = &authz.Would{Failed: true} }, "would_fail", []authz.Meter{authz.MeterSubject, authz.MeterSubjectTarget, authz.MeterTarget}},
		"a rule would mask":    {func(w *world) { w.decision.Would = &authz.Would{Effect: authz.Allow} }, "would_mask", []authz.Meter{authz.MeterSubject, authz.MeterSubjectTarget, authz.MeterTarget}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.target.Mode = authz.ModeObserve
			tc.set(w)
			a := w.guard.Begin(authz.Request{})
			if a.Admit(t.Context()); !a.Allowed() || a.Mask() != authz.MaskNone || a.Edits() != nil {
				t.Fatalf("allowed %v, mask %s", a.Allowed(), a.Mask())
			}
			left := authz.Volume{}.With(authz.UnitBytes, 10).With(authz.UnitVectors, 3)
			if got, err := a.Spend(t.Context(), left); got != left || err != nil && w.storeErr == nil {
				t.Errorf("Spend = %v, %v", got, err)
			}
			if err := a.Finish(t.Context(), guard.Final{Head: true, Volume: left}); err != nil && w.storeErr == nil {
				t.Fatal(err)
			}
			for _, r := range w.records {
				if r.Enforced != authz.Allow || r.Would() != tc.word {
					t.Errorf("%s: enforced %s, %q; want %q", r.Event, r.Enforced, r.Would(), tc.word)
				}
			}
			var meters []authz.Meter
			for _, k := range w.charged {
				meters = append(meters, k.Meter)
			}
			if settled := w.settled[a.ID()]; tc.meters != nil && (settled.Of(authz.UnitVectors) != 3 || settled.Of(authz.UnitRequests) != 1) || !slices.Equal(meters, tc.meters) {
				t.Errorf("settled %v on %s, want 3 vectors on %s", settled, meters, tc.meters)
			}
		})
	}
}

// TestWhatIsEnforcedIsCountedAsItWas: an exchange that is refused is charged nothing.
func TestWhatIsEnforcedIsCountedAsItWas(t *testing.T) {
	w := newWorld(t)
	w.authErr = errors.New("no")
	a := w.guard.Begin(authz.Request{})
	a.Admit(t.Context())
	if err := a.Finish(t.Context(), guard.Final{Outcome: authz.OutcomeRefused, Status: 401}); err != nil || a.Allowed() || len(w.settled)+len(w.open) > 0 {
		t.Errorf("%v, allowed %v, settled %v", err, a.Allowed(), w.settled)
	}
	if r := w.records[0]; r.Would() != "" {
		t.Errorf("it was done, and %s", r.Would())
	}
}
