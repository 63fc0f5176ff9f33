package policy

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// misplaced refuses packages that are meant for rules and are none: in "package weir.rule.night" Rego sees a package of the author's own,
// which nothing reads, and nobody is refused. They are those of files in the policy's rules/ and those called almost like weir.rules.<name>.
// A library that a rule reads may lie there too, as long as it has no set that is called as a part. A policy that composes no weir.rules
// says by its entrypoint what it reads. It asks after compilation, when every reference says in full what it reads.
func misplaced(c *ast.Compiler) error {
	if !isRead(c, ast.MustParseRef("data.weir.rules.any")) {
		return nil
	}
	var errs []error
	top := topOf(slices.Collect(maps.Keys(c.Modules)))
	for _, file := range slices.Sorted(maps.Keys(c.Modules)) {
		m := c.Modules[file]
		name, slip := slipOfRules(short(m.Package.Path))
		within := strings.HasPrefix(strings.TrimPrefix(file, top), "rules/")
		if strings.HasPrefix(short(m.Package.Path), "weir.rules.") || !within && !slip {
			continue
		}
		if isRead(c, m.Package.Path) && !addsToParts(m) || !within && !addsToParts(m) {
			continue
		}
		if name == "" {
			name = nameIn(file, top)
		}
		errs = append(errs, fmt.Errorf("%s: package %s takes no part, and what it says decides nothing; did you mean weir.rules.%s?",
			m.Package.Location, short(m.Package.Path), name))
	}
	return errors.Join(errs...)
}

// topOf is the directory that all files lie in, as those of a bundle of a directory do; "" where the policy's own are the first.
func topOf(files []string) string {
	first, _, _ := strings.Cut(slices.Min(files), "/")
	if first += "/"; first == "rules/" || slices.ContainsFunc(files, func(f string) bool { return !strings.HasPrefix(f, first) }) {
		return ""
	}
	return first
}

// slipOfRules reports whether a package is called almost like weir.rules.<name>, and which name it has then.
func slipOfRules(pkg string) (name string, slip bool) {
	words := strings.Split(pkg, ".")
	if len(words) < 3 {
		return "", false
	}
	return words[2], distance(strings.ToLower(words[0]+"."+words[1]), "weir.rules") <= 2
}

// addsToParts reports whether a module has a rule that is called as a part of the composition, or almost.
func addsToParts(m *ast.Module) bool {
	return slices.ContainsFunc(m.Rules, func(r *ast.Rule) bool {
		own := strings.Trim(r.Head.Ref()[0].Value.String(), `"`)
		return slices.Contains(parts, own) || r.Head.RuleKind() == ast.MultiValue && nearestPart(own) != ""
	})
}

// nameIn is what a rule in a file would be called: as the directory below rules/, or as the file.
func nameIn(file, top string) string {
	name := strings.TrimPrefix(strings.TrimPrefix(file, top), "rules/")
	if dir, _, ok := strings.Cut(name, "/"); ok {
		name = dir
	}
	name = strings.TrimSuffix(path.Base(name), ".rego")
	return regexp.MustCompile(`\W+`).ReplaceAllString(name, "_")
}
