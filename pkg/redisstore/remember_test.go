package redisstore_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weirgate/weir/pkg/redisstore"
	"github.com/weirgate/weir/pkg/redisstore/redistest"
)

// lives returns a function that lets a process live with that file: its first claim gets that label, and then it does more.
func lives(t *testing.T, server *redistest.Server, file string) func(want string, more ...func(s *redisstore.Store)) {
	return func(want string, more ...func(s *redisstore.Store)) {
		t.Helper()
		s, err := redisstore.New(redisstore.Config{URL: server.URL(), Remember: file, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Reserve(t.Context(), claim(want))
		if got := label(t, err); got != want {
			t.Errorf("reserve: %v, want %q", err, want)
		}
		for _, do := range more {
			do(s)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestRemember: a process that is started anew does not believe a Redis that was emptied while nobody ran, until an operator accepts it; and a
// first one takes what it finds, once it has looked.
func TestRemember(t *testing.T) {
	server := redistest.Start(t)
	file := filepath.Join(t.TempDir(), "seen.json")
	life := lives(t, server, file)
	life("")
	life("")
	server.Flush(t)
	life("store_amnesiac", func(s *redisstore.Store) {
		if got := label(t, s.Ready(t.Context())); got != "store_amnesiac" {
			t.Errorf("ready: %q", got)
		}
	})
	life("store_amnesiac", func(s *redisstore.Store) {
		server.Do(t, "SET weir:accept-amnesia monday EX 60")
		if err := s.Ready(t.Context()); err != nil {
			t.Error(err)
		}
	})
	life("")
	server.Do(t, "DEL weir:epoch") // the word still stands, and has been heard
	life("store_amnesiac")
	server.Do(t, "SET weir:accept-amnesia tuesday EX 60") // said while nobody ran
	life("")
	server.Restart() // another Redis, in which somebody else has begun to count
	other := newStore(t, redisstore.Config{URL: server.URL()})
	if _, err := other.Reserve(t.Context(), claim("other")); err != nil {
		t.Fatal(err)
	}
	life("store_amnesiac")
	if b, err := os.ReadFile(file); err != nil || strings.Contains(string(b), "ada") {
		t.Errorf("%s, %v", b, err)
	}
}

// TestRememberTenant: where all that Redis has of a tenant is gone and nothing else, a process started anew does not believe that either.
func TestRememberTenant(t *testing.T) {
	server := redistest.Start(t)
	life := lives(t, server, filepath.Join(t.TempDir(), "seen.json"))
	life("")
	if got := server.Do(t, "EVAL return(redis.call([[DEL]],unpack(redis.call([[KEYS]],[[weir:{*]])))) 0"); got == "0" || strings.HasPrefix(got, "ERR") {
		t.Fatal(got)
	}
	life("store_amnesiac")
}

// TestRememberOfOthers: who looks into another process's counters knows what that has seen, and writes nothing.
func TestRememberOfOthers(t *testing.T) {
	server := redistest.Start(t)
	file := filepath.Join(t.TempDir(), "seen.json")
	guest := func(want string) {
		t.Helper()
		s, err := redisstore.New(redisstore.Config{URL: server.URL(), Remember: file, Guest: true, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Usage(t.Context(), "acme", claim("").Keys); label(t, err) != want {
			t.Errorf("usage: %v, want %q", err, want)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	guest("")
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("a guest wrote: %v", err)
	}
	lives(t, server, file)("")
	server.Flush(t)
	guest("store_amnesiac")
}

// TestRememberedNonsense: a file that does not say which Redis was counted in is not taken for none.
func TestRememberedNonsense(t *testing.T) {
	file := filepath.Join(t.TempDir(), "seen.json")
	for _, text := range []string{"", "{}", "{", `{"version":2}`, `{"version":1,"redis":{}}`, `{"version":1,"tenants":{"acme":{"epoch":"AAAA"}}}`, `{"version":1,"tenants":{"acme":{"epoch":"AAAAAAAAAAA="}}}`} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := redisstore.New(redisstore.Config{URL: "redis://127.0.0.1:1", Remember: file}); err == nil || !strings.Contains(err.Error(), "move it away") {
			t.Errorf("a file that says %q: %v", text, err)
		}
	}
}

// TestRememberWithoutADirectory: what cannot be written is said, once.
func TestRememberWithoutADirectory(t *testing.T) {
	server := redistest.Start(t)
	out := &log{}
	s, err := redisstore.New(redisstore.Config{URL: server.URL(), Remember: filepath.Join(t.TempDir(), "none", "seen.json"), Log: slog.New(slog.NewTextHandler(out, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err == nil || strings.Count(out.String(), "cannot be written down") != 1 {
		t.Errorf("%v; logged: %s", err, out)
	}
}
