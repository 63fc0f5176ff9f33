package vector

import (
	"encoding/binary"
	"math"
	"slices"
)

// minTokenDims is how many components a token needs so that two vectors do not get one token by chance: 16 bits each.
const minTokenDims = 16

// Tokener masks vectors by tokens: unit vectors that tell whether two vectors are the same one, and nothing else. NewTokener makes one; the
// zero value has no keys and fails with ErrNoKeys.
//
// A token is a pseudo-random function of the vector's float32 bits, -0 taken as 0, and of its place and length, under a key derived from the
// current master. So the same vector in the same place has the same token on every replica and machine; one that differs in a single bit,
// or lies elsewhere, has an unrelated one; and the way back is to guess the vector and the key. What equality and frequency tell stays
// told. A token is not opened on its way back: it is a raw vector like any other.
type Tokener struct {
	ring *Keyring
}

// NewTokener returns a Tokener for the ring's current master.
func NewTokener(ring *Keyring) *Tokener { return &Tokener{ring: ring} }

// Mask returns v's token for p. It gives no vector where v has fewer than 16 components, or one that is NaN or infinite.
//
// HMAC-SHA256 of the bits seeds ChaCha8, whose 16-bit integers are made odd (so that none is 0), summed up squared, and divided by the root
// of that sum: whole numbers, and two operations that IEEE 754 rounds correctly, so that all machines agree.
func (t *Tokener) Mask(dst, v []float32, p Place) ([]float32, error) {
	k, err := t.ring.current()
	if err != nil {
		return nil, err
	}
	d := len(v)
	if d > maxDims {
		return nil, errLong
	}
	if d < minTokenDims || !finite(v) {
		return dst[:0], nil
	}
	call := k.token.at("token", p, d, func(b []byte) []byte { return appendBits(b, v) })
	defer k.token.done(call)
	dst = slices.Grow(dst[:0], d)[:d]
	var sum uint64
	for i := 0; i < d; i += 4 {
		four := call.gen.Uint64()
		for j := i; j < min(i+4, d); j++ {
			n := 2*int64(int16(four)) + 1
			sum += uint64(n * n) // below 2³² each, and 2²⁰ of them at most
			dst[j] = float32(n)  // exact
			four >>= 16
		}
	}
	norm := math.Sqrt(float64(sum))
	for i, n := range dst {
		dst[i] = float32(float64(n) / norm)
	}
	return dst, nil
}

// appendBits appends v's bits, -0 as 0.
func appendBits(b []byte, v []float32) []byte {
	for _, x := range v {
		u := math.Float32bits(x)
		if u == 1<<31 {
			u = 0
		}
		b = binary.LittleEndian.AppendUint32(b, u)
	}
	return b
}

// finite reports whether no component of v is NaN or infinite.
func finite(v []float32) bool { return largestBits(v) < bitsInf }
