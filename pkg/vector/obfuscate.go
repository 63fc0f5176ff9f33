package vector

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
)

// Obfuscation is a way to change vectors so that a client can still compute on them.
//
// It is not protection. Who knows or guesses two texts behind rotated vectors, or a dozen behind rotated ones with noise, knows which text is
// behind every other one; who knows none but has 1,500 masked vectors and other texts of the same kind does, too. The other ways do not even
// ask for that. No volume makes it safe. STRENGTH.md has the figures, and attack_test.go the attacks, which must win. What obfuscation gives:
// vectors of one place are of no direct use in another, a dump can be told from another by its key, and an off-the-shelf inverter fails until
// it is trained anew.
type Obfuscation string

// The ways. All keep the number of components, and the length of the vector but for rounding.
const (
	// Rotate turns all vectors of a place by one secret rotation: angles and distances, and so every ranking, stay exactly what they were.
	Rotate Obfuscation = "rotate"
	// Noise adds 0.277 of the vector's length in a pseudo-random direction and scales back. Vectors that are the same but for the last bits
	// get the same noise, so that asking again does not average it out.
	Noise Obfuscation = "noise"
	// RotateNoise is Noise, then Rotate.
	RotateNoise Obfuscation = "rotate+noise"
	// Truncate keeps the first half of the components, which models trained for it (Matryoshka) can bear; the others are 0.
	Truncate Obfuscation = "truncate"
	// Quantize rounds each component to one of 255 steps between the largest and its negative.
	Quantize Obfuscation = "quantize"
)

// noiseRatio is how long noise is, relative to the vector: the approximation factor 1.1 of distance-comparison-preserving encryption
// (Fuchsbauer et al., eprint 2021/1666: β/4 with β = 1.1 rounds to it), and what the tables of STRENGTH.md were made with.
const noiseRatio = 0.277

// Obfuscator masks vectors by one Obfuscation, which is not protection. NewObfuscator makes one; the zero value has no keys and fails with
// ErrNoKeys.
type Obfuscator struct {
	ring    *Keyring
	how     Obfuscation
	scratch sync.Pool // of *[]float64
}

// NewObfuscator returns an Obfuscator for the ring's current master.
func NewObfuscator(ring *Keyring, how Obfuscation) (*Obfuscator, error) {
	switch how {
	case Rotate, Noise, RotateNoise, Truncate, Quantize:
		return &Obfuscator{ring: ring, how: how}, nil
	}
	return nil, fmt.Errorf("obfuscation %q: want rotate, noise, rotate+noise, truncate or quantize", string(how))
}

// Mask returns v obfuscated for p. It gives no vector where v, or what becomes of it, has a component that is NaN or infinite. Sums, products
// and roots of IEEE 754 in a fixed order, never fused, make all machines agree.
func (o *Obfuscator) Mask(dst, v []float32, p Place) ([]float32, error) {
	k, err := o.ring.current()
	if err != nil {
		return nil, err
	}
	if len(v) > maxDims {
		return nil, errLong
	}
	if len(v) == 0 || !finite(v) {
		return dst[:0], nil
	}
	out := append(dst[:0], v...)
	switch o.how {
	case Rotate:
		rotate(out, k, p)
	case Noise:
		o.noise(out, k, p)
	case RotateNoise:
		o.noise(out, k, p)
		rotate(out, k, p)
	case Truncate:
		length := norm(out)
		clear(out[(len(out)+1)/2:])
		scaleTo(out, length)
	case Quantize:
		quantize(out)
	default:
		return nil, fmt.Errorf("obfuscation %q is none", string(o.how))
	}
	if !finite(out) {
		return dst[:0], nil
	}
	return out, nil
}

// norm returns v's Euclidean length.
func norm(v []float32) float64 {
	var sum float64
	for _, x := range v {
		sum += float64(float64(x) * float64(x)) // the conversion forbids fusing
	}
	return math.Sqrt(sum)
}

// scaleTo scales v to a length, if it has any.
func scaleTo(v []float32, length float64) {
	have := norm(v)
	if have == 0 {
		return
	}
	by := length / have
	for i, x := range v {
		v[i] = float32(float64(x) * by)
	}
}

// quantize rounds v as int8 with a scale does.
func quantize(v []float32) {
	var largest float32
	for _, x := range v {
		largest = max(largest, x, -x)
	}
	if largest == 0 {
		return
	}
	step, steps := float64(largest)/127, 127/float64(largest)
	for i, x := range v {
		v[i] = float32(math.RoundToEven(float64(x)*steps) * step)
	}
}

