package harness

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// ErrPackageHash says that a package is not the pinned one: never a reason to go on without it.
var ErrPackageHash = errors.New("a package's hash is not the pinned one")

// PythonEnv returns the Python of a virtual environment with exactly the packages of a requirements file, which pins each by hash. It is
// made under .bin the first time and kept.
func PythonEnv(ctx context.Context, requirements string) (string, error) {
	python, err := exec.LookPath("python3")
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	run := func(args ...string) ([]byte, error) {
		out, err := exec.CommandContext(ctx, python, args...).CombinedOutput()
		if strings.Contains(string(out), "DO NOT MATCH THE HASHES") {
			err = ErrPackageHash
		}
		if err != nil {
			err = fmt.Errorf("python3 %s: %w\n%s", strings.Join(args, " "), err, out)
		}
		return out, err
	}
	version, err := run("-c", "import sys, sysconfig; print(sys.executable, sys.version, sysconfig.get_platform())")
	if err != nil {
		return "", err
	}
	pinned, err := os.ReadFile(requirements)
	if err != nil {
		return "", err
	}
	root, err := Root()
	if err != nil {
		return "", err
	}
	cache := filepath.Join(root, ".bin")
	env := filepath.Join(cache, fmt.Sprintf("venv-%.8x", sha256.Sum256(append(version, pinned...))))
	if _, err := os.Stat(env); err == nil {
		return filepath.Join(env, "bin", "python"), nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	fresh, err := os.MkdirTemp(cache, "venv-new-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(fresh) }()
	if _, err = run("-m", "venv", "--without-pip", fresh); err != nil {
		return "", err
	}
	if _, err = run("-m", "pip", "--python", filepath.Join(fresh, "bin", "python"), "install", "--quiet", "--disable-pip-version-check",
		"--retries", "1", "--no-deps", "--only-binary", ":all:", "--require-hashes", "--requirement", requirements); err != nil {
		return "", err
	}
	// Whole or not at all: an interrupted installation leaves no environment behind, and of two at once either will do.
	if err := os.Rename(fresh, env); err != nil {
		if _, missing := os.Stat(env); missing != nil {
			return "", err
		}
	}
	return filepath.Join(env, "bin", "python"), nil
}
