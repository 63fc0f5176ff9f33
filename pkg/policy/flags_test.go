package policy_test

import (
	"encoding/json"
	"io"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/policy"
)

// marking is the shipped policy with one rule more, of that source.
func marking(t *testing.T, src string) fstest.MapFS {
	t.Helper()
	dir := copied(t)
	dir["rules/night/night.rego"] = &fstest.MapFile{Data: []byte("package weir.rules.night\n\n" + src)}
	return dir
}

// TestFlags: a rule that marks changes nothing but the mark, whether it is enforced or only observed, evaluated or repeated, live or from a
// record.
func TestFlags(t *testing.T) {
	const odd = `flag contains {"name": "odd", "reason": "not seen before"} if input.subject.id == "ada"`
	const usual = `flag contains {"name": "usual", "reason": "seen before"} if true`
	plain, err := engine(t, policy.Config{}).Eval(t.Context(), input(nil))
	if err != nil {
		t.Fatal(err)
	}
	want := []authz.Flag{{Name: "odd", Rule: "weir.rules.night", Reason: "not seen before"}, {Name: "usual", Rule: "weir.rules.night", Reason: "seen before"}}
	for name, observe := range map[string][]string{"enforced": nil, "only observed": {"night"}} {
		t.Run(name, func(t *testing.T) {
			e := engine(t, policy.Config{FS: marking(t, usual+"\n\n"+odd), Observe: observe})
			for range 2 { // evaluated, and repeated
				got, err := e.Eval(t.Context(), input(nil))
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got.Flags); diff != "" {
					t.Errorf("flags (-want +got):\n%s", diff)
				}
				got.Flags, got.Revision = nil, plain.Revision
				if diff := cmp.Diff(plain, got); diff != "" {
					t.Errorf("something else has changed (-without +with):\n%s", diff)
				}
			}
			recorded, err := json.Marshal(input(nil))
			if err != nil {
				t.Fatal(err)
			}
			again, err := e.Explain(t.Context(), recorded, io.Discard)
			if diff := cmp.Diff(want, again.Flags); err != nil || diff != "" {
				t.Errorf("from its record: %v %s", err, diff)
			}
			if eve, err := e.Eval(t.Context(), input(func(in *authz.Input) { in.Subject.ID = "eve" })); err != nil || len(eve.Flags) != 1 {
				t.Errorf("eve: %v, %v", eve.Flags, err)
			}
		})
	}
}

// TestFlagsAreReadStrictly: a mark that is none is a mistake of the policy, and refuses as any other does.
func TestFlagsAreReadStrictly(t *testing.T) {
	for name, src := range map[string]string{
		"a sentence alone":    `flag contains f if some f in ["odd"]`,
		"without a reason":    `flag contains f if some f in [{"name": "odd"}]`,
		"without a name":      `flag contains f if some f in [{"reason": "odd"}]`,
		"with another member": `flag contains f if some f in [{"name": "odd", "reason": "x", "effect": "allow"}]`,
		"a name of a request": `flag contains {"name": input.subject.id, "reason": "x"}`,
	} {
		e := engine(t, policy.Config{FS: marking(t, src)})
		if d, err := e.Eval(t.Context(), input(func(in *authz.Input) { in.Subject.ID = "Ada Lovelace" })); err == nil {
			t.Errorf("%s: taken, %+v", name, d.Flags)
		}
	}
}
