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
	for _, x := range []harness.Exchange{
		{Method: http.MethodGet, URL: "/bytes/0"},
		{Method: http.MethodGet, URL: "/bytes/3000000"},
		{Method: http.MethodHead, URL: "/models/tiny.safetensors"},
		{Method: http.MethodGet, URL: "/models/tiny.safetensors"},
		{Method: http.MethodPost, URL: "/v1/embeddings", Body: []byte(ask)},
		{Method: http.MethodPost, URL: "/v1/embeddings", Body: []byte(ask), Shape: "chunked trickle text=abcdefghijklmnopqrstuvwxyz"},
		{Method: http.MethodPost, URL: "/v1/embeddings", Body: []byte(ask), Shape: "gzip"},
		{Method: http.MethodPost, URL: "/v1/embeddings", Body: []byte(ask), Shape: "empty chunked"},
		{Method: http.MethodPost, URL: "/v1/embeddings", Body: []byte(ask), Shape: "status=204"},
		{Method: http.MethodGet, URL: "/bytes/10", Shape: "status=304"},
		{Method: http.MethodGet, URL: "/bytes/10", Shape: "delay=50ms stall=50ms"},
	} {
		for _, h2 := range []bool{false, true} {
			x.HTTP2, x.Timeout = h2, 20*time.Second
			path := x.URL
			x.URL = upstream.URL + path
			want := x.Do()
			x.URL = envoy.URL + path
			got := x.Do()
			x.URL = path
			if got.Err != nil || got.Status != want.Status || !bytes.Equal(got.Body, want.Body) {
				t.Errorf("%s %s (%s) h2=%v: got %d, %d bytes, %v; the upstream itself says %d, %d bytes",
					x.Method, path, x.Shape, h2, got.Status, len(got.Body), got.Err, want.Status, len(want.Body))
			}
		}
	}
}