// noise adds noise to v that is a function of the key, the place and what is coarse about v.
func (o *Obfuscator) noise(v []float32, k *keys, p Place) {
	length := norm(v)
	if length == 0 {
		return
	}
	call := k.obfuscate.at("noise", p, len(v), func(b []byte) []byte { return appendCoarse(b, v, length) })
	defer k.obfuscate.done(call)
	buf, _ := o.scratch.Get().(*[]float64)
	if buf == nil {
		buf = new([]float64)
	}
	defer o.scratch.Put(buf)
	n := slices.Grow((*buf)[:0], len(v))[:len(v)]
	*buf = n
	var sum uint64
	for i := range n {
		four := call.gen.Uint64()
		// The sum of four uniform numbers is near enough to a normal one, and is the same everywhere, which logarithm and cosine are not.
		x := int64(four&0xffff) + int64(four>>16&0xffff) + int64(four>>32&0xffff) + int64(four>>48) - 2*0xffff
		sum += uint64(x * x)
		n[i] = float64(x)
	}
	if sum == 0 {
		return
	}
	by := noiseRatio * length / math.Sqrt(float64(sum))
	for i, x := range v {
		v[i] = float32(float64(x) + float64(by*n[i]))
	}
	scaleTo(v, length)
}

// coarseSums is how many numbers say what is coarse about a vector.
const coarseSums = 32

// appendCoarse appends what is coarse about v: the sums of 32 stretches of it, each rounded to its typical size. A server whose last bits
// waver from run to run seldom moves such a sum over a rounding edge; with every component rounded, it would do so all the time.
func appendCoarse(b []byte, v []float32, length float64) []byte {
	n := min(coarseSums, len(v))
	typical := length / math.Sqrt(float64(n))
	for g := range n {
		var sum float64
		for _, x := range v[g*len(v)/n : (g+1)*len(v)/n] {
			sum += float64(x)
		}
		at := math.Floor(float64(sum/typical) + 0.5)
		b = append(b, byte(int8(max(-128, min(127, at)))))
	}
	return b
}

// rotations is how often signs are flipped and blocks mixed.
const rotations = 3

// rotate turns v by the place's rotation: three times, random signs and then a Walsh-Hadamard transform of the first and of the last p
// components, p being the largest power of two that fits. The two blocks overlap or are one, so every length works and is kept.
func rotate(v []float32, k *keys, p Place) {
	call := k.obfuscate.at("rotate", p, len(v), func(b []byte) []byte { return b })
	defer k.obfuscate.done(call)
	block := 1
	for 2*block <= len(v) {
		block *= 2
	}
	for range rotations {
		flip(v, &call.gen)
		hadamard(v[:block])
		if block < len(v) {
			hadamard(v[len(v)-block:])
		}
	}
}

// flip changes the signs of half of v, at random.
func flip(v []float32, gen *rand.ChaCha8) {
	var bits uint64
	for i, x := range v {
		if i%64 == 0 {
			bits = gen.Uint64()
		}
		v[i] = math.Float32frombits(math.Float32bits(x) ^ uint32(bits&1)<<31)
		bits >>= 1
	}
}

// hadamard transforms v, whose length is a power of two, keeping its norm. Two steps are taken at a time, which halves the way to memory.
func hadamard(v []float32) {
	h := 1
	if len(v) >= 4 {
		h = 4
		for w := v; len(w) >= 4; w = w[4:] {
			w[0], w[1], w[2], w[3] = butterfly(w[0], w[1], w[2], w[3])
		}
	}
	for ; 4*h <= len(v); h *= 4 {
		for i := 0; i < len(v); i += 4 * h {
			butterflies(v[i:i+h], v[i+h:i+2*h], v[i+2*h:i+3*h], v[i+3*h:i+4*h])
		}
	}
	if 2*h == len(v) {
		a, b := v[:h], v[h:]
		for i, x := range a {
			y := b[i]
			a[i], b[i] = x+y, x-y
		}
	}
	by := float32(1 / math.Sqrt(float64(len(v))))
	for i, x := range v {
		v[i] = float32(x * by)
	}
}

func butterflies(a, b, c, d []float32) {
	b, c, d = b[:len(a)], c[:len(a)], d[:len(a)]
	for i := range a {
		a[i], b[i], c[i], d[i] = butterfly(a[i], b[i], c[i], d[i])
	}
}

func butterfly(a, b, c, d float32) (p, q, r, s float32) {
	p, q, r, s = a+b, a-b, c+d, c-d
	return p + r, q + s, p - r, q - s
}
