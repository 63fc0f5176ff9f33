package scan

import (
	"encoding/binary"
	"math/bits"
)

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// plain returns how many leading bytes of b are ASCII without '"', '\' and control characters, eight at a time (SWAR; exact zero-byte
// test as in Hacker's Delight §6-1: the borrow of x - ones can only raise a false bit above a true one, and the first is what counts).
func plain(b []byte) int {
	n := 0
	for len(b)-n >= 8 {
		x := binary.LittleEndian.Uint64(b[n:])
		quote := x ^ (ones * '"')
		slash := x ^ (ones * '\\')
		bad := (x | (quote - ones) | (slash - ones) | (x - ones*' ')) & highs
		if bad != 0 {
			break
		}
		n += 8
	}
	for n < len(b) {
		if c := b[n]; c < ' ' || c >= 0x80 || c == '"' || c == '\\' {
			return n
		}
		n++
	}
	return n
}

// numberState walks the number grammar: -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?
type numberState struct {
	at  numberPart
	len int
}

type numberPart uint8

const (
	numStart numberPart = iota
	numMinus
	numZero
	numInt
	numDot
	numFrac
	numE
	numESign
	numExp
)

// final reports whether the number may end here.
func (s *numberState) final() bool {
	switch s.at {
	case numZero, numInt, numFrac, numExp:
		return true
	}
	return false
}

// next takes a byte; false when it does not belong to the number.
func (s *numberState) next(c byte) bool {
	digit := c >= '0' && c <= '9'
	switch s.at {
	case numStart, numMinus:
		switch {
		case c == '-' && s.at == numStart:
			s.at = numMinus
		case c == '0':
			s.at = numZero
		case digit:
			s.at = numInt
		default:
			return false
		}
		return true
	case numZero, numInt:
		switch {
		case digit && s.at == numInt:
		case c == '.':
			s.at = numDot
		case c|0x20 == 'e':
			s.at = numE
		default:
			return false
		}
		return true
	case numDot, numFrac:
		switch {
		case digit:
			s.at = numFrac
		case c|0x20 == 'e' && s.at == numFrac:
			s.at = numE
		default:
			return false
		}
		return true
	case numE:
		if c == '+' || c == '-' {
			s.at = numESign
			return true
		}
	case numESign, numExp:
	}
	if digit {
		s.at = numExp
	}
	return digit
}

// Number consumes a piece of a number; the first call is made where Value stopped. done tells that it ended, which the byte after it
// shows: at the end of src it is never done.
func (l *Lexer) Number(src []byte) (n int, done bool, err error) {
	if l.want != inNumber {
		if end := number(src, 0); end > 0 && end <= maxNumber && delimits(src[end]) {
			l.pos += int64(end)
			l.valueDone()
			return end, true, nil
		}
		l.want, l.num = inNumber, numberState{}
	}
	for n < len(src) {
		c := src[n]
		if !l.num.next(c) {
			if !l.num.final() || !delimits(c) {
				return n, false, l.Fail("not a number")
			}
			l.valueDone()
			return n, true, nil
		}
		n++
		l.pos++
		if l.num.len++; l.num.len > maxNumber {
			return n, false, l.Fail("number too long")
		}
	}
	return n, false, nil
}

// delimits reports whether c may stand directly after a number.
func delimits(c byte) bool {
	switch c {
	case ',', ']', '}', ' ', '\n', '\r', '\t':
		return true
	}
	return false
}

// Numbers consumes a run of array elements that are numbers, each with its comma, as far as they lie in src as a whole, and returns how
// many. It takes some only where an element may begin, and leaves the lexer before the next value; what it does not take (the last
// element, a piece of one, anything else) is for Next and Number. This is the path nearly all bytes of a vector take.
func (l *Lexer) Numbers(src []byte) (n, count int) {
	if l.want != wantValue && l.want != wantValueOrEnd || l.InObject() {
		return 0, 0
	}
	for {
		next := element(src, n)
		if next < 0 {
			break
		}
		n, count = next, count+1
		if count == 1 && len(src)-n >= blockSize {
			more, some := numbersByBlocks(src, n)
			n, count = skipSpace(src, more), count+some
		}
	}
	l.pos += int64(n)
	if count > 0 {
		l.want = wantValue
	}
	return n, count
}

// element returns where the next value begins, if a number, its comma and white space are at b[i], or -1.
func element(b []byte, i int) int {
	end := number(b, i)
	if end < 0 || end-i > maxNumber {
		return -1
	}
	if end = skipSpace(b, end); end >= len(b) || b[end] != ',' {
		return -1
	}
	return skipSpace(b, end+1)
}

// IsNumber reports whether b is a number as JSON writes it, of the length that a Lexer takes.
func IsNumber(b []byte) bool {
	var s numberState
	for _, c := range b {
		if !s.next(c) {
			return false
		}
	}
	return s.final() && len(b) <= maxNumber
}

// number returns the end of the number that starts at b[i] and ends before the end of b, or -1.
func number(b []byte, i int) int {
	if i < len(b) && b[i] == '-' {
		i++
	}
	switch {
	case i >= len(b) || b[i] < '0' || b[i] > '9':
		return -1
	case b[i] == '0':
		i++
	default:
		i = digits(b, i)
	}
	if i < len(b) && b[i] == '.' {
		start := i + 1
		if i = digits(b, start); i == start {
			return -1
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		start := i
		if i = digits(b, start); i == start {
			return -1
		}
	}
	if i >= len(b) {
		return -1
	}
	return i
}

// digits returns the index of the first byte from b[i] on that is no digit, eight at a time.
func digits(b []byte, i int) int {
	for len(b)-i >= 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		// A byte is a digit when neither b-'0' nor '9'-b goes below zero; both are taken without borrows between bytes.
		t := x ^ (ones * '0') // digits become 0..9
		over := ((t&^highs + ones*(0x80-10)) | t) & highs
		if over != 0 {
			return i + trailing(over)
		}
		i += 8
	}
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	return i
}

// trailing returns the index of the lowest byte whose high bit is set.
func trailing(highBits uint64) int { return bits.TrailingZeros64(highBits) / 8 }
