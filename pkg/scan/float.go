package scan

import (
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"
)

// Float returns the float32 nearest to a JSON number, as strconv.ParseFloat does: out of range it is infinite.
func Float(number []byte) float32 {
	if m, e, neg, ok := decimal(number); ok {
		if f, ok := nearest(m, e, neg); ok {
			return f
		}
	}
	f, _ := strconv.ParseFloat(string(number), 32) // an error is a range error here, and says ±Inf or 0 already
	return float32(f)
}

// decimal reads a number of at most 18 digits as ±m·10^e.
func decimal(b []byte) (m uint64, e int, neg, ok bool) {
	i, digits := 0, 0
	if neg = b[0] == '-'; neg {
		i++
	}
	for ; i < len(b); i++ {
		c := b[i]
		switch {
		case c >= '0' && c <= '9':
			m = m*10 + uint64(c-'0')
			if digits++; digits > 18 {
				return 0, 0, false, false
			}
			if e < 0 {
				e--
			}
		case c == '.' && e == 0:
			e = -1
		default:
			i++
			exp, err := strconv.Atoi(string(b[i:]))
			if e < 0 {
				e++
			}
			return m, e + exp, neg, err == nil && exp > -1000 && exp < 1000
		}
	}
	if e < 0 {
		e++
	}
	return m, e, neg, true
}

// powers are those of ten that a float64 holds exactly.
var powers = [...]float64{ //nolint:gochecknoglobals // a constant
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// nearest returns the float32 nearest to ±m·10^e, m < 10^18, or false where float64 arithmetic does not decide it. Up to two roundings come
// before the last one, each by half a unit of float64: only next to the middle between two float32 can they matter.
func nearest(m uint64, e int, neg bool) (float32, bool) {
	if e < -22 || e > 22 {
		return 0, false
	}
	f := float64(int64(m)) //nolint:gosec // m < 10^18
	if e < 0 {
		f /= powers[-e]
	} else {
		f *= powers[e]
	}
	const low, middle = 1<<29 - 1, 1 << 28 // of the 52 bits of a fraction, float32 keeps 23
	if near := math.Float64bits(f)&low - (middle - 2); near <= 4 {
		return 0, false
	}
	if neg {
		f = -f
	}
	return float32(f), true
}

// Floats is Numbers for a caller that wants the values: they are appended to dst.
func (l *Lexer) Floats(src []byte, dst []float32) (n int, out []float32) {
	if l.want != wantValue && l.want != wantValueOrEnd || l.InObject() {
		return 0, dst
	}
	had := len(dst)
	for {
		f, end := floatAt(src, n)
		if end < 0 {
			break
		}
		i := skipSpace(src, end)
		if i >= len(src) || src[i] != ',' {
			break
		}
		n = skipSpace(src, i+1)
		dst = append(dst, f)
	}
	l.pos += int64(n)
	if len(dst) > had {
		l.want = wantValue
	}
	return n, dst
}

// skipSpace returns the index of the first byte from b[i] on that is no white space. Most is a line end and the indentation after it.
func skipSpace(b []byte, i int) int {
	for i < len(b) && b[i] <= ' ' {
		for len(b)-i >= 8 {
			x := binary.LittleEndian.Uint64(b[i:]) ^ (ones * ' ')
			if x != 0 {
				i += bits.TrailingZeros64(x) / 8
				break
			}
			i += 8
		}
		if i >= len(b) {
			break
		}
		if c := b[i]; c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			break
		}
		i++
	}
	return i
}

// floatAt reads the number that starts at b[i] and ends before the end of b; end is -1 where there is none.
func floatAt(b []byte, i int) (f float32, end int) {
	start := i
	if len(b)-i >= 32 {
		var m uint64
		var digits, fraction int
		neg := b[i] == '-'
		if neg {
			i++
		}
		// Nearly all components have one digit before the point.
		if lead := b[i] - '0'; lead <= 9 && b[i+1] == '.' {
			m, i = uint64(lead), i+2
			for digits = 8; digits == 8; {
				var part uint64
				part, digits = eight(b[i:])
				m = m*tens[digits] + part
				i += digits
				if fraction += digits; fraction > 17 || len(b)-i < 8 {
					return floatSlowly(b, start)
				}
			}
			if fraction > 0 && b[i]|0x20 != 'e' {
				if f, ok := nearest(m, -fraction, neg); ok {
					return f, i
				}
			}
		}
	}
	return floatSlowly(b, start)
}

func floatSlowly(b []byte, i int) (f float32, end int) {
	if end = number(b, i); end < 0 || end-i > maxNumber {
		return 0, -1
	}
	return Float(b[i:end]), end
}

var tens = [...]uint64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8} //nolint:gochecknoglobals // a constant

// eight reads up to eight digits at the beginning of b, which has eight bytes at least.
func eight(b []byte) (value uint64, digits int) {
	x := binary.LittleEndian.Uint64(b) ^ (ones * '0') // digits become 0..9
	digits = 8
	if over := ((x&^highs + ones*(0x80-10)) | x) & highs; over != 0 {
		digits = trailing(over)
		if digits == 0 {
			return 0, 0
		}
		x <<= 64 - 8*digits // zeros come in front
	}
	// Pairs, fours, eights: the lower of two neighbours counts ten times as much.
	x = x*10 + x>>8
	x = (x&0x000000ff000000ff*(100+1000000<<32) + x>>16&0x000000ff000000ff*(1+10000<<32)) >> 32
	return x, digits
}
