package integration_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirgate/weir/integration/harness"
)

// TestClients drives the deployments by clients that people use, unmodified, each in a virtual environment of its own. The scripts are in
// testdata/clients/NAME, beside the programs that use the client; PYTHON and CLIENT are the environment's Python and that directory.
func TestClients(t *testing.T) {
	for _, name := range []string{"openai", "s3", "chroma", "tei"} {
		t.Run(name, func(t *testing.T) {
			dir, err := filepath.Abs(filepath.Join("testdata", "clients", name))
			if err != nil {
				t.Fatal(err)
			}
			python := virtualEnv(t, filepath.Join(dir, "requirements.lock"))
			runScripts(t, dir, map[string]string{"PYTHON": python, "CLIENT": dir, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"})
		})
	}
}

// virtualEnv returns the Python of a virtual environment with exactly these requirements, made under .bin the first time. Where there is no
// Python, or no package registry, the test is skipped, or fails under CI=true; a package whose hash is not the pinned one fails it always.
func virtualEnv(t *testing.T, requirements string) string {
	t.Helper()
	python, err := exec.LookPath("python3")
	harness.Need(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	run := func(args ...string) ([]byte, error) {
		out, err := exec.CommandContext(ctx, python, args...).CombinedOutput()
		if err != nil {
			err = fmt.Errorf("python3 %s: %w\n%s", strings.Join(args, " "), err, out)
		}
		return out, err
	}
	version, err := run("-c", "import sys, sysconfig; print(sys.executable, sys.version, sysconfig.get_platform())")
	harness.Need(t, err)
	pinned, err := os.ReadFile(requirements)
	if err != nil {
		t.Fatal(err)
	}
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	cache := filepath.Join(root, ".bin")
	env := filepath.Join(cache, fmt.Sprintf("venv-%.8x", sha256.Sum256(append(version, pinned...))))
	if _, err := os.Stat(env); err == nil {
		return filepath.Join(env, "bin", "python")
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		t.Fatal(err)
	}
	fresh, err := os.MkdirTemp(cache, "venv-new-")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(fresh) }()
	_, err = run("-m", "venv", "--without-pip", fresh)
	harness.Need(t, err)
	out, err := run("-m", "pip", "--python", filepath.Join(fresh, "bin", "python"), "install", "--quiet", "--disable-pip-version-check",
		"--retries", "1", "--no-deps", "--only-binary", ":all:", "--require-hashes", "--requirement", requirements)
	if strings.Contains(string(out), "DO NOT MATCH THE HASHES") {
		t.Fatal(err)
	}
	harness.Need(t, err)
	// Whole or not at all: an interrupted installation leaves no environment behind, and of two at once either will do.
	if err := os.Rename(fresh, env); err != nil {
		if _, missing := os.Stat(env); missing != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(env, "bin", "python")
}
