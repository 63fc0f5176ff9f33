// Command 03-sealed-vectors starts a development issuer, a real Chroma server, Weir and Envoy on this machine, then runs client.py: an
// unmodified chromadb client whose vectors are sealed. run.sh runs it with what it needs.
package main

import (
	"context"
	"crypto/rand"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/weirgate/weir/integration/harness"
)

//go:embed weir.yaml settings.yaml envoy.yaml
var configs embed.FS

// The ports that the configurations are written with. Each is replaced by a free one.
const (
	portIssuer    = 9000
	portWeirAdmin = 9002
	portChroma    = 8000
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "sealed vectors:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	root, err := harness.Root()
	if err != nil {
		return err
	}
	fmt.Println("Sealed vectors: a Chroma client that never holds a usable one")
	clients := filepath.Join(root, "integration", "testdata", "clients", "chroma")
	python, err := harness.PythonEnv(ctx, filepath.Join(clients, "requirements.lock"))
	if err != nil {
		return fmt.Errorf("chromadb from the package registry: %w", err)
	}
	dir, err := os.MkdirTemp("", "weir-sealed-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ports, err := writeConfigs(dir)
	if err != nil {
		return err
	}
	issuer, err := harness.StartIssuer(address(ports[portIssuer]), "")
	if err != nil {
		return err
	}
	defer func() { _ = issuer.Close() }()
	chroma, err := startChroma(ctx, python, clients, dir, ports[portChroma])
	if err != nil {
		return err
	}
	defer chroma.Kill()
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
	token, err := issuer.Mint(map[string]any{"sub": "bob", "groups": []string{"product"}})
	if err != nil {
		return err
	}
	fmt.Printf("  Chroma %s, Weir %s, Envoy %s\n", address(ports[portChroma]), address(ports[harness.PortWeir]), envoy.URL)
	if err := runClient(ctx, python, filepath.Join(root, "examples", "03-sealed-vectors", "client.py"), envoy.URL, address(ports[portChroma]), token); err != nil {
		return fmt.Errorf("client.py: %w; Weir said:\n%s", err, weir.Log)
	}
	return nil
}

func address(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }

// writeConfigs puts the configurations and a new mask key into dir, with ports that are free, and returns these by those they replace.
func writeConfigs(dir string) (map[int]int, error) {
	ports := map[int]int{}
	var replace []string
	for _, port := range []int{harness.PortListener, harness.PortAdmin, harness.PortWeir, portIssuer, portWeirAdmin, portChroma} {
		free, err := harness.FreePort()
		if err != nil {
			return nil, err
		}
		ports[port] = free
		replace = append(replace, address(port), address(free))
	}
	for _, name := range []string{"weir.yaml", "settings.yaml", "envoy.yaml"} {
		text, err := configs.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.NewReplacer(replace...).Replace(string(text))), 0o600); err != nil {
			return nil, err
		}
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return ports, os.WriteFile(filepath.Join(dir, "mask.key"), []byte(base64.StdEncoding.EncodeToString(key)), 0o600)
}

// startChroma starts Chroma's own server and waits until it answers, for a minute at most.
func startChroma(ctx context.Context, python, clients, dir string, port int) (*harness.Process, error) {
	chroma, err := harness.StartProcess(harness.ProcessConfig{
		Name: "chroma", Path: python, Dir: dir, Args: []string{filepath.Join(clients, "server.py"), strconv.Itoa(port), "data"},
		Env: []string{"PYTHONDONTWRITEBYTECODE=1"},
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	heartbeat := harness.Exchange{Method: http.MethodGet, URL: "http://" + address(port) + "/api/v2/heartbeat", Timeout: 5 * time.Second}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for heartbeat.Do().Status != http.StatusOK {
		select {
		case <-tick.C:
			continue
		case <-chroma.Done():
			err = errors.New("chroma ended")
		case <-ctx.Done():
			err = fmt.Errorf("chroma does not answer: %w", ctx.Err())
		}
		chroma.Kill()
		return nil, err
	}
	return chroma, nil
}

// runClient runs client.py, for two minutes at most.
func runClient(ctx context.Context, python, program, envoy, chroma, token string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	client := exec.CommandContext(ctx, python, program)
	client.Env = append(os.Environ(), "ENVOY_URL="+envoy, "CHROMA_URL=http://"+chroma, "TOKEN="+token, "PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1")
	client.Stdout, client.Stderr = os.Stdout, os.Stderr
	return client.Run()
}
