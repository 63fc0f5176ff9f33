// Command 08-mlflow starts a development issuer, MLflow's tracking server, Weir and Envoy on this machine, then runs client.py: an unmodified
// mlflow that downloads a model, or is refused. run.sh runs it with what it needs.
package main

import (
	"context"
	"embed"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/weirgate/weir/integration/harness"
)

//go:embed weir.yaml settings.yaml envoy.yaml
var configs embed.FS

// The ports that the configurations are written with, besides those that the harness knows. Each is replaced by a free one.
const (
	portIssuer    = 9000
	portWeirAdmin = 9002
	portMLflow    = 5000
)

// rows is the length of the model's matrix, of 2 MiB.
const rows = 2 << 20 / 4 / 64

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "mlflow:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	root, err := harness.Root()
	if err != nil {
		return err
	}
	fmt.Println("MLflow: models from a tracking server that leave for a reason, or not at all")
	server := filepath.Join(root, "integration", "testdata", "servers", "mlflow")
	python, err := harness.PythonEnv(ctx, filepath.Join(server, "requirements.lock"))
	if err != nil {
		return fmt.Errorf("mlflow from the package registry: %w", err)
	}
	dir, err := os.MkdirTemp("", "weir-mlflow-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ports, err := harness.LayOut(dir, configs, portIssuer, portWeirAdmin, portMLflow)
	if err != nil {
		return err
	}
	issuer, err := harness.StartIssuer(harness.Loopback(ports[portIssuer]), "")
	if err != nil {
		return err
	}
	defer func() { _ = issuer.Close() }()
	tracking, err := startMLflow(ctx, python, filepath.Join(server, "server.py"), dir, ports[portMLflow])
	if err != nil {
		return err
	}
	defer tracking.Kill()
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
	fmt.Printf("  MLflow %s, Weir %s, Envoy %s\n", harness.Loopback(ports[portMLflow]), harness.Loopback(ports[harness.PortWeir]), envoy.URL)
	env, err := clientEnv(issuer, dir)
	if err != nil {
		return err
	}
	env = append(env, "ENVOY_URL="+envoy.URL, "MLFLOW_URL=http://"+harness.Loopback(ports[portMLflow]))
	if err := runClient(ctx, python, filepath.Join(root, "examples", "08-mlflow", "client.py"), dir, env); err != nil {
		return fmt.Errorf("client.py: %w; Weir said:\n%s", err, weir.Log)
	}
	return nil
}

// startMLflow starts the tracking server on an empty directory and waits until it answers, for a minute at most: it makes a database first.
func startMLflow(ctx context.Context, python, program, dir string, port int) (*harness.Process, error) {
	if err := os.Mkdir(filepath.Join(dir, "tracking"), 0o700); err != nil {
		return nil, err
	}
	p, err := harness.StartProcess(harness.ProcessConfig{
		Name: "mlflow", Path: python, Dir: dir, Args: []string{program, strconv.Itoa(port), "tracking"}, Env: []string{"PYTHONDONTWRITEBYTECODE=1"},
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return p, p.WaitHTTP(ctx, "http://"+harness.Loopback(port)+"/health")
}

// clientEnv writes the model and mints the tokens: dave's job are models, alice's are not. The nightly job's token says what it is for.
func clientEnv(issuer *harness.Issuer, dir string) ([]string, error) {
	model := filepath.Join(dir, "model.safetensors")
	if err := os.WriteFile(model, harness.Safetensors(rows), 0o600); err != nil {
		return nil, err
	}
	env := []string{"MODEL=" + model}
	for name, claims := range map[string]map[string]any{
		"alice":   {"groups": []string{"research"}, "ticket": "MODEL-42 curiosity"},
		"dave":    {"groups": []string{"ml-platform"}},
		"nightly": {"groups": []string{"ml-platform"}, "ticket": "MODEL-42 nightly evaluation"},
	} {
		claims["sub"] = name
		token, err := issuer.Mint(claims)
		if err != nil {
			return nil, err
		}
		env = append(env, name+"="+token)
	}
	return env, nil
}

// runClient runs client.py, for two minutes at most.
func runClient(ctx context.Context, python, program, dir string, env []string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	client := exec.CommandContext(ctx, python, program)
	client.Dir = dir
	client.Env = append(append(os.Environ(), env...), "PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1")
	client.Stdout, client.Stderr = os.Stdout, os.Stderr
	return client.Run()
}
