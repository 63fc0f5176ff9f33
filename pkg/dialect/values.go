package dialect

import (
	"bytes"
	"net/url"
	"slices"
	"strings"

	"github.com/weirgate/weir/pkg/authz"
)

// product multiplies two counts. Nothing of anything is nothing; else, where one has no bound or their product is too large for one, there
// is none.
func product(a, b int64) int64 {
	switch {
	case a == 0 || b == 0:
		return 0
	case a < 0 || b < 0 || a > maxBound/b:
		return authz.Unbounded
	}
	return a * b
}

// limited is a limit as a count: none stated is the API's own, and neither 0 nor what no collection reaches is a bound that every server
// keeps.
func limited(n, absent int64) int64 {
	switch {
	case n < 0:
		return absent
	case n == 0 || n > maxBound:
		return authz.Unbounded
	}
	return n
}

// absent is a number that a request does not state.
const absent int64 = -1

// maxNames bounds the names that are joined in one field of an operation, in bytes. They are written into records.
const maxNames = 1 << 10

// names collects names, each once, in the order in which they came; the empty one, of an unnamed vector, is a name too.
type names struct {
	joined string
	n      int
}

func (l *names) add(name string) error {
	switch {
	case l.n == 0:
		l.joined = name
	case l.has(name):
		return nil
	case len(l.joined)+1+len(name) > maxNames:
		return badBody("it names too many vectors or collections")
	default:
		l.joined += "," + name
	}
	l.n++
	return nil
}

// earlier returns the collections that earlier messages of a stream named.
func earlier(op authz.Operation) names {
	if !op.Complete {
		return names{}
	}
	return names{joined: op.Collection, n: 1}
}

func (l *names) has(name string) bool {
	for have := range strings.SplitSeq(l.joined, ",") {
		if have == name {
			return true
		}
	}
	return false
}

// addFrom adds the string at the reader's place; null adds nothing.
func (l *names) addFrom(r *reader, what string) error {
	c, err := r.peek()
	if err != nil || c == 'n' {
		return firstOf(err, r.skip)
	}
	s, err := r.text(what)
	if err != nil {
		return err
	}
	return l.add(s)
}

// firstOf returns err, or else what f returns.
func firstOf(err error, f func() error) error {
	if err != nil {
		return err
	}
	return f()
}

// flag consumes true or false; null is absent, and false.
func (r *reader) flag(what string) (bool, error) {
	c, err := r.peek()
	if err != nil {
		return false, err
	}
	if c != 't' && c != 'f' && c != 'n' {
		return false, badBody("%s is neither true nor false", what)
	}
	return c == 't', r.scalar(c)
}

// limit consumes a whole number into *n; null leaves it. Two spellings of the same limit are refused. A number that is too large to be one
// is one beyond any bound: some clients ask for all there is that way.
func (r *reader) limit(what string, n *int64) error {
	v, present := int64(maxBound)+1, true
	c, err := r.peek()
	if err != nil {
		return err
	}
	rest := r.src[r.at:]
	if digits := len(rest) - len(bytes.TrimLeft(rest, "0123456789")); digits > 18 {
		if digits < len(rest) && bytes.IndexByte([]byte(".eE"), rest[digits]) >= 0 {
			return badBody("%s is no whole number", what)
		}
		err = r.scalar(c)
	} else {
		v, present, err = r.number(what)
	}
	if !present || err != nil {
		return err
	}
	if *n >= 0 {
		return badBody("%s is stated twice", what)
	}
	*n = v
	return nil
}

// inner reads the known members of the object at the reader's place as members does; null is none.
func (r *reader) inner(what string, known []string, member func(r *reader, key string) error) error {
	c, err := r.peek()
	switch {
	case err != nil:
		return err
	case c == 'n':
		return r.skip()
	case c != '{':
		return badBody("%s is no object", what)
	}
	return r.members(known, member)
}

// each calls name for every string of the array at the reader's place; null is none.
func (r *reader) each(what string, name func(s string) error) error {
	c, err := r.peek()
	if err != nil || c == 'n' {
		return firstOf(err, r.skip)
	}
	return r.array(func() error {
		s, err := r.text(what)
		if err != nil {
			return err
		}
		return name(s)
	})
}

// selection counts the vectors that a request selects by name of each thing that it asks for.
type selection struct {
	known  []string // the names of vectors, where the operator gave them; else any name may be one
	n      int64
	stated bool // something was selected
}

// all is how many vectors a thing has; one where nobody says.
func (s *selection) all() int64 { return int64(max(1, len(s.known))) }

// add notes a name; wild says that it stands for all of them.
func (s *selection) add(name string, wild bool) {
	s.stated = true
	switch {
	case wild:
		s.n = max(s.n, s.all())
	case len(s.known) == 0 || slices.Contains(s.known, name):
		s.n++
	}
}

// star notes a name, of which * is all; it fits each.
func (s *selection) star(name string) error {
	s.add(name, name == "*")
	return nil
}

// parameters calls each for every parameter of a raw query, decoded, in order. It reports whether the query can be read in one way only:
// servers differ over ';' and over what is encoded wrongly.
func parameters(raw string, each func(name, value string) bool) bool {
	if strings.Contains(raw, ";") {
		return false
	}
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		k, v, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(k)
		if err != nil {
			return false
		}
		value, err := url.QueryUnescape(v)
		if err != nil || !each(name, value) {
			return false
		}
	}
	return true
}
