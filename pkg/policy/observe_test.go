package policy_test

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/policy"
)

// TestObservedRules: a rule that is only observed changes nothing, and the decision says what it would have made of it.
func TestObservedRules(t *testing.T) {
	dir := func(src string) fstest.MapFS {
		out := copied(t)
		out["rules/night/night.rego"] = &fstest.MapFile{Data: []byte("package weir.rules.night\n\n" + src)}
		out["rules/night/night_test.rego"] = &fstest.MapFile{Data: []byte("package weir.rules.night_test\n\ntest_it if data.weir.rules.night\n")}
		return out
	}
	same := engine(t, policy.Config{})
	for name, tc := range map[string]struct {
		src  string
		want *authz.Would
	}{
		"denies": {`deny contains "not now" if input.subject.id == "ada"`, &authz.Would{Effect: authz.Deny, Rule: "weir.rules.night", Reason: "not now", Mask: authz.Mask{Vectors: authz.MaskNone}}},
		"holds":  {`hold contains "ask" if input.subject.id == "ada"`, &authz.Would{Effect: authz.Hold, Rule: "weir.rules.night", Reason: "ask", Mask: authz.Mask{Vectors: authz.MaskNone}}},
		"masks":  {`mask contains "zero"`, &authz.Would{Effect: authz.Allow, Rule: "weir.authz", Mask: authz.Mask{Vectors: authz.MaskZero}}},
		"limits": {
			`limit contains {"meter": "subject", "unit": "vectors", "window": "1h", "max": 1}`,
			&authz.Would{
				Effect: authz.Allow, Rule: "weir.authz", Mask: authz.Mask{Vectors: authz.MaskNone},
				Limits: []authz.Limit{{Meter: authz.MeterSubject, Unit: authz.UnitVectors, Window: authz.Window(time.Hour), Max: 1}},
			},
		},
		"is about others":      {`deny contains "not now" if input.subject.id == "eve"`, nil},
		"fails":                {"deny contains \"x\" if to_number(input.subject.id) > 0", &authz.Would{Failed: true, Rule: "weir.rules.night.deny (rules/night/night.rego:3)"}},
		"says what is no word": {`mask contains concat("", ["bl", "ur"])`, &authz.Would{Failed: true, Rule: "weir.rules.night.mask (rules/night/night.rego:3)"}},
	} {
		t.Run(name, func(t *testing.T) {
			e := engine(t, policy.Config{FS: dir(tc.src), Observe: []string{"night"}, RunTests: true})
			for range 2 { // evaluated, and repeated
				want, err := same.Eval(t.Context(), input(nil))
				if err != nil {
					t.Fatal(err)
				}
				got, err := e.Eval(t.Context(), input(nil))
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tc.want, got.Would); diff != "" {
					t.Errorf("would (-want +got):\n%s", diff)
				}
				if got.Revision == want.Revision || got.Revision == engine(t, policy.Config{FS: dir(tc.src)}).Revision() {
					t.Error("the revision does not tell that a rule is only observed")
				}
				got.Would, got.Revision, want.Revision = nil, "", ""
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("it is not only observed: %s", diff)
				}
			}
		})
	}
	_, err := policy.New(t.Context(), policy.Config{FS: dir(`deny contains "x"`), Observe: []string{"night", "nite"}})
	if err == nil || !strings.Contains(err.Error(), "policy.observe: the policy has no rule nite") {
		t.Errorf("a rule that is not there: %v", err)
	}
	e := engine(t, policy.Config{FS: dir(`deny contains "x" if input.usage.subject.vectors["1h"] > 3`), Observe: []string{"night"}})
	if !e.Reads().Usage {
		t.Error("what an observed rule reads is not fetched")
	}
}
