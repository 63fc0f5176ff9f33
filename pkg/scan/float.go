package scan

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
	"strconv"
)

// Float returns the float32 nearest to a JSON number, as strconv.ParseFloat does: out of range it is infinite.
func Float(number []byte) float32 {
	if m, e, neg, ok := decimal(number); ok {
		if f, ok := nearest(m, e); ok && neg {
			return -f
		} else if ok {
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

// nearest returns the float32 nearest to m·10^e, m < 10^18, or false where float64 arithmetic does not decide it.
func nearest(m uint64, e int) (float32, bool) {
	if e < -22 || e > 22 {
		return 0, false
	}
	f := float64(int64(m)) //nolint:gosec // m < 10^18
	if e < 0 {
		f /= powers[-e]
	} else {
		f *= powers[e]
	}
	return float32(f), decides(f)
}

// decides reports whether f, which up to three roundings by 2⁻⁵³ of it have made of a number, is nearest to the same float32 as that number:
// only next to the middle between two, by as many units, can they matter.
func decides(f float64) bool {
	const low, middle = 1<<29 - 1, 1 << 28 // of the 52 bits of a fraction, float32 keeps 23
	return math.Float64bits(f)&low-(middle-4) > 8
}

// Floats is Numbers for a caller that wants the values: they are appended to dst.
func (l *Lexer) Floats(src []byte, dst []float32) (n int, out []float32) {
	if l.want != wantValue && l.want != wantValueOrEnd || l.InObject() {
		return 0, dst
	}
	had := len(dst)
	for {
		next := element(src, n)
		if next < 0 {
			break
		}
		dst = append(dst, Float(src[n:number(src, n)]))
		n = next
		if len(dst) == had+1 && len(src)-n >= blockSize {
			var more int
			more, dst = floatsByBlocks(src, n, dst)
			n = skipSpace(src, more)
		}
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

// marks are where numbers begin and end in some blocks. Those of a nil one nobody wants to know.
type marks struct {
	start, end [markBlocks]uint64 // an end is the byte after the last
	n          int                // blocks
}

const markBlocks = 64

func (m *marks) add(start, end uint64) {
	if m != nil {
		m.start[m.n], m.end[m.n] = start, end
		m.n++
	}
}

// room reports whether another block may be added.
func (m *marks) room() bool { return m == nil || m.n < markBlocks }

// floatsByBlocks is numbersByBlocks with the values appended to dst.
func floatsByBlocks(src []byte, from int, dst []float32) (n int, out []float32) {
	var m marks
	r := beginRun(from)
	r.marks = &m
	had := len(dst)
	open := openNumber{-1, -1}
	for more := true; more; m.n = 0 {
		at := r.at
		more = r.step(src)
		left := r.count - (len(dst) - had) // numbers whose comma has come
		dst = slices.Grow(dst, left)
		for i := range m.n {
			dst = open.appendBlock(dst, src, at+i*blockSize, m.start[i], m.end[i], &left)
		}
	}
	return r.end(), dst
}

// openNumber is a number whose end, or whose comma, has not come: where it begins and ends, or -1.
type openNumber struct{ begin, end int }

// appendBlock appends the numbers that end in the block at src[at], at most left, to dst, which has room for them.
func (o *openNumber) appendBlock(dst []float32, src []byte, at int, start, end uint64, left *int) []float32 {
	if *left > 0 && o.end >= 0 {
		dst = append(dst, Float(src[o.begin:o.end]))
		o.begin, o.end = -1, -1
		*left--
	}
	begin := o.begin - at
	if o.begin < 0 {
		begin = bits.TrailingZeros64(start)
		start &= start - 1
	}
	some := min(*left, bits.OnesCount64(end))
	*left -= some
	had := len(dst)
	dst = dst[:had+some]
	var copied window
	w := &copied
	if at >= ahead {
		w = (*window)(src[at-ahead:])
	} else {
		copy(w[ahead-at:], src)
	}
	for r := (run{begin, start, end}); ; {
		n := w.floats(dst[had:], &r)
		if had += n; had == len(dst) {
			o.keep(at, r)
			return dst
		}
		dst[had] = Float(src[at+r.begin : at+lowest(r.end)])
		had++
		r.next()
	}
}

// keep notes what number is open at the end of the block at at.
func (o *openNumber) keep(at int, r run) {
	o.begin = -1
	if r.begin < blockSize {
		o.begin = at + r.begin
	}
	if r.end != 0 {
		o.end = at + lowest(r.end)
	}
}

// run is what is left of the numbers of a block: where the next one begins, seen from the block, where those after it begin, and where they
// end.
type run struct {
	begin      int
	start, end uint64
}

func (r *run) next() {
	r.begin = lowest(r.start)
	r.start &= r.start - 1
	r.end &= r.end - 1
}

// lowest returns the index of the lowest bit that is set, 64 for none. It is bits.TrailingZeros64, whose instruction some CPUs take long for.
func lowest(x uint64) int { return bits.OnesCount64((x - 1) &^ x) }

// window is a block and what is before it.
type window [ahead + blockSize]byte

const ahead = 32

// floatsByWords is floats without vector instructions: such numbers end in two words.
func (w *window) floatsByWords(dst []float32, r *run) int {
	begin, start, end := r.begin, r.start, r.end
	n := 0
	for ; n < len(dst); n++ {
		first := uint(begin + ahead)
		if first >= uint(len(w)) {
			break
		}
		to := uint(lowest(end)) & (blockSize - 1)
		minus := uint(^w[first] >> 4 & 1) // of a digit, that bit is set
		digits := to + ahead - first - minus - 2
		if digits-1 >= 16 || w[to-digits+ahead-1] != '.' {
			break
		}
		t := &fractions[digits&31]
		high := (binary.LittleEndian.Uint64(w[to+ahead-16:]) ^ ones*'0') & t.high
		low := (binary.LittleEndian.Uint64(w[to+ahead-8:]) ^ ones*'0') & t.low
		whole := uint64(w[to-digits+ahead-2] - '0')
		v := float64(int64(whole*t.ten+eight(high)*1e8+eight(low))) * t.inverse //nolint:gosec // < 10^17
		if (low|high)&0xf0f0f0f0f0f0f0f0 != 0 || !decides(v) {                  // an exponent, or too close to call
			break
		}
		dst[n] = math.Float32frombits(math.Float32bits(float32(v)) | uint32(minus)<<31)
		begin = lowest(start)
		start &= start - 1
		end &= end - 1
	}
	*r = run{begin, start, end}
	return n
}

// fractions say, by how many digits are behind a point, which of the last 16 bytes of the number they are, and what power of ten that is.
var fractions = func() (t [32]struct { //nolint:gochecknoglobals // a constant
	high, low, ten uint64
	inverse        float64 // of ten: to multiply by it is several times as fast as to divide
},
) {
	ten := uint64(1)
	for n := range 17 {
		for i := 16 - n; i < 16; i++ {
			if mask := uint64(0xff) << (i % 8 * 8); i < 8 {
				t[n].high |= mask
			} else {
				t[n].low |= mask
			}
		}
		t[n].ten, t[n].inverse = ten, 1/float64(ten)
		ten *= 10
	}
	return t
}()

// eight returns the number that eight digits are, the first in the lowest byte: pairs of them, then fours, then all, where the lower of two
// neighbours counts more.
func eight(x uint64) uint64 {
	x = x*10 + x>>8
	return (x&0x000000ff000000ff*(100+1000000<<32) + x>>16&0x000000ff000000ff*(1+10000<<32)) >> 32
}
