package vector_test

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/weirgate/weir/pkg/vector"
)

// vec makes a vector of about unit length that is the same on every machine: whole numbers of 24 bits, scaled by a power of two.
func vec(dims int, seed uint64) []float32 {
	v := make([]float32, dims)
	scale := math.Exp2(math.Round(math.Log2(1 / math.Sqrt(float64(dims)))))
	for i := range v {
		seed = seed*6364136223846793005 + 1442695040888963407
		v[i] = float32(int64(seed>>40)-1<<23) / (1 << 23) * float32(scale)
	}
	return v
}

// sealDims has the least length, odd ones, and those of models.
var sealDims = []int{34, 35, 36, 37, 63, 64, 127, 384, 768, 1000, 1001, 1536, 3072}

func seal(t testing.TB, s *vector.Sealer, v []float32, p vector.Place) []float32 {
	t.Helper()
	got, err := s.Mask(nil, v, p)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(v) {
		t.Fatalf("sealed %d components, got %d", len(v), len(got))
	}
	return got
}

func open(t testing.TB, s *vector.Sealer, v []float32, p vector.Place) ([]float32, vector.Seal) {
	t.Helper()
	got, is, err := s.Open(nil, v, p)
	if err != nil {
		t.Fatal(err)
	}
	if is != vector.Opened && len(got) > 0 {
		t.Fatalf("%v, and yet %d components", is, len(got))
	}
	return got, is
}

// sameBits compares bit by bit: -0 is not 0.
func sameBits(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) })
}

func TestSealOpens(t *testing.T) {
	s := vector.NewSealer(ring(t, master(1)))
	for _, d := range sealDims {
		v := vec(d, uint64(d))
		sealed := seal(t, s, v, place)
		for i, x := range sealed {
			if k := float64(x) * (1 << 19); k != math.Trunc(k) || x < -1 || x >= 1 {
				t.Fatalf("dims %d: component %d is %v, no word of 20 bits", d, i, x)
			}
		}
		got, is := open(t, s, sealed, place)
		if is != vector.Opened || len(got) != d {
			t.Fatalf("dims %d: %v, %d components", d, is, len(got))
		}
		for i, x := range got {
			if off := math.Abs(float64(x - v[i])); off > max(math.Abs(float64(v[i]))/2048, 1.0/(1<<25)) {
				t.Fatalf("dims %d: component %d is %v, was %v", d, i, x, v[i])
			}
		}
		// What was opened seals to the same again: the same vector, in the same place.
		if again := seal(t, s, got, place); !sameBits(again, sealed) {
			t.Errorf("dims %d: sealing is not deterministic", d)
		}
		// In place, as a stream that has one buffer does.
		buf := slices.Clone(v)
		if out, err := s.Mask(buf, buf, place); err != nil || !sameBits(out, sealed) {
			t.Errorf("dims %d: sealing in place: other floats, %v", d, err)
		}
		if out, is, err := s.Open(buf, buf, place); err != nil || is != vector.Opened || !sameBits(out, got) {
			t.Errorf("dims %d: opening in place: %v, %v", d, is, err)
		}
	}
}

// TestSealHoldsEveryFloat16 seals every finite float16, and the ties and neighbours between two of them, and gets what IEEE 754 says.
func TestSealHoldsEveryFloat16(t *testing.T) {
	var v, want []float32
	add := func(x, rounded float64) {
		v, want = append(v, float32(x), float32(-x)), append(want, float32(rounded), float32(-rounded))
	}
	half := func(u int) float64 {
		if u < 1<<10 {
			return float64(u) / (1 << 24)
		}
		return float64(1<<10+u%(1<<10)) * math.Exp2(float64(u>>10)-25)
	}
	for u := range 31 << 10 {
		x := half(u)
		add(x, x)
		next := half(u + 1)
		if u == 31<<10-1 {
			next = 65536 // where the next would be
		}
		tie, even := (x+next)/2, x
		if u%2 == 1 {
			even = next
		}
		if u < 31<<10-1 {
			add(tie, even)
		}
		add(float64(math.Nextafter32(float32(tie), 0)), x)
	}
	s := vector.NewSealer(ring(t, master(1)))
	got, is := open(t, s, seal(t, s, v, place), place)
	if is != vector.Opened {
		t.Fatal(is)
	}
	for i := range want {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			t.Fatalf("%v opened as %v, want %v", v[i], got[i], want[i])
		}
	}
}

