package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/weirgate/weir/integration/harness"
)

// The arms of the comparison: the same client, upstream and Envoy, with another server beside it.
const (
	plain     = "envoy without filters"
	doNothing = "do-nothing server" // with the treatments that Weir chooses for these calls: request inspected, answer streamed through it
	weir      = "weir"
)

// The answers of the upstream, named by the request header x-bench.
const (
	small       = "2KB"
	bigFloats   = "8MB floats"
	bigBase64   = "8MB base64"
	benchHeader = "x-bench"
)

// startUpstream serves ready-made answers, so that its own work does not blur the comparison.
func startUpstream() *httptest.Server {
	answers := map[string][]byte{
		small:     openAI(1, 150, compact),
		bigFloats: openAI(vectorsMade, dims, indented),
		bigBase64: openAI(1024, dims, packed),
	}
	mux := http.NewServeMux()
	mux.HandleFunc(checkpointPath, serveObject(checkpointBytes))
	mux.HandleFunc(logPath, serveObject(logBytes))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		body := answers[r.Header.Get(benchHeader)]
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body)
	})
	return httptest.NewServer(mux)
}

// arm is one running comparison partner.
type arm struct {
	name   string
	envoy  *harness.Envoy
	server server // none for plain
	client *http.Client
}

type bench struct {
	out      io.Writer
	upstream *httptest.Server
	issuer   *harness.Issuer
	arms     map[string]*arm
}

func (b *bench) close() {
	for _, a := range b.arms {
		if a.envoy != nil {
			a.envoy.Kill()
		}
		if a.server.process != nil {
			a.server.process.Kill()
		}
	}
}

// start starts one arm's server and its Envoy.
func (b *bench) start(ctx context.Context, name, dir string) error {
	a := &arm{name: name, client: &http.Client{Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 8}}}
	if b.arms == nil {
		b.arms = map[string]*arm{}
	}
	b.arms[name] = a
	root, err := harness.Root()
	if err != nil {
		return err
	}
	_, text, ok := strings.Cut(b.upstream.URL, "127.0.0.1:")
	if !ok {
		return fmt.Errorf("upstream at %s", b.upstream.URL)
	}
	upstreamPort, err := strconv.Atoi(text)
	if err != nil {
		return err
	}
	config := harness.EnvoyConfig{Config: filepath.Join(root, "envoy", "ext_proc.yaml"), Dir: dir, Ports: map[int]int{harness.PortUpstream: upstreamPort}}
	switch name {
	case plain:
		if config.Config, err = withoutFilter(config.Config, dir); err != nil {
			return err
		}
	case doNothing:
		a.server, err = startNoop(ctx, harness.InspectRewrite, dir)
	case weir:
		a.server, err = startWeir(ctx, b.issuer, "ext_proc", dir)
	}
	if err != nil {
		return err
	}
	config.Ports[harness.PortWeir] = a.server.port
	a.envoy, err = harness.StartEnvoy(ctx, config)
	return err
}

var extProc = regexp.MustCompile(`(?s) *- name: envoy\.filters\.http\.ext_proc\n.*?( *- name: envoy\.filters\.http\.router\n)`)

// withoutFilter writes the config without its ext_proc filter.
func withoutFilter(path, dir string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	bare := filepath.Join(dir, "plain.yaml")
	return bare, os.WriteFile(bare, extProc.ReplaceAll(text, []byte("$1")), 0o600)
}
