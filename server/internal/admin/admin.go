// Package admin is Weir's own HTTP side: alive, ready, metrics, and profiles on loopback.
//
// It owns the answers to /healthz, /readyz, /metrics and /debug/pprof. It trusts whoever reaches its listener to read them, which is why
// the configuration keeps that listener on loopback unless told otherwise; they change nothing, so they take GET and HEAD only. It refuses
// profiles on any other listener, and to a browser that was led here by a name that is not this host's (DNS rebinding). The pages of the
// registry of model versions, /models and below, trust nobody who does not show a reviewer's token, or sign as the webhook.
package admin

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"time"
)

// Check is one thing that must be well before Weir can decide.
type Check struct {
	Name    string `json:"name"`              // stable and short, such as "keys" or "journal"
	OK      bool   `json:"ok"`                // the zero value fails
	Reason  string `json:"reason,omitempty"`  // what is wrong, in plain words; never a secret
	Warning string `json:"warning,omitempty"` // what is not as it should be though Weir can decide; likewise
	Setting string `json:"setting,omitempty"` // the setting that would put it right, such as "issuers[0].jwks_url"
}

// Result makes a Check of an error: nil is well. setting is named only when it is not.
func Result(name string, err error, setting string) Check {
	if err == nil {
		return Check{Name: name, OK: true}
	}
	return Check{Name: name, Reason: err.Error(), Setting: setting}
}

// readyTimeout bounds one run of the checks, and one answer but profiles.
const readyTimeout = 3 * time.Second

// Config holds what the pages show. Ready is required.
type Config struct {
	// Ready runs all checks, those that pass too. It is called once per request to /readyz, with a deadline, and must be safe for
	// concurrent use. No checks at all means not ready.
	Ready   func(ctx context.Context) []Check
	Metrics http.Handler // /metrics; nil: 404
	Version string       // shown by /healthz and /readyz
	Models  Models       // /models; nil: 404
	Pprof   bool         // serve /debug/pprof to clients on loopback; set it only where the listener is loopback
	Log     *slog.Logger // gets failing checks; default slog.Default()
}

// New returns the handler. It is safe for concurrent use.
func New(cfg Config) (http.Handler, error) {
	if cfg.Ready == nil {
		return nil, errors.New("admin: Config.Ready is required")
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	mux := http.NewServeMux()
	mux.Handle("GET /healthz", healthz(cfg.Version))
	mux.Handle("GET /readyz", readyz(cfg))
	if cfg.Metrics != nil {
		mux.Handle("GET /metrics", http.TimeoutHandler(cfg.Metrics, 2*readyTimeout, "the metrics took too long\n"))
	}
	if cfg.Models != nil {
		modelPages(mux, cfg.Models)
	}
	if cfg.Pprof {
		profiles(mux)
	}
	return headers(mux), nil
}

// NewServer returns a server for the handler, with the timeouts that an admin listener needs: profiles run for 30 s by default. A
// client that is slow holds nothing up for long.
func NewServer(h http.Handler, log *slog.Logger) *http.Server {
	if log == nil {
		log = slog.Default()
	}
	return &http.Server{
		Handler: h, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 90 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
	}
}

func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}

// healthz answers as long as the process can: it looks at nothing else, so that a Redis that is away does not have Weir restarted.
func healthz(version string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, struct {
			Status  string `json:"status"`
			Version string `json:"version,omitempty"`
		}{"alive", version})
	})
}

// readiness is the body of /readyz.
type readiness struct {
	Ready   bool    `json:"ready"`
	Version string  `json:"version,omitempty"`
	Checks  []Check `json:"checks"`
}

// readyz runs the checks. They run one request at a time: a check that hangs would otherwise pile up with every probe.
func readyz(cfg Config) http.Handler {
	running := make(chan struct{}, 1)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
		defer cancel()
		done := make(chan []Check, 1)
		select {
		case running <- struct{}{}:
			go func() {
				defer func() { <-running }()
				done <- run(ctx, cfg)
			}()
		case <-ctx.Done():
		}
		body := readiness{Version: cfg.Version}
		select {
		case body.Checks = <-done:
		case <-ctx.Done():
			body.Checks = []Check{{Name: "checks", Reason: "the checks take longer than " + readyTimeout.String() + ": something that Weir depends on hangs"}}
		}
		body.Ready = len(body.Checks) > 0
		for _, c := range body.Checks {
			if !c.OK {
				body.Ready = false
				cfg.Log.Warn("not ready", "check", c.Name, "reason", c.Reason, "setting", c.Setting)
			}
		}
		status := http.StatusOK
		if !body.Ready {
			status = http.StatusServiceUnavailable
		}
		answer(w, status, body)
	})
}

// run runs the checks; a panic in one is a failing check.
func run(ctx context.Context, cfg Config) (checks []Check) {
	defer func() {
		if p := recover(); p != nil {
			cfg.Log.Error("panic in a readiness check", "panic", p)
			checks = []Check{{Name: "checks", Reason: "a check failed inside; the log says how"}}
		}
	}()
	return cfg.Ready(ctx)
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	_ = enc.Encode(body) // a client that left needs no answer
}

// profiles adds net/http/pprof for clients on this host.
func profiles(mux *http.ServeMux) {
	for path, h := range map[string]http.HandlerFunc{
		"GET /debug/pprof/": pprof.Index, "GET /debug/pprof/cmdline": pprof.Cmdline, "GET /debug/pprof/profile": pprof.Profile,
		"GET /debug/pprof/symbol": pprof.Symbol, "GET /debug/pprof/trace": pprof.Trace,
	} {
		mux.Handle(path, localOnly(h))
	}
}

func localOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !loopback(r.RemoteAddr) || !loopback(r.Host) {
			http.Error(w, "profiles are for this host only: listen.admin must be loopback, and asked by its address", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// loopback reports whether a host, with or without port, is this host.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback() || host == "localhost"
}
