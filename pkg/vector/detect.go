package vector

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"math"
)

const (
	// minRun is how many numbers in a row count as a vector where none was declared.
	minRun = 32
	// shortestText is the fewest bytes of text that hold one: digits and what is between them.
	shortestText = 2*minRun - 1
	// window is how many characters of a string are looked at before it is judged: 132 bytes of base64, 33 float32 values.
	window = 176
	// maxHeld bounds what is held of what may turn out to be a vector, in bytes.
	maxHeld = 32 << 10
)

// hold is what is kept back of the output while it is not clear what it is: a vector that nobody declared, or the beginning of a sparse one.
type hold struct {
	on      bool    // output goes to bytes
	over    bool    // too much of it
	bytes   []byte  // held
	kind    runKind // of the run of numbers, if one goes on
	numbers int     // consecutive numbers seen
	row     int     // of them, in the innermost array
	between int     // brackets and nulls since the last one
	masked  bool    // enough of them: the run is a vector, its numbers leave as 0
	word    []byte  // of a string in an array that may be a number
	plain   []byte  // the same without escapes
	label   uint32  // of the last such number that has one: see labelOf
	wording bool    // inside one
	looking bool    // inside a string that is looked at
	sniff   sniffer // what of it may turn out to be a vector
	text    []byte  // as much of its end
	dropped bool    // it is one: the rest of the string does not leave
}

func (h *hold) add(b []byte) {
	if len(h.bytes)+len(b) > maxHeld {
		h.over = true
		return
	}
	h.bytes = append(h.bytes, b...)
}

func (h *hold) discard() { h.on, h.bytes = false, h.bytes[:0] }

// watches reports whether what nobody declared is looked at.
func (d *document) watches() bool { return d.masks() && !d.muted && !d.sparse.on }

// number reads a piece of a number that is no component.
func (d *document) number(src []byte) (int, error) {
	_, running, _ := d.lex.InValue()
	n, done, err := d.lex.Number(src)
	if !running {
		d.num.n = 0
		if d.watches() && !d.score && !d.kept && n > 0 {
			d.runNumberBegins()
		}
	}
	d.num.add(src[:n])
	if !d.hold.masked && !d.score {
		d.emit(src[:n])
	}
	if err == nil && done {
		return n, d.numberEnds()
	}
	return n, err
}

// numberEnds notes that a number ended that is no component.
func (d *document) numberEnds() error {
	if d.score {
		return d.scoreEnds()
	}
	if d.kept {
		d.kept = false
		return nil
	}
	d.row(1)
	if l := &d.levels[d.lex.Depth()]; l.kind == sparseEntry && d.is == keyIndex && (!wholeNumbers(d.num.text()) || d.num.buf[0] == '-') {
		return d.lex.Fail("an index that is no whole number")
	}
	return d.runNumber()
}

// beginUndeclared begins a string at no declared place. In an array it may be a number of a run.
func (d *document) beginUndeclared() {
	if d.watches() && d.lex.Depth() > 0 && !d.lex.InObject() {
		d.hold.wording, d.hold.word = true, d.hold.word[:0]
		return
	}
	d.beginLooking()
}

// beginLooking begins to look at a string, and lets its quote leave.
func (d *document) beginLooking() {
	d.breakRun()
	d.hold.looking, d.hold.dropped = d.watches(), false
	if d.hold.looking {
		d.hold.text = d.hold.text[:0]
		d.hold.sniff.begin()
	}
	d.emit([]byte{'"'})
}

// stringPiece reads a piece of a string at no declared place. While a mask is in force what may be the beginning of a vector is held
// until it is clear that it is none; all other text leaves at once.
func (d *document) stringPiece(src []byte) (int, error) {
	n, done, err := d.lex.String(src)
	if err == nil && d.hold.wording {
		return n, d.wordPiece(src[:n], done)
	}
	if err != nil || !d.hold.looking {
		if err == nil && d.hold.dropped {
			if done {
				d.hold.dropped = false
				d.putByte('"')
			}
			return n, nil
		}
		d.put(src[:n])
		return n, err
	}
	return n, d.lookAt(src[:n], done)
}

// lookAt takes a piece of a string that is looked at, with its closing quote if it is done.
func (d *document) lookAt(text []byte, done bool) error {
	if done {
		text = text[:len(text)-1]
	}
	if err := d.look(text, done); err != nil {
		return err
	}
	if done {
		d.put(d.hold.text)
		d.hold.text = d.hold.text[:0]
		d.hold.looking, d.hold.dropped = false, false
		d.putByte('"')
	}
	return nil
}

