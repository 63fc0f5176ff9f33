package guard

import (
	"context"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

const (
	// byteLease is how many bytes beyond the need of the moment are reserved at a time where a limit bounds bytes, so that a stream does
	// not ask the store for every chunk. What is not used is given back by Finish.
	byteLease = 1 << 20
	// raiseEvery is how long volume that no limit bounds may go unbooked: well below the finest slot of the shortest default window.
	raiseEvery = 5 * time.Second
)

// Spend asks whether the exchange's total may grow to want: bytes and vectors that have left, cumulative, vectors under UnitVectors
// whatever the mask. It returns how much may have left in total, which is less than want where a limit is reached: then the stream ends
// there. Nothing beyond it goes to Envoy. Vectors may be asked for ahead of need: a part of them is no refusal, only when not one more is to
// be had is the verdict one. An error means the store could not tell: nothing more may leave. In observe mode it counts and never holds back.
func (a *Admission) Spend(ctx context.Context, want authz.Volume) (authz.Volume, error) {
	if !a.Allowed() {
		return authz.Volume{}, nil
	}
	charged := a.charge(want, a.verdict.Mask.Vectors)
	if a.covered(charged) {
		return want, nil
	}
	ctx, cancel := context.WithTimeout(ctx, a.g.cfg.Timeout)
	defer cancel()
	ask := charged.Max(a.granted)
	ahead := a.identity.Leave == nil // whose budget is an object's: what one of its ranges took ahead another would not get
	if ahead && a.bounds(authz.UnitBytes) && charged.Of(authz.UnitBytes) > a.granted.Of(authz.UnitBytes) {
		ask = ask.With(authz.UnitBytes, charged.Of(authz.UnitBytes)+byteLease)
	}
	if !a.reserved { // observe mode only: what a refusal would have stopped is counted all the same
		a.reservation, _ = a.newReservation(nil) // without limits there is no error
	}
	r := a.reservation
	r.Volume = ask.Max(authz.Volume{}.With(authz.UnitRequests, 1))
	q, err := a.claim(ctx, r, charged, &a.verdict)
	if err != nil {
		if a.Observed() {
			a.g.cfg.Observer.Undecided(authz.AsError(err).Label)
			return want, nil
		}
		return authz.Volume{}, err
	}
	unit := a.verdict.Mask.Vectors.Stricter(authz.MaskNone).Unit()
	had := a.granted.Of(unit)
	a.granted, a.raised, a.reserved = q.Granted, a.g.cfg.Now(), true
	a.judgedWithout(q)
	if q.Granted.Covers(charged) {
		return want, nil
	}
	if some := q.Granted.Of(unit) > had && q.Granted.Of(authz.UnitBytes) >= charged.Of(authz.UnitBytes); !some {
		a.verdict = a.verdict.Tighten(overQuota(q.Over, a.verdict))
	}
	if a.Observed() {
		return want, nil
	}
	return want.With(authz.UnitVectors, min(want.Of(authz.UnitVectors), q.Granted.Of(unit))).
		With(authz.UnitBytes, min(want.Of(authz.UnitBytes), q.Granted.Of(authz.UnitBytes))), nil
}

// covered reports whether charged needs no call to the store: every bounded unit lies within what is granted, and what no limit bounds
// was booked lately.
func (a *Admission) covered(charged authz.Volume) bool {
	for _, u := range authz.Units() {
		if charged.Of(u) > a.granted.Of(u) && a.bounds(u) {
			return false
		}
	}
	return a.granted.Covers(charged) || a.g.cfg.Now().Sub(a.raised) < raiseEvery
}

// Final says how an exchange ended.
type Final struct {
	Outcome  authz.Outcome
	Status   int          // HTTP status that Weir answered or let pass; 0 when none was
	Head     bool         // a response head was answered to Envoy: what was reserved stays charged, as far as it left
	Waits    bool         // that head waits for the completion record: without it, nothing has left
	Measured string       // "counted" or "declared"; empty when nothing left
	Volume   authz.Volume // what left: bytes, and vectors under UnitVectors whatever the mask
	authz.Found
}

// finishTimeout bounds Finish, which outlives the exchange's context.
const finishTimeout = 5 * time.Second

// Finish writes the completion record and settles what was reserved. It runs once; later calls do nothing. It outlives ctx by its own
// deadline, because what has left must be charged whatever the client did. Where the record mode is durable it returns only when both
// records are, so that a caller may hold the last byte of an answer back for it, or all of it. An error is a refusal, of label
// "journal_unavailable" or the store's.
func (a *Admission) Finish(ctx context.Context, f Final) error {
	if a.finished {
		return nil
	}
	a.finished = true
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTimeout)
	defer cancel()
	if !a.decided {
		a.fail(&authz.Error{Kind: authz.KindInternal, Label: "ended_undecided", Public: "the exchange ended before there was a decision"})
	}
	a.g.cfg.Observer.Decided(a.match.Target, a.g.cfg.Entry, a.verdict.Effect, a.enforced)
	for _, f := range a.verdict.Flags {
		a.g.cfg.Observer.Flagged(a.match.Target, f.Name)
	}
	if would := a.verdict.Unenforced(a.match.Target.Mode); would != "" {
		a.g.cfg.Observer.Observed(a.match.Target, would)
	}
	a.countAnyhow(ctx, f)
	start := a.g.cfg.Now()
	err := a.recordCompletion(ctx, f)
	f.Head = f.Head && (err == nil || !f.Waits)
	if err2 := a.settle(ctx, f); err == nil {
		err = err2
	}
	a.settleAside(ctx)
	a.g.cfg.Observer.Phase("finish", a.g.cfg.Now().Sub(start))
	return err
}

