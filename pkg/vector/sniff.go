package vector

import "bytes"

// sniffer looks for a vector in text that is read byte by byte: numbers in a row, or base64 or hexadecimal that decodes to
// floats. The text may be that of a JSON string, escapes as they are, or plain. The zero value is ready.
type sniffer struct {
	escape uint8  // 0 none, 1 after \, 2..5 hex digits of \u to come (5: four)
	code   uint16 // what those say

	run [window]byte // base64 or hexadecimal characters in a row, without line ends and escapes
	n   int          // of them
	raw int          // bytes of text that they stand in

	row   row  // of numbers
	point bool // a point came last, before it
}

// maxRaw bounds the text in which a window of base64 stands, line ends and escapes included.
const maxRaw = 4 * window

// begin makes the sniffer ready for another text.
func (f *sniffer) begin() {
	f.escape = 0
	f.forget()
}

// words reads ahead over words and what is between them, as far as nothing in it is a number or an escape, and returns how many bytes that
// were: next would come to the same, at a third of the speed. Most text is nothing else.
func (f *sniffer) words(text []byte) (read int) {
	switch {
	case f.escape > 0:
		return 0
	case f.row.number.bytes > 0:
		return f.digits(text)
	case f.row.spread > 0:
		return f.labels(text)
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
			f.behind(text[:read], n, raw)
			return read
		}
		read++
	}
	f.behind(text[:read], n, raw)
	return read
}

// behind notes what was read ahead.
func (f *sniffer) behind(text []byte, n, raw int) {
	f.n, f.raw = n, raw
	if len(text) > 0 {
		f.point = text[len(text)-1] == '.'
	}
}

// digits is words inside of a number.
func (f *sniffer) digits(text []byte) (read int) {
	text = text[:min(len(text), window-1-f.n, maxRaw-f.raw, maxToken-int(f.row.number.bytes))]
	for read < len(text) && text[read]-'0' < 10 {
		f.run[f.n+read] = text[read]
		read++
	}
	if read > 0 {
		f.n += read
		f.raw += read
		f.row.spread += read
		f.row.number.digits(text[:read])
	}
	return read
}

// labels is words between two numbers of a row.
func (f *sniffer) labels(text []byte) (read int) {
	n, raw, g, most := f.n, f.raw, f.row.gap, f.row.mostOther()
	for read < len(text) && n < window-1 && raw < maxRaw && g.other <= most && g.bytes <= maxGap {
		c := text[read]
		if kind := kinds[c]; kind == space && c != '.' {
			n, raw = 0, 0
		} else if kind == letter && c != '+' {
			f.run[n] = c
			n++
			raw++
		} else {
			break
		}
		g.add(c)
		read++
	}
	f.n, f.raw, f.row.gap = n, raw, g
	f.row.spread += read
	f.row.bound()
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
	if f.row.spread > 0 {
		f.row.spread++
	}
}

// character takes a character that is no backslash, or that an escape stands for.
func (f *sniffer) character(c byte) bool {
	if f.row.spread == 0 {
		if f.point && c-'0' < 10 { // the point has left
			f.row.number.points = 1
		}
		f.point = c == '.'
	}
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
	return f.row.next(c)
}

// escaped takes a byte after a backslash: any character may be written so.
func (f *sniffer) escaped(c byte) bool {
	if f.escape > 1 {
		return f.coded(c)
	}
	f.escape = 0
	f.point = f.point && c == 'u'
	switch c {
	case 'n', 'r':
		f.skip()
		return f.row.next('\n')
	case 't', 'f', '"':
		f.n, f.raw = 0, 0
		return f.row.next(' ')
	case '/':
		return f.encoded('/') || f.row.next('/')
	case 'u':
		f.escape, f.code = 5, 0
		f.lengthen()
		return false
	}
	f.n, f.raw = 0, 0
	return f.row.next('\\')
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
	found := f.character(byte(min(f.code, 0x80))) // no character beyond ASCII is of any number, or encoding
	if f.row.spread == 1 {                        // a row begins with it
		f.row.spread = len(`\u0000`)
	}
	return found
}

func (f *sniffer) forget() {
	f.n, f.raw, f.row = 0, 0, row{}
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

// end says that the text ends, and reports whether it ends in a vector.
func (f *sniffer) end() bool { return f.row.end() }

// pending returns how many of the last bytes may turn out to belong to a vector.
func (f *sniffer) pending() int { return max(f.raw, f.row.spread) }
