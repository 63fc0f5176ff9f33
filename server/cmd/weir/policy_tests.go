package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/weirgate/weir/pkg/policy"
)

const policyTestUsage = "DIR [--compat opa-envoy] [--run REGEXP] [--threshold PERCENT] [-v | --json]"

const policyTestAbout = `Runs the tests of the policy in DIR (rules named test_… in files named …_test.rego) and says which lines of its rules they came to. Rules
compile as strictly as when Weir loads them: against the schema of the input, and without network or environment. Every rule is asked about made-up
requests, too: what no decision may hold would be refused with 503. Exit code 1: there is such a thing, a test failed, or fewer lines are covered
than --threshold asks for.`

// policyTest is "weir policy test".
func policyTest(ctx context.Context, args []string, out io.Writer) error {
	f := flags("policy test", policyTestUsage, policyTestAbout)
	compat := f.String("compat", "", "what the policy was written for: opa-envoy; default: Weir")
	only := f.String("run", "", "run the tests whose package and name match this `regexp`")
	threshold := f.Float64("threshold", 0, "fail where fewer `percent` of the lines of rules are covered")
	verbose := f.Bool("v", false, "print every test")
	asJSON := f.Bool("json", false, "print one JSON object, and nothing else")
	if err := parse(f, args); err != nil {
		return err
	}
	if err := exactly(f, 1, !(*verbose && *asJSON)); err != nil {
		return err
	}
	dir, err := directory(f.Arg(0))
	if err != nil {
		return err
	}
	r, err := policy.Test(ctx, dir, *compat, *only)
	if err != nil {
		return err
	}
	if *asJSON {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		err = enc.Encode(r)
	} else {
		printReport(out, r, *verbose)
	}
	switch {
	case err != nil:
		return err
	case r.Failed > 0, len(r.Problems) > 0:
		return errReported
	case *only == "" && r.Coverage < *threshold:
		fmt.Fprintf(os.Stderr, "weir policy test: %.1f %% of the lines are covered, fewer than --threshold %g\n", r.Coverage, *threshold)
		return errReported
	}
	return nil
}

// directory opens a directory, or says that it is none.
func directory(path string) (fs.FS, error) {
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is no directory", path)
	}
	return os.DirFS(path), err
}

func printReport(out io.Writer, r policy.Report, verbose bool) {
	for _, t := range r.Tests {
		if verbose || t.Outcome != "pass" {
			fmt.Fprintf(out, "%s:%d: %-5s %s\n", t.File, t.Line, t.Outcome, t.Name)
		}
		if t.Why != "" {
			fmt.Fprintf(out, "    %s\n", t.Why)
		}
		if t.Output != "" && t.Outcome != "pass" {
			fmt.Fprintf(out, "    printed: %s", t.Output)
		}
	}
	for _, p := range r.Problems {
		fmt.Fprintln(out, p)
	}
	for _, w := range r.Warnings {
		fmt.Fprintf(out, "warning: %s\n", w)
	}
	for _, f := range r.Files {
		for _, gap := range f.Uncovered {
			if gap[0] == gap[1] {
				fmt.Fprintf(out, "%s:%d: no test comes here\n", f.File, gap[0])
			} else {
				fmt.Fprintf(out, "%s:%d-%d: no test comes here\n", f.File, gap[0], gap[1])
			}
		}
	}
	fmt.Fprintf(out, "%d passed, %d failed, %d skipped", r.Passed, r.Failed, r.Skipped)
	if len(r.Files) > 0 {
		fmt.Fprintf(out, "; %.1f %% of the lines of rules covered", r.Coverage)
	}
	fmt.Fprintln(out)
}
