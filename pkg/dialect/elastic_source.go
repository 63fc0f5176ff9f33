package dialect

import (
	"strconv"
	"strings"
)

// elasticSource is which vectors of a document a request selects: of its source, by patterns that include and exclude, and beside it.
type elasticSource struct {
	selection          // what is selected by name beside the source
	extra     int64    // what scripts make
	none      bool     // no source at all
	includes  []string // patterns; none: all of it
	excludes  []string
	noVectors bool // the source without its vectors
}

// vectors is how many vectors of each document are selected.
func (s *elasticSource) vectors() int64 {
	return s.sourced() + s.n + s.extra
}

// sourced is how many come in the source.
func (s *elasticSource) sourced() (n int64) {
	if s.none || s.noVectors {
		return 0
	}
	if len(s.known) == 0 { // any field may be one
		for _, p := range s.excludes {
			if p == "*" {
				return 0
			}
		}
		return max(1, int64(len(s.includes)))
	}
	for _, name := range s.known {
		if (len(s.includes) == 0 || matchesAny(s.includes, name)) && !matchesAny(s.excludes, name) {
			n++
		}
	}
	return n
}

// matchesAny reports whether a pattern is the field, or an object that holds it.
func matchesAny(patterns []string, field string) bool {
	for _, p := range patterns {
		for end := len(field); end > 0; end = strings.LastIndexByte(field[:end], '.') {
			if matches(p, field[:end]) {
				return true
			}
		}
	}
	return false
}

// matches reports whether the pattern, in which * is anything, is the name.
func matches(pattern, name string) bool {
	before, after, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == name
	}
	rest, ok := strings.CutPrefix(name, before)
	if !ok {
		return false
	}
	for {
		piece, more, star := strings.Cut(after, "*")
		if !star {
			return strings.HasSuffix(rest, piece)
		}
		i := strings.Index(rest, piece)
		if i < 0 {
			return false
		}
		rest, after = rest[i+len(piece):], more
	}
}

// source reads _source: true, false, patterns, or an object of them.
func (s *elasticSource) source(r *reader) error {
	c, err := r.peek()
	switch {
	case err != nil:
		return err
	case c == 't' || c == 'f' || c == 'n':
		yes, err := r.flag("_source")
		s.none = c == 'f' && !yes
		return err
	case c != '{':
		return s.patterns(r, "_source", &s.includes)
	}
	return r.members([]string{"includes", "include", "excludes", "exclude", "exclude_vectors"}, func(r *reader, key string) (err error) {
		switch key {
		case "includes", "include":
			return s.patterns(r, key, &s.includes)
		case "excludes", "exclude":
			return s.patterns(r, key, &s.excludes)
		}
		s.noVectors, err = r.flag(key)
		return err
	})
}

// maxPatterns bounds the patterns that are kept of a request.
const maxPatterns = 1 << 10

func (s *elasticSource) patterns(r *reader, what string, to *[]string) error {
	add := func(p string) error {
		if len(*to) == maxPatterns {
			return badBody("%s has too many patterns", what)
		}
		*to = append(*to, p)
		return nil
	}
	c, err := r.peek()
	if err != nil || c != '"' {
		return firstOf(err, func() error { return r.each(what, add) })
	}
	p, err := r.text(what)
	return firstOf(err, func() error { return add(p) })
}

// fields reads what is selected beside the source: names, patterns, or objects with a field.
func (s *elasticSource) fields(r *reader, what string) error {
	c, err := r.peek()
	switch {
	case err != nil:
		return err
	case c == 'n':
		return r.skip()
	case c == '"':
		p, err := r.text(what)
		s.field(p)
		return err
	}
	return r.array(func() error {
		if c, err := r.peek(); err != nil || c != '{' {
			p, err := r.text(what)
			s.field(p)
			return err
		}
		return r.members([]string{"field"}, func(r *reader, key string) error {
			p, err := r.text(key)
			s.field(p)
			return err
		})
	})
}

// field notes a pattern of fields.
func (s *elasticSource) field(pattern string) {
	if len(s.known) == 0 {
		s.add(pattern, pattern == "*")
		return
	}
	for _, name := range s.known {
		if matchesAny([]string{pattern}, name) {
			s.add(name, false)
		}
	}
}

// parameters takes over what the URL says, and returns its size, absent for none. What it says of the source comes before what the body
// says; here both are taken, and more is selected.
func (s *elasticSource) parameters(kept string) (size int64) {
	size = absent
	var p elasticSource
	stated := false
	for pair := range strings.SplitSeq(kept, "&") {
		name, value, _ := strings.Cut(pair, "=")
		switch name {
		case "size":
			n, err := strconv.ParseInt(value, 10, 64)
			if size = n; err != nil || n < 0 {
				size = maxBound + 1 // no bound
			}
		case "_source":
			stated = true
			switch value {
			case "false":
				p.none = true
			case "true", "":
			default:
				p.includes = strings.Split(value, ",")
			}
		case "_source_includes", "_source_include":
			stated, p.includes = true, strings.Split(value, ",")
		case "_source_excludes", "_source_exclude":
			stated, p.excludes = true, strings.Split(value, ",")
		case "_source_exclude_vectors":
			stated, p.noVectors = true, value == "true" || value == ""
		case "stored_fields", "docvalue_fields":
			for f := range strings.SplitSeq(value, ",") {
				s.field(f)
			}
		}
	}
	if p.known = s.known; stated && (s.unstated() || p.sourced() > s.sourced()) {
		s.none, s.includes, s.excludes, s.noVectors = p.none, p.includes, p.excludes, p.noVectors
	}
	return size
}

// unstated reports whether nothing was said of the source yet.
func (s *elasticSource) unstated() bool {
	return !s.none && !s.noVectors && s.includes == nil && s.excludes == nil
}
