package guard

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

// decide asks policy, imposes the target's floors, refuses what cannot be discharged here, and reserves. It is called once per exchange
// in the common case, and a second time at the response head where a rule reads the response.
func (a *Admission) decide(ctx context.Context, phase string, resp *authz.Response) {
	d, err := a.evaluate(ctx, phase, resp)
	if err != nil {
		a.fail(err)
		return
	}
	a.marked = authz.JoinFlags(a.marked, d.Flags)
	d = a.impose(d)
	if a.decided {
		d = a.verdict.Tighten(d)
	}
	if d.Effect == authz.Allow {
		if d, err = a.reserve(ctx, d); err != nil {
			a.fail(err)
			return
		}
	} else if a.Observed() {
		// Observe mode counts always: what is let through is charged whatever the verdict.
		if _, err := a.reserve(ctx, d); err != nil {
			a.g.cfg.Observer.Undecided(authz.AsError(err).Label)
		}
	}
	a.settleVerdict(d)
	a.noteAttempt(ctx)
}

// evaluate builds the input and asks policy.
func (a *Admission) evaluate(ctx context.Context, phase string, resp *authz.Response) (authz.Decision, error) {
	g := a.g
	if err := a.register(ctx, resp); err != nil {
		return authz.Decision{}, err
	}
	if err := a.attempt(ctx); err != nil {
		return authz.Decision{}, err
	}
	in := &authz.Input{
		Phase: phase, Final: phase == authz.PhaseResponse || !g.cfg.Policy.Reads().Response && a.op.Object == "",
		Subject: a.identity.Subject, Target: a.match.Target, Operation: a.op, Response: resp,
		Justification: a.words,
		Time:          authz.InputTime{UnixNS: a.req.Time.UnixNano(), RFC3339: a.req.Time.UTC().Format(time.RFC3339Nano)},
		Request:       authz.InputRequest{Method: clip(a.req.Method, maxMethod), Host: a.match.Host, Path: a.match.Path},
		Envoy:         a.asked(),
	}
	if g.cfg.Policy.Reads().Usage {
		usage, err := g.cfg.Store.Usage(ctx, a.tenant(), a.usageKeys())
		if err != nil {
			return authz.Decision{}, err
		}
		in.Usage = usageInput(usage)
	}
	if g.cfg.Entry == "ext_authz" && g.cfg.Policy.Reads().Object && a.takesObject() { // what leaves is not seen: all of it
		in.Operation.Coverage = &authz.Coverage{Subject: authz.Covered{After: 1}, Group: authz.Covered{After: 1}}
		if a.match.Target.Kind == authz.KindCorpus {
			in.Operation.Corpus = unseenCorpus(a.match.Target.Documents)
		}
	}
	start := g.cfg.Now()
	d, err := g.cfg.Policy.Eval(ctx, in)
	g.cfg.Observer.Phase("policy", g.cfg.Now().Sub(start))
	if a.envoy != nil { // the caller wants its memory back
		a.envoy.Body = nil
	}
	in.Envoy = told(in.Envoy)
	a.input = in
	return d, err
}

// impose applies the target's floors and refuses an allow whose obligations this build cannot discharge: an obligation that nobody in
// the chain can discharge is a denial.
func (a *Admission) impose(d authz.Decision) authz.Decision {
	floors := a.match.Target.Floors
	if floors.Mask != authz.MaskUnset {
		d.Mask.Vectors = d.Mask.Vectors.Stricter(floors.Mask)
	}
	d.Record = d.Record.Stricter(floors.Record)
	d.Would = imposed(d.Would, floors)
	if l := a.identity.Leave; l != nil {
		d.Limits = append(slices.Clip(d.Limits), l.Limits()...)
	}
	if d.Effect == authz.Deny {
		return d
	}
	refuse := func(kind authz.Kind, label, public string) authz.Decision {
		a.label = label
		if kind == authz.KindUnavailable {
			a.g.cfg.Observer.Undecided(label)
		}
		return d.Tighten(authz.Decision{Effect: authz.Deny, Kind: kind, Rule: "weir." + label, Reason: public, Mask: d.Mask, Record: d.Record})
	}
	switch {
	case d.Effect == authz.Hold || d.Approval != nil:
		return refuse(authz.KindApproval, "approval_unavailable", "a person must agree to this first, and this installation has no approvals yet")
	case !d.Mask.Vectors.Stricter(authz.MaskNone).Valid(), !d.Mask.Scores.Valid():
		return refuse(authz.KindUnavailable, "obligation_unknown", "the policy asks for a mask that this installation cannot apply")
	case d.Mask.Vectors.Keyed() && !a.g.cfg.MaskKeys:
		return refuse(authz.KindUnavailable, "mask_keys_missing", "the policy asks for a mask that this installation has no keys for")
	case a.unboundedDocuments(d):
		return refuse(authz.KindForbidden, "documents_unbounded", "there is a limit of documents, and the request states no bound for them: state one")
	case a.g.cfg.Entry == "ext_authz" && !a.dischargedByHead(d):
		return refuse(authz.KindForbidden, "obligation_unmet", "the policy ties this to the answer, which Weir does not see here (entry: ext_authz)")
	}
	return d
}