// TestSealRange: what float16 cannot hold is held by bfloat16, and what neither can is not sealed.
func TestSealRange(t *testing.T) {
	s := vector.NewSealer(ring(t, master(1)))
	const fine = 1 + 1.0/1024 // float16 keeps it, bfloat16 does not
	for _, c := range []struct {
		name        string
		first       float32
		want, other float32 // what becomes of it, and of fine beside it
	}{
		{"one", 1, 1, fine},
		{"zero", 0, 0, fine},
		{"minus zero", float32(math.Copysign(0, -1)), float32(math.Copysign(0, -1)), fine},
		{"float16's largest", 65504, 65504, fine},
		{"rounds down to it", 65519.99, 65504, fine},
		{"rounds beyond it", 65520, 65536, 1},
		{"large", -1e30, math.Float32frombits(0xf14a0000), 1},
		{"bfloat16's largest", math.Float32frombits(0x7f7f0000), math.Float32frombits(0x7f7f0000), 1},
	} {
		v := make([]float32, 40)
		v[0], v[1] = c.first, fine
		got, is := open(t, s, seal(t, s, v, place), place)
		if is != vector.Opened {
			t.Fatalf("%s: %v", c.name, is)
		}
		if !sameBits(got[:2], []float32{c.want, c.other}) {
			t.Errorf("%s: got %v, %v, want %v, %v", c.name, got[0], got[1], c.want, c.other)
		}
	}
	for name, x := range map[string]float32{
		"NaN": float32(math.NaN()), "Inf": float32(math.Inf(1)), "-Inf": float32(math.Inf(-1)),
		"rounds to infinity": math.MaxFloat32, "just so": math.Float32frombits(0x7f7f8000),
	} {
		v := make([]float32, 40)
		v[39] = x
		if got, err := s.Mask(nil, v, place); err != nil || len(got) > 0 {
			t.Errorf("%s: got %d components, %v, want none", name, len(got), err)
		}
	}
	// A vector that lies wholly below float16's normal numbers keeps what bfloat16 keeps of it.
	tiny := make([]float32, 40)
	for i := range tiny {
		tiny[i] = float32(math.Ldexp(float64(i), -120))
	}
	if got, is := open(t, s, seal(t, s, tiny, place), place); is != vector.Opened || !sameBits(got, tiny) {
		t.Errorf("tiny: %v, %v", is, got[:min(3, len(got))])
	}
	// Whether it does is told after rounding, so that what was opened seals to the same again.
	for _, x := range []float32{math.SmallestNonzeroFloat32, 1.0/(1<<14) - 1.0/(1<<30), 1.0 / (1 << 14)} {
		v := slices.Repeat([]float32{x}, 40)
		sealed := seal(t, s, v, place)
		if got, _ := open(t, s, sealed, place); !sameBits(seal(t, s, got, place), sealed) {
			t.Errorf("%v opened as %v, which is sealed otherwise", x, got[0])
		}
	}
}

func TestSealNeedsRoom(t *testing.T) {
	s := vector.NewSealer(ring(t, master(1)))
	for d := range 34 {
		if got, err := s.Mask(nil, vec(d, 1), place); err != nil || len(got) > 0 {
			t.Errorf("dims %d: got %d components, %v, want none", d, len(got), err)
		}
		if got, is, err := s.Open(nil, vec(d, 1), place); err != nil || is != vector.NotSealed || len(got) > 0 {
			t.Errorf("dims %d: opened: %v, %v", d, is, err)
		}
	}
	long := make([]float32, 1<<20+1)
	for _, mode := range modes {
		if got, err := masker(t, ring(t, master(1)), mode).Mask(nil, long, place); err == nil || len(got) > 0 {
			t.Errorf("%s of %d components: got %d, want an error", mode, len(long), len(got))
		}
	}
	if got, is, err := s.Open(nil, long, place); err == nil || is != vector.NotSealed || len(got) > 0 {
		t.Errorf("open %d components: %v, want an error", len(long), is)
	}
}

