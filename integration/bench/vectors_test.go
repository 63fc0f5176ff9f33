package main

import (
	"math"
	"slices"
	"testing"
)

// TestPaces: there is a goal for each row of what is promised, and every job and what it is compared with do what they say.
func TestPaces(t *testing.T) {
	p, err := newPasses()
	if err != nil {
		t.Fatal(err)
	}
	all, err := p.all()
	if err != nil {
		t.Fatal(err)
	}
	goals := map[string]float64{}
	for _, pace := range slices.Concat(all, p.floats("vectors-simd", .35)) {
		if pace.want > 0 {
			goals[pace.name] = pace.want
		}
		for name, f := range map[string]task{"job": pace.job, "base": pace.base} {
			if err := f(); err != nil {
				t.Errorf("%s, %s: %v", pace.name, name, err)
			}
		}
		if pace.allocs != nil {
			if n, err := pace.allocs(); err != nil || math.IsNaN(n) {
				t.Errorf("%s: %v allocations a piece, %v", pace.name, n, err)
			}
		}
	}
	for name, want := range map[string]float64{
		"vectors-indented-count/copy": .08, "vectors-indented-redact/copy": .08, "vectors-indented-zero/copy": .08,
		"vectors-compact-count/copy": .08, "vectors-compact-redact/copy": .08, "vectors-compact-zero/copy": .08,
		"vectors-simd-indented-count/copy": .35, "vectors-simd-indented-redact/copy": .35, "vectors-simd-indented-zero/copy": .35,
		"vectors-simd-compact-count/copy": .35, "vectors-simd-compact-redact/copy": .35, "vectors-simd-compact-zero/copy": .35,
		"vectors-base64-count/copy": .25, "vectors-base64-zero/copy": .25, "vectors-base64-seal/copy": .02,
		"vectors-indented-seal/copy": .02, "vectors-indented-token/copy": .02, "vectors-compact-seal/copy": .015, "vectors-compact-token/copy": .015,
		"vectors-grpc-floats-count/copy": 2, "vectors-grpc-floats-zero/copy": 1,
		"features-texts/copy": .05, "features-tokens/copy": .05,
		"vectors-indented-count/encoding_json": 20, "vectors-compact-count/encoding_json": 20, "vectors-base64-count/encoding_json": 20,
		"vectors-indented-count/jsontext": 5, "vectors-compact-count/jsontext": 5, "vectors-base64-count/jsontext": 5,
	} {
		if goals[name] != want {
			t.Errorf("%s: %v is the goal, want %v", name, goals[name], want)
		}
		delete(goals, name)
	}
	for name := range goals {
		t.Errorf("%s is a goal that nobody promised", name)
	}
}
