package scan

import (
	"fmt"
	"strings"
)

// maxPaths is how many paths a Set has bits for.
const maxPaths = 64

// Paths is a set of compiled field paths that are followed together through a document. The zero value matches nothing. It is read-only
// after CompilePaths, and safe for concurrent use.
type Paths struct {
	steps  [][]string // per path: a lower-case key, or "" for [*]
	vector Set        // paths of RoleVector
	floats Set        // paths whose encoding takes an array of numbers
	base64 Set        // paths whose encoding takes a base64 string
}

// Set is a set of paths, one bit each.
type Set uint64

// CompilePaths compiles fields, at most 64, by the grammar at Field. It fails on a path, role or encoding that it does not know.
func CompilePaths(fields []Field) (Paths, error) {
	var ps Paths
	if len(fields) > maxPaths {
		return ps, fmt.Errorf("%d field paths: at most %d", len(fields), maxPaths)
	}
	for i, f := range fields {
		steps, err := compile(f.Path)
		if err != nil {
			return Paths{}, err
		}
		bit := Set(1) << i
		ps.steps = append(ps.steps, steps)
		switch f.Role {
		case RoleVector, "":
			ps.vector |= bit
		case RoleScore:
		default:
			return Paths{}, fmt.Errorf("field path %q: unknown role %q", f.Path, f.Role)
		}
		switch f.Encoding {
		case EncodingAuto:
			ps.floats |= bit
			ps.base64 |= bit
		case EncodingFloats:
			ps.floats |= bit
		case EncodingBase64:
			ps.base64 |= bit
		default:
			return Paths{}, fmt.Errorf("field path %q: unknown encoding %q", f.Path, f.Encoding)
		}
	}
	return ps, nil
}

// compile reads the grammar described at Field. Keys outside ASCII are refused: no two parsers fold their case alike.
func compile(s string) ([]string, error) {
	var steps []string
	rest := s
	for rest != "" {
		if after, ok := strings.CutPrefix(rest, "[*]"); ok {
			steps, rest = append(steps, ""), after
			continue
		}
		if len(steps) > 0 {
			after, ok := strings.CutPrefix(rest, ".")
			if !ok {
				return nil, fmt.Errorf("field path %q: want . or [*] at %q", s, rest)
			}
			rest = after
		}
		end := strings.IndexAny(rest, ".[")
		if end < 0 {
			end = len(rest)
		}
		key := rest[:end]
		if key == "" {
			return nil, fmt.Errorf("field path %q: empty key", s)
		}
		if strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r >= 0x7f || r == ']' }) {
			return nil, fmt.Errorf("field path %q: the key %q is not plain ASCII", s, key)
		}
		steps, rest = append(steps, strings.ToLower(key)), rest[end:]
	}
	if len(steps) > MaxDepth {
		return nil, fmt.Errorf("field path %q: deeper than %d", s, MaxDepth)
	}
	return steps, nil
}

// All returns the set of all paths.
func (ps *Paths) All() Set {
	if len(ps.steps) == maxPaths {
		return ^Set(0)
	}
	return Set(1)<<len(ps.steps) - 1
}

// Element narrows s to the paths that go on through an array element at depth d (0: the document itself).
func (ps *Paths) Element(s Set, d int) Set {
	if s == 0 {
		return 0
	}
	var out Set
	for i, steps := range ps.steps {
		if s>>i&1 == 1 && d < len(steps) && steps[d] == "" {
			out |= 1 << i
		}
	}
	return out
}

// Key narrows s to the paths that go on through the object member key, already unescaped, at depth d.
func (ps *Paths) Key(s Set, d int, key []byte) Set {
	if s == 0 {
		return 0
	}
	var out Set
	for i, steps := range ps.steps {
		if s>>i&1 == 1 && d < len(steps) && steps[d] != "" && foldEqual(key, steps[d]) {
			out |= 1 << i
		}
	}
	return out
}

// Ends returns the paths of s that end at depth d.
func (ps *Paths) Ends(s Set, d int) Set {
	if s == 0 {
		return 0
	}
	var out Set
	for i, steps := range ps.steps {
		if s>>i&1 == 1 && len(steps) == d {
			out |= 1 << i
		}
	}
	return out
}

// Vectors returns the paths of s whose role is RoleVector.
func (ps *Paths) Vectors(s Set) Set { return s & ps.vector }

// TakesFloats reports whether a path of s takes an array of numbers.
func (ps *Paths) TakesFloats(s Set) bool { return s&ps.floats != 0 }

// TakesBase64 reports whether a path of s takes a base64 string.
func (ps *Paths) TakesBase64(s Set) bool { return s&ps.base64 != 0 }

// foldEqual compares a key with a lower-case ASCII one.
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

// AppendFold appends key, folded as paths fold keys, to dst: two keys that match the same path fold alike.
func AppendFold(dst, key []byte) []byte {
	for len(key) > 0 {
		c, n := fold(key)
		dst, key = append(dst, c), key[n:]
	}
	return dst
}

// fold returns the first character of key without its case, and how many bytes it takes. As in encoding/json (and Unicode simple folding)
// two letters outside ASCII fold to ASCII: U+017F to s, U+212A to k. Other bytes outside ASCII are returned as they are.
func fold(key []byte) (byte, int) {
	switch c := key[0]; {
	case c >= 'A' && c <= 'Z':
		return c + 'a' - 'A', 1
	case c == 0xc5 && len(key) > 1 && key[1] == 0xbf:
		return 's', 2
	case c == 0xe2 && len(key) > 2 && key[1] == 0x84 && key[2] == 0xaa:
		return 'k', 3
	default:
		return c, 1
	}
}
