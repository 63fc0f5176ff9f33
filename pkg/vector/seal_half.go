package vector

import (
	"encoding/binary"
	"math"
	"slices"
)

// halfFloat is one of the two formats of 16 bits.
type halfFloat uint8

const (
	float16  halfFloat = iota // IEEE 754 binary16: 10 bits of fraction, 2⁻²⁴ to 65504
	bfloat16                  // the upper half of a float32: 7 bits of fraction, float32's range
)

// Bits of float32 numbers, their sign taken away; they are ordered as the numbers are.
const (
	bitsInf     = 0x7f800000
	bitsNoF16   = 0x477ff000 // 65520: from here on float16 rounds to infinity
	bitsNormF16 = 0x38800000 // 2⁻¹⁴: the least normal float16
	bitsNoBF16  = 0x7f7f8000 // from here on bfloat16 rounds to infinity
)

// halfFor chooses the format that holds v's largest component; none holds NaN and infinity. What it is rounded to has the same format: sealing
// what was opened gives what was sealed.
func halfFor(v []float32) (halfFloat, bool) {
	switch largest := largestBits(v); {
	case largest >= bitsNoBF16:
		return 0, false
	case largest >= bitsNoF16:
		return bfloat16, true
	case largest < bitsNormF16:
		if r := roundBF16(largest); r > 0 && r < bitsNormF16>>16 {
			return bfloat16, true
		}
	}
	return float16, true
}

// largestBits returns the bits of the largest component without its sign: NaN's are larger than infinity's. Four at a time do not wait for one
// another.
func largestBits(v []float32) uint32 {
	const unsigned = 1<<31 - 1
	var m [4]uint32
	for ; len(v) >= 4; v = v[4:] {
		x := (*[4]float32)(v)
		m[0] = max(m[0], math.Float32bits(x[0])&unsigned)
		m[1] = max(m[1], math.Float32bits(x[1])&unsigned)
		m[2] = max(m[2], math.Float32bits(x[2])&unsigned)
		m[3] = max(m[3], math.Float32bits(x[3])&unsigned)
	}
	for _, x := range v {
		m[0] = max(m[0], math.Float32bits(x)&unsigned)
	}
	return max(m[0], m[1], m[2], m[3])
}

// appendTo appends v, little-endian, rounded to nearest, ties to even. v is one that halfFor chose the format for.
func (h halfFloat) appendTo(b []byte, v []float32) []byte {
	if h == bfloat16 {
		for _, x := range v {
			b = binary.LittleEndian.AppendUint16(b, roundBF16(math.Float32bits(x)))
		}
		return b
	}
	b = slices.Grow(b, 2*len(v))
	for ; len(v) >= 4; v = v[4:] {
		x := (*[4]float32)(v)
		b = binary.LittleEndian.AppendUint64(b, uint64(toFloat16(x[0]))|uint64(toFloat16(x[1]))<<16|uint64(toFloat16(x[2]))<<32|uint64(toFloat16(x[3]))<<48)
	}
	for _, x := range v {
		b = binary.LittleEndian.AppendUint16(b, toFloat16(x))
	}
	return b
}

// roundBF16 rounds float32 bits to bfloat16's.
func roundBF16(u uint32) uint16 { return uint16((u + 0x7fff + u>>16&1) >> 16) }

// toFloat16 rounds x, which float16 can hold, to it.
func toFloat16(x float32) uint16 {
	u := math.Float32bits(x)
	sign := uint16(u >> 16 & 0x8000)
	u &^= 1 << 31
	if u < bitsNormF16 {
		// In [0.5, 1) float32 counts in steps of 2⁻²⁴, as float16 does below 2⁻¹⁴: adding 0.5 rounds x to such a step.
		u = math.Float32bits(float32(math.Float32frombits(u)+0.5)) - math.Float32bits(0.5)
		return sign | uint16(u)
	}
	u += 0xfff + u>>13&1 // round at bit 13, ties to even
	u -= (127 - 15) << 23
	return sign | uint16(u>>13)
}

// read reads len(dst) numbers of b.
func (h halfFloat) read(dst []float32, b []byte) {
	if h == bfloat16 {
		for i := range dst {
			dst[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(b[2*i:])) << 16)
		}
		return
	}
	for i := range dst {
		dst[i] = fromFloat16(binary.LittleEndian.Uint16(b[2*i:]))
	}
}

// fromFloat16 returns the number that x is: exact.
func fromFloat16(x uint16) float32 {
	sign, u := uint32(x&0x8000)<<16, uint32(x&0x7fff)
	switch {
	case u < 1<<10:
		return math.Float32frombits(math.Float32bits(float32(u)*(1.0/(1<<24))) | sign)
	case u >= 31<<10: // infinity and NaN, which are never sealed; kept what they are
		return math.Float32frombits(u<<13 + (255-31)<<23 | sign)
	}
	return math.Float32frombits(u<<13 + (127-15)<<23 | sign)
}
