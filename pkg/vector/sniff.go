package vector

import "bytes"

// sniffer looks for a vector in text that is read byte by byte: decimal fractions in a row, or base64 or hexadecimal that decodes to
// floats. The text may be that of a JSON string, escapes as they are, or plain. The zero value is ready.
type sniffer struct {
	escape uint8  // 0 none, 1 after \, 2..5 hex digits of \u to come (5: four)
	code   uint16 // what those say

	run [window]byte // base64 or hexadecimal characters in a row, without line ends and escapes
	n   int          // of them
	raw int          // bytes of text that they stand in

	numbers   int // in a row
	fractions int // of them: those that are no whole numbers
	spread    int // bytes of text that they stand in
	token     int // bytes of the number that goes on
	digits    int // of it
	points    int // of it
	exponents int // of it
	gap       int // bytes since the last number
}

const (
	// maxToken and maxGap bound a number and what is between two, so that a run of fewer than minRun is held in a few KiB.
	maxToken = 64
	maxGap   = 64
	// maxRaw bounds the text in which a window of base64 stands, line ends and escapes included.
	maxRaw = 4 * window
)

// begin makes the sniffer ready for another text.
func (f *sniffer) begin() {
	f.escape = 0
	f.forget()
}

// words reads ahead over words and what is between them, as far as nothing in it is a number or an escape, and returns how many bytes that
// were: next would come to the same, at a third of the speed. Most text is nothing else.
func (f *sniffer) words(text []byte) (read int) {
	if f.escape > 0 || f.spread > 0 {
		return 0
	}
	n, raw := f.n, f.raw
	for read < len(text) && n < window-1 && raw < maxRaw {
		switch c := text[read]; kinds[c] {
		case letter:
			f.run[n] = c
			n++
			raw++
		case space:
			n, raw = 0, 0
		default:
			f.n, f.raw = n, raw
			return read
		}
		read++
	}
	f.n, f.raw = n, raw
	return read
}

// What a byte is to words.
const (
	other  = iota // may begin or end something: for next
	letter        // of base64, and of nothing else
	space         // between words
)

// kinds says what each byte is.
var kinds = func() (t [256]byte) { //nolint:gochecknoglobals // a constant
	for c := range t {
		switch digit := c >= '0' && c <= '9'; {
		case digit, c == '-', c == '\\', c == '\n', c == '\r':
		case alphabet[c] == 0 || c == '_':
			t[c] = letter
		default:
			t[c] = space
		}
	}
	return t
}()

// next takes a byte and reports whether the text so far ends in a vector.
func (f *sniffer) next(c byte) bool {
	switch {
	case f.escape > 0:
		return f.escaped(c)
	case c == '\\':
		f.escape = 1
		f.lengthen()
		return false
	}
	return f.character(c)
}

// lengthen counts a byte of an escape that goes on.
func (f *sniffer) lengthen() {
	f.raw++
	if f.spread > 0 {
		f.spread++
	}
}

// character takes a character that is no backslash, or that an escape stands for.
func (f *sniffer) character(c byte) bool {
	switch {
	case c == '\n' || c == '\r': // base64 in lines
		f.skip()
	case alphabet[c] == 0 || c == '-' || c == '_':
		if f.encoded(c) {
			return true
		}
	default:
		f.n, f.raw = 0, 0
	}
	return f.number(c)
}

// escaped takes a byte after a backslash: any character may be written so.
func (f *sniffer) escaped(c byte) bool {
	if f.escape > 1 {
		return f.coded(c)
	}
	f.escape = 0
	switch c {
	case 'n', 'r':
		f.skip()
		return f.number('\n')
	case 't', 'f', '"':
		f.n, f.raw = 0, 0
		return f.number(' ')
	case '/':
		f.forgetNumbers()
		return f.encoded('/')
	case 'u':
		f.escape, f.code = 5, 0
		f.lengthen()
		return false
	}
	f.forget()
	return false
}

