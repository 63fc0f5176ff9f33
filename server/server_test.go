package server_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/weirgate/weir/server"
	"github.com/weirgate/weir/server/internal/config"
)

const smallest = `
listen: {grpc: "127.0.0.1:0", admin: "127.0.0.1:0"}
issuers: [{issuer: "https://issuer.example", audiences: [a], jwks_file: keys.json}]
targets: [{name: embeddings, kind: inference, tenant: test, dialect: openai, paths: [/v1/embeddings]}]
audit: {dir: audit}
`

// TestEndsBeforeItBegan: SIGTERM may come before the listeners are served; that is no failure.
func TestEndsBeforeItBegan(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"weir.yaml": smallest, "keys.json": `{"keys": []}`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, err := config.Load(filepath.Join(dir, "weir.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s, err := server.New(ctx, cfg, server.Options{Getenv: func(string) string { return "" }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := s.Run(ctx); err != nil {
		t.Errorf("Run: %v, want nil", err)
	}
}
