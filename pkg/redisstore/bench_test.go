package redisstore_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/redisstore"
	"github.com/weirgate/weir/pkg/redisstore/redistest"
)

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