// coded takes a digit of \u, and after the last the character that they say.
func (f *sniffer) coded(c byte) bool {
	digit := bytes.IndexByte([]byte("0123456789abcdef"), c|0x20)
	if c >= '0' && c <= '9' {
		digit = int(c - '0')
	}
	if digit < 0 { // no escape of JSON's
		f.escape = 0
		f.forget()
		return false
	}
	f.code = f.code<<4 | uint16(digit) //nolint:gosec // below 16
	if f.escape--; f.escape > 1 {
		f.lengthen()
		return false
	}
	f.escape = 0
	if f.code > 0x7f {
		f.forget()
		return false
	}
	begun := f.spread > 0
	found := f.character(byte(f.code))
	if !begun && f.spread > 0 {
		f.spread = len(`\u0000`)
	}
	return found
}

func (f *sniffer) forget() {
	f.n, f.raw = 0, 0
	f.forgetNumbers()
}

func (f *sniffer) forgetNumbers() {
	f.numbers, f.fractions, f.spread, f.token, f.digits, f.points, f.exponents, f.gap = 0, 0, 0, 0, 0, 0, 0, 0
}

// skip passes over a byte that does not end a run of base64.
func (f *sniffer) skip() {
	if f.raw++; f.n == 0 || f.raw > maxRaw {
		f.n, f.raw = 0, 0
	}
}

// encoded takes a character of base64 or hexadecimal. A window that is no vector is let go, and the next one
// begins behind it: what comes before a vector in the same run (the head of an npy file) hides less of it than a vector's worth.
func (f *sniffer) encoded(c byte) bool {
	f.run[f.n] = c
	f.n++
	if f.raw++; f.raw > maxRaw {
		f.n, f.raw = 0, 0
		return false
	}
	if f.n < window {
		return false
	}
	if plausible(f.run[:]) {
		return true
	}
	f.n, f.raw = 0, 0
	return false
}

// number takes a byte for what it is to a row of numbers.
func (f *sniffer) number(c byte) bool {
	switch {
	case c >= '0' && c <= '9', f.token == 0 && c == '-', f.token > 0 && isNumberByte(c):
		f.spread++
		f.gap = 0
		if f.token++; f.token > maxToken {
			f.forgetNumbers()
			return false
		}
		switch c {
		case '.':
			f.points++
		case 'e', 'E':
			f.exponents++
		case '-', '+':
		default:
			f.digits++
		}
		return false
	case f.spread > 0 && separates(c):
		if f.token > 0 && f.endNumber() {
			f.spread++ // c belongs to it
			return true
		}
		if f.spread == 0 { // it was none
			return false
		}
		f.spread++
		if f.gap++; f.gap > maxGap {
			f.forgetNumbers()
		}
		return false
	}
	if f.spread > 0 {
		f.forgetNumbers()
	}
	return false
}

// endNumber ends the number that goes on. In text a row of whole numbers is a table, not a vector: at least half must be fractions.
func (f *sniffer) endNumber() bool {
	if f.digits == 0 || f.points > 1 || f.exponents > 1 { // a dash, a date, an address
		f.forgetNumbers()
		return false
	}
	if f.points+f.exponents > 0 {
		f.fractions++
	}
	f.token, f.digits, f.points, f.exponents = 0, 0, 0, 0
	if f.numbers++; f.numbers < minRun {
		return false
	}
	if 2*f.fractions >= f.numbers {
		return true
	}
	f.forgetNumbers()
	return false
}

// end says that the text ends, and reports whether it ends in a vector.
func (f *sniffer) end() bool { return f.token > 0 && f.endNumber() }

// pending returns how many of the last bytes may turn out to belong to a vector.
func (f *sniffer) pending() int { return max(f.raw, f.spread) }

// separates reports whether c may stand between two numbers of a row.
func separates(c byte) bool {
	switch c {
	case ',', ' ', '\n', '\t', '\r', '[', ']', '(', ')', ';', '|':
		return true
	}
	return false
}
