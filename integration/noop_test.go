package integration_test

import (
	"bytes"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirgate/weir/integration/harness"
)

// TestEnvoyTakesOverrides runs the default config with a server that changes nothing, in each treatment: what goes in comes out, and Envoy's
// counters show no misunderstanding. It keeps the harness honest: a fault seen with Weir is not one of the harness.
func TestEnvoyTakesOverrides(t *testing.T) {
	binary, err := harness.FindEnvoy()
	harness.Need(t, err)
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	upstream, err := harness.StartUpstream(harness.UpstreamConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer upstream.Close()
	for _, treatment := range []harness.Treatment{harness.Headers, harness.Stream, harness.InspectRewrite} {
		t.Run(string(treatment), func(t *testing.T) {
			noop, err := harness.StartNoop(treatment)
			if err != nil {
				t.Fatal(err)
			}
			defer noop.Close()
			envoy, err := harness.StartEnvoy(t.Context(), harness.EnvoyConfig{
				Config: filepath.Join(root, "envoy", "ext_proc.yaml"), Dir: t.TempDir(), Binary: binary,
				Ports: map[int]int{harness.PortWeir: noop.Port, harness.PortUpstream: upstream.Port},
			})
			if err != nil {
				t.Fatal(err)
			}
			defer envoy.Kill()
			throughEnvoy(t, envoy, upstream)
			bad, err := envoy.Misunderstandings(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if len(bad) > 0 {
				t.Errorf("Envoy's counters show %v", bad)
			}
		})
	}
}

// throughEnvoy compares answers through Envoy with those of the upstream itself.
func throughEnvoy(t *testing.T, envoy *harness.Envoy, upstream *harness.Upstream) {
	t.Helper()
	ask := `{"model":"sentinel","input":["` + strings.Repeat("a river ", 2000) + `","b"]}`
	for _, x := range []exchange{
		{method: http.MethodGet, url: "/bytes/0"},
		{method: http.MethodGet, url: "/bytes/3000000"},
		{method: http.MethodHead, url: "/models/tiny.safetensors"},
		{method: http.MethodGet, url: "/models/tiny.safetensors"},
		{method: http.MethodPost, url: "/v1/embeddings", body: []byte(ask)},
		{method: http.MethodPost, url: "/v1/embeddings", body: []byte(ask), shape: "chunked trickle text=abcdefghijklmnopqrstuvwxyz"},
		{method: http.MethodPost, url: "/v1/embeddings", body: []byte(ask), shape: "gzip"},
		{method: http.MethodPost, url: "/v1/embeddings", body: []byte(ask), shape: "empty chunked"},
		{method: http.MethodPost, url: "/v1/embeddings", body: []byte(ask), shape: "status=204"},
		{method: http.MethodGet, url: "/bytes/10", shape: "status=304"},
		{method: http.MethodGet, url: "/bytes/10", shape: "delay=50ms stall=50ms"},
	} {
		for _, h2 := range []bool{false, true} {
			x.h2, x.timeout, x.header = h2, 20*time.Second, http.Header{}
			path := x.url
			x.url = upstream.URL + path
			want := x.do()
			x.url = envoy.URL + path
			got := x.do()
			x.url = path
			if got.err != nil || got.status != want.status || !bytes.Equal(got.body, want.body) {
				t.Errorf("%s %s (%s) h2=%v: got %d, %d bytes, %v; the upstream itself says %d, %d bytes",
					x.method, path, x.shape, h2, got.status, len(got.body), got.err, want.status, len(want.body))
			}
		}
	}
}
