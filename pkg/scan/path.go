package scan

import (
	"fmt"
	"math/bits"
	"strings"
)

// maxPaths is how many paths a Paths holds: a Set has a bit for each.
const maxPaths = 64

// stepKind is what a step of a path goes through.
type stepKind uint8

const (
	stepKey     stepKind = iota // the member of that name
	stepElement                 // [*]: every element of an array
	stepMember                  // .*: every member of an object
	stepDeep                    // .**: everything below, and the place itself
)

type step struct {
	kind stepKind
	key  string // lower-case, of stepKey
}

// Path is a compiled field path. The zero value matches the whole document.
type Path struct {
	steps []step
}

// CompilePath reads the grammar described at Field.
func CompilePath(s string) (Path, error) {
	var p Path
	for rest := s; rest != ""; {
		if after, ok := strings.CutPrefix(rest, "[*]"); ok {
			p.steps, rest = append(p.steps, step{kind: stepElement}), after
			continue
		}
		if len(p.steps) > 0 {
			after, ok := strings.CutPrefix(rest, ".")
			if !ok {
				return Path{}, fmt.Errorf("field path %q: want . or [*] at %q", s, rest)
			}
			rest = after
		}
		end := strings.IndexAny(rest, ".[")
		if end < 0 {
			end = len(rest)
		}
		if end == 0 {
			return Path{}, fmt.Errorf("field path %q: empty key", s)
		}
		p.steps, rest = append(p.steps, keyStep(rest[:end])), rest[end:]
	}
	for i, st := range p.steps {
		if st.kind == stepDeep && i != len(p.steps)-1 && (i != len(p.steps)-2 || p.steps[i+1].kind != stepKey) {
			return Path{}, fmt.Errorf("field path %q: ** is the last step or stands before one last key", s)
		}
	}
	return p, nil
}

func keyStep(key string) step {
	switch key {
	case "*":
		return step{kind: stepMember}
	case "**":
		return step{kind: stepDeep}
	}
	return step{kind: stepKey, key: strings.ToLower(key)}
}

// Paths is a set of compiled paths that are followed together through a document. At most 64. The zero value holds none. It is not
// written after CompilePaths and safe for concurrent use.
type Paths struct {
	all    uint64
	levels []level // by how many steps were taken; the last one stands for all that come after
	bottom uint64  // paths that end in **
	last   []keyed // the keys behind **
	stars  []int   // by path: the step that is its last .*, or -1
}

// level is what the paths do with the children of a place that is so many steps deep.
type level struct {
	ends    uint64 // paths that have no step here: the place is what they mean
	element uint64 // whose step is [*]
	member  uint64 // whose step is .*
	keys    []keyed
	deep    uint64 // whose ** has been reached: any step will do
}

// keyed is a key and the paths whose step it is.
type keyed struct {
	key   string
	paths uint64
}

// CompilePaths compiles a set.
func CompilePaths(fields []Field) (Paths, error) {
	if len(fields) > maxPaths {
		return Paths{}, fmt.Errorf("%d field paths: at most %d", len(fields), maxPaths)
	}
	var ps Paths
	for i, f := range fields {
		p, err := CompilePath(f.Path)
		if err != nil {
			return Paths{}, err
		}
		ps.add(p, 1<<i)
	}
	for d := range ps.levels { // what was reached stays so; a level beyond all paths ends none
		if d > 0 {
			ps.levels[d].deep |= ps.levels[d-1].deep
		}
	}
	return ps, nil
}

func (ps *Paths) add(p Path, bit uint64) {
	ps.all |= bit
	for len(ps.levels) < len(p.steps)+2 {
		ps.levels = append(ps.levels, level{})
	}
	star := -1
	for d, st := range p.steps {
		l := &ps.levels[d]
		switch st.kind {
		case stepKey:
			l.keys = addKey(l.keys, st.key, bit)
		case stepElement:
			l.element |= bit
		case stepMember:
			l.member |= bit
			star = d
		case stepDeep:
			l.deep |= bit
			if d == len(p.steps)-1 {
				ps.bottom |= bit
			} else {
				ps.last = addKey(ps.last, p.steps[d+1].key, bit)
			}
			ps.stars = append(ps.stars, star)
			return
		}
	}
	ps.levels[len(p.steps)].ends |= bit
	ps.stars = append(ps.stars, star)
}

