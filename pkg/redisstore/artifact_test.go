package redisstore_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/weirgate/weir/pkg/artifact"
	"github.com/weirgate/weir/pkg/artifact/artifacttest"
	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/redisstore"
	"github.com/weirgate/weir/pkg/redisstore/redistest"
)

func stored(name string) artifact.Key {
	return artifact.Key{Tenant: "acme", Target: "store", Object: name, Version: `"1"`, Size: 4 << 20}
}

func artifactsOf(t *testing.T, cfg redisstore.Config) *redisstore.Artifacts {
	t.Helper()
	a, err := newStore(t, cfg).Artifacts()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestArtifacts(t *testing.T) {
	for _, d := range deployments()[:2] {
		t.Run(d.name, func(t *testing.T) {
			url, flush := d.start(t)
			artifacttest.Run(t, func(t *testing.T, now func() time.Time) (artifacttest.Store, artifacttest.Store) {
				flush(t)
				return artifactsOf(t, redisstore.Config{URL: url, Now: now}), artifactsOf(t, redisstore.Config{URL: url, Now: now})
			})
		})
	}
}

// TestArtifactsFaults: whatever befalls Redis, nobody is told that an object was never recognised.
func TestArtifactsFaults(t *testing.T) {
	tests := []struct {
		name, want, noted string
		befall            func(t *testing.T, s *redistest.Server)
	}{
		{"paused", "store_unavailable", "store_unavailable", func(_ *testing.T, s *redistest.Server) { s.Pause() }},
		{"flushed", "store_amnesiac", "store_amnesiac", func(t *testing.T, s *redistest.Server) { s.Flush(t) }},
		{"full", "store_unavailable", "store_unavailable", func(t *testing.T, s *redistest.Server) { s.Do(t, "CONFIG SET maxmemory 1") }},
		{"scripts forgotten", "", "", func(t *testing.T, s *redistest.Server) { s.Do(t, "SCRIPT FLUSH") }},
		{
			"garbage", "store_unavailable", "store_unavailable", func(t *testing.T, s *redistest.Server) {
				s.Do(t, "EVAL \"for _, k in ipairs(redis.call('KEYS','*}:artifact:*')) do redis.call('APPEND', k, 'x') end\" 0")
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := redistest.Start(t)
			a := artifactsOf(t, redisstore.Config{URL: server.URL(), Timeout: 600 * time.Millisecond, Log: slog.New(slog.DiscardHandler)})
			if _, v, err := a.Note(t.Context(), stored("o"), 0, []byte("GGUF")); v != artifact.Guarded || err != nil {
				t.Fatal(v, err)
			}
			test.befall(t, server)
			is, ok, err := a.Known(t.Context(), stored("o"))
			if label(t, err) != test.want || ok != (err == nil) || ok && is.Format != "gguf" {
				t.Errorf("known: %+v, %v, %v; want %q", is, ok, err, test.want)
			}
			is, v, err := a.Note(t.Context(), stored("o"), 1<<20, []byte("a middle"))
			if label(t, err) != test.noted || err == nil && v != artifact.Guarded || err != nil && (v == artifact.Harmless || is != authz.Artifact{}) {
				t.Errorf("note: %+v, %v, %v; want %q", is, v, err, test.noted)
			}
		})
	}
}

// TestRecognisedOutlivesRedis: what a process has recognised, or heard of, it knows when the loss of Redis is accepted, and tells Redis again.
func TestRecognisedOutlivesRedis(t *testing.T) {
	server := redistest.Start(t)
	cfg := redisstore.Config{URL: server.URL(), Log: slog.New(slog.DiscardHandler)}
	one, other := newStore(t, cfg), artifactsOf(t, cfg)
	a, err := one.Artifacts()
	if err != nil {
		t.Fatal(err)
	}
	if _, v, err := other.Note(t.Context(), stored("o"), 0, []byte("GGUF")); v != artifact.Guarded || err != nil {
		t.Fatal(v, err)
	}
	if _, ok, err := a.Known(t.Context(), stored("o")); !ok || err != nil { // heard of it
		t.Fatal(ok, err)
	}
	server.Flush(t)
	if _, ok, err := a.Known(t.Context(), stored("o")); ok || label(t, err) != "store_amnesiac" {
		t.Errorf("%v, %v", ok, err)
	}
	server.Do(t, "SET weir:accept-amnesia monday EX 60")
	until(t, "Redis is well", func() bool { return one.Ready(t.Context()) == nil })
	if is, ok, err := a.Known(t.Context(), stored("o")); !ok || is.Format != "gguf" || err != nil {
		t.Errorf("who heard of it: %+v, %v, %v", is, ok, err)
	}
	if is, ok, err := artifactsOf(t, cfg).Known(t.Context(), stored("o")); !ok || is.Format != "gguf" || err != nil {
		t.Errorf("Redis was not told again: %+v, %v, %v", is, ok, err)
	}
}

// TestSightsAreSealed: who reads Redis reads neither names nor content, and what was changed there is not believed.
func TestSightsAreSealed(t *testing.T) {
	server := redistest.Start(t)
	a := artifactsOf(t, redisstore.Config{URL: server.URL(), Log: slog.New(slog.DiscardHandler)})
	const secret = "the text of a corpus"
	if _, v, err := a.Note(t.Context(), stored("salaries.bin"), 4, []byte(secret)); v != artifact.Unknown || err != nil {
		t.Fatal(v, err)
	}
	all := server.Do(t, "EVAL \"local out = '' for _, k in ipairs(redis.call('KEYS','*')) do out = out .. k if redis.call('TYPE', k).ok == 'string' then "+
		"out = out .. redis.call('GET', k) else out = out .. table.concat(redis.call('ZRANGE', k, 0, -1)) end end return out\" 0")
	if !strings.Contains(all, ":sight:") || strings.Contains(all, "corpus") || strings.Contains(all, "salaries") {
		t.Errorf("%q", all)
	}
	if got := server.Do(t, "EVAL \"for _, k in ipairs(redis.call('KEYS','weir:{*')) do if redis.call('TTL', k) < 0 then return k end end return 'none'\" 0"); got != "none" {
		t.Errorf("%s is kept for ever", got)
	}
	server.Do(t, "EVAL \"local k = redis.call('KEYS','*:sight:*')[1] redis.call('SETRANGE', k, redis.call('STRLEN', k) - 1, 'x')\" 0")
	if is, v, err := a.Note(t.Context(), stored("salaries.bin"), 0, []byte("GG")); label(t, err) != "store_unavailable" || v != artifact.Unknown {
		t.Errorf("%+v, %v, %v", is, v, err)
	}
}

// TestSightsAreBounded: of one object no more is kept than a prefix and a tail, and of no more than 1,024 objects, of which the least recent is
// forgotten; what is known stays known.
func TestSightsAreBounded(t *testing.T) {
	server := redistest.Start(t)
	a := artifactsOf(t, redisstore.Config{URL: server.URL()})
	big := stored("big")
	for i := range 80 { // 5 MB in all
		if _, _, err := a.Note(t.Context(), big, int64(1+i), bytes.Repeat([]byte{byte(i)}, artifact.PrefixLen-1)); err != nil {
			t.Fatal(err)
		}
	}
	if n := server.Do(t, "EVAL \"return redis.call('STRLEN', redis.call('KEYS','*:sight:*')[1]) <= 160 * 1024 + 8\" 0"); n != "1" {
		t.Error("more is kept of an object than there may be")
	}
	if _, v, err := a.Note(t.Context(), stored("first"), 0, []byte("GGUF")); v != artifact.Guarded || err != nil {
		t.Fatal(v, err)
	}
	for i := range 1100 {
		if _, _, err := a.Note(t.Context(), stored(fmt.Sprint(i)), 0, []byte("GG")); err != nil {
			t.Fatal(err)
		}
	}
	if n := server.Do(t, "EVAL \"return #redis.call('KEYS','*:sight:*')\" 0"); n != "1024" {
		t.Errorf("something is kept of %s objects", n)
	}
	for name, want := range map[string]artifact.Verdict{"1099": artifact.Guarded, "0": artifact.Unknown} {
		if _, v, err := a.Note(t.Context(), stored(name), 2, []byte("UF")); v != want || err != nil {
			t.Errorf("%s: %v, %v; want %v", name, v, err, want)
		}
	}
	if _, ok, err := a.Known(t.Context(), stored("first")); !ok || err != nil {
		t.Errorf("what is known is forgotten: %v", err)
	}
}
