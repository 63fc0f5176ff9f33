package integration_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os/exec"
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/weirgate/weir/integration/harness"
)

// command is one call of weir by a script.
type command struct {
	code string // wanted exit code; empty: 0, or with "!" any other
	neg  bool
	env  []string // added to the environment, NAME=VALUE
	args []string
}

func cmdWeir(ts *testscript.TestScript, neg bool, args []string) {
	c := command{neg: neg}
	flags := flag.NewFlagSet("weir", flag.ContinueOnError)
	flags.StringVar(&c.code, "code", "", "")
	flags.Func("e", "", func(text string) error {
		c.env = append(c.env, text)
		return nil
	})
	ts.Check(flags.Parse(args))
	c.args = flags.Args()
	if len(args) == 0 {
		ts.Fatalf("usage: weir [-code N] [-e NAME=VALUE]… SUBCOMMAND ARG…")
	}
	if len(c.args) == 0 || c.args[0] != "serve" || c.code != "" || neg {
		c.run(ts)
		return
	}
	w := the(ts)
	if w.weir != nil {
		w.weir.Kill() // a second serve replaces the first
	}
	var err error
	w.weir, err = harness.StartWeir(context.Background(), ts.MkAbs("."), c.env, c.args...)
	ts.Check(err)
}

// run runs weir to its end and compares its exit code.
func (c command) run(ts *testscript.TestScript) {
	got := 0
	var exit *exec.ExitError
	if len(c.args) > 0 && c.args[0] == "serve" { // that might go on for ever
		got = c.failingServe(ts)
	} else if err := ts.Exec(the(ts).weirBinary, c.args...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	want := c.code
	if want == "" && !c.neg {
		want = "0"
	}
	if c.neg && got == 0 || want != "" && strconv.Itoa(got) != want {
		ts.Fatalf("weir %v: exit code %d, want %s (negated: %v)", c.args, got, want, c.neg)
	}
}

// failingServe runs a weir serve that is to end by itself, and returns its exit code.
func (c command) failingServe(ts *testscript.TestScript) int {
	p, err := harness.StartProcess(harness.ProcessConfig{Name: "weir", Path: the(ts).weirBinary, Args: c.args, Dir: ts.MkAbs("."), Env: c.env})
	ts.Check(err)
	timer := time.AfterFunc(20*time.Second, p.Kill)
	defer timer.Stop()
	code := p.ExitCode()
	fmt.Fprint(ts.Stderr(), p.Log)
	if code < 0 {
		ts.Fatalf("weir %v: has not ended within 20 s", c.args)
	}
	return code
}
