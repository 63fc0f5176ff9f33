package redisstore_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/coverage"
	"github.com/weirgate/weir/pkg/distinct/distincttest"
	"github.com/weirgate/weir/pkg/redisstore"
	"github.com/weirgate/weir/pkg/redisstore/redistest"
)

// document is ada's claim on a document of a corpus.
func document(id, object string) authz.DocumentClaim {
	return authz.DocumentClaim{ID: id, Tenant: "acme", Target: "lake", Subject: "https://i|ada", Object: object, Version: "v"}
}

// documentsRead is how many documents have left to ada, or why nobody knows.
func documentsRead(t *testing.T, d *redisstore.Documents) (int64, error) {
	t.Helper()
	got, err := d.Claim(t.Context(), document("look", "looked for"))
	if err != nil {
		return 0, err
	}
	return got.Before, d.Drop(t.Context(), document("look", "looked for"))
}

func TestDocuments(t *testing.T) {
	for _, d := range deployments()[:2] {
		t.Run(d.name, func(t *testing.T) {
			url, flush := d.start(t)
			distincttest.Run(t, func(t *testing.T, now func() time.Time) distincttest.Store {
				flush(t)
				return newStore(t, redisstore.Config{URL: url, Coverage: coverage.TTL, Now: now}).Documents()
			})
		})
	}
}

// TestDocumentsAreShared: replicas see each other's claims and commits, by Redis' own clock.
func TestDocumentsAreShared(t *testing.T) {
	server := redistest.Start(t)
	one := newStore(t, redisstore.Config{URL: server.URL(), Coverage: coverage.TTL}).Documents()
	two := newStore(t, redisstore.Config{URL: server.URL(), Coverage: coverage.TTL}).Documents()
	if _, err := one.Claim(t.Context(), document("1", "a")); err != nil {
		t.Fatal(err)
	}
	if got, err := two.Claim(t.Context(), document("2", "b")); err != nil || got != (authz.Read{After: 2}) {
		t.Errorf("with a claim of another replica: %+v, %v", got, err)
	}
	if err := two.Commit(t.Context(), document("2", "b")); err != nil {
		t.Fatal(err)
	}
	if n, err := documentsRead(t, one); n != 1 || err != nil {
		t.Errorf("a commit of another replica: %d, %v", n, err)
	}
	if got := server.Do(t, "EVAL \"for _, k in ipairs(redis.call('KEYS','weir:{*')) do if redis.call('TTL', k) < 0 then return k end end return 'none'\" 0"); got != "none" {
		t.Errorf("%s is kept for ever", got)
	}
	if got := server.Do(t, "EVAL \"return #redis.call('KEYS','*:now')\" 0"); got != "0" {
		t.Errorf("%s sketches of a moment are left", got)
	}
}

// TestDocumentsFaults: whatever befalls Redis, nobody is told that nothing was read.
func TestDocumentsFaults(t *testing.T) {
	tests := []struct {
		name, want   string
		befall, heal func(t *testing.T, s *redistest.Server)
		n            int64 // once it is healed; one more where a call arrived whose answer was lost
	}{
		{
			"paused", "store_unavailable", func(_ *testing.T, s *redistest.Server) { s.Pause() },
			func(_ *testing.T, s *redistest.Server) { s.Resume() }, 1,
		},
		{
			"flushed", "store_amnesiac", func(t *testing.T, s *redistest.Server) { s.Flush(t) },
			func(t *testing.T, s *redistest.Server) { s.Do(t, "SET weir:accept-amnesia monday EX 60") }, 1, // that of the last seconds
		},
		{
			"full", "store_unavailable", func(t *testing.T, s *redistest.Server) { s.Do(t, "CONFIG SET maxmemory 1") },
			func(t *testing.T, s *redistest.Server) { s.Do(t, "CONFIG SET maxmemory 0") }, 1,
		},
		{"scripts forgotten", "", func(t *testing.T, s *redistest.Server) { s.Do(t, "SCRIPT FLUSH") }, func(*testing.T, *redistest.Server) {}, 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := redistest.Start(t)
			s := newStore(t, redisstore.Config{URL: server.URL(), Coverage: coverage.TTL, Timeout: 600 * time.Millisecond, Log: slog.New(slog.DiscardHandler)})
			d := s.Documents()
			if err := d.Commit(t.Context(), document("before", "a")); err != nil {
				t.Fatal(err)
			}
			test.befall(t, server)
			got, err := d.Claim(t.Context(), document("during", "b"))
			if label(t, err) != test.want || err != nil && got != (authz.Read{}) {
				t.Errorf("claim: %+v, %v; want %q", got, err, test.want)
			}
			if err := d.Commit(t.Context(), document("during", "b")); label(t, err) != test.want {
				t.Errorf("commit: %v, want %q", err, test.want)
			}
			test.heal(t, server)
			until(t, "Redis is well", func() bool { return s.Ready(t.Context()) == nil })
			if n, err := documentsRead(t, d); n != test.n && n != test.n+1 || err != nil {
				t.Errorf("afterwards %d documents are known (%v), want %d", n, err, test.n)
			}
		})
	}
}

// TestDocumentsNeedMemory: a Store that forgets which Redis it has seen before the counts end keeps none.
func TestDocumentsNeedMemory(t *testing.T) {
	server := redistest.Start(t)
	d := newStore(t, redisstore.Config{URL: server.URL()}).Documents()
	if got, err := d.Claim(t.Context(), document("1", "a")); label(t, err) != "store_unavailable" {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestDocumentsTakeRoom measures what many documents take in Redis: a sketch for each day and one for all, and no more.
func TestDocumentsTakeRoom(t *testing.T) {
	server := redistest.Start(t)
	d := newStore(t, redisstore.Config{URL: server.URL(), Coverage: coverage.TTL}).Documents()
	for i := range 3000 {
		if err := d.Commit(t.Context(), document("same", fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range []string{":all", ":*[0-9]"} {
		n := server.Do(t, "EVAL \"return redis.call('STRLEN', redis.call('KEYS', ARGV[1])[1])\" 0 weir:{*}:documents:*"+key)
		if n != "12304" { // the 16,384 registers of 6 bits, and a header
			t.Errorf("%s is %s bytes long", key, n)
		}
	}
}
