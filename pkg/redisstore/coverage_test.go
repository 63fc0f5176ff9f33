package redisstore_test

import (
	"fmt"
	"log/slog"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/coverage"
	"github.com/weirgate/weir/pkg/coverage/coveragetest"
	"github.com/weirgate/weir/pkg/redisstore"
	"github.com/weirgate/weir/pkg/redisstore/redistest"
)

// piece is a claim on slot i of an object, for ada and her group.
func piece(id string, i int64) authz.CoverClaim {
	return authz.CoverClaim{
		ID: id, Tenant: "acme", Target: "models", Holders: []string{"subject|ada", "group|team"},
		Piece: authz.Piece{Object: "weights", Version: "v", Size: 1 << 20, Offset: i << 10, Length: 1 << 10},
	}
}

// had is how many slots have left to ada's group, or why nobody knows.
func had(t *testing.T, c *redisstore.Coverage) (int, error) {
	t.Helper()
	look := piece("look", 0)
	look.Piece.Offset, look.Piece.Length = 1, 0
	got, err := c.Claim(t.Context(), look)
	if err != nil {
		return 0, err
	}
	return int(got[1].Before * coverage.Slots), c.Drop(t.Context(), look)
}

func TestCoverage(t *testing.T) {
	for _, d := range deployments()[:2] {
		t.Run(d.name, func(t *testing.T) {
			url, flush := d.start(t)
			coveragetest.Run(t, func(t *testing.T, now func() time.Time) coveragetest.Store {
				flush(t)
				return newStore(t, redisstore.Config{URL: url, Coverage: coverage.TTL, Now: now}).Coverage()
			})
		})
	}
}

// TestCoverageIsShared: replicas see each other's claims and commits, by Redis' own clock.
func TestCoverageIsShared(t *testing.T) {
	server := redistest.Start(t)
	one := newStore(t, redisstore.Config{URL: server.URL(), Coverage: coverage.TTL}).Coverage()
	two := newStore(t, redisstore.Config{URL: server.URL(), Coverage: coverage.TTL}).Coverage()
	if _, err := one.Claim(t.Context(), piece("1", 1)); err != nil {
		t.Fatal(err)
	}
	if got, err := two.Claim(t.Context(), piece("0", 0)); err != nil || got[1] != (authz.Covered{After: 2.0 / coverage.Slots}) {
		t.Errorf("with a claim of another replica: %v, %v", got, err)
	}
	if err := two.Commit(t.Context(), piece("2", 2)); err != nil {
		t.Fatal(err)
	}
	if err := one.Drop(t.Context(), piece("1", 1)); err != nil {
		t.Fatal(err)
	}
	if n, err := had(t, one); n != 1 || err != nil {
		t.Errorf("a commit of another replica: %d, %v", n, err)
	}
}

// TestCoverageFaults: whatever befalls Redis, nobody is told that nothing has left.
func TestCoverageFaults(t *testing.T) {
	tests := []struct {
		name, want string
		befall     func(t *testing.T, s *redistest.Server)
		heal       func(t *testing.T, s *redistest.Server)
		n          int // slots once it is healed; one more where a call arrived whose answer was lost
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
			c := s.Coverage()
			if err := c.Commit(t.Context(), piece("before", 1)); err != nil {
				t.Fatal(err)
			}
			test.befall(t, server)
			got, err := c.Claim(t.Context(), piece("during", 2))
			if label(t, err) != test.want || err != nil && got != nil {
				t.Errorf("claim: %v, %v; want %q", got, err, test.want)
			}
			if err := c.Commit(t.Context(), piece("during", 2)); label(t, err) != test.want {
				t.Errorf("commit: %v, want %q", err, test.want)
			}
			if test.want == "store_amnesiac" { // not even written to
				if got := server.Do(t, "EVAL \"return #redis.call('KEYS','*{*')\" 0"); got != "0" {
					t.Errorf("%s keys of the tenant are in a Redis that is not believed", got)
				}
			}
			test.heal(t, server)
			until(t, "Redis is well", func() bool { return s.Ready(t.Context()) == nil })
			if n, err := had(t, c); n != test.n && n != test.n+1 || err != nil {
				t.Errorf("afterwards %d slots are known (%v), want %d", n, err, test.n)
			}
		})
	}
}

// TestCoverageDamaged: what cannot be read is no "nothing", and neither is a Store that would not know a Redis that was emptied.
func TestCoverageDamaged(t *testing.T) {
	server := redistest.Start(t)
	c := newStore(t, redisstore.Config{URL: server.URL(), Coverage: coverage.TTL}).Coverage()
	if err := c.Commit(t.Context(), piece("1", 1)); err != nil {
		t.Fatal(err)
	}
	const script = "EVAL \"for _,k in ipairs(redis.call('KEYS','*:cover:*')) do redis.call('SET',k,string.rep('x',%d)) end\" 0"
	for _, n := range []int{0, 7, 100, 135, 137} {
		server.Do(t, fmt.Sprintf(script, n))
		got, err := c.Claim(t.Context(), piece("2", 2))
		err2 := c.Commit(t.Context(), piece("2", 2))
		if label(t, err) != "store_unavailable" || label(t, err2) != "store_unavailable" || got != nil {
			t.Errorf("%d bytes: claim %v, %v; commit %v", n, got, err, err2)
		}
	}
	none := newStore(t, redisstore.Config{URL: server.URL()}).Coverage()
	if _, err := none.Claim(t.Context(), piece("3", 3)); label(t, err) != "store_unavailable" {
		t.Errorf("a Store that keeps no coverage: %v", err)
	}
}

