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
		"a set":                   {deny + `deney contains "never"`, "", "r.rego:3: nothing reads weir.rules.x.deney; did you mean deny?"},
		"said twice":              {deny + "limits contains 1\nlimits contains 2", "", "r.rego:3: nothing reads weir.rules.x.limits; did you mean limit?"},
		"a set by itself":         {deny + `alow contains "x" if count(alow) == 0`, "", "recursive"},
		"a rule":                  {deny + `holt := {"reason": "wait"}`, "r.rego:3: nothing reads weir.rules.x.holt; did you mean hold?", ""},
		"the only one":            {"package weir.rules.x\n\ndenny contains 1", "", "r.rego:1: package weir.rules.x adds to none of allow, missing, deny, hold, limit, mask, score, field, strict, "},
		"the only one, meant":     {"package weir.rules.x\n\ndenny contains 1", "", "; line 3 says denny: did you mean deny?"},
		"read in its package":     {deny + "fields contains \"a\"\nfield contains f if some f in fields", "", ""},
		"read as a variable":      {deny + "tasks contains \"mask\"\nscore contains x if some x in data.weir.rules.x[\"tasks\"]", "", ""},
		"nothing like a part":     {deny + `working_hours contains 9`, "", ""},
		"another package's":       {"package helper\nlimits contains 1", "", ""},
		"a slip in the package":   {"package weir.rule.night\ndeny contains \"never\"\ndeny contains \"either\"", "", "r.rego:1: package weir.rule.night takes no part, and what it says decides nothing; did you mean weir.rules.night?"},
		"two slips, and capitals": {"package Weir.ruls.night\ndeny contains \"never\"", "", "r.rego:1: package Weir.ruls.night takes no part, and what it says decides nothing; did you mean weir.rules.night?"},
		"like no such package":    {"package own.night\ndeny contains \"never\"\ndeny contains \"either\"", "r.rego:2: nothing reads own.night.deny; did you mean a set of a package weir.rules.<name>, which takes part?", ""},
		"a set that is read":      {"package helper\nlimit contains 1\nall if count(limit) > 1", "", ""},
		"a rule called like one":  {"package helper\nlimit := 1", "", ""},
		"read by another file":    {deny + "masks contains \"redact\"\nmask contains m if some m in data.weir.rules.x.masks", "", ""},
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

// TestAPackageThatIsMisplaced: what lies in rules/ is a rule, whatever it is called, or a library that one reads.
func TestAPackageThatIsMisplaced(t *testing.T) {
	for name, tc := range map[string]struct{ file, src, refused string }{
		"a slip":            {"rules/agentmask/agentmask.rego", "package weir.rule.agentmask\n\nmask contains \"redact\"", "rules/agentmask/agentmask.rego:1: package weir.rule.agentmask takes no part, and what it says decides nothing; did you mean weir.rules.agentmask?"},
		"another name":      {"rules/agent-mask/a.rego", "\npackage agents\nmasked := 1", "rules/agent-mask/a.rego:2: package agents takes no part, and what it says decides nothing; did you mean weir.rules.agent_mask?"},
		"in no directory":   {"rules/night.rego", "package night\ndeny contains \"never\"", "did you mean weir.rules.night?"},
		"a rule, and read":  {"rules/x/lib.rego", "package lib\ndeny contains \"never\"\nyes := true", "rules/x/lib.rego:1: package lib takes no part"},
		"a library":         {"rules/x/lib.rego", "package lib\nyes := true", ""},
		"a library, a slip": {"roles.rego", "package weir.roles.all\nyes := true", ""},
		"a test":            {"rules/x/x_test.rego", "package weir.rule.x_test\ntest_x if true", ""},
		"beside rules":      {"other/night.rego", "package other\nnight := 1", ""},
	} {
		t.Run(name, func(t *testing.T) {
			reads := "data.lib.yes"
			if strings.Contains(tc.src, "weir.roles") {
				reads = "data.weir.roles.all.yes"
			} else if !strings.Contains(tc.src, "package lib") {
				reads = "true"
			}
			cfg := rules("package weir.rules.x\ndeny contains \"no\" if " + reads)
			dir := cfg.FS.(fstest.MapFS)
			dir[tc.file] = &fstest.MapFile{Data: []byte(tc.src)}
			below := fstest.MapFS{} // as in a bundle of a directory
			for file, f := range dir {
				below["policy/"+file] = f
			}
			for _, cfg := range []policy.Config{cfg, {FS: below}} {
				_, err := policy.New(t.Context(), cfg)
				if tc.refused == "" && err != nil || tc.refused != "" && (err == nil || !strings.Contains(err.Error(), tc.refused)) {
					t.Errorf("%v; want %q", err, tc.refused)
				}
			}
		})
	}
}

// TestAPolicyWithoutComposition: what an entrypoint of one's own reads is its author's to know, and so is a policy of opa-envoy-plugin.
func TestAPolicyWithoutComposition(t *testing.T) {
	dir := fstest.MapFS{"rules/all.rego": {Data: []byte("package acme\ndeny contains 1\nanswer := false if count(deny) > 0\nallow := true")}}
	for _, cfg := range []policy.Config{{FS: dir, Entrypoint: "acme/answer"}, {FS: dir, Entrypoint: "acme/allow", Compat: policy.CompatOPAEnvoy}} {
		if _, err := policy.New(t.Context(), cfg); err != nil {
			t.Error(err)
		}
	}
}

// TestAPolicyOfAnother: whoever does not say that a policy is one of opa-envoy-plugin is told how.
func TestAPolicyOfAnother(t *testing.T) {
	const hint = "needs policy.compat: opa-envoy"
	for src, want := range map[string]bool{`decision if input.attributes.request.http.method == "GET"`: true, `decision if input.parsed_path[0] == "a"`: true, `decision if input.subjct.id`: false} {
		if _, err := policy.New(t.Context(), own(src)); err == nil || strings.Contains(err.Error(), hint) != want {
			t.Errorf("%s: %v", src, err)
		}
	}
}
