package guard

import (
	"context"
	"slices"

	"github.com/weirgate/weir/pkg/authz"
)

// watch makes the limits of rules that are only observed ready to be asked about. One that cannot be counted is a rule that would fail; it
// stands in nobody's way.
func (a *Admission) watch(w *authz.Would) *authz.Would {
	if len(w.Watched()) == 0 {
		return w
	}
	out := *w
	var err error
	if out.Limits, err = a.bind(w.Limits); err != nil {
		return &authz.Would{Failed: true}
	}
	uncounted := func(l authz.Limit) bool {
		return !slices.Contains(a.reservation.Keys, authz.MeterKey{Meter: l.Meter, Key: l.Key})
	}
	if a.reserved && slices.ContainsFunc(out.Limits, uncounted) {
		return &authz.Would{Failed: true}
	}
	return &out
}

// claim is ask, of which d's watched limits are asked first: where need is more than they let pass, d says what would have been, and they are
// asked no more. What is granted is what the other limits grant, and nothing else of the answer is the watched ones' either.
func (a *Admission) claim(ctx context.Context, r authz.Reservation, need authz.Volume, d *authz.Decision) (authz.Quota, error) {
	watched := d.Would.Watched()
	if len(watched) == 0 {
		return a.ask(ctx, r)
	}
	all := r
	all.Limits = append(slices.Clip(r.Limits), watched...)
	q, err := a.ask(ctx, all)
	if err == nil && len(q.Over) == 0 && q.Away == authz.AwayUnset {
		return q, nil
	}
	own, ownErr := a.ask(ctx, r)
	at := slices.IndexFunc(q.Over, func(e authz.Exceeded) bool {
		return slices.ContainsFunc(watched, func(l authz.Limit) bool {
			l.Away = e.Limit.Away // which the store may have filled in
			return l == e.Limit
		})
	})
	switch {
	case err != nil:
		d.Would = &authz.Would{Failed: true}
	case at >= 0 && !q.Granted.Covers(need):
		over := overQuota(q.Over[at:at+1], *d)
		d.Would = &authz.Would{Effect: q.Over[at].Limit.Over, Rule: over.Rule, Reason: over.Reason, Mask: d.Would.Mask}
	}
	return own, ownErr
}

// bounds reports whether a unit is bounded, by a limit that is only observed too: then it is booked as it leaves.
func (a *Admission) bounds(u authz.Unit) bool {
	return a.Limits(u) || slices.ContainsFunc(a.verdict.Would.Watched(), func(l authz.Limit) bool { return l.Unit == u })
}

// imposed is what would have been, with the target's floors.
func imposed(w *authz.Would, floors authz.Floors) *authz.Would {
	if w == nil || floors.Mask == authz.MaskUnset {
		return w
	}
	out := *w
	out.Mask.Vectors = out.Mask.Vectors.Stricter(floors.Mask)
	return &out
}