func addKey(keys []keyed, key string, bit uint64) []keyed {
	for i := range keys {
		if keys[i].key == key {
			keys[i].paths |= bit
			return keys
		}
	}
	return append(keys, keyed{key, bit})
}

// Set says where a place of a document stands among paths: one bit each, in the order of the fields they were compiled from.
type Set struct {
	On   uint64 // those that go on below it
	Here uint64 // those that mean it
}

// First returns the first path that means the place, or -1.
func (s Set) First() int {
	if s.Here == 0 {
		return -1
	}
	return bits.TrailingZeros64(s.Here)
}

// Root returns the set of the document itself.
func (ps *Paths) Root() Set {
	if len(ps.levels) == 0 {
		return Set{}
	}
	return ps.set(ps.all, 0)
}

// Element returns the set of an element of the array whose set is s, which is d steps deep (0: the document itself).
func (ps *Paths) Element(s Set, d int) Set {
	if s.On == 0 {
		return Set{}
	}
	l := ps.level(d)
	return ps.set(s.On&(l.element|l.deep), d+1)
}

// Member returns the set of the member key, already unescaped, of the object whose set is s, which is d steps deep.
func (ps *Paths) Member(s Set, d int, key []byte) Set {
	if s.On == 0 {
		return Set{}
	}
	l := ps.level(d)
	out := ps.set(s.On&(l.member|l.deep|matching(l.keys, s.On, key)), d+1)
	out.Here |= s.On & l.deep & matching(ps.last, s.On, key)
	return out
}

// Through returns those of the paths in s that go on through the place, which is d steps deep, if it is an array, or else an object.
func (ps *Paths) Through(s Set, d int, array bool) uint64 {
	if s.On == 0 {
		return 0
	}
	l := ps.level(d)
	through := l.deep | l.element
	if !array {
		through = l.deep | l.member
		for i := range l.keys {
			through |= l.keys[i].paths
		}
	}
	return s.On & through
}

// Star returns how many steps deep the object is whose member path i's last .* stands for, or -1: the path has none.
func (ps *Paths) Star(i int) int { return ps.stars[i] }

// Named reports whether a .* of a path goes through the members of the object whose set is s, which is d steps deep.
func (ps *Paths) Named(s Set, d int) bool { return s.On != 0 && s.On&ps.level(d).member != 0 }

func (ps *Paths) level(d int) *level { return &ps.levels[min(d, len(ps.levels)-1)] }

// set sorts the paths that took d steps.
func (ps *Paths) set(on uint64, d int) Set {
	l := ps.level(d)
	return Set{On: on &^ l.ends, Here: on & (l.ends | l.deep&ps.bottom)}
}

// matching returns the paths of on whose key it is.
func matching(keys []keyed, on uint64, key []byte) (paths uint64) {
	for i := range keys {
		if keys[i].paths&on != 0 && foldEqual(key, keys[i].key) {
			paths |= keys[i].paths
		}
	}
	return paths
}

// foldEqual compares a key with a lower-case ASCII one as encoding/json's case folding does: see fold.
func foldEqual(key []byte, lower string) bool {
	i := 0
	for j := 0; j < len(lower); j++ {
		if i >= len(key) {
			return false
		}
		c, n := fold(key[i:])
		if c != lower[j] {
			return false
		}
		i += n
	}
	return i == len(key)
}

// fold returns the first letter of b in lower case, and its length: ASCII letters, and the two others that encoding/json takes for ASCII
// ones (U+017F for s, U+212A for k). Any other byte stands for itself.
func fold(b []byte) (c byte, n int) {
	switch c = b[0]; {
	case c >= 'A' && c <= 'Z':
		return c + 'a' - 'A', 1
	case c == 0xc5 && len(b) > 1 && b[1] == 0xbf:
		return 's', 2
	case c == 0xe2 && len(b) > 2 && b[1] == 0x84 && b[2] == 0xaa:
		return 'k', 3
	}
	return c, 1
}

// AppendFold appends key to dst as the laxest of clients' parsers compares it: keys that one takes for the same come out the same.
func AppendFold(dst, key []byte) []byte {
	for len(key) > 0 {
		c, n := fold(key)
		dst, key = append(dst, c), key[n:]
	}
	return dst
}
