package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// The packages with the benchmarks of counters, which measure a real Redis by its own account, and this process's CPU.
const (
	redisPackage  = "github.com/weirgate/weir/pkg/redisstore"
	windowPackage = "github.com/weirgate/weir/pkg/window"
)

// measureCounters measures a reserve over 16 counters, all limited: in Redis against a script that says 1, and in memory; and how often Redis is
// asked for a request on busy counters, with leases.
func measureCounters(ctx context.Context, out io.Writer) ([]goal, error) {
	m := map[string]float64{}
	for _, run := range []struct {
		pkg, bench, time string
		metrics          []string
	}{
		{redisPackage, "^BenchmarkServer$/./counters=16/^limits=16$", "1s", []string{"server-us/claim", "floor-us/call", "x-floor"}},
		{redisPackage, "^BenchmarkLeases$/^leases=true$", "50000x", []string{"redis-calls/request"}},
		{windowPackage, "^BenchmarkMemory$/^op=reserve$", "1s", []string{"claims/cpu-s"}},
	} {
		got, err := benchmarked(ctx, run.pkg, run.bench, run.time)
		if err != nil {
			return nil, err
		}
		for _, name := range run.metrics {
			v, ok := got[name]
			if !ok {
				return nil, fmt.Errorf("%s of %s: no metric %s", run.bench, run.pkg, name)
			}
			m[name] = v
		}
	}
	fmt.Fprintf(out, "counters   %-30s %8.2f µs of Redis, %.2f µs for a script that says 1\n", "reserve over 16, Redis", m["server-us/claim"], m["floor-us/call"])
	fmt.Fprintf(out, "counters   %-30s %8.2f µs of a core\n", "reserve over 16, memory", 1e6/m["claims/cpu-s"])
	fmt.Fprintf(out, "counters   %-30s %8.4f calls to Redis a request, which reserves and settles\n", "busy, with leases", m["redis-calls/request"])
	return []goal{
		{name: "reserve-16/EVALSHA", measured: m["x-floor"], want: 20},
		{name: "memory-reserve (M/s on a core)", measured: m["claims/cpu-s"] / 1e6, want: 1, atLeast: true},
		{name: "redis-calls-per-request (leases)", measured: m["redis-calls/request"], want: .1},
	}, nil
}

// benchmarked runs a package's benchmarks and returns their metrics.
func benchmarked(ctx context.Context, pkg, bench, benchTime string) (map[string]float64, error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", bench, "-benchtime", benchTime, pkg)
	cmd.Stderr = os.Stderr
	said, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", cmd, err, said)
	}
	return metricsOf(string(said)), nil
}
