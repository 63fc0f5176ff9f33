package policy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage"
)

// parts are the sets that a package weir.rules.<name> adds to; problem and warning are what it finds in the settings, asked at load.
var parts = []string{"allow", "missing", "deny", "hold", "limit", "mask", "score", "field", "strict", "flag", "problem", "warning"}

// checkRules refuses rule packages that would be passed over without a word: Rego iterates over a deny that is no set, or lies a package
// deeper than the composition looks, by finding nothing in it.
func checkRules(modules map[string]*ast.Module) error {
	root := ast.MustParseRef("data.weir.rules")
	said := map[string]bool{}
	at := map[string]*ast.Location{}
	meant := map[string]string{} // by a package's path
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(modules)) {
		m := modules[name]
		path := m.Package.Path
		if !path.HasPrefix(root) {
			continue
		}
		if len(path) != len(root)+1 {
			errs = append(errs, fmt.Errorf("%s: package %s takes no part: want weir.rules.<name>", m.Package.Location, short(path)))
			continue
		}
		at[path.String()] = m.Package.Location
		for _, r := range m.Rules {
			ref := r.Head.Ref()
			part := strings.Trim(ref[0].Value.String(), `"`)
			if !slices.Contains(parts, part) {
				if near := nearestPart(part); near != "" && meant[path.String()] == "" {
					meant[path.String()] = fmt.Sprintf("; line %d says %s: did you mean %s?", r.Location.Row, part, near)
				}
				continue
			}
			if len(ref) != 1 || r.Head.RuleKind() != ast.MultiValue {
				errs = append(errs, fmt.Errorf("%s: %s.%s is no set: write \"%s contains … if …\"", r.Location, short(path), part, part))
			}
			said[path.String()] = true
		}
	}
	for _, path := range slices.Sorted(maps.Keys(at)) {
		if !said[path] && len(errs) == 0 {
			errs = append(errs, fmt.Errorf("%s: package %s adds to none of %s%s", at[path], strings.TrimPrefix(path, "data."), strings.Join(parts, ", "), meant[path]))
		}
	}
	return errors.Join(errs...)
}

// partsOf lists, for each part, the rules that say it: data.weir.parts, so that composing them need not ask each for all.
func partsOf(modules map[string]*ast.Module) map[string]any {
	said := map[string]map[string]bool{}
	for _, m := range modules {
		name, ok := strings.CutPrefix(short(m.Package.Path), "weir.rules.")
		if !ok {
			continue
		}
		for _, r := range m.Rules {
			part := strings.Trim(r.Head.Ref()[0].Value.String(), `"`)
			if slices.Contains(parts, part) {
				if said[part] == nil {
					said[part] = map[string]bool{}
				}
				said[part][name] = true
			}
		}
	}
	out := map[string]any{}
	for _, part := range parts {
		names := []any{}
		for _, name := range slices.Sorted(maps.Keys(said[part])) {
			names = append(names, name)
		}
		out[part] = names
	}
	return out
}

// short is a package's path as its file writes it.
func short(path ast.Ref) string { return strings.TrimPrefix(path.String(), "data.") }

// problems asks the policy, once, before it is taken, what is wrong with its settings, and what is permitted and should be meant.
func problems(ctx context.Context, c *ast.Compiler, store storage.Store, at places, settings string) (warnings []string, err error) {
	said := func(part string) (all []string, err error) {
		query := rego.Query("data.weir.rules[_]." + part + "[what]")
		rs, err := rego.New(query, rego.Compiler(c), rego.Store(store), rego.StrictBuiltinErrors(true)).Eval(ctx)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", settings, err)
		}
		for _, r := range rs {
			all = append(all, at.of(fmt.Sprint(r.Bindings["what"]), settings))
		}
		return all, nil
	}
	wrong, err := said("problem")
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, w := range wrong {
		errs = append(errs, errors.New(w))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return said("warning")
}
