package policy_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/weirgate/weir/pkg/policy"
)

// TestWhereASettingIs: a mistake in the settings is named with the file and line that hold it, whoever wrote it.
func TestWhereASettingIs(t *testing.T) {
	const reads = "package weir.rules.night\nimport data.weir.settings\ndeny contains \"no\" if input.phase in settings."
	const values = "package weir.rules.night\ndeny contains \"no\"\nproblem contains sprintf(\"night.classes.%v: want a class\", [c]) if some c, _ in data.weir.settings.night.classes\n" +
		"warning contains \"night: nobody may\" if count(data.weir.settings.night.groups) == 0\nproblem contains \"night.hours is missing\" if data.weir.settings.night.hours == 0"
	const own = "# numbers\nnight:\n  classes: {}\n  groups: [a]\n  hours: 1\n"
	for name, tc := range map[string]struct{ rego, over, want string }{
		"a rule's slip":          {reads + "night.grups", "", `r.rego:3: no setting "night.grups"; did you mean night.groups (the policy's rules/night/settings.yaml:4)?`},
		"the operator has it":    {reads + "night.grups", "night: {groups: [b]}", `did you mean night.groups (the policy's rules/night/settings.yaml:4)?`},
		"a slip in the section":  {reads + "nigth.groups", "", `r.rego:3: no setting "nigth"; did you mean night (the policy's rules/night/settings.yaml:2)?`},
		"a slip before others":   {reads + "nigth.groups\ndeny contains \"yes\" if input.phase in settings.night.groups", "", `r.rego:3: no setting "nigth"; did you mean night (the policy's rules/night/settings.yaml:2)?`},
		"a word that is none":    {"package weir.rules.night\nimport data.weir.settings as s\ndeny contains \"no\" if input.operation.class in s.night.groups", "night:\n  groups: [export,\n    exprot, \"*\"]", `ops.yaml:2: night.groups: "exprot" is never said by input.operation.class, which this is compared with; it is one of unknown, embed, search, read, export, list, write, admin; did you mean export?`},
		"words of another kind":  {"package weir.rules.night\nimport data.weir.settings as s\ndeny contains \"no\" if {\n\tinput.target.name in s.night.groups\n\tsome c in s.night.groups\n\tc != input.phase\n}", "night:\n  groups: [exprot]", ""},
		"unlike":                 {reads + "night.people", "", `r.rego:3: no setting "night.people"; there is night.classes, night.groups, night.hours`},
		"no section":             {reads + "working.hours", "", `r.rego:3: no setting "working" in any settings.yaml of the policy`},
		"a value":                {values, "\nnight:\n  classes:\n    embd: 1\n", `ops.yaml:4: night.classes.embd: want a class`},
		"a value of the rule's":  {values, "night: {hours: 0}", `ops.yaml:1: night.hours is missing`},
		"what is to be meant":    {values, "\n\nnight: {groups: []}", `warning: ops.yaml:3: night: nobody may`},
		"part of what is to be":  {strings.ReplaceAll(values, "night: nobody", "night.groups.first: nobody"), "night:\n  groups: []", `warning: ops.yaml:2: night.groups.first: nobody may`},
		"what the rule has said": {strings.ReplaceAll(values, "== 0\nprob", "== 1\nprob"), "", `warning: the policy's rules/night/settings.yaml:2: night: nobody may`},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := rules(tc.rego)
			cfg.FS.(fstest.MapFS)["rules/night/settings.yaml"] = &fstest.MapFile{Data: []byte(own)}
			cfg.Settings, cfg.Name = []byte(tc.over), "ops.yaml"
			e, err := policy.New(t.Context(), cfg)
			got := ""
			if err != nil {
				got = err.Error()
			} else if w := e.Warnings(); len(w) == 1 {
				got = "warning: " + w[0]
			}
			if !strings.HasSuffix(got, tc.want) || tc.want == "" && got != "" {
				t.Errorf("got %q, want …%q", got, tc.want)
			}
		})
	}
}
