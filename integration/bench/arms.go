package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
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
	dims        = 1536
)

// startUpstream serves ready-made answers, so that its own work does not blur the comparison.
func startUpstream() (*httptest.Server, error) {
	answers := map[string][]byte{}
	for name, of := range map[string]struct {
		size   int
		base64 bool
	}{small: {2 << 10, false}, bigFloats: {8 << 20, false}, bigBase64: {8 << 20, true}} {
		body, err := openAI(of.size, of.base64)
		if err != nil {
			return nil, err
		}
		answers[name] = body
	}
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		body := answers[r.Header.Get(benchHeader)]
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body)
	})), nil
}

// openAI returns an answer of about size bytes.
func openAI(size int, packed bool) ([]byte, error) {
	n := dims
	if size < 1<<16 {
		n = 128
	}
	vector := harness.Embed("the vector of a benchmark", n)
	for i := range vector {
		vector[i] += float32(i) * 1e-5 // no runs of zeros, which would be short in JSON
	}
	var one any = vector
	if packed {
		one = base64.StdEncoding.EncodeToString(harness.Bytes(vector))
	}
	item, err := json.Marshal(map[string]any{"object": "embedding", "index": 0, "embedding": one})
	if err != nil {
		return nil, err
	}
	items := bytes.Repeat(append(item, ','), max(1, size/len(item)))
	body := append([]byte(`{"object":"list","data":[`), items[:len(items)-1]...)
	return append(body, `],"model":"bench","usage":{"prompt_tokens":1,"total_tokens":1}}`...), nil
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
