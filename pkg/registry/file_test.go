package registry_test

import (
	"strings"
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/registry"
	"github.com/weirgate/weir/pkg/registry/registrytest"
)

func TestReadFile(t *testing.T) {
	name := registrytest.Name(1)
	got, err := registry.ReadFile("models.yaml", []byte(`{"models": [{"model": "a/1", "names": ["`+name+`"]}, {"model": "a/2", "names": ["`+name+`"], "state": "retired"}]}`), registry.Classes())
	if err != nil || len(got) != 2 || got[0].Sensitivity != "restricted" || got[0].State != authz.ModelActive || got[0].Promoted.By != "file" || got[1].State != authz.ModelRetired {
		t.Errorf("JSON: %+v, %v", got, err)
	}
	if got, err := registry.ReadFile("models.yaml", nil, registry.Classes()); len(got) != 0 || err != nil {
		t.Errorf("an empty file: %+v, %v", got, err)
	}
	for what, test := range map[string]struct{ text, want string }{
		"not YAML":      {"models:\n\t- x", "models.yaml: line 2"},
		"no list":       {"models: 3", "models.yaml: line 1"},
		"a key":         {"models:\n- model: a/1\n  digests: [x]", "models.yaml: line 3: field digests not found"},
		"a first key":   {"modles: []", "models.yaml: line 1: field modles not found"},
		"a key twice":   {"models:\n- model: a/1\n  model: a/2", "line 3"},
		"two documents": {"models: []\n---\nmodels: []", "one document only"},
		"a model twice": {"models:\n- {model: a/1, names: [" + name + "]}\n- {model: a/1, names: [" + name + "]}", "models.yaml:3: a/1: is there twice, first on line 2"},
		"no names":      {"models:\n- {model: a/1}\n", "models.yaml:2: a/1: "},
		"a class":       {"models:\n- {model: a/1, names: [" + name + "], sensitivity: secret}", `models.yaml:2: a/1: sensitivity "secret" is not known: want one of public, internal, confidential, restricted`},
		"nobody":        {"models:\n- {model: a/1, names: [" + name + "], sensitivity: public}", "takes two people: promoted_by and confirmed_by"},
		"one person":    {"models:\n- {model: a/1, names: [" + name + "], sensitivity: public, promoted_by: ada}", "takes two people"},
		"the same":      {"models:\n- {model: a/1, names: [" + name + "], sensitivity: public, promoted_by: ada, confirmed_by: Ada}", "two different people"},
		"several":       {"models:\n- {model: a}\n- {model: b}", "models.yaml:3: b: "},
		"a large file":  {strings.Repeat(" ", registry.MaxDocument+1), "larger than"},
	} {
		got, err := registry.ReadFile("models.yaml", []byte(test.text), registry.Classes())
		if err == nil || !strings.Contains(err.Error(), test.want) || got != nil && len(err.Error()) == 0 {
			t.Errorf("%s: %v; want %q in it", what, err, test.want)
		}
	}
}

func FuzzReadFile(f *testing.F) {
	f.Add([]byte("models:\n- {model: a/1, names: [" + registrytest.Name(1) + "], sensitivity: public, promoted_by: ada, confirmed_by: bob}"))
	f.Add([]byte(`{"models": [{"model": "a/1", "names": ["t/a@b"], "state": "retired"}]}`))
	f.Add([]byte("models: &a [*a]"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := registry.ReadFile("f", b, registry.Classes())
		if err != nil {
			return
		}
		for _, v := range got { // what is taken is what an ask may say
			if v.Sensitivity == "" || v.State != authz.ModelActive && v.State != authz.ModelRetired || len(v.Names) == 0 {
				t.Fatalf("taken: %+v", v)
			}
			for _, n := range v.Names {
				if err := registry.CheckName(n); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}
