package redisstore_test

import (
	"log/slog"
	"strconv"
	"testing"
	"time"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/redisstore"
	"github.com/weirgate/weir/pkg/redisstore/redistest"
	"github.com/weirgate/weir/pkg/window"
)

// TestRebuilt: a Redis that was emptied and told the past by somebody else counts as before, a replica that had not believed it goes on, and
// what the replica tells it again, or ends, counts once.
func TestRebuilt(t *testing.T) {
	server := redistest.Start(t)
	s := newStore(t, redisstore.Config{URL: server.URL(), Log: slog.New(slog.DiscardHandler)})
	if err := s.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	three := func(id string, n int64) authz.Reservation {
		r := claim(id)
		r.Limits[0].Max = 10
		r.Volume = authz.Volume{}.With(authz.UnitVectors, n)
		return r
	}
	for _, id := range []string{"ended", "open"} {
		if _, err := s.Reserve(t.Context(), three(id, 3)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Settle(t.Context(), three("ended", 2)); err != nil {
		t.Fatal(err)
	}
	server.Flush(t)
	if got := label(t, s.Ready(t.Context())); got != "store_amnesiac" {
		t.Fatalf("emptied: %q", got)
	}

	operator := newStore(t, redisstore.Config{URL: server.URL()})
	past := window.NewPast(window.Defaults(), nil, time.Now())
	past.Add("acme", claim("").Keys, time.Now(), authz.Volume{}.With(authz.UnitVectors, 2))
	if err := operator.Restore(t.Context(), "acme", past.Meters("acme")); err != nil {
		t.Fatal(err)
	}
	if err := operator.RestoreClaims(t.Context(), "acme", []redisstore.PastClaim{{ID: "ended", Volume: authz.Volume{}.With(authz.UnitVectors, 2)}}); err != nil {
		t.Fatal(err)
	}
	if _, err := operator.Raise(t.Context(), three("open", 3)); err != nil {
		t.Fatal(err)
	}
	if got := label(t, s.Ready(t.Context())); got != "store_amnesiac" {
		t.Errorf("before anybody said that it may be believed: %q", got)
	}
	if err := operator.Accept(t.Context()); err != nil {
		t.Fatal(err)
	}
	if ttl, err := strconv.Atoi(server.Do(t, "TTL weir:accept-amnesia")); err != nil || ttl < 3600 {
		t.Errorf("a replica that starts later would not hear of it: the word stands for %d s, %v", ttl, err)
	}
	if err := s.Ready(t.Context()); err != nil { // and what it counted lately, it has counted again
		t.Fatal(err)
	}
	counts := func(want int64) {
		t.Helper()
		u, err := s.Usage(t.Context(), "acme", claim("").Keys)
		if err != nil || len(u) == 0 {
			t.Fatal(u, err)
		}
		for _, c := range u {
			if c.Count != want {
				t.Errorf("%v counts %d, want %d", c.Window, c.Count, want)
			}
		}
	}
	counts(5)
	if err := s.Settle(t.Context(), three("ended", 2)); err != nil {
		t.Fatal(err)
	}
	if q, err := s.Raise(t.Context(), three("open", 4)); err != nil || q.Granted.Of(authz.UnitVectors) != 4 {
		t.Errorf("%+v, %v", q, err)
	}
	counts(6)
	if err := s.Settle(t.Context(), three("open", 1)); err != nil {
		t.Fatal(err)
	}
	counts(3)
}
