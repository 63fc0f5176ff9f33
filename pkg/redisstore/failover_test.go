package redisstore_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/redisstore"
	"github.com/weirgate/weir/pkg/redisstore/redistest"
)

// TestFailover: a replica of Redis that takes over without the last writes is told them again, before anything more is admitted.
func TestFailover(t *testing.T) {
	const maximum = 100
	w := redistest.StartSentinel(t)
	s := newStore(t, redisstore.Config{URL: w.URL(), Timeout: time.Second, Log: slog.New(slog.DiscardHandler)})
	if err := s.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	of := func(id string) authz.Reservation {
		r := claim(id)
		r.Limits[0].Max = maximum
		return r
	}
	admit := func(from, n int) {
		t.Helper()
		for i := from; i < from+n; i++ {
			q, err := s.Reserve(t.Context(), of(fmt.Sprint(i)))
			if err != nil || len(q.Over) > 0 {
				t.Fatalf("%d: %+v, %v", i, q, err)
			}
		}
	}
	admit(0, 10)
	if got := w.Master.Do(t, "WAIT 1 5000"); got != "1" {
		t.Fatalf("the replica of Redis does not follow: %s", got)
	}
	// The replica of Redis hangs, and misses what follows: 40 admitted, of which 10 are given back, 5 are settled higher, and one cancelled.
	w.Replica.Pause()
	if got := w.Master.Do(t, "CLIENT KILL TYPE replica"); got != "1" {
		t.Fatalf("%s replicas of Redis cut off, want 1", got)
	}
	admit(10, 40)
	for i := range 10 {
		r := of(fmt.Sprint(10 + i))
		r.Volume = authz.Volume{}
		if err := s.Settle(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 5 {
		r := of(fmt.Sprint(20 + i))
		r.Volume = authz.Volume{}.With(authz.UnitVectors, 3)
		if err := s.Settle(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Cancel(t.Context(), of("30")); err != nil {
		t.Fatal(err)
	}
	w.Master.Stop()
	w.Replica.Resume()
	w.Promoted(t)
	const charged = 10 + 40 - 10 + 5*2 - 1
	deadline := time.Now().Add(20 * time.Second)
	admitted := 0
	for i := 0; ; i++ {
		q, err := s.Reserve(t.Context(), of(fmt.Sprint("after ", i)))
		if err != nil { // the client has not found the new master yet
			if time.Now().After(deadline) {
				t.Fatal(err)
			}
			continue
		}
		if len(q.Over) > 0 {
			break
		}
		admitted += int(q.Granted.Of(authz.UnitVectors))
	}
	if admitted != maximum-charged {
		t.Errorf("%d admitted after the failover, and %d of %d were before: want %d", admitted, charged, maximum, maximum-charged)
	}
	if err := s.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	// The claims are known: what is repeated, or goes on, changes nothing twice.
	for id, want := range map[string]int64{"0": 1, "15": 0, "22": 3, "40": 1} {
		if q, err := s.Raise(t.Context(), of(id)); err != nil || q.Granted.Of(authz.UnitVectors) != want {
			t.Errorf("claim %s: %+v, %v; want %d", id, q, err, want)
		}
	}
}
