package integration_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/weirgate/weir/integration/harness"
	"github.com/weirgate/weir/pkg/authn/authntest"
)

// TestScripts runs testdata/*.txtar; doc.go lists the commands.
func TestScripts(t *testing.T) { runScripts(t, "testdata", nil) }

// runScripts runs a directory's scripts, with variables besides those that every script has.
func runScripts(t *testing.T, dir string, variables map[string]string) {
	binary, err := harness.FindEnvoy()
	harness.Need(t, err)
	weir, err := harness.WeirBinary()
	if err != nil {
		t.Fatal(err)
	}
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	_, noRedis := harness.FindRedis()
	if os.Getenv("CI") == "true" {
		harness.Need(t, noRedis) // elsewhere the scripts that need it skip themselves: [!redis] skip
	}
	testscript.Run(t, testscript.Params{
		Dir: dir, RequireExplicitExec: true, RequireUniqueNames: true,
		Condition: func(name string) (bool, error) {
			if name != "redis" {
				return false, fmt.Errorf("unknown condition %q", name)
			}
			return noRedis == nil, nil
		},
		Setup: func(env *testscript.Env) error {
			for name, value := range variables {
				env.Setenv(name, value)
			}
			return setup(env, &world{root: root, envoyBinary: binary, weirBinary: weir})
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"expand": cmdExpand, "weir": cmdWeir, "envoy": cmdEnvoy, "token": cmdToken, "http": cmdHTTP, "call": cmdCall, "answer": cmdAnswer, "raw": cmdRaw, "poll": cmdPoll,
			"envoystats": cmdEnvoyStats, "upstream": cmdUpstream, "redis": cmdRedis, "said": cmdSaid, "remember": cmdRemember, "certs": cmdCerts, "issuer": cmdIssuer,
			"collector": cmdCollector, "spans": cmdSpans, "shipped": cmdShipped, "evade": cmdEvade, "drive": cmdDrive, "stored": cmdStored, "attack": cmdAttack, "prover": cmdProver, "deliver": cmdDeliver, "proof": cmdProof,
			"terminate": signalling("terminate", syscall.SIGTERM, true), "crash": signalling("crash", syscall.SIGKILL, true),
			"hang": signalling("hang", syscall.SIGSTOP, false), "resume": signalling("resume", syscall.SIGCONT, false), "hup": signalling("hup", syscall.SIGHUP, false),
			"drain": signalling("drain", syscall.SIGTERM, false), "ended": cmdEnded,
		},
	})
}

// world is what one script has running. It belongs to the script's goroutine.
type world struct {
	root, envoyBinary, weirBinary string

	upstream  *harness.Upstream
	issuer    *harness.Issuer
	envoy     *harness.Envoy
	weir      *harness.Weir
	redis     *harness.Redis
	collector *harness.Collector
	prover    *authntest.Prover

	last    []byte              // the body of the last answer
	vector  []float32           // the first one of the last call's answer
	pending chan harness.Answer // of "http -background"
}

type worldKey struct{}

func the(ts *testscript.TestScript) *world { return ts.Value(worldKey{}).(*world) }

