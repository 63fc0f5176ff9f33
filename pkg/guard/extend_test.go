package guard_test

import (
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/guard"
)

// TestExtend: a request that comes in messages is decided again with each, and counted as far as it has come.
func TestExtend(t *testing.T) {
	w := newWorld(t)
	w.body, w.bounded, w.max = true, true, authz.Volume{}.With(authz.UnitRequests, 1).With(authz.UnitVectors, 5)
	w.decision.Limits = []authz.Limit{{Meter: authz.MeterSubject, Unit: authz.UnitVectors, Window: authz.Window(1), Max: 5}}
	op := func(vectors int64) authz.Operation {
		return authz.Operation{Class: authz.ClassEmbed, Complete: true, Vectors: vectors}
	}
	a := w.guard.Begin(authz.Request{})
	if d := a.Extend(t.Context(), op(1)); d.Effect != authz.Deny || len(w.inputs) > 0 {
		t.Fatalf("before there is a decision: %+v", d)
	}
	a.Admit(t.Context())
	a.Refine(t.Context(), op(2))
	for n := int64(3); n <= 5; n++ {
		if d := a.Extend(t.Context(), op(n)); d.Effect != authz.Allow || w.inputs[len(w.inputs)-1].Operation.Vectors != n || w.open[a.ID()].Of(authz.UnitVectors) != n {
			t.Fatalf("%d vectors: %+v; reserved %v", n, d, w.open[a.ID()])
		}
	}
	if d := a.Extend(t.Context(), op(6)); d.Effect != authz.Deny || d.Kind != authz.KindQuota || len(d.Exceeded) != 1 || a.Allowed() {
		t.Fatalf("over the limit: %+v", d)
	}
	w.decision.Limits = nil
	if d := a.Extend(t.Context(), op(1)); d.Effect != authz.Deny {
		t.Errorf("what was refused is allowed: %+v", d)
	}
	if got, err := a.Spend(t.Context(), authz.Volume{}.With(authz.UnitVectors, 1)); err != nil || got.Of(authz.UnitVectors) != 0 {
		t.Errorf("after the refusal %v may leave, %v", got, err)
	}
	if err := a.Finish(t.Context(), guard.Final{Head: true, Outcome: authz.OutcomeCut, Volume: authz.Volume{}.With(authz.UnitVectors, 4)}); err != nil {
		t.Fatal(err)
	}
	if n := w.settled[a.ID()].Of(authz.UnitVectors); n != 4 {
		t.Errorf("%d vectors are charged, 4 have left", n)
	}
	first, last := w.records[0], w.records[len(w.records)-1]
	if len(w.records) != 2 || first.Operation.Vectors != 2 || last.Operation.Vectors != 6 || last.Input == nil || last.Input.Operation.Vectors != 6 || last.Verdict.Kind != authz.KindQuota {
		t.Errorf("records %+v", w.records)
	}
}

// TestExtendOnlyTightens: a mask once due stays, whatever policy says of a later message.
func TestExtendOnlyTightens(t *testing.T) {
	w := newWorld(t)
	w.body = true
	w.decision.Mask.Vectors = authz.MaskZero
	a := w.guard.Begin(authz.Request{})
	a.Admit(t.Context())
	a.Refine(t.Context(), w.op)
	w.decision.Mask.Vectors = authz.MaskNone
	if a.Extend(t.Context(), w.op); a.Mask() != authz.MaskZero {
		t.Errorf("a later message takes the mask away: %s", a.Mask())
	}
	w.decision.Mask.Vectors = authz.MaskRedact
	if a.Extend(t.Context(), w.op); a.Mask() != authz.MaskRedact {
		t.Errorf("the mask is %s", a.Mask())
	}
	w.target.Mode = authz.ModeObserve
	a = w.guard.Begin(authz.Request{})
	a.Admit(t.Context())
	a.Refine(t.Context(), w.op)
	w.decision = authz.Decision{Rule: "no"}
	if d := a.Extend(t.Context(), w.op); d.Effect != authz.Deny || !a.Allowed() {
		t.Errorf("observed: %+v, allowed %v", d, a.Allowed())
	}
}
