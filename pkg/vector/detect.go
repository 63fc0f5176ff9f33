package vector

import (
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
	on      bool   // output goes to bytes
	bytes   []byte // held
	numbers int    // consecutive numbers seen
	masked  bool   // enough of them: the run is a vector, its numbers leave as 0
	looking bool   // inside a string that is looked at
	text    []byte // the last characters of it, at most window
	dropped bool   // the string is a vector: the rest of it does not leave
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
}

// stringPiece reads a piece of a string at no declared place. While a mask is in force its text is held until it is clear that it is no
// vector: text that is not base64 or hexadecimal is clear at once.
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
	if err := s.look(text); err != nil {
		return n, err
	}
	if done {
		s.flushText()
		s.hold.looking, s.hold.dropped = false, false
		s.emit([]byte{'"'})
	}
	return n, nil
}

// look takes text of a string that is looked at. What cannot be part of a vector leaves at once; the run of base64 or hexadecimal
// characters that reaches the end of text is held.
func (s *Stream) look(text []byte) error {
	start := 0 // of the run that goes on, in text; what was held before comes in front of it
	for i, c := range text {
		if alphabet[c] != 0 && c != '-' && c != '_' {
			s.flushText()
			s.emit(text[start : i+1])
			start = i + 1
			continue
		}
		if len(s.hold.text)+i+1-start < window {
			continue
		}
		s.hold.text = append(s.hold.text, text[start:i+1]...)
		s.hold.looking = false
		if !plausible(s.hold.text) {
			s.flushText()
			s.emit(text[i+1:])
			return nil
		}
		if s.mask == authz.MaskRefuse {
			return ErrVectorRefused
		}
		s.hold.dropped, s.hold.text = true, s.hold.text[:0]
		s.read.Vectors++
		s.read.Undeclared++
		return nil
	}
	s.hold.text = append(s.hold.text, text[start:]...)
	return nil
}

func (s *Stream) flushText() {
	s.emit(s.hold.text)
	s.hold.text = s.hold.text[:0]
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
		if n, err := base64.StdEncoding.Decode(buf[:], part); err == nil && floats32(buf[:n]) {
			return true
		}
	}
	for off := range 8 {
		n, err := hex.Decode(buf[:], text[off:off+(len(text)-off)/2*2])
		if err == nil && floats32(buf[:n]) {
			return true
		}
	}
	return false
}

// floats32 reports whether more than nine in ten of b's little-endian float32 values are of an embedding's size, and not all are zero.
func floats32(b []byte) bool {
	good, nonzero, all := 0, 0, len(b)/4
	for i := range all {
		v := math.Abs(float64(math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))))
		if v == 0 || v > 1e-7 && v < 1e3 {
			good++
		}
		if v != 0 {
			nonzero++
		}
	}
	return all >= 16 && good*10 > all*9 && nonzero*2 > all
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

// encodedFloats looks for a run of base64 or hexadecimal characters that decodes to floats.
func encodedFloats(b []byte) bool {
	run := make([]byte, 0, window)
	for _, c := range b {
		if alphabet[c] != 0 && c != '-' && c != '_' {
			run = run[:0]
			continue
		}
		if run = append(run, c); len(run) < window {
			continue
		}
		if plausible(run) {
			return true
		}
		run = append(run[:0], run[4:]...)
	}
	return false
}

func isNumberByte(c byte) bool {
	return c >= '0' && c <= '9' || c == '.' || c == 'e' || c == 'E' || c == '+' || c == '-'
}
