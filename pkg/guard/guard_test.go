package guard_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/guard"
)

// world is a Guard with collaborators that keep score and check invariants: nothing is settled that was not reserved, nothing twice.
// TestRefusals is the table dependency × failure × expected answer, seen from the pipeline: every failure refuses.
func TestRefusals(t *testing.T) {
	down := &authz.Error{Kind: authz.KindUnavailable, Label: "store_unavailable", Public: "p", Err: errors.New("secret cause")}
	tests := map[string]struct {
		set  func(*world)
		want authz.Kind
		rule string
	}{
		"zero decision":              {func(w *world) { w.decision = authz.Decision{} }, authz.KindForbidden, ""},
		"no path":                    {func(w *world) { w.matchErr = &authz.Error{Kind: authz.KindBadRequest, Label: "path_ambiguous"} }, authz.KindBadRequest, "weir.path_ambiguous"},
		"no target":                  {func(w *world) { w.matchErr = &authz.Error{Kind: authz.KindForbidden, Label: "target_unmatched"} }, authz.KindForbidden, "weir.target_unmatched"},
		"bad token":                  {func(w *world) { w.authErr = &authz.Error{Kind: authz.KindUnauthenticated, Label: "token_expired"} }, authz.KindUnauthenticated, "weir.token_expired"},
		"authenticator broken":       {func(w *world) { w.authErr = errors.New("x") }, authz.KindUnavailable, "weir.undecided"},
		"policy error with an allow": {func(w *world) { w.evalErr = errors.New("built-in failed") }, authz.KindUnavailable, "weir.undecided"},
		"store down":                 {func(w *world) { w.storeErr = down }, authz.KindUnavailable, "weir.store_unavailable"},
		"usage unreadable":           {func(w *world) { w.storeErr = down; w.reads.Usage = true }, authz.KindUnavailable, "weir.store_unavailable"},
		"hold":                       {func(w *world) { w.decision.Effect = authz.Hold }, authz.KindApproval, "weir.approval_unavailable"},
		"unknown mask":               {func(w *world) { w.decision.Mask.Vectors = "blur" }, authz.KindUnavailable, "weir.obligation_unknown"},
		"mask without keys":          {func(w *world) { w.decision.Mask.Vectors = authz.MaskSeal }, authz.KindUnavailable, "weir.mask_keys_missing"},
		"score mask":                 {func(w *world) { w.decision.Mask.Scores = "blur" }, authz.KindUnavailable, "weir.obligation_unknown"},
		"limit on nobody's group":    {func(w *world) { w.decision.Limits = []authz.Limit{{Meter: authz.MeterGroup, Unit: authz.UnitBytes}} }, authz.KindUnavailable, "weir.limit_unreadable"},
		"documents without a bound": {func(w *world) {
			w.op.Documents, w.decision.Limits = authz.Unbounded, []authz.Limit{limit(authz.UnitDocuments, 1000)}
		}, authz.KindForbidden, "weir.documents_unbounded"},
		"over a limit": {func(w *world) {
			w.bounded, w.decision.Limits = true, []authz.Limit{limit(authz.UnitVectors, 2)}
		}, authz.KindQuota, "weir.limit.subject_target.vectors"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			tc.set(w)
			a := w.guard.Begin(authz.Request{Method: "POST"})
			d := a.Admit(t.Context())
			if a.Allowed() || d.Effect != authz.Deny || d.Kind != tc.want || d.Rule != tc.rule && tc.rule != "" {
				t.Fatalf("allowed %v, decision %+v; want a denial of kind %v by %s", a.Allowed(), d, tc.want, tc.rule)
			}
			if counted := len(w.undecided) == 1; counted != (tc.want == authz.KindUnavailable) || len(w.undecided) > 1 {
				t.Errorf("undecided %v; want one exactly where Weir could not decide", w.undecided)
			}
			if got, _ := a.Spend(t.Context(), authz.Volume{}.With(authz.UnitBytes, 1)); got != (authz.Volume{}) {
				t.Errorf("Spend after a refusal granted %v", got)
			}
			if err := a.Finish(t.Context(), guard.Final{Outcome: authz.OutcomeRefused, Status: 403}); err != nil {
				t.Errorf("Finish: %v", err)
			}
			if len(w.settled) != 0 {
				t.Errorf("a refusal was charged: %v", w.settled)
			}
			if len(w.records) != 2 || w.records[0].Event != authz.EventDecision || w.records[1].Event != authz.EventCompletion {
				t.Errorf("records %v; want one decision and one completion", w.records)
			}
		})
	}
}

