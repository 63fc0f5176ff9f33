package admin_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/server/internal/admin"
)

func handler(t *testing.T, cfg admin.Config) http.Handler {
	t.Helper()
	if cfg.Ready == nil {
		cfg.Ready = checks(admin.Check{Name: "keys", OK: true})
	}
	cfg.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	h, err := admin.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func checks(list ...admin.Check) func(context.Context) []admin.Check {
	return func(context.Context) []admin.Check { return list }
}

func ask(h http.Handler, method, path string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	r.Host, r.RemoteAddr = "127.0.0.1:9002", "127.0.0.1:4711"
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestPages(t *testing.T) {
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "weir_up 1\n") })
	good, bad := admin.Result("keys", nil, "issuers"), admin.Result("store", errors.New("Redis does not answer"), "counters.url")
	for _, tt := range []struct {
		name, method, path string
		cfg                admin.Config
		status             int
		body               string
	}{
		{"alive", "GET", "/healthz", admin.Config{Version: "v1"}, 200, "{\n  \"status\": \"alive\",\n  \"version\": \"v1\"\n}\n"},
		{"alive, head", "HEAD", "/healthz", admin.Config{}, 200, "{\n  \"status\": \"alive\"\n}\n"},
		{"alive when not ready", "GET", "/healthz", admin.Config{Ready: checks(bad)}, 200, "{\n  \"status\": \"alive\"\n}\n"},
		{"ready", "GET", "/readyz", admin.Config{Ready: checks(good)}, 200, `{
  "ready": true,
  "checks": [
    {
      "name": "keys",
      "ok": true
    }
  ]
}
`},
		{"ready, with a warning", "GET", "/readyz", admin.Config{Ready: checks(admin.Check{Name: "policy", OK: true, Warning: "old", Setting: "policy"})}, 200, `{
  "ready": true,
  "checks": [
    {
      "name": "policy",
      "ok": true,
      "warning": "old",
      "setting": "policy"
    }
  ]
}
`},
		{"not ready", "GET", "/readyz", admin.Config{Ready: checks(good, bad), Version: "v1"}, 503, `{
  "ready": false,
  "version": "v1",
  "checks": [
    {
      "name": "keys",
      "ok": true
    },
    {
      "name": "store",
      "ok": false,
      "reason": "Redis does not answer",
      "setting": "counters.url"
    }
  ]
}
`},
		{"no checks", "GET", "/readyz", admin.Config{Ready: checks()}, 503, "{\n  \"ready\": false,\n  \"checks\": null\n}\n"},
		{"a panic", "GET", "/readyz", admin.Config{Ready: func(context.Context) []admin.Check { panic("x") }}, 503, `{
  "ready": false,
  "checks": [
    {
      "name": "checks",
      "ok": false,
      "reason": "a check failed inside; the log says how"
    }
  ]
}
`},
		{"metrics", "GET", "/metrics", admin.Config{Metrics: metrics}, 200, "weir_up 1\n"},
		{"no metrics", "GET", "/metrics", admin.Config{}, 404, "404 page not found\n"},
		{"post", "POST", "/readyz", admin.Config{}, 405, "Method Not Allowed\n"},
		{"elsewhere", "GET", "/", admin.Config{}, 404, "404 page not found\n"},
		{"profiles off", "GET", "/debug/pprof/cmdline", admin.Config{}, 404, "404 page not found\n"},
	} {
		w := ask(handler(t, tt.cfg), tt.method, tt.path)
		if w.Code != tt.status || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: status %d, want %d; %v", tt.name, w.Code, tt.status, w.Header())
		}
		if diff := cmp.Diff(tt.body, w.Body.String()); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
}

// TestHangingCheck: a check that hangs is a failing check, and probes do not pile up behind it.
func TestHangingCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release, calls := make(chan struct{}), atomic.Int64{}
		h := handler(t, admin.Config{Ready: func(context.Context) []admin.Check {
			calls.Add(1)
			<-release // does not look at its context
			return []admin.Check{{Name: "store", OK: true}}
		}})
		for range 3 {
			if w := ask(h, "GET", "/readyz"); w.Code != 503 || !strings.Contains(w.Body.String(), "hangs") {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		}
		if n := calls.Load(); n != 1 {
			t.Errorf("%d checks run at once", n)
		}
		close(release)
		synctest.Wait()
		if w := ask(h, "GET", "/readyz"); w.Code != 200 {
			t.Errorf("after it went on: %d %s", w.Code, w.Body)
		}
	})
}

func TestProfiles(t *testing.T) {
	h := handler(t, admin.Config{Pprof: true})
	for _, tt := range []struct {
		host, remote string
		status       int
	}{
		{"127.0.0.1:9002", "127.0.0.1:4711", 200},
		{"localhost:9002", "[::1]:4711", 200},
		{"[::1]:9002", "127.0.0.1:4711", 200},
		{"127.0.0.1:9002", "10.0.0.1:4711", 403},
		{"evil.example.com:9002", "127.0.0.1:4711", 403},
		{"evil.example.com", "127.0.0.1:4711", 403},
	} {
		r := httptest.NewRequest("GET", "/debug/pprof/cmdline", nil)
		r.Host, r.RemoteAddr = tt.host, tt.remote
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != tt.status {
			t.Errorf("%+v: %d", tt, w.Code)
		}
	}
}

func TestNew(t *testing.T) {
	if _, err := admin.New(admin.Config{}); err == nil {
		t.Error("no checks were taken for ready")
	}
	if s := admin.NewServer(http.NotFoundHandler(), nil); s.ReadHeaderTimeout == 0 || s.WriteTimeout == 0 || s.IdleTimeout == 0 {
		t.Errorf("no timeouts: %+v", s)
	}
}
