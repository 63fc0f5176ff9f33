package dialect

import (
	"strings"
	"unicode/utf8"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
)

// store is what the dialects of stores have in common: heads that say all, and answers that are measured, not read.
type store struct{}

// NeedsBody implements Dialect.
func (store) NeedsBody(string, string) bool { return false }

// Body implements Dialect.
func (store) Body(op authz.Operation, _ []byte) (authz.Operation, error) { return op, nil }

// Carries implements Dialect: what is stored is not read.
func (store) Carries(authz.Operation) (scan.Format, []scan.Field) { return "", nil }

// Slashes reports whether the dialect of that name has paths with an encoded slash in them, %2F: its API writes a name with slashes as one
// segment. Of other dialects such a path is refused.
func Slashes(name string) bool {
	switch d, _ := ByName(name); d.(type) {
	case Hub, GCS, AzureBlob:
		return true
	}
	return false
}

// Written returns d as it reads a request to host whose path was sent as target: the canonical form of a path does not tell a + from %2B, which
// some stores do.
func Written(d Dialect, host, target string) Dialect {
	path, _, _ := strings.Cut(target, "?")
	literal := !strings.Contains(path, "+")
	switch s := d.(type) {
	case S3:
		s.Literal = literal
		if at := max(strings.LastIndex(host, ".s3."), strings.LastIndex(host, ".s3-")); s.Hosted && at > 0 { // a bucket's name may have dots
			s.Bucket = host[:at]
		}
		return s
	case GCS:
		s.Literal = literal
		return s
	}
	return d
}

// maxListing is the longest answer to a request for names, or to the removal of many things, in bytes: a thousand names of a thousand bytes
// each with room to spare, and no model.
const maxListing = 8 << 20

// Answer implements Dialect. What asks for no object gets none, whatever the upstream made of the request.
func (store) Answer(op authz.Operation, _ authz.Response) Answer {
	switch {
	case op.Class == authz.ClassRead, op.Class == authz.ClassExport:
		return Answer{}
	case op.Class == authz.ClassList, op.Class == authz.ClassWrite && op.Documents == authz.Unbounded:
		return Answer{MaxBytes: maxListing}
	}
	return Answer{MaxBytes: maxReceipt}
}

// Piece implements Storage.
func (store) Piece(op authz.Operation, resp authz.Response) (authz.Piece, bool) {
	return storedPiece(op, resp, entityTag(resp))
}

// storedPiece is pieceOf with a validator of the store's own. What an export hands out (a copy, the rows of a query) nobody can put into a
// place of its object: it is taken for all of it; and so is what a redirect leads to, away from here.
func storedPiece(op authz.Operation, resp authz.Response, version string) (authz.Piece, bool) {
	p, ok := pieceOf(op, resp)
	away := leadsAway(op, resp)
	if !ok && !away {
		return p, false
	}
	if p.Version = version; away || op.Class == authz.ClassExport {
		p = authz.Piece{Object: op.Object, Size: authz.UnknownLength, Length: authz.UnknownLength}
	}
	return p, true
}

// leadsAway reports whether an answer sends whoever asks for an object to another host: a registry to the store behind it, a store to a network
// that delivers for it. Who follows is not seen here.
func leadsAway(op authz.Operation, resp authz.Response) bool {
	if op.Class != authz.ClassRead && op.Class != authz.ClassExport {
		return false
	}
	switch resp.Status {
	case 301, 302, 303, 307, 308:
		for _, to := range resp.Headers["location"] {
			if !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.HasPrefix(to, `/\`) {
				return true
			}
		}
	}
	return false
}

// validator returns a header that an answer states once, in a length that is relied on; else "".
func validator(h authz.Header, name string) string {
	if v := h[name]; len(v) == 1 && len(v[0]) <= maxVersion {
		return v[0]
	}
	return ""
}

// maxParameters bounds the parameters of a query that is read.
const maxParameters = 32

// query is the parameters of a request to a store. No name stands twice in it, not even in another case: servers differ in which they take.
type query []parameter

type parameter struct{ name, value string }

// readQuery reads a raw query; ok is false where two servers could read it differently. Parameters of Weir's own are left out.
func readQuery(raw string) (q query, ok bool) {
	if raw == "" {
		return nil, true
	}
	ok = parameters(raw, func(name, value string) bool {
		if _, twice := q.fold(name); twice || len(q) == maxParameters || name == "" {
			return false
		}
		q = append(q, parameter{name, value})
		return true
	})
	return q, ok
}

// fold returns the parameter of that name in whatever case.
func (q query) fold(name string) (string, bool) {
	for _, p := range q {
		if strings.EqualFold(p.name, name) {
			return p.value, true
		}
	}
	return "", false
}

// get returns the value of a parameter, "" where it is absent.
func (q query) get(name string) string {
	for _, p := range q {
		if p.name == name {
			return p.value
		}
	}
	return ""
}

func (q query) has(name string) bool {
	for _, p := range q {
		if p.name == name {
			return true
		}
	}
	return false
}

// own reports whether a parameter is Weir's (a justification, a capability), whatever the store.
func (p parameter) own() bool { return strings.HasPrefix(p.name, "weir-") }

// read is the reading of one object.
func read(object string, h authz.Header) authz.Operation {
	return authz.Operation{
		Class: authz.ClassRead, Complete: true, Object: object, Range: rangeOf(h), Artifact: artifactOf(object), Documents: 1,
	}
}

// digits returns a positive whole number that is written in digits only, and is at most limit; 0 is none.
func digits(s string, limit int64) (n int64) {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' || n > limit {
			return 0
		}
		n = n*10 + int64(c-'0')
	}
	if n > limit {
		return 0
	}
	return n
}

// canonicalKey writes a decoded name of an object as the canonical form of a path (pkg/target) writes it: a name that a parameter or a header
// states is compared with those of paths. ok is false where no path has that name, or an upstream could read it differently.
func canonicalKey(plain string) (key string, ok bool) {
	const hex, marks = "0123456789ABCDEF", "-._~!$&'()*+,=:@/"
	if plain == "" || !utf8.ValidString(plain) || strings.HasPrefix(plain, "/") || strings.Contains(plain, "//") {
		return "", false
	}
	for seg := range strings.SplitSeq(plain, "/") {
		if seg == "." || seg == ".." {
			return "", false
		}
	}
	out := make([]byte, 0, len(plain)+16)
	for _, c := range []byte(plain) {
		switch {
		case c < ' ', c == 0x7f, c == '\\', c == ';', c == '%':
			return "", false
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte(marks, c) >= 0:
			out = append(out, c)
		default:
			out = append(out, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(out), true
}
