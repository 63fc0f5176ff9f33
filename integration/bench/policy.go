package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
)

const (
	// policyPackage has the benchmarks of decisions: they look inside, at evaluations of which nothing is kept.
	policyPackage = "github.com/weirgate/weir/pkg/policy"
	// policyDecisions is how many decisions each benchmark makes. It is a number and not a time because the decision cache begins empty: the
	// hit rate grows with it.
	policyDecisions = 5000
)

// measurePolicies compares decisions of the shipped policy with those of a policy that says true, and with a plain Go embedding of OPA that
// is asked the same.
func measurePolicies(ctx context.Context, out io.Writer) ([]goal, error) {
	m, err := benchmarked(ctx, policyPackage, "^Benchmark(ShippedPolicy|SideBySide)$", strconv.Itoa(policyDecisions)+"x")
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"floor-ns/op", "shipped-ns/op", "x-floor", "plain-ns/op", "weir-ns/op", "x-plain", "uncached-x-plain", "hit-rate"} {
		if _, ok := m[name]; !ok {
			return nil, fmt.Errorf("%s: no metric %s", policyPackage, name)
		}
	}
	fmt.Fprintf(out, "policy     %-30s %8.1f µs an evaluation\n", "allow := true", m["floor-ns/op"]/1e3)
	fmt.Fprintf(out, "policy     %-30s %8.1f µs an evaluation\n", "shipped", m["shipped-ns/op"]/1e3)
	fmt.Fprintf(out, "policy     %-30s %8.1f µs a decision\n", "shipped, plain embedding", m["plain-ns/op"]/1e3)
	fmt.Fprintf(out, "policy     %-30s %8.1f µs a decision: hit rate of its cache %.3f over %d decisions, from empty; %.2f of the plain embedding where nothing is kept\n",
		"shipped, Weir", m["weir-ns/op"]/1e3, m["hit-rate"], policyDecisions, m["uncached-x-plain"])
	return []goal{
		{name: "policy-shipped/floor", measured: m["x-floor"], want: 10},
		{name: "policy-side-by-side", measured: m["x-plain"], want: .5}, // at the hit rate that is printed
	}, nil
}

// metricsOf reads the metrics in the output of "go test -bench": after each name and count, values and their units by turns.
func metricsOf(said string) map[string]float64 {
	out := map[string]float64{}
	for line := range strings.Lines(said) {
		f := strings.Fields(line)
		if len(f) < 4 || !strings.HasPrefix(f[0], "Benchmark") {
			continue
		}
		for i := 2; i+1 < len(f); i += 2 {
			if v, err := strconv.ParseFloat(f[i], 64); err == nil {
				out[f[i+1]] = v
			}
		}
	}
	return out
}
