package main

import (
	"context"
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/weirgate/weir/integration/harness"
)

//go:embed weir.yaml settings.yaml
var configs embed.FS

// startWeir starts weir with limits that the benchmark never reaches, and its journal on disk as in production.
func (b *bench) startWeir(ctx context.Context, a *arm, dir string) (int, error) {
	var ports [2]int
	for i := range ports {
		var err error
		if ports[i], err = harness.FreePort(); err != nil {
			return 0, err
		}
	}
	fill := strings.NewReplacer("${GRPC_PORT}", strconv.Itoa(ports[0]), "${ADMIN_PORT}", strconv.Itoa(ports[1]), "${ISSUER}", b.issuer.URL)
	for _, name := range []string{"weir.yaml", "settings.yaml"} {
		text, err := configs.ReadFile(name)
		if err != nil {
			return 0, err
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(fill.Replace(string(text))), 0o600); err != nil {
			return 0, err
		}
	}
	w, err := harness.StartWeir(ctx, dir, nil, "serve", "--config", "weir.yaml")
	if err != nil {
		return 0, err
	}
	a.server = w.Process
	return ports[0], nil
}

// tokens mints one for somebody who gets raw vectors and one for somebody whose vectors are zeroed.
func (b *bench) tokens() (raw, zeroed string, err error) {
	if raw, err = b.issuer.Mint(map[string]any{"sub": "raw", "groups": []string{"research"}}); err != nil {
		return "", "", fmt.Errorf("mint: %w", err)
	}
	if zeroed, err = b.issuer.Mint(map[string]any{"sub": "zeroed", "groups": []string{"product"}}); err != nil {
		return "", "", fmt.Errorf("mint: %w", err)
	}
	return raw, zeroed, nil
}
