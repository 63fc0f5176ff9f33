package guard_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/guard"
)

// world is a Guard with collaborators that keep score and check invariants: nothing is settled that was not reserved, nothing twice.
type world struct {
	t        *testing.T
	now      time.Time
	guard    *guard.Guard
	authErr  error
	target   authz.Target
	matchErr error
	path     string
	op       authz.Operation
	body     bool
	decision authz.Decision
	second   *authz.Decision // phase response
	evalErr  error
	reads    authz.Reads
	inputs   []authz.Input

	storeErr error
	max      authz.Volume // what the store grants in all; zero: everything
	bounded  bool
	open     map[string]authz.Volume
	settled  map[string]authz.Volume
	cancels  int
	charged  []authz.MeterKey // of the last Reserve

	records   []authz.Record
	appendErr error
	waitErr   error
	taken     map[string][]byte

	undecided, phases []string
}

func newWorld(t *testing.T) *world {
	w := &world{
		t: t, now: time.Unix(1_700_000_000, 0).UTC(), open: map[string]authz.Volume{}, settled: map[string]authz.Volume{}, taken: map[string][]byte{},
		path:     "/p",
		target:   authz.Target{Name: "embeddings", Kind: authz.KindInference, Tenant: "acme"},
		op:       authz.Operation{Class: authz.ClassEmbed, Complete: true, Vectors: 3},
		decision: authz.Decision{Effect: authz.Allow, Rule: "r", Mask: authz.Mask{Vectors: authz.MaskNone}},
	}
	g, err := guard.New(guard.Config{
		Authenticator: w, Targets: w, Describer: w, Policy: w, Store: w, Journal: w, Observer: w, Handover: w,
		TicketKey: bytes.Repeat([]byte{7}, 32), Replica: "r1", Now: func() time.Time { return w.now },
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.guard = g
	return w
}

func (w *world) Authenticate(context.Context, authz.Request, authz.Target) (authz.Identity, error) {
	claims := map[string]any{"number": json.Number("9007199254740993")} // 2^53+1
	return authz.Identity{Subject: authz.Subject{Issuer: "https://i", ID: "ada", Credential: "c1", Claims: claims}, Carrier: "authorization"}, w.authErr
}

func (w *world) Resolve(authz.Request) (authz.Match, error) {
	return authz.Match{Target: w.target, Host: "h", Path: w.path}, w.matchErr
}

func (w *world) Describe(authz.Match, authz.Request) (authz.Operation, bool) { return w.op, w.body }

func (w *world) Eval(_ context.Context, in *authz.Input) (authz.Decision, error) {
	w.inputs = append(w.inputs, *in)
	if in.Envoy != nil { // as the engine does
		in.Envoy.Hash = "h"
	}
	if in.Phase == authz.PhaseResponse && w.second != nil {
		return *w.second, w.evalErr
	}
	return w.decision, w.evalErr
}
func (w *world) Reads() authz.Reads { return w.reads }
func (w *world) Revision() string   { return "rev" }

func (w *world) Reserve(_ context.Context, r authz.Reservation) (authz.Quota, error) {
	if w.storeErr != nil {
		return authz.Quota{}, w.storeErr
	}
	if w.bounded && len(r.Limits) > 0 && !w.max.Covers(r.Volume) {
		return authz.Quota{Over: []authz.Exceeded{{Limit: r.Limits[0], Used: 9, RetryAfter: time.Minute}}}, nil
	}
	w.open[r.ID], w.charged = r.Volume, r.Keys
	return authz.Quota{Granted: r.Volume}, nil
}

func (w *world) Raise(_ context.Context, r authz.Reservation) (authz.Quota, error) {
	if w.storeErr != nil {
		return authz.Quota{}, w.storeErr
	}
	q := authz.Quota{Granted: r.Volume.Max(w.open[r.ID])}
	if w.bounded && len(r.Limits) > 0 && !w.max.Covers(q.Granted) {
		for _, u := range authz.Units() {
			q.Granted = q.Granted.With(u, min(q.Granted.Of(u), w.max.Of(u)))
		}
		q.Over = []authz.Exceeded{{Limit: r.Limits[0], Used: 9, RetryAfter: time.Minute}}
	}
	w.open[r.ID] = q.Granted
	return q, nil
}

func (w *world) Settle(_ context.Context, r authz.Reservation) error {
	if _, ok := w.open[r.ID]; !ok {
		w.t.Errorf("Settle(%s): nothing is reserved", r.ID)
	}
	if _, ok := w.settled[r.ID]; ok {
		w.t.Errorf("Settle(%s): twice", r.ID)
	}
	w.settled[r.ID] = r.Volume
	return nil
}

func (w *world) Cancel(_ context.Context, r authz.Reservation) error {
	if _, ok := w.open[r.ID]; !ok {
		w.t.Errorf("Cancel(%s): nothing is reserved", r.ID)
	}
	delete(w.open, r.ID)
	w.cancels++
	return nil
}

func (w *world) Usage(context.Context, string, []authz.MeterKey) (authz.Usage, error) {
	return authz.Usage{{Key: authz.MeterKey{Meter: authz.MeterSubject, Key: "https://i|ada"}, Unit: authz.UnitVectors, Window: authz.Window(time.Hour), Count: 5}}, w.storeErr
}

func (w *world) Append(r *authz.Record) (guard.Receipt, error) {
	if w.appendErr != nil {
		return nil, w.appendErr
	}
	w.records = append(w.records, *r)
	return receipt{w.waitErr}, nil
}

type receipt struct{ err error }

func (r receipt) Wait(context.Context) error { return r.err }

func (w *world) Put(_ context.Context, k string, v []byte, _ time.Duration) error {
	w.taken[k] = v
	return nil
}

func (w *world) Take(_ context.Context, k string) ([]byte, bool, error) {
	v, ok := w.taken[k]
	delete(w.taken, k)
	return v, ok, nil
}

func (*world) Decided(authz.Target, string, authz.Effect, authz.Effect) {}
func (w *world) Undecided(label string)                                 { w.undecided = append(w.undecided, label) }
func (*world) AuthFailed(string)                                        {}
func (w *world) Phase(name string, _ time.Duration)                     { w.phases = append(w.phases, name) }
func (*world) Overshoot(authz.Unit, int64)                              {}
func (*world) Left(authz.Unit, int64)                                   {}

func limit(u authz.Unit, n int64) authz.Limit {
	return authz.Limit{Meter: authz.MeterSubjectTarget, Unit: u, Window: authz.Window(time.Hour), Max: n}
}

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

// TestNeverTakenUp: what was handed over and never redeemed is given back and recorded as aborted once its ticket has expired; what was
// redeemed is not.
func TestNeverTakenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		req := authz.Request{Method: "POST", Path: "/p"}
		var tickets []string
		for range 2 {
			a := w.guard.Begin(req)
			a.Admit(t.Context())
			ticket, err := a.Suspend(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			tickets = append(tickets, ticket)
		}
		taken, err := w.guard.Redeem(t.Context(), tickets[0], req)
		if err != nil {
			t.Fatal(err)
		}
		later := func(d time.Duration) {
			w.now = w.now.Add(d)
			ctx, stop := context.WithTimeout(t.Context(), 2*time.Second)
			defer stop()
			if err := w.guard.Run(ctx); err != nil {
				t.Error(err)
			}
		}
		later(9 * time.Second)
		if w.cancels != 0 {
			t.Errorf("%d cancelled while their tickets were good", w.cancels)
		}
		later(3 * time.Second)
		last := w.records[len(w.records)-1]
		if w.cancels != 1 || last.Event != authz.EventCompletion || last.Outcome != authz.OutcomeAborted || last.Decision == taken.ID() {
			t.Errorf("%d cancelled, last record %+v; want one cancelled and its completion", w.cancels, last)
		}
		if _, err := w.guard.Redeem(t.Context(), tickets[1], req); err == nil {
			t.Error("redeemed after its books were closed")
		}
		if err := taken.Finish(t.Context(), guard.Final{Outcome: authz.OutcomeComplete, Head: true}); err != nil {
			t.Error(err)
		}
	})
}

