package attack_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/vector"
)

// minilm reads 4,000 real text vectors; their provenance is in the folder's README.
func minilm(t testing.TB) rows {
	t.Helper()
	b, err := os.ReadFile("../testdata/minilm-l6-v2.f16")
	if err != nil {
		t.Fatal(err)
	}
	const want = "ca904899b78c0b01f87cf7a1511e50b459940f920c3e4063c49326f1dba3ba40"
	if got := fmt.Sprintf("%x", sha256.Sum256(b)); got != want {
		t.Fatalf("the vectors are others: SHA-256 %s", got)
	}
	m := newRows(4000, 384)
	for i := range m.x {
		m.x[i] = fromHalf(binary.LittleEndian.Uint16(b[2*i:]))
	}
	return m
}

// fromHalf reads a finite IEEE float16.
func fromHalf(u uint16) float32 {
	fraction, exponent := float64(u&(1<<10-1)), int(u>>10&31)
	x := math.Ldexp(fraction, -24)
	if exponent > 0 {
		x = math.Ldexp(fraction+1<<10, exponent-25)
	}
	if u>>15 == 1 {
		x = -x
	}
	return float32(x)
}

// mask returns what a client gets of m by a mode, under a key and place of its own. Zero rows stand for none. Opened by Weir again is the
// mode "seal, opened".
func mask(t testing.TB, m rows, mode authz.MaskMode, key byte) rows {
	t.Helper()
	ring, err := vector.NewKeyring(bytes.Repeat([]byte{key}, vector.MinMaster))
	if err != nil {
		t.Fatal(err)
	}
	out := newRows(m.n, m.d)
	switch mode {
	case "none":
		copy(out.x, m.x)
		return out
	case "redact", "zero":
		return out
	case "seal, opened":
		return sealedAndOpened(t, m, vector.NewSealer(ring))
	}
	masker, err := vector.NewMasker(ring, mode)
	if err != nil {
		t.Fatal(err)
	}
	place := vector.Place{Tenant: "t", Target: "embeddings", Space: "minilm"}
	for i := range m.n {
		if got, err := masker.Mask(out.row(i), m.row(i), place); err != nil || len(got) != m.d {
			t.Fatalf("%s: %d components, %v", mode, len(got), err)
		}
	}
	return out
}

func sealedAndOpened(t testing.TB, m rows, s *vector.Sealer) rows {
	t.Helper()
	out := newRows(m.n, m.d)
	for i := range m.n {
		sealed, err := s.Mask(nil, m.row(i), vector.Place{})
		if err != nil {
			t.Fatal(err)
		}
		if _, is, err := s.Open(out.row(i), sealed, vector.Place{}); err != nil || is != vector.Opened {
			t.Fatal(is, err)
		}
	}
	return out
}

// noise is the length of the noise that a mode adds, relative to the vector. An attacker reads it in the documentation.
func noise(mode authz.MaskMode) float64 {
	if mode == "obfuscate:noise" || mode == "obfuscate:rotate+noise" {
		return 0.277
	}
	return 0
}

// recallAt10 is how many of the ten nearest of 3,700 documents a client still finds with 300 queries, both sides masked.
func recallAt10(raw, masked rows) float64 {
	want, got := nearest10(raw), nearest10(masked)
	hits := 0
	for i := range want {
		for _, j := range want[i] {
			for _, k := range got[i] {
				if j == k {
					hits++
				}
			}
		}
	}
	return float64(hits) / float64(10*len(want))
}

func nearest10(m rows) [][]int32 {
	m = m.normalised()
	out := make([][]int32, 300)
	eachProduct(m.some(0, 300), m.some(300, m.n), func(i int, products []float32) {
		best := newNearest(1, 10)
		for j, p := range products {
			best.offer(0, -p, int32(j))
		}
		out[i] = best.of(0)
	})
	return out
}

// keyless is the share of 500 masked vectors whose own raw vector is the most similar of all 4,000, for an attacker who has no key and knows
// nothing but the raw vectors of texts that may be behind them.
func keyless(raw, masked rows) float64 {
	return reid(masked.some(0, 500).normalised(), raw.normalised(), func(i int) int { return i })
}

// reid is the share of rows of a whose largest product with rows of b is with the one it belongs to.
func reid(a, b rows, belongs func(int) int) float64 {
	hits := 0
	eachProduct(a, b, func(i int, products []float32) {
		best := 0
		for j, p := range products {
			if p > products[best] {
				best = j
			}
		}
		if best == belongs(i) && products[best] != 0 {
			hits++
		}
	})
	return float64(hits) / float64(a.n)
}

// shuffled returns 0 … n-1 in an order that a seed decides.
func shuffled(n int, seed uint64) []int { return rand.New(rand.NewPCG(seed, 0)).Perm(n) }
