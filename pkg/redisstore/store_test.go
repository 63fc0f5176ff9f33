package redisstore_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/handover/handovertest"
	"github.com/weirgate/weir/pkg/redisstore"
	"github.com/weirgate/weir/pkg/redisstore/redistest"
	"github.com/weirgate/weir/pkg/window/windowtest"
)

func newStore(t testing.TB, cfg redisstore.Config) *redisstore.Store {
	t.Helper()
	if cfg.Timeout == 0 {
		cfg.Timeout = 5 * time.Second // a laden machine is not a fault
	}
	s, err := redisstore.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// deployment is a way to run Redis.
type deployment struct {
	name  string
	start func(t *testing.T) (url string, flush func(t testing.TB))
}

func deployments() []deployment {
	return []deployment{
		{"single", func(t *testing.T) (string, func(testing.TB)) {
			s := redistest.Start(t)
			return s.URL(), s.Flush
		}},
		{"cluster", func(t *testing.T) (string, func(testing.TB)) {
			c := redistest.StartCluster(t)
			return c.URL(), c.Flush
		}},
		{"sentinel", func(t *testing.T) (string, func(testing.TB)) {
			w := redistest.StartSentinel(t)
			return w.URL(), w.Master.Flush
		}},
		{"sentinel after a failover", func(t *testing.T) (string, func(testing.TB)) {
			w := redistest.StartSentinel(t)
			w.Master.Stop()
			w.Promoted(t)
			return w.URL(), w.Replica.Flush
		}},
	}
}

func TestStore(t *testing.T) {
	for _, d := range deployments() {
		t.Run(d.name, func(t *testing.T) {
			url, flush := d.start(t)
			windowtest.Run(t, func(t *testing.T, windows []authz.Window, clock *windowtest.Clock) windowtest.Store {
				flush(t)
				return newStore(t, redisstore.Config{URL: url, Windows: windows, Now: clock.Now})
			})
		})
	}
}

func TestHandover(t *testing.T) {
	server := redistest.Start(t)
	handovertest.Run(t, func(t *testing.T) (handovertest.Store, func(time.Duration)) {
		server.Flush(t)
		s := newStore(t, redisstore.Config{URL: server.URL()})
		return s, func(d time.Duration) { // the server's time cannot be set: wait until all it holds expired
			until(t, fmt.Sprintf("what lives for %v is gone", d), func() bool { return server.Do(t, "DBSIZE") == "0" })
		}
	})
}
