package harness

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// ReadyLine is what weir logs once it listens.
const ReadyLine = "weir ready"

// Weir is one running weir serve.
type Weir struct{ *Process }

var builtWeir = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("WEIR"); path != "" {
		return filepath.Abs(path)
	}
	root, err := Root()
	if err != nil {
		return "", err
	}
	// Named after the test binary: packages are tested side by side, and a running program cannot be written over.
	path := filepath.Join(root, ".bin", "weir-"+filepath.Base(os.Args[0]))
	build := exec.Command("go", "build", "-o", path, "./server/cmd/weir")
	build.Dir = root
	var out bytes.Buffer
	build.Stdout, build.Stderr = &out, &out
	if err := build.Run(); err != nil {
		return "", fmt.Errorf("build weir: %w\n%s", err, &out)
	}
	return path, nil
})

// WeirBinary returns the path of the weir to test: WEIR when set, otherwise one built from this source, once per process.
func WeirBinary() (string, error) { return builtWeir() }

// StartWeir runs "weir" with the arguments (serve --config …) in dir and returns once it says that it is ready.
func StartWeir(ctx context.Context, dir string, env []string, args ...string) (*Weir, error) {
	binary, err := WeirBinary()
	if err != nil {
		return nil, err
	}
	p, err := StartProcess(ProcessConfig{Name: "weir", Path: binary, Args: args, Dir: dir, Env: env})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := p.WaitLog(ctx, ReadyLine); err != nil {
		p.Kill()
		return nil, err
	}
	return &Weir{Process: p}, nil
}
