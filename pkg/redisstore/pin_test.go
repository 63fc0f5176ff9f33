package redisstore_test

import (
	"testing"
	"time"

	"github.com/weirgate/weir/pkg/redisstore"
	"github.com/weirgate/weir/pkg/redisstore/redistest"
)

// TestPin: what a key was given first it keeps, for all replicas and for its time; where Redis is gone nobody can tell.
func TestPin(t *testing.T) {
	server := redistest.Start(t)
	one, other := newStore(t, redisstore.Config{URL: server.URL()}), newStore(t, redisstore.Config{URL: server.URL()})
	for _, tt := range []struct {
		store            *redisstore.Store
		key, value, want string
	}{{one, "a", "1", "1"}, {one, "a", "2", "1"}, {other, "a", "2", "1"}, {other, "b", "", ""}, {one, "b", "2", ""}} {
		if held, err := tt.store.Pin(t.Context(), tt.key, tt.value, time.Minute); held != tt.want || err != nil {
			t.Errorf("%s given %q: %q, %v; want %q", tt.key, tt.value, held, err, tt.want)
		}
	}
	if held, err := one.Pin(t.Context(), "c", "1", time.Millisecond); held != "1" || err != nil {
		t.Fatalf("%q, %v", held, err)
	}
	until(t, "its time has ended", func() bool {
		held, err := other.Pin(t.Context(), "c", "2", time.Minute)
		return err == nil && held == "2"
	})
	server.Stop()
	if held, err := one.Pin(t.Context(), "d", "1", time.Minute); held != "" || err == nil {
		t.Errorf("without Redis: %q, %v; want an error", held, err)
	}
}
