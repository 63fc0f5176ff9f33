// Package handovertest is the suite that every hand-over store must pass. It owns the meaning of the store's promises, as tests: what is
// put is taken at most once, whoever asks, and not at all once it expired. It trusts the factory to let time pass.
package handovertest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Store is what is tested; guard.Handover.
type Store interface {
	Put(ctx context.Context, key string, value []byte, ttl time.Duration) error
	Take(ctx context.Context, key string) ([]byte, bool, error)
}

// Factory makes an empty store. The second result lets at least d pass for the store, and for all that was put into it with a ttl of d.
type Factory func(t *testing.T) (s Store, pass func(d time.Duration))

// TTL is the lifetime of what the suite lets expire. It is short, for a store whose time cannot be set.
const TTL = 50 * time.Millisecond

// Run runs the suite.
func Run(t *testing.T, make Factory) {
	tests := map[string]func(t *testing.T, s Store, pass func(time.Duration)){
		"once": testOnce, "unknown": testUnknown, "expired": testExpired, "no lifetime": testNoLifetime, "put again": testAgain, "any bytes": testBytes,
		"concurrent": testConcurrent,
	}
	for name, f := range tests {
		t.Run(name, func(t *testing.T) {
			s, pass := make(t)
			f(t, s, pass)
		})
	}
}

func put(t *testing.T, s Store, key, value string, ttl time.Duration) {
	t.Helper()
	if err := s.Put(t.Context(), key, []byte(value), ttl); err != nil {
		t.Fatal(err)
	}
}

// taken asserts that taking key gives want; "" stands for nothing.
func taken(t *testing.T, s Store, key, want string) {
	t.Helper()
	got, ok, err := s.Take(t.Context(), key)
	if err != nil || ok != (want != "") || string(got) != want {
		t.Errorf("take %q: %q, %v, %v; want %q", key, got, ok, err, want)
	}
}

func testOnce(t *testing.T, s Store, _ func(time.Duration)) {
	put(t, s, "a", "one", time.Minute)
	put(t, s, "b", "two", time.Minute)
	taken(t, s, "a", "one")
	taken(t, s, "a", "")
	taken(t, s, "b", "two")
}

func testUnknown(t *testing.T, s Store, _ func(time.Duration)) {
	taken(t, s, "nobody put this", "")
	taken(t, s, "", "")
}

func testExpired(t *testing.T, s Store, pass func(time.Duration)) {
	put(t, s, "a", "one", TTL)
	pass(TTL)
	taken(t, s, "a", "")
}

func testNoLifetime(t *testing.T, s Store, _ func(time.Duration)) {
	put(t, s, "a", "one", time.Minute)
	put(t, s, "a", "two", 0)
	taken(t, s, "a", "")
	put(t, s, "b", "one", -time.Second)
	taken(t, s, "b", "")
}

func testAgain(t *testing.T, s Store, _ func(time.Duration)) {
	put(t, s, "a", "one", time.Minute)
	put(t, s, "a", "two", time.Minute)
	taken(t, s, "a", "two")
	taken(t, s, "a", "")
}

func testBytes(t *testing.T, s Store, _ func(time.Duration)) {
	const odd = "\x00\r\n{}*\xff"
	put(t, s, odd, odd+odd, time.Minute)
	taken(t, s, odd, odd+odd)
	taken(t, s, odd, "")
}

// testConcurrent: of many that take one ticket at once, exactly one gets it.
func testConcurrent(t *testing.T, s Store, _ func(time.Duration)) {
	const tickets, takers = 20, 8
	for i := range tickets {
		put(t, s, fmt.Sprint(i), "one", time.Minute)
	}
	var wg sync.WaitGroup
	var won [tickets]atomic.Int32
	for range takers {
		wg.Go(func() {
			for i := range tickets {
				_, ok, err := s.Take(t.Context(), fmt.Sprint(i))
				if err != nil {
					t.Error(err)
				}
				if ok {
					won[i].Add(1)
				}
			}
		})
	}
	wg.Wait()
	for i := range won {
		if n := won[i].Load(); n != 1 {
			t.Errorf("ticket %d was taken %d times, want once", i, n)
		}
	}
}
