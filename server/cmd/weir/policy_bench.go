package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/weirgate/weir/pkg/policy"
)

const policyBenchUsage = "[DIR] [--settings FILE] [--input FILE]... [--times N] [--budget DURATION] [--json]"

const policyBenchAbout = `Measures what asking the policy in DIR costs, the shipped one without DIR: on the inputs given, or on made-up ones of 1,000 people in 20 groups
on 50 targets. It says what the slowest was, and whether decisions are kept and repeated, or what the policy reads that forbids it. Exit code 1:
the median input takes more than --times what a policy takes that says true and nothing else, or the slowest more than --budget.`

// policyBench is "weir policy bench".
func policyBench(ctx context.Context, args []string, out io.Writer) error {
	fs := flags("policy bench", policyBenchUsage, policyBenchAbout)
	settings := fs.String("settings", "", "lay this YAML `file` over the policy's settings, as policy.settings does")
	times := fs.Float64("times", 10, "how many `times` the smallest policy it may cost; 0: any")
	budget := fs.Duration("budget", 0, "how long the slowest input may take; 0: any")
	asJSON := fs.Bool("json", false, "print one JSON object, and nothing else")
	var inputs [][]byte
	fs.Func("input", "measure this input, a JSON `file`; may be repeated", func(file string) error {
		b, err := os.ReadFile(file)
		if err == nil {
			err = policy.CheckInput(file, b)
		}
		inputs = append(inputs, b)
		return err
	})
	if err := parse(fs, args); err != nil {
		return err
	}
	if err := exactly(fs, min(fs.NArg(), 1), *times >= 0 && *budget >= 0); err != nil {
		return err
	}
	cfg, err := policyIn(fs.Arg(0), *settings)
	if err != nil {
		return err
	}
	c, err := policy.Bench(ctx, cfg, inputs...)
	if err != nil {
		return err
	}
	if *asJSON {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		err = enc.Encode(c)
	} else {
		err = printCost(out, c)
	}
	if err != nil {
		return err
	}
	return overBudget(c, *times, *budget)
}

// policyIn is the policy in a directory, the shipped one without, with the settings in a file laid over its own, if one is named.
func policyIn(dir, settings string) (policy.Config, error) {
	cfg := policy.Config{Log: slog.New(slog.DiscardHandler)}
	if dir != "" {
		var err error
		if cfg.FS, err = directory(dir); err != nil {
			return cfg, err
		}
	}
	if settings != "" {
		b, err := os.ReadFile(settings)
		if err != nil {
			return cfg, err
		}
		cfg.Settings, cfg.Name = b, settings
	}
	return cfg, nil
}

func printCost(out io.Writer, c policy.Cost) error {
	var t table
	t.row("policy", c.Revision)
	t.row("asked", fmt.Sprintf("%d inputs", c.Inputs))
	t.row("median", fmt.Sprintf("%s, %.1f times the smallest policy (%s); %d allocations, %d bytes", round(c.Eval), c.Times, round(c.Floor), c.Allocs, c.Bytes))
	t.row("slowest", fmt.Sprintf("%s, for %s", round(c.Worst), c.WorstWith))
	switch reads := strings.Join(c.Volatile, ", "); {
	case len(c.Volatile) == 0:
		t.row("kept", fmt.Sprintf("yes: a decision is repeated in %s", c.Kept))
	case len(c.Fresh) > 0:
		t.row("kept", fmt.Sprintf("yes, but for what reads %s: %s is asked each time, and the decision repeated in %s altogether",
			reads, strings.Join(c.Fresh, ", "), round(c.Kept)))
	default:
		t.row("kept", "no: the policy reads "+reads)
	}
	_, err := fmt.Fprint(out, t.String())
	return err
}

func round(d time.Duration) time.Duration { return d.Round(100 * time.Nanosecond) }

func overBudget(c policy.Cost, times float64, budget time.Duration) error {
	over := false
	if times > 0 && c.Times > times {
		over = true
		fmt.Fprintf(os.Stderr, "weir policy bench: over budget: %.1f times the smallest policy, and --times is %g\n", c.Times, times)
	}
	if budget > 0 && c.Worst > budget {
		over = true
		fmt.Fprintf(os.Stderr, "weir policy bench: over budget: the slowest input takes %s, and --budget is %s\n", round(c.Worst), budget)
	}
	if over {
		return errReported
	}
	return nil
}
