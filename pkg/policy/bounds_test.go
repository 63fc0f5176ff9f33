package policy_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/policy"
	shipped "github.com/weirgate/weir/rego"
)

// TestFaults: what goes wrong in a rule refuses, and the rule is named where the operator looks, which the client is not told.
func TestFaults(t *testing.T) {
	authzRego, err := shipped.FS.ReadFile("weir/authz/authz.rego")
	if err != nil {
		t.Fatal(err)
	}
	const head = "package weir.rules.x\n\nallow contains true\n\n"
	for name, tc := range map[string]struct {
		src          string
		label, fault string
		bound        func(*policy.Config)
	}{
		"a mask that is none":   {"mask contains \"zero\" if input.phase == \"response\"\n\nmask contains m if some m in [\"zeros\"]\n", "policy_result", "weir.rules.x.mask (rules/x/x.rego:7)", nil},
		"a flag, of two parts":  {"mask contains \"zero\"\n\nflag contains {\"name\": n, \"reason\": \"x\"} if some n in [\"Odd\"]\n", "policy_result", "weir.rules.x.flag (rules/x/x.rego:7)", nil},
		"a limit of settings":   {"limit contains {\"meter\": \"subject\", \"unit\": u, \"window\": \"1h\", \"max\": 3} if {\n\tsome u in [\"bytes\", \"token\"]\n}\n\nlimit contains {\"meter\": \"subject\", \"unit\": \"bytes\", \"window\": \"1h\", \"max\": 3}\n", "policy_result", "weir.rules.x.limit (rules/x/x.rego:5)", nil},
		"a window of a limit":   {"limit contains object.union({\"meter\": \"subject\", \"unit\": \"bytes\", \"max\": 3}, {\"window\": \"2h\"})\n", "policy_result", "weir.rules.x.limit (rules/x/x.rego:5)", func(c *policy.Config) { c.Windows = []authz.Window{authz.Window(time.Hour)} }},
		"a denial that is none": {"deny contains d if some d in [3]\n", "policy_error", "weir.rules.x.deny (rules/x/x.rego:5)", nil},
		"of an answer":          {"deny contains d if {\n\tsome d in [{\"reson\": \"no\"}]\n}\n", "policy_result", "weir.rules.x.deny (rules/x/x.rego:5)", nil},
		"two answers":           {"deny contains s if s := said\n\nsaid := input.subject.id if input.final\n\nsaid := 2 if input.final\n", "policy_error", "weir.rules.x.said (rules/x/x.rego:", nil},
		"two of a function":     {"deny contains s if s := f(input.subject.id)\n\nf(x) := x if input.final\n\nf(x) := [x] if input.final\n", "policy_error", "weir.rules.x.f (rules/x/x.rego:", nil},
		"two of a key":          {"deny contains s if s := m.k\n\nm[k] := v if {\n\tk := \"k\"\n\tsome v in [1, input.subject.id]\n}\n", "policy_error", "weir.rules.x.m", nil},
		"behind a not":          {"deny contains \"no\" if not slow\n\nslow if {\n\tsome i in numbers.range(1, 5000)\n\tsome j in numbers.range(1, 5000)\n\ti * j == -1\n}\n", "policy_timeout", "weir.rules.x.slow (rules/x/x.rego:", func(c *policy.Config) { c.Timeout = 50 * time.Millisecond }},
		"a built-in":            {"deny contains \"no\" if {\n\tinput.final\n\ttime.parse_rfc3339_ns(input.subject.id) > 0\n}\n", "policy_error", "weir.rules.x.deny (rules/x/x.rego:7)", nil},
		"a built-in, deeper":    {"deny contains \"no\" if helper\n\nhelper if {\n\tto_number(input.subject.id) > 0\n}\n", "policy_error", "weir.rules.x.helper (rules/x/x.rego:8)", nil},
		"loops long":            {"deny contains \"no\" if {\n\tsome i in numbers.range(1, 5000)\n\tsome j in numbers.range(1, 5000)\n\ti * j == -1\n}\n", "policy_timeout", "weir.rules.x.deny (rules/x/x.rego:", func(c *policy.Config) { c.Timeout = 50 * time.Millisecond }},
		"loops in a function":   {"deny contains \"no\" if f(5000) > 0\n\nf(n) := count([1 |\n\tsome i in numbers.range(1, n)\n\tsome j in numbers.range(1, n)\n\ti * j == -1\n])\n", "policy_timeout", "weir.rules.x.f (rules/x/x.rego:", func(c *policy.Config) { c.Timeout = 50 * time.Millisecond }},
		"allocates much":        {"deny contains \"no\" if {\n\tcount([s | some i in numbers.range(1, 100000000); s := sprintf(\"%d %d %d\", [i, i, i])]) < 0\n}\n", "policy_memory", "weir.rules.x.deny (rules/x/x.rego:", func(c *policy.Config) { c.Memory = 16 << 20 }},
		"doubles":               {"deny contains \"no\" if count(grown) < 0\n\ngrown := s9 if {\n\ts0 := sprintf(\"%0100000d\", [1])\n" + doubling(9, "s") + "\n}\n", "policy_memory", "weir.rules.x.grown (rules/x/x.rego:", func(c *policy.Config) { c.Memory = 8 << 20 }},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := policy.Config{Timeout: 20 * time.Second, FS: fstest.MapFS{"authz/authz.rego": {Data: authzRego}, "rules/x/x.rego": {Data: []byte(head + tc.src)}}}
			if tc.bound != nil {
				tc.bound(&cfg)
			}
			d, err := engine(t, cfg).Eval(t.Context(), input(func(in *authz.Input) { in.Subject.ID = "ada lovelace" }))
			e := authz.AsError(err)
			if e == nil || d.Effect != authz.Deny || e.Kind != authz.KindUnavailable || e.Label != tc.label || !strings.HasPrefix(e.Fault, tc.fault) {
				t.Fatalf("%+v, %v, fault %q; want %s in %s", d, err, faultOf(e), tc.label, tc.fault)
			}
			if strings.Contains(e.Error()+e.Fault, "lovelace") || strings.Contains(e.Public, "rego") {
				t.Errorf("%v, %q, %q: says too much", e, e.Fault, e.Public)
			}
		})
	}
	runtime.GC()
}

