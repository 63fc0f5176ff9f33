package scan

import (
	"fmt"
	"unicode/utf8"
)

const (
	// MaxDepth is how deep arrays and objects may nest.
	MaxDepth = 64
	// MaxKey is the longest object key, in bytes after unescaping.
	MaxKey = 1 << 10
	// maxNumber is the longest number, in bytes.
	maxNumber = 64
)

// Event is what Lexer.Next stopped at.
type Event uint8

// The events.
const (
	More  Event = iota // all of the source is consumed; the document goes on (or is over: see Done)
	Value              // a value starts at the next byte, which is not consumed: use Enter, BeginString, Number or Literal
	Key                // an object key was consumed; see Lexer.Key
	End                // the innermost array or object was closed
)

// expectation is what may come next outside tokens.
type expectation uint8

const (
	wantValue      expectation = iota // a value
	wantValueOrEnd                    // the first element of an array, or ]
	wantKeyOrEnd                      // the first key of an object, or }
	wantKey                           // a key, after a comma
	wantColon                         // after a key
	wantCommaOrEnd                    // after an element or a member
	wantNothing                       // the document is complete
	inKey                             // inside an object key
	inString                          // inside a string value
	inNumber                          // inside a number
	inWord                            // inside true, false or null
)

// Lexer reads one JSON document (RFC 8259) over any chunking. The zero value is ready; a Lexer belongs to one goroutine. Memory is bounded
// by MaxDepth and MaxKey.
type Lexer struct {
	want   expectation
	depth  int
	object [MaxDepth + 1]bool // whether the container at a depth is an object
	pos    int64              // bytes consumed
	key    []byte             // the last key, unescaped
	str    stringState
	num    numberState
	word   string // what is left of a literal
}

// Depth returns how many arrays and objects are open.
func (l *Lexer) Depth() int { return l.depth }

// InObject reports whether the innermost container is an object.
func (l *Lexer) InObject() bool { return l.depth > 0 && l.object[l.depth] }

// Key returns the last key, unescaped; valid until another one begins.
func (l *Lexer) Key() []byte { return l.key }

// Done reports whether the document is complete: only white space may follow.
func (l *Lexer) Done() bool {
	return l.want == wantNothing || l.want == inNumber && l.depth == 0 && l.num.final()
}

// Fresh reports whether no document has begun yet.
func (l *Lexer) Fresh() bool { return l.want == wantValue && l.depth == 0 }

// Reset makes the lexer ready for another document. Pos goes on.
func (l *Lexer) Reset() { *l = Lexer{pos: l.pos, key: l.key[:0]} }

// Pos returns how many bytes were consumed.
func (l *Lexer) Pos() int64 { return l.pos }

// Fail returns an error at the current position that wraps ErrMalformed. It never holds the document's text.
func (l *Lexer) Fail(what string) error {
	return fmt.Errorf("%w: %s at byte %d", ErrMalformed, what, l.pos)
}

// Next consumes white space, punctuation, keys and closing brackets of src up to the next event, and returns how many bytes that were.
// Inside a value that was begun and not finished it must not be called.
func (l *Lexer) Next(src []byte) (Event, int, error) {
	n := 0
	for n < len(src) {
		if l.want == inKey {
			m, done, err := l.stringPiece(src[n:], true)
			n += m
			if err != nil {
				return More, n, err
			}
			if done {
				l.want = wantColon
				return Key, n, nil
			}
			continue
		}
		c := src[n]
		if c == ' ' || c == '\n' || c == '\r' || c == '\t' {
			n++
			l.pos++
			continue
		}
		ev, consumed, err := l.step(c)
		if consumed {
			n++
			l.pos++
		}
		if err != nil || ev != More {
			return ev, n, err
		}
	}
	return More, n, nil
}

// step handles one byte that is no white space, outside tokens.
func (l *Lexer) step(c byte) (Event, bool, error) {
	switch l.want {
	case wantValueOrEnd, wantKeyOrEnd:
		if c == ']' && l.want == wantValueOrEnd || c == '}' && l.want == wantKeyOrEnd {
			l.close()
			return End, true, nil
		}
		if l.want == wantValueOrEnd {
			return Value, false, nil
		}
		return l.beginKey(c)
	case wantKey:
		return l.beginKey(c)
	case wantValue:
		return Value, false, nil
	case wantColon:
		if c == ':' {
			l.want = wantValue
			return More, true, nil
		}
	case wantCommaOrEnd:
		switch {
		case c == ',' && l.InObject():
			l.want = wantKey
			return More, true, nil
		case c == ',':
			l.want = wantValue
			return More, true, nil
		case c == '}' && l.InObject(), c == ']' && !l.InObject():
			l.close()
			return End, true, nil
		}
	case wantNothing:
		return More, false, l.Fail("text after the document")
	case inKey, inString, inNumber, inWord:
	}
	return More, false, l.Fail("unexpected character")
}

func (l *Lexer) beginKey(c byte) (Event, bool, error) {
	if c != '"' {
		return More, false, l.Fail("want a key")
	}
	l.want, l.key = inKey, l.key[:0]
	return More, true, nil
}

// close leaves the innermost container.
func (l *Lexer) close() {
	l.depth--
	l.valueDone()
}

func (l *Lexer) valueDone() {
	l.want = wantCommaOrEnd
	if l.depth == 0 {
		l.want = wantNothing
	}
}

// Enter consumes '[' or '{', the byte that Value stopped at.
func (l *Lexer) Enter(c byte) error {
	if l.depth == MaxDepth {
		return l.Fail("nested too deep")
	}
	l.pos++
	l.depth++
	l.object[l.depth] = c == '{'
	l.want = wantValueOrEnd
	if c == '{' {
		l.want = wantKeyOrEnd
	}
	return nil
}

// BeginString consumes the '"' that Value stopped at. String reads on.
func (l *Lexer) BeginString() {
	l.pos++
	l.want = inString
}

// String consumes a piece of the string that BeginString began, its closing quote included; done tells that it ended.
func (l *Lexer) String(src []byte) (n int, done bool, err error) {
	n, done, err = l.stringPiece(src, false)
	if done {
		l.valueDone()
	}
	return n, done, err
}

// Plain says that the next n bytes were found to be plain text of the string that runs, by a caller that reads faster: printable ASCII
// without '"' and '\\'. No escape may be under way, which such a caller stops at.
func (l *Lexer) Plain(n int) { l.pos += int64(n) }

// InValue reports whether a string, number or word was begun and is not finished, and which.
func (l *Lexer) InValue() (str, num, word bool) {
	return l.want == inString, l.want == inNumber, l.want == inWord
}

// Word consumes a piece of true, false or null; the first call is made where Value stopped.
func (l *Lexer) Word(src []byte) (n int, done bool, err error) {
	if l.want != inWord {
		switch src[0] {
		case 't':
			l.word = "true"
		case 'f':
			l.word = "false"
		case 'n':
			l.word = "null"
		default:
			return 0, false, l.Fail("unexpected character")
		}
		l.want = inWord
	}
	for n < len(src) && l.word != "" {
		if src[n] != l.word[0] {
			return n, false, l.Fail("unexpected character")
		}
		l.word = l.word[1:]
		n++
		l.pos++
	}
	if l.word == "" {
		l.valueDone()
		return n, true, nil
	}
	return n, false, nil
}

// EndOfInput says that nothing follows; it fails unless the document is complete.
func (l *Lexer) EndOfInput() error {
	if !l.Done() {
		return l.Fail("the document ends early")
	}
	return nil
}

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
