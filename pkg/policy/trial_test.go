package policy_test

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/policy"
)

// TestTrial: what a rule computes, or takes from settings, and no decision may hold is found before a request is refused for it, whoever and
// whatever the rule is about, and said once.
func TestTrial(t *testing.T) {
	const also = "package weir.rules.x\n\nallow contains true\n\ndeny contains \"no\" if input.final\n\n"
	for name, tc := range map[string]struct{ src, problem, warning string }{
		"a mask of settings":      {"mask contains data.weir.settings.x.mask", `rules/x/x.rego:7: weir.rules.x.mask: mask "zeros" is not known`, ""},
		"of agents":               {"mask contains m if {\n\tinput.subject.kind == \"agent\"\n\tsome m in [\"zeros\"]\n}", `rules/x/x.rego:7: weir.rules.x.mask: mask "zeros" is not known`, ""},
		"of an export":            {"score contains s if {\n\tinput.target.kind == \"config\"\n\tinput.operation.class == \"admin\"\n\tsome s in [\"ranked\"]\n}", `weir.rules.x.score: score mask "ranked": want drop`, ""},
		"of an answer":            {"field contains f if {\n\tinput.response.status == 206\n\tsome f in [1]\n}", "weir.rules.x.field: want a string", ""},
		"of a group":              {"limit contains {\"meter\": \"group\", \"key\": g, \"unit\": u, \"window\": \"1h\", \"max\": n} if {\n\tsome g in input.subject.groups\n\tsome u, n in data.weir.settings.x.groups[g]\n}", `weir.rules.x.limit: .unit: unit "vector" is not known`, ""},
		"the second of two":       {"flag contains {\"name\": \"odd\", \"reason\": \"x\"}\n\nflag contains f if {\n\tsome f in [{\"name\": \"Odd\", \"reason\": \"x\"}]\n}", `rules/x/x.rego:9: weir.rules.x.flag: .name: "Odd"`, ""},
		"a denial behind another": {"deny contains d if {\n\tsome d in [{\"reason\": \"x\", \"kind\": \"quotta\"}]\n}", `rules/x/x.rego:7: weir.rules.x.deny: kind: kind "quotta": want forbidden or quota`, ""},
		"a number":                {"deny contains d if {\n\tsome d in [3]\n}", "rules/x/x.rego:7: weir.rules.x.deny: want a sentence", ""},
		"held, and denied":        {"hold contains h if {\n\tsome h in [{\"reson\": \"x\"}]\n}", "weir.rules.x.hold: reson: unknown field; did you mean reason?", ""},
		"a window":                {"limit contains object.union({\"meter\": \"subject\", \"unit\": \"bytes\", \"max\": 3}, {\"window\": \"2h\"})", "weir.rules.x.limit: limit over window 2h, which is not kept", ""},
		"a built-in":              {"mask contains \"zero\" if to_number(input.subject.id) > 3", "", "rules/x/x.rego:7: weir.rules.x.mask: eval_builtin_error: to_number"},
		"nothing":                 {"mask contains \"zero\"", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := rules("").FS.(fstest.MapFS)
			delete(dir, "r.rego")
			dir["rules/x/x.rego"] = &fstest.MapFile{Data: []byte(also + tc.src)}
			dir["settings.yaml"] = &fstest.MapFile{Data: []byte("x: {mask: zeros, groups: {crawlers: {vector: 3}}}")}
			for _, observed := range [][]string{nil, {"x"}} {
				e := engine(t, policy.Config{FS: dir, Windows: []authz.Window{authz.Window(time.Hour)}, Observe: observed})
				problems, warnings, err := e.Trial(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				said(t, "problems", problems, tc.problem)
				said(t, "warnings", warnings, tc.warning)
			}
		})
	}
}

// said wants one sentence that has want in it, or none where that is empty.
func said(t *testing.T, what string, got []string, want string) {
	t.Helper()
	if want == "" && len(got) > 0 || want != "" && (len(got) != 1 || !strings.Contains(got[0], want)) {
		t.Errorf("%s: %q; want %q", what, got, want)
	}
}

// TestTrialOfAnEntrypoint: what composes no rules says it itself; of a policy of opa-envoy-plugin nothing is asked.
func TestTrialOfAnEntrypoint(t *testing.T) {
	problems, _, err := engine(t, own(`decision := {"effect": lower("PERMIT")}`)).Trial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	said(t, "problems", problems, `weir.authz.decision (p.rego:2): result.effect: `)
	foreign := policy.Config{FS: fstest.MapFS{"p.rego": {Data: []byte("package envoy.authz\nallow := 3")}}, Compat: policy.CompatOPAEnvoy}
	if problems, warnings, err := engine(t, foreign).Trial(t.Context()); err != nil || len(problems)+len(warnings) > 0 {
		t.Errorf("%q, %q, %v", problems, warnings, err)
	}
}

// TestTestsTry: the tests of a policy do not pass where a rule says what no decision may hold, nor with settings that a rule calls wrong.
func TestTestsTry(t *testing.T) {
	dir := rules("").FS.(fstest.MapFS)
	delete(dir, "r.rego")
	dir["rules/x/x.rego"] = &fstest.MapFile{Data: []byte("package weir.rules.x\nmask contains data.weir.settings.x.mask\nproblem contains \"x.max: want a number\" if not is_number(data.weir.settings.x.max)")}
	dir["rules/x/x_test.rego"] = &fstest.MapFile{Data: []byte("package weir.rules.x_test\ntest_it if true")}
	dir["settings.yaml"] = &fstest.MapFile{Data: []byte("x: {mask: zeros, max: 3}")}
	r, err := policy.Test(t.Context(), dir, "", "")
	if err != nil || r.Passed != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	said(t, "problems", r.Problems, `rules/x/x.rego:2: weir.rules.x.mask: mask "zeros" is not known`)
	dir["settings.yaml"].Data = []byte("x: {mask: zero, max: much}")
	if _, err := policy.Test(t.Context(), dir, "", ""); err == nil || !strings.Contains(err.Error(), "settings.yaml:1: x.max: want a number") {
		t.Errorf("settings that a rule calls wrong: %v", err)
	}
}
