// Package replaytest is the suite that every authn.Replays must pass. It owns the meaning of the store's promise, as tests: of all who show a
// key, at once or one after the other, one is the first, for as long as they were told. It trusts the factory to let time pass.
package replaytest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Store is what is tested; authn.Replays.
type Store interface {
	First(ctx context.Context, key string, ttl time.Duration) (bool, error)
}

// Factory makes an empty store. The second result lets at least d pass for the store.
type Factory func(t *testing.T) (s Store, pass func(d time.Duration))

// TTL is the lifetime of what the suite lets expire. It is short, for a store whose time cannot be set.
const TTL = 50 * time.Millisecond

// Run runs the suite.
func Run(t *testing.T, make Factory) {
	for name, f := range map[string]func(t *testing.T, s Store, pass func(time.Duration)){
		"once": testOnce, "expired": testExpired, "concurrent": testConcurrent, "ended": testEnded,
	} {
		t.Run(name, func(t *testing.T) {
			s, pass := make(t)
			f(t, s, pass)
		})
	}
}

func first(t *testing.T, s Store, key string, ttl time.Duration, want bool) {
	t.Helper()
	if got, err := s.First(t.Context(), key, ttl); err != nil || got != want {
		t.Errorf("%q: %v, %v; want %v", key, got, err, want)
	}
}

func testOnce(t *testing.T, s Store, pass func(time.Duration)) {
	first(t, s, "a", time.Minute, true)
	first(t, s, "b", time.Minute, true)
	first(t, s, "a", time.Minute, false)
	pass(TTL)
	first(t, s, "a", time.Minute, false)
	first(t, s, "b", TTL, false)
	first(t, s, "", time.Minute, true)
	first(t, s, "\x00\xff \n", time.Minute, true)
	first(t, s, "\x00\xff \n", time.Minute, false)
}

// testExpired wants a key to be forgotten after twice its time, at least. Sooner is for the store to say.
func testExpired(t *testing.T, s Store, pass func(time.Duration)) {
	first(t, s, "a", TTL, true)
	first(t, s, "a", TTL, false)
	pass(2 * TTL)
	first(t, s, "a", TTL, true)
	first(t, s, "a", TTL, false)
}

func testConcurrent(t *testing.T, s Store, _ func(time.Duration)) {
	for n := range 20 {
		var firsts atomic.Int64
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				ok, err := s.First(t.Context(), fmt.Sprint(n), time.Minute)
				if err != nil {
					t.Error(err)
				}
				if ok {
					firsts.Add(1)
				}
			})
		}
		all.Wait()
		if firsts.Load() != 1 {
			t.Errorf("key %d: %d were the first, want 1", n, firsts.Load())
		}
	}
}

// testEnded wants a caller who has left to be told nothing that would let it pass.
func testEnded(t *testing.T, s Store, _ func(time.Duration)) {
	first(t, s, "a", time.Minute, true)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if ok, err := s.First(ctx, "a", time.Minute); err == nil && ok {
		t.Error("a second one was the first")
	}
}
