package policy

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	shipped "github.com/weirgate/weir/rego"
)

// Shipped is the shipped policy as files, with a configuration of Regal: what a policy of one's own begins as.
func Shipped() (map[string][]byte, error) {
	out := map[string][]byte{}
	for _, root := range []string{"weir", ".regal"} {
		err := fs.WalkDir(shipped.FS, root, func(p string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			name := strings.TrimPrefix(p, "weir/")
			out[name], err = fs.ReadFile(shipped.FS, p)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Recipes lists the rules of the cookbook.
func Recipes() ([]string, error) {
	dirs, err := fs.ReadDir(shipped.FS, "cookbook")
	if err != nil {
		return nil, err
	}
	var out []string
	for _, d := range dirs {
		if d.IsDir() {
			out = append(out, d.Name())
		}
	}
	return out, nil
}

// NewRule returns the files of a new rule, by name below a policy's directory: the rule, its test and its settings. like names the rule of the
// cookbook that it begins as; empty is a short one to be rewritten.
func NewRule(name, like string) (map[string][]byte, error) {
	if !regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`).MatchString(name) || ast.IsKeyword(name) || strings.HasSuffix(name, "_test") {
		return nil, fmt.Errorf("a rule cannot be called %q: want lower-case letters, digits and '_', a letter first", name)
	}
	dir, old := "template", "template"
	if like != "" {
		known, err := Recipes()
		if err != nil {
			return nil, err
		}
		if !slices.Contains(known, like) {
			return nil, fmt.Errorf("the cookbook has no rule %q; it has %s", like, strings.Join(known, ", "))
		}
		dir, old = "cookbook/"+like, like
	}
	files, err := fs.ReadDir(shipped.FS, dir)
	if err != nil {
		return nil, err
	}
	out := map[string][]byte{}
	for _, f := range files {
		if path.Ext(f.Name()) == ".md" {
			continue // it is about the rule as it was
		}
		b, err := fs.ReadFile(shipped.FS, dir+"/"+f.Name())
		if err != nil {
			return nil, err
		}
		out["rules/"+name+"/"+strings.Replace(f.Name(), old, name, 1)] = renamed(b, old, name)
	}
	return out, nil
}

// renamed gives a rule another name: of its package, of its settings, and where its test and its sentences say either.
func renamed(src []byte, old, name string) []byte {
	for _, at := range []string{`(weir\.rules\.)%s((?:_test)?\b)`, `(settings?[. ])%s(\b)`, `(")%s("|: )`, `(?m:(^)%s(:))`, `(\b)%s(\.[a-z%%])`} {
		src = regexp.MustCompile(fmt.Sprintf(at, old)).ReplaceAll(src, []byte("${1}"+name+"${2}"))
	}
	return src
}
