package vector_test

import (
	"math"
	"slices"
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/vector"
)

var obfuscations = []authz.MaskMode{
	"obfuscate:rotate", "obfuscate:noise", "obfuscate:rotate+noise", "obfuscate:truncate", "obfuscate:quantize",
}

// TestObfuscationKeepsLength: as many components, the same Euclidean length, the same floats again, in place too.
func TestObfuscationKeepsLength(t *testing.T) {
	for _, mode := range obfuscations {
		m := masker(t, ring(t, master(1)), mode)
		for _, d := range []int{1, 2, 3, 7, 31, 33, 64, 100, 384, 1000, 1536} {
			v := vec(d, uint64(d))
			got := token(t, m, v, place)
			slack := 1e-5
			if mode == "obfuscate:quantize" {
				slack = 0.02 // half a step of 127, for the few components of a short vector
			}
			if want := length(v); math.Abs(length(got)-want) > slack*want {
				t.Errorf("%s of %d: length %v, was %v", mode, d, length(got), want)
			}
			if again := token(t, m, v, place); !sameBits(got, again) {
				t.Errorf("%s of %d: not the same again", mode, d)
			}
			if out, err := m.Mask(v, v, place); err != nil || !sameBits(out, got) {
				t.Errorf("%s of %d: not the same in place: %v", mode, d, err)
			}
		}
	}
}

func TestObfuscationGivesNoneOf(t *testing.T) {
	for _, mode := range obfuscations {
		m := masker(t, ring(t, master(1)), mode)
		huge := slices.Repeat([]float32{math.MaxFloat32}, 1<<10)
		for name, v := range map[string][]float32{
			"nothing": nil, "NaN": {1, float32(math.NaN())}, "Inf": {float32(math.Inf(1)), 0},
		} {
			if got, err := m.Mask(nil, v, place); err != nil || len(got) > 0 {
				t.Errorf("%s of %s: got %v, %v, want none", mode, name, got, err)
			}
		}
		// What overflows on the way is not given out as infinite.
		got, err := m.Mask(nil, huge, place)
		if err != nil || slices.ContainsFunc(got, func(x float32) bool { return math.IsInf(float64(x), 0) || x != x }) {
			t.Errorf("%s of huge: %v", mode, err)
		}
		zero := make([]float32, 40)
		if got := token(t, m, zero, place); length(got) != 0 {
			t.Errorf("%s of zero: %v", mode, got)
		}
	}
}

// TestRotationKeepsAngles: within a place; elsewhere, and under another key, the rotation is another one.
func TestRotationKeepsAngles(t *testing.T) {
	m := masker(t, ring(t, master(1)), "obfuscate:rotate")
	elsewhere := place
	elsewhere.Tenant = "other"
	for _, d := range []int{34, 64, 100, 384, 1000, 1536} {
		a, b := vec(d, 1), vec(d, 2)
		for i := range b {
			b[i] = a[i] + b[i]/2
		}
		ra, rb := token(t, m, a, place), token(t, m, b, place)
		if got, want := cosine(ra, rb), cosine(a, b); math.Abs(got-want) > 1e-6 {
			t.Errorf("dims %d: cosine %v, was %v", d, got, want)
		}
		for name, other := range map[string][]float32{
			"the vector itself": a,
			"another place":     token(t, m, a, elsewhere),
			"another key":       token(t, masker(t, ring(t, master(2)), "obfuscate:rotate"), a, place),
		} {
			if c := cosine(ra, other); math.Abs(c) > 4.5/math.Sqrt(float64(d)) {
				t.Errorf("dims %d: %s: cosine %.3f", d, name, c)
			}
		}
	}
}

// TestRotationMixesAll: a vector with one component is spread over all of them, in every length.
func TestRotationMixesAll(t *testing.T) {
	m := masker(t, ring(t, master(1)), "obfuscate:rotate")
	for _, d := range []int{34, 48, 100, 384, 1000, 1536} {
		for _, at := range []int{0, d / 3, d / 2, d - 1} {
			v := make([]float32, d)
			v[at] = 1
			got := token(t, m, v, place)
			nonzero := 0
			for _, x := range got {
				if x != 0 {
					nonzero++
				}
				if math.Abs(float64(x)) > 8/math.Sqrt(float64(d)) {
					t.Errorf("dims %d: component %d stays whole: %v", d, at, x)
				}
			}
			if nonzero < d*3/4 {
				t.Errorf("dims %d: component %d is spread over %d only", d, at, nonzero)
			}
		}
	}
}

// TestNoise: 0.277 of the vector, across it; and the same for vectors that are the same but for rounding.
func TestNoise(t *testing.T) {
	m := masker(t, ring(t, master(1)), "obfuscate:noise")
	var offs float64
	const n = 2000
	changed := 0
	for i := range uint64(n) {
		v := vec(384, i)
		got := token(t, m, v, place)
		offs += cosine(v, got)
		wavering := slices.Clone(v)
		for j := range wavering {
			wavering[j] *= 1 + float32(int(i+uint64(j))%3-1)/(1<<20)
		}
		if again := token(t, m, wavering, place); cosine(got, again) < 0.9999 {
			changed++
		}
	}
	// The cosine of a vector with itself and noise of ratio r across it is 1/√(1+r²).
	if got, want := offs/n, 1/math.Sqrt(1+0.277*0.277); math.Abs(got-want) > 0.002 {
		t.Errorf("mean cosine %.4f, want %.4f", got, want)
	}
	if changed > 2 {
		t.Errorf("%d of %d vectors that waver by a millionth got other noise", changed, n)
	}
	// Other noise for another vector: the differences do not add up.
	a, b := vec(384, 1), vec(384, 2)
	if c := cosine(difference(token(t, m, a, place), a), difference(token(t, m, b, place), b)); math.Abs(c) > 0.25 {
		t.Errorf("two vectors got noise with cosine %.3f", c)
	}
}

func difference(a, b []float32) []float32 {
	out := slices.Clone(a)
	for i := range out {
		out[i] -= b[i]
	}
	return out
}

func TestTruncateAndQuantize(t *testing.T) {
	v := vec(101, 1)
	got := token(t, masker(t, ring(t, master(1)), "obfuscate:truncate"), v, place)
	if slices.ContainsFunc(got[51:], func(x float32) bool { return x != 0 }) || math.Abs(cosine(got[:51], v[:51])-1) > 1e-9 {
		t.Errorf("truncate: got %v", got)
	}
	got = token(t, masker(t, ring(t, master(1)), "obfuscate:quantize"), v, place)
	largest := float32(0)
	for _, x := range v {
		largest = max(largest, x, -x)
	}
	for i, x := range got {
		steps := float64(x) / float64(largest) * 127
		if math.Abs(steps-math.Round(steps)) > 1e-4 || math.Abs(float64(x-v[i])) > float64(largest)/254*1.0001 {
			t.Errorf("quantize: %v became %v, %v steps", v[i], x, steps)
		}
	}
}

func TestObfuscationsByName(t *testing.T) {
	for _, how := range []vector.Obfuscation{"", "none", "rotate ", "noise+rotate"} {
		if o, err := vector.NewObfuscator(ring(t, master(1)), how); err == nil || o != nil {
			t.Errorf("%q: got %v, %v, want an error", how, o, err)
		}
	}
}
