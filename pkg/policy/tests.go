package policy

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/tester"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// Report is what came of a policy's own tests.
type Report struct {
	Passed   int            `json:"passed"`
	Failed   int            `json:"failed"`
	Skipped  int            `json:"skipped"`  // those named todo_…
	Coverage float64        `json:"coverage"` // percent of the lines of rules that tests came to
	Tests    []TestResult   `json:"tests"`
	Files    []FileCoverage `json:"files,omitempty"`
	Warnings []string       `json:"warnings,omitempty"` // what loading warns of, and Trial
	Problems []string       `json:"problems,omitempty"` // what Trial finds
}

// TestResult is what came of one test. Outcome is pass, fail, error or skip.
type TestResult struct {
	Name     string        `json:"name"` // with its package
	File     string        `json:"file"`
	Line     int           `json:"line"`
	Outcome  string        `json:"outcome"`
	Duration time.Duration `json:"duration_ns"`
	Why      string        `json:"why,omitempty"` // the expression that failed, or the error
	Output   string        `json:"output,omitempty"`
}

// FileCoverage says which lines of a file no test came to, from and to, both included.
type FileCoverage struct {
	File      string   `json:"file"`
	Coverage  float64  `json:"coverage"`
	Uncovered [][2]int `json:"uncovered,omitempty"`
}

// Test runs the tests of the policy in dir (_test.rego) and tells what they cover. compat is as in Config. Rules must compile as they would for loading; an error
// says why they do not, or that there are no tests. only is a regular expression that names must match, and then coverage is not told; empty
// is all.
func Test(ctx context.Context, dir fs.FS, compat, only string) (Report, error) {
	src, err := sourcesOf(Config{FS: dir, Name: settingsFile})
	if err != nil {
		return Report{}, err
	}
	c, warnings, err := compileFor(compat, src.files)
	if err != nil {
		return Report{}, err
	}
	if err := unknownSettings(c, src.settings, dir); err != nil { // tests may state settings of their own, and pass
		return Report{}, err
	}
	if _, err := unknownSaid(c, nil, nil); err != nil {
		return Report{}, fmt.Errorf("compile the policy: %w", err)
	}
	tried, err := tried(ctx, c, dir, compat, warnings)
	if err != nil {
		return Report{}, err
	}
	covered := cover.New()
	runner, modules, err := newRunner(src.files, src.tests, src.documents, src.settings)
	if err != nil {
		return Report{}, err
	}
	watch := &testTracer{Cover: covered}
	results, err := runner.SetCoverageQueryTracer(watch).SetParallel(1).SetTimeout(10*time.Second).Filter(only).RunTests(ctx, nil)
	if err != nil {
		return Report{}, fmt.Errorf("run the policy's tests: %w", err)
	}
	r := tried
	var ended []*tester.Result
	for one := range results {
		ended = append(ended, one)
	}
	for _, one := range ended { // only now: while tests run, watch is theirs
		r.add(one, watch)
	}
	if len(r.Tests) == 0 {
		return Report{}, fmt.Errorf("no tests: rules named test_… in files named …_test.rego")
	}
	slices.SortFunc(r.Tests, func(a, b TestResult) int {
		if a.File != b.File {
			return strings.Compare(a.File, b.File)
		}
		return a.Line - b.Line
	})
	if only == "" {
		r.cover(covered.Report(modules), src.files)
	}
	return r, nil
}

// tried loads the policy as Weir does, where it is whole, and tries it: problems of its settings are said as such, and no test has to fail of
// them.
func tried(ctx context.Context, c *ast.Compiler, dir fs.FS, compat string, warnings []string) (Report, error) {
	if compat != "" || len(c.GetRulesWithPrefix(ast.MustParseRef("data."+strings.ReplaceAll(defaultEntrypoint, "/", ".")))) == 0 {
		return Report{Warnings: warnings}, nil
	}
	l, err := compile(ctx, Config{FS: dir, MaskKeys: true})
	if err != nil {
		return Report{}, err
	}
	problems, doubts, err := l.slowly().try(ctx)
	return Report{Warnings: slices.Concat(l.warnings, doubts), Problems: problems}, err
}

