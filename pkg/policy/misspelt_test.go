package policy_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/weirgate/weir/pkg/policy"
)

// TestAMisspeltPart: a set that nothing reads and that is called almost like a part is refused; what else nothing reads is warned of, and
// what a rule reads is its author's business.
func TestAMisspeltPart(t *testing.T) {
	const deny = "package weir.rules.x\ndeny contains \"no\" if input.phase == \"response\"\n"
	for name, tc := range map[string]struct{ src, warns, refused string }{
		"a set":                  {deny + `deney contains "never"`, "", "r.rego:3: nothing reads weir.rules.x.deney; did you mean deny?"},
		"said twice":             {deny + "limits contains 1\nlimits contains 2", "", "r.rego:3: nothing reads weir.rules.x.limits; did you mean limit?"},
		"a set by itself":        {deny + `alow contains "x" if count(alow) == 0`, "", "recursive"},
		"a rule":                 {deny + `holt := {"reason": "wait"}`, "r.rego:3: nothing reads weir.rules.x.holt; did you mean hold?", ""},
		"the only one":           {"package weir.rules.x\n\ndenny contains 1", "", "r.rego:1: package weir.rules.x adds to none of allow, missing, deny, hold, limit, mask, score, field, strict, "},
		"the only one, meant":    {"package weir.rules.x\n\ndenny contains 1", "", "; line 3 says denny: did you mean deny?"},
		"read in its package":    {deny + "fields contains \"a\"\nfield contains f if some f in fields", "", ""},
		"read as a variable":     {deny + "tasks contains \"mask\"\nscore contains x if some x in data.weir.rules.x[\"tasks\"]", "", ""},
		"nothing like a part":    {deny + `working_hours contains 9`, "", ""},
		"another package's":      {"package helper\nlimits contains 1", "", ""},
		"a slip in the package":  {"package weir.rule.night\ndeny contains \"never\"\ndeny contains \"either\"", "r.rego:2: nothing reads weir.rule.night.deny; did you mean a set of a package weir.rules.<name>, which takes part?", ""},
		"a set that is read":     {"package helper\nlimit contains 1\nall if count(limit) > 1", "", ""},
		"a rule called like one": {"package helper\nlimit := 1", "", ""},
		"read by another file":   {deny + "masks contains \"redact\"\nmask contains m if some m in data.weir.rules.x.masks", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := policy.New(t.Context(), rules(tc.src))
			if err != nil {
				if tc.refused == "" || !strings.Contains(err.Error(), tc.refused) || strings.Count(err.Error(), "nothing reads") > 1 {
					t.Errorf("refused %v, want %q", err, tc.refused)
				}
				return
			}
			if got := strings.Join(e.Warnings(), "\n"); tc.refused != "" || (got == "") != (tc.warns == "") || !strings.Contains(got, tc.warns) {
				t.Errorf("warned %q, want %q; refused by nobody, want %q", got, tc.warns, tc.refused)
			}
		})
	}
}

// TestAPartThatMayBeRead: what reads all sets of all rules reads the misspelt one too.
func TestAPartThatMayBeRead(t *testing.T) {
	cfg := rules("package weir.rules.x\ndeny contains \"no\"\ndeney contains \"never\"")
	cfg.FS.(fstest.MapFS)["all.rego"] = &fstest.MapFile{Data: []byte("package all\nsaid contains x if some x in data.weir.rules[_][input.phase]")}
	if _, err := policy.New(t.Context(), cfg); err != nil {
		t.Error(err)
	}
}
