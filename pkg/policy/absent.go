package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// saysNothing finds negations that say nothing, where their author means true: "not f(input.x)", "not input.x in s" and "not s[input.x]" are
// undefined when input.x is absent, for Rego reads it before it negates. A deny that depends on one then never speaks.
// It looks at members of the input that may be absent and that nothing else in the same body needs.
func saysNothing(modules map[string]*ast.Module, input *schema) []string {
	f := &absentFinder{input: input}
	for _, name := range slices.Sorted(maps.Keys(modules)) {
		ast.WalkBodies(modules[name], func(b ast.Body) bool {
			f.body(b)
			return false
		})
	}
	return f.found
}

type absentFinder struct {
	input *schema
	found []string
}

// body looks at the negations of one body.
func (f *absentFinder) body(b ast.Body) {
	aliases := map[ast.Var]ast.Ref{} // x := input.a
	var needed []string              // paths that must be there for the body to hold
	for _, e := range b {
		if e.Negated {
			continue
		}
		if ops := e.Operands(); e.IsAssignment() && len(ops) == 2 {
			v, isVar := ops[0].Value.(ast.Var)
			if ref, isRef := ops[1].Value.(ast.Ref); isVar && isRef {
				aliases[v] = ref
			}
		}
		for _, ref := range refs(e) {
			needed = append(needed, pathOf(ref, aliases))
		}
	}
	for _, e := range b {
		if !e.Negated {
			continue
		}
		for _, ref := range readFirst(e) {
			p := pathOf(ref, aliases)
			if p == "" || !f.mayBeAbsent(p) || slices.ContainsFunc(needed, func(n string) bool { return n == p || strings.HasPrefix(n, p+".") }) {
				continue
			}
			f.found = append(f.found, fmt.Sprintf("%s: this \"not\" says nothing, rather than true, where input.%s is absent: put what it negates into a rule of its own, and negate that",
				e.Location, p))
		}
	}
}

// mayBeAbsent reports whether some input has no such path.
func (f *absentFinder) mayBeAbsent(path string) bool {
	s := f.input
	for key := range strings.SplitSeq(path, ".") {
		if s == nil || s.Properties[key] == nil || !slices.Contains(s.Required, key) {
			return true
		}
		s = s.Properties[key]
	}
	return false
}

// pathOf is a reference's path in the input, "" where it is no such reference.
func pathOf(ref ast.Ref, aliases map[ast.Var]ast.Ref) string {
	if v, ok := ref[0].Value.(ast.Var); ok && aliases[v] != nil {
		ref = append(slices.Clone(aliases[v]), ref[1:]...)
	}
	if !ref[0].Equal(ast.InputRootDocument) {
		return ""
	}
	return constant(ref[1:])
}

// readFirst lists what a negated expression reads before it is negated: all but the sides of an equality, and the reference that it is.
func readFirst(e *ast.Expr) []ast.Ref {
	var out []ast.Ref
	parts := []*ast.Term{}
	switch terms := e.Terms.(type) {
	case *ast.Term:
		parts = append(parts, terms)
	case []*ast.Term:
		parts = terms[1:]
	}
	bare := !e.IsCall() || e.IsEquality() || e.Operator().Equal(ast.Equal.Ref())
	for _, t := range parts {
		if ref, ok := t.Value.(ast.Ref); ok && bare {
			for _, inner := range ref[1:] {
				out = append(out, refs(inner)...)
			}
			continue
		}
		out = append(out, refs(t)...)
	}
	return out
}

// refs lists the references in x, those inside of comprehensions left out: they have bodies of their own.
func refs(x any) []ast.Ref {
	var out []ast.Ref
	ast.NewGenericVisitor(func(x any) bool {
		switch x := x.(type) {
		case *ast.ArrayComprehension, *ast.SetComprehension, *ast.ObjectComprehension, *ast.Every:
			return true
		case ast.Ref:
			out = append(out, x)
		}
		return false
	}).Walk(x)
	return out
}
