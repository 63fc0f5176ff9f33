package policy

import (
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/authz"
)

// divided is a policy of a decision, a rule that reads the clock, one that reads a group, and what else is given.
func divided(decision, night string, more ...string) Config {
	dir := fstest.MapFS{
		"a.rego": {Data: []byte("package weir.authz\n\n" + decision)},
		"n.rego": {Data: []byte("package weir.rules.night\n\n" + night)},
		"g.rego": {Data: []byte("package weir.rules.groups\n\ndeny contains \"g\" if \"g\" in input.subject.groups\n")},
	}
	for _, src := range more {
		dir["m.rego"] = &fstest.MapFile{Data: []byte(src)}
	}
	return Config{FS: dir, Timeout: time.Minute}
}

const (
	anyDeny = "decision := count([1 | some name; some _ in data.weir.rules[name].deny]) == 0\n"
	late    = "deny contains \"late\" if input.time.unix_ns > 100\n"
)

// TestWhatIsAskedEachTime lists policies of which a part reads what is different every time, and what is asked each time then; where nothing
// is, all is.
func TestWhatIsAskedEachTime(t *testing.T) {
	for name, tt := range map[string]struct {
		cfg  Config
		want []string
	}{
		"one rule":                         {divided(anyDeny, late), []string{"weir.rules.night.deny"}},
		"a helper of its own":              {divided(anyDeny, "deny contains \"x\" if dark\ndark if input.time.unix_ns > 100"), []string{"weir.rules.night.deny"}},
		"another body of it":               {divided(anyDeny, late+"deny contains \"never\" if input.phase == \"response\""), []string{"weir.rules.night.deny"}},
		"another part does not":            {divided(anyDeny+"x := data.weir.rules[_].mask", late+"mask contains \"zero\""), []string{"weir.rules.night.deny"}},
		"a library":                        {divided(anyDeny, "deny contains \"x\" if data.lib.dark(100)", "package lib\ndark(n) if input.time.unix_ns > n"), []string{"weir.rules.night.deny"}},
		"by name":                          {divided("decision if not data.weir.rules.night.deny.late", late), []string{"weir.rules.night.deny"}},
		"the packages as a whole":          {divided("decision := count(data.weir.rules.night) > 0", late+"dark if input.time.unix_ns > 1000"), []string{"weir.rules.night.dark", "weir.rules.night.deny"}},
		"the clock":                        {divided(anyDeny, "deny contains \"x\" if time.now_ns() > 100"), []string{"weir.rules.night.deny"}},
		"input replaced in it":             {divided(anyDeny, "deny contains \"x\" if dark with input.time.unix_ns as 5\ndark if input.time.unix_ns > 100"), []string{"weir.rules.night.deny"}},
		"none":                             {divided(anyDeny, "deny contains \"x\" if input.phase == \"response\""), nil},
		"the decision reads it too":        {divided(anyDeny+"decision := false if input.time.unix_ns < 0", late), nil},
		"a function":                       {divided("decision if data.weir.rules.night.dark(100)", late+"dark(n) if input.time.unix_ns > n"), nil},
		"chance":                           {divided(anyDeny, "deny contains \"x\" if rand.intn(\"s\", 2) == 1"), nil},
		"rules replaced in the decision":   {divided("decision if count(data.weir.rules.night.deny) == 0 with data.weir.rules.groups as {}", late), nil},
		"a library that the decision asks": {divided("decision := count(data.weir.rules.night.deny) == 0 if data.lib.dark(100)", late, "package lib\ndark(n) if input.time.unix_ns > n"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			l := load(t, tt.cfg)
			if got := l.freshRules(); !slices.Equal(got, tt.want) {
				t.Fatalf("asked each time: %s, want %s", got, tt.want)
			}
			if kept := l.cache != nil; kept != (name == "none" || tt.want != nil) {
				t.Fatalf("kept: %v; it reads %s", kept, l.volatile)
			}
			for _, ns := range []int64{50, 150, 50, 2000, 150} {
				in := &authz.Input{Phase: authz.PhaseRequest, Time: authz.InputTime{UnixNS: ns}}
				got, err := l.decide(t.Context(), in)
				if err != nil {
					t.Fatal(err)
				}
				want, err := l.eval(t.Context(), l.keys.input(in), time.Unix(0, ns))
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got); diff != "" && name != "chance" {
					t.Errorf("at %d: %s", ns, diff)
				}
			}
		})
	}
}

// TestKeptBesideFreshRules: what is kept is found again, and only where the fresh rules say what they said.
func TestKeptBesideFreshRules(t *testing.T) {
	l := load(t, divided(anyDeny, late))
	for i, ns := range []int64{1, 2, 3, 101, 102, 4} {
		if _, err := l.decide(t.Context(), &authz.Input{Time: authz.InputTime{UnixNS: ns}}); err != nil {
			t.Fatal(err)
		}
		if want := 1 + i/3; len(l.cache.young) != min(want, 2) {
			t.Errorf("after %d decisions %d are kept, want %d", i+1, len(l.cache.young), want)
		}
	}
}

// TestAFreshRuleThatFails: where the decision does not need it, it is one all the same, as it is without a cache; where it does, it is refused.
func TestAFreshRuleThatFails(t *testing.T) {
	l := load(t, divided("decision := true if input.phase == \"request\" else := count(data.weir.rules.night.deny) == 0",
		"deny contains \"x\" if to_number(input.subject.claims.n) > 5"))
	if len(l.freshRules()) != 1 {
		t.Fatalf("asked each time: %s", l.freshRules())
	}
	in := &authz.Input{Phase: authz.PhaseRequest, Subject: authz.Subject{Claims: map[string]any{"n": "many"}}}
	for range 2 {
		if d, err := l.decide(t.Context(), in); err != nil || d.Effect != authz.Allow {
			t.Errorf("%v, %v", d.Effect, err)
		}
	}
	in.Phase = authz.PhaseResponse
	if d, err := l.decide(t.Context(), in); err == nil || authz.AsError(err).Label != "policy_error" {
		t.Errorf("%v, %v", d.Effect, err)
	}
	if len(l.cache.young) != 0 {
		t.Errorf("%d decisions are kept", len(l.cache.young))
	}
}
