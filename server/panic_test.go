package server

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirgate/weir/integration/harness"
	"github.com/weirgate/weir/pkg/audit"
	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/handover"
	"github.com/weirgate/weir/server/internal/config"
)

// treacherous is a store of counters that panics when a test says so. Weir itself has no such switch.
type treacherous struct {
	store
	mu     sync.Mutex
	method string // that panics; empty for none
	good   int    // calls of it that go well first
}

func (s *treacherous) betray(method string, good int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.method, s.good = method, good
}

func (s *treacherous) called(method string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.method != method {
		return
	}
	if s.good--; s.good < 0 {
		panic("boom in " + method)
	}
}

func (s *treacherous) Reserve(ctx context.Context, r authz.Reservation) (authz.Quota, error) {
	s.called("reserve")
	return s.store.Reserve(ctx, r)
}

func (s *treacherous) Raise(ctx context.Context, r authz.Reservation) (authz.Quota, error) {
	s.called("raise")
	return s.store.Raise(ctx, r)
}

func (s *treacherous) Settle(ctx context.Context, r authz.Reservation) error {
	s.called("settle")
	return s.store.Settle(ctx, r)
}

func (s *treacherous) Cancel(ctx context.Context, r authz.Reservation) error {
	s.called("cancel")
	return s.store.Cancel(ctx, r)
}

const panicConfig = `
listen: {grpc: "127.0.0.1:0", admin: "127.0.0.1:0"}
entry: %s
issuers: [{issuer: %q, audiences: [weir-demo]}]
targets:
- {name: embeddings, kind: inference, tenant: test, dialect: openai, paths: [/v1/embeddings]}
- {name: vectors, kind: vectordb, tenant: test, dialect: chroma, paths: [/api/v2]}
- {name: files, kind: weights, tenant: test, dialect: files, paths: [/models]}
policy: {dir: policy, timeout: 1s}
audit: {dir: audit}
`

// panicPolicy allows everybody everything and bounds every unit, so that each step of an exchange asks the store.
const panicPolicy = `package weir.authz

decision := {"effect": "allow", "rule": "own", "mask": {"vectors": mask}, "limits": limits}

default mask := "redact"

mask := "none" if "research" in input.subject.groups

limits := [limit |
	some unit in ["requests", "bytes", "vectors", "vectors_masked"]
	limit := {"meter": "subject", "unit": unit, "window": "1h", "max": 1000000000}
]
`

// rig is the program in this process, with that store, behind a real Envoy and before a real upstream.
type rig struct {
	*testing.T
	store    *treacherous
	envoy    *harness.Envoy
	upstream *harness.Upstream
	issuer   *harness.Issuer
	journal  string
	metrics  string // URL
	panics   int    // seen so far
}

func newRig(t *testing.T, entry, envoyConfig string) *rig {
	t.Helper()
	binary, err := harness.FindEnvoy()
	harness.Need(t, err)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	dir, r := t.TempDir(), &rig{T: t}
	corpus := make([]string, 1000)
	for i := range corpus {
		corpus[i] = "document " + strconv.Itoa(i)
	}
	r.upstream, err = harness.StartUpstream(harness.UpstreamConfig{Corpus: corpus})
	must(err)
	t.Cleanup(func() { _ = r.upstream.Close() })
	r.issuer, err = harness.StartIssuer("127.0.0.1:0", "")
	must(err)
	t.Cleanup(func() { _ = r.issuer.Close() })
	must(os.Mkdir(filepath.Join(dir, "policy"), 0o700))
	rego := panicPolicy
	if entry == entryExtAuthz { // which sees no bytes
		rego = strings.Replace(rego, `"bytes", `, "", 1)
	}
	must(os.WriteFile(filepath.Join(dir, "policy", "authz.rego"), []byte(rego), 0o600))
	must(os.WriteFile(filepath.Join(dir, "weir.yaml"), fmt.Appendf(nil, panicConfig, entry, r.issuer.URL), 0o600))
	cfg, err := config.Load(filepath.Join(dir, "weir.yaml"))
	must(err)
	s, err := New(t.Context(), cfg, Options{Getenv: func(string) string { return "" }, Log: slog.New(slog.DiscardHandler)})
	must(err)
	r.store = &treacherous{store: s.store}
	s.store = r.store
	must(s.serveEnvoy(handover.NewMemory(time.Now))) // again, with that store
	r.journal, r.metrics = s.journal.Dir(), "http://"+s.pages.Addr().String()+"/metrics"
	r.run(s)
	root, err := harness.Root()
	must(err)
	r.envoy, err = harness.StartEnvoy(t.Context(), harness.EnvoyConfig{
		Config: filepath.Join(root, "envoy", envoyConfig), Dir: dir, Binary: binary,
		Ports: map[int]int{harness.PortWeir: s.listener.Addr().(*net.TCPAddr).Port, harness.PortUpstream: r.upstream.Port},
	})
	must(err)
	t.Cleanup(r.envoy.Kill)
	return r
}

