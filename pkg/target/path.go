package target

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxPath is the longest path in bytes, query excluded.
const maxPath = 8 << 10

// Byte classes of a path. RFC 3986 §3.3 allows pchar and '/'; everything else appears percent-encoded in the canonical form.
const (
	plain   = iota // pchar but ';' and '%': written as it is
	encode         // written percent-encoded
	refused        // no reading of it is safe
)

// classOf returns the class of a decoded byte. "/" and "\" separate segments for some upstreams, ";" starts parameters for others, so
// none of them may come out of an escape as itself.
func classOf(c byte) int {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		return plain
	case c < ' ', c == 0x7f, c == '/', c == '\\':
		return refused
	}
	switch c {
	case '-', '.', '_', '~', '!', '$', '&', '\'', '(', ')', '*', '+', ',', '=', ':', '@':
		return plain
	}
	return encode
}

var (
	errNotAbsolute = errors.New("a path starts with /")
	errEscape      = errors.New("a percent sign is not followed by two hexadecimal digits")
	errSeparator   = errors.New("an encoded separator or control byte")
	errByte        = errors.New("a byte that no path has")
	errParams      = errors.New("path parameters (;) are read in different ways")
	errDots        = errors.New("a dot segment")
	errEmpty       = errors.New("an empty segment")
	errTwice       = errors.New("a percent sign encoded twice")
	errUTF8        = errors.New("it is not UTF-8")
	errLong        = fmt.Errorf("it is longer than %d bytes", maxPath)
)

// CanonicalPath returns the path of a request target, query cut off, in the form that rules are compared in: bytes that RFC 3986 lets
// stand in a segment are decoded, all others are percent-encoded with upper-case digits. It refuses, rather than repairs, whatever
// an upstream could read differently: encoded or backward slashes, NUL and other control bytes, malformed or double escapes, dot and
// empty segments, ";", and what is not UTF-8. A trailing slash is kept. The result is its own canonical form.
func CanonicalPath(target string) (string, error) {
	p, escaped, err := canonicalPath(target)
	if err == nil && escaped {
		return "", errSeparator
	}
	return p, err
}

// escapedSlash is a slash that is part of a name, in the canonical form of paths that may have one.
const escapedSlash = "%2F"

// canonicalPath is CanonicalPath of APIs that write a name with slashes in it as one segment. escaped says that the path has an encoded slash,
// which stays one. It has no empty and no dot segments even where somebody decodes it.
func canonicalPath(target string) (canonical string, escaped bool, err error) {
	p, _, _ := strings.Cut(target, "?")
	if len(p) > maxPath {
		return "", false, errLong
	}
	if p == "" || p[0] != '/' {
		return "", false, errNotAbsolute
	}
	i := 1
	for i < len(p) && (classOf(p[i]) == plain || p[i] == '/') {
		i++
	}
	if i < len(p) {
		if p, escaped, err = rewrite(p, i); err != nil {
			return "", false, err
		}
	}
	if escaped {
		return p, true, checkSegments(slashed(p))
	}
	return p, false, checkSegments(p)
}

// slashed is a canonical path as who decodes its slashes reads it.
func slashed(p string) string { return strings.ReplaceAll(p, escapedSlash, "/") }

// rewrite canonicalises the bytes of p from i on; those before are canonical.
func rewrite(p string, i int) (canonical string, escaped bool, err error) {
	const hex = "0123456789ABCDEF"
	out := make([]byte, i, len(p)+16)
	copy(out, p)
	decoded := make([]byte, 0, len(p)-i) // what the upstream sees, to be judged as UTF-8
	for ; i < len(p); i++ {
		c := p[i]
		switch {
		case c == '/':
			out, decoded = append(out, c), append(decoded, c)
			continue
		case c == ';':
			return "", false, errParams
		case c == '%':
			h, ok := unhex(p[i+1:])
			if !ok {
				return "", false, errEscape
			}
			c = h
			i += 2
			if c == '/' {
				out, decoded, escaped = append(out, escapedSlash...), append(decoded, c), true
				continue
			}
			if classOf(c) == refused {
				return "", false, errSeparator
			}
		case classOf(c) == refused, c == ' ', c == '#':
			return "", false, errByte
		}
		decoded = append(decoded, c)
		if classOf(c) == plain {
			out = append(out, c)
		} else {
			out = append(out, '%', hex[c>>4], hex[c&15])
		}
	}
	if !utf8.Valid(decoded) {
		return "", false, errUTF8
	}
	if len(out) > maxPath {
		return "", false, errLong
	}
	for j, c := range decoded {
		if c != '%' {
			continue
		}
		if _, again := unhex(string(decoded[j+1 : min(j+3, len(decoded))])); again {
			return "", false, errTwice
		}
	}
	return string(out), escaped, nil
}

// unhex reads two hexadecimal digits.
func unhex(s string) (byte, bool) {
	if len(s) < 2 {
		return 0, false
	}
	hi, ok1 := nibble(s[0])
	lo, ok2 := nibble(s[1])
	return hi<<4 | lo, ok1 && ok2
}

func nibble(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// checkSegments refuses empty and dot segments. Only the last segment may be empty: a trailing slash.
func checkSegments(p string) error {
	for rest := p[1:]; rest != ""; {
		seg, after, more := strings.Cut(rest, "/")
		switch seg {
		case "":
			return errEmpty
		case ".", "..":
			return errDots
		}
		if !more {
			break
		}
		rest = after
	}
	return nil
}