// carry sends numbers through what clients keep them in; each returns what comes back.
var carry = map[string]func(float32) float32{
	"shortest decimal of float32": func(x float32) float32 { return parse(strconv.FormatFloat(float64(x), 'g', -1, 32), 32) },
	"shortest decimal of float64": func(x float32) float32 { return parse(strconv.FormatFloat(float64(x), 'g', -1, 64), 64) },
	"8 decimals":                  func(x float32) float32 { return parse(strconv.FormatFloat(float64(x), 'f', 8, 64), 32) },
	"8 decimals as float64":       func(x float32) float32 { return parse(strconv.FormatFloat(float64(x), 'f', 8, 64), 64) },
	"9 digits":                    func(x float32) float32 { return parse(strconv.FormatFloat(float64(x), 'e', 8, 64), 32) },
	"base64 of float32": func(x float32) float32 {
		text := base64.StdEncoding.EncodeToString(binary.LittleEndian.AppendUint32(nil, math.Float32bits(x)))
		b, _ := base64.StdEncoding.DecodeString(text)
		return math.Float32frombits(binary.LittleEndian.Uint32(b))
	},
	"float64": func(x float32) float32 { return float32(float64(x)) },
}

func parse(text string, bits int) float32 {
	x, err := strconv.ParseFloat(text, bits)
	if err != nil {
		return float32(math.NaN())
	}
	return float32(x)
}

// TestSealTravels sends all words there are through every carrier.
func TestSealTravels(t *testing.T) {
	s := vector.NewSealer(ring(t, master(1)))
	sealed := make([][]float32, 24)
	for i := range sealed {
		sealed[i] = seal(t, s, vec(1536+i, uint64(i)), place)
	}
	for name, through := range carry {
		for _, v := range sealed {
			back := make([]float32, len(v))
			for i, x := range v {
				back[i] = through(x)
			}
			want, _ := open(t, s, v, place)
			if got, is := open(t, s, back, place); is != vector.Opened || !sameBits(got, want) {
				t.Fatalf("%s: %v", name, is)
			}
		}
	}
	// What keeps less does not pass for what was sealed.
	for name, through := range map[string]func(float32) float32{
		"6 decimals": func(x float32) float32 { return parse(strconv.FormatFloat(float64(x), 'f', 6, 64), 32) },
		"bfloat16":   func(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ 0xffff) },
		"half":       func(x float32) float32 { return x / 2 },
		"negated":    func(x float32) float32 { return -x },
	} {
		back := make([]float32, len(sealed[0]))
		for i, x := range sealed[0] {
			back[i] = through(x)
		}
		if _, is := open(t, s, back, place); is == vector.Opened {
			t.Errorf("%s: opened", name)
		}
	}
}

// TestSealKeyRotation: the current master seals, the ones in the ring open, and one that left does not.
func TestSealKeyRotation(t *testing.T) {
	v := vec(64, 3)
	old, now := vector.NewSealer(ring(t, master(1))), vector.NewSealer(ring(t, master(2), master(1)))
	before, after := seal(t, old, v, place), seal(t, now, v, place)
	if sameBits(before, after) {
		t.Fatal("the previous master sealed")
	}
	for _, c := range []struct {
		s    *vector.Sealer
		v    []float32
		want vector.Seal
	}{
		{now, before, vector.Opened},
		{now, after, vector.Opened},
		{old, after, vector.Forged},
		{vector.NewSealer(ring(t, master(2))), before, vector.Forged},
		{vector.NewSealer(ring(t, master(2))), after, vector.Opened},
	} {
		if _, is := open(t, c.s, c.v, place); is != c.want {
			t.Errorf("got %v, want %v", is, c.want)
		}
	}
	// Key IDs have seven bits: among these masters some share one, and each still opens its own.
	for b := range byte(100) {
		other := vector.NewSealer(ring(t, master(100), master(b)))
		if _, is := open(t, other, seal(t, vector.NewSealer(ring(t, master(b))), v, place), place); is != vector.Opened {
			t.Errorf("previous master %d: %v", b, is)
		}
	}
}

// TestSealerIsSafeForConcurrentUse is for the race detector, and checks that calls do not share what they work in.
func TestSealerIsSafeForConcurrentUse(t *testing.T) {
	s := vector.NewSealer(ring(t, master(1)))
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 50 {
				v := vec(64+g, uint64(i))
				sealed, err := s.Mask(nil, v, place)
				if err != nil {
					t.Error(err)
				}
				if got, is, err := s.Open(nil, sealed, place); is != vector.Opened || err != nil || len(got) != len(v) {
					t.Error(is, err)
				}
			}
		})
	}
	wg.Wait()
}
