package guard_test

import (
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/guard"
)

// TestObjectsThatAreNotSeen: where answers do not pass Weir, all of an object is taken to leave, and a rule about what it is could not have
// its word: refused.
func TestObjectsThatAreNotSeen(t *testing.T) {
	ask := func(reads authz.Reads, entry string) (*guard.Admission, *world) {
		w := reading(t)
		w.reads = reads
		w.rebuild(func(c *guard.Config) { c.Entry = entry })
		a := w.guard.Begin(authz.Request{Method: "GET"})
		a.Admit(t.Context())
		return a, w
	}
	a, w := ask(authz.Reads{Object: true}, "ext_authz")
	if c := w.inputs[0].Operation.Coverage; !a.Allowed() || c == nil || c.Subject.After != 1 || c.Group.After != 1 {
		t.Errorf("allowed %v, coverage %+v; want all of it", a.Allowed(), c)
	}
	if a, w = ask(authz.Reads{Object: true}, "ext_proc"); !a.Allowed() || w.inputs[0].Operation.Coverage != nil {
		t.Errorf("allowed %v, coverage %+v; want none before the answer", a.Allowed(), w.inputs[0].Operation.Coverage)
	}
	if a, _ = ask(authz.Reads{Object: true, Content: true}, "ext_authz"); a.Allowed() || a.Decision().Rule != "weir.obligation_unmet" {
		t.Errorf("allowed %v by %q; want a refusal", a.Allowed(), a.Decision().Rule)
	}
}
