package policy_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/policy"
	shipped "github.com/weirgate/weir/rego"
)

// recipes are the rules of the cookbook, and whether they read what is different every time.
var recipes = map[string]bool{
	"agents": false, "bulk_extraction": false, "checkpoint_by_justification": false, "checkpoint_by_kind": false, "checkpoint_by_name": false,
	"collection_allowlist": false, "first_use": true, "mask_by_group": false, "no_snapshots": false, "read_only_hours": true, "search_only": false,
	"slow_drip": false, "step_up": true, "strict_answers": false, "tenant_isolation": false, "working_hours": true,
}

// with adds rules of the cookbook to a policy, as an operator copies them.
func with(t *testing.T, dir fstest.MapFS, names ...string) fstest.MapFS {
	t.Helper()
	for _, name := range names {
		sub, err := fs.Sub(shipped.FS, "cookbook/"+name)
		if err != nil {
			t.Fatal(err)
		}
		files, err := fs.ReadDir(sub, ".")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			b, err := fs.ReadFile(sub, f.Name())
			if err != nil {
				t.Fatal(err)
			}
			dir["rules/"+name+"/"+f.Name()] = &fstest.MapFile{Data: b}
		}
	}
	return dir
}

// recipe is the example that a rule's README shows.
type recipe struct {
	Input    json.RawMessage `json:"input"`
	Settings map[string]any  `json:"settings"`
	Decision map[string]any  `json:"decision"`
}

func shown(t *testing.T, name string) recipe {
	t.Helper()
	text, err := fs.ReadFile(shipped.FS, "cookbook/"+name+"/README.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)```json\n(.*?)```").FindSubmatch(text)
	if m == nil {
		t.Fatal("README.md shows no example")
	}
	var r recipe
	if err := json.Unmarshal(m[1], &r); err != nil {
		t.Fatal(err)
	}
	if err := policy.CheckInput("input", r.Input); err != nil {
		t.Error(err)
	}
	return r
}

// TestCookbook copies each rule into the shipped policy, as its README says, runs its tests, and decides the example that the README shows:
// as shown with the rule, and otherwise without it.
func TestCookbook(t *testing.T) {
	for name := range recipes {
		t.Run(name, func(t *testing.T) {
			r := shown(t, name)
			settings, err := json.Marshal(r.Settings) // JSON is YAML
			if err != nil {
				t.Fatal(err)
			}
			e := engine(t, policy.Config{FS: with(t, copied(t), name), Settings: settings, RunTests: true})
			if w := e.Warnings(); len(w) > 0 {
				t.Errorf("warnings: %s", w)
			}
			if v := e.Volatile(); (len(v) > 0) != recipes[name] {
				t.Errorf("reads what is different every time: %s", v)
			}
			holds(t, decided(t, e, r.Input), r.Decision)
			delete(r.Settings, name)
			if settings, err = json.Marshal(r.Settings); err != nil {
				t.Fatal(err)
			}
			if d := decided(t, engine(t, policy.Config{Settings: settings}), r.Input); matches(d, r.Decision) {
				t.Errorf("the shipped policy alone decides the same: %v", d)
			}
		})
	}
}

// TestCookbookTogether: all of it at once loads, its numbers beside each other.
func TestCookbookTogether(t *testing.T) {
	var names []string
	for name := range recipes {
		names = append(names, name)
	}
	e := engine(t, policy.Config{FS: with(t, copied(t), names...), RunTests: true})
	if problems, warnings, err := e.Trial(t.Context()); err != nil || len(problems)+len(warnings) > 0 {
		t.Errorf("asked about made-up requests: %q, %q, %v", problems, warnings, err)
	}
	if r := e.Reads(); !r.Usage || !r.Risk || r.Response {
		t.Errorf("reads %+v", r)
	}
	d, err := e.Eval(t.Context(), input(func(in *authz.Input) { in.Justification, in.Target.Tenant = "EVAL-1", "" }))
	if err != nil || d.Rule != "weir.rules.tenant_isolation" {
		t.Errorf("%+v, %v", d, err)
	}
}

// TestCookbookIsListed: the directories, this test and the table are one list.
func TestCookbookIsListed(t *testing.T) {
	dirs, err := fs.ReadDir(shipped.FS, "cookbook")
	if err != nil {
		t.Fatal(err)
	}
	table, err := os.ReadFile("../../rego/cookbook/README.md")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, d := range dirs {
		if d.IsDir() {
			names = append(names, d.Name())
		}
	}
	if len(names) != len(recipes) {
		t.Errorf("directories %s, of which %d are tested", names, len(recipes))
	}
	for name, volatile := range recipes {
		row := regexp.MustCompile(`(?m)^\| \[` + name + `\]\(` + name + `\) \|.*\| *(\w*) *\|$`).FindSubmatch(table)
		if !slices.Contains(names, name) || row == nil || (len(row[1]) > 0) != volatile {
			t.Errorf("%s: no directory, or not in the table as it is: %q", name, row)
		}
	}
}

func decided(t *testing.T, e *policy.Engine, in []byte) map[string]any {
	t.Helper()
	d, err := e.Explain(t.Context(), in, new(strings.Builder))
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return document(t, b).(map[string]any)
}

func holds(t *testing.T, got, want map[string]any) {
	t.Helper()
	if !matches(got, want) {
		t.Errorf("decided %v\nshown   %v", got, want)
	}
}

// matches reports whether got says all that want says: every member of an object, every element of a list.
func matches(got, want any) bool {
	switch want := want.(type) {
	case map[string]any:
		m, ok := got.(map[string]any)
		for k, v := range want {
			ok = ok && matches(m[k], v)
		}
		return ok
	case []any:
		list, ok := got.([]any)
		for _, v := range want {
			ok = ok && slices.ContainsFunc(list, func(e any) bool { return matches(e, v) })
		}
		return ok
	}
	return got == want
}
