package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/weirgate/weir/pkg/authz"
)

// unknownSaid refuses masks, score masks and limits that rules state in so many words and that no decision may hold: each request they are
// about would be refused with 503. A limit on a meter that is not known is warned of: whoever asks may not know the configuration.
func unknownSaid(c *ast.Compiler, meters []authz.Meter) (warnings []string, err error) {
	root := ast.MustParseRef("data.weir.rules")
	known := loaded{meters: meters}
	var errs []error
	for _, file := range slices.Sorted(maps.Keys(c.Modules)) {
		m := c.Modules[file]
		if !m.Package.Path.HasPrefix(root) {
			continue
		}
		for _, r := range m.Rules {
			if len(r.Head.Ref()) == 0 || r.Head.Key == nil {
				continue
			}
			part := constant(r.Ref()[len(m.Package.Path):])
			l, err := said(part, stated(r.Head.Key, r.Body), r.Body)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %s.%s: %w", r.Location, short(m.Package.Path), part, err))
			} else if err := known.metered(l); err != nil {
				warnings = append(warnings, fmt.Sprintf("%s: %v", r.Location, err))
			}
		}
	}
	return warnings, errors.Join(errs...)
}

// said reads what a rule states for a part, as far as it is stated in so many words, as decisions are read. It returns a limit, where it is one.
func said(part string, v ast.Value, body ast.Body) ([]authz.Limit, error) {
	word, isWord := v.(ast.String)
	switch {
	case part == "mask" && isWord:
		if !authz.MaskMode(word).Valid() {
			return nil, fmt.Errorf("mask %q is not known", string(word))
		}
	case part == "score" && isWord:
		if !authz.ScoreMask(word).Valid() {
			return nil, fmt.Errorf("score mask %q: want drop, rank or round:N", string(word))
		}
	case part == "limit":
		o, ok := v.(ast.Object)
		if !ok {
			return nil, nil
		}
		members, err := membersOf(o, body)
		if err != nil || members == nil {
			return nil, err
		}
		l, err := limit(members)
		return []authz.Limit{l}, err
	}
	return nil, nil
}

// membersOf lists the members of a limit, with good values for those that only evaluation tells; nil where it tells the names, too.
func membersOf(o ast.Object, body ast.Body) (map[string]any, error) {
	good := map[string]any{"meter": string(authz.MeterSubject), "key": "", "unit": string(authz.UnitVectors), "window": "1h", "max": json.Number("0"), "over": "deny", "away": "refuse"}
	out := map[string]any{}
	return out, o.Iter(func(k, v *ast.Term) error {
		name, ok := k.Value.(ast.String)
		if !ok {
			out = nil
			return nil
		}
		if out == nil {
			return nil
		}
		out[string(name)] = good[string(name)]
		value := stated(v, body)
		if value == nil || !value.IsGround() {
			return nil
		}
		if _, computed := value.(ast.Ref); computed {
			return nil
		}
		at, err := ast.JSON(value)
		out[string(name)] = at
		return err
	})
}

// stated is a term's value, where the compiler put a variable in its place that which that stands for.
func stated(t *ast.Term, body ast.Body) ast.Value {
	v, ok := t.Value.(ast.Var)
	if !ok || !v.IsGenerated() {
		return t.Value
	}
	for _, e := range body {
		if ops := e.Operands(); e.IsEquality() && !e.Negated && len(ops) == 2 && ops[0].Equal(t) {
			return ops[1].Value
		}
	}
	return nil
}
