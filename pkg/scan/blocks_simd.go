//go:build goexperiment.simd && amd64

package scan

import (
	"bytes"
	"math/bits"
	"simd/archsimd"
)

// SIMD reports whether blocks are read by vector instructions: it takes AVX-512, and that of its parts that looks bytes up (VBMI).
func SIMD() bool { return archsimd.X86.AVX512() && archsimd.X86.AVX512VBMI() }

// What a byte is, to those before it. A digit may follow anything.
const (
	isPoint = 1 << iota
	isMinus
	isPlus
	isE
	isComma
	isSpace
	second // a digit: not behind a zero that begins a number
	isNone = 0xff &^ second
)

// pairTables say of each character, where a number is followed by its comma at once: what it is, which may not follow it, and whether a digit
// may follow a zero behind it, and behind it and a sign. Those that were looked up as what they are have been found to be of numbers, commas
// and white space, and of these the lower six bits tell enough.
type pairTables struct {
	is                      [2][64]byte // ASCII
	forbids, zero, signZero [64]byte
}

func makePairTables() (t pairTables) {
	for c := range 128 {
		is, forbids, zero, signZero := byte(isNone), byte(isNone), byte(0xff), byte(0xff)
		switch {
		case c >= '0' && c <= '9':
			is, forbids, zero = second, isMinus|isPlus|isSpace, 0xff&^second
			if c == '0' {
				forbids |= second
			}
		case c == '.':
			is, zero = isPoint, 0xff&^second
		case c == '-':
			is = isMinus
		case c == '+':
			is, zero = isPlus, 0xff&^second
		case c == 'e' || c == 'E':
			is, forbids, zero, signZero = isE, isPoint|isE|isComma|isSpace, 0xff&^second, 0xff&^second
		case c == ',':
			is, forbids = isComma, isPoint|isPlus|isE|isComma
		case c == ' ' || c == '\n' || c == '\r' || c == '\t':
			is, forbids = isSpace, isPoint|isPlus|isE|isComma
		}
		if t.is[c/64][c%64] = is; is != isNone || c < 64 {
			t.forbids[c%64], t.zero[c%64], t.signZero[c%64] = forbids, zero, signZero
		}
	}
	return t
}

var pairs = makePairTables() //nolint:gochecknoglobals // a constant

// skipTypical takes the blocks that come as long as they are typical: each number is followed by its comma at once, and there is a comma in
// every block. It goes on where check stopped, and so that check can go on.
func (r *numberRun) skipTypical(src []byte) {
	if !SIMD() || r.at < 3 || r.lastAt != r.at-blockSize || r.last == 0 || r.started == 1 && src[r.at-1] <= ' ' {
		return
	}
	blocks := max(0, (len(src)-r.at)/blockSize)
	if r.marks != nil {
		blocks = min(blocks, markBlocks-r.marks.n)
	}
	from := r.at
	typical := r.typical(src[from-3 : from+blocks*blockSize])
	if typical == 0 {
		return
	}
	r.resume(src, from+typical*blockSize)
	if r.marks != nil {
		for at := from; at < r.at; at += blockSize {
			r.marks.add(startsAndCommas(src[at-3:]))
		}
	}
}

// typical returns how many of the blocks that begin at text[3] are typical: all but the number of points and exponents is decided by each
// byte and the three before it.
func (r *numberRun) typical(text []byte) (blocks int) {
	pointed, seen, count, last := r.pointed, r.seen, r.count, r.last
	is0, is1 := archsimd.LoadUint8x64(&pairs.is[0]), archsimd.LoadUint8x64(&pairs.is[1])
	forbids, zero, signZero := archsimd.LoadUint8x64(&pairs.forbids), archsimd.LoadUint8x64(&pairs.zero), archsimd.LoadUint8x64(&pairs.signZero)
	points, commas, es := archsimd.BroadcastUint8x64('.'), archsimd.BroadcastUint8x64(','), archsimd.BroadcastUint8x64('e')
	high, lower, none := archsimd.BroadcastUint8x64(0x80), archsimd.BroadcastUint8x64(0x20), archsimd.BroadcastUint8x64(0)
	for len(text) >= 3+blockSize {
		b := archsimd.LoadUint8x64((*[blockSize]byte)(text[3:]))
		wrong := signZero.Permute(archsimd.LoadUint8x64((*[blockSize]byte)(text)))
		wrong = wrong.And(zero.Permute(archsimd.LoadUint8x64((*[blockSize]byte)(text[1:]))))
		wrong = wrong.And(forbids.Permute(archsimd.LoadUint8x64((*[blockSize]byte)(text[2:]))))
		wrong = wrong.And(is0.ConcatPermute(is1, b)).Or(b.And(high))
		comma, point := b.Equal(commas).ToBits(), b.Equal(points).ToBits()
		sum, carry := bits.Add64(^comma, point, pointed)
		bad := wrong.NotEqual(none).ToBits() | sum&point
		if e := b.Or(lower).Equal(es).ToBits(); e|seen != 0 {
			var esum uint64
			esum, seen = bits.Add64(^comma, e, seen)
			bad |= esum&e | point&^esum
		}
		if bad != 0 {
			break
		}
		if uint32(comma) == 0 || last>>32 == 0 { // else the last two commas are fewer than 64 bytes apart
			if comma == 0 || bits.TrailingZeros64(comma)+bits.LeadingZeros64(last) > maxNumber {
				break
			}
		}
		count += bits.OnesCount64(comma)
		last, pointed = comma, carry
		blocks++
		text = text[blockSize:]
	}
	archsimd.ClearAVXUpperBits()
	r.count, r.last, r.pointed = count, last, pointed
	return blocks
}

// startsAndCommas returns where numbers start in a typical block, which begins at text[3], and its commas, which are where they end.
func startsAndCommas(text []byte) (start, comma uint64) {
	commas := archsimd.BroadcastUint8x64(',')
	b, before := archsimd.LoadUint8x64((*[blockSize]byte)(text[3:])), archsimd.LoadUint8x64((*[blockSize]byte)(text[2:]))
	inside := before.Greater(commas).ToBits() | before.Equal(archsimd.BroadcastUint8x64('+')).ToBits()
	return b.Greater(commas).ToBits() &^ inside, b.Equal(commas).ToBits()
}

// resume sets what check has to know, after typical blocks.
func (r *numberRun) resume(src []byte, at int) {
	r.at, r.lastAt = at, at-blockSize
	var c [1]classes
	classifyBlocks(c[:], src[at-blockSize:])
	r.fraction, r.signed = c[0].fraction, c[0].signed
	r.number, r.inside = r.fraction|r.signed, r.fraction
	r.e, r.plus = 0, 0
	for rest := c[0].rest; rest != 0; rest &= rest - 1 {
		i := bits.TrailingZeros64(rest)
		switch src[at-blockSize+i] {
		case 'e', 'E':
			r.e = 1 << i >> 63
			r.inside |= 1<<i | r.signed&^r.fraction&(1<<(i+1))
			r.number |= 1 << i
		case '+':
			r.plus = 1 << i >> 63
			r.inside |= 1 << i
			r.number |= 1 << i
		}
	}
	if c := src[at-blockSize-1]; c == 'e' || c == 'E' {
		r.inside |= r.signed &^ r.fraction & 1
	}
	r.started, r.empty = 0, 1
	if r.number>>bits.Len64(r.last) != 0 {
		r.started, r.empty = 1, 0
	}
	r.seen = 0
	if r.started == 1 && bytes.ContainsAny(src[at-blockSize+bits.Len64(r.last):at], "eE") {
		r.seen = 1
	}
}
