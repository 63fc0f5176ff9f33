package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/weirgate/weir/pkg/policy"
)

const policyNewUsage = "NAME [--like RULE] [--dir DIR]"

const policyNewAbout = `Writes a rule, its test and its settings to DIR/rules/NAME. In a directory without a policy it writes the shipped one first: name it in
policy.dir of weir.yaml. No file is written over.

  weir policy new night                         a short rule, to be rewritten
  weir policy new drip --like slow_drip         one of the cookbook: %s`

// policyNew is "weir policy new".
func policyNew(ctx context.Context, args []string, out io.Writer) error {
	recipes, err := policy.Recipes()
	if err != nil {
		return err
	}
	fs := flags("policy new", policyNewUsage, fmt.Sprintf(policyNewAbout, strings.Join(recipes, ", ")))
	like := fs.String("like", "", "begin as this `rule` of the cookbook")
	dir := fs.String("dir", "policy", "the policy's `directory`")
	if err := parse(fs, args); err != nil {
		return err
	}
	if err := exactly(fs, 1, true); err != nil {
		return err
	}
	name := fs.Arg(0)
	files, err := policy.NewRule(name, *like)
	if err != nil {
		return err
	}
	begun, err := hasPolicy(*dir)
	if err != nil {
		return err
	}
	if !begun {
		all, err := policy.Shipped()
		if err != nil {
			return err
		}
		maps.Copy(all, files)
		files = all
	}
	if err := writeNew(*dir, files); err != nil {
		return err
	}
	for _, f := range slices.Sorted(maps.Keys(files)) {
		if begun || strings.HasPrefix(f, "rules/"+name+"/") {
			fmt.Fprintln(out, filepath.Join(*dir, f))
		}
	}
	if !begun {
		fmt.Fprintf(out, "%s holds the shipped policy too: name it in policy.dir of weir.yaml\n", *dir)
	}
	fmt.Fprintf(out, "try it: weir policy test %s\n", *dir)
	return ctx.Err()
}

// exactly refuses any other number of arguments than n, and flags that do not go together.
func exactly(fs *flag.FlagSet, n int, fits bool) error {
	if fs.NArg() != n || !fits {
		fs.Usage()
		return errUsage
	}
	return nil
}

// hasPolicy reports whether there is a .rego file in dir.
func hasPolicy(dir string) (bool, error) {
	found := false
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".rego") {
			found = true
			return fs.SkipAll
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return found, err
}

// writeNew writes files below dir, all of them or, where one is there already, none.
func writeNew(dir string, files map[string][]byte) error {
	names := slices.Sorted(maps.Keys(files))
	for _, name := range names {
		if path := filepath.Join(dir, name); exists(path) {
			return fmt.Errorf("%s is there already", path)
		}
	}
	for _, name := range names {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // policies are no secret
			return err
		}
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // as above
		if err != nil {
			return err
		}
		_, err = f.Write(files[name])
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
