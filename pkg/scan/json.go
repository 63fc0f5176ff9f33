package scan

import "fmt"

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

// InKey reports whether a key was begun and is not finished.
func (l *Lexer) InKey() bool { return l.want == inKey }

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
