// Command 07-hugging-face starts a development issuer, a small Hub, Weir and Envoy on this machine, then runs client.py: an unmodified
// huggingface_hub that downloads a model, or is refused. run.sh runs it with what it needs.
package main

import (
	"context"
	"crypto/rand"
	"embed"
	"encoding/base64"
	"fmt"
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

// The ports that the configurations are written with, besides those that the harness knows. Each is replaced by a free one.
const (
	portIssuer    = 9000
	portWeirAdmin = 9002
	portHub       = 8000
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "hugging face:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	root, err := harness.Root()
	if err != nil {
		return err
	}
	fmt.Println("Hugging Face: models from a Hub that leave for a reason, or not at all")
	python, err := harness.PythonEnv(ctx, filepath.Join(root, "integration", "testdata", "clients", "hub", "requirements.lock"))
	if err != nil {
		return fmt.Errorf("huggingface_hub from the package registry: %w", err)
	}
	dir, err := os.MkdirTemp("", "weir-hub-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ports, err := harness.LayOut(dir, configs, portIssuer, portWeirAdmin, portHub)
	if err != nil {
		return err
	}
	issuer, err := harness.StartIssuer(harness.Loopback(ports[portIssuer]), "")
	if err != nil {
		return err
	}
	defer func() { _ = issuer.Close() }()
	h := newHub("org/llm", "part-2.safetensors", map[string][]byte{
		"config.json": []byte(`{"model_type":"weir-demo"}`), "README.md": []byte("# A model\n"),
		"model.safetensors": harness.Safetensors(32 << 10), linked: harness.Safetensors(8 << 10), delivered: harness.Safetensors(16 << 10), "part-2.safetensors": harness.Safetensors(96 << 10),
		"tokenizer/vocab.txt": []byte(strings.Repeat("river\nweir\n", 1000)),
	})
	h.elsewhere = "http://localhost:" + strconv.Itoa(ports[portHub]) // another host, to the client
	server, err := h.start(ctx, harness.Loopback(ports[portHub]))
	if err != nil {
		return err
	}
	defer func() { _ = server.Close() }()
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return err
	}
	capabilityKey := "WEIR_CAPABILITY_KEY=" + base64.StdEncoding.EncodeToString(key)
	weir, err := harness.StartWeir(ctx, dir, []string{capabilityKey}, "serve", "--config", "weir.yaml")
	if err != nil {
		return err
	}
	defer weir.Kill()
	envoy, err := harness.StartEnvoy(ctx, harness.EnvoyConfig{Config: filepath.Join(dir, "envoy.yaml"), Ports: ports, Dir: dir})
	if err != nil {
		return err
	}
	defer envoy.Kill()
	h.delivery = strings.Replace(envoy.URL, "127.0.0.1", "localhost", 1) // a third host, and Envoy again
	fmt.Printf("  Hub %s, Weir %s, Envoy %s\n", harness.Loopback(ports[portHub]), harness.Loopback(ports[harness.PortWeir]), envoy.URL)
	env := []string{"ENVOY_URL=" + envoy.URL, "HUB_URL=http://" + harness.Loopback(ports[portHub]), "HF_HOME=" + filepath.Join(dir, "home")}
	for name, group := range map[string]string{"dave": "ml-platform", "alice": "research"} { // dave's job are models, alice's are not
		token, err := issuer.Mint(map[string]any{"sub": name, "groups": []string{group}})
		if err != nil {
			return err
		}
		env = append(env, name+"="+token)
	}
	if err := runClient(ctx, python, filepath.Join(root, "examples", "07-hugging-face", "client.py"), dir, env); err != nil {
		return fmt.Errorf("client.py: %w; Weir said:\n%s", err, weir.Log)
	}
	return h.done()
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
