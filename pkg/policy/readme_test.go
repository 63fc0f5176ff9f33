package policy_test

import (
	"bytes"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/policy"
	shipped "github.com/weirgate/weir/rego"
)

// copied is the shipped policy as an operator copies it.
func copied(t *testing.T) fstest.MapFS {
	t.Helper()
	dir, err := fs.Sub(shipped.FS, "weir")
	if err != nil {
		t.Fatal(err)
	}
	out := fstest.MapFS{}
	err = fs.WalkDir(dir, ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := fs.ReadFile(dir, path)
		out[path] = &fstest.MapFile{Data: b}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestReadme does what rego/README.md says: a rule of one's own, its settings, its test.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("../../rego/README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := func(language string) (out []string) {
		for _, m := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
			out = append(out, m[1])
		}
		return out
	}
	rego, yaml := blocks("rego"), blocks("yaml")
	if len(rego) != 2 || len(yaml) != 2 {
		t.Fatalf("%d blocks of rego, %d of yaml; want two of each", len(rego), len(yaml))
	}
	dir := copied(t)
	dir["rules/night/night.rego"] = &fstest.MapFile{Data: []byte(rego[0])}
	dir["rules/night/night_test.rego"] = &fstest.MapFile{Data: []byte(rego[1])}
	dir["rules/night/settings.yaml"] = &fstest.MapFile{Data: []byte(yaml[1])}
	e := engine(t, policy.Config{FS: dir, Settings: []byte(yaml[0] + "  default: zero\nnight: {classes: [embed]}\n"), RunTests: true})
	if shipped := engine(t, policy.Config{FS: copied(t)}); e.Reads() != shipped.Reads() {
		t.Errorf("%+v; want no more than the shipped policy", e.Reads())
	}
	for hour, want := range map[int64]string{3: "weir.rules.night", 12: "weir.authz"} {
		in := input(func(in *authz.Input) { in.Time.UnixNS = hour * 3_600_000_000_000 })
		if d, err := e.Eval(t.Context(), in); err != nil || d.Rule != want {
			t.Errorf("at %d: %+v, %v; want %s", hour, d, err, want)
		}
	}
	dir["rules/night/night.rego"].Data = bytes.ReplaceAll(dir["rules/night/night.rego"].Data, []byte("settings.night.until"), []byte("settings.night.untill"))
	if _, err := policy.New(t.Context(), policy.Config{FS: dir}); err == nil || !strings.Contains(err.Error(), "night.rego:") || !strings.Contains(err.Error(), "no setting \"night.untill\"") {
		t.Errorf("a rule reads a setting that is not there: %v", err)
	}
	dir["rules/night/night.rego"].Data = []byte(rego[0])
	_, err = policy.New(t.Context(), policy.Config{FS: dir, Settings: []byte("night: {clases: []}\n")})
	if err == nil || !strings.Contains(err.Error(), "settings.yaml:1: no setting \"night.clases\"; nearest: night.classes") {
		t.Errorf("a key misspelt: %v", err)
	}
}

// TestAPolicyWithoutSettingsTakesWhatItGets: another policy, other settings.
func TestAPolicyWithoutSettingsTakesWhatItGets(t *testing.T) {
	cfg := own(`decision := true if input.subject.id in data.weir.settings.people`)
	cfg.Settings = []byte("people: [ada]\n")
	if d, err := engine(t, cfg).Eval(t.Context(), input(nil)); err != nil || d.Effect != authz.Allow {
		t.Errorf("%+v, %v", d, err)
	}
	cfg.Settings = []byte("# nothing yet\n")
	if d, err := engine(t, cfg).Eval(t.Context(), input(nil)); err != nil || d.Effect != authz.Deny {
		t.Errorf("%+v, %v", d, err)
	}
}