// TestCoverageKeys: every key has the tenant's hash tag and a lifetime, and the epoch outlives what it vouches for.
func TestCoverageKeys(t *testing.T) {
	server := redistest.Start(t)
	server.Do(t, acl)
	c := newStore(t, redisstore.Config{URL: strings.Replace(server.URL(), "unix://", "unix://weir:hunter2@", 1), Coverage: coverage.TTL}).Coverage()
	if err := c.Commit(t.Context(), piece("1", 1)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Claim(t.Context(), piece("2", 2)); err != nil {
		t.Fatal(err)
	}
	const script = `EVAL "local out='' for _,k in ipairs(redis.call('KEYS','*{*')) do out=out..k..' '..redis.call('TTL',k)..';' end return out" 0`
	kinds, tags := map[string]int{}, map[string]bool{}
	keys := regexp.MustCompile(`weir:\{([\w-]{22})\}:(epoch|cover:|covering:)([\w-]{22})? (-?\d+);`).FindAllStringSubmatch(server.Do(t, script), -1)
	for _, k := range keys {
		ttl, err := strconv.Atoi(k[4])
		if err != nil {
			t.Fatal(err)
		}
		const day = 24 * 3600
		most := map[string]int{"epoch": 91 * day, "cover:": 90 * day, "covering:": 60}[k[2]]
		if ttl > most || ttl < most-50 {
			t.Errorf("%s lives for %d s, want %d", k[0], ttl, most)
		}
		kinds[k[2]]++
		tags[k[1]] = true
	}
	if len(tags) != 1 || kinds["epoch"] != 1 || kinds["cover:"] != 2 || kinds["covering:"] != 2 {
		t.Errorf("%d tags, %v: %q", len(tags), kinds, keys)
	}
	if err := c.Drop(t.Context(), piece("2", 2)); err != nil {
		t.Fatal(err)
	}
	if got := server.Do(t, "EVAL \"return #redis.call('KEYS','*covering*')\" 0"); got != "0" {
		t.Errorf("%s keys of claims are left, and none is open", got)
	}
}

// TestCoverageFailover: what was committed last is committed again by a Redis that takes over and had not heard of it.
func TestCoverageFailover(t *testing.T) {
	w := redistest.StartSentinel(t)
	s := newStore(t, redisstore.Config{URL: w.URL(), Timeout: time.Second, Coverage: coverage.TTL, Log: slog.New(slog.DiscardHandler)})
	if err := s.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	c := s.Coverage()
	commit := func(from, to int64) {
		t.Helper()
		for i := from; i < to; i++ {
			if err := c.Commit(t.Context(), piece(fmt.Sprint(i), i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	commit(0, 10)
	if got := w.Master.Do(t, "WAIT 1 5000"); got != "1" {
		t.Fatalf("the replica of Redis does not follow: %s", got)
	}
	w.Replica.Pause()
	if got := w.Master.Do(t, "CLIENT KILL TYPE replica"); got != "1" {
		t.Fatalf("%s replicas of Redis cut off, want 1", got)
	}
	commit(10, 30)
	w.Master.Stop()
	w.Replica.Resume()
	w.Promoted(t)
	var err error
	n := 0
	until(t, "the client has found the new master", func() bool {
		n, err = had(t, c)
		return err == nil
	})
	if n != 30 {
		t.Errorf("%d slots are known of 30 that have left", n)
	}
}

// BenchmarkCoverage is what a claim for five holders and its commit cost Redis itself, as BenchmarkServer has it.
func BenchmarkCoverage(b *testing.B) {
	b.Run("op=claim+commit/keys=5", func(b *testing.B) {
		server := redistest.Start(b)
		c := newStore(b, redisstore.Config{URL: server.URL(), Coverage: coverage.TTL}).Coverage()
		claim := piece("", 0)
		claim.Holders = append(claim.Holders, "group|a", "group|b", "group|c")
		least := math.Inf(1)
		for round := 0; b.Loop(); round++ {
			least = min(least, 2*serverTime(b, server, 200, func(i int) {
				claim.ID, claim.Piece.Offset = fmt.Sprint(round, "-", i/2), int64(i/2)<<10
				var err error
				if i%2 == 0 {
					_, err = c.Claim(b.Context(), claim)
				} else {
					err = c.Commit(b.Context(), claim)
				}
				if err != nil {
					b.Fatal(err)
				}
			}))
		}
		b.ReportMetric(least, "server-us/claim+commit")
	})
}
