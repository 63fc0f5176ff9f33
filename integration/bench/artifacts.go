package main

import (
	"context"
	"fmt"
	"io"
)

// artifactPackage has the benchmark of what an object is recognised by.
const artifactPackage = "github.com/weirgate/weir/pkg/artifact"

// measureArtifacts measures the recognition of 64 KiB of each kind of content that is not compressed, and takes the slowest.
func measureArtifacts(ctx context.Context, out io.Writer) ([]goal, error) {
	m, err := benchmarked(ctx, artifactPackage, "^BenchmarkSlowestPrefix$", "500x")
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"slowest-µs", "slowest-allocs", "median-µs"} {
		if _, ok := m[name]; !ok {
			return nil, fmt.Errorf("%s: no metric %s", artifactPackage, name)
		}
	}
	fmt.Fprintf(out, "artifacts  %-30s %8.1f µs, the slowest kind %.1f µs\n", "recognise 64 KiB", m["median-µs"], m["slowest-µs"])
	return []goal{
		{name: "recognise-64KiB", measured: m["slowest-µs"], want: 20},
		{name: "recognise-64KiB-allocations", measured: m["slowest-allocs"]},
	}, nil
}
