package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// unknownWords refuses comparisons with words that the input never says: input.operation.class == "raed" is as false as it is misspelt, and
// a deny that asks so never speaks.
func unknownWords(modules map[string]*ast.Module, input *schema) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(modules)) {
		ast.WalkExprs(modules[name], func(e *ast.Expr) bool {
			for _, pair := range compared(e) {
				p := pathOf(pair.ref, nil)
				known := input.at(p)
				if p == "" || known == nil || len(known.Enum) == 0 || pair.word == "" || slices.Contains(known.Enum, pair.word) {
					continue
				}
				errs = append(errs, fmt.Errorf("%s: input.%s is never %q; it is one of %s", e.Location, p, pair.word, strings.Join(known.Enum, ", ")))
			}
			return false
		})
	}
	return errors.Join(errs...)
}

// at is the schema of what is at a path of constants; nil where there is none.
func (s *schema) at(path string) *schema {
	for key := range strings.SplitSeq(path, ".") {
		if s = s.Properties[key]; s == nil {
			return nil
		}
	}
	return s
}

type comparison struct {
	ref  ast.Ref
	word string
}

// compared lists what an expression compares with constant words: by ==, !=, and in.
func compared(e *ast.Expr) []comparison {
	if !e.IsCall() {
		return nil
	}
	ops := e.Operands()
	if len(ops) < 2 {
		return nil
	}
	var words []string
	a, b := ops[0], ops[1]
	switch e.Operator().String() {
	case ast.Equal.Name, ast.NotEqual.Name, ast.Equality.Name:
		if _, ok := a.Value.(ast.String); ok {
			a, b = b, a
		}
		if w, ok := b.Value.(ast.String); ok {
			words = append(words, string(w))
		}
	case ast.Member.Name:
		each := func(t *ast.Term) {
			if w, ok := t.Value.(ast.String); ok {
				words = append(words, string(w))
			}
		}
		switch list := b.Value.(type) {
		case ast.Set:
			list.Foreach(each)
		case *ast.Array:
			list.Foreach(each)
		}
	}
	ref, ok := a.Value.(ast.Ref)
	if !ok {
		return nil
	}
	out := make([]comparison, len(words))
	for i, w := range words {
		out[i] = comparison{ref, w}
	}
	return out
}