func TestNothingBeforeTheRecordIsDurable(t *testing.T) {
	for name, set := range map[string]func(*world){
		"append fails": func(w *world) { w.appendErr = errors.New("disk full") },
		"fsync fails":  func(w *world) { w.waitErr = errors.New("io error") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			set(w)
			a := w.guard.Begin(authz.Request{})
			a.Admit(t.Context())
			if err := a.Durable(t.Context()); err == nil || a.Allowed() {
				t.Errorf("Durable = %v, allowed %v; want an error and a refusal", err, a.Allowed())
			}
			if got := a.Decision().Kind; got != authz.KindUnavailable {
				t.Errorf("kind %v, want unavailable", got)
			}
		})
	}
}

// TestARefusalForWantOfARecordBurnsNothing: where the answer's head waits for the completion record and that is not written, nothing has
// left; where it has left before, what left stays charged.
func TestARefusalForWantOfARecordBurnsNothing(t *testing.T) {
	for name, tc := range map[string]struct {
		waits            bool
		cancels, settled int
	}{
		"the head waits":    {true, 1, 0},
		"the head has left": {false, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			a := w.guard.Begin(authz.Request{})
			if a.Admit(t.Context()); !a.Allowed() {
				t.Fatal("refused at the request")
			}
			w.waitErr = errors.New("io error")
			err := a.Finish(t.Context(), guard.Final{Outcome: authz.OutcomeComplete, Status: 200, Head: true, Waits: tc.waits})
			if e := authz.AsError(err); err == nil || e.Label != "journal_unavailable" {
				t.Errorf("Finish = %v, want journal_unavailable", err)
			}
			if w.cancels != tc.cancels || len(w.settled) != tc.settled {
				t.Errorf("%d cancelled, %d settled; want %d and %d", w.cancels, len(w.settled), tc.cancels, tc.settled)
			}
		})
	}
}

func TestMaskDefaultsToRedactAndFloorsOnlyTighten(t *testing.T) {
	tests := map[string]struct{ policy, floor, want authz.MaskMode }{
		"not said":         {"", "", authz.MaskRedact},
		"raw said":         {authz.MaskNone, "", authz.MaskNone},
		"floor tightens":   {authz.MaskNone, authz.MaskZero, authz.MaskZero},
		"floor is a floor": {authz.MaskRefuse, authz.MaskZero, authz.MaskRefuse},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.decision.Mask.Vectors, w.target.Floors.Mask = tc.policy, tc.floor
			a := w.guard.Begin(authz.Request{})
			if a.Admit(t.Context()); a.Mask() != tc.want {
				t.Errorf("mask %q, want %q", a.Mask(), tc.want)
			}
		})
	}
}

