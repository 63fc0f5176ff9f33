package policy

import (
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/weirgate/weir/pkg/authz"
)

// reached is what the entrypoint can reach, found in the compiled rules. It may name too much, never too little.
type reached struct {
	paths  []string // of the input, joined with dots, down to the first element that is computed; "" is the input as a whole. Sorted
	impure bool     // some rule asks for clock or random numbers, whose answers are in no path
	random bool     // some rule asks for random numbers
}

// reach walks every rule that evaluation of the entrypoint can come to: the compiler's graph has an edge wherever a rule refers to others, and to all of
// them where the reference is computed.
func reach(c *ast.Compiler, entrypoint ast.Ref) reached {
	return walk(c, c.GetRulesWithPrefix(entrypoint), func(_, _ *ast.Rule) bool { return true })
}

// walk is reach from some rules, along those edges that into wants.
func walk(c *ast.Compiler, queue []*ast.Rule, into func(from, to *ast.Rule) bool) reached {
	var out reached
	seen := map[*ast.Rule]bool{}
	for len(queue) > 0 {
		rule := queue[0]
		queue = queue[1:]
		if seen[rule] {
			continue
		}
		seen[rule] = true
		out.visit(rule)
		if rule.Else != nil { // the graph has what an else refers to at the else, and edges to it from others only
			queue = append(queue, rule.Else)
		}
		for dep := range c.Graph.Dependencies(rule) {
			if r, ok := dep.(*ast.Rule); ok && !seen[r] && into(rule, r) {
				queue = append(queue, r)
			}
		}
	}
	slices.Sort(out.paths)
	out.paths = slices.Compact(out.paths)
	return out
}

func (r *reached) visit(x any) {
	ast.NewGenericVisitor(func(x any) bool {
		switch x := x.(type) {
		case *ast.With: // input or a built-in replaced: what it stands for is not followed
			r.impure = true
		case ast.Var:
			if x.Equal(ast.InputRootDocument.Value) {
				r.paths = append(r.paths, "")
			}
		case ast.Ref:
			if b, ok := ast.BuiltinMap[x.String()]; ok && (b.Nondeterministic || readsClock(b.Name)) {
				r.impure = true
				r.random = r.random || b.Name == "rand.intn" || b.Name == "uuid.rfc4122"
			}
			if !x[0].Equal(ast.InputRootDocument) {
				return false
			}
			r.paths = append(r.paths, constant(x[1:]))
			for _, t := range x[1:] { // what is computed may read the input too
				r.visit(t)
			}
			return true
		}
		return false
	}).Walk(x)
}

// readsClock reports whether a built-in reads the clock of which OPA does not say so: those that verify certificates ask whether they have ended.
func readsClock(builtin string) bool {
	return strings.HasPrefix(builtin, "crypto.x509.parse_and_verify_certificates")
}

// constant joins the elements of a reference up to the first that is computed.
func constant(ref ast.Ref) string {
	var parts []string
	for _, t := range ref {
		s, ok := t.Value.(ast.String)
		if !ok || strings.Contains(string(s), ".") {
			break
		}
		parts = append(parts, string(s))
	}
	return strings.Join(parts, ".")
}

// within reports whether the path p is part, or lies in it.
func within(p, part string) bool { return p == part || strings.HasPrefix(p, part+".") }

// needs says which parts of an input must be there.
func (r *reached) needs() authz.Reads {
	has := func(part string) bool {
		return slices.ContainsFunc(r.paths, func(p string) bool { return p == "" || within(p, part) || strings.HasPrefix(part, p+".") })
	}
	content := has("response.artifact") || has("response.object")
	response := slices.ContainsFunc(r.paths, func(p string) bool { // what is no more than an object's is there for objects only
		return p == "" || within(p, "response") && !within(p, "response.artifact") && !within(p, "response.object")
	})
	return authz.Reads{
		Usage: has("usage"), Groups: has("usage.group"), Risk: has("risk"), Response: response,
		Object: content || response || has("operation.coverage") || has("operation.corpus") || has("operation.registered"), Content: content,
		Attempts: has("operation.attempts"), Registered: has("operation.registered"), Corpus: has("operation.corpus"),
	}
}
