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

// TestWatchedLimits: a limit of a rule that is only observed is counted and asked about, holds nothing back, and the records say what it would
// have done; those that are enforced hold as if it were not there.
func TestWatchedLimits(t *testing.T) {
	watched := func(l authz.Limit) *authz.Would {
		return &authz.Would{Effect: authz.Allow, Mask: authz.Mask{Vectors: authz.MaskNone}, Limits: []authz.Limit{l}}
	}
	hold := limit(authz.UnitVectors, 10)
	hold.Over = authz.Hold
	for name, tc := range map[string]struct {
		would       *authz.Would
		own         []authz.Limit
		most        int64 // vectors that the store lets pass under any limit
		ask, spend  int64
		first, last string // what the records say
		denied      bool
		left        int64
	}{
		"room for all":            {would: watched(limit(authz.UnitVectors, 10)), most: 10, ask: 2, spend: 5, left: 5},
		"reached at once":         {would: watched(limit(authz.UnitVectors, 10)), most: 1, ask: 2, spend: 2, first: "would_deny", last: "would_deny", left: 2},
		"reached later":           {would: watched(limit(authz.UnitVectors, 10)), most: 3, ask: 2, spend: 5, last: "would_deny", left: 5},
		"a person would be asked": {would: watched(hold), most: 1, ask: 2, spend: 2, first: "would_hold", last: "would_hold", left: 2},
		"it cannot be counted":    {would: watched(authz.Limit{Meter: authz.MeterGroup, Unit: authz.UnitVectors}), most: 10, ask: 2, spend: 2, first: "would_fail", last: "would_fail", left: 2},
		"one of ours as well":     {would: watched(limit(authz.UnitVectors, 20)), own: []authz.Limit{limit(authz.UnitVectors, 10)}, most: 1, ask: 2, denied: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.decision.Would, w.decision.Limits, w.decision.Mask.Vectors = tc.would, tc.own, authz.MaskNone
			w.bounded, w.max = true, authz.Volume{}.With(authz.UnitVectors, tc.most).With(authz.UnitRequests, 1).With(authz.UnitBytes, 1<<40).With(authz.UnitDocuments, 100)
			w.op.Vectors = tc.ask
			a := w.guard.Begin(authz.Request{})
			if a.Admit(t.Context()); a.Allowed() == tc.denied {
				t.Fatalf("allowed %v", a.Allowed())
			}
			a.Record() // as before anything is released
			want := authz.Volume{}.With(authz.UnitVectors, tc.spend)
			if got, err := a.Spend(t.Context(), want); err != nil || !tc.denied && got != want {
				t.Errorf("Spend = %v, %v", got, err)
			}
			if err := a.Finish(t.Context(), guard.Final{Head: !tc.denied, Volume: want}); err != nil {
				t.Fatal(err)
			}
			if first, last := w.records[0].Would(), w.records[len(w.records)-1].Would(); first != tc.first || last != tc.last {
				t.Errorf("the records say %q and %q, want %q and %q", first, last, tc.first, tc.last)
			}
			if got := w.settled[a.ID()].Of(authz.UnitVectors); got != tc.left {
				t.Errorf("%d vectors settled, want %d", got, tc.left)
			}
		})
	}
}

// TestFlagsAreKept: what a rule has marked is in both records and counted once, whatever becomes of the exchange.
func TestFlagsAreKept(t *testing.T) {
	odd := []authz.Flag{{Name: "odd", Rule: "r", Reason: "seldom seen"}}
	for name, set := range map[string]func(*world){
		"allowed":           func(*world) {},
		"refused":           func(w *world) { w.decision.Effect = authz.Deny },
		"over a limit":      func(w *world) { w.bounded, w.decision.Limits = true, []authz.Limit{limit(authz.UnitVectors, 1)} },
		"observed":          func(w *world) { w.target.Mode, w.decision.Effect = authz.ModeObserve, authz.Deny },
		"the store is away": func(w *world) { w.storeErr = errors.New("away") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.decision.Flags = odd
			set(w)
			a := w.guard.Begin(authz.Request{})
			a.Admit(t.Context())
			_ = a.Finish(t.Context(), guard.Final{Outcome: authz.OutcomeRefused})
			for _, r := range w.records {
				if name == "the store is away" && r.Label == "" || !slices.Equal(r.Verdict.Flags, odd) {
					t.Errorf("%s: %+v", r.Event, r.Verdict.Flags)
				}
			}
			if len(w.records) != 2 || !slices.Equal(w.flagged, []string{"embeddings odd"}) {
				t.Errorf("%d records, counted %q", len(w.records), w.flagged)
			}
		})
	}
}
