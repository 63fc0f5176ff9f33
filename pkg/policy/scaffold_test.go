package policy_test

import (
	"maps"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/weirgate/weir/pkg/policy"
)

func mapFS(files map[string][]byte) fstest.MapFS {
	out := fstest.MapFS{}
	for name, b := range files {
		out[name] = &fstest.MapFile{Data: b}
	}
	return out
}

// TestNewRule: every rule that can be begun loads under its new name beside the shipped policy and beside itself, and its tests pass.
func TestNewRule(t *testing.T) {
	recipes, err := policy.Recipes()
	if err != nil {
		t.Fatal(err)
	}
	all, err := policy.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	for _, like := range append(recipes, "") {
		t.Run("like "+like, func(t *testing.T) {
			files := maps.Clone(all)
			for _, name := range []string{"quarry", like} {
				if name == "" {
					continue
				}
				rule, err := policy.NewRule(name, like)
				if err != nil {
					t.Fatal(err)
				}
				maps.Copy(files, rule)
			}
			e := engine(t, policy.Config{FS: mapFS(files), RunTests: true})
			if w := e.Warnings(); len(w) > 0 {
				t.Errorf("warnings: %s", w)
			}
			r, err := policy.Test(t.Context(), mapFS(files), "", "quarry")
			if err != nil || r.Failed > 0 || r.Passed < 3 {
				t.Errorf("%+v, %v", r, err)
			}
			for name, b := range files {
				if m := regexp.MustCompile(`((setting|settings\.|rules\.) ?` + like + `\b|"` + like + `: )`).Find(b); strings.HasPrefix(name, "rules/quarry/") && like != "" && m != nil {
					t.Errorf("%s still says %q", name, m)
				}
			}
		})
	}
}

func TestWhatARuleCannotBeCalled(t *testing.T) {
	for _, name := range []string{"", "Night", "1st", "a-b", "a.b", "../x", "default", "not", "a_test", strings.Repeat("x", 65), "a\nb"} {
		if files, err := policy.NewRule(name, ""); err == nil || files != nil {
			t.Errorf("%q: %v", name, files)
		}
	}
	if _, err := policy.NewRule("a", "slow_dripp"); err == nil || !strings.Contains(err.Error(), "slow_drip,") {
		t.Errorf("a rule that is not in the cookbook: %v", err)
	}
}

// TestReport: what is told of a policy's tests, passed and failed, and of the lines they came to.
func TestReport(t *testing.T) {
	dir := fstest.MapFS{
		"p.rego": {Data: []byte("package weir.rules.p\n\ndeny contains \"a\" if input.phase == \"request\"\n\ndeny contains \"b\" if {\n\tinput.operation.class == \"read\"\n\tinput.final\n}\n")},
		"p_test.rego": {Data: []byte("package weir.rules.p_test\n\nimport data.weir.rules.p\n\ntest_a if count(p.deny) == 1 with input as {\"phase\": \"request\"}\n\n" +
			"test_b if count(p.deny) == 2 with input as {\"phase\": \"request\"}\n\ntodo_test_c if false\n\ntest_d if {\n\tprint(\"seen\")\n\tfalse\n}\n")},
	}
	r, err := policy.Test(t.Context(), dir, "", "")
	if err != nil {
		t.Fatal(err)
	}
	if r.Passed != 1 || r.Failed != 2 || r.Skipped != 1 || len(r.Tests) != 4 {
		t.Fatalf("%+v", r)
	}
	if b := r.Tests[1]; b.Name != "weir.rules.p_test.test_b" || b.Line != 7 || b.Outcome != "fail" || !strings.Contains(b.Why, "p_test.rego:7: count(p.deny) == 2") {
		t.Errorf("%+v", b)
	}
	if d := r.Tests[3]; d.Output != "seen\n" {
		t.Errorf("%+v", d)
	}
	if len(r.Files) != 1 || r.Files[0].File != "p.rego" || len(r.Files[0].Uncovered) == 0 || r.Coverage <= 0 || r.Coverage >= 100 {
		t.Errorf("coverage %v of %+v", r.Coverage, r.Files)
	}
	only, err := policy.Test(t.Context(), dir, "", "test_a$")
	if err != nil || only.Passed != 1 || only.Failed != 0 {
		t.Errorf("%+v, %v", only, err)
	}
	delete(dir, "p_test.rego")
	if _, err := policy.Test(t.Context(), dir, "", ""); err == nil || !strings.Contains(err.Error(), "no tests") {
		t.Errorf("without tests: %v", err)
	}
	dir["p.rego"].Data = []byte("package weir.rules.p\ndeny contains 1 if input.fase == 1\n")
	if _, err := policy.Test(t.Context(), dir, "", ""); err == nil || !strings.Contains(err.Error(), "p.rego:2") {
		t.Errorf("a misspelt path: %v", err)
	}
}

// TestAllOfItIsTested is "weir policy test rego": the rules of this repository pass their tests, which come to every line of them.
func TestAllOfItIsTested(t *testing.T) {
	r, err := policy.Test(t.Context(), os.DirFS("../../rego"), "", "")
	if err != nil || r.Failed > 0 || r.Skipped > 0 || len(r.Warnings) > 0 {
		t.Fatalf("%d failed, %d skipped, warnings %s, %v", r.Failed, r.Skipped, r.Warnings, err)
	}
	for _, f := range r.Files {
		if len(f.Uncovered) > 0 {
			t.Errorf("%s: no test comes to lines %v", f.File, f.Uncovered)
		}
	}
	if r.Coverage != 100 || len(r.Files) < 22 {
		t.Errorf("coverage %v of %d files", r.Coverage, len(r.Files))
	}
}
