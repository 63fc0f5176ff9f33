package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/redisstore"
	"github.com/weirgate/weir/pkg/redisstore/redistest"
)

// claim is a reservation of one vector under a limit of three an hour.
func claim(id string) authz.Reservation {
	k := authz.MeterKey{Meter: authz.MeterSubject, Key: "https://issuer|ada"}
	return authz.Reservation{ID: id, Tenant: "acme", Keys: []authz.MeterKey{k}, Volume: authz.Volume{}.With(authz.UnitVectors, 1), Limits: []authz.Limit{
		{Meter: k.Meter, Key: k.Key, Unit: authz.UnitVectors, Window: authz.Window(time.Hour), Max: 3},
	}}
}

// label returns the label of an error that a client may see, "" for none.
func label(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	var e *authz.Error
	if !errors.As(err, &e) {
		t.Fatalf("%v is no *authz.Error", err)
	}
	if e.Kind != authz.KindUnavailable || e.Public == "" || e.Err == nil {
		t.Errorf("%+v: want KindUnavailable, words for the client and a cause", e)
	}
	return e.Label
}

// TestFaults: whatever befalls Redis, no call admits, and Ready says what it is.
func TestFaults(t *testing.T) {
	tests := []struct {
		name                 string
		befall               func(t *testing.T, s *redistest.Server)
		call, ready, recover string
		heal                 func(t *testing.T, s *redistest.Server)
		reads                bool // calls that need not write may succeed: to read usage, and to cancel what is not known
	}{
		{name: "nothing", befall: func(*testing.T, *redistest.Server) {}},
		{
			name: "stopped", call: "store_unavailable", ready: "store_unavailable", recover: "store_amnesiac",
			befall: func(_ *testing.T, s *redistest.Server) { s.Stop() }, heal: func(_ *testing.T, s *redistest.Server) { s.Restart() },
		},
		{
			name: "paused", call: "store_unavailable", ready: "store_unavailable",
			befall: func(_ *testing.T, s *redistest.Server) { s.Pause() }, heal: func(_ *testing.T, s *redistest.Server) { s.Resume() },
		},
		{
			name: "may evict", ready: "store_evicts",
			befall: func(t *testing.T, s *redistest.Server) { s.Do(t, "CONFIG SET maxmemory-policy allkeys-lru") },
			heal:   func(t *testing.T, s *redistest.Server) { s.Do(t, "CONFIG SET maxmemory-policy noeviction") },
		},
		{
			name: "flushed", call: "store_amnesiac", ready: "store_amnesiac",
			befall: func(t *testing.T, s *redistest.Server) { s.Flush(t) },
			heal:   func(t *testing.T, s *redistest.Server) { s.Do(t, "SET weir:accept-amnesia monday EX 60") },
		},
		{
			name: "replaced", call: "store_amnesiac", ready: "store_amnesiac", recover: "store_amnesiac",
			befall: func(_ *testing.T, s *redistest.Server) { s.Restart() }, heal: func(*testing.T, *redistest.Server) {},
		},
		{
			name: "full", call: "store_unavailable", ready: "store_unavailable", reads: true,
			befall: func(t *testing.T, s *redistest.Server) { s.Do(t, "CONFIG SET maxmemory 1") },
			heal:   func(t *testing.T, s *redistest.Server) { s.Do(t, "CONFIG SET maxmemory 0") },
		},
		{
			name: "a replica", call: "store_unavailable", ready: "store_unavailable", reads: true,
			befall: func(t *testing.T, s *redistest.Server) { s.Do(t, "REPLICAOF 127.0.0.1 1") },
			heal:   func(t *testing.T, s *redistest.Server) { s.Do(t, "REPLICAOF NO ONE") },
		},
		{
			name: "scripts forgotten", befall: func(t *testing.T, s *redistest.Server) { s.Do(t, "SCRIPT FLUSH") },
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := redistest.Start(t)
			s := newStore(t, redisstore.Config{URL: server.URL(), Timeout: 600 * time.Millisecond, Log: slog.New(slog.DiscardHandler)})
			if err := s.Ready(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Reserve(t.Context(), claim("before")); err != nil {
				t.Fatal(err)
			}
			test.befall(t, server)
			calls := func(when, want string) {
				t.Helper()
				q, err := s.Reserve(t.Context(), claim(when))
				if got := label(t, err); got != want || err != nil && q.Granted != (authz.Volume{}) {
					t.Errorf("%s: reserve: %v (granted %v), want %q", when, err, q.Granted, want)
				}
				_, err = s.Raise(t.Context(), claim(when))
				_, err2 := s.Usage(t.Context(), "acme", claim(when).Keys)
				for name, err := range map[string]error{
					"raise": err, "usage": err2, "settle": s.Settle(t.Context(), claim(when)), "cancel": s.Cancel(t.Context(), claim("other")),
				} {
					if got := label(t, err); got != want && (got != "" || !test.reads || name != "usage" && name != "cancel") {
						t.Errorf("%s: %s: %v, want %q", when, name, err, want)
					}
				}
			}
			calls("during", test.call)
			if got := label(t, s.Ready(t.Context())); got != test.ready || label(t, s.Healthy()) != test.ready {
				t.Errorf("ready: %q, healthy: %v; want %q", got, s.Healthy(), test.ready)
			}
			if test.ready == "store_evicts" {
				calls("once it is known", "store_evicts")
			}
			if test.heal == nil {
				return
			}
			test.heal(t, server)
			if got := label(t, s.Ready(t.Context())); got != test.recover || label(t, s.Healthy()) != test.recover {
				t.Errorf("healed: ready: %q, healthy: %v; want %q", got, s.Healthy(), test.recover)
			}
			calls("healed", test.recover)
		})
	}
}