func TestSpendAndSettle(t *testing.T) {
	vol := func(bytes, vectors int64) authz.Volume {
		return authz.Volume{}.With(authz.UnitBytes, bytes).With(authz.UnitVectors, vectors)
	}
	tests := map[string]struct {
		set         func(*world)
		want, got   authz.Volume
		final       guard.Final
		settled     authz.Volume
		wantCancels int
	}{
		"what left is charged in place of what was reserved": {
			want: vol(100, 3), got: vol(100, 3), final: guard.Final{Head: true, Volume: vol(100, 2)},
			settled: authz.Volume{1, 0, 100, 2, 0},
		},
		"masked vectors are booked as such": {
			set:  func(w *world) { w.decision.Mask.Vectors = authz.MaskZero },
			want: vol(10, 3), got: vol(10, 3), final: guard.Final{Head: true, Volume: vol(10, 3)}, settled: authz.Volume{1, 0, 10, 0, 3},
		},
		"a limit on bytes ends the stream there": {
			set: func(w *world) {
				w.bounded, w.max, w.decision.Limits = true, authz.Volume{9, 9, 60, 9, 9}, []authz.Limit{limit(authz.UnitBytes, 60)}
			},
			want: vol(100, 3), got: vol(60, 3), final: guard.Final{Head: true, Volume: vol(60, 3)}, settled: authz.Volume{1, 0, 60, 3, 0},
		},
		"a limit on vectors ends it before the next": {
			set: func(w *world) {
				w.op.Vectors = authz.Unbounded
				w.bounded, w.max, w.decision.Limits = true, authz.Volume{9, 9, 999, 4, 9}, []authz.Limit{limit(authz.UnitVectors, 4)}
			},
			want: vol(100, 7), got: vol(100, 4), final: guard.Final{Head: true, Volume: vol(50, 4)}, settled: authz.Volume{1, 0, 50, 4, 0},
		},
		"documents are those that were asked for": {
			set: func(w *world) { w.op.Documents = 5 }, want: vol(100, 3), got: vol(100, 3),
			final: guard.Final{Head: true, Status: 200, Volume: vol(100, 2)}, settled: authz.Volume{1, 5, 100, 2, 0},
		},
		"an error of the upstream's holds none": {
			set: func(w *world) { w.op.Documents = 5 }, want: vol(100, 3), got: vol(100, 3),
			final: guard.Final{Head: true, Status: 500, Volume: vol(100, 2)}, settled: authz.Volume{1, 0, 100, 2, 0},
		},
		"nor does an answer of Envoy's own": {
			set: func(w *world) { w.op.Documents = 5 }, want: vol(100, 3), got: vol(100, 3),
			final: guard.Final{Head: true, Outcome: authz.OutcomeLocal, Volume: vol(100, 0)}, settled: authz.Volume{1, 0, 100, 0, 0},
		},
		"without a response head all is given back": {
			want: vol(0, 3), got: vol(0, 3), final: guard.Final{}, wantCancels: 1,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if tc.set != nil {
				tc.set(w)
			}
			a := w.guard.Begin(authz.Request{})
			a.Admit(t.Context())
			got, err := a.Spend(t.Context(), tc.want)
			if err != nil || got != tc.got {
				t.Errorf("Spend(%v) = %v, %v; want %v", tc.want, got, err, tc.got)
			}
			for range 2 { // the second does nothing
				if err := a.Finish(t.Context(), tc.final); err != nil {
					t.Fatal(err)
				}
			}
			if tc.wantCancels != w.cancels {
				t.Errorf("%d cancels, want %d", w.cancels, tc.wantCancels)
			}
			if diff := cmp.Diff(tc.settled, w.settled[a.ID()]); diff != "" {
				t.Errorf("settled (-want +got):\n%s", diff)
			}
		})
	}
}

// TestSpendAheadOfNeed: who asks for 64 vectors to be on the safe side and gets 4 is not refused, and not recorded as refused, before a fifth
// is needed.
func TestSpendAheadOfNeed(t *testing.T) {
	w := newWorld(t)
	w.op.Vectors = authz.Unbounded
	w.bounded, w.max, w.decision.Limits = true, authz.Volume{9, 9, 999, 4, 9}, []authz.Limit{limit(authz.UnitVectors, 4)}
	a := w.guard.Begin(authz.Request{})
	a.Admit(t.Context())
	vectors := func(n int64) authz.Volume { return authz.Volume{}.With(authz.UnitVectors, n) }
	if got, err := a.Spend(t.Context(), vectors(64)); err != nil || got != vectors(4) {
		t.Fatalf("Spend(64) = %v, %v; want 4", got, err)
	}
	if d := a.Decision(); d.Effect != authz.Allow {
		t.Errorf("verdict after the first 4: %s, %s", d.Effect, d.Rule)
	}
	if got, err := a.Spend(t.Context(), vectors(4+64)); err != nil || got != vectors(4) {
		t.Errorf("Spend(68) = %v, %v; want 4", got, err)
	}
	if d := a.Decision(); d.Effect != authz.Deny || d.Kind != authz.KindQuota {
		t.Errorf("verdict when there is not one more: %s, %s", d.Effect, d.Kind)
	}
}

