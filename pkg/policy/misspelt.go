package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// misspeltParts finds rules that nothing reads and that are meant for the composition. In a package weir.rules.<name> they are called almost
// like a part: Rego takes "deney contains …" for a set of the author's own, and nobody is refused. Where it is a set, it can be meant for
// nothing else, and is an error; another rule may be left over, and is warned of. In any other package ("night") a set that is
// called as a part is warned of. It asks after compilation, when every reference says in full what it reads.
func misspeltParts(c *ast.Compiler) (warnings []string, err error) {
	root := ast.MustParseRef("data.weir.rules")
	var errs []error
	said := map[string]bool{}
	for _, file := range slices.Sorted(maps.Keys(c.Modules)) {
		m := c.Modules[file]
		within := m.Package.Path.HasPrefix(root)
		for _, r := range m.Rules {
			path := r.Ref()[:len(m.Package.Path)+1]
			own := strings.Trim(path[len(path)-1].Value.String(), `"`)
			isSet := r.Head.RuleKind() == ast.MultiValue
			near := "a set of a package weir.rules.<name>, which takes part"
			if within {
				near = nearestPart(own)
			}
			if near == "" || !within && !(isSet && slices.Contains(parts, own)) || said[path.String()] || isRead(c, path) {
				continue
			}
			said[path.String()] = true
			what := fmt.Sprintf("%s: nothing reads %s.%s; did you mean %s?", r.Location, short(m.Package.Path), own, near)
			if isSet && within {
				errs = append(errs, errors.New(what))
			} else {
				warnings = append(warnings, what)
			}
		}
	}
	return warnings, errors.Join(errs...)
}

// nearestPart is the part that a name is one slip or two away from; "" where there is none, or the name is one.
func nearestPart(name string) string {
	if slices.Contains(parts, name) {
		return ""
	}
	return meant(name, parts)
}

// isRead reports whether some rule reads what is at a path of constants, or something that may be it: a variable may be any name.
func isRead(c *ast.Compiler, path ast.Ref) bool {
	found := false
	for _, m := range c.Modules {
		for _, r := range m.Rules {
			own := r.Ref().HasPrefix(path) // a rule that only itself reads is read by nobody
			ast.WalkRefs(r, func(ref ast.Ref) bool {
				found = found || !own && mayBe(ref, path)
				return found
			})
		}
	}
	return found
}

// mayBe reports whether a reference may read what is at the path, alone or with all that is around it.
func mayBe(ref, path ast.Ref) bool {
	if !ref[0].Equal(path[0]) {
		return false
	}
	for i := 1; i < min(len(ref), len(path)); i++ {
		if ref[i].IsGround() && !ref[i].Equal(path[i]) {
			return false
		}
	}
	return true
}