// look takes text of a string that is looked at; last says that the string ends with it.
func (d *document) look(text []byte, last bool) error {
	h := &d.hold
	found := false
	for i := 0; i < len(text) && !found; i++ {
		if i += h.sniff.words(text[i:]); i == len(text) {
			break
		}
		if found = h.sniff.next(text[i]); found {
			text = text[:i+1]
		}
	}
	found = found || last && h.sniff.end()
	pending := h.sniff.pending()
	if before := len(text) - pending; before >= 0 { // all that was held is clear
		d.put(h.text)
		d.put(text[:before])
		h.text = append(h.text[:0], text[before:]...)
	} else {
		d.put(h.text[:len(h.text)+before])
		h.text = append(append(h.text[:0], h.text[len(h.text)+before:]...), text...)
	}
	if !found {
		return nil
	}
	if err := d.undeclared(); err != nil {
		return err
	}
	h.looking, h.dropped, h.text = false, true, h.text[:0]
	return nil
}

// plausible reports whether text decodes, as base64 at any of its four alignments or as hexadecimal, to float32 values of the size that
// embeddings have.
func plausible(text []byte) bool {
	var buf [window]byte
	var std [window]byte
	for i, c := range text {
		switch c {
		case '-':
			c = '+'
		case '_':
			c = '/'
		}
		std[i] = c
	}
	for off := range 4 {
		part := std[off : off+(len(text)-off)/4*4]
		if n, err := base64.StdEncoding.Decode(buf[:], part); err == nil && floatBytes(buf[:n]) {
			return true
		}
	}
	digits := text[1+bytes.LastIndexFunc(text, func(r rune) bool { return !isHex(r) }):] // behind 0x, say
	for off := range min(2, len(digits)) {
		n, _ := hex.Decode(buf[:], digits[off:off+(len(digits)-off)/2*2])
		if floatBytes(buf[:n]) {
			return true
		}
	}
	return false
}

func isHex(r rune) bool { return r >= '0' && r <= '9' || r >= 'a' && r <= 'f' || r >= 'A' && r <= 'F' }

// floatBytes reports whether more than nine in ten of b's little-endian float32 or float64 values, from wherever they begin, are of an
// embedding's size, and more than half are not zero.
func floatBytes(b []byte) bool {
	for off := range min(8, len(b)) {
		if off < 4 && sized(b[off:], 4) || sized(b[off:], 8) {
			return true
		}
	}
	return false
}

// sized is floatBytes for values of so many bytes that begin at b[0].
func sized(b []byte, bytes int) bool {
	all, bad, zeros := len(b)/bytes, 0, 0
	if all < 10 {
		return false
	}
	for i := range all {
		var v float64
		if bytes == 4 {
			v = float64(math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:])))
		} else {
			v = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
		}
		switch v = math.Abs(v); {
		case v == 0:
			zeros++
		case v > 1e-7 && v < 1e3:
		default: // NaN too
			if bad++; 10*bad >= all {
				return false
			}
		}
	}
	return 2*zeros < all
}

// Detect reports whether a small text, of whatever format, looks as if it held a vector: 32 numbers in a row, or base64 or hexadecimal of
// plausible floats.
func Detect(b []byte) bool { return numbersInARow(b) || encodedFloats(b) }

// numbersInARow looks for minRun numbers with nothing but separators between them.
func numbersInARow(b []byte) bool {
	numbers := 0
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c == '-' || c >= '0' && c <= '9':
			for i+1 < len(b) && isNumberByte(b[i+1]) {
				i++
			}
			if numbers++; numbers == minRun {
				return true
			}
		case c == ',' || c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '[' || c == ']' || c == ';' || c == '|':
		default:
			numbers = 0
		}
	}
	return false
}

// encodedFloats looks for base64 or hexadecimal that decodes to floats.
func encodedFloats(b []byte) bool {
	var f sniffer
	for _, c := range b {
		if f.next(c) {
			return true
		}
	}
	return f.end()
}

func isNumberByte(c byte) bool {
	return c >= '0' && c <= '9' || c == '.' || c == 'e' || c == 'E' || c == '+' || c == '-'
}
