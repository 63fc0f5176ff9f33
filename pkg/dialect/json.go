package dialect

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode"

	"github.com/weirgate/weir/pkg/scan"
)

// reader walks one JSON body, strictly and without building it: arrays are counted, strings skipped.
type reader struct {
	src []byte
	lex scan.Lexer
	at  int
	key []byte // of the member that the reader is at; reused
}

// object calls member for every member of the object at the reader's place; r.key is its key, and member must consume the value.
func (r *reader) object(member func() error) error {
	if c, err := r.peek(); err != nil {
		return err
	} else if c != '{' {
		return badBody("want an object at byte %d", r.at)
	}
	if err := r.enter('{'); err != nil {
		return err
	}
	for {
		ev, err := r.next()
		if err != nil {
			return err
		}
		if ev == scan.End {
			return nil
		}
		if err := member(); err != nil {
			return err
		}
	}
}

// array calls element for every element of the array at the reader's place; element must consume the value.
func (r *reader) array(element func() error) error {
	if c, err := r.peek(); err != nil {
		return err
	} else if c != '[' {
		return badBody("want an array at byte %d", r.at)
	}
	if err := r.enter('['); err != nil {
		return err
	}
	for {
		ev, err := r.next()
		if err != nil {
			return err
		}
		if ev == scan.End {
			return nil
		}
		if err := element(); err != nil {
			return err
		}
	}
}

// next goes on to the next event that matters: a value, a key (and on to its value), or the end of a container.
func (r *reader) next() (scan.Event, error) {
	ev, n, err := r.lex.Next(r.src[r.at:])
	r.at += n
	if err == nil && ev == scan.Key {
		r.key = append(r.key[:0], r.lex.Key()...)
		if ev, n, err = r.lex.Next(r.src[r.at:]); ev == scan.Value {
			ev = scan.Key
		}
		r.at += n
	}
	if err != nil {
		return ev, badBody("%v", err)
	}
	if ev == scan.More {
		return ev, badBody("it ends early")
	}
	return ev, nil
}

// peek returns the first byte of the value at the reader's place.
func (r *reader) peek() (byte, error) {
	if r.at < len(r.src) {
		if c := r.src[r.at]; c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			return c, nil
		}
	}
	ev, n, err := r.lex.Next(r.src[r.at:])
	r.at += n
	if err != nil {
		return 0, badBody("%v", err)
	}
	if ev != scan.Value {
		return 0, badBody("it ends early")
	}
	return r.src[r.at], nil
}

func (r *reader) enter(c byte) error {
	if err := r.lex.Enter(c); err != nil {
		return badBody("%v", err)
	}
	r.at++
	return nil
}

// skip consumes the value at the reader's place.
func (r *reader) skip() error {
	c, err := r.peek()
	if err != nil {
		return err
	}
	switch c {
	case '{':
		return r.object(r.skip)
	case '[':
		if err := r.enter('['); err != nil {
			return err
		}
		for {
			r.run()
			ev, err := r.next()
			if err != nil {
				return err
			}
			if ev == scan.End {
				return nil
			}
			if err := r.skip(); err != nil {
				return err
			}
		}
	case '"':
		_, err := r.raw()
		return err
	}
	return r.scalar(c)
}

// run consumes numbers where an element may begin, all but the array's last, and returns how many: token IDs and vectors are most of a large
// body.
func (r *reader) run() int64 {
	n, count := r.lex.Numbers(r.src[r.at:])
	r.at += n
	return int64(count)
}

// raw consumes a string and returns its text, quotes and escapes as they are.
func (r *reader) raw() ([]byte, error) {
	start := r.at
	r.lex.BeginString()
	r.at++
	n, done, err := r.lex.String(r.src[r.at:])
	r.at += n
	if err != nil {
		return nil, badBody("%v", err)
	}
	if !done {
		return nil, badBody("it ends early")
	}
	return r.src[start:r.at], nil
}

// scalar consumes a number or a word.
func (r *reader) scalar(c byte) error {
	var n int
	var done bool
	var err error
	if c == '-' || c >= '0' && c <= '9' {
		n, done, err = r.lex.Number(r.src[r.at:])
		done = done || r.lex.Done()
	} else {
		n, done, err = r.lex.Word(r.src[r.at:])
	}
	r.at += n
	if err != nil {
		return badBody("%v", err)
	}
	if !done {
		return badBody("it ends early")
	}
	return nil
}

// maxText bounds the names that are taken over into an operation, in bytes. They are written into records.
const maxText = 256

