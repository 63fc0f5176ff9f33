// Command 10-model-versions starts a development issuer, a file server, Weir and Envoy on this machine, then runs walk.sh: the life of a model
// version, from unknown to retired. run.sh runs it with what it needs.
package main

import (
	"context"
	"embed"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/weirgate/weir/integration/harness"
)

//go:embed weir.yaml settings.yaml envoy.yaml models.yaml created.json retired.json mlflow.secret
var configs embed.FS

// The ports that the configurations are written with, besides those that the harness knows. Each is replaced by a free one.
const (
	portIssuer    = 9000
	portWeirAdmin = 9002
	portUpstream  = 8080
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "model versions:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	root, err := harness.Root()
	if err != nil {
		return err
	}
	binary, err := harness.WeirBinary()
	if err != nil {
		return err
	}
	fmt.Println("Model versions: what is known of a model by what it is, wherever it lies")
	dir, err := os.MkdirTemp("", "weir-models-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ports, err := harness.LayOut(dir, configs, portIssuer, portWeirAdmin, portUpstream)
	if err != nil {
		return err
	}
	issuer, err := harness.StartIssuer(harness.Loopback(ports[portIssuer]), "")
	if err != nil {
		return err
	}
	defer func() { _ = issuer.Close() }()
	for name, group := range map[string]string{"alice": "research", "dave": "ml-platform", "oncall": "on-call", "carol": "ml-security", "erin": "ml-security"} {
		token, err := issuer.Mint(map[string]any{"sub": name, "groups": []string{group}})
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name+".token"), []byte(token), 0o600); err != nil {
			return err
		}
	}
	store, err := harness.StartUpstream(harness.UpstreamConfig{Listen: harness.Loopback(ports[portUpstream])})
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	weir, err := harness.StartWeir(ctx, dir, nil, "serve", "--config", "weir.yaml")
	if err != nil {
		return err
	}
	defer weir.Kill()
	envoy, err := harness.StartEnvoy(ctx, harness.EnvoyConfig{Config: filepath.Join(dir, "envoy.yaml"), Ports: ports, Dir: dir})
	if err != nil {
		return err
	}
	defer envoy.Kill()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	walk := exec.CommandContext(ctx, filepath.Join(root, "examples", "10-model-versions", "walk.sh"))
	walk.Dir = dir
	walk.Env = append(os.Environ(), "WEIR="+binary, "ENVOY_URL="+envoy.URL, "ADMIN=http://"+harness.Loopback(ports[portWeirAdmin]))
	walk.Stdout, walk.Stderr = os.Stdout, os.Stderr
	if err := walk.Run(); err != nil {
		return fmt.Errorf("walk.sh: %w; Weir said:\n%s", err, weir.Log)
	}
	return nil
}
