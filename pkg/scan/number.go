package scan

// maxNumber is the longest number, in bytes.
const maxNumber = 64

// numberState walks the number grammar (RFC 8259 §6): -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?
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
func delimits(c byte) bool { return c == ',' || c == ']' || c == '}' || isSpace(c) }

// Numbers consumes a run of array elements that are numbers, each with its comma, as far as they lie in src as a whole, and returns how
// many. It may be called where Value stopped, and takes nothing outside an array. It leaves the lexer before the next value; what it does
// not take (the last element, a piece of one, anything else) is for Next and Number. This is the path nearly all bytes of a vector take.
func (l *Lexer) Numbers(src []byte) (n, count int) { return l.NumbersUpTo(src, len(src)) }

// NumbersUpTo is Numbers that takes at most limit elements.
func (l *Lexer) NumbersUpTo(src []byte, limit int) (n, count int) {
	if l.want != wantValue && l.want != wantValueOrEnd || l.depth == 0 || l.object[l.depth] {
		return 0, 0
	}
	n, count = run(src, limit)
	l.pos += int64(n)
	if count > 0 {
		l.want = wantValue
	}
	return n, count
}

// reach is how far from an element's start run looks without asking whether the source goes on.
const reach = maxGap + 1 + 16 + 8

// run returns how many elements "number ," lie at the start of b, at most limit, and how many bytes they take.
//
// What costs time in a plain walk is not work but waiting: where the next number starts depends on where this one ends, and signs and
// lengths cannot be predicted. So the comma alone is looked for in the 16 bytes after the start, without a branch; that it ends a number,
// and that the white space before is what it was before the last one, is checked beside the walk and nearly always holds. Whatever differs
// (other shapes of numbers, longer ones, other white space) takes the plain walk for one element.
func run(b []byte, limit int) (i, count int) {
	var g gap
	for count < limit {
		if len(b)-i >= reach {
			p := b[i+g.n:]
			if end := shortNumber(p); end > 0 && g.same(b[i:]) {
				i += g.n + end + 1
				count++
				continue
			}
		}
		start := skipSpace(b, i)
		end := number(b, start)
		if end < 0 || end-start > maxNumber {
			break
		}
		comma := skipSpace(b, end)
		if comma >= len(b) || b[comma] != ',' {
			break
		}
		g.learn(b[i:start])
		i = comma + 1
		count++
	}
	return i, count
}

// shortNumber returns where the comma after the number at b[0] is: a number of one digit, a point and more digits, at most 14 bytes long
// without its sign. 0: it is none such. b has at least 17 bytes.
func shortNumber(b []byte) int {
	x0, x1 := word(b, 0), word(b, 8)
	n0, n1 := lane(zeroes(x0^ones*',')), lane(zeroes(x1^ones*','))
	end := n0 + n1&-(n0>>3) // 16 when there is no comma
	sign := 0
	if byte(x0) == '-' {
		sign = 1
	}
	y0, y1 := word(b, sign), word(b, sign+8)
	const point = uint64('0') | uint64('.')<<8
	// The first lane a digit, the second the point; from the third on the first that is no digit must be the comma.
	m0, m1 := lane(notDigits(y0)&^0xffff), lane(notDigits(y1))
	digitsEnd := m0 + m1&-(m0>>3)
	if byte(y0)-'0' > 9 || byte(y0>>8) != '.' || digitsEnd+sign != end || digitsEnd < 3 || end > 15 {
		return 0
	}
	return end
}

// maxGap is the longest white space between elements that the fast path knows.
const maxGap = 16

// gap is the white space that stood before the last element: nothing in compact JSON, a line end and indentation in JSON that is indented.
type gap struct {
	n          int
	w0, w1     uint64 // its bytes
	mask0, mask1 uint64 // the lanes that belong to it
}

// same reports whether b starts with the gap. b has at least maxGap bytes.
func (g *gap) same(b []byte) bool {
	return (word(b, 0)^g.w0)&g.mask0|(word(b, 8)^g.w1)&g.mask1 == 0
}

// learn takes what stood before an element; a gap that is too long is not taken.
func (g *gap) learn(space []byte) {
	if len(space) > maxGap || len(space) == g.n {
		return
	}
	var w, mask [maxGap]byte
	g.n = copy(w[:], space)
	for i := range g.n {
		mask[i] = 0xff
	}
	g.w0, g.w1, g.mask0, g.mask1 = word(w[:], 0), word(w[:], 8), word(mask[:], 0), word(mask[:], 8)
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
