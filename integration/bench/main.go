// Command bench measures Weir against a server that does nothing, in the same run: Check of ext_authz called directly (check.go), then
// ext_proc through the real Envoy with the same treatment (compare.go). It closes with one line for each goal:
//
//	goal NAME measured X want Y ok|MISSED
//
// "make bench" runs it, after BenchmarkCheck and the benchmarks of the packages. The ratios are what counts: client, upstream, Envoy and Weir share this machine's cores, so the absolute figures
// say more about the machine. A missed goal is printed and is no failure: no timing gates a build.
//
//	bench noop TREATMENT PORT    is the do-nothing server, in a process of its own as Weir is
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/weirgate/weir/integration/harness"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	if len(os.Args) == 4 && os.Args[1] == noopCommand {
		err = noop(ctx, os.Args[2], os.Args[3])
	} else {
		err = measure(ctx, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

// goal is one promise about speed.
type goal struct {
	name     string
	measured float64
	want     float64
	atLeast  bool // measured is to be at least want; otherwise at most
}

// String is the line that "make bench" closes with.
func (g goal) String() string {
	sign, ok := "<=", g.measured <= g.want
	if g.atLeast {
		sign, ok = ">=", g.measured >= g.want
	}
	verdict := "MISSED"
	if ok {
		verdict = "ok"
	}
	return fmt.Sprintf("goal %s measured %.2f want %s%.2f %s", g.name, g.measured, sign, g.want, verdict)
}

// measure runs every comparison and prints the figures, then the goals.
func measure(ctx context.Context, out io.Writer) error {
	dir, err := os.MkdirTemp("", "weir-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	upstream, err := startUpstream()
	if err != nil {
		return err
	}
	defer upstream.Close()
	issuer, err := harness.StartIssuer("127.0.0.1:0", "")
	if err != nil {
		return err
	}
	defer issuer.Close()
	goals, err := measureChecks(ctx, out, issuer, dir)
	if err != nil {
		return err
	}
	b := &bench{out: out, upstream: upstream, issuer: issuer}
	defer b.close()
	for _, arm := range []string{plain, doNothing, weir} {
		armDir := filepath.Join(dir, arm)
		if err := os.Mkdir(armDir, 0o700); err != nil {
			return err
		}
		if err := b.start(ctx, arm, armDir); err != nil {
			return fmt.Errorf("start %s: %w", arm, err)
		}
	}
	more, err := b.compare(ctx)
	if err != nil {
		return err
	}
	for _, g := range append(goals, more...) {
		fmt.Fprintln(out, g)
	}
	return nil
}

// measureChecks compares the ext_authz servers, and ends them before anything else is measured.
func measureChecks(ctx context.Context, out io.Writer, issuer *harness.Issuer, dir string) ([]goal, error) {
	c, err := startChecks(ctx, issuer, dir)
	if err != nil {
		return nil, err
	}
	defer c.close()
	return c.compare(ctx, out)
}
