package vector

import (
	"encoding/binary"
	"math"
	"math/bits"
)

const (
	// packSlack is what packing needs behind the packed bytes, which it writes eight at a time.
	packSlack = 8
	// wordSlack is how far from a word, in steps of 2⁻¹⁹, a component still is that word. Eight decimals are within 0.0027 of it, and float32
	// where it is not exact adds less than 0.002.
	wordSlack = 1.0 / 128
	// rounder brings any float32 of [-2²², 2²²] to a whole number when added and taken away again: float32 has no bits below 1 up there.
	rounder = 3 << 22
)

// packedLen is how many bytes d words of 20 bits take.
func packedLen(d int) int { return (wordBits*d + 7) / 8 }

// unpackWords writes the words that are packed in b, as floats.
func unpackWords(dst []float32, b []byte) {
	const step = 1.0 / wordOne
	for ; len(dst) >= 2 && len(b) >= 8; dst, b = dst[2:], b[5:] {
		w := int64(binary.BigEndian.Uint64(b)) //nolint:gosec // shifts extend the sign
		dst[0] = float32(w>>(64-wordBits)) * step
		dst[1] = float32(w<<wordBits>>(64-wordBits)) * step
	}
	for len(dst) >= 2 {
		w := uint64(binary.BigEndian.Uint32(b))<<8 | uint64(b[4])
		dst[0] = float32(int32(w>>wordBits<<12)>>12) * step // the shifts extend the sign
		dst[1] = float32(int32(w<<12)>>12) * step
		dst, b = dst[2:], b[5:]
	}
	if len(dst) == 1 {
		w := uint32(b[0])<<12 | uint32(b[1])<<4 | uint32(b[2])>>4
		dst[0] = float32(int32(w<<12)>>12) * step
	}
}

// packWords packs v's words into b and reports whether every component is one; it stops at the first that is none. b has packSlack bytes
// more than they take.
func packWords(b []byte, v []float32) bool {
	for ; len(v) >= 2; v, b = v[2:], b[5:] {
		k0, not0 := word(v[0])
		k1, not1 := word(v[1])
		if not0|not1 != 0 {
			return false
		}
		w := uint64(uint32(k0)<<12)<<8 | uint64(uint32(k1)&(1<<wordBits-1))
		binary.BigEndian.PutUint64(b, w<<(64-2*wordBits))
	}
	if len(v) == 1 {
		k, not := word(v[0])
		binary.BigEndian.PutUint32(b, uint32(k)<<12)
		return not == 0
	}
	return true
}

// word returns the word that x is, and 0, or anything, and not 0. NaN and what is out of range are none; -0 is 0. It has no branches: what
// the numbers of a raw vector are cannot be predicted.
func word(x float32) (k int32, not uint32) {
	scaled := float32(x * wordOne) // exact: a power of two
	up := float32(scaled + rounder)
	k = int32(math.Float32bits(up) - math.Float32bits(rounder))
	off := math.Float32bits(float32(scaled-float32(up-rounder))) &^ (1 << 31)
	return k, (math.Float32bits(wordSlack)-off)>>31 | (uint32(k)+wordOne)>>wordBits
}

// looksSealed reports whether v has the form of a sealed vector, whole or not: of its components,
//
//   - at least half are words whose significant bits, first to last 1, span 12 or more: the vectors that applications hold in float16,
//     bfloat16, int8, or few decimals that are exact in binary, have none;
//   - these are on average at least 1/4 large, as uniform words are (1/2): a vector of norm 1 never is so from 34 components on;
//   - the differences between them have no common divisor: scaled whole numbers (int8 or int16 with a scale and an offset) have one.
//
// A sealed vector fails this by chance with less than 2⁻¹⁹ at 34 components and 2⁻⁴¹ at 72; that matters only if it was also changed on
// the way, since what is whole is opened before it is asked. A vector of random float32 components passes it with less than 2⁻⁵⁴ at 34
// components and 2⁻¹¹² at 72, and only if its norm is above 1 (TestFormChances computes this, TestRawVectorsPass tries it).
func looksSealed(v []float32) bool {
	n, first := 0, int32(0)
	var size, common int64
	for _, x := range v {
		k, not := word(x)
		if not != 0 || spread(k) < 12 {
			continue
		}
		if n++; n == 1 {
			first = k
		}
		size += int64(abs(k))
		if common != 1 {
			common = gcd(common, int64(abs(k-first)))
		}
	}
	return len(v) >= minSealDims && 2*n >= len(v) && 4*size >= int64(n)*wordOne && common == 1
}

// spread is how many bits k needs from its first to its last 1.
func spread(k int32) int {
	if k == 0 {
		return 0
	}
	u := uint32(abs(k))
	return bits.Len32(u) - bits.TrailingZeros32(u)
}

func abs(k int32) int32 {
	if k < 0 {
		return -k
	}
	return k
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