// TestAcceptance: a word of acceptance counts once.
func TestAcceptance(t *testing.T) {
	server := redistest.Start(t)
	s := newStore(t, redisstore.Config{URL: server.URL(), Log: slog.New(slog.DiscardHandler)})
	for i, step := range []struct{ command, want string }{
		{"PING", ""},
		{"FLUSHALL", "store_amnesiac"},
		{"SET weir:accept-amnesia monday", ""},
		{"DEL weir:epoch", "store_amnesiac"},
		{"SET weir:accept-amnesia monday", "store_amnesiac"}, // said before
		{"SET weir:accept-amnesia tuesday", ""},
		{"SET weir:epoch another", "store_amnesiac"},
		{"DEL weir:accept-amnesia", "store_amnesiac"},
		{"SET weir:accept-amnesia tuesday", ""}, // said anew
	} {
		server.Do(t, step.command)
		if got := label(t, s.Ready(t.Context())); got != step.want {
			t.Errorf("step %d: after %s: %q, want %q", i, step.command, got, step.want)
		}
		_, err := s.Reserve(t.Context(), claim("a"))
		if got := label(t, err); got != step.want {
			t.Errorf("step %d: reserve after %s: %q, want %q", i, step.command, got, step.want)
		}
	}
}

// log keeps what is logged.
type log struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestRun: Run notices by itself, says each change once, and ends with its context.
func TestRun(t *testing.T) {
	server := redistest.Start(t, "--requirepass", "hunter2")
	out := &log{}
	s := newStore(t, redisstore.Config{
		URL:        strings.Replace(server.URL(), "unix://", "unix://:hunter2@", 1),
		CheckEvery: time.Millisecond, Log: slog.New(slog.NewTextHandler(out, nil)),
	})
	if got := label(t, s.Healthy()); got != "store_unavailable" {
		t.Errorf("before Run: %q", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	found := func(want string) {
		t.Helper()
		until(t, fmt.Sprintf("healthy says %q", want), func() bool { return label(t, s.Healthy()) == want })
	}
	found("")
	server.Stop()
	found("store_unavailable")
	server.Restart()
	found("store_amnesiac")
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	logged := out.String()
	if n := strings.Count(logged, "\n"); n != 2 || strings.Contains(logged, "hunter2") {
		t.Errorf("%d lines logged, want one for each loss and no password:\n%s", n, logged)
	}
}
