package vector

import (
	"encoding/binary"
	"math"
	"slices"
	"strconv"
)

// appendFixed appends the components of a vector that was made here, with commas between them and eight decimals each: as many as a sealed
// vector needs, and five times as fast as the fewest digits that are exact. Components that eight decimals do not suit, of 10 and more, or
// so small that most of them would be zeros, are written exactly. All are finite.
func appendFixed(dst []byte, v []float32) []byte {
	const most = 16 // bytes of a component and its comma, and what is written beyond them
	dst = slices.Grow(dst, most*(len(v)+1))
	n := len(dst)
	for _, f := range v {
		abs := math.Abs(float64(f))
		if !(abs < 10) || abs < 1e-6 && abs > 0 {
			dst = strconv.AppendFloat(dst[:n], float64(f), 'g', -1, 32)
			dst = append(slices.Grow(dst, most*(len(v)+1)), ',')
			n = len(dst)
			continue
		}
		b := dst[n : n+most]
		b[0] = '-'
		i := int(math.Float32bits(f) >> 31)
		scaled := uint64(abs*1e8 + 0.5) // the product is exact: 24 and 27 bits
		whole := scaled / 1e8
		b[i] = '0' + byte(whole)
		b[i+1] = '.'
		binary.LittleEndian.PutUint64(b[i+2:], eightDigits(scaled-whole*1e8))
		b[i+10] = ','
		n += i + 11
		dst = dst[:n]
	}
	if len(v) == 0 {
		return dst
	}
	return dst[:n-1]
}

// eightDigits returns the decimal digits of x, less than 10^8, as the characters of a little-endian word: halves, quarters and eighths of
// it at once.
func eightDigits(x uint64) uint64 {
	high := x / 10000
	x = high | (x-high*10000)<<32
	high = x * 5243 >> 19 & 0x7f0000007f
	x = high | (x-high*100)<<16
	high = x * 103 >> 10 & 0x000f000f000f000f
	x = high | (x-high*10)<<8
	return x | 0x3030303030303030
}
