package vector_test

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/weirgate/weir/pkg/vector"
)

// flip changes one of the 20 bits of the word that x is.
func flip(x float32, bit int) float32 {
	k := uint32(int32(x*(1<<19))) ^ 1<<bit
	return float32(int32(k<<12)>>12) / (1 << 19)
}

// TestEveryBitCounts flips each bit of each word of sealed vectors: none opens, and each is known for what it is.
func TestEveryBitCounts(t *testing.T) {
	s := vector.NewSealer(ring(t, master(1)))
	for _, d := range []int{34, 35, 36, 37, 64, 384} {
		v := seal(t, s, vec(d, uint64(d)), place)
		for i, x := range v {
			for bit := range 20 {
				v[i] = flip(x, bit)
				if _, is := open(t, s, v, place); is != vector.Forged {
					t.Fatalf("dims %d, word %d, bit %d: %v", d, i, bit, is)
				}
			}
			v[i] = x
		}
		if _, is := open(t, s, v, place); is != vector.Opened {
			t.Fatal("not put back")
		}
	}
}

// TestEveryFloatBitCounts flips each bit of each float32: a vector opens only if it still is the same words, and then to the same.
func TestEveryFloatBitCounts(t *testing.T) {
	s := vector.NewSealer(ring(t, master(1)))
	v := seal(t, s, vec(64, 1), place)
	want, _ := open(t, s, v, place)
	opened := 0
	for i, x := range v {
		for bit := range 32 {
			v[i] = math.Float32frombits(math.Float32bits(x) ^ 1<<bit)
			got, is := open(t, s, v, place)
			switch off := math.Abs(float64(v[i]) - float64(x)); {
			case is == vector.NotSealed:
				t.Fatalf("component %d, bit %d: raw", i, bit)
			case is == vector.Opened && (!sameBits(got, want) || !(off <= 1.0/(1<<26))):
				t.Fatalf("component %d, bit %d: opened %v for %v", i, bit, v[i], x)
			case is == vector.Opened:
				opened++
			}
		}
		v[i] = x
	}
	if opened == 0 {
		t.Error("nothing within the tolerance opened: the test does not reach it")
	}
}

// TestSealIsBoundToItsPlace: elsewhere, in another order, longer or shorter, a sealed vector is forged.
func TestSealIsBoundToItsPlace(t *testing.T) {
	s := vector.NewSealer(ring(t, master(1)))
	home := vector.Place{Tenant: "ab", Target: "c", Space: "de", Name: "f"}
	v := seal(t, s, vec(128, 1), home)
	for _, p := range []vector.Place{
		{},
		{Tenant: "ab", Target: "c", Space: "de"},
		{Tenant: "a", Target: "bc", Space: "de", Name: "f"},
		{Tenant: "ab", Target: "cd", Space: "e", Name: "f"},
		{Tenant: "ab", Target: "c", Space: "def"},
		{Tenant: "c", Target: "ab", Space: "de", Name: "f"},
		{Tenant: "ab", Target: "c", Space: "f", Name: "de"},
		{Tenant: "AB", Target: "c", Space: "de", Name: "f"},
		{Tenant: "ab", Target: "c", Space: "de", Name: "f\x00"},
		{Tenant: "abcdef"},
	} {
		if _, is := open(t, s, v, p); is != vector.Forged {
			t.Errorf("%q: %v", p, is)
		}
	}
	for name, changed := range map[string][]float32{
		"cut":      v[:127],
		"cut off":  v[1:],
		"half":     v[:64],
		"longer":   append(slices.Clone(v), 0),
		"twice":    append(slices.Clone(v), v...),
		"reversed": reversed(v),
		"swapped":  swapped(v, 3, 77),
		"spliced":  append(slices.Clone(v[:64]), seal(t, s, vec(128, 2), home)[64:]...),
		"half raw": append(slices.Clone(v[:66]), vec(62, 2)...),
		"with NaN": append(slices.Clone(v[:127]), float32(math.NaN())),
	} {
		if _, is := open(t, s, changed, home); is != vector.Forged {
			t.Errorf("%s: %v", name, is)
		}
	}
	if _, is := open(t, s, v, home); is != vector.Opened {
		t.Error("at home: ", is)
	}
}

