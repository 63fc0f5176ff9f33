package vector

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"math"

	"github.com/weirgate/weir/pkg/authz"
)

const (
	// minRun is how many numbers in a row count as a vector where none was declared.
	minRun = 32
	// window is how many characters of a string are looked at before it is judged: 132 bytes of base64, 33 float32 values.
	window = 176
	// maxHeld bounds what is held of what may turn out to be a vector, in bytes.
	maxHeld = 16 << 10
)

// hold is what is kept back of the output while it is not clear whether it is a vector that nobody declared.
type hold struct {
	on      bool    // output goes to bytes
	bytes   []byte  // held
	numbers int     // consecutive numbers seen
	masked  bool    // enough of them: the run is a vector, its numbers leave as 0
	looking bool    // inside a string that is looked at
	sniff   sniffer // what of it may turn out to be a vector
	text    []byte  // as much of its end
	dropped bool    // it is one: the rest of the string does not leave
}

// runNumberBegins notes that an undeclared number begins inside an array.
func (s *Stream) runNumberBegins() {
	if s.mask == authz.MaskNone || !s.copying || s.lex.InObject() || s.lex.Depth() == 0 {
		return
	}
	if !s.hold.on && !s.hold.masked {
		s.hold.on, s.hold.numbers, s.hold.bytes = true, 0, s.hold.bytes[:0]
	}
	if s.hold.masked {
		s.emit([]byte{'0'})
		s.read.Dims++
	}
}

// runNumber notes that one ended.
func (s *Stream) runNumber() error {
	if !s.hold.on {
		return nil
	}
	if len(s.hold.bytes) > maxHeld {
		return s.lex.Fail("too much white space between numbers")
	}
	if s.hold.numbers++; s.hold.numbers < minRun {
		return nil
	}
	if s.mask == authz.MaskRefuse {
		return ErrVectorRefused
	}
	s.hold.on, s.hold.masked = false, true
	for i := range minRun {
		if i > 0 {
			s.emit([]byte{','})
		}
		s.emit([]byte{'0'})
	}
	s.read.Vectors++
	s.read.Undeclared++
	s.read.Dims += minRun
	return nil
}

// breakRun ends a run of numbers; one that was too short to be a vector leaves.
func (s *Stream) breakRun() {
	s.release()
	s.hold.masked, s.hold.numbers = false, 0
}

// release lets what is held leave.
func (s *Stream) release() {
	if s.hold.on {
		s.hold.on = false
		s.emit(s.hold.bytes)
	}
	s.hold.bytes = s.hold.bytes[:0]
}

// beginUndeclared begins to look at a string.
func (s *Stream) beginUndeclared() {
	s.breakRun()
	s.hold.looking = s.mask != authz.MaskNone && s.copying
	s.hold.dropped, s.hold.text = false, s.hold.text[:0]
	s.hold.sniff.begin()
}

// stringPiece reads a piece of a string at no declared place. While a mask is in force what may be the beginning of a vector is held
// until it is clear that it is none; all other text leaves at once.
func (s *Stream) stringPiece(src []byte) (int, error) {
	n, done, err := s.lex.String(src)
	if err != nil || !s.hold.looking {
		if err == nil && s.hold.dropped {
			if done {
				s.hold.dropped = false
				s.emit([]byte{'"'})
			}
			return n, nil
		}
		s.emit(src[:n])
		return n, err
	}
	text := src[:n]
	if done {
		text = src[:n-1]
	}
	if err := s.look(text, done); err != nil {
		return n, err
	}
	if done {
		s.emit(s.hold.text)
		s.hold.text = s.hold.text[:0]
		s.hold.looking, s.hold.dropped = false, false
		s.emit([]byte{'"'})
	}
	return n, nil
}

// look takes text of a string that is looked at; last says that the string ends with it.
func (s *Stream) look(text []byte, last bool) error {
	h := &s.hold
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
		s.emit(h.text)
		s.emit(text[:before])
		h.text = append(h.text[:0], text[before:]...)
	} else {
		s.emit(h.text[:len(h.text)+before])
		h.text = append(append(h.text[:0], h.text[len(h.text)+before:]...), text...)
	}
	if !found {
		return nil
	}
	if s.mask == authz.MaskRefuse {
		return ErrVectorRefused
	}
	h.looking, h.dropped, h.text = false, true, h.text[:0]
	s.read.Vectors++
	s.read.Undeclared++
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
		if n, err := base64.StdEncoding.Decode(buf[:], part); err == nil && floats(buf[:n]) {
			return true
		}
	}
	digits := text[1+bytes.LastIndexFunc(text, func(r rune) bool { return !isHex(r) }):] // behind 0x, say
	for off := range min(2, len(digits)) {
		n, _ := hex.Decode(buf[:], digits[off:off+(len(digits)-off)/2*2])
		if floats(buf[:n]) {
			return true
		}
	}
	return false
}

func isHex(r rune) bool { return r >= '0' && r <= '9' || r >= 'a' && r <= 'f' || r >= 'A' && r <= 'F' }

// floats reports whether more than nine in ten of b's little-endian float32 or float64 values, from wherever they begin, are of an
// embedding's size, and more than half are not zero.
func floats(b []byte) bool {
	for off := range min(8, len(b)) {
		if off < 4 && sized(b[off:], 4) || sized(b[off:], 8) {
			return true
		}
	}
	return false
}

// sized is floats for values of so many bytes that begin at b[0].
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
