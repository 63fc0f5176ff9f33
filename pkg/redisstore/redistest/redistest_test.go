package redistest_test

import (
	"strings"
	"testing"

	"github.com/weirgate/weir/pkg/redisstore/redistest"
)

func TestServer(t *testing.T) {
	s := redistest.Start(t, "--maxclients", "77")
	if !strings.HasPrefix(s.URL(), "unix:///") {
		t.Errorf("URL %q", s.URL())
	}
	for _, step := range []struct{ command, want string }{
		{"SET a b", "OK"},
		{"GET a", "b"},
		{"DBSIZE", "1"},
		{"GET nothing", ""},
		{"CONFIG GET maxmemory-policy", "2"},
		{"LPUSH a b", "WRONGTYPE Operation against a key holding the wrong kind of value"},
	} {
		if got := s.Do(t, step.command); got != step.want {
			t.Errorf("%s: %q, want %q", step.command, got, step.want)
		}
	}
	s.Flush(t)
	if got := s.Do(t, "DBSIZE"); got != "0" {
		t.Errorf("%s keys after Flush", got)
	}
	s.Do(t, "SET a b")
	url := s.URL()
	s.Restart()
	if got := s.Do(t, "GET a"); got != "" || s.URL() != url {
		t.Errorf("after Restart: %q at %s; want an empty server at %s", got, s.URL(), url)
	}
	s.Pause()
	s.Resume()
	if got := s.Do(t, "PING"); got != "PONG" {
		t.Errorf("PING after Resume: %q", got)
	}
	s.Stop()
	s.Stop()
}

func TestMissing(t *testing.T) {
	t.Setenv("REDIS_SERVER", "/nowhere/redis-server")
	t.Setenv("CI", "")
	t.Run("skips", func(t *testing.T) {
		t.Cleanup(func() {
			if !t.Skipped() {
				t.Error("a missing redis-server did not skip")
			}
		})
		redistest.Start(t)
	})
}