// run serves until the test ends, and wants that nothing but that ends it.
func (r *rig) run(s *Server) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	r.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			r.Errorf("Run: %v", err)
		}
	})
}

// counted returns weir_panics_total.
func (r *rig) counted() int {
	r.Helper()
	page := harness.Exchange{Method: http.MethodGet, URL: r.metrics}.Do()
	m := regexp.MustCompile(`(?m)^weir_panics_total (\d+)$`).FindSubmatch(page.Body)
	if m == nil {
		r.Fatalf("no weir_panics_total on the metrics page: %v", page.Err)
	}
	n, err := strconv.Atoi(string(m[1]))
	if err != nil {
		r.Fatal(err)
	}
	return n
}

// do sends x through Envoy as that person, who is in that group.
func (r *rig) do(x harness.Exchange, group string) harness.Answer {
	r.Helper()
	token, err := r.issuer.Mint(map[string]any{"sub": group, "groups": []string{group}})
	if err != nil {
		r.Fatal(err)
	}
	x.URL = r.envoy.URL + x.URL
	x.Header = http.Header{"Authorization": {"Bearer " + token}}
	if x.Body != nil {
		x.Header.Set("Content-Type", "application/json")
	}
	return x.Do()
}

// The exchanges of these tests. That of the collection states no number of vectors, so that the store is asked for every 64 of its 1000; they
// come in two parts with a pause between them.
var (
	embed      = harness.Exchange{Method: http.MethodPost, URL: "/v1/embeddings", Body: []byte(`{"model":"sentinel","input":["a river","a weir"]}`)}
	collection = harness.Exchange{Method: http.MethodGet, URL: "/api/v2/tenants/t/databases/d/collections/sentinel"}
	download   = harness.Exchange{Method: http.MethodGet, URL: "/models/tiny.safetensors"}
	export     = harness.Exchange{
		Method: http.MethodPost, URL: "/api/v2/tenants/t/databases/d/collections/sentinel/get", Body: []byte(`{"include":["embeddings"]}`), Shape: "pause=300000:300ms",
	}
)

// healthy wants that the program still decides, and masks.
func (r *rig) healthy() {
	r.Helper()
	for _, h2 := range []bool{false, true} {
		x := embed
		x.HTTP2 = h2
		a := r.do(x, "product")
		if a.Err != nil || a.Status != http.StatusOK || harness.Leaks(a.Body) > 0 {
			r.Errorf("afterwards: %d, %v, %d raw components; want a masked answer", a.Status, a.Err, harness.Leaks(a.Body))
		}
	}
}

// failed returns how many exchanges the journal says to have failed.
func (r *rig) failed() int {
	r.Helper()
	n := 0
	for e, err := range audit.Read(r.journal, 1) {
		if err != nil {
			r.Fatal(err)
		}
		f, err := e.Fields()
		if err != nil {
			r.Fatal(err)
		}
		if f.Event == authz.EventCompletion && f.Outcome == authz.OutcomeFailed {
			n++
		}
	}
	return n
}

