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

// unknownSaid refuses what rules state in so many words and no decision may hold: each request that it is about would be refused with 503.
// Whoever does not know the configuration (windows is nil) is warned of a meter that is not known.
func unknownSaid(c *ast.Compiler, meters authz.Meters, windows []authz.Window) (warnings []string, err error) {
	root := ast.MustParseRef("data.weir.rules")
	known := loaded{meters: meters, windows: windows}
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
			v, sure := statedAs(part, stated(r.Head.Key, r.Body), r.Body)
			if v == nil {
				continue
			}
			where := fmt.Sprintf("%s: %s.%s", r.Location, short(m.Package.Path), part)
			l, err := readPart(part, v)
			switch {
			case err != nil:
				errs = append(errs, fmt.Errorf("%s: %w", where, err))
			case !sure:
			case windows == nil && !known.metered(l):
				warnings = append(warnings, fmt.Sprintf("%s: %v", where, known.countable(l)))
			default:
				if err := known.countable(l); err != nil {
					errs = append(errs, fmt.Errorf("%s: %w", where, err))
				}
			}
		}
	}
	return warnings, errors.Join(errs...)
}

// statedAs is what a rule states for a part, with good values for those members that only evaluation tells; nil where it tells all. sure: none
// of those that a limit is counted by is such a one.
func statedAs(part string, v ast.Value, body ast.Body) (as any, sure bool) {
	o, isObject := v.(ast.Object)
	if !isObject {
		if v == nil || !v.IsGround() || !isPlain(v) {
			return nil, false
		}
		as, err := ast.JSON(v)
		return as, err == nil
	}
	good := map[string]any{
		"meter": string(authz.MeterSubject), "key": "group", "unit": string(authz.UnitVectors), "window": "1h", "max": json.Number("0"), "over": "deny",
		"away": "refuse", "reason": "no", "alternatives": []any{}, "kind": "forbidden", "name": "flag",
	}
	if part == "hold" || part == "deny" {
		good["approval"] = map[string]any{}
	}
	out := map[string]any{}
	sure = true
	for _, k := range o.Keys() {
		name, ok := k.Value.(ast.String)
		if !ok {
			return nil, false
		}
		value := stated(o.Get(k), body)
		out[string(name)] = good[string(name)]
		if value == nil || !value.IsGround() || !isPlain(value) {
			sure = sure && !slices.Contains([]string{"meter", "unit", "window"}, string(name))
		} else if at, err := ast.JSON(value); err == nil {
			out[string(name)] = at
		}
	}
	return out, sure
}

// isPlain reports whether a value is what it says: nothing in it is left to evaluation.
func isPlain(v ast.Value) bool {
	plain := true
	ast.WalkTerms(ast.NewTerm(v), func(t *ast.Term) bool {
		switch t.Value.(type) {
		case ast.Ref, ast.Var, ast.Call, *ast.ArrayComprehension, *ast.SetComprehension, *ast.ObjectComprehension:
			plain = false
		}
		return !plain
	})
	return plain
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
