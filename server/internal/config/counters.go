package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

// Counters are the sliding windows.
type Counters struct {
	// URL is where they are: redis://, rediss:// (TLS) or unix:// for Redis, which all replicas share. With ?addr=host:port (once or more) it
	// is a Redis Cluster; with ?master_name=NAME the master that Sentinel, there and at every addr, knows by that name: username= and
	// password= are then Redis' own. Default: in this process's memory, which suits one replica.
	URL Secret `yaml:"url"`
	// Windows are the lengths that limits may name: a number and m, h or d. 1 to 16 of them, 1m to 366d. Default [1m, 1h, 24h, 30d].
	Windows []authz.Window `yaml:"windows" default:"1m 1h 24h 30d"`
	// Meters are meters of your own, beyond subject, subject_target, target, group and credential. At most 16. Default: none.
	Meters []Meter `yaml:"meters"`
	// Timeout bounds one call to the store; beyond it the request is refused. 1ms to 10s. Default 500ms.
	Timeout time.Duration `yaml:"timeout" default:"500ms" min:"1ms" max:"10s"`
	// Away is what becomes of limits that do not say it themselves (away) while Redis cannot be asked, or is not to be believed. refuse:
	// nothing passes. local: this replica's share of the limit, counted in memory. allow: everything passes, and its records say so
	// (error.type store_away_allow). What passed is counted in Redis once it is back, which may be noticed
	// a second late. Default refuse.
	Away authz.Away `yaml:"away" default:"refuse" oneof:"refuse local allow"`
	// Replicas is the largest number of replicas that ever share the limits at once: the share of each is one part of so many. Limits of
	// mode local are refused without it. With it, or with away, Weir stays ready while Redis is away. 1 to 10000. Default: not said.
	Replicas int `yaml:"replicas" min:"1" max:"10000"`
	// Leases let a replica take a share of busy counters from Redis in advance, never beyond a limit, so that few requests ask Redis. What a
	// replica holds in advance is nobody else's for at most one slot of the shortest window (7.5 s of 1m). Not with entry both. Default false.
	Leases bool `yaml:"leases"`
	// Remember is a file in which this process, and no other, keeps which Redis it has counted in, so that after a restart one that was emptied
	// meanwhile is refused (store_amnesiac), as it is without. To mean another Redis is to accept it, see pkg/redisstore. Default:
	// redis-seen.json in audit.dir.
	Remember string `yaml:"remember"`
	// Snapshot is a file in which counters in memory are kept over a restart and a crash; their journal is kept beside it, and in
	// SNAPSHOT.coverage what has left of stored objects. Default: they start at zero.
	Snapshot string `yaml:"snapshot"`
}

// Meter is a meter of the operator's own: policies name it in limits, such as {"meter": "team", "unit": "vectors", "window": "1h", "max": 1000}.
// Every exchange that has all its keys is counted, whether a limit names it or not.
type Meter struct {
	// Name is what limits call it: 1 to 64 lower-case letters, digits and '_', a letter first. Required, unique.
	Name authz.Meter `yaml:"name"`
	// Keys are what it is kept for, all of them together: subject, owner (the person an agent acts for; everybody else themselves), actor (who
	// acts for the subject, or itself), issuer, kind, credential, group (its limits name the group: key), target, target_kind, tenant,
	// claim:PATH (text, a number or a boolean of the token; a dot goes into an object), label:NAME (of the target). A limit where one of them
	// is missing refuses. At least one.
	Keys []string `yaml:"keys"`
	// Units are those that limits may name: requests, documents, bytes, vectors, vectors_masked. Default: all.
	Units []authz.Unit `yaml:"units"`
	// Windows are those that are kept, which limits may name, as in counters.windows. Default: counters.windows.
	Windows []authz.Window `yaml:"windows"`
}

// Spec returns the meter as pkg/authz takes it.
func (m *Meter) Spec() authz.MeterSpec {
	return authz.MeterSpec{Name: m.Name, Keys: m.Keys, Units: m.Units, Windows: m.Windows}
}

// Specs returns the meters as pkg/guard takes them.
func (c *Counters) Specs() []authz.MeterSpec {
	out := make([]authz.MeterSpec, 0, len(c.Meters))
	for i := range c.Meters {
		out = append(out, c.Meters[i].Spec())
	}
	return out
}

// Names returns the names of the meters, as pkg/policy takes them.
func (c *Counters) Names() []authz.Meter {
	out := make([]authz.Meter, 0, len(c.Meters))
	for i := range c.Meters {
		out = append(out, c.Meters[i].Name)
	}
	return out
}

// WindowsOf returns the windows of the meters that keep others than the rest, as pkg/window takes them.
func (c *Counters) WindowsOf() map[authz.Meter][]authz.Window {
	out := map[authz.Meter][]authz.Window{authz.MeterUnseen: {authz.UnseenWindow}, authz.MeterAttempts: authz.AttemptWindows(), authz.MeterCapability: {authz.CapabilityWindow}}
	for i := range c.Meters {
		if len(c.Meters[i].Windows) > 0 {
			out[c.Meters[i].Name] = c.Meters[i].Windows
		}
	}
	return out
}

// maxMeters bounds what every exchange is charged to.
const maxMeters = 16

func (c *Config) checkCounters(r *report) {
	if c.Counters.URL != "" {
		u, err := url.Parse(c.Counters.URL.Reveal())
		ok := err == nil && ((u.Scheme == "redis" || u.Scheme == "rediss") && u.Host != "" || u.Scheme == "unix" && strings.HasPrefix(u.Path, "/"))
		if !ok { // the URL may hold a password: neither it nor the parser's error is shown
			r.add("counters.url", "want redis://host:port, rediss://host:port or unix:///path")
		}
		if c.Counters.Snapshot != "" {
			r.add("counters.snapshot", "is for counters in memory, and counters.url says Redis")
		}
	} else if c.Counters.Remember != "" {
		r.add("counters.remember", "is for counters in Redis, and there is no counters.url")
	}
	if !c.Counters.Away.Valid() {
		r.add("counters.away", "%q is not known: want refuse, local or allow", c.Counters.Away)
	}
	if c.Counters.Away == authz.AwayLocal && c.Counters.Replicas == 0 {
		r.add("counters.replicas", "is missing: with away local, each replica must know its share")
	}
	if c.Counters.Leases && c.Entry == "both" {
		r.add("counters.leases", "is not for entry both: what one replica took in advance, another could not settle")
	}
	checkWindows(r, "counters.windows", c.Counters.Windows)
	if len(c.Counters.Meters) > maxMeters {
		r.add("counters.meters", "want at most %d", maxMeters)
	}
	for i := range c.Counters.Meters {
		m, key := &c.Counters.Meters[i], fmt.Sprintf("counters.meters[%d]", i)
		if err := m.Spec().Check(); err != nil {
			r.add(key, "%v", err)
		}
		if slices.Contains(c.Counters.Names()[:i], m.Name) {
			r.add(key+".name", "%s is there twice", m.Name)
		}
		checkWindows(r, key+".windows", m.Windows)
	}
}

// checkWindows checks the lengths of windows.
func checkWindows(r *report, key string, windows []authz.Window) {
	if len(windows) > 16 {
		r.add(key, "want at most 16")
	}
	for i, w := range windows {
		at := fmt.Sprintf("%s[%d]", key, i)
		if d := time.Duration(w); d < time.Minute || d > 366*24*time.Hour {
			r.add(at, "want 1m to 366d")
		} else if slices.Contains(windows[:i], w) {
			r.add(at, "%s is there twice", w)
		}
	}
}
