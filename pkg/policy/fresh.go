package policy

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"

	"github.com/weirgate/weir/pkg/authz"
)

// fresh are the rules of a policy that are asked every time, because they read the time, usage or risk: the second entrypoint. All else of a
// decision follows from what they say and from what else the policy reads, and is repeated where both are what they were. Immutable.
type fresh struct {
	query rego.PreparedEvalQuery
	rules []string // as weir.rules.<name>.<part>, sorted
}

// divide finds the rules of weir.rules.<name> through which alone the entrypoint comes to what is different every time. rest is what it
// reaches without them. There are none where a decision cannot be made of the two: something else reads such things too, such a rule is a
// function, or one draws random numbers, which another evaluation would draw anew.
func divide(c *ast.Compiler, entrypoint ast.Ref) (refs []ast.Ref, rest reached) {
	found, known := map[string]ast.Ref{}, map[string]bool{}
	whole := true
	rest = walk(c, c.GetRulesWithPrefix(entrypoint), func(from, to *ast.Rule) bool {
		ref, isRule := partRef(to)
		if !isRule || from.Module.Package.Path.Equal(to.Module.Package.Path) {
			return true
		}
		name := ref.String()
		if _, asked := known[name]; !asked {
			rules := c.GetRulesWithPrefix(ref)
			r := walk(c, rules, func(_, _ *ast.Rule) bool { return true })
			keep, _ := newCache(r)
			known[name] = keep != nil
			if keep == nil {
				found[name] = ref
				isFunction := func(r *ast.Rule) bool { return len(r.Head.Args) > 0 }
				whole = whole && !r.random && !slices.ContainsFunc(rules, isFunction)
			}
		}
		return known[name]
	})
	if !whole {
		return nil, rest
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		refs = append(refs, found[name])
	}
	return refs, rest
}

// partRef is data.weir.rules.<name>.<part>, of which a rule is a body.
func partRef(r *ast.Rule) (ast.Ref, bool) {
	path, rules := r.Module.Package.Path, ast.MustParseRef("data.weir.rules")
	if !path.HasPrefix(rules) || len(path) == len(rules) {
		return nil, false
	}
	return r.Ref()[:len(path)+1], true
}

// newFresh prepares the question for all refs at once. What each says is in a set, which is empty where it says nothing.
func newFresh(ctx context.Context, refs []ast.Ref, opts ...func(*rego.Rego)) (*fresh, error) {
	f := &fresh{}
	var asked []string
	for _, ref := range refs {
		f.rules = append(f.rules, short(ref))
		asked = append(asked, "{said | said := "+ref.String()+"}")
	}
	opts = append(opts, rego.Query("["+strings.Join(asked, ", ")+"]"),
		rego.GenerateJSON(func(t *ast.Term, _ *rego.EvalContext) (any, error) { return t.String(), nil }))
	var err error
	f.query, err = rego.New(opts...).PrepareForEval(ctx)
	return f, err
}

// ask returns what the fresh rules say about an input, in an order of its own. It is false where that cannot be told: the decision itself
// may still be one, as it may not need all of them.
func (f *fresh) ask(ctx context.Context, l *loaded, input ast.Value, now time.Time) (string, bool) {
	rs, _, err := l.run(ctx, f.query, l.timeout, []rego.EvalOption{rego.EvalParsedInput(input), rego.EvalTime(now)})
	if err != nil || len(rs) != 1 || len(rs[0].Expressions) != 1 {
		return "", false
	}
	said, ok := rs[0].Expressions[0].Value.(string)
	return said, ok
}

// decide evaluates the policy, or repeats what it said about an input that differs in nothing that it can reach, nor in what its fresh rules
// say. All of it ends within the policy's time.
func (l *loaded) decide(ctx context.Context, in *authz.Input) (authz.Decision, error) {
	now := time.Unix(0, in.Time.UnixNS)
	if l.cache == nil {
		return l.eval(ctx, l.keys.input(in), now)
	}
	var room [512]byte
	key := l.cache.key(room[:0], in)
	var input ast.Value
	if l.fresh != nil {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, l.timeout)
		defer stop()
		input = l.keys.input(in)
		said, ok := l.fresh.ask(ctx, l, input, now)
		if !ok {
			return l.eval(ctx, input, now)
		}
		key = appendText(key, said)
	}
	if d, ok := l.cache.get(key); ok {
		return d, nil
	}
	if input == nil {
		input = l.keys.input(in)
	}
	d, err := l.eval(ctx, input, now)
	if err == nil {
		l.cache.put(key, d)
	}
	return d, err
}
