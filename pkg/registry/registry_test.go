package registry_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/registry"
	"github.com/weirgate/weir/pkg/registry/registrytest"
)

func file(t testing.TB, name string) *registry.File {
	t.Helper()
	f, err := registry.OpenFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func open(t testing.TB, cfg registry.Config) *registry.Registry {
	t.Helper()
	if cfg.Store == nil {
		cfg.Store = file(t, "")
	}
	r, err := registry.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestFile(t *testing.T) {
	for name, at := range map[string]string{"kept": "/registry", "not kept": ""} {
		t.Run(name, func(t *testing.T) {
			registrytest.Run(t, func(t *testing.T) registry.Store {
				if at == "" {
					return file(t, "")
				}
				return file(t, t.TempDir()+at)
			})
		})
	}
}

func TestAFileIsRemembered(t *testing.T) {
	name := filepath.Join(t.TempDir(), "registry")
	r := open(t, registry.Config{Store: file(t, name)})
	registrytest.Ask(t, r, registry.Ask{Model: "churn/1", Names: []string{registrytest.Name(1)}, State: authz.ModelRetired}, registrytest.Person("ada"), registry.Applied)
	registrytest.Stands(t, open(t, registry.Config{Store: file(t, name)}), registrytest.Name(1), "restricted", authz.ModelRetired)
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for what, b := range map[string][]byte{
		"cut": whole[:len(whole)-5], "empty": {}, "another file": []byte("hello\n"), "a changed byte": []byte(strings.Replace(string(whole), "retired", "active", 1)),
	} {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := registry.OpenFile(name); err == nil || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestADiskThatFails: what is not on disk does not hold.
func TestADiskThatFails(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gone")
	r := open(t, registry.Config{Store: file(t, filepath.Join(dir, "registry"))})
	_, err := r.Ask(t.Context(), registry.Ask{Model: "churn/1", Names: []string{registrytest.Name(1)}}, registrytest.Person("ada"))
	if authz.AsError(err).Label != "store_unavailable" {
		t.Fatalf("without a directory: %v", err)
	}
	registrytest.Stands(t, r, registrytest.Name(1), "restricted", authz.ModelUnknown)
}

// store is one that can be put in the place of another, or fail.
type store struct {
	registry.Store
	err error
}

func (s *store) Read(ctx context.Context, have string) ([]byte, string, error) {
	if s.err != nil {
		return nil, "", s.err
	}
	return s.Store.Read(ctx, have)
}

// TestAStoreThatForgets is given what this process has.
func TestAStoreThatForgets(t *testing.T) {
	s := &store{Store: file(t, "")}
	r, later := open(t, registry.Config{Store: s}), open(t, registry.Config{Store: s})
	retire := func(model string, i int) {
		registrytest.Ask(t, r, registry.Ask{Model: model, Names: []string{registrytest.Name(i)}, State: authz.ModelRetired}, registrytest.Person("ada"), registry.Applied)
	}
	retire("a/1", 1)
	old := file(t, "")
	doc, revision, _ := s.Store.Read(t.Context(), "")
	if ok, err := old.Write(t.Context(), "", revision, doc); !ok || err != nil {
		t.Fatal(err)
	}
	retire("a/2", 2)
	for what, forgot := range map[string]registry.Store{"all": file(t, ""), "the last": old} {
		s.Store = forgot
		registrytest.Stands(t, r, registrytest.Name(2), "restricted", authz.ModelRetired)
		registrytest.Stands(t, later, registrytest.Name(2), "restricted", authz.ModelRetired)
		if t.Failed() {
			t.Fatal(what)
		}
	}
	s.err = errors.New("away")
	if _, err := r.Standing(t.Context(), nil); err == nil {
		t.Error("a store that cannot be asked allows")
	}
	if _, err := r.Ask(t.Context(), registry.Ask{Model: "a/1", Sensitivity: "restricted"}, registrytest.Person("ada")); err == nil {
		t.Error("a store that cannot be asked takes a change")
	}
}

// TestOtherClasses: a document with words that the configuration does not have any more refuses.
func TestOtherClasses(t *testing.T) {
	s := file(t, "")
	r := open(t, registry.Config{Store: s})
	registrytest.Ask(t, r, registry.Ask{Model: "a/1", Names: []string{registrytest.Name(1)}}, registrytest.Person("ada"), registry.Applied)
	_, err := open(t, registry.Config{Store: s, Classes: []string{"low", "high"}}).Standing(t.Context(), nil)
	if e := authz.AsError(err); e == nil || e.Label != "registry_unreadable" || !strings.Contains(err.Error(), "registry.classes") {
		t.Errorf("got %v", err)
	}
	for _, bad := range [][]string{{"one"}, {"a", "a"}, {"a", "B"}, {"a", ""}, {"a", strings.Repeat("b", 33)}} {
		if _, err := registry.New(registry.Config{Store: s, Classes: bad}); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	if _, err := registry.New(registry.Config{}); err == nil {
		t.Error("no store is taken")
	}
}

// TestWhoMayConfirm: two different people, by issuer and ID and by e-mail; programs and whoever acts for somebody are none.
func TestWhoMayConfirm(t *testing.T) {
	human := func(id, email string) authz.Subject {
		return authz.Subject{Issuer: "https://i", ID: id, Email: email, Kind: authz.Human}
	}
	acting := human("ada-agent", "")
	acting.Actors = []authz.Actor{{ID: "tool"}}
	robot := authz.Subject{Issuer: "https://i", ID: "ci", Kind: authz.Workload}
	tests := map[string]struct {
		by   authz.Subject
		then []authz.Subject
		want []string // label of each refusal, or outcome
	}{
		"two people":             {human("ada", ""), []authz.Subject{human("bob", "")}, []string{"applied"}},
		"one person":             {human("ada", ""), []authz.Subject{human("ada", "")}, []string{"same_person"}},
		"one address":            {human("ada", "a@x.org"), []authz.Subject{human("ada-admin", "A@x.org")}, []string{"same_person"}},
		"two addresses":          {human("ada", "a@x.org"), []authz.Subject{human("bob", "b@x.org")}, []string{"applied"}},
		"a workload confirms":    {human("ada", ""), []authz.Subject{robot}, []string{"not_a_person"}},
		"somebody's agent":       {human("ada", ""), []authz.Subject{acting}, []string{"not_a_person"}},
		"a workload proposes":    {robot, []authz.Subject{human("ada", ""), human("ada", ""), human("bob", "")}, []string{"proposed", "same_person", "applied"}},
		"an agent proposes":      {authz.Subject{Issuer: "https://i", ID: "a", Kind: authz.Agent}, []authz.Subject{human("ada", "")}, []string{"proposed"}},
		"a kind that is not set": {authz.Subject{Issuer: "https://i", ID: "x"}, []authz.Subject{human("ada", "")}, []string{"proposed"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := open(t, registry.Config{})
			v := registrytest.Ask(t, r, registry.Ask{Model: "a/1", Names: []string{registrytest.Name(1)}, Sensitivity: "public"}, registry.Subject(test.by), registry.Proposed)
			for i, s := range test.then {
				got, err := r.Confirm(t.Context(), v.Proposal.ID, registry.Subject(s))
				said := string(got.Outcome)
				if refused := registry.AsRefused(err); refused != nil {
					said = refused.Label
				}
				if said != test.want[i] {
					t.Errorf("%s confirms: %s, %v; want %s", s.ID, said, err, test.want[i])
				}
			}
		})
	}
}

// TestProposals: they end with time, with a stricter word, and with another proposal, and are the same when they are made again.
func TestProposals(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	ada, bob := registrytest.Person("ada"), registrytest.Person("bob")
	lower := registry.Ask{Model: "a/1", Names: []string{registrytest.Name(1)}, Sensitivity: "public", Reason: "it is published"}
	void := map[string]func(*testing.T, *registry.Registry){
		"time": func(*testing.T, *registry.Registry) { now = now.Add(registry.ProposalLife) },
		"retired": func(t *testing.T, r *registry.Registry) {
			registrytest.Ask(t, r, registry.Ask{Model: "a/1", State: authz.ModelRetired}, bob, registry.Applied)
		},
		"another name": func(t *testing.T, r *registry.Registry) {
			registrytest.Ask(t, r, registry.Ask{Model: "a/1", Names: []string{registrytest.Name(2)}}, bob, registry.Applied)
		},
		"another class": func(t *testing.T, r *registry.Registry) {
			registrytest.Ask(t, r, registry.Ask{Model: "a/1", Sensitivity: "internal"}, bob, registry.Proposed)
		},
		"another's words": func(t *testing.T, r *registry.Registry) { registrytest.Ask(t, r, lower, bob, registry.Proposed) },
	}
	for name, change := range void {
		t.Run(name, func(t *testing.T) {
			r := open(t, registry.Config{Now: func() time.Time { return now }})
			v := registrytest.Ask(t, r, lower, ada, registry.Proposed)
			change(t, r)
			_, err := r.Confirm(t.Context(), v.Proposal.ID, bob)
			registrytest.Refused(t, err, "no_proposal")
		})
	}
	r := open(t, registry.Config{Now: func() time.Time { return now }})
	v := registrytest.Ask(t, r, lower, ada, registry.Proposed)
	if again := registrytest.Ask(t, r, lower, ada, registry.Proposed); again.Proposal.ID != v.Proposal.ID {
		t.Error("the same proposal made again is another")
	}
	registrytest.Ask(t, r, registry.Ask{Model: "a/1", Promoted: "champion"}, bob, registry.Applied)
	if got, err := r.Confirm(t.Context(), v.Proposal.ID, bob); err != nil || got.Version.Promoted.By != bob.Ref || got.Version.Changed.By != ada.Ref+" and "+bob.Ref {
		t.Errorf("a promotion voids nothing: %+v, %v", got, err)
	}
}

// TestNamesAreLowered: giving a lower version one more name lowers what that stands for.
func TestNamesAreLowered(t *testing.T) {
	r := open(t, registry.Config{})
	ada, bob := registrytest.Person("ada"), registrytest.Person("bob")
	agree := func(a registry.Ask) {
		t.Helper()
		v := registrytest.Ask(t, r, a, ada, registry.Proposed)
		if _, err := r.Confirm(t.Context(), v.Proposal.ID, bob); err != nil {
			t.Fatal(err)
		}
	}
	agree(registry.Ask{Model: "a/1", Names: []string{registrytest.Name(1)}, Sensitivity: "public"})
	registrytest.Ask(t, r, registry.Ask{Model: "a/1", Names: []string{registrytest.Name(2)}}, ada, registry.Proposed)
	registrytest.Stands(t, r, registrytest.Name(2), "restricted", authz.ModelUnknown)
	agree(registry.Ask{Model: "a/1", Names: []string{registrytest.Name(2)}})
	registrytest.Stands(t, r, registrytest.Name(2), "public", authz.ModelActive)
	registrytest.Ask(t, r, registry.Ask{Model: "c/1", Names: []string{registrytest.Name(2), registrytest.Name(3)}, Sensitivity: "public"}, ada, registry.Proposed)
	registrytest.Stands(t, r, registrytest.Name(2), "restricted", authz.ModelActive)
	// A second entry for the same name can only make it stricter.
	registrytest.Ask(t, r, registry.Ask{Model: "b/1", Names: []string{registrytest.Name(1)}}, ada, registry.Applied)
	registrytest.Stands(t, r, registrytest.Name(1), "restricted", authz.ModelActive)
	// What is stricter about an ask holds at once, the rest is proposed.
	registrytest.Ask(t, r, registry.Ask{Model: "b/1", Sensitivity: "internal", State: authz.ModelRetired}, ada, registry.Proposed)
	registrytest.Stands(t, r, registrytest.Name(1), "restricted", authz.ModelRetired)
}

func TestStanding(t *testing.T) {
	r := open(t, registry.Config{})
	versions, err := registry.ReadFile("models.yaml", []byte(`
models:
- {model: low/1, names: ["`+registrytest.Name(1)+`", "`+registrytest.Name(4)+`"], sensitivity: public, promoted_by: ada, confirmed_by: bob}
- {model: mid/1, names: ["`+registrytest.Name(2)+`"], sensitivity: internal, promoted_by: ada, confirmed_by: bob}
- {model: old/2, names: ["s3/b/k@1@2"], sensitivity: public, state: retired, promoted_by: ada, confirmed_by: bob}
- {model: new/2, names: ["s3/b/k@3", "s3/b/l@3"], sensitivity: public, promoted_by: ada, confirmed_by: bob}
- {model: old/1, names: ["`+registrytest.Name(3)+`"], sensitivity: public, state: retired, promoted_by: ada, confirmed_by: bob}
`), registry.Classes())
	if err != nil {
		t.Fatal(err)
	}
	r.UseFile(versions)
	registrytest.Ask(t, r, registry.Ask{Model: "x/1", Names: []string{registrytest.Name(4)}, Sensitivity: "confidential"}, registrytest.Person("ada"), registry.Proposed)
	low, mid, old, both, none := registrytest.Name(1), registrytest.Name(2), registrytest.Name(3), registrytest.Name(4), registrytest.Name(9)
	tests := map[string]struct {
		objects [][]string
		want    authz.Registered
	}{
		"nothing":                   {nil, authz.Registered{Sensitivity: "restricted", State: authz.ModelUnknown}},
		"an unknown object":         {[][]string{{none}}, authz.Registered{Sensitivity: "restricted", State: authz.ModelUnknown}},
		"an object without a name":  {[][]string{nil}, authz.Registered{Sensitivity: "restricted", State: authz.ModelUnknown}},
		"one":                       {[][]string{{low}}, authz.Registered{Known: true, Sensitivity: "public", State: authz.ModelActive, Model: "low/1", PromotedBy: "ada"}},
		"by any of its names":       {[][]string{{none, low}}, authz.Registered{Known: true, Sensitivity: "public", State: authz.ModelActive, Model: "low/1", PromotedBy: "ada"}},
		"the stricter of its names": {[][]string{{low, mid}}, authz.Registered{Known: true, Sensitivity: "internal", State: authz.ModelActive, Model: "mid/1", PromotedBy: "ada"}},
		"retired and stricter":      {[][]string{{old, mid}}, authz.Registered{Known: true, Sensitivity: "internal", State: authz.ModelRetired, Model: "old/1", PromotedBy: "ada"}},
		"several, one unknown":      {[][]string{{low}, {none}}, authz.Registered{Sensitivity: "restricted", State: authz.ModelUnknown}},
		"several, one retired":      {[][]string{{none}, {old}}, authz.Registered{Known: true, Sensitivity: "restricted", State: authz.ModelRetired, Model: "old/1", PromotedBy: "ada"}},
		"any version, one retired":  {[][]string{{"s3/b/k@"}}, authz.Registered{Known: true, Sensitivity: "restricted", State: authz.ModelRetired, Model: "old/2", PromotedBy: "ada"}},
		"another version":           {[][]string{{"s3/b/k@3"}}, authz.Registered{Known: true, Sensitivity: "public", State: authz.ModelActive, Model: "new/2", PromotedBy: "ada"}},
		"any version, none retired": {[][]string{{"s3/b/l@"}}, authz.Registered{Sensitivity: "restricted", State: authz.ModelUnknown}},
		"a version that is new":     {[][]string{{"s3/b/k@4"}}, authz.Registered{Sensitivity: "restricted", State: authz.ModelUnknown}},
		"file and store":            {[][]string{{both}}, authz.Registered{Known: true, Sensitivity: "restricted", State: authz.ModelActive, Model: "x/1"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := r.Standing(t.Context(), test.objects)
			if err != nil || got != test.want {
				t.Errorf("got %+v, %v\nwant %+v", got, err, test.want)
			}
		})
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = r.Standing(t.Context(), tests["file and store"].objects) }); n > 0 {
		t.Errorf("a look-up allocates %v times", n)
	}
	all, err := r.Versions(t.Context())
	if err != nil || len(all) != 6 || all[0].Model != "low/1" || all[0].Source != "file" || all[5].Model != "x/1" {
		t.Errorf("versions: %+v, %v", all, err)
	}
}

// TestTheFileIsBelow: what is asked of a version that the file has begins there, and holds for all names that the file gives it, now and later.
func TestTheFileIsBelow(t *testing.T) {
	r := open(t, registry.Config{})
	filed := func(names ...string) {
		r.UseFile([]registry.Version{{Model: "a/1", Names: names, Sensitivity: "internal", State: authz.ModelActive, Promoted: registry.Mark{By: "eve"}, Source: "file"}})
	}
	filed(registrytest.Name(1))
	ada := registrytest.Person("ada")
	registrytest.Ask(t, r, registry.Ask{Model: "a/1", Sensitivity: "internal"}, ada, registry.Unchanged)
	v := registrytest.Ask(t, r, registry.Ask{Model: "a/1", Sensitivity: "confidential"}, ada, registry.Applied)
	if v.Source != "" || v.Promoted.By != "eve" || v.Changed.By != ada.Ref {
		t.Errorf("raised: %+v", v)
	}
	registrytest.Stands(t, r, registrytest.Name(1), "confidential", authz.ModelActive)
	registrytest.Ask(t, r, registry.Ask{Model: "a/1", State: authz.ModelRetired}, ada, registry.Applied)
	filed(registrytest.Name(1), registrytest.Name(2))
	registrytest.Stands(t, r, registrytest.Name(2), "confidential", authz.ModelRetired)
	registrytest.Ask(t, r, registry.Ask{Model: "a/1", Sensitivity: "public", State: authz.ModelActive}, ada, registry.Proposed)
	filed()
	registrytest.Stands(t, r, registrytest.Name(1), "confidential", authz.ModelRetired)
	registrytest.Stands(t, r, registrytest.Name(2), "restricted", authz.ModelUnknown)
}

func TestInvalidAsks(t *testing.T) {
	r := open(t, registry.Config{})
	for name, a := range map[string]registry.Ask{
		"no model": {Names: []string{registrytest.Name(1)}}, "no version": {Model: "churn", State: "retired"}, "an empty version": {Model: "churn/", State: "retired"},
		"an empty name": {Model: "/1", State: "retired"}, "spaces": {Model: "a b/1", State: "retired"}, "a line feed": {Model: "a/1\n", State: "retired"},
		"nothing": {Model: "churn/1"}, "a class": {Model: "churn/1", Sensitivity: "secret"}, "a state": {Model: "churn/1", State: "unknown"},
		"a digest": {Model: "churn/1", Names: []string{"sha256:00"}}, "upper case": {Model: "churn/1", Names: []string{strings.ToUpper(registrytest.Name(10))}},
		"a digest as an object": {Model: "churn/1", Names: []string{"sha256:a/b@c"}}, "no target": {Model: "churn/1", Names: []string{"/a@b"}},
		"no object version": {Model: "churn/1", Names: []string{"t/a@"}}, "a branch": {Model: "churn/1", Names: []string{"main"}},
		"many names": {Model: "churn/1", Names: make([]string, registry.MaxNames+1)}, "a long reason": {Model: "churn/1", State: "retired", Reason: strings.Repeat("x", 513)},
		"a reason in lines": {Model: "churn/1", State: "retired", Reason: "a\nb"},
	} {
		_, err := r.Ask(t.Context(), a, registrytest.Person("ada"))
		if refused := registry.AsRefused(err); refused == nil || refused.Label != "invalid" || len(refused.Text) > 300 {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := r.Ask(t.Context(), registry.Ask{Model: "chrun/7", State: authz.ModelRetired}, registrytest.Person("ada"))
	registrytest.Refused(t, err, "unknown_model")
	for _, name := range []string{registrytest.Name(1), "sha512:" + strings.Repeat("ab", 64), "s3/bucket/key@9af1-2", "hub/org/repo@" + strings.Repeat("a", 40)} {
		if err := registry.CheckName(name); err != nil {
			t.Error(err)
		}
	}
}

// TestFull: what is kept is bounded.
func TestFull(t *testing.T) {
	r := open(t, registry.Config{})
	a := registry.Ask{Model: "a/1"}
	for i := range registry.MaxNames {
		a.Names = append(a.Names, registrytest.Name(i))
	}
	registrytest.Ask(t, r, a, registrytest.Person("ada"), registry.Applied)
	_, err := r.Ask(t.Context(), registry.Ask{Model: "a/1", Names: []string{registrytest.Name(1 + registry.MaxNames)}}, registrytest.Person("ada"))
	registrytest.Refused(t, err, "full")
	for i := range a.Names {
		a.Names[i] = "t/" + strings.Repeat("x", 1400) + "@" + a.Names[i]
	}
	for _, model := range []string{"b/1", "b/2", "b/3"} {
		a.Model = model
		if _, err = r.Ask(t.Context(), a, registrytest.Person("ada")); err != nil {
			break
		}
	}
	registrytest.Refused(t, err, "full")
}
