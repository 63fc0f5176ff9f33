package dialect

import (
	"strconv"
	"strings"

	"github.com/weirgate/weir/pkg/authz"
)

// Piece implements Storage.
func (Files) Piece(op authz.Operation, resp authz.Response) (authz.Piece, bool) {
	return pieceOf(op, resp)
}

// pieceOf is the part of op's object that an answer hands out as HTTP says it (RFC 9110 §14.4, §15.3.7). What says nothing sensible about its
// size is of unknown size, which is taken for all of the object. So is a part of what was encoded: it is one of something else.
func pieceOf(op authz.Operation, resp authz.Response) (authz.Piece, bool) {
	if op.Class != authz.ClassRead && op.Class != authz.ClassExport {
		return authz.Piece{}, false
	}
	p := authz.Piece{Object: op.Object, Version: entityTag(resp), Size: authz.UnknownLength, Length: resp.ContentLength}
	switch resp.Status {
	case 200, 203:
		if resp.ContentEncoding == "" {
			p.Size = resp.ContentLength
		}
		return p, true
	case 206:
		offset, length, size, ok := contentRange(resp.Headers)
		if ok && resp.ContentEncoding == "" && (resp.ContentLength == authz.UnknownLength || resp.ContentLength == length) {
			p.Offset, p.Length, p.Size = offset, length, size
		}
		return p, true
	}
	if resp.Status > 200 && resp.Status < 300 && resp.Status != 204 && resp.Status != 205 { // whatever it is, it has a body
		return p, true
	}
	return authz.Piece{}, false
}

// asStored is the answer of a store that encodes nothing on the way: a coding is how the object was put there.
func asStored(resp authz.Response) authz.Response {
	if resp.Status == 206 {
		resp.ContentEncoding = ""
	}
	return resp
}

// entityTag is strongETag of an answer that may have been encoded on the way: its tag may then be one of that coding (Apache's "…-gzip"). By it each
// coding would be a version of its own, which the registry does not know either.
func entityTag(resp authz.Response) string {
	if resp.ContentEncoding != "" {
		return ""
	}
	return strongETag(resp.Headers)
}

// strongETag returns the answer's entity tag, where there is one and it is not weak (RFC 9110 §8.8.3).
func strongETag(h authz.Header) string {
	tags := h["etag"]
	if len(tags) != 1 || len(tags[0]) > maxVersion || strings.HasPrefix(tags[0], "W/") {
		return ""
	}
	return strings.Trim(tags[0], `"`)
}

// maxVersion bounds a version that is relied on, in bytes; what is longer is none.
const maxVersion = 256

// contentRange reads "bytes 0-99/1234". ok is false for anything else, more than one of them, and numbers that make no sense.
func contentRange(h authz.Header) (offset, length, size int64, ok bool) {
	v := h["content-range"]
	if len(v) != 1 {
		return 0, 0, 0, false
	}
	unit, rest, _ := strings.Cut(v[0], " ")
	span, total, found := strings.Cut(rest, "/")
	from, to, found2 := strings.Cut(span, "-")
	if !strings.EqualFold(unit, "bytes") || !found || !found2 {
		return 0, 0, 0, false
	}
	a, err1 := strconv.ParseUint(from, 10, 62)
	b, err2 := strconv.ParseUint(to, 10, 62)
	if err1 != nil || err2 != nil || b < a {
		return 0, 0, 0, false
	}
	size = authz.UnknownLength
	if total != "*" {
		n, err := strconv.ParseUint(total, 10, 62)
		if err != nil || n <= b {
			return 0, 0, 0, false
		}
		size = int64(n)
	}
	return int64(a), int64(b-a) + 1, size, true
}