func TestObserveModeCountsAndNeverBlocks(t *testing.T) {
	w := newWorld(t)
	w.target.Mode = authz.ModeObserve
	w.bounded, w.decision.Limits = true, []authz.Limit{limit(authz.UnitVectors, 2)}
	a := w.guard.Begin(authz.Request{})
	d := a.Admit(t.Context())
	if d.Effect != authz.Deny || d.Kind != authz.KindQuota || !a.Allowed() || a.Mask() != authz.MaskNone {
		t.Fatalf("verdict %+v, allowed %v, mask %s; want a denial by quota that is not enforced", d, a.Allowed(), a.Mask())
	}
	want := authz.Volume{}.With(authz.UnitBytes, 10).With(authz.UnitVectors, 3)
	if got, err := a.Spend(t.Context(), want); err != nil || got != want {
		t.Errorf("Spend = %v, %v", got, err)
	}
	if err := a.Finish(t.Context(), guard.Final{Head: true, Volume: want}); err != nil {
		t.Fatal(err)
	}
	if got := w.settled[a.ID()]; got.Of(authz.UnitVectors) != 3 {
		t.Errorf("settled %v, want 3 vectors", got)
	}
	if r := w.records[1]; r.Enforced != authz.Allow || r.Verdict.Effect != authz.Deny || r.Mode != authz.ModeObserve {
		t.Errorf("completion %+v; want verdict deny, enforced allow", r)
	}
}

func TestResponsePhaseOnlyTightens(t *testing.T) {
	w := newWorld(t)
	w.reads.Response = true
	w.second = &authz.Decision{Effect: authz.Deny, Rule: "late", Reason: "no"}
	a := w.guard.Begin(authz.Request{})
	if a.Admit(t.Context()); !a.Allowed() {
		t.Fatal("refused at the request")
	}
	if d := a.Respond(t.Context(), authz.Response{Status: 200}); a.Allowed() || d.Rule != "late" {
		t.Errorf("decision %+v, allowed %v", d, a.Allowed())
	}
	w.second = &authz.Decision{Effect: authz.Allow, Mask: authz.Mask{Vectors: authz.MaskNone}}
	if a.Respond(t.Context(), authz.Response{Status: 200}); a.Allowed() {
		t.Error("a later allow lifted a refusal")
	}
}

