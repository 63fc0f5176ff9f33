package harness

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"time"
)

// GoTool returns the program that a module under integration/testdata pins as its tool, such as a server that tests need: built under .bin the
// first time, and kept until go.sum names others. dir is the module's directory; pkg is the program's package.
func GoTool(ctx context.Context, dir, pkg string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	sums, err := os.ReadFile(filepath.Join(dir, "go.sum"))
	if err != nil {
		return "", err
	}
	program := filepath.Join(root, ".bin", fmt.Sprintf("%s-%.8x", path.Base(pkg), sha256.Sum256(sums)))
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	fresh := fmt.Sprintf("%s-new-%d", program, os.Getpid())
	defer func() { _ = os.Remove(fresh) }()
	build := exec.CommandContext(ctx, "go", "build", "-ldflags", "-s -w", "-o", fresh, pkg)
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	return program, os.Rename(fresh, program) // whole or not at all
}
