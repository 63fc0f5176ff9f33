package policy

import (
	"math/rand/v2"
	"os"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/rego"

	"github.com/weirgate/weir/pkg/authz"
)

// unfolded is the same policy, whose settings are read where rules read them.
func unfolded(t *testing.T, cfg Config) *loaded {
	t.Helper()
	l := load(t, cfg)
	files, _, err := read(cfg.FS)
	if err != nil {
		t.Fatal(err)
	}
	c, _, err := compileFiles(files)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Name = settingsFile
	settings, err := mergeSettings(cfg)
	if err != nil {
		t.Fatal(err)
	}
	fixed := fixedData(settings, c.Modules, cfg.MaskKeys)
	if folded(c, files, fixed) == c {
		t.Fatal("nothing is folded: there is nothing to compare")
	}
	store := newStore(map[string]any{}, fixed)
	l.query, err = rego.New(rego.Query("data.weir.authz.decision"), rego.Compiler(c), rego.Store(store), rego.StrictBuiltinErrors(true)).PrepareForEval(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestFoldedDecidesTheSame: all rules of this repository at once, on random inputs.
func TestFoldedDecidesTheSame(t *testing.T) {
	dir := os.DirFS("../../rego")
	cfg := Config{FS: dir, Timeout: 20 * time.Second, Settings: []byte(`{masking: {raw_groups: [research, product], scores: "round:2", fields: [a.b]}, first_use: {kinds: [corpus]}, template: {groups: [product]},
		tenant_isolation: {shared: [a, b], tenants: {t: [research]}}, mask_by_group: {vectors: {product: zero}, scores: {research: rank}}, slow_drip: {per_group: {research: {vectors: 5}}}}`)}
	a, b := load(t, cfg), unfolded(t, cfg)
	r := rand.New(rand.NewPCG(5, 6)) //nolint:gosec // repeatable
	effects := map[authz.Effect]int{}
	for i := range 1500 {
		in := random(r)
		if r.IntN(2) == 0 {
			in.Justification, in.Subject.Groups, in.Operation.Complete = "MODEL-42", []string{"research", "product", "ml-platform"}[:1+r.IntN(3)], true
			in.Operation.Class = authz.Class([]string{"embed", "search", "read"}[r.IntN(3)])
			in.Operation.Vectors = int64(r.IntN(3))
		}
		in.Time.UnixNS = 1_700_000_000_000_000_000 + r.Int64N(1e17)
		in.Risk = &authz.Risk{Score: r.Float64() * 0.6}
		eval := func(l *loaded) authz.Decision {
			d, err := l.eval(t.Context(), l.keys.input(in), time.Unix(0, in.Time.UnixNS))
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
		want, got := eval(b), eval(a)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("input %d (-read +folded):\n%s", i, diff)
		}
		effects[got.Effect]++
	}
	if effects[authz.Allow] < 50 || effects[authz.Deny] < 50 {
		t.Errorf("the inputs do not try it: %v", effects)
	}
}

// TestWhatIsNotFolded: where a setting is of a type that its rule does not expect, the rule is undefined and the policy loads; where a rule
// replaces data.weir it sees what it put there.
func TestWhatIsNotFolded(t *testing.T) {
	for name, tc := range map[string]struct{ src, settings, want string }{
		"folded":                 {`decision := {"effect": "allow", "rule": data.weir.settings.a.b}`, "a: {b: x}", "x"},
		"a list":                 {`decision := {"effect": "allow", "rule": "x"} if "q" in data.weir.settings.a`, "a: [p, q]", "x"},
		"by a computed name":     {`decision := {"effect": "allow", "rule": data.weir.settings.a[input.subject.kind]}`, "a: {human: x}", "x"},
		"not there":              {`decision := {"effect": "allow", "rule": data.weir.settings.a.c}`, "a: {b: x}", "undefined"},
		"another type":           {"decision := {\"effect\": \"allow\", \"rule\": \"x\"} if data.weir.settings.a == \"s\"\n", "a: 5", "undefined"},
		"an argument of another": {"decision := {\"effect\": \"allow\", \"rule\": \"x\"} if startswith(data.weir.settings.a, \"s\")\n", "a: sx", "x"},
		"in a declaration":       {`decision := {"effect": "allow", "rule": r} if some r in data.weir.settings.a`, "a: [x]", "x"},
		"with its key":           {`decision := {"effect": "allow", "rule": r} if some r, 5 in data.weir.settings.a`, "a: {x: 5, y: 6}", "x"},
		"a pattern":              {`decision := {"effect": "allow", "rule": r} if some ["p", r] in data.weir.settings.a`, "a: [[q, y], [p, x]]", "x"},
		"no list to declare":     {`decision := {"effect": "allow", "rule": r} if some r in data.weir.settings.a`, "a: 5", "undefined"},
		"no list at all":         {`decision := {"effect": "allow", "rule": r} if some r in data.weir.settings.b`, "a: [x]", "undefined"},
		"replaced":               {"decision := d if d := inner with data.weir.settings.a as \"y\"\ninner := {\"effect\": \"allow\", \"rule\": data.weir.settings.a}", "a: x", "y"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := Config{FS: fstest.MapFS{"p.rego": {Data: []byte("package weir.authz\n" + tc.src)}}, Settings: []byte(tc.settings), Timeout: 20 * time.Second}
			l := load(t, cfg)
			in := random(rand.New(rand.NewPCG(1, 1))) //nolint:gosec // repeatable
			in.Subject.Kind = authz.Human
			d, err := l.eval(t.Context(), l.keys.input(in), time.Unix(0, 0))
			if err != nil || d.Rule != tc.want {
				t.Errorf("%+v, %v; want %s", d, err, tc.want)
			}
		})
	}
}
