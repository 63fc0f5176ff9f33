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

// unknownInSettings refuses settings that hold a word which the input never says, where a rule asks whether the input's is among them: a deny
// for the classes ["exprot"] never speaks. It looks at what was compiled, whose references are whole. "*" is whatever the rule makes of it.
func unknownInSettings(c *ast.Compiler, settings map[string]any, at places, file string) error {
	input, err := readSchema()
	if err != nil {
		return err
	}
	var errs []error
	said := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(c.Modules)) {
		named := namedRefs(c.Modules[name])
		ast.WalkExprs(c.Modules[name], func(e *ast.Expr) bool {
			known, key := input.among(e, named)
			if known == nil {
				return false
			}
			for _, word := range wordsAt(settings, key) {
				text := fmt.Sprintf("%s: %q is never said by input.%s, which this is compared with; it is one of %s", key, word, known.path, strings.Join(known.Enum, ", "))
				if near := meant(word, known.Enum); near != "" {
					text += "; did you mean " + near + "?"
				}
				if !slices.Contains(known.Enum, word) && word != "*" && word != "" && !said[text] {
					said[text] = true
					errs = append(errs, errors.New(at.of(text, file)))
				}
			}
			return false
		})
	}
	return errors.Join(errs...)
}

// namedRefs lists what stands for a reference in a compiled module: the compiler takes them out of calls.
func namedRefs(m *ast.Module) map[ast.Var]ast.Ref {
	named := map[ast.Var]ast.Ref{}
	ast.WalkExprs(m, func(e *ast.Expr) bool {
		if ops := e.Operands(); (e.IsEquality() || e.IsAssignment()) && !e.Negated && len(ops) == 2 {
			v, isVar := ops[0].Value.(ast.Var)
			if ref, isRef := ops[1].Value.(ast.Ref); isVar && isRef && v.IsGenerated() { // others may mean one thing here and another there
				named[v] = ref
			}
		}
		return false
	})
	return named
}

// amongWords is a member of the input whose words are known.
type amongWords struct {
	*schema
	path string
}

// among reads an expression "input.x in data.weir.settings.y", where the words of x are known: it returns them, and y. nil for any other.
func (s *schema) among(e *ast.Expr, named map[ast.Var]ast.Ref) (*amongWords, string) {
	if !e.IsCall() || e.Operator().String() != ast.Member.Name || len(e.Operands()) < 2 {
		return nil, ""
	}
	root := ast.MustParseRef("data.weir.settings")
	whole := func(t *ast.Term) ast.Ref {
		if v, ok := t.Value.(ast.Var); ok {
			return named[v]
		}
		ref, _ := t.Value.(ast.Ref)
		return ref
	}
	word, list := whole(e.Operand(0)), whole(e.Operand(1))
	if word == nil || !list.HasPrefix(root) || !list.IsGround() {
		return nil, ""
	}
	path := pathOf(word, nil)
	known := s.at(path)
	if path == "" || known == nil || len(known.Enum) == 0 {
		return nil, ""
	}
	return &amongWords{known, path}, constant(list[len(root):])
}

// wordsAt lists the words of a setting that is a list; none where it is anything else.
func wordsAt(settings map[string]any, key string) (words []string) {
	var at any = settings
	for part := range strings.SplitSeq(key, ".") {
		m, _ := at.(map[string]any)
		at = m[part]
	}
	list, _ := at.([]any)
	for _, v := range list {
		if word, ok := v.(string); ok {
			words = append(words, word)
		}
	}
	return words
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