func TestEachPhaseIsTimedOnce(t *testing.T) {
	w := newWorld(t)
	w.reads.Response, w.body = true, true
	a := w.guard.Begin(authz.Request{})
	a.Admit(t.Context())
	a.Refine(t.Context(), w.op)
	if err := a.Durable(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.Respond(t.Context(), authz.Response{Status: 200})
	if err := a.Finish(t.Context(), guard.Final{Head: true, Outcome: authz.OutcomeComplete, Status: 200}); err != nil {
		t.Fatal(err)
	}
	want := []string{"authenticate", "policy", "reserve", "admit", "journal", "policy", "reserve", "respond", "journal", "finish"}
	if diff := cmp.Diff(want, w.phases); diff != "" {
		t.Errorf("phases (-want +got):\n%s", diff)
	}
}

// TestCredentialsAreCountedWhereAsked: a token has a meter of its own only where something reads it. Tokens are many, and meters are kept
// for a month.
func TestCredentialsAreCountedWhereAsked(t *testing.T) {
	perToken := authz.Limit{Meter: authz.MeterCredential, Unit: authz.UnitVectors, Window: authz.Window(time.Hour), Max: 10}
	for name, tc := range map[string]struct {
		set  func(*world)
		want bool
	}{
		"nothing reads it": {func(w *world) { w.decision.Limits = []authz.Limit{limit(authz.UnitVectors, 10)} }, false},
		"a limit":          {func(w *world) { w.decision.Limits = []authz.Limit{perToken} }, true},
		"a rule":           {func(w *world) { w.reads.Usage = true }, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			tc.set(w)
			w.guard.Begin(authz.Request{Method: "POST"}).Admit(t.Context())
			got := slices.Contains(w.charged, authz.MeterKey{Meter: authz.MeterCredential, Key: "https://i|c1"})
			if got != tc.want || !slices.Contains(w.charged, authz.MeterKey{Meter: authz.MeterTarget, Key: "embeddings"}) {
				t.Errorf("charged to %v", w.charged)
			}
		})
	}
}

// TestRecordsAreSmall: nothing that a client chooses freely makes a record large.
func TestRecordsAreSmall(t *testing.T) {
	w := newWorld(t)
	long := strings.Repeat("M", 60_000)
	a := w.guard.Begin(authz.Request{Method: long, RequestID: long})
	a.Admit(t.Context())
	if err := a.Finish(t.Context(), guard.Final{Outcome: authz.OutcomeComplete, Head: true}); err != nil {
		t.Fatal(err)
	}
	for _, r := range w.records {
		if len(r.Method) > 64 || len(r.RequestID) > 256 {
			t.Errorf("%s: a method of %d bytes and a request ID of %d", r.Event, len(r.Method), len(r.RequestID))
		}
	}
	for _, known := range []bool{true, false} { // a path is whole where it is known who asked for it
		w := newWorld(t)
		w.path, w.op.Object = "/"+long[:8000], "/"+long[:8000]
		if !known {
			w.authErr = &authz.Error{Kind: authz.KindUnauthenticated, Label: "token_missing"}
		}
		a := w.guard.Begin(authz.Request{})
		a.Admit(t.Context())
		a.Record()
		r := w.records[0]
		if whole := len(r.Path) == 8001 && len(r.Operation.Object) == 8001; whole != known || !known && len(r.Path)+len(r.Operation.Object) > 600 {
			t.Errorf("known %v: a path of %d bytes, an object of %d", known, len(r.Path), len(r.Operation.Object))
		}
	}
	if n := len(w.inputs[0].Request.Method); n > 64 || len(w.records) != 2 {
		t.Errorf("policy was given a method of %d bytes; %d records", n, len(w.records))
	}
}

func TestTraceIsJoined(t *testing.T) {
	const id, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	tests := map[string]struct {
		header string
		joined bool
	}{
		"sampled":      {"00-" + id + "-" + span + "-01", true},
		"not sampled":  {"00-" + id + "-" + span + "-00", true},
		"later":        {"01-" + id + "-" + span + "-01-more", true},
		"version ff":   {"ff-" + id + "-" + span + "-01", false},
		"upper case":   {"00-" + "4BF92F3577B34DA6A3CE929D0E0E4736" + "-" + span + "-01", false},
		"zero":         {"00-00000000000000000000000000000000-" + span + "-01", false},
		"absent":       {"", false},
		"too long v00": {"00-" + id + "-" + span + "-01-x", false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			a := w.guard.Begin(authz.Request{TraceParent: tc.header})
			a.Admit(t.Context())
			a.Record()
			r := w.records[0]
			if joined := r.TraceID == id && r.ParentSpanID == span; joined != tc.joined || len(r.TraceID) != 32 || len(r.SpanID) != 16 {
				t.Errorf("trace %s parent %s span %s; want joined %v", r.TraceID, r.ParentSpanID, r.SpanID, tc.joined)
			}
		})
	}
}
