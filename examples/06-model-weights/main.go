// Command 06-model-weights starts a development issuer, a real S3 server, Weir and Envoy on this machine, then runs client.py: an unmodified
// boto3 that downloads a model checkpoint, or is refused. run.sh runs it with what it needs.
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

//go:embed weir.yaml settings.yaml envoy.yaml
var configs embed.FS

// The ports that the configurations are written with, besides those that the harness knows. Each is replaced by a free one.
const (
	portIssuer    = 9000
	portWeirAdmin = 9002
	portS3        = 7070
)

// The S3 server's only account.
const accessKey, secretKey = "AKDEMO", "the secret of the demo"

// rows is the length of the model's matrix, of 24 MiB.
const rows = 24 << 20 / 4 / 64

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "model weights:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	root, err := harness.Root()
	if err != nil {
		return err
	}
	fmt.Println("Model weights: a model checkpoint in S3 that leaves for a reason, or not at all")
	python, err := harness.PythonEnv(ctx, filepath.Join(root, "integration", "testdata", "clients", "s3", "requirements.lock"))
	if err != nil {
		return fmt.Errorf("boto3 from the package registry: %w", err)
	}
	server, err := harness.GoTool(ctx, filepath.Join(root, "integration", "testdata", "servers", "versitygw"), "github.com/versity/versitygw/cmd/versitygw")
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "weir-weights-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ports, err := harness.LayOut(dir, configs, portIssuer, portWeirAdmin, portS3)
	if err != nil {
		return err
	}
	issuer, err := harness.StartIssuer(harness.Loopback(ports[portIssuer]), "")
	if err != nil {
		return err
	}
	defer func() { _ = issuer.Close() }()
	s3, err := startS3(ctx, server, dir, harness.Loopback(ports[portS3]))
	if err != nil {
		return err
	}
	defer s3.Kill()
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
	fmt.Printf("  S3 %s, Weir %s, Envoy %s\n", harness.Loopback(ports[portS3]), harness.Loopback(ports[harness.PortWeir]), envoy.URL)
	env, err := clientEnv(issuer, dir)
	if err != nil {
		return err
	}
	env = append(env, "ENVOY_URL="+envoy.URL, "S3_URL=http://"+harness.Loopback(ports[portS3]))
	if err := runClient(ctx, python, filepath.Join(root, "examples", "06-model-weights", "client.py"), dir, env); err != nil {
		return fmt.Errorf("client.py: %w; Weir said:\n%s", err, weir.Log)
	}
	return nil
}

// startS3 starts the S3 server on an empty directory and waits until it answers, for half a minute at most.
func startS3(ctx context.Context, server, dir, listen string) (*harness.Process, error) {
	for _, name := range []string{"store", "sidecar"} { // what the server knows of objects lies beside them: not every file system has attributes
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			return nil, err
		}
	}
	s3, err := harness.StartProcess(harness.ProcessConfig{
		Name: "versitygw", Path: server, Dir: dir, Env: []string{"ROOT_ACCESS_KEY_ID=" + accessKey, "ROOT_SECRET_ACCESS_KEY=" + secretKey},
		Args: []string{"--port", listen, "--quiet", "posix", "--sidecar", filepath.Join(dir, "sidecar"), filepath.Join(dir, "store")},
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return s3, s3.WaitHTTP(ctx, "http://"+listen+"/")
}

// clientEnv writes the model and mints the tokens: dave's job are models, that of alice and bob are texts.
func clientEnv(issuer *harness.Issuer, dir string) ([]string, error) {
	model := filepath.Join(dir, "model.safetensors")
	if err := os.WriteFile(model, harness.Safetensors(rows), 0o600); err != nil {
		return nil, err
	}
	env := []string{"MODEL=" + model, "ACCESS_KEY=" + accessKey, "SECRET_KEY=" + secretKey}
	for name, group := range map[string]string{"dave": "ml-platform", "alice": "research", "bob": "research"} {
		token, err := issuer.Mint(map[string]any{"sub": name, "groups": []string{group}})
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