func TestTicket(t *testing.T) {
	req := authz.Request{Method: "POST", Host: "H:1", Path: "/p?q=1", Route: "embeddings"}
	admit := func(w *world) (string, string) {
		a := w.guard.Begin(req)
		a.Admit(t.Context())
		ticket, err := a.Suspend(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(ticket) > 300 {
			t.Fatalf("ticket of %d bytes", len(ticket))
		}
		return ticket, a.ID()
	}
	t.Run("resumes once", func(t *testing.T) {
		w := newWorld(t)
		ticket, id := admit(w)
		a, err := w.guard.Redeem(t.Context(), ticket, req)
		if err != nil || a.ID() != id || !a.Allowed() {
			t.Fatalf("Redeem = %v, %v", a, err)
		}
		if err := a.Finish(t.Context(), guard.Final{Head: true, Volume: authz.Volume{}.With(authz.UnitVectors, 1)}); err != nil {
			t.Fatal(err)
		}
		if w.settled[id].Of(authz.UnitVectors) != 1 || len(w.records) != 2 {
			t.Errorf("settled %v, %d records", w.settled, len(w.records))
		}
		if _, err := w.guard.Redeem(t.Context(), ticket, req); authz.AsError(err).Label != "ticket_used" {
			t.Errorf("second Redeem: %v", err)
		}
	})
	t.Run("for another target", func(t *testing.T) {
		for _, mode := range []authz.Mode{authz.ModeEnforce, authz.ModeObserve} {
			w := newWorld(t)
			w.target.Mode = mode
			ticket, id := admit(w)
			r := req
			r.Route = w.target.Name + "2"
			a, err := w.guard.Redeem(t.Context(), ticket, r)
			if err != nil || a.Allowed() || a.Decision().Rule != "weir.target_conflict" {
				t.Fatalf("Redeem = %v, allowed %v, %v", a.Decision(), a.Allowed(), err)
			}
			if err := a.Finish(t.Context(), guard.Final{Outcome: authz.OutcomeRefused}); err != nil {
				t.Fatal(err)
			}
			if w.cancels != 1 || len(w.records) != 2 || w.records[1].Decision != id {
				t.Errorf("%d cancels, records %v", w.cancels, w.records)
			}
		}
	})
	t.Run("carries what policy is asked with", func(t *testing.T) { // ext_authz strips weir-* headers, so the second call does not bring it
		w := newWorld(t)
		w.body = true
		first := req
		first.Headers = authz.Header{"weir-justification": {"MODEL-42"}}
		a := w.guard.Begin(first)
		a.Admit(t.Context())
		ticket, err := a.Suspend(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if a, err = w.guard.Redeem(t.Context(), ticket, req); err != nil {
			t.Fatal(err)
		}
		a.Refine(t.Context(), authz.Operation{Class: authz.ClassEmbed, Complete: true})
		if len(w.inputs) != 1 || w.inputs[0].Justification != "MODEL-42" || w.inputs[0].Subject.Claims["number"] != json.Number("9007199254740993") {
			t.Errorf("policy was asked with %+v", w.inputs)
		}
	})
	bad := map[string]struct {
		change func(w *world, ticket *string, r *authz.Request)
		label  string
	}{
		"missing":       {func(_ *world, s *string, _ *authz.Request) { *s = "" }, "ticket_missing"},
		"forged":        {func(_ *world, s *string, _ *authz.Request) { *s = "Z" + (*s)[1:] }, "ticket_forged"},
		"other path":    {func(_ *world, _ *string, r *authz.Request) { r.Path = "/p?q=2" }, "ticket_forged"},
		"other method":  {func(_ *world, _ *string, r *authz.Request) { r.Method = "GET" }, "ticket_forged"},
		"other host":    {func(_ *world, _ *string, r *authz.Request) { r.Host = "evil" }, "ticket_forged"},
		"expired":       {func(w *world, _ *string, _ *authz.Request) { w.now = w.now.Add(time.Minute) }, "ticket_expired"},
		"another store": {func(w *world, _ *string, _ *authz.Request) { clear(w.taken) }, "ticket_used"},
	}
	for name, tc := range bad {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			ticket, _ := admit(w)
			r := req
			tc.change(w, &ticket, &r)
			a, err := w.guard.Redeem(t.Context(), ticket, r)
			if a != nil || authz.AsError(err).Label != tc.label {
				t.Errorf("Redeem = %v, %v; want %s", a, err, tc.label)
			}
			w.records, w.target.Mode = nil, authz.ModeObserve
			a = w.guard.Refused(r, authz.AsError(err))
			if a.Allowed() || a.Observed() || a.Decision().Rule != "weir."+tc.label {
				t.Errorf("Refused = %+v", a.Decision())
			}
			if err := a.Finish(t.Context(), guard.Final{Outcome: authz.OutcomeRefused, Status: 503}); err != nil {
				t.Fatal(err)
			}
			if len(w.records) != 2 || w.records[0].Enforced != authz.Deny || w.records[1].Label != tc.label {
				t.Errorf("records: %+v", w.records)
			}
		})
	}
	t.Run("every flipped bit", func(t *testing.T) {
		w := newWorld(t)
		ticket, _ := admit(w)
		for i := range len(ticket) {
			b := []byte(ticket)
			b[i] ^= 1
			if a, err := w.guard.Redeem(t.Context(), string(b), req); a != nil || err == nil {
				t.Fatalf("byte %d flipped: accepted", i)
			}
		}
	})
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