// unboundedDocuments reports whether d bounds documents, and the operation hands out nobody knows how many: they are not counted one by one
// as they leave, so that the limit would never be reached.
func (a *Admission) unboundedDocuments(d authz.Decision) bool {
	switch a.op.Class {
	case authz.ClassList, authz.ClassWrite, authz.ClassAdmin: // names; and what the client brings
		return false
	}
	return a.op.Documents == authz.Unbounded && slices.ContainsFunc(d.Limits, func(l authz.Limit) bool { return l.Unit == authz.UnitDocuments })
}

// dischargedByHead reports whether d's obligations can be met without seeing the answer: no vectors to mask, no volume without a bound, and no
// rule that would have a word about the answer.
func (a *Admission) dischargedByHead(d authz.Decision) bool {
	if reads := a.g.cfg.Policy.Reads(); reads.Response || reads.Content && a.takesObject() {
		return false
	}
	masks := a.op.Vectors != 0 && d.Mask.Vectors.Stricter(authz.MaskNone) != authz.MaskNone
	for _, l := range d.Limits {
		switch l.Unit {
		case authz.UnitBytes:
			return false
		case authz.UnitVectors, authz.UnitVectorsMasked:
			if a.op.Vectors == authz.Unbounded {
				return false
			}
		case authz.UnitDocuments:
			if a.op.Documents == authz.Unbounded {
				return false
			}
		}
	}
	return a.op.Complete && !masks
}

// charge moves the vectors of v to the unit they are booked under.
func (a *Admission) charge(v authz.Volume, mask authz.MaskMode) authz.Volume {
	n := v.Of(authz.UnitVectors)
	if a.Observed() {
		mask = authz.MaskNone
	}
	return v.With(authz.UnitVectors, 0).With(mask.Stricter(authz.MaskNone).Unit(), n)
}

// reserve claims what the operation states, against the limits that policy returned. A refusal by volume is a denial, never an error.
func (a *Admission) reserve(ctx context.Context, d authz.Decision) (authz.Decision, error) {
	limits, err := a.bind(d.Limits)
	if err != nil {
		return d, err
	}
	d.Would = a.watch(d.Would)
	claim := authz.Volume{}.With(authz.UnitRequests, 1).
		With(authz.UnitDocuments, max(0, a.op.Documents)).With(authz.UnitVectors, max(0, a.op.Vectors))
	r, err := a.newReservation(limits, d.Would.Watched()...)
	if err != nil {
		return d, err
	}
	r.Volume = a.charge(claim, d.Mask.Vectors).Max(a.granted)
	start := a.g.cfg.Now()
	q, err := a.claim(ctx, r, r.Volume, &d)
	a.g.cfg.Observer.Phase("reserve", a.g.cfg.Now().Sub(start))
	if err != nil {
		return d, err
	}
	if len(q.Over) > 0 {
		d = d.Tighten(overQuota(q.Over, d))
		if !a.Observed() {
			return d, nil
		}
		r.Limits = nil
		if q, err = a.ask(ctx, r); err != nil {
			return d, err
		}
	}
	a.reservation, a.reserved, a.granted, a.raised = r, true, q.Granted, a.g.cfg.Now()
	a.judgedWithout(q)
	return d, nil
}

// newReservation is the exchange's claim on its meters, those of watched limits too, without a volume. The meters are those of the first: a
// later decision that names another one comes too late to count in it what was charged before.
func (a *Admission) newReservation(limits []authz.Limit, watched ...authz.Limit) (authz.Reservation, error) {
	r := authz.Reservation{ID: a.id, Tenant: a.tenant(), Keys: a.reservation.Keys, Limits: limits}
	if !a.reserved {
		all := append(slices.Clip(limits), watched...)
		credential := a.g.cfg.Policy.Reads().Usage || slices.ContainsFunc(all, func(l authz.Limit) bool { return l.Meter == authz.MeterCredential })
		r.Keys = a.keys(all, credential)
		return r, nil
	}
	for _, l := range limits {
		if !slices.Contains(r.Keys, authz.MeterKey{Meter: l.Meter, Key: l.Key}) {
			return r, errUncounted(fmt.Errorf("limit on meter %q (key %q): the exchange's first decision did not name it, so what it has charged is not counted there", l.Meter, l.Key))
		}
	}
	return r, nil
}

// ask reserves, or raises what is reserved already.
func (a *Admission) ask(ctx context.Context, r authz.Reservation) (authz.Quota, error) {
	if a.reserved {
		return a.g.cfg.Store.Raise(ctx, r)
	}
	return a.g.cfg.Store.Reserve(ctx, r)
}

// overQuota is the denial for limits that are reached.
func overQuota(over []authz.Exceeded, d authz.Decision) authz.Decision {
	l := over[0].Limit
	if l.Meter == authz.MeterCapability {
		return authz.Decision{
			Effect: authz.Deny, Kind: authz.KindForbidden, Rule: "weir.capability_spent", Mask: d.Mask, Record: d.Record,
			Reason: "the capability in the URL is used up, or was revoked: ask again where the redirect came from",
		}
	}
	kind := authz.KindQuota
	if l.Over == authz.Hold {
		kind = authz.KindApproval
	}
	reason := fmt.Sprintf("over the limit of %d %s in %s (%s)", l.Max, l.Unit, l.Window, l.Meter)
	if over[0].RetryAfter == 0 {
		reason += ", which never lets so much pass at once"
	}
	return authz.Decision{
		Effect: authz.Deny, Kind: kind, Rule: "weir.limit." + string(l.Meter) + "." + string(l.Unit), Exceeded: over, Mask: d.Mask, Record: d.Record,
		Reason: reason,
	}
}
