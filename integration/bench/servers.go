package main

import (
	"context"
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/weirgate/weir/integration/harness"
)

//go:embed weir.yaml settings.yaml
var configs embed.FS

// server is what is measured: Weir or the do-nothing server, in a process of its own.
type server struct {
	process *harness.Process
	port    int // of its gRPC listener
	admin   int // of Weir's pages
}

// startWeir starts weir with limits that no benchmark reaches, and its journal on disk as in production.
func startWeir(ctx context.Context, issuer *harness.Issuer, entry, dir string) (server, error) {
	var ports [2]int
	for i := range ports {
		var err error
		if ports[i], err = harness.FreePort(); err != nil {
			return server{}, err
		}
	}
	fill := strings.NewReplacer("${ENTRY}", entry, "${GRPC_PORT}", strconv.Itoa(ports[0]), "${ADMIN_PORT}", strconv.Itoa(ports[1]), "${ISSUER}", issuer.URL)
	for _, name := range []string{"weir.yaml", "settings.yaml"} {
		text, err := configs.ReadFile(name)
		if err != nil {
			return server{}, err
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(fill.Replace(string(text))), 0o600); err != nil {
			return server{}, err
		}
	}
	w, err := harness.StartWeir(ctx, dir, nil, "serve", "--config", "weir.yaml")
	if err != nil {
		return server{}, err
	}
	return server{w.Process, ports[0], ports[1]}, nil
}

// startNoop starts the do-nothing server: this program, told so by its arguments.
func startNoop(ctx context.Context, treatment harness.Treatment, dir string) (server, error) {
	self, err := os.Executable()
	if err != nil {
		return server{}, err
	}
	portFile := filepath.Join(dir, "port")
	p, err := harness.StartProcess(harness.ProcessConfig{Name: "do-nothing server", Path: self, Args: []string{noopCommand, string(treatment), portFile}})
	if err != nil {
		return server{}, err
	}
	s := server{process: p}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	err = p.WaitLog(ctx, noopReady)
	var text []byte
	if err == nil {
		text, err = os.ReadFile(portFile)
	}
	if err == nil {
		s.port, err = strconv.Atoi(string(text))
	}
	if err != nil {
		p.Kill()
		return server{}, err
	}
	return s, nil
}

const (
	noopCommand = "noop"
	noopReady   = "noop ready"
)

// noop is the do-nothing server's main: it serves until it is told to end.
func noop(ctx context.Context, treatment, portFile string) error {
	n, err := harness.StartNoop(harness.Treatment(treatment))
	if err != nil {
		return err
	}
	if err := os.WriteFile(portFile, fmt.Append(nil, n.Port), 0o600); err != nil {
		return err
	}
	fmt.Println(noopReady)
	<-ctx.Done()
	n.Close()
	return nil
}