// countAnyhow reserves for an exchange that was only observed and never came to a reservation, because nobody knew who asked or the policy
// failed: what leaves is counted always, on as many meters as have something to be counted for.
func (a *Admission) countAnyhow(ctx context.Context, f Final) {
	if !a.Observed() || a.reserved || !f.Head {
		return
	}
	r, _ := a.newReservation(nil) // without limits there is no error
	if len(r.Keys) == 0 {
		return
	}
	r.Volume = a.charge(f.Volume, authz.MaskNone).With(authz.UnitRequests, 1).With(authz.UnitDocuments, max(0, a.op.Documents))
	q, err := a.g.cfg.Store.Reserve(ctx, r)
	if err != nil {
		a.g.cfg.Observer.Undecided(authz.AsError(err).Label)
		return
	}
	a.reservation, a.reserved, a.granted = r, true, q.Granted
}

// left is what an exchange is charged in the end, and what its record says left. The documents of an answer are not counted one by one: where
// a head was answered, they are those that were asked for. An answer that Envoy made itself, or whose status says that it failed, holds none
// of them: an outage is nobody's extraction.
func (a *Admission) left(f Final) authz.Volume {
	v := a.charge(f.Volume, a.verdict.Mask.Vectors)
	if !f.Head || !a.reserved {
		return v
	}
	v = v.With(authz.UnitRequests, 1)
	if f.Outcome == authz.OutcomeLocal || f.Status >= 400 {
		return v
	}
	return v.With(authz.UnitDocuments, a.reservation.Volume.Of(authz.UnitDocuments))
}

// settle charges what left, in place of what was reserved. Without a response head nothing left, and all is given back.
func (a *Admission) settle(ctx context.Context, f Final) error {
	if !a.reserved {
		return nil
	}
	r := a.reservation
	if !f.Head {
		return a.g.cfg.Store.Cancel(ctx, r)
	}
	left := a.left(f)
	for _, u := range authz.Units() {
		n := left.Of(u)
		a.g.cfg.Observer.Left(u, n)
		if over := n - a.granted.Of(u); over > 0 && a.Limits(u) {
			a.g.cfg.Observer.Overshoot(u, over)
		}
	}
	r.Volume = left
	return a.g.cfg.Store.Settle(ctx, r)
}
