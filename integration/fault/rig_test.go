// Package fault makes what Weir depends on fail, one thing after the other and each in all its ways, and drives real clients through a real
// Envoy meanwhile: they are refused or cut, never given a raw vector that they may not have.
package fault

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirgate/weir/integration/harness"
)

// patience bounds every wait for something to come about.
const patience = 15 * time.Second

// rig is an Envoy between clients and an upstream, and the Weir that it asks, for one case.
type rig struct {
	*testing.T
	dir         string
	grpc, admin int // Weir's ports
	upstream    *harness.Upstream
	issuer      *harness.Issuer
	envoy       *harness.Envoy
	weir        *harness.Weir
	issuerURL   string // of the issuer that Weir is told of; default that of issuer
}

func newRig(t *testing.T) *rig {
	t.Helper()
	binary, err := harness.FindEnvoy()
	harness.Need(t, err)
	root, err := harness.Root()
	must(t, err)
	r := &rig{T: t, dir: t.TempDir()}
	r.grpc, err = harness.FreePort()
	must(t, err)
	r.admin, err = harness.FreePort()
	must(t, err)
	r.upstream, err = harness.StartUpstream(harness.UpstreamConfig{})
	must(t, err)
	t.Cleanup(func() { _ = r.upstream.Close() })
	r.issuer, err = harness.StartIssuer("127.0.0.1:0", "")
	must(t, err)
	t.Cleanup(func() { _ = r.issuer.Close() })
	r.issuerURL = r.issuer.URL
	r.envoy, err = harness.StartEnvoy(t.Context(), harness.EnvoyConfig{
		Config: filepath.Join(root, "envoy", "ext_proc.yaml"), Dir: r.dir, Binary: binary,
		Ports: map[int]int{harness.PortWeir: r.grpc, harness.PortUpstream: r.upstream.Port},
	})
	must(t, err)
	t.Cleanup(r.envoy.Kill)
	return r
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const weirYAML = `listen: {grpc: "127.0.0.1:%d", admin: "127.0.0.1:%d"}
issuers: [{issuer: %q, audiences: [weir-demo]}]
targets:
- {name: embeddings, kind: inference, tenant: test, dialect: openai, paths: [/v1/embeddings]}
- {name: vectors, kind: vectordb, tenant: test, dialect: chroma, paths: [/api/v2]}
policy: {settings: settings.yaml, timeout: 1s}
`

const settingsYAML = `access: {inference: [research, product], vectordb: [research, product]}
bulk: {export_groups: [research, product]}
masking: {raw_groups: [research], default: redact}
`

// config writes a configuration: the common one, and what a case says of its dependency.
func (r *rig) config(more string) {
	r.Helper()
	text := fmt.Sprintf(weirYAML, r.grpc, r.admin, r.issuerURL) + more
	if !strings.Contains(more, "audit:") {
		text += "audit: {dir: audit}\n"
	}
	must(r.T, os.WriteFile(filepath.Join(r.dir, "weir.yaml"), []byte(text), 0o600))
	must(r.T, os.WriteFile(filepath.Join(r.dir, "settings.yaml"), []byte(settingsYAML), 0o600))
}

// serve starts a Weir, in place of the one that runs. It ends with the case.
func (r *rig) serve(more string, env ...string) {
	r.Helper()
	r.config(more)
	if r.weir != nil {
		r.weir.Kill()
	}
	var err error
	r.weir, err = harness.StartWeir(context.Background(), r.dir, env, "serve", "--config", "weir.yaml")
	must(r.T, err)
	weir := r.weir
	r.Cleanup(func() {
		weir.Kill()
		if r.Failed() {
			r.Logf("weir said:\n%s", weir.Log)
		}
	})
}

// The exchanges of these tests: one that is decided by its body, one by its head, and one that states no number of vectors, so that the
// counters are asked again at the first of them.
var (
	embed  = harness.Exchange{Method: http.MethodPost, URL: "/v1/embeddings", Body: []byte(`{"model":"sentinel","input":["a river","a weir"]}`)}
	export = harness.Exchange{Method: http.MethodPost, URL: "/api/v2/tenants/t/databases/d/collections/sentinel/get", Body: []byte(`{"include":["embeddings"]}`)}
	read   = harness.Exchange{Method: http.MethodGet, URL: "/api/v2/tenants/t/databases/d/collections/sentinel", Shape: `status=200 type=application/json text={"name":"sentinel"}`}
)

// as sends x through Envoy for somebody of that group.
func (r *rig) as(group string, x harness.Exchange) harness.Answer {
	token, err := r.issuer.Mint(map[string]any{"sub": group, "groups": []string{group}})
	if err != nil {
		return harness.Answer{Err: err}
	}
	x.URL, x.Header = r.envoy.URL+x.URL, http.Header{"Authorization": {"Bearer " + token}}
	if x.Body != nil {
		x.Header.Set("Content-Type", "application/json")
	}
	return x.Do()
}

// well wants all to be as it should be: masked for product, raw for research.
func (r *rig) well(when string) {
	r.Helper()
	for _, h2 := range []bool{false, true} {
		x := embed
		x.HTTP2 = h2
		for group, raw := range map[string]bool{"product": false, "research": true} {
			a := r.as(group, x)
			if a.Err != nil || a.Status != http.StatusOK || harness.Leaks(a.Body) > 0 != raw {
				r.Fatalf("%s, HTTP/2 %v, %s: %d, %v, %d raw components; want 200, raw %v\n%s", when, h2, group, a.Status, a.Err, harness.Leaks(a.Body), raw, a.Body)
			}
		}
	}
}

// refusedAtOnce wants what refused does, and the upstream not to be asked where the head says enough.
func (r *rig) refusedAtOnce(rule string) {
	r.Helper()
	before := r.reads()
	r.refused(rule)
	if n := r.reads() - before; n > 0 {
		r.Errorf("the upstream has seen %d requests that were refused at their head", n)
	}
}

// refused wants every exchange to be refused with 503, whoever asks and however. rule is what Weir gives as its own; empty where Weir is not
// there and Envoy answers.
func (r *rig) refused(rule string) {
	r.Helper()
	var asking sync.WaitGroup
	for _, h2 := range []bool{false, true} {
		for _, group := range []string{"product", "research"} {
			for _, x := range []harness.Exchange{embed, read} {
				x.HTTP2 = h2
				asking.Go(func() {
					a := r.as(group, x)
					if said := saidRule(a); a.Err != nil || a.Status != http.StatusServiceUnavailable || harness.Leaks(a.Body) > 0 || said != rule {
						r.Errorf("%s, HTTP/2 %v, %s: %d, %v, %d raw components, rule %q; want 503, rule %q", x.URL, h2, group, a.Status, a.Err, harness.Leaks(a.Body), said, rule)
					}
				})
			}
		}
	}
	asking.Wait()
}

// reads counts the requests at the upstream that have no body to be read.
func (r *rig) reads() (n int) {
	for _, s := range r.upstream.Seen() {
		if s.Method == http.MethodGet {
			n++
		}
	}
	return n
}

// saidRule is the rule that Weir names in a refusal, without "weir."; empty where it is none of Weir's.
func saidRule(a harness.Answer) string {
	var problem struct {
		Decision, Rule string
	}
	if json.Unmarshal(a.Body, &problem) != nil || problem.Decision == "" || problem.Decision != a.Header.Get("Weir-Decision") {
		return ""
	}
	return strings.TrimPrefix(problem.Rule, "weir.")
}

// underWay begins an exchange whose answer has that shape, and returns once the upstream has it. The returned function waits for its end.
func (r *rig) underWay(x harness.Exchange, shape string) (end func() harness.Answer) {
	r.Helper()
	before := len(r.upstream.Seen())
	x.Shape = shape
	done := make(chan harness.Answer, 1)
	go func() { done <- r.as("product", x) }()
	r.until("the upstream has the request", func() bool { return len(r.upstream.Seen()) > before })
	return func() harness.Answer { return <-done } // by the exchange's own timeout
}

// cut wants an answer to be refused or cut, its masked end included.
func (r *rig) cut(a harness.Answer) {
	r.Helper()
	refused := a.Status == http.StatusServiceUnavailable && a.Err == nil
	if leaks := harness.Leaks(a.Body); leaks > 0 || !refused && a.Err == nil {
		r.Errorf("the answer under way: %d, %v, %d raw components; want a cut or a refusal", a.Status, a.Err, leaks)
	}
}

// whole wants an answer to be complete and masked.
func (r *rig) whole(a harness.Answer) {
	r.Helper()
	if a.Status != http.StatusOK || a.Err != nil || harness.Leaks(a.Body) > 0 || !json.Valid(a.Body) {
		r.Errorf("the answer under way: %d, %v, %d raw components; want all of it, masked", a.Status, a.Err, harness.Leaks(a.Body))
	}
}

// page returns a page of Weir's admin listener.
func (r *rig) page(path string) (int, string) {
	a := harness.Exchange{Method: http.MethodGet, URL: fmt.Sprintf("http://127.0.0.1:%d%s", r.admin, path), Timeout: 5 * time.Second}.Do()
	return a.Status, string(a.Body)
}

// unready wants readiness to fail and to name the check.
func (r *rig) unready(check string) {
	r.Helper()
	want := fmt.Sprintf("%q,\n      \"ok\": false", check)
	r.until("/readyz says that "+check+" is not ok", func() bool {
		status, body := r.page("/readyz")
		return status == http.StatusServiceUnavailable && strings.Contains(body, want)
	})
}

// ready waits until Weir says that it can decide.
func (r *rig) ready() {
	r.Helper()
	r.until("/readyz says 200", func() bool { status, _ := r.page("/readyz"); return status == http.StatusOK })
}

// until waits for something to come about.
func (r *rig) until(what string, is func() bool) {
	r.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !is(); <-tick.C {
		if time.Now().After(deadline) {
			r.Fatalf("within %v it did not come about that %s", patience, what)
		}
	}
}
