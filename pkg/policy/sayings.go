package policy

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// sayings asks the rules of weir.rules.<name> one by one, to find which of them says what no decision may hold: in the decision, all that they
// say is joined. It is safe for concurrent use.
type sayings struct {
	compiler *ast.Compiler
	opts     []func(*rego.Rego)
	parts    []saying
	all      rego.PreparedEvalQuery // of every part, in their order
}

// saying is one set of one rule.
type saying struct {
	part  string // such as mask
	ref   ast.Ref
	query rego.PreparedEvalQuery
}

// strange is what is wrong with what a rule says; or with its evaluation, where failed.
type strange struct {
	at     *ast.Location
	rule   string // weir.rules.<name>.<part>
	err    error
	failed bool
}

// String is how compilers write it.
func (s strange) String() string {
	at := s.at.String() + ": "
	return at + s.rule + ": " + strings.TrimPrefix(s.err.Error(), at)
}

// newSayings prepares a question for each set that rules say and a decision is made of.
func newSayings(ctx context.Context, c *ast.Compiler, opts ...func(*rego.Rego)) (*sayings, error) {
	s := &sayings{compiler: c, opts: append(slices.Clone(opts), rego.Compiler(c))}
	for part, names := range partsOf(c.Modules) {
		for _, name := range names.([]any) {
			if part == "problem" || part == "warning" { // asked at load
				continue
			}
			ref := ast.MustParseRef("data.weir.rules").Append(ast.StringTerm(name.(string))).Append(ast.StringTerm(part))
			query, err := rego.New(append(slices.Clone(s.opts), rego.ParsedQuery(ast.NewBody(ast.NewExpr(ast.NewTerm(ref)))))...).PrepareForEval(ctx)
			if err != nil {
				return nil, fmt.Errorf("prepare %s: %w", short(ref), err)
			}
			s.parts = append(s.parts, saying{part, ref, query})
		}
	}
	slices.SortFunc(s.parts, func(a, b saying) int { return a.ref.Compare(b.ref) })
	all := make([]*ast.Term, len(s.parts))
	for i, p := range s.parts {
		all[i] = ast.NewTerm(p.ref)
	}
	var err error
	s.all, err = rego.New(append(slices.Clone(s.opts), rego.ParsedQuery(ast.NewBody(ast.NewExpr(ast.ArrayTerm(all...)))))...).PrepareForEval(ctx)
	return s, err
}

// strange asks every rule about an input. l judges limits, and bounds each evaluation. All are asked at once, and one by one only where one
// of them fails.
func (s *sayings) strange(ctx context.Context, l *loaded, opts []rego.EvalOption) (found []strange) {
	if rs, _, err := l.run(ctx, s.all, l.timeout, opts); err == nil && len(rs) == 1 {
		sets, _ := rs[0].Expressions[0].Value.([]any)
		for i, set := range sets {
			found = append(found, s.read(ctx, l, s.parts[i], set, opts)...)
		}
		return found
	}
	for _, p := range s.parts {
		rs, label, err := l.run(ctx, p.query, l.timeout, opts)
		switch {
		case err == nil && len(rs) == 1:
			found = append(found, s.read(ctx, l, p, rs[0].Expressions[0].Value, opts)...)
		case label == "policy_error":
			found = append(found, strange{errorAt(err, s.rules(p.ref)), short(p.ref), quiet(err), true})
		}
	}
	return found
}

// read finds what is strange in a set that a rule says.
func (s *sayings) read(ctx context.Context, l *loaded, p saying, set any, opts []rego.EvalOption) (found []strange) {
	elements, _ := set.([]any)
	for _, v := range elements {
		if err := l.readPart(p.part, v); err != nil {
			found = append(found, strange{s.sayer(ctx, l, p, v, opts), short(p.ref), err, false})
		}
	}
	return found
}

// readPart reads what a rule says for a part, as it is read of a decision.
func (l *loaded) readPart(part string, v any) error {
	limits, err := readPart(part, v)
	if err == nil && part == "limit" {
		err = l.countable(limits)
	}
	return err
}

// sayer is where the rule is that says something strange, what: one of those that add to the set. Where its body cannot be asked by itself, it is the
// first of them.
func (s *sayings) sayer(ctx context.Context, l *loaded, p saying, what any, opts []rego.EvalOption) *ast.Location {
	rules := s.rules(p.ref)
	if len(rules) == 1 {
		return rules[0].Location
	}
	for _, r := range rules {
		body := ast.NewBody(r.Body.Copy()...)
		body.Append(ast.Equality.Expr(ast.VarTerm("said"), r.Head.Key.Copy()))
		prepared, err := rego.New(append(slices.Clone(s.opts), rego.ParsedQuery(body))...).PrepareForEval(ctx)
		if err != nil {
			continue
		}
		rs, _, err := l.run(ctx, prepared, l.timeout, opts)
		if err != nil {
			continue
		}
		for _, one := range rs {
			if reflect.DeepEqual(one.Bindings["said"], what) {
				return r.Location
			}
		}
	}
	return rules[0].Location
}

// rules lists those that add to a set, in the order of files and lines.
func (s *sayings) rules(ref ast.Ref) []*ast.Rule {
	rules := s.compiler.GetRulesExact(ref)
	return slices.SortedFunc(slices.Values(rules), func(a, b *ast.Rule) int { return a.Location.Compare(b.Location) })
}

// errorAt is where an evaluation failed.
func errorAt(err error, rules []*ast.Rule) *ast.Location {
	var e *topdown.Error
	if errors.As(err, &e) && e.Location != nil && e.Location.File != "" {
		return e.Location
	}
	return rules[0].Location
}
