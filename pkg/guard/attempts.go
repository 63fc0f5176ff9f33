package guard

import (
	"context"
	"strings"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

// attempt tells the operation how often its subject has tried to get at models' weights lately, where it tries to: an exchange counts once,
// whatever becomes of it, and before policy is asked, so that of several at a time each knows of those before it. A count that cannot be
// read refuses: to a rule it would look like none.
func (a *Admission) attempt(ctx context.Context) error {
	if !a.g.cfg.Policy.Reads().Attempts || a.op.Attempts != nil || !a.attempts() {
		return nil
	}
	who := a.attempter()
	if !a.tried {
		goesOn, err := a.goesOn(ctx)
		if err != nil {
			return err
		}
		if !goesOn {
			r := a.attemptClaim(attempted, who)
			if _, err := a.g.cfg.Store.Reserve(ctx, r); err != nil {
				return err
			}
			a.attempted = &r
		}
		a.tried, a.first = true, !goesOn
	}
	u, err := a.g.cfg.Store.Usage(ctx, a.tenant(), []authz.MeterKey{who})
	if err != nil {
		return err
	}
	a.op.Attempts = &authz.Attempts{Hour: attemptsOf(u, who, time.Hour), Day: attemptsOf(u, who, 24*time.Hour)}
	return nil
}

// attempter is the meter that counts the subject's attempts.
func (a *Admission) attempter() authz.MeterKey {
	return authz.MeterKey{Meter: authz.MeterAttempts, Key: "subject|" + a.identity.Subject.Behind()}
}

// attempts reports whether the operation tries to get at weights: any request for what is one, or lies where they do, a list of names and a
// head alone too. Who brings one does not.
func (a *Admission) attempts() bool {
	return a.op.Class != authz.ClassWrite && a.op.Class != authz.ClassAdmin &&
		(a.match.Target.Kind == authz.KindWeights || a.op.Artifact == authz.ArtifactCheckpoint)
}

// goesOn reports whether the operation asks for a further piece of an object that the subject was let have within the hour, or follows a redirect
// to it: the pieces of one download are one attempt.
func (a *Admission) goesOn(ctx context.Context) (bool, error) {
	if a.identity.Leave != nil {
		return true, nil
	}
	if !a.furtherPiece() {
		return false, nil
	}
	key := a.letHave()
	u, err := a.g.cfg.Store.Usage(ctx, a.tenant(), []authz.MeterKey{key})
	return attemptsOf(u, key, time.Hour) > 0, err
}

// furtherPiece reports whether the operation asks for another piece of an object than its first: by one range that begins behind its first byte.
// Its last bytes (bytes=-N) may be all of it.
func (a *Admission) furtherPiece() bool {
	from, ranged := strings.CutPrefix(a.op.Range, "bytes=")
	from = strings.TrimLeft(from, "0")
	behind := ranged && from != "" && from[0] >= '1' && from[0] <= '9' && !strings.Contains(from, ",")
	return a.op.Object != "" && (a.op.Part > 1 || behind)
}

// letHave is the meter that counts how often the subject was let have the object.
func (a *Admission) letHave() authz.MeterKey {
	return authz.MeterKey{Meter: authz.MeterAttempts, Key: "object|" + a.identity.Subject.Behind() + "|" + a.match.Target.Name + "|" + digest(a.op.Object)}
}

// noteAttempt notes that the object of a first attempt may be had, so that its further pieces are none of their own. Where that cannot be
// noted they are.
func (a *Admission) noteAttempt(ctx context.Context) {
	if !a.first || a.op.Object == "" || !a.Allowed() || a.having != nil {
		return
	}
	r := a.attemptClaim(having, a.letHave())
	if _, err := a.g.cfg.Store.Reserve(ctx, r); err != nil {
		a.g.cfg.Log.Warn("an object that may be had is not noted: its pieces count as attempts", "decision", a.id, "cause", err)
		return
	}
	a.having = &r
}

// What the IDs of claims end in that are made beside the exchange's own.
const (
	attempted = ".attempt"
	having    = ".having"
)

// attemptClaim counts one request in a meter.
func (a *Admission) attemptClaim(suffix string, key authz.MeterKey) authz.Reservation {
	return authz.Reservation{ID: a.id + suffix, Tenant: a.tenant(), Keys: []authz.MeterKey{key}, Volume: authz.Volume{}.With(authz.UnitRequests, 1)}
}

// settleAside closes the claims that were made beside the exchange's own. They stay charged either way: open ones are remembered longer, and whoever
// is refused a thousand times a second must not fill the store with them.
func (a *Admission) settleAside(ctx context.Context) {
	for _, r := range []**authz.Reservation{&a.attempted, &a.having, &a.unknown} {
		if *r == nil {
			continue
		}
		if err := a.g.cfg.Store.Settle(ctx, **r); err != nil {
			a.g.cfg.Log.Warn("a claim beside the exchange's own was not closed: it lapses", "decision", a.id, "cause", err)
		}
		*r = nil
	}
}

func attemptsOf(u authz.Usage, key authz.MeterKey, w time.Duration) int64 {
	for _, c := range u {
		if c.Key == key && c.Unit == authz.UnitRequests && c.Window == authz.Window(w) {
			return c.Count
		}
	}
	return 0
}
