package vector_test

import (
	"crypto/sha256"
	"encoding/binary"
	"flag"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestGolden: the masks' floats are the same on every machine and in every version: what clients stored must open, and replicas must agree.
// A line has the first four components' bits and a digest of all, little-endian.
func TestGolden(t *testing.T) {
	const path = "testdata/masks.golden"
	var text strings.Builder
	for _, mode := range modes {
		m := masker(t, ring(t, master(1)), mode)
		for _, d := range []int{16, 34, 35, 384, 1000, 1536} {
			inputs := map[string][]float32{"vec": vec(d, 1), "zero": make([]float32, d), "large": vec(d, 2)}
			inputs["large"][5] = 1 << 20
			for _, name := range []string{"vec", "zero", "large"} {
				got, err := m.Mask(nil, inputs[name], place)
				if err != nil {
					t.Fatal(err)
				}
				var b []byte
				for _, x := range got {
					b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
				}
				fmt.Fprintf(&text, "%s dims=%d %s:", mode, d, name)
				for _, x := range got[:min(4, len(got))] {
					fmt.Fprintf(&text, " %08x", math.Float32bits(x))
				}
				fmt.Fprintf(&text, " sha256=%x\n", sha256.Sum256(b))
			}
		}
	}
	if *update {
		if err := os.WriteFile(path, []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(text.String(), "\n")
	for i, line := range strings.Split(string(want), "\n") {
		if i >= len(got) || got[i] != line {
			t.Errorf("line %d: got\n%s\nwant\n%s", i+1, got[min(i, len(got)-1)], line)
		}
	}
}

// TestInputsAreTheSameEverywhere keeps the golden file's inputs from being what differs.
func TestInputsAreTheSameEverywhere(t *testing.T) {
	h := sha256.New()
	for _, d := range []int{16, 384, 1536} {
		for _, x := range vec(d, 1) {
			_ = binary.Write(h, binary.LittleEndian, math.Float32bits(x))
		}
	}
	if got, want := fmt.Sprintf("%x", h.Sum(nil)), "a1b6cfa94f5e820a21473bb3a367e9bbe44332d03c9de0452a6af436fed5b81e"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