func reversed(v []float32) []float32 {
	v = slices.Clone(v)
	slices.Reverse(v)
	return v
}

func swapped(v []float32, i, j int) []float32 {
	v = slices.Clone(v)
	v[i], v[j] = v[j], v[i]
	return v
}

// TestOnlyEqualityShows: the same vector in the same place is sealed to the same floats, and in another place or with one other bit to
// floats that have nothing in common.
func TestOnlyEqualityShows(t *testing.T) {
	s := vector.NewSealer(ring(t, master(1)))
	v := vec(384, 1)
	a := seal(t, s, v, place)
	elsewhere := place
	elsewhere.Space = "other"
	near := slices.Clone(v)
	near[200] *= 1.01
	for name, b := range map[string][]float32{"another place": seal(t, s, v, elsewhere), "another vector": seal(t, s, near, place)} {
		same := 0
		for i := range a {
			if a[i] == b[i] {
				same++
			}
		}
		if c := cosine(a, b); same > 2 || math.Abs(c) > 0.25 {
			t.Errorf("%s: %d words are the same, cosine %.3f", name, same, c)
		}
	}
}

func cosine(a, b []float32) float64 {
	var ab, aa, bb float64
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
	}
	return ab / math.Sqrt(aa*bb)
}

// raws are kinds of vectors that clients really send, which must not be taken for sealed ones.
func raws(rng *rand.Rand, d int) map[string][]float32 {
	make1 := func(f func(i int) float64) []float32 {
		v := make([]float32, d)
		for i := range v {
			v[i] = float32(f(i))
		}
		return v
	}
	scale, offset, hot := rng.Float64()/127, rng.Float64()-0.5, rng.IntN(d)
	int8s := func() float64 { return float64(rng.IntN(255) - 127) }
	unit := make1(func(int) float64 { return rng.NormFloat64() / math.Sqrt(float64(d)) })
	return map[string][]float32{
		"zero":               make([]float32, d),
		"e1":                 make1(func(i int) float64 { return b2f(i == 0) }),
		"one-hot":            make1(func(i int) float64 { return b2f(i == hot) }),
		"one-cold":           make1(func(i int) float64 { return -b2f(i != hot) }),
		"constant":           make1(func(int) float64 { return -1 + scale }),
		"signs":              make1(func(int) float64 { return float64(2*rng.IntN(2) - 1) }),
		"bits":               make1(func(int) float64 { return float64(rng.IntN(2)) }),
		"int8":               make1(func(int) float64 { return int8s() }),
		"int8/128":           make1(func(int) float64 { return int8s() / 128 }),
		"int8/127":           make1(func(int) float64 { return int8s() / 127 }),
		"int8, scaled":       make1(func(int) float64 { return int8s() * scale }),
		"int8, a power of 2": make1(func(int) float64 { return int8s() * 4129 / (1 << 19) }),
		"uint8, affine":      make1(func(int) float64 { return float64(rng.IntN(256))*scale/2 + offset }),
		"int16/32768":        make1(func(int) float64 { return float64(rng.IntN(1<<16)-1<<15) / (1 << 15) }),
		"int16, scaled":      make1(func(int) float64 { return float64(rng.IntN(1<<16)-1<<15) * scale / 256 }),
		"3 decimals":         make1(func(int) float64 { return float64(rng.IntN(2000)-1000) / 1000 }),
		"uniform":            make1(func(int) float64 { return 2*rng.Float64() - 1 }),
		"float16":            half(make1(func(int) float64 { return rng.NormFloat64() / 2 })),
		"float16, small":     half(make1(func(int) float64 { return rng.NormFloat64() / 256 })),
		"bfloat16":           make1(func(int) float64 { return math.Float64frombits(math.Float64bits(rng.NormFloat64()) &^ (1<<45 - 1)) }),
		"unit":               unit,
		"unit, float16":      half(unit),
		"unit, fixed point":  make1(func(i int) float64 { return math.Trunc(float64(unit[i])/length(unit)*(1<<19)) / (1 << 19) }),
		"normal":             make1(func(int) float64 { return rng.NormFloat64() / 3 }),
	}
}