// TestSettingsOfSeveralFiles: a rule brings its own, and an operator's file is laid over all of them.
func TestSettingsOfSeveralFiles(t *testing.T) {
	dir := func(files map[string]string) fstest.MapFS {
		out := fstest.MapFS{"p.rego": {Data: []byte("package weir.authz\ndecision := {\"effect\": \"allow\", \"rule\": json.marshal(data.weir.settings)}")}}
		for name, text := range files {
			out[name] = &fstest.MapFile{Data: []byte(text)}
		}
		return out
	}
	for name, tc := range map[string]struct {
		files      map[string]string
		over, want string // what the settings are; or the error
	}{
		"joined":              {map[string]string{"settings.yaml": "a: {x: 1}", "rules/b/settings.yaml": "b: {y: 2}"}, "b: {y: 3}", `{"a":{"x":1},"b":{"y":3}}`},
		"only a rule's":       {map[string]string{"settings.yaml": "# nothing", "rules/b/settings.yaml": "b: {y: 2}"}, "", `{"b":{"y":2}}`},
		"keys of one's own":   {map[string]string{"settings.yaml": "a: {x: {}}"}, "a: {x: {papers: [research]}}", `{"a":{"x":{"papers":["research"]}}}`},
		"no key is free":      {map[string]string{"settings.yaml": "a: {x: {research: 1}}"}, "a: {x: {product: 1}}", `settings.yaml:1: no setting "a.x.product"; nearest: a.x.research; keys are free only below {}: the settings.yaml that has a.x would have to say x: {}`},
		"but one is meant":    {map[string]string{"settings.yaml": "a: {x: {research: 1}}"}, "a: {x: {reserch: 1}}", `settings.yaml:1: no setting "a.x.reserch"; nearest: a.x.research` + "\n"},
		"a share of all":      {map[string]string{"settings.yaml": "a: {x: 0.2, y: 0.5}"}, "a: {x: 1, y: 0}", `{"a":{"x":1,"y":0}}`},
		"no share":            {map[string]string{"settings.yaml": "a: {x: 0.2}"}, "a: {x: most}", `settings.yaml:1: a.x: want a value like 0.2`},
		"no piece of one":     {map[string]string{"settings.yaml": "a: {x: 2}"}, "a: {x: 0.2}", `settings.yaml:1: a.x: want a value like 2`},
		"but keys":            {map[string]string{"settings.yaml": "a: {x: {}}"}, "a: {x: papers}", `settings.yaml:1: a.x: want a group of keys`},
		"said twice":          {map[string]string{"rules/a/settings.yaml": "a: 1", "rules/b/settings.yaml": "\na: 2"}, "", `rules/b/settings.yaml:2: a is said in rules/a/settings.yaml too`},
		"no keys":             {map[string]string{"rules/a/settings.yaml": "[a]"}, "", `rules/a/settings.yaml:1: want keys and values`},
		"no YAML":             {map[string]string{"rules/a/settings.yaml": "a: ["}, "", `the policy's rules/a/settings.yaml`},
		"unknown in them all": {map[string]string{"settings.yaml": "a: 1", "rules/b/settings.yaml": "b: 1"}, "c: 1", `no setting "c"`},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := policy.New(t.Context(), policy.Config{FS: dir(tc.files), Settings: []byte(tc.over)})
			if err != nil {
				if !strings.Contains(err.Error()+"\n", tc.want) {
					t.Errorf("%v; want %s", err, tc.want)
				}
				return
			}
			if d, err := e.Eval(t.Context(), input(nil)); err != nil || d.Rule != tc.want {
				t.Errorf("%s, %v; want %s", d.Rule, err, tc.want)
			}
		})
	}
}

// TestSharesOfTheShippedPolicy: none and all of it are shares, too.
func TestSharesOfTheShippedPolicy(t *testing.T) {
	for _, most := range []string{"0", "1", "0.5"} {
		if _, err := policy.New(t.Context(), policy.Config{Settings: []byte("coverage: {most: " + most + "}\ncorpus: {most: " + most + "}\n")}); err != nil {
			t.Errorf("most: %s: %v", most, err)
		}
	}
}