// newRunner prepares a policy's tests with the settings that it will have.
func newRunner(files, tests map[string]string, documents, settings map[string]any) (*tester.Runner, map[string]*ast.Module, error) {
	all := maps.Clone(files)
	maps.Copy(all, tests)
	modules := make(map[string]*ast.Module, len(all))
	for name, src := range all {
		m, err := parseForeign(name, src)
		if err != nil {
			return nil, nil, fmt.Errorf("parse the policy's tests: %w", err)
		}
		if m == nil {
			return nil, nil, fmt.Errorf("parse the policy's tests: %s is empty", name)
		}
		modules[name] = m
	}
	c := ast.NewCompiler().WithCapabilities(capabilities()).WithEnablePrintStatements(true)
	return tester.NewRunner().SetCompiler(c).RaiseBuiltinErrors(true).SetStore(newStore(documents, fixedData(settings, modules, true))).SetModules(modules), modules, nil
}

// testTracer sees which lines tests come to, and where they fail.
type testTracer struct {
	*cover.Cover
	failed []*ast.Location
}

// TraceEvent implements topdown.QueryTracer.
func (t *testTracer) TraceEvent(e topdown.Event) {
	t.Cover.TraceEvent(e)
	if e.Op == topdown.FailOp && e.Location != nil {
		t.failed = append(t.failed, e.Location)
	}
}

// last is the expression of a test that failed last.
func (t *testTracer) last(test *ast.Location) string {
	end := test.Row + strings.Count(string(test.Text), "\n")
	for _, at := range slices.Backward(t.failed) {
		if at.File == test.File && at.Row >= test.Row && at.Row <= end {
			return fmt.Sprintf("%s: %s", at, strings.TrimSpace(string(at.Text)))
		}
	}
	return ""
}

func (r *Report) add(one *tester.Result, watch *testTracer) {
	t := TestResult{
		Name: strings.TrimPrefix(one.Package, "data.") + "." + one.Name, File: one.Location.File, Line: one.Location.Row,
		Outcome: "pass", Duration: one.Duration, Output: string(one.Output),
	}
	switch {
	case one.Error != nil:
		t.Outcome, t.Why = "error", one.Error.Error()
		r.Failed++
	case one.Fail:
		t.Outcome, t.Why = "fail", watch.last(one.Location)
		r.Failed++
	case one.Skip:
		t.Outcome = "skip"
		r.Skipped++
	default:
		r.Passed++
	}
	r.Tests = append(r.Tests, t)
}

// cover takes over what is said of files that are no tests.
func (r *Report) cover(c cover.Report, files map[string]string) {
	var lines, reached int
	for _, name := range sorted(files) {
		f := c.Files[name]
		if f == nil || f.CoveredLines+f.NotCoveredLines == 0 {
			continue
		}
		lines += f.CoveredLines + f.NotCoveredLines
		reached += f.CoveredLines
		out := FileCoverage{File: name, Coverage: percent(f.CoveredLines, f.CoveredLines+f.NotCoveredLines)}
		gaps := slices.SortedFunc(slices.Values(f.NotCovered), func(a, b cover.Range) int { return a.Start.Row - b.Start.Row })
		for _, gap := range gaps {
			if last := len(out.Uncovered) - 1; last >= 0 && gap.Start.Row <= out.Uncovered[last][1]+1 {
				out.Uncovered[last][1] = max(out.Uncovered[last][1], gap.End.Row)
				continue
			}
			out.Uncovered = append(out.Uncovered, [2]int{gap.Start.Row, gap.End.Row})
		}
		r.Files = append(r.Files, out)
	}
	r.Coverage = percent(reached, lines)
}

// percent is rounded down to a tenth: 100 is all.
func percent(n, of int) float64 {
	if of == 0 {
		return 100
	}
	return math.Floor(1000*float64(n)/float64(of)) / 10
}
