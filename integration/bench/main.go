// Command bench measures Weir: reading and masking vectors against copying them (vectors.go), Check of ext_authz against a server that does
// nothing, called directly (check.go), ext_proc through the real Envoy against such a server with the same treatment (compare.go), decisions
// of the shipped policy (policy.go), counters (counters.go), and the recognition of artefacts (artifacts.go). It closes with one line for each goal:
//
//	goal NAME measured X want Y ok|MISSED
//
// "make bench" runs it, after the benchmarks of the packages. Ratios of one run are what counts: client, upstream, Envoy and Weir share this
// machine's cores, so the absolute figures say more about the machine. A missed goal is printed and is no failure: no timing gates a build.
//
//	bench [SIMD]                 measures everything; SIMD is this program built with GOEXPERIMENT=simd, for the goals that are that build's
//	bench vectors [PART]         measures vectors only: those goals in whose names PART is
//	bench simd [PART]            the same for the goals of a build with GOEXPERIMENT=simd
//	bench policy                 measures decisions only
//	bench counters               measures counters only
//	bench artifacts              measures the recognition of artefacts only
//	bench checks                 measures Check only
//	bench servers                measures all that goes to servers, through Envoy or directly
//	bench noop TREATMENT PORT    is the do-nothing server, in a process of its own as Weir is
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/weirgate/weir/integration/harness"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	switch args := os.Args[1:]; {
	case len(args) == 3 && args[0] == noopCommand:
		err = noop(ctx, args[1], args[2])
	case len(args) > 0 && (args[0] == vectorsCommand || args[0] == simdCommand):
		err = vectors(os.Stdout, args[0] == simdCommand, strings.Join(args[1:], " "))
	case len(args) == 1 && args[0] == policyCommand:
		err = printed(ctx, os.Stdout, measurePolicies)
	case len(args) == 1 && args[0] == countersCommand:
		err = printed(ctx, os.Stdout, measureCounters)
	case len(args) == 1 && args[0] == artifactsCommand:
		err = printed(ctx, os.Stdout, measureArtifacts)
	case len(args) == 1 && args[0] == serversCommand:
		err = printed(ctx, os.Stdout, measureServers)
	case len(args) == 1 && args[0] == checksCommand:
		err = printed(ctx, os.Stdout, onlyChecks)
	default:
		err = measure(ctx, os.Stdout, args...)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

const (
	policyCommand    = "policy"
	countersCommand  = "counters"
	artifactsCommand = "artifacts"
	checksCommand    = "checks"
	serversCommand   = "servers"
)

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
	digits := 2
	if g.want > 0 && g.want <= .1 {
		digits = 4
	}
	return fmt.Sprintf("goal %s measured %.*f want %s%.*f %s", g.name, digits, g.measured, sign, digits, g.want, verdict)
}

// measure runs every comparison and prints the figures, then the goals. simd is this program in its other build, if it is there.
func measure(ctx context.Context, out io.Writer, simd ...string) error {
	goals, err := measureVectors(ctx, out, simd)
	if err != nil {
		return err
	}
	for _, part := range []func(context.Context, io.Writer) ([]goal, error){measurePolicies, measureCounters, measureArtifacts, measureServers} {
		more, err := part(ctx, out)
		if err != nil {
			return err
		}
		for _, g := range more {
			goals = append(goals, g.String())
		}
	}
	for _, g := range goals {
		fmt.Fprintln(out, g)
	}
	return nil
}

// printed measures one part and prints its goals.
func printed(ctx context.Context, out io.Writer, part func(context.Context, io.Writer) ([]goal, error)) error {
	goals, err := part(ctx, out)
	for _, g := range goals {
		fmt.Fprintln(out, g)
	}
	return err
}

// measureVectors runs what needs no server, each build in a process of its own, and returns the lines of its goals.
func measureVectors(ctx context.Context, out io.Writer, simd []string) (goals []string, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	runs := [][]string{{self, vectorsCommand}}
	for _, path := range simd {
		runs = append(runs, []string{path, simdCommand})
	}
	for _, run := range runs {
		cmd := exec.CommandContext(ctx, run[0], run[1]) //nolint:gosec // this program
		cmd.Stderr = os.Stderr
		said, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", run[0], run[1], err)
		}
		for line := range strings.Lines(string(said)) {
			if strings.HasPrefix(line, "goal ") {
				goals = append(goals, strings.TrimSuffix(line, "\n"))
				continue
			}
			fmt.Fprint(out, line)
		}
	}
	return goals, nil
}

// measureServers compares Weir with servers that do nothing.
func measureServers(ctx context.Context, out io.Writer) ([]goal, error) {
	dir, err := os.MkdirTemp("", "weir-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	upstream := startUpstream()
	defer upstream.Close()
	issuer, err := harness.StartIssuer("127.0.0.1:0", "")
	if err != nil {
		return nil, err
	}
	defer issuer.Close()
	goals, err := measureChecks(ctx, out, issuer, dir)
	if err != nil {
		return nil, err
	}
	b := &bench{out: out, upstream: upstream, issuer: issuer}
	defer b.close()
	for _, arm := range []string{plain, doNothing, weir} {
		armDir := filepath.Join(dir, arm)
		if err := os.Mkdir(armDir, 0o700); err != nil {
			return nil, err
		}
		if err := b.start(ctx, arm, armDir); err != nil {
			return nil, fmt.Errorf("start %s: %w", arm, err)
		}
	}
	more, err := b.compare(ctx)
	return append(goals, more...), err
}

// onlyChecks compares the ext_authz servers and nothing else.
func onlyChecks(ctx context.Context, out io.Writer) ([]goal, error) {
	dir, err := os.MkdirTemp("", "weir-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	issuer, err := harness.StartIssuer("127.0.0.1:0", "")
	if err != nil {
		return nil, err
	}
	defer issuer.Close()
	return measureChecks(ctx, out, issuer, dir)
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
