package redisstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/redisstore/redistest"
)

// TestWhoeverLeaves: who leaves while its call waits gets an error that says so, and who asks next, of the same lease too, is answered.
func TestWhoeverLeaves(t *testing.T) {
	server := redistest.Start(t)
	s := eager(t, Config{URL: server.URL()})
	full := func(n int) {
		s.pipe.mu.Lock()
		s.pipe.flying += n
		s.pipe.mu.Unlock()
	}
	full(maxFlying) // as if that many calls were under way
	gone, leave := context.WithCancel(t.Context())
	leave()
	if q, err := s.Reserve(gone, vectorsUnder("gone", 1, 10)); !errors.Is(err, context.Canceled) {
		t.Errorf("who has left: %+v, %v", q, err)
	}
	full(-maxFlying)
	if q, err := s.Reserve(t.Context(), vectorsUnder("next", 1, 10)); err != nil || len(q.Over) > 0 {
		t.Errorf("who comes next: %+v, %v", q, err)
	}
}

// TestTooManyMeters: a claim on more meters than a script can number is refused, and not as if Redis were away, which some limits permit.
func TestTooManyMeters(t *testing.T) {
	s, err := New(Config{URL: redistest.Start(t).URL(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	r := vectorsUnder("crowd", 1, 10)
	for i := range 1000 {
		r.Keys = append(r.Keys, authz.MeterKey{Meter: authz.MeterGroup, Key: fmt.Sprint("group ", i)})
	}
	var e *authz.Error
	if q, err := s.Reserve(t.Context(), r); !errors.As(err, &e) || e.Label != "meters_too_many" || q.Granted != (authz.Volume{}) {
		t.Errorf("%+v, %v", q, err)
	}
}

// TestUsageOfManyGroups: the counts of more meters than a script can number are told, of each.
func TestUsageOfManyGroups(t *testing.T) {
	s := eager(t, Config{URL: redistest.Start(t).URL()})
	last := authz.MeterKey{Meter: authz.MeterGroup, Key: "group 999"}
	if _, err := s.Reserve(t.Context(), authz.Reservation{ID: "a", Tenant: "t", Keys: []authz.MeterKey{last}, Volume: authz.Volume{1}}); err != nil {
		t.Fatal(err)
	}
	var keys []authz.MeterKey
	for i := range 1000 {
		keys = append(keys, authz.MeterKey{Meter: authz.MeterGroup, Key: fmt.Sprint("group ", i)})
	}
	u, err := s.Usage(t.Context(), "t", keys)
	if err != nil || len(u) == 0 {
		t.Fatal(u, err)
	}
	for _, c := range u {
		if c.Key != last {
			t.Errorf("%+v, of which nobody had anything", c)
		}
	}
}
