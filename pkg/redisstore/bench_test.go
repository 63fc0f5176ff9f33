package redisstore_test

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/redisstore"
	"github.com/weirgate/weir/pkg/redisstore/redistest"
	"github.com/weirgate/weir/pkg/window"
)

// BenchmarkServer is what a reserve over 16 counters costs Redis itself, by its own account (INFO commandstats): four meters of four windows,
// each limited by one of them, or by all. server-us/claim is the time of a script, floor-us/call that of "return 1" without keys and
// arguments, in turns of the same length, and x-floor how many times the one is the other. Each is the least of its turns: what else runs
// on the machine only adds.
func BenchmarkServer(b *testing.B) {
	for _, limits := range []int{4, 16} {
		b.Run(fmt.Sprintf("op=reserve/counters=16/limits=%d", limits), func(b *testing.B) {
			server := redistest.Start(b)
			s := newStore(b, redisstore.Config{URL: server.URL()})
			floor := script(b, server, "return 1")
			r := sixteen(limits)
			claim, least := math.Inf(1), math.Inf(1)
			for round := 0; b.Loop(); round++ {
				least = min(least, serverTime(b, server, 200, func(int) { floor() }))
				claim = min(claim, serverTime(b, server, 200, func(i int) {
					r.ID = fmt.Sprint(round, "-", i)
					if q, err := s.Reserve(b.Context(), r); err != nil || len(q.Over) > 0 {
						b.Fatal(q, err)
					}
				}))
			}
			b.ReportMetric(claim, "server-us/claim")
			b.ReportMetric(least, "floor-us/call")
			b.ReportMetric(claim/least, "x-floor")
		})
	}
}

// sixteen is a claim on four meters of four windows, with a limit on one window of each, or on all.
func sixteen(limits int) authz.Reservation {
	r := authz.Reservation{Tenant: "t", Volume: authz.Volume{1, 1, 0, 8, 0}}
	for _, m := range []authz.Meter{authz.MeterSubject, authz.MeterSubjectTarget, authz.MeterTarget, authz.MeterCredential} {
		k := authz.MeterKey{Meter: m, Key: "https://issuer|ada"}
		r.Keys = append(r.Keys, k)
		for _, w := range window.Defaults()[:limits/4] {
			r.Limits = append(r.Limits, authz.Limit{Meter: m, Key: k.Key, Unit: authz.UnitVectors, Window: w, Max: 1 << 50})
		}
	}
	return r
}

// script loads a script and returns a function that runs it, without keys and arguments.
func script(b *testing.B, server *redistest.Server, text string) func() {
	b.Helper()
	o, err := redis.ParseURL(server.URL())
	if err != nil {
		b.Fatal(err)
	}
	c := redis.NewClient(o)
	b.Cleanup(func() { _ = c.Close() })
	sha, err := c.ScriptLoad(b.Context(), text).Result()
	if err != nil {
		b.Fatal(err)
	}
	return func() {
		if err := c.EvalSha(b.Context(), sha, nil).Err(); err != nil {
			b.Fatal(err)
		}
	}
}

// serverTime is what a script takes Redis, in microseconds, as the mean of n calls.
func serverTime(b *testing.B, server *redistest.Server, n int, call func(i int)) float64 {
	b.Helper()
	server.Do(b, "CONFIG RESETSTAT")
	for i := range n {
		call(i)
	}
	_, after, ok := strings.Cut(server.Do(b, "INFO commandstats"), "cmdstat_evalsha:")
	_, after, ok2 := strings.Cut(after, "usec_per_call=")
	text, _, _ := strings.Cut(after, ",")
	us, err := strconv.ParseFloat(text, 64)
	if !ok || !ok2 || err != nil {
		b.Fatalf("INFO commandstats: %v", err)
	}
	return us
}

// BenchmarkLeases is how often Redis is asked for an exchange, which reserves and settles, on four busy meters.
func BenchmarkLeases(b *testing.B) {
	for _, leases := range []bool{false, true} {
		b.Run(fmt.Sprintf("leases=%v/parallel=16", leases), func(b *testing.B) {
			server := redistest.Start(b)
			s := newStore(b, redisstore.Config{URL: server.URL(), Leases: leases})
			server.Do(b, "CONFIG RESETSTAT")
			var n atomic.Int64
			b.SetParallelism(16)
			b.RunParallel(func(pb *testing.PB) {
				r := sixteen(4)
				for pb.Next() {
					r.ID = fmt.Sprint(n.Add(1))
					if _, err := s.Reserve(b.Context(), r); err != nil {
						b.Error(err)
						return
					}
					if err := s.Settle(b.Context(), r); err != nil {
						b.Error(err)
						return
					}
				}
			})
			calls := 0.0
			for line := range strings.Lines(server.Do(b, "INFO commandstats")) {
				if after, ok := strings.CutPrefix(line, "cmdstat_evalsha:calls="); ok {
					text, _, _ := strings.Cut(after, ",")
					calls, _ = strconv.ParseFloat(text, 64)
				}
			}
			b.ReportMetric(calls/float64(n.Load()), "redis-calls/request")
		})
	}
}

// BenchmarkStore is what a request costs: a claim on four meters, each limited, with the four windows of the default.
func BenchmarkStore(b *testing.B) {
	server := redistest.Start(b)
	s := newStore(b, redisstore.Config{URL: server.URL()})
	r := authz.Reservation{Tenant: "t", Volume: authz.Volume{1, 1, 0, 8, 0}}
	for _, m := range []authz.Meter{authz.MeterSubject, authz.MeterSubjectTarget, authz.MeterTarget, authz.MeterCredential} {
		k := authz.MeterKey{Meter: m, Key: "https://issuer|ada"}
		r.Keys = append(r.Keys, k)
		r.Limits = append(r.Limits, authz.Limit{Meter: m, Key: k.Key, Unit: authz.UnitVectors, Window: authz.Window(time.Hour), Max: 1 << 50})
	}
	i := 0
	next := func() authz.Reservation {
		i++
		r.ID = fmt.Sprint(i)
		return r
	}
	b.Run("op=reserve/keys=4/windows=4", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Reserve(b.Context(), next()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("op=settle/keys=4/windows=4", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			b.StopTimer()
			r := next()
			if _, err := s.Reserve(b.Context(), r); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
			if err := s.Settle(b.Context(), r); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("op=usage/keys=4/windows=4", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Usage(b.Context(), r.Tenant, r.Keys); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("op=reserve/parallel=16/keys=4/windows=4", func(b *testing.B) {
		b.ReportAllocs()
		b.SetParallelism(16)
		b.RunParallel(func(pb *testing.PB) {
			r := r
			for n := 0; pb.Next(); n++ {
				r.ID = fmt.Sprintf("%p-%d", pb, n)
				if _, err := s.Reserve(b.Context(), r); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
}
