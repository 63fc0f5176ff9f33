package guard

import (
	"fmt"
	"slices"

	"github.com/weirgate/weir/pkg/authz"
)

// bind fills in what each limit's meter is kept for. A limit whose meter cannot be keyed, or does not count its unit, is an error, which
// denies.
func (a *Admission) bind(limits []authz.Limit) ([]authz.Limit, error) {
	out := slices.Clone(limits)
	for i, l := range out {
		key, ok := a.key(l.Meter, l.Key)
		if spec := a.g.meter(l.Meter); spec != nil && !spec.Counts(l.Unit) {
			ok = false
		}
		if !ok {
			return nil, &authz.Error{
				Kind: authz.KindUnavailable, Label: "limit_unreadable", Public: "Weir could not read a limit that applies to this request",
				Err: fmt.Errorf("limit on meter %q (key %q, unit %s) has nothing to be counted for", l.Meter, l.Key, l.Unit),
			}
		}
		out[i].Key = key
	}
	return out, nil
}

// meter returns the configuration's meter of that name; nil where there is none.
func (g *Guard) meter(m authz.Meter) *authz.MeterSpec {
	for i := range g.cfg.Meters {
		if g.cfg.Meters[i].Name == m {
			return &g.cfg.Meters[i]
		}
	}
	return nil
}

// key derives what a meter is kept for.
func (a *Admission) key(m authz.Meter, group string) (string, bool) {
	s, t := a.identity.Subject, a.match.Target
	switch m {
	case authz.MeterSubject:
		return s.Ref(), s.ID != ""
	case authz.MeterSubjectTarget:
		return s.Ref() + "|" + t.Name, s.ID != ""
	case authz.MeterTarget:
		return t.Name, t.Name != ""
	case authz.MeterCredential:
		return s.Issuer + "|" + s.Credential, s.Credential != ""
	case authz.MeterGroup:
		return group, group != ""
	}
	if spec := a.g.meter(m); spec != nil {
		return spec.Key(s, t, group)
	}
	return "", false
}

// keys lists the meters that the exchange is charged to: the subject's, the target's, those of the configuration, the credential's where
// something reads it, and those that limits name, which are bound. A meter is kept for as long as the longest window, and a workload may
// have a new token for every request.
func (a *Admission) keys(limits []authz.Limit, credential bool) []authz.MeterKey {
	out := make([]authz.MeterKey, 0, 4+len(a.g.cfg.Meters)+len(limits))
	add := func(m authz.Meter) {
		if k, ok := a.key(m, ""); ok {
			out = append(out, authz.MeterKey{Meter: m, Key: k})
		}
	}
	for _, m := range [...]authz.Meter{authz.MeterSubject, authz.MeterSubjectTarget, authz.MeterTarget} {
		add(m)
	}
	if credential {
		add(authz.MeterCredential)
	}
	for i := range a.g.cfg.Meters {
		add(a.g.cfg.Meters[i].Name)
	}
	for _, l := range limits {
		if k := (authz.MeterKey{Meter: l.Meter, Key: l.Key}); !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	return out
}

// maxGroupsRead bounds the group meters that one policy input asks for.
const maxGroupsRead = 32

// usageKeys are the meters whose counts policy may read.
func (a *Admission) usageKeys() []authz.MeterKey {
	out := a.keys(nil, true)
	groups := a.identity.Subject.Groups
	for _, g := range groups[:min(len(groups), maxGroupsRead)] {
		out = append(out, authz.MeterKey{Meter: authz.MeterGroup, Key: g})
	}
	return out
}

// tenant is the target's tenant; all meters live under one.
func (a *Admission) tenant() string {
	if t := a.match.Target.Tenant; t != "" {
		return t
	}
	return "default"
}

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