// TestFaultOfAnEntrypoint: what composes no rules is the one that says it.
func TestFaultOfAnEntrypoint(t *testing.T) {
	_, err := engine(t, own("\ndecision := {\"effect\": \"permit\"}")).Eval(t.Context(), input(nil))
	if e := authz.AsError(err); e == nil || e.Fault != "weir.authz.decision (p.rego:3)" {
		t.Errorf("%v, fault %q", err, faultOf(e))
	}
}

func faultOf(e *authz.Error) string {
	if e == nil {
		return ""
	}
	return e.Fault
}

// doubling is a chain of values, each twice the last one.
func doubling(n int, v string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "\t%s%d := concat(\"\", [%s%d, %s%d, %s%d, %s%d])\n", v, i+1, v, i, v, i, v, i, v, i)
	}
	return b.String()
}

// TestOneLooksAtATime: many evaluations that are ended at once are not all done twice.
func TestOneLooksAtATime(t *testing.T) {
	cfg := own("decision := true if {\n\tsome i in numbers.range(1, 5000)\n\tsome j in numbers.range(1, 5000)\n\ti * j == -1\n}\n")
	cfg.Timeout = 100 * time.Millisecond
	e := engine(t, cfg)
	var wg sync.WaitGroup
	var mu sync.Mutex
	named := 0
	start := make(chan struct{})
	for range 8 {
		wg.Go(func() {
			<-start
			_, err := e.Eval(t.Context(), input(nil))
			mu.Lock()
			defer mu.Unlock()
			if fault := faultOf(authz.AsError(err)); fault != "" {
				named++
				if !strings.HasPrefix(fault, "weir.authz.decision (p.rego:") {
					t.Errorf("fault %q", fault)
				}
			}
		})
	}
	close(start)
	wg.Wait()
	if named == 0 || named == 8 {
		t.Errorf("%d of 8 looked; want some, one at a time", named)
	}
}
