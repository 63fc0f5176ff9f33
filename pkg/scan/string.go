package scan

import "unicode/utf8"

// Piece is what String or Text consumed.
type Piece uint8

// The pieces of a string.
const (
	PiecePlain  Piece = iota // characters that stand for themselves; a UTF-8 sequence may be cut at the end
	PieceEscape              // an escape or a part of one; see Lexer.Rune
	PieceEnd                 // the closing quote
)

// stringState is the state inside a string: of an escape, of a UTF-8 sequence, of a surrogate pair.
type stringState struct {
	escape uint8  // 0 none, 1 after \, 2..5 hex digits of \u to come (5: four)
	hex    uint16 // digits so far
	high   uint16 // a high surrogate that waits for its other half; 0 none
	rune   rune   // the last escape's character; -1 while it is not complete
	part   [utf8.UTFMax]byte
	partN  int // bytes of a UTF-8 sequence that is not complete
}

// BeginString consumes the '"' that Value stopped at. Text or String reads on.
func (l *Lexer) BeginString() {
	l.pos++
	l.want = inString
}

// String consumes the string that BeginString began, or what src holds of it, its closing quote included; done tells that it ended.
func (l *Lexer) String(src []byte) (n int, done bool, err error) {
	for n < len(src) {
		m, piece, err := l.Text(src[n:])
		n += m
		if err != nil || piece == PieceEnd {
			return n, err == nil, err
		}
	}
	return n, false, nil
}

// Text consumes one piece of the string that BeginString began. src must not be empty.
func (l *Lexer) Text(src []byte) (n int, piece Piece, err error) {
	n, piece, err = l.text(src)
	if err == nil && piece == PieceEnd {
		l.valueDone()
	}
	return n, piece, err
}

// Rune returns the character that the last escape stands for, or -1 where it is not complete: cut, or the first half of a surrogate pair.
func (l *Lexer) Rune() rune { return l.str.rune }

// Base64 consumes characters of the standard base64 alphabet inside a string, faster than Text does. What comes then is for Text.
func (l *Lexer) Base64(src []byte) int {
	st := &l.str
	if l.want != inString || st.escape > 0 || st.high != 0 || st.partN > 0 {
		return 0
	}
	n := Base64Len(src)
	l.pos += int64(n)
	return n
}

// text consumes a piece of a string value or of a key.
func (l *Lexer) text(src []byte) (int, Piece, error) {
	st := &l.str
	if st.escape > 0 {
		n, err := l.escape(src)
		return n, PieceEscape, err
	}
	n, ascii := textLen(src)
	if n > 0 {
		if st.high != 0 {
			return 0, PiecePlain, l.Fail("lone surrogate")
		}
		if !ascii || st.partN > 0 {
			if !st.utf8(src[:n]) {
				return 0, PiecePlain, l.Fail("invalid UTF-8")
			}
		}
		l.pos += int64(n)
		return n, PiecePlain, nil
	}
	switch c := src[0]; {
	case st.partN > 0:
		return 0, PiecePlain, l.Fail("invalid UTF-8")
	case c == '\\':
		st.escape, st.rune = 1, -1
		l.pos++
		n, err := l.escape(src[1:])
		return 1 + n, PieceEscape, err
	case st.high != 0:
		return 0, PiecePlain, l.Fail("lone surrogate")
	case c == '"':
		l.pos++
		return 1, PieceEnd, nil
	}
	return 0, PiecePlain, l.Fail("control character in a string")
}

// utf8 reports whether b, after the sequence that was cut before it, is valid UTF-8 in shortest form (RFC 3629); a sequence cut at its end
// is kept.
func (st *stringState) utf8(b []byte) bool {
	for st.partN > 0 && len(b) > 0 {
		st.part[st.partN], b = b[0], b[1:]
		st.partN++
		if p := st.part[:st.partN]; utf8.FullRune(p) {
			if r, size := utf8.DecodeRune(p); r == utf8.RuneError && size <= 1 {
				return false
			}
			st.partN = 0
		}
	}
	for i := 1; i < utf8.UTFMax && i <= len(b); i++ {
		if tail := b[len(b)-i:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				st.partN = copy(st.part[:], tail)
				b = b[:len(b)-i]
			}
			break
		}
	}
	return utf8.Valid(b)
}

// escape consumes what follows a backslash, as far as src holds it.
func (l *Lexer) escape(src []byte) (n int, err error) {
	for n < len(src) && l.str.escape > 0 && err == nil {
		if l.str.escape > 1 {
			err = l.hexDigit(src[n])
		} else {
			err = l.escaped(src[n])
		}
		n++
		l.pos++
	}
	return n, err
}

// escaped takes the byte after a backslash.
func (l *Lexer) escaped(c byte) error {
	st := &l.str
	if c == 'u' {
		st.escape, st.hex = 5, 0
		return nil
	}
	if st.high != 0 {
		return l.Fail("lone surrogate")
	}
	st.escape = 0
	switch c {
	case '"', '\\', '/':
		st.rune = rune(c)
	case 'b':
		st.rune = '\b'
	case 'f':
		st.rune = '\f'
	case 'n':
		st.rune = '\n'
	case 'r':
		st.rune = '\r'
	case 't':
		st.rune = '\t'
	default:
		return l.Fail("unknown escape")
	}
	return nil
}

// hexDigit takes a digit of \uXXXX; surrogates must come in pairs.
func (l *Lexer) hexDigit(c byte) error {
	st := &l.str
	var d byte
	switch {
	case c >= '0' && c <= '9':
		d = c - '0'
	case c >= 'a' && c <= 'f':
		d = c - 'a' + 10
	case c >= 'A' && c <= 'F':
		d = c - 'A' + 10
	default:
		return l.Fail("bad \\u escape")
	}
	st.hex = st.hex<<4 | uint16(d)
	st.escape--
	if st.escape > 1 {
		return nil
	}
	st.escape = 0
	r := rune(st.hex)
	switch high, low := r >= 0xd800 && r < 0xdc00, r >= 0xdc00 && r < 0xe000; {
	case st.high != 0 && !low, st.high == 0 && low:
		return l.Fail("lone surrogate")
	case high:
		st.high = st.hex
		return nil
	case low:
		r = (rune(st.high)-0xd800)<<10 | (r - 0xdc00) + 0x10000
		st.high = 0
	}
	st.rune = r
	return nil
}

// keyPiece consumes a piece of an object key, and keeps it unescaped; done tells that it ended.
func (l *Lexer) keyPiece(src []byte) (n int, done bool, err error) {
	n, piece, err := l.text(src)
	if err != nil || piece == PieceEnd {
		return n, err == nil, err
	}
	if piece == PiecePlain {
		if len(l.key)+n > MaxKey {
			return n, false, l.Fail("key too long")
		}
		l.key = append(l.key, src[:n]...)
	} else if r := l.str.rune; r >= 0 {
		if l.key = utf8.AppendRune(l.key, r); len(l.key) > MaxKey {
			return n, false, l.Fail("key too long")
		}
	}
	return n, false, nil
}
