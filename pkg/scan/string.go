package scan

import "unicode/utf8"

// stringState is the state inside a string: of an escape, of a UTF-8 sequence, of a surrogate pair.
type stringState struct {
	escape uint8  // 0 none, 1 after \, 2..5 hex digits of \u to come (5: four)
	hex    uint16 // digits so far
	high   uint16 // a high surrogate that waits for its other half; 0 none
	part   [utf8.UTFMax]byte
	partN  int // bytes of a UTF-8 sequence that is not complete
}

// stringPiece consumes string bytes up to and including the closing quote. With keep, the unescaped text goes to key.
func (l *Lexer) stringPiece(src []byte, keep bool) (n int, done bool, err error) {
	st := &l.str
	for n < len(src) {
		if st.escape == 0 && st.partN == 0 && st.high == 0 {
			m := plain(src[n:])
			if keep && m > 0 {
				if len(l.key)+m > MaxKey {
					return n, false, l.Fail("key too long")
				}
				l.key = append(l.key, src[n:n+m]...)
			}
			n += m
			l.pos += int64(m)
			if n == len(src) {
				return n, false, nil
			}
		}
		c := src[n]
		n++
		l.pos++
		switch {
		case st.escape > 0:
			err = l.escaped(c, keep)
		case st.high != 0 && c != '\\':
			err = l.Fail("lone surrogate")
		case st.partN > 0 || c >= utf8.RuneSelf:
			err = l.multibyte(c, keep)
		case c == '"':
			return n, true, nil
		case c == '\\':
			st.escape = 1
		case c < ' ':
			err = l.Fail("control character in a string")
		default:
			err = l.keep(keep, c)
		}
		if err != nil {
			return n, false, err
		}
	}
	return n, false, nil
}

func (l *Lexer) keep(keep bool, b ...byte) error {
	if !keep {
		return nil
	}
	if len(l.key)+len(b) > MaxKey {
		return l.Fail("key too long")
	}
	l.key = append(l.key, b...)
	return nil
}

// multibyte takes a byte of a UTF-8 sequence; it must be valid and shortest form (RFC 3629).
func (l *Lexer) multibyte(c byte, keep bool) error {
	st := &l.str
	st.part[st.partN] = c
	st.partN++
	p := st.part[:st.partN]
	if !utf8.FullRune(p) {
		return nil
	}
	if r, size := utf8.DecodeRune(p); r == utf8.RuneError && size <= 1 {
		return l.Fail("invalid UTF-8")
	}
	st.partN = 0
	return l.keep(keep, p...)
}

// escaped takes a byte after a backslash.
func (l *Lexer) escaped(c byte, keep bool) error {
	st := &l.str
	if st.escape > 1 {
		return l.hexDigit(c, keep)
	}
	if c == 'u' {
		st.escape, st.hex = 5, 0
		return nil
	}
	st.escape = 0
	if st.high != 0 {
		return l.Fail("lone surrogate")
	}
	switch c {
	case '"', '\\', '/':
		return l.keep(keep, c)
	case 'b':
		return l.keep(keep, '\b')
	case 'f':
		return l.keep(keep, '\f')
	case 'n':
		return l.keep(keep, '\n')
	case 'r':
		return l.keep(keep, '\r')
	case 't':
		return l.keep(keep, '\t')
	}
	return l.Fail("unknown escape")
}

// hexDigit takes a digit of a \u escape; surrogates must come in pairs.
func (l *Lexer) hexDigit(c byte, keep bool) error {
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
	return l.keep(keep, utf8.AppendRune(nil, r)...)
}