func b2f(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// half rounds to float16's precision.
func half(v []float32) []float32 {
	v = slices.Clone(v)
	for i, x := range v {
		step := math.Exp2(max(math.Floor(math.Log2(math.Abs(float64(x))+1e-30)), -14) - 10)
		v[i] = float32(math.RoundToEven(float64(x)/step) * step)
	}
	return v
}

func TestRawVectorsPass(t *testing.T) {
	s := vector.NewSealer(ring(t, master(1)))
	rng := rand.New(rand.NewPCG(1, 2))
	rounds := 4000
	if testing.Short() {
		rounds = 200
	}
	for i := range rounds {
		d := []int{34, 35, 48, 64, 100, 384}[i%6]
		for kind, v := range raws(rng, d) {
			if _, is := open(t, s, v, place); is != vector.NotSealed {
				t.Errorf("%s of %d: %v", kind, d, is)
			}
		}
	}
}

// TestFormChances computes what looksSealed's comment says, for the least length and twice that and a bit.
func TestFormChances(t *testing.T) {
	narrow := 0 // words that span fewer than 12 bits
	for k := -1 << 19; k < 1<<19; k++ {
		if u := uint32(max(k, -k)); u == 0 || bits.Len32(u)-bits.TrailingZeros32(u) < 12 {
			narrow++
		}
	}
	p := float64(narrow) / (1 << 20)
	for _, c := range []struct {
		d                int
		missed, mistaken float64 // log2 of the chances, at most
	}{{34, -19, -54}, {72, -41, -112}} {
		var divisor float64 // of all differences: with n words, 2 divides them with 2^(1-n), 3 with 3^(1-n)
		for n := range c.d + 1 {
			divisor += binomial(c.d, n, 1-p) * math.Exp2(2-float64(n))
		}
		few := tail(c.d, c.d/2+1, p)      // more than half of the words are narrow
		small := irwinHall(c.d/2, c.d, p) // the others are small on average
		if got := math.Log2(few + small + divisor); got > c.missed {
			t.Errorf("dims %d: a sealed vector is missed with 2^%.1f, not 2^%v", c.d, got, c.missed)
		}
		// A random float32 is a word with 1/32 at most: in [1/2, 1) it has 24 bits, five more than a word.
		if got := math.Log2(tail(c.d, c.d/2, 1.0/32)); got > c.mistaken {
			t.Errorf("dims %d: a raw vector is mistaken with 2^%.1f, not 2^%v", c.d, got, c.mistaken)
		}
	}
}

// tail is the chance of at least k of n, each with p.
func tail(n, k int, p float64) float64 {
	var sum float64
	for ; k <= n; k++ {
		sum += binomial(n, k, p)
	}
	return sum
}

func binomial(n, k int, p float64) float64 {
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return math.Exp(a - b - c + float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p))
}

// irwinHall is the chance that of d words, those that are not narrow, at least so many, have a mean below 1/4: the number of uniform
// numbers of [0, 1] is binomial, and Chernoff's bound is taken for their sum.
func irwinHall(least, d int, narrow float64) float64 {
	rate := 0.0
	for l := 0.1; l < 10; l += 0.01 {
		rate = max(rate, -l/4-math.Log((1-math.Exp(-l))/l))
	}
	var sum float64
	for n := least; n <= d; n++ {
		sum += binomial(d, n, 1-narrow) * math.Exp(-rate*float64(n))
	}
	return sum
}
