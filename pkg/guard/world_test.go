package guard_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/guard"
)

type world struct {
	t        *testing.T
	now      time.Time
	guard    *guard.Guard
	authErr  error
	target   authz.Target
	matchErr error
	path     string
	groups   []string
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
	counted  []authz.MeterKey // of the last Usage

	records   []authz.Record
	appendErr error
	waitErr   error
	taken     map[string][]byte

	undecided, phases, flagged, would []string

	claimed string // the token's words in justification
	owner   string // of the subject, an agent

	ledger ledger
	leave  *authz.Leave // by which the subject comes
}

// ledger is the coverage of one object, as shares that the test sets; it holds the guard to what a store is owed: nothing is committed or
// dropped that was not claimed.
type ledger struct {
	shares             []authz.Covered
	err                error
	open               map[string]authz.CoverClaim
	committed, dropped []authz.CoverClaim
}

func (l *ledger) Claim(_ context.Context, c authz.CoverClaim) ([]authz.Covered, error) {
	if l.err != nil {
		return nil, l.err
	}
	l.open[c.ID] = c
	return l.shares[:len(c.Holders)], nil
}

func (l *ledger) Commit(_ context.Context, c authz.CoverClaim) error { return l.end(c, &l.committed) }
func (l *ledger) Drop(_ context.Context, c authz.CoverClaim) error   { return l.end(c, &l.dropped) }

func (l *ledger) end(c authz.CoverClaim, to *[]authz.CoverClaim) error {
	if _, ok := l.open[c.ID]; !ok {
		return errors.New("nothing is claimed")
	}
	delete(l.open, c.ID)
	*to = append(*to, c)
	return nil
}

func newWorld(t *testing.T) *world {
	w := &world{
		t: t, now: time.Unix(1_700_000_000, 0).UTC(), open: map[string]authz.Volume{}, settled: map[string]authz.Volume{}, taken: map[string][]byte{},
		path:     "/p",
		target:   authz.Target{Name: "embeddings", Kind: authz.KindInference, Tenant: "acme"},
		op:       authz.Operation{Class: authz.ClassEmbed, Complete: true, Vectors: 3},
		decision: authz.Decision{Effect: authz.Allow, Rule: "r", Mask: authz.Mask{Vectors: authz.MaskNone}},
	}
	w.ledger = ledger{open: map[string]authz.CoverClaim{}, shares: make([]authz.Covered, 8)}
	w.rebuild(func(*guard.Config) {})
	return w
}

// rebuild makes the guard anew, configured otherwise.
func (w *world) rebuild(change func(*guard.Config)) {
	cfg := guard.Config{
		Coverage: &w.ledger, Authenticator: w, Targets: w, Describer: w, Policy: w, Store: w, Journal: w, Observer: w, Handover: w,
		TicketKey: bytes.Repeat([]byte{7}, 32), Replica: "r1", Now: func() time.Time { return w.now },
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	change(&cfg)
	g, err := guard.New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	w.guard = g
}

func (w *world) Authenticate(context.Context, authz.Request, authz.Target) (authz.Identity, error) {
	claims := map[string]any{"number": json.Number("9007199254740993")} // 2^53+1
	id := authz.Identity{Subject: authz.Subject{Issuer: "https://i", ID: "ada", Groups: w.groups, Credential: "c1", Claims: claims, Justification: w.claimed, Owner: w.owner}, Carrier: "authorization"}
	if w.leave != nil {
		id.Leave, id.Subject.Credential, id.Carrier, id.Parameter = w.leave, "capability:c", "", "cap"
	}
	return id, w.authErr
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

func (w *world) Usage(_ context.Context, _ string, keys []authz.MeterKey) (authz.Usage, error) {
	w.counted = keys
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
func (w *world) Observed(_ authz.Target, would string)                  { w.would = append(w.would, would) }

func (w *world) Flagged(t authz.Target, flag string) { w.flagged = append(w.flagged, t.Name+" "+flag) }

func (w *world) Undecided(label string)             { w.undecided = append(w.undecided, label) }
func (*world) AuthFailed(string)                    {}
func (w *world) Phase(name string, _ time.Duration) { w.phases = append(w.phases, name) }
func (*world) Overshoot(authz.Unit, int64)          {}
func (*world) Left(authz.Unit, int64)               {}

func limit(u authz.Unit, n int64) authz.Limit {
	return authz.Limit{Meter: authz.MeterSubjectTarget, Unit: u, Window: authz.Window(time.Hour), Max: n}
}
