package integration_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/weirgate/weir/integration/harness"
)

// TestQuickstart runs the demo as "make demo" does and wants every step of it to pass.
func TestQuickstart(t *testing.T) {
	envoy, err := harness.FindEnvoy()
	harness.Need(t, err)
	weir, err := harness.WeirBinary()
	if err != nil {
		t.Fatal(err)
	}
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	demo := filepath.Join(t.TempDir(), "quickstart")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", demo, "./examples/01-quickstart")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the demo: %v\n%s", err, out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	run := exec.CommandContext(ctx, demo)
	run.Dir = root
	run.Env = append(os.Environ(), "ENVOY="+envoy, "WEIR="+weir, "KEEP=")
	out, err := run.CombinedOutput()
	if err != nil || !regexp.MustCompile(`(?m)^\d+ passed, 0 failed$`).Match(out) {
		t.Errorf("the demo: %v\n%s", err, out)
	}
	all, _ := docs(t)
	said := regexp.MustCompile(`decision [a-z0-9-]+`).ReplaceAll(out, []byte("decision <ID>"))
	for _, line := range strings.Split(strings.TrimSpace(blocks(all["README.md"], "text")[0]), "\n") {
		if !bytes.Contains(said, []byte(line+"\n")) {
			t.Errorf("README.md says that the demo prints %q; it does not:\n%s", line, out)
		}
	}
}

// TestSealedVectors runs the example as its run.sh does: a real chromadb client, a real Chroma, and every step of it must pass.
func TestSealedVectors(t *testing.T) {
	envoy, err := harness.FindEnvoy()
	harness.Need(t, err)
	weir, err := harness.WeirBinary()
	if err != nil {
		t.Fatal(err)
	}
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	virtualEnv(t, filepath.Join(root, "integration", "testdata", "clients", "chroma", "requirements.lock")) // or skips
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	run := exec.CommandContext(ctx, filepath.Join(root, "examples", "03-sealed-vectors", "run.sh"))
	run.Env = append(os.Environ(), "ENVOY="+envoy, "WEIR="+weir)
	run.WaitDelay = 10 * time.Second
	out, err := run.CombinedOutput()
	if err != nil || !regexp.MustCompile(`(?m)^6 passed, 0 failed$`).Match(out) {
		t.Errorf("the example: %v\n%s", err, out)
	}
}

// TestExamplesSayHowToRunThem wants a README in each example.
func TestExamplesSayHowToRunThem(t *testing.T) {
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	examples, err := filepath.Glob(filepath.Join(root, "examples", "*"))
	if err != nil || len(examples) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, example := range examples {
		if _, err := os.Stat(filepath.Join(example, "README.md")); err != nil {
			t.Errorf("%v", err)
		}
	}
}