// text consumes a name; null is the empty string.
func (r *reader) text(what string) (string, error) {
	c, err := r.peek()
	if err != nil {
		return "", err
	}
	if c == 'n' {
		return "", r.scalar(c)
	}
	if c != '"' {
		return "", badBody("%s is no string", what)
	}
	raw, err := r.raw()
	if err != nil {
		return "", err
	}
	s := string(raw[1 : len(raw)-1])
	if strings.IndexByte(s, '\\') >= 0 {
		if err := json.Unmarshal(raw, &s); err != nil {
			return "", badBody("%s is no string", what)
		}
	}
	if len(s) > maxText || strings.ContainsFunc(s, unicode.IsControl) {
		return "", badBody("%s has more than %d bytes, or control characters", what, maxText)
	}
	return s, nil
}

// number consumes a whole number from 0 up; null is absent.
func (r *reader) number(what string) (n int64, present bool, err error) {
	c, err := r.peek()
	if err != nil {
		return 0, false, err
	}
	if c == 'n' {
		return 0, false, r.scalar(c)
	}
	if c < '0' || c > '9' {
		return 0, false, badBody("%s is no whole number", what)
	}
	start := r.at
	if err := r.scalar(c); err != nil {
		return 0, false, err
	}
	n, err = strconv.ParseInt(string(r.src[start:r.at]), 10, 64)
	if err != nil {
		return 0, false, badBody("%s is no whole number", what)
	}
	return n, true, nil
}

// count consumes an array and returns how many elements it has; null is none, and absent.
func (r *reader) count(what string) (n int64, present bool, err error) {
	c, err := r.peek()
	if err != nil {
		return 0, false, err
	}
	if c == 'n' {
		return 0, false, r.scalar(c)
	}
	if c != '[' {
		return 0, false, badBody("%s is no array", what)
	}
	err = r.array(func() error {
		n += r.run() + 1
		return r.skip()
	})
	return n, true, err
}

// texts consumes what is to be embedded and returns how many texts it is: a string is one, an array of token IDs is one, an array of
// strings and arrays of token IDs is as many as it has elements. Anything else could be more texts than it seems, and is refused.
func (r *reader) texts(what string) (int64, error) {
	c, err := r.peek()
	switch {
	case err != nil:
		return 0, err
	case c == '"':
		return 1, r.skip()
	case c != '[':
		return 0, badBody("%s is neither a string nor an array", what)
	}
	var texts, tokens int64
	err = r.array(func() error {
		tokens += r.run()
		c, err := r.peek()
		switch {
		case err != nil:
			return err
		case c == '"':
			texts++
			return r.skip()
		case c == '[':
			texts++
			return r.tokens(what)
		}
		tokens++
		return r.token(what)
	})
	switch {
	case err != nil:
		return 0, err
	case tokens > 0 && texts > 0:
		return 0, badBody("%s mixes texts and token IDs", what)
	case tokens > 0:
		return 1, nil
	}
	return texts, nil
}

// tokens consumes an array of numbers.
func (r *reader) tokens(what string) error {
	if err := r.enter('['); err != nil {
		return err
	}
	for {
		r.run()
		ev, err := r.next()
		if err != nil {
			return err
		}
		if ev == scan.End {
			return nil
		}
		if err := r.token(what); err != nil {
			return err
		}
	}
}

// token consumes a number.
func (r *reader) token(what string) error {
	c, err := r.peek()
	if err != nil {
		return err
	}
	if c != '-' && (c < '0' || c > '9') {
		return badBody("%s holds something that is neither text nor token ID", what)
	}
	return r.scalar(c)
}

// members consumes the object at the reader's place and calls member for its known keys. Keys are compared after unescaping. A known key
// that stands twice, or in another case, is refused: readers differ in which they take (encoding/json takes the last, whatever its case).
// Other keys are skipped; at most 64 keys can be known.
func (r *reader) members(known []string, member func(r *reader, key string) error) error {
	seen := uint64(0)
	return r.object(func() error {
		for i, k := range known {
			switch {
			case !strings.EqualFold(string(r.key), k):
				continue
			case string(r.key) != k:
				return badBody("a key differs from %s in case only", k)
			case seen>>i&1 == 1:
				return badBody("%s stands twice", k)
			}
			seen |= 1 << i
			return member(r, k)
		}
		return r.skip()
	})
}

// readObject reads a body that is one JSON object, and calls member for the known keys as members does.
func readObject(body []byte, known []string, member func(r *reader, key string) error) error {
	return readDocument(body, func(r *reader) error { return r.members(known, member) })
}

// readDocument reads a body that is one JSON document; value must consume it.
func readDocument(body []byte, value func(r *reader) error) error {
	if len(body) > 2 && body[0] == 0x1f && body[1] == 0x8b {
		return badBody("it is compressed; send it as it is, without content-encoding")
	}
	r := &reader{src: body}
	if err := value(r); err != nil {
		return err
	}
	if _, n, err := r.lex.Next(r.src[r.at:]); err != nil || r.at+n != len(body) {
		return badBody("text after the document")
	}
	return nil
}
