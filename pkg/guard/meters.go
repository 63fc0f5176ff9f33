package guard

import (
	"github.com/weirgate/weir/pkg/authz"
)

// bind fills in what each limit's meter is kept for. A limit that cannot be counted is an error, which denies.
func (a *Admission) bind(limits []authz.Limit) ([]authz.Limit, error) {
	out, err := a.g.cfg.Meters.Bind(limits, a.identity.Subject, a.match.Target)
	if err != nil {
		return nil, errUncounted(err)
	}
	return out, nil
}

// errUncounted is the error of a limit that cannot be counted: it denies.
func errUncounted(err error) error {
	return &authz.Error{Kind: authz.KindUnavailable, Label: "limit_unreadable", Public: "Weir could not read a limit that applies to this request", Err: err}
}

// keys lists the meters that the exchange is charged to. The credential's is among them where something reads it only: a meter is kept for as
// long as the longest window, and a workload may have a new token for every request.
func (a *Admission) keys(limits []authz.Limit, credential bool) []authz.MeterKey {
	return a.g.cfg.Meters.Charged(a.identity.Subject, a.match.Target, limits, credential)
}

// usageKeys are the meters whose counts policy may read: of all groups or of none, for a rule against what a group has had must not pass over
// one because the subject has many. Their number is bounded by what a token holds.
func (a *Admission) usageKeys() []authz.MeterKey {
	out := a.keys(nil, true)
	if !a.g.cfg.Policy.Reads().Groups {
		return out
	}
	for _, g := range a.identity.Subject.Groups {
		out = append(out, authz.MeterKey{Meter: authz.MeterGroup, Key: g})
	}
	return out
}

// tenant is whose meters the exchange is charged to.
func (a *Admission) tenant() string { return a.match.Target.MeterTenant() }

// usageInput turns counts into usage[meter][unit][window].
func usageInput(u authz.Usage) *authz.UsageInput {
	out := &authz.UsageInput{}
	put := func(m *map[authz.Unit]map[string]int64, c authz.UsageCount) {
		if *m == nil {
			*m = map[authz.Unit]map[string]int64{}
		}
		if (*m)[c.Unit] == nil {
			(*m)[c.Unit] = map[string]int64{}
		}
		(*m)[c.Unit][c.Window.String()] = c.Count
	}
	for _, c := range u {
		switch c.Key.Meter {
		case authz.MeterSubject:
			put(&out.Subject, c)
		case authz.MeterSubjectTarget:
			put(&out.SubjectTarget, c)
		case authz.MeterTarget:
			put(&out.Target, c)
		case authz.MeterCredential:
			put(&out.Credential, c)
		case authz.MeterGroup:
			if out.Group == nil {
				out.Group = map[string]map[authz.Unit]map[string]int64{}
			}
			units := out.Group[c.Key.Key]
			put(&units, c)
			out.Group[c.Key.Key] = units
		}
	}
	return out
}

// judgedWithout flags an exchange whose limits were judged without the shared store: metrics count it, and its records say so from then on.
func (a *Admission) judgedWithout(q authz.Quota) {
	if q.Away == authz.AwayUnset || a.label != "" {
		return
	}
	a.label = "store_away_" + string(q.Away)
	a.g.cfg.Observer.Undecided(a.label)
}