// setup starts what every script has and names it in the script's variables.
func setup(env *testscript.Env, w *world) error {
	var err error
	if w.upstream, err = harness.StartUpstream(harness.UpstreamConfig{}); err != nil {
		return err
	}
	if w.issuer, err = harness.StartIssuer("127.0.0.1:0", ""); err != nil {
		return err
	}
	env.Values[worldKey{}] = w
	env.Defer(func() { w.close(env) })
	ports := [3]int{}
	for i := range ports {
		for ports[i] == 0 || slices.Contains(ports[:i], ports[i]) { // one that is free may be given twice
			if ports[i], err = harness.FreePort(); err != nil {
				return err
			}
		}
	}
	env.Setenv("GRPC_PORT", strconv.Itoa(ports[0]))
	env.Setenv("ADMIN_PORT", strconv.Itoa(ports[1]))
	env.Setenv("ADMIN", fmt.Sprintf("http://127.0.0.1:%d", ports[1]))
	env.Setenv("OTHER_PORT", strconv.Itoa(ports[2]))
	env.Setenv("UPSTREAM_PORT", strconv.Itoa(w.upstream.Port))
	env.Setenv("ISSUER", w.issuer.URL)
	env.Setenv("WEIR", w.weirBinary)
	for _, name := range []string{"weir.yaml", "settings.yaml"} {
		path := filepath.Join(env.WorkDir, name)
		if _, err := os.Stat(path); err == nil {
			continue // the script brings its own
		}
		text, err := os.ReadFile(filepath.Join("testdata", "common", name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, expand(text, env.Getenv), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// close ends what still runs, Envoy first. Of a failed script it shows what the programs said.
func (w *world) close(env *testscript.Env) {
	show := func(p *harness.Process) {
		if t, ok := env.T().(interface{ Failed() bool }); ok && t.Failed() {
			env.T().Log(p.Name + " said:\n" + p.Log.String())
		}
	}
	if w.envoy != nil {
		w.envoy.Kill()
		show(w.envoy.Process)
	}
	if w.weir != nil {
		w.weir.Kill()
		show(w.weir.Process)
	}
	if w.redis != nil {
		w.redis.Kill()
	}
	if w.collector != nil {
		w.collector.Close()
	}
	_ = w.issuer.Close()
	_ = w.upstream.Close()
}

var variable = regexp.MustCompile(`\$\{([A-Z_]+)\}`)

// expand replaces ${NAME} where lookup knows the name.
func expand(text []byte, lookup func(string) string) []byte {
	return variable.ReplaceAllFunc(text, func(m []byte) []byte {
		if value := lookup(string(m[2 : len(m)-1])); value != "" {
			return []byte(value)
		}
		return m
	})
}

func cmdExpand(ts *testscript.TestScript, neg bool, args []string) {
	refuseNeg(ts, "expand", neg)
	for _, name := range args {
		path := ts.MkAbs(name)
		text, err := os.ReadFile(path)
		ts.Check(err)
		ts.Check(os.WriteFile(path, expand(text, ts.Getenv), 0o600))
	}
}

func cmdEnvoy(ts *testscript.TestScript, neg bool, args []string) {
	refuseNeg(ts, "envoy", neg)
	if len(args)%2 != 1 {
		ts.Fatalf("usage: envoy CONFIG [OLD NEW]…")
	}
	w := the(ts)
	config := ts.MkAbs(args[0])
	if _, err := os.Stat(config); err != nil {
		config = filepath.Join(w.root, "envoy", args[0])
	}
	port, err := strconv.Atoi(ts.Getenv("GRPC_PORT"))
	ts.Check(err)
	if w.envoy != nil {
		w.envoy.Kill()
	}
	text, err := os.ReadFile(config)
	ts.Check(err)
	for i := 1; i < len(args); i += 2 {
		args[i+1] = strings.ReplaceAll(args[i+1], `\n`, "\n")
		if !strings.Contains(string(text), args[i]) {
			ts.Fatalf("%s does not hold %q", args[0], args[i])
		}
	}
	w.envoy, err = harness.StartEnvoy(context.Background(), harness.EnvoyConfig{
		Config: config, Dir: ts.MkAbs("."), Binary: w.envoyBinary, Replace: args[1:],
		Ports: map[int]int{harness.PortWeir: port, harness.PortUpstream: w.upstream.Port},
	})
	ts.Check(err)
	ts.Setenv("ENVOY_URL", w.envoy.URL)
}

func cmdEnvoyStats(ts *testscript.TestScript, neg bool, args []string) {
	refuseNeg(ts, "envoystats", neg)
	if len(args) != 1 {
		ts.Fatalf("usage: envoystats clean|REGEXP")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if args[0] == "clean" {
		bad, err := the(ts).envoy.Misunderstandings(ctx)
		ts.Check(err)
		if len(bad) > 0 {
			ts.Fatalf("Envoy and Weir misunderstood each other: %v", bad)
		}
		return
	}
	stats, err := the(ts).envoy.Stats(ctx, args[0])
	ts.Check(err)
	for _, name := range sortedKeys(stats) {
		fmt.Fprintf(ts.Stdout(), "%s: %d\n", name, stats[name])
	}
}

func cmdUpstream(ts *testscript.TestScript, neg bool, args []string) {
	refuseNeg(ts, "upstream", neg)
	if len(args) == 2 && args[0] == "-body" {
		ts.Check(os.WriteFile(ts.MkAbs(args[1]), the(ts).upstream.Kept(), 0o600))
		return
	}
	all := the(ts).upstream.Seen()
	if len(all) == 0 {
		fmt.Fprintln(ts.Stdout(), "nothing")
	}
	for _, seen := range all {
		fmt.Fprintf(ts.Stdout(), "%s %s\n", seen.Method, seen.Path)
		printHeaders(ts.Stdout(), seen.Header, "  ")
	}
}

// process returns the named child of the script.
func (w *world) process(ts *testscript.TestScript, name string) *harness.Process {
	switch {
	case name == "weir" && w.weir != nil:
		return w.weir.Process
	case name == "envoy" && w.envoy != nil:
		return w.envoy.Process
	case name == "redis" && w.redis != nil:
		return w.redis.Process
	}
	ts.Fatalf("%q does not run", name)
	return nil
}

// signalling returns the command that sends a signal to a child and, where the child is to end by it, waits for that.
func signalling(verb string, sig syscall.Signal, ends bool) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		refuseNeg(ts, verb, neg)
		if len(args) != 1 {
			ts.Fatalf("usage: %s weir|envoy|redis|upstream|collector", verb)
		}
		switch {
		case args[0] == "upstream":
			ts.Check(the(ts).upstream.Close())
			return
		case args[0] == "collector" && ends:
			the(ts).collector.Close()
			return
		}
		p := the(ts).process(ts, args[0])
		ts.Check(p.Signal(sig))
		if sig == syscall.SIGSTOP {
			awaitStopped(ts, p)
		}
		if !ends {
			return
		}
		select {
		case <-p.Done():
		case <-time.After(30 * time.Second):
			ts.Fatalf("%s did not end within 30 s of %v:\n%s", p.Name, sig, p.Log)
		}
	}
}

// awaitStopped waits until every thread of a child has stopped: on a busy machine one may go on for a while, and answer a request. Where
// there is no /proc it does not wait.
func awaitStopped(ts *testscript.TestScript, p *harness.Process) {
	deadline := time.Now().Add(10 * time.Second)
	for running := true; running; {
		running = false
		files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.PID()))
		ts.Check(err)
		for _, f := range files {
			text, err := os.ReadFile(f)
			state := text[bytes.LastIndexByte(text, ')')+1:]
			running = running || err == nil && !bytes.HasPrefix(state, []byte(" T"))
		}
		if running && time.Now().After(deadline) {
			ts.Fatalf("%s has not stopped within 10 s", p.Name)
		}
	}
}

// cmdEnded waits until a child has ended by itself and compares its exit code.
func cmdEnded(ts *testscript.TestScript, neg bool, args []string) {
	refuseNeg(ts, "ended", neg)
	if len(args) != 2 {
		ts.Fatalf("usage: ended weir|envoy|redis CODE")
	}
	p := the(ts).process(ts, args[0])
	select {
	case <-p.Done():
	case <-time.After(30 * time.Second):
		ts.Fatalf("%s has not ended within 30 s:\n%s", p.Name, p.Log)
	}
	if got := strconv.Itoa(p.ExitCode()); got != args[1] {
		ts.Fatalf("%s ended with exit code %s, want %s:\n%s", p.Name, got, args[1], p.Log)
	}
}

func refuseNeg(ts *testscript.TestScript, command string, neg bool) {
	if neg {
		ts.Fatalf("%s cannot be negated", command)
	}
}
