package vector

import (
	"encoding/binary"
	"math"
	"slices"
	"strconv"
)

// fixedRoom is how many bytes are written at a time for a component of appendFixed: -0.12345678, its comma, and what the next overwrites.
const fixedRoom = 16

// appendFixed appends the components of a vector that was made here, with commas between them and eight decimals each: as many as a sealed
// vector needs, and several times as fast as the fewest digits that are exact. Components that eight decimals do not suit, of 10 and more,
// or so small that most of them would be zeros, are written exactly. All are finite.
func appendFixed(dst []byte, v []float32) []byte {
	dst = slices.Grow(dst, fixedRoom*(len(v)+1))
	n, room := len(dst), dst[:cap(dst)]
	for _, f := range v {
		bits := math.Float32bits(f)
		abs := bits &^ (1 << 31)
		const small, ten = 0x358637be, 0x41200000 // the least float32 above 1e-6, and 10
		if abs-small >= ten-small && abs != 0 || n+fixedRoom > len(room) {
			dst = strconv.AppendFloat(room[:n], float64(f), 'g', -1, 32)
			dst = append(slices.Grow(dst, fixedRoom*(len(v)+1)), ',')
			n, room = len(dst), dst[:cap(dst)]
			continue
		}
		scaled := uint32(int64(float64(math.Float32frombits(abs))*1e8 + 0.5)) // the product is exact: 24 and 27 bits
		whole := uint32(0)
		if scaled >= 1e8 {
			whole = scaled / 1e8
			scaled -= whole * 1e8
		}
		minus := int(bits >> 31)
		room[n] = '-'
		n += minus
		b := (*[11]byte)(room[n:])
		b[0] = '0' + byte(whole)
		b[1] = '.'
		binary.LittleEndian.PutUint64(b[2:], eightDigits(scaled))
		b[10] = ','
		n += len(b)
	}
	if len(v) == 0 {
		return dst
	}
	return room[:n-1]
}

// eightDigits returns the decimal digits of x, less than 10^8, as the characters of a little-endian word: halves, quarters and eighths of
// it at once.
func eightDigits(x uint32) uint64 {
	upper := x / 10000
	y := uint64(upper) | uint64(x-upper*10000)<<32
	high := y * 5243 >> 19 & 0x7f0000007f
	y = high | (y-high*100)<<16
	high = y * 103 >> 10 & 0x000f000f000f000f
	return (high | (y-high*10)<<8) + 0x3030303030303030
}
