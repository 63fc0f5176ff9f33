package vector

import (
	"bytes"

	"github.com/weirgate/weir/pkg/authz"
)

// base64State is how far a base64 vector has been read.
type base64State struct {
	n   int64 // characters, padding excluded
	pad int   // '=' seen
}

// beginBase64 opens a declared vector that is a string.
func (s *Stream) beginBase64() (int, error) {
	if err := s.begin(); err != nil {
		return 0, err
	}
	s.breakRun()
	s.lex.BeginString()
	s.inside, s.b64 = inBase64, base64State{}
	s.emit([]byte{'"'})
	return 1, nil
}

// filler is what a zeroed base64 vector is made of: 'A' is six zero bits.
var filler = bytes.Repeat([]byte{'A'}, 4096) //nolint:gochecknoglobals // a constant

// base64Piece reads a piece of a base64 vector (RFC 4648 §4, padded or not).
func (s *Stream) base64Piece(src []byte) (int, error) {
	if n := alphabetRun(src); n > 0 && s.b64.pad == 0 { // nearly all of it, which is plain text to the lexer
		s.lex.Plain(n)
		s.b64.n += int64(n)
		s.read.BytesBase64 += int64(n)
		switch s.mask {
		case authz.MaskNone:
			s.emit(src[:n])
		case authz.MaskZero:
			s.zeroes(src[:n])
		}
		return n, nil
	}
	n, done, err := s.lex.String(src)
	if err != nil {
		return n, err
	}
	text := src[:n]
	if done {
		text = src[:n-1]
	}
	if err := s.base64Text(text); err != nil {
		return 0, err
	}
	switch {
	case s.mask == authz.MaskNone:
		s.emit(src[:n])
		if done {
			return n, s.endBase64()
		}
		return n, nil
	case s.mask == authz.MaskZero:
		s.zeroes(text)
	}
	if done {
		if err := s.endBase64(); err != nil {
			return n, err
		}
		s.emit([]byte{'"'})
	}
	return n, nil
}

// base64Text checks a piece of the text: the standard alphabet, '=' only at the end.
func (s *Stream) base64Text(text []byte) error {
	st := &s.b64
	body := text
	if i := bytes.IndexByte(text, '='); i >= 0 {
		body = text[:i]
		for _, c := range text[i:] {
			if c != '=' {
				return s.lex.Fail("text after base64 padding")
			}
		}
		if st.pad += len(text) - i; st.pad > 2 {
			return s.lex.Fail("bad base64 padding")
		}
	}
	if len(body) > 0 && st.pad > len(text)-len(body) {
		return s.lex.Fail("text after base64 padding")
	}
	if alphabetRun(body) < len(body) {
		return s.lex.Fail("not base64")
	}
	st.n += int64(len(body))
	s.read.BytesBase64 += int64(len(text))
	return nil
}

// zeroes writes as many zero characters as text has, padding kept: the answer keeps its length.
func (s *Stream) zeroes(text []byte) {
	if !s.copying {
		return
	}
	pad := 0
	for pad < len(text) && text[len(text)-1-pad] == '=' {
		pad++
	}
	for left := len(text) - pad; left > 0; {
		m := min(left, len(filler))
		s.out = append(s.out, filler[:m]...)
		left -= m
	}
	s.out = append(s.out, "=="[:pad]...)
}

// endBase64 checks the length: whole float32 values, padding as it must be or left out.
func (s *Stream) endBase64() error {
	st := s.b64
	s.inside = outside
	if r := st.n % 4; r == 1 || st.pad > 0 && int(r)+st.pad != 4 {
		return s.lex.Fail("bad base64 length")
	}
	decoded := st.n * 3 / 4
	if decoded%4 != 0 {
		return s.lex.Fail("base64 that is not whole float32 values")
	}
	s.read.Dims += decoded / 4
	return nil
}
