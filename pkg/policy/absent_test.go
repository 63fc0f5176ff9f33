package policy_test

import (
	"strings"
	"testing"

	"github.com/weirgate/weir/pkg/authz"
)

// TestANotThatSaysNothing: what is warned of is exactly what Rego leaves undefined where its author means true; each policy is asked too,
// about an input without the member.
func TestANotThatSaysNothing(t *testing.T) {
	for name, tc := range map[string]struct {
		src  string
		want string // of the warning; "" for none
		deny bool   // what the policy says where the member is absent
	}{
		"in a set":                 {`deny if not input.operation.collection in {"a"}`, "p.rego:2: this \"not\" says nothing, rather than true, where input.operation.collection is absent", false},
		"of a function":            {`deny if not startswith(input.operation.object, "/a")`, "input.operation.object", false},
		"of a function of ours":    {"deny if not f(input.operation.model)\nf(x) if x == \"a\"", "input.operation.model", false},
		"less than":                {`deny if not input.risk.score < 1`, "input.risk.score", false},
		"an index":                 {"s := {\"a\": 1}\ndeny if not s[input.target.sensitivity]", "input.target.sensitivity", false},
		"inside a comprehension":   {`deny if count([1 | not input.operation.collection in {"a"}]) == 1`, "input.operation.collection", false},
		"by another name":          {"deny if { op := input.operation; not op.collection in {\"a\"} }", "input.operation.collection", false},
		"in a claim":               {`deny if not input.subject.claims.team in {"a"}`, "input.subject.claims.team", false},
		"an equality":              {`deny if not input.operation.collection == "a"`, "", true},
		"a member":                 {`deny if not input.operation.collection`, "", true},
		"a rule of its own":        {"deny if not ok\nok if input.operation.collection in {\"a\"}", "", true},
		"what is always there":     {`deny if not input.operation.class in {"read"}`, "", true},
		"needed elsewhere":         {`deny if { input.operation.collection != "b"; not input.operation.collection in {"a"} }`, "", false},
		"a variable that is bound": {`deny if { c := input.operation.collection; not c in {"a"} }`, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			e := engine(t, own(tc.src+"\ndecision := {\"effect\": \"deny\", \"rule\": \"denied\"} if deny"))
			got := strings.Join(e.Warnings(), "\n")
			if (got == "") != (tc.want == "") || !strings.Contains(got, tc.want) || strings.Count(got, "\n") > 0 {
				t.Errorf("warned %q, want %q", got, tc.want)
			}
			d, err := e.Eval(t.Context(), input(func(in *authz.Input) { in.Operation.Model, in.Risk = "", nil }))
			if err != nil || (d.Rule == "denied") != tc.deny {
				t.Errorf("%+v, %v; denied: want %v", d, err, tc.deny)
			}
		})
	}
}
