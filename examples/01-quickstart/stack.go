package main

import (
	"context"
	"embed"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/weirgate/weir/integration/harness"
)

//go:embed weir.yaml settings.yaml envoy.yaml
var configs embed.FS

// The ports that the configurations are written with. Those that are taken on this machine are replaced by free ones.
const (
	portIssuer    = 9000
	portWeirAdmin = 9002
)

// stack is everything the demo runs.
type stack struct {
	dir      string // the filled-in configurations and Weir's journal
	issuer   *harness.Issuer
	upstream *harness.Upstream
	weir     *harness.Weir
	envoy    *harness.Envoy
	ports    map[int]int // as written → as used
}

// startStack starts issuer, upstream, Weir and Envoy, telling each on the way. On an error nothing stays running.
func startStack(ctx context.Context, tell func(format string, args ...any)) (_ *stack, err error) {
	s := &stack{ports: map[int]int{}}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.dir, err = os.MkdirTemp("", "weir-demo-"); err != nil {
		return nil, err
	}
	for _, port := range []int{harness.PortListener, harness.PortAdmin, harness.PortWeir, harness.PortUpstream, portIssuer, portWeirAdmin} {
		if s.ports[port], err = usable(port); err != nil {
			return nil, err
		}
	}
	if err = s.writeConfigs(); err != nil {
		return nil, err
	}
	if s.issuer, err = harness.StartIssuer(s.address(portIssuer), ""); err != nil {
		return nil, err
	}
	tell("issuer    %s   (gives a token to everybody who asks: for this demo only)", s.issuer.URL)
	if s.upstream, err = harness.StartUpstream(harness.UpstreamConfig{Listen: s.address(harness.PortUpstream), Corpus: corpus()}); err != nil {
		return nil, err
	}
	tell("upstream  %s   (embeddings, a vector store over %d texts, a model checkpoint)", s.upstream.URL, len(corpus()))
	if s.weir, err = harness.StartWeir(ctx, s.dir, nil, "serve", "--config", "weir.yaml"); err != nil {
		return nil, err
	}
	tell("weir      grpc://%s   (counters in memory, journal in %s)", s.address(harness.PortWeir), filepath.Join(s.dir, "audit"))
	if s.envoy, err = harness.StartEnvoy(ctx, harness.EnvoyConfig{Config: filepath.Join(s.dir, "envoy.yaml"), Ports: s.ports, Dir: s.dir}); err != nil {
		return nil, err
	}
	tell("envoy     %s   (one ext_proc filter)", s.envoy.URL)
	return s, nil
}

// usable returns port where it is free on loopback, else one that is.
func usable(port int) (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
	if err != nil {
		return harness.FreePort()
	}
	return port, l.Close()
}

func (s *stack) address(port int) string { return "127.0.0.1:" + strconv.Itoa(s.ports[port]) }

// writeConfigs puts the shipped configurations into the stack's directory, with the ports that are in use.
func (s *stack) writeConfigs() error {
	var replace []string
	for from := range s.ports {
		replace = append(replace, "127.0.0.1:"+strconv.Itoa(from), s.address(from))
	}
	for _, name := range []string{"weir.yaml", "settings.yaml", "envoy.yaml"} {
		text, err := configs.ReadFile(name)
		if err != nil {
			return err
		}
		filled := strings.NewReplacer(replace...).Replace(string(text))
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(filled), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// weirCommand runs a weir subcommand in the stack's directory and returns what it prints.
func (s *stack) weirCommand(ctx context.Context, args ...string) (string, error) {
	binary, err := harness.WeirBinary()
	if err != nil {
		return "", err
	}
	command := exec.CommandContext(ctx, binary, args...)
	command.Dir = s.dir
	out, err := command.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("weir %s: %w", strings.Join(args, " "), err)
	}
	return string(out), nil
}

// close ends what runs, Envoy first, and removes the directory.
func (s *stack) close() {
	if s.envoy != nil {
		s.envoy.Kill()
	}
	if s.weir != nil {
		_ = s.weir.Stop(10 * time.Second)
	}
	if s.upstream != nil {
		_ = s.upstream.Close()
	}
	if s.issuer != nil {
		_ = s.issuer.Close()
	}
	if s.dir != "" {
		_ = os.RemoveAll(s.dir)
	}
}
