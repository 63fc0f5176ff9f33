package dialect

import (
	"encoding/json"
	"strconv"

	"github.com/weirgate/weir/pkg/scan"
)

// reader walks one JSON body, strictly and without building it: arrays are counted, strings skipped.
type reader struct {
	src []byte
	lex scan.Lexer
	at  int
	key string // of the member that the reader is at
}

// object calls member for every member of the object at the reader's place; member must consume the value. Keys are unique.
func (r *reader) object(member func(key string) error) error {
	if c, err := r.peek(); err != nil {
		return err
	} else if c != '{' {
		return badBody("want an object at byte %d", r.at)
	}
	if err := r.enter('{'); err != nil {
		return err
	}
	seen := map[string]bool{}
	for {
		ev, err := r.next()
		if err != nil {
			return err
		}
		if ev == scan.End {
			return nil
		}
		key := r.key
		if seen[key] {
			return badBody("a key stands twice at byte %d", r.at)
		}
		if seen[key] = true; len(seen) > 256 {
			return badBody("too many keys at byte %d", r.at)
		}
		if err := member(key); err != nil {
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
		r.key = string(r.lex.Key())
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
		return r.object(func(string) error { return r.skip() })
	case '[':
		if err := r.enter('['); err != nil {
			return err
		}
		for {
			n, _ := r.lex.Numbers(r.src[r.at:]) // token IDs, vectors: most of a large body
			r.at += n
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

// text consumes a string; null is the empty string.
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
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", badBody("%s is no string", what)
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

// count consumes an array and returns how many elements it has; null is none. each, where it is not nil, is called with each element's
// first byte.
func (r *reader) count(what string, each func(c byte)) (int64, error) {
	c, err := r.peek()
	if err != nil {
		return 0, err
	}
	if c == 'n' {
		return 0, r.scalar(c)
	}
	if c != '[' {
		return 0, badBody("%s is no array", what)
	}
	n := int64(0)
	err = r.array(func() error {
		n++
		if each != nil {
			c, err := r.peek()
			if err != nil {
				return err
			}
			each(c)
		}
		return r.skip()
	})
	return n, err
}

// readObject reads a body that is one JSON object.
func readObject(body []byte, member func(r *reader, key string) error) error {
	r := &reader{src: body}
	if err := r.object(func(key string) error { return member(r, key) }); err != nil {
		return err
	}
	if _, n, err := r.lex.Next(r.src[r.at:]); err != nil || r.at+n != len(body) {
		return badBody("text after the document")
	}
	return nil
}
