//go:build unix

package window_test

import (
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/window"
)

// sixteen is a claim on four meters of four windows each, every one of them limited: 16 counters.
func sixteen() authz.Reservation {
	r := authz.Reservation{Tenant: "t", Volume: authz.Volume{1, 1, 0, 8, 0}}
	for _, m := range []authz.Meter{authz.MeterSubject, authz.MeterSubjectTarget, authz.MeterTarget, authz.MeterCredential} {
		k := authz.MeterKey{Meter: m, Key: "https://issuer|ada"}
		r.Keys = append(r.Keys, k)
		for _, w := range window.Defaults() {
			r.Limits = append(r.Limits, authz.Limit{Meter: m, Key: k.Key, Unit: authz.UnitVectors, Window: w, Max: 1 << 60})
		}
	}
	return r
}

// BenchmarkMemory is what the steps of a claim cost, 1,024 exchanges to an op. cpu-ns/claim is the processor's time, whatever else runs on the
// machine, and claims/cpu-s what one core does in a second.
func BenchmarkMemory(b *testing.B) {
	for _, c := range []struct {
		name     string
		settles  bool // measured too
		snapshot bool
	}{{"op=reserve", false, false}, {"op=reserve+settle", true, false}, {"op=reserve+settle/journal", true, true}} {
		b.Run(c.name+"/counters=16/limits=16", func(b *testing.B) {
			cfg := window.Config{}
			if c.snapshot {
				cfg.Snapshot = b.TempDir() + "/counters"
			}
			m, err := window.NewMemory(cfg)
			if err != nil {
				b.Fatal(err)
			}
			defer m.Close() //nolint:errcheck // nothing is left to lose
			r := sixteen()
			var ids [1024]string
			spent, rounds := time.Duration(0), 0
			for b.Loop() {
				for i := range ids {
					ids[i] = "weir-0-" + strconv.Itoa(rounds*len(ids)+i)
				}
				spent += round(b, m, r, ids[:], c.settles)
				rounds++
			}
			each := float64(spent) / float64(rounds*len(ids))
			b.ReportMetric(each, "cpu-ns/claim")
			b.ReportMetric(1e9/each, "claims/cpu-s")
		})
	}
}

// round reserves, and settles, and returns the processor's time of the first, or both.
func round(b *testing.B, m *window.Memory, r authz.Reservation, ids []string, both bool) time.Duration {
	b.Helper()
	start := cpuTime(b)
	for _, r.ID = range ids {
		if q, err := m.Reserve(b.Context(), r); err != nil || len(q.Over) > 0 {
			b.Fatal(q, err)
		}
	}
	spent := cpuTime(b) - start
	for _, r.ID = range ids {
		if err := m.Settle(b.Context(), r); err != nil {
			b.Fatal(err)
		}
	}
	if both {
		spent = cpuTime(b) - start
	}
	return spent
}

// cpuTime is the processor's time that this process has used.
func cpuTime(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
