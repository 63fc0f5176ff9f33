package guard_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/weirgate/weir/pkg/authz"
)

// TestManyGroups: what groups have had is told to a rule that reads it, and kept, of all groups of the subject: whoever is in many is not past
// a rule against one.
func TestManyGroups(t *testing.T) {
	var groups []string
	for i := range 1000 {
		groups = append(groups, fmt.Sprint("group ", i))
	}
	last := authz.MeterKey{Meter: authz.MeterGroup, Key: groups[999]}
	for _, reads := range []bool{true, false} {
		w := newWorld(t)
		w.groups, w.reads.Usage, w.reads.Groups = groups, true, reads
		w.guard.Begin(authz.Request{Method: "POST"}).Admit(t.Context())
		if got := slices.Contains(w.counted, last); got != reads || len(w.counted) == 0 {
			t.Errorf("a rule reads groups %v: %d counts are asked for, the last group's %v", reads, len(w.counted), got)
		}
	}

	w := reading(t)
	w.groups, w.ledger.shares = groups, make([]authz.Covered, 1001)
	w.ledger.shares[1000] = authz.Covered{After: 1}
	a := w.guard.Begin(authz.Request{Method: "GET"})
	a.Admit(t.Context())
	resp := piece(0, 100, 1000)
	resp.Artifact.Class = authz.ArtifactCheckpoint
	a.Respond(t.Context(), resp)
	if c := a.Operation().Coverage; c == nil || c.Group.After != 1 {
		t.Errorf("coverage %+v: want all of the last group's", c)
	}
}

// TestGroupThatGains: a group that has had all of an object says nothing about what another of the subject's groups gains.
func TestGroupThatGains(t *testing.T) {
	all, gains, most, some := authz.Covered{Before: 1, After: 1}, authz.Covered{Before: .1, After: .2}, authz.Covered{Before: .2, After: .3}, authz.Covered{Before: .1, After: .1}
	for name, tt := range map[string]struct{ g, h, want authz.Covered }{
		"behind it":       {all, gains, gains},
		"before it":       {gains, all, gains},
		"two that gain":   {gains, most, most},
		"none that gains": {some, all, all},
		"as much after":   {authz.Covered{Before: 1, After: 1}, authz.Covered{Before: .9, After: 1}, authz.Covered{Before: .9, After: 1}},
	} {
		w := reading(t)
		w.ledger.shares = []authz.Covered{{}, tt.g, tt.h}
		a := w.guard.Begin(authz.Request{Method: "GET"})
		a.Admit(t.Context())
		a.Respond(t.Context(), piece(0, 100, 1<<20))
		if c := a.Operation().Coverage; c == nil || c.Group != tt.want {
			t.Errorf("%s: coverage %+v; want %+v of the groups", name, c, tt.want)
		}
	}
}
