package policy

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/authz"
	shipped "github.com/weirgate/weir/rego"
)

func load(t testing.TB, cfg Config) *loaded {
	t.Helper()
	l, err := compile(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func source(src string) Config {
	return Config{FS: fstest.MapFS{"p.rego": {Data: []byte("package weir.authz\n" + src)}}}
}

// cookbook is the shipped policy with the rules of the cookbook, those excepted whose names are given.
func cookbook(t *testing.T, but ...string) fstest.MapFS {
	t.Helper()
	out := fstest.MapFS{}
	for _, root := range []string{"weir", "cookbook"} {
		err := fs.WalkDir(shipped.FS, root, func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || strings.HasSuffix(path, "_test.rego") {
				return err
			}
			for _, name := range but {
				if strings.HasPrefix(path, "cookbook/"+name+"/") {
					return nil
				}
			}
			b, err := fs.ReadFile(shipped.FS, path)
			out[path] = &fstest.MapFile{Data: b}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// TestCachedDecidesAsEvaluated asks about random inputs twice: by the engine, whose cache fills up, and by evaluation alone; of the shipped
// policy, of one with all rules of the cookbook whose decisions can be kept, and of one with all of them, where time, usage and risk are
// others each time.
func TestCachedDecidesAsEvaluated(t *testing.T) {
	const settings = `{tenant_isolation: {shared: [a, b], tenants: {t: [research]}}, mask_by_group: {vectors: {product: zero}}, slow_drip: {per_group: {research: {vectors: 5}}},
		collection_allowlist: {targets: [a], collections: {p: [research], q: ["*"]}}, checkpoint_by_name: {paths: {/m/: [ml-platform]}}`
	const hours = `, working_hours: {groups: [product]}, read_only_hours: {kinds: [corpus]}, first_use: {kinds: [vectordb]}`
	for name, tt := range map[string]struct {
		cfg   Config
		fresh int
	}{
		"shipped":        {Config{}, 0},
		"cookbook":       {Config{FS: cookbook(t, "first_use", "read_only_hours", "step_up", "working_hours"), Settings: []byte(settings + "}")}, 0},
		"whole cookbook": {Config{FS: cookbook(t), Settings: []byte(settings + hours + "}")}, 6},
	} {
		t.Run(name, func(t *testing.T) {
			tt.cfg.Timeout = 20 * time.Second
			e, err := New(t.Context(), tt.cfg)
			if err != nil {
				t.Fatal(err)
			}
			l := e.loaded.Load()
			if l.cache == nil || len(e.Fresh()) != tt.fresh {
				t.Fatalf("kept: %v, but for %s; it reads %s", l.cache != nil, e.Fresh(), l.volatile)
			}
			r := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // repeatable
			recurring := make([]*authz.Input, 500)
			for i := range recurring {
				recurring[i] = random(r)
			}
			for i := range 3000 {
				in := random(r)
				if r.IntN(2) == 0 { // one that was, at another time and place
					again := *recurring[r.IntN(len(recurring))]
					again.Time, again.Request, again.Usage, again.Risk = in.Time, in.Request, in.Usage, in.Risk
					in = &again
				}
				got, err := e.Eval(t.Context(), in)
				if err != nil {
					t.Fatal(err)
				}
				want, err := l.eval(t.Context(), l.keys.input(in), time.Unix(0, in.Time.UnixNS))
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("input %d: %s", i, diff)
				}
			}
			if n := len(l.cache.young) + len(l.cache.old); n < 20 || n > 2700 {
				t.Errorf("%d decisions kept of 3000 inputs: the test does not try the cache", n)
			}
		})
	}
}

// random returns an input out of few values for each member, so that inputs recur in part.
func random(r *rand.Rand) *authz.Input {
	one := func(of ...string) string { return of[r.IntN(len(of))] }
	var groups []string
	for _, g := range []string{"research", "product", "ml-platform", "weir-admins"} {
		if r.IntN(3) == 0 {
			groups = append(groups, g)
		}
	}
	return &authz.Input{
		Phase: authz.PhaseRequest, Final: true, Justification: one("", "", "MODEL-42 test", "because"),
		Subject: authz.Subject{
			Issuer: "https://i", ID: one("ada", "bob"), Groups: groups, Kind: authz.SubjectKind(one("human", "human", "agent")), Expires: time.Unix(r.Int64N(1e9), 0),
			Actors: [][]authz.Actor{nil, nil, {{ID: "a"}}}[r.IntN(3)],
		},
		Target:    authz.Target{Name: one("a", "b"), Kind: authz.TargetKind(one("inference", "vectordb", "weights", "corpus", "registry")), Tenant: one("", "t"), Sensitivity: one("", "high")},
		Operation: authz.Operation{Class: authz.Class(one("embed", "search", "read", "export", "unknown")), Complete: r.IntN(5) > 0, Artifact: one("", "", "checkpoint"), Collection: one("", "p", "q"), Object: one("", "/m/a", "/x"), Vectors: []int64{0, 1, -1, 5000, 100000}[r.IntN(5)], Coverage: []*authz.Coverage{nil, {}, {Group: authz.Covered{After: .25}}}[r.IntN(3)], Registered: []*authz.Registered{nil, {Sensitivity: "restricted", State: "unknown"}, {Known: true, State: "retired"}}[r.IntN(3)]},
		Usage:     []*authz.UsageInput{nil, {}, {SubjectTarget: map[authz.Unit]map[string]int64{authz.UnitRequests: {"30d": r.Int64N(3)}}}}[r.IntN(3)],
		Risk:      []*authz.Risk{nil, {Score: r.Float64()}}[r.IntN(2)],
		Time:      authz.InputTime{UnixNS: r.Int64(), RFC3339: "2026-01-01T00:00:00Z"},
		Request:   authz.InputRequest{Method: one("GET", "POST"), Host: "h", Path: fmt.Sprint("/", r.IntN(1000))},
	}
}

// TestWhatIsNotKept lists policies whose decisions may be different for inputs that look alike.
func TestWhatIsNotKept(t *testing.T) {
	for name, tt := range map[string]struct {
		src  string
		kept bool
	}{
		"a group":                     {`decision := "x" in input.subject.groups`, true},
		"the first group":             {`decision if input.subject.groups[0] == "x"`, true},
		"a helper":                    {"decision if f(input.target.name)\nf(x) if x == \"a\"", true},
		"nothing":                     {`decision := true`, true},
		"the clock":                   {`decision if time.now_ns() > 0`, false},
		"the clock of certificates":   {`decision if crypto.x509.parse_and_verify_certificates(input.subject.name)[0]`, false},
		"the clock, unless it is set": {`decision if crypto.x509.parse_and_verify_certificates_with_options(input.subject.name, {})[0]`, false},
		"the clock in a helper":       {"decision if late\nlate if time.now_ns() > 0", false},
		"chance":                      {`decision if rand.intn("s", 2) == 1`, false},
		"the time of the input":       {`decision if input.time.unix_ns > 0`, false},
		"a claim":                     {`decision if input.subject.claims.x`, false},
		"usage":                       {`decision if input.usage.subject.vectors["1h"] > 1`, false},
		"the input as a whole":        {"decision if f(input)\nf(x) if x.phase == \"request\"", false},
		"a part that is computed":     {`decision if { some k; input[k] == "request" }`, false},
		"a member that is computed":   {`decision if { some k; input.subject[k] == "a" }`, false},
		"the whole subject":           {"decision if f(input.subject)\nf(x) if x.id == \"a\"", false},
		"the index of another":        {`decision if {"a": 1}[input.subject.claims.x] == 1`, false},
		"input replaced":              {"decision if q with input as {\"phase\": \"response\"}\nq if input.phase == \"response\"", false},
		"a rule of a computed name":   {"decision if { some n; data.weir.authz.parts[n] }\nparts.a if input.time.unix_ns > 0", false},
		"a comprehension":             {`decision if count([g | some g in input.subject.groups; input.risk.score > 1]) > 0`, false},
		"the clock behind an else":    {"decision := true if input.phase == \"response\" else := false if time.now_ns() < 0", false},
		"a helper behind an else":     {"decision := true if input.phase == \"response\" else := late\nlate if input.time.unix_ns > 0", false},
		"an assignment of the input":  {"decision if { x := input; x.time.unix_ns > 0 }", false},
		"a default and another group": {"default decision := false\ndecision if \"x\" in input.subject.groups", true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := load(t, source(tt.src)).cache != nil; got != tt.kept {
				t.Errorf("kept: %v, want %v", got, tt.kept)
			}
		})
	}
}

// TestKeysTellInputsApart: no two inputs that differ in a member have the same key, empty ones and neighbours included.
func TestKeysTellInputsApart(t *testing.T) {
	var all []string
	for name := range cacheParts() {
		all = append(all, name)
	}
	c, _ := newCache(reached{paths: all})
	if c == nil {
		t.Fatal("no cache")
	}
	base := func() *authz.Input { return &authz.Input{Response: &authz.Response{}} }
	seen := map[string]string{string(c.key(nil, base())): "nothing"}
	for name, change := range map[string]func(*authz.Input){
		"groups a,b": func(in *authz.Input) { in.Subject.Groups = []string{"a", "b"} }, "groups a b": func(in *authz.Input) { in.Subject.Groups = []string{"ab"} },
		"groups empty one": func(in *authz.Input) { in.Subject.Groups = []string{""} }, "id": func(in *authz.Input) { in.Subject.ID = "a" },
		"issuer": func(in *authz.Input) { in.Subject.Issuer = "a" }, "name": func(in *authz.Input) { in.Subject.Name = "a" },
		"no response": func(in *authz.Input) { in.Response = nil }, "status": func(in *authz.Input) { in.Response.Status = 1 },
		"length": func(in *authz.Input) { in.Response.ContentLength = 1 }, "vectors": func(in *authz.Input) { in.Operation.Vectors = 1 },
		"unbounded": func(in *authz.Input) { in.Operation.Vectors = -1 }, "documents": func(in *authz.Input) { in.Operation.Documents = 1 },
		"label": func(in *authz.Input) { in.Target.Labels = map[string]string{"a": "b"} }, "label 2": func(in *authz.Input) { in.Target.Labels = map[string]string{"ab": ""} },
		"collection": func(in *authz.Input) { in.Operation.Collection = "a" }, "vector": func(in *authz.Input) { in.Operation.Vector = "a" },
		"actor": func(in *authz.Input) { in.Subject.Actors = []authz.Actor{{ID: "a"}} }, "owner": func(in *authz.Input) { in.Subject.Owner = "a" },
		"actor's issuer": func(in *authz.Input) { in.Subject.Actors = []authz.Actor{{Issuer: "a"}} },
		"encoding":       func(in *authz.Input) { in.Operation.Encoding = "a" },
		"final":          func(in *authz.Input) { in.Final = true }, "sealed": func(in *authz.Input) { in.Operation.Sealed = true },
		"format": func(in *authz.Input) { in.Response.Artifact.Format = "a" }, "class": func(in *authz.Input) { in.Response.Artifact.Class = "a" },
		"parameters": func(in *authz.Input) { in.Response.Artifact.Parameters = 1 }, "part": func(in *authz.Input) { in.Operation.Part = 1 },
		"no object": func(in *authz.Input) { in.Response.Object = &authz.Piece{} }, "size": func(in *authz.Input) { in.Response.Object = &authz.Piece{Size: 1} },
		"offset": func(in *authz.Input) { in.Response.Object = &authz.Piece{Offset: 1} }, "no coverage": func(in *authz.Input) { in.Operation.Coverage = &authz.Coverage{} },
		"not registered":    func(in *authz.Input) { in.Operation.Registered = &authz.Registered{} },
		"known":             func(in *authz.Input) { in.Operation.Registered = &authz.Registered{Known: true} },
		"sensitivity":       func(in *authz.Input) { in.Operation.Registered = &authz.Registered{Sensitivity: "s"} },
		"state":             func(in *authz.Input) { in.Operation.Registered = &authz.Registered{State: "s"} },
		"version of":        func(in *authz.Input) { in.Operation.Registered = &authz.Registered{Model: "s"} },
		"promoted by":       func(in *authz.Input) { in.Operation.Registered = &authz.Registered{PromotedBy: "s"} },
		"coverage":          func(in *authz.Input) { in.Operation.Coverage = &authz.Coverage{Group: authz.Covered{After: .5}} },
		"no corpus":         func(in *authz.Input) { in.Operation.Corpus = &authz.Corpus{} },
		"corpus":            func(in *authz.Input) { in.Operation.Corpus = &authz.Corpus{Documents: 1} },
		"read":              func(in *authz.Input) { in.Operation.Corpus = &authz.Corpus{Read: authz.Read{After: 1}} },
		"had":               func(in *authz.Input) { in.Operation.Corpus = &authz.Corpus{Read: authz.Read{Before: 1}} },
		"no share":          func(in *authz.Input) { in.Operation.Corpus = &authz.Corpus{Share: &authz.Covered{}} },
		"share":             func(in *authz.Input) { in.Operation.Corpus = &authz.Corpus{Share: &authz.Covered{After: 1}} },
		"no attempts":       func(in *authz.Input) { in.Operation.Attempts = &authz.Attempts{} },
		"attempts":          func(in *authz.Input) { in.Operation.Attempts = &authz.Attempts{Hour: 1} },
		"attempts in a day": func(in *authz.Input) { in.Operation.Attempts = &authz.Attempts{Day: 1} },
		"version":           func(in *authz.Input) { in.Operation.Version = "a" },
		"into":              func(in *authz.Input) { in.Operation.Into = "a" },
	} {
		in := base()
		change(in)
		k := string(c.key(nil, in))
		if other, ok := seen[k]; ok {
			t.Errorf("%s and %s have the same key", name, other)
		}
		seen[k] = name
	}
}

func TestCacheIsBounded(t *testing.T) {
	c, _ := newCache(reached{paths: []string{"request.path"}})
	for i := range 3 * cacheSize {
		c.put(fmt.Appendf(nil, "%d", i), authz.Decision{})
	}
	c.put(make([]byte, maxCacheKey+1), authz.Decision{})
	if n := len(c.young) + len(c.old); n > 2*cacheSize {
		t.Errorf("%d decisions kept, at most %d may be", n, 2*cacheSize)
	}
	if _, ok := c.get(fmt.Appendf(nil, "%d", 3*cacheSize-1)); !ok {
		t.Error("the last one is gone")
	}
	if _, ok := c.get(make([]byte, maxCacheKey+1)); ok {
		t.Error("a long key was kept")
	}
}
