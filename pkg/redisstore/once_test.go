package redisstore_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/weirgate/weir/pkg/authn/replaytest"
	"github.com/weirgate/weir/pkg/redisstore"
	"github.com/weirgate/weir/pkg/redisstore/redistest"
)

func TestFirst(t *testing.T) {
	server := redistest.Start(t)
	replaytest.Run(t, func(t *testing.T) (replaytest.Store, func(time.Duration)) {
		server.Flush(t)
		s := newStore(t, redisstore.Config{URL: server.URL()})
		return s, func(d time.Duration) { // the server's time cannot be set: wait until what lives as long is gone
			server.Do(t, fmt.Sprintf("SET passed x PX %d", d.Milliseconds()))
			until(t, fmt.Sprintf("what lives for %v is gone", d), func() bool { return server.Do(t, "EXISTS passed") == "0" })
		}
	})
}

// TestFirstShared: replicas share what was shown; where Redis is gone nobody is the first.
func TestFirstShared(t *testing.T) {
	server := redistest.Start(t)
	one, other := newStore(t, redisstore.Config{URL: server.URL()}), newStore(t, redisstore.Config{URL: server.URL()})
	if first, err := one.First(t.Context(), "a", time.Minute); !first || err != nil {
		t.Fatalf("%v, %v; want the first", first, err)
	}
	if first, err := other.First(t.Context(), "a", time.Minute); first || err != nil {
		t.Errorf("the other replica: %v, %v; want not the first", first, err)
	}
	server.Stop()
	if first, err := one.First(t.Context(), "b", time.Minute); first || err == nil {
		t.Errorf("without Redis: %v, %v; want an error", first, err)
	}
}