// TestPanics: wherever a handler panics, the client gets a refusal or an answer that is visibly cut, and the other exchanges go on.
func TestPanics(t *testing.T) {
	cut := 0 // for a status: an answer that began and does not end
	tests := []struct {
		name     string
		exchange harness.Exchange
		method   string
		good     int
		want     int
		unseen   bool // the upstream has not seen the request
		books    int  // completions that say "failed": none where writing them is what panics
	}{
		{name: "request head", exchange: collection, method: "reserve", want: 503, unseen: true, books: 1},
		{name: "request body", exchange: embed, method: "reserve", want: 503, books: 1},
		{name: "response head", exchange: download, method: "raise", want: 503, books: 1},
		{name: "first of the response body", exchange: embed, method: "raise", want: 503, books: 1},
		{name: "middle of the response body", exchange: export, method: "raise", good: 11, want: cut, books: 1},
		{name: "end of the response body", exchange: export, method: "settle", want: cut},
		{name: "a refusal", exchange: harness.Exchange{Method: embed.Method, URL: embed.URL, Body: embed.Body, Shape: "text=<html>0.7312"}, method: "cancel", want: 503},
	}
	for _, config := range []string{"ext_proc.yaml", "ext_proc-static.yaml"} {
		t.Run(config, func(t *testing.T) {
			t.Parallel() // an answer that is cut takes Envoy a second
			r := newRig(t, "ext_proc", config)
			r.healthy()
			for _, tc := range tests {
				for _, h2 := range []bool{false, true} {
					for _, group := range []string{"research", "product"} {
						x := tc.exchange
						x.HTTP2 = h2
						what := fmt.Sprintf("%s, HTTP/2 %v, %s", tc.name, h2, group)
						seen, failed := len(r.upstream.Seen()), r.failed()
						r.store.betray(tc.method, tc.good)
						a := r.do(x, group)
						r.store.betray("", 0)
						r.panics++
						r.check(what, a, tc.want, group)
						if n := len(r.upstream.Seen()) - seen; n > 0 && (tc.unseen || tc.method == "reserve" && config == "ext_proc-static.yaml") {
							t.Errorf("%s: the upstream has seen the request", what)
						}
						if n := r.failed() - failed; n != tc.books {
							t.Errorf("%s: %d completions say failed, want %d", what, n, tc.books)
						}
						r.healthy()
					}
				}
			}
		})
	}
}

// check compares an answer with what is wanted of it: a status, or 0 for a cut.
func (r *rig) check(what string, a harness.Answer, want int, group string) {
	r.Helper()
	if n := r.counted(); n != r.panics {
		r.Errorf("%s: weir_panics_total is %d, want %d", what, n, r.panics)
		r.panics = n
	}
	leaks := harness.Leaks(a.Body)
	switch {
	case want > 0 && (a.Status != want || a.Err != nil || leaks > 0):
		r.Errorf("%s: %d, %v, %d raw components; want %d whole and nothing raw", what, a.Status, a.Err, leaks, want)
	case want == 0 && (a.Status != http.StatusOK || a.Err == nil || len(a.Body) == 0):
		r.Errorf("%s: %d, %v, %d bytes; want an answer that began and is cut", what, a.Status, a.Err, len(a.Body))
	case group != "research" && leaks > 0:
		r.Errorf("%s: %d raw components", what, leaks)
	}
}

// TestPanicsInCheck: the same in ext_authz, where the request goes no further.
func TestPanicsInCheck(t *testing.T) {
	for entry, config := range map[string]string{"ext_authz": "ext_authz.yaml", "both": "both.yaml"} {
		t.Run(entry, func(t *testing.T) {
			r := newRig(t, entry, config)
			for _, h2 := range []bool{false, true} {
				x := download
				x.HTTP2 = h2
				r.store.betray("reserve", 0)
				a := r.do(x, "research")
				r.store.betray("", 0)
				r.panics++
				r.check(fmt.Sprintf("HTTP/2 %v", h2), a, http.StatusServiceUnavailable, "product")
				if r.failed() != r.panics {
					t.Errorf("%d completions say failed, want %d", r.failed(), r.panics)
				}
			}
			if n := len(r.upstream.Seen()); n > 0 {
				t.Errorf("the upstream has seen %d requests", n)
			}
			if entry == "both" {
				r.healthy()
			}
		})
	}
}
