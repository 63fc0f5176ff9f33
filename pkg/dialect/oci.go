package dialect

import (
	"strings"

	"github.com/weirgate/weir/pkg/authz"
)

// OCI is the API of registries of images and artifacts. Source: the OCI distribution specification 1.1, "Endpoints" and "Pull". A collection
// is a repository; what is asked for by digest is an object of that digest in whatever repository it lies, since one blob may lie in many. A
// mount is an export of the blob from the repository that it is taken from.
type OCI struct{ store }

// Name implements Dialect.
func (OCI) Name() string { return "oci" }

// Head implements Dialect.
func (OCI) Head(method, path, rawQuery string, h authz.Header) authz.Operation {
	q, ok := readQuery(rawQuery)
	rest, v2 := strings.CutPrefix(path, "/v2/")
	reads := method == "GET" || method == "HEAD"
	if !ok || overridesMethod(h) || !v2 && path != "/v2" {
		return unknown()
	}
	if rest == "" || !v2 || rest == "_catalog" {
		if reads && q.only("", "n", "last") {
			return complete(authz.ClassList)
		}
		return unknown()
	}
	name, kind, ref := cutRepository(rest)
	if !isRepository(name) || ref == "" {
		return unknown()
	}
	op := authz.Operation{Complete: true, Collection: name, Object: name}
	switch kind {
	case "manifests", "blobs":
		if id, upload := strings.CutPrefix(ref, "uploads/"); kind == "blobs" && upload {
			return ociUpload(method, id, op, q)
		}
		return ociContent(method, kind, ref, op, q, h)
	case "tags":
		if ref == "list" && reads && q.only("", "n", "last") {
			op.Class = authz.ClassList
			return op
		}
	case "referrers":
		if isDigest(ref) && reads && q.only("", "artifactType", "n", "last") {
			op.Class = authz.ClassList
			return op
		}
	}
	return unknown()
}

// ociContent is what is done with a manifest or a blob.
func ociContent(method, kind, ref string, op authz.Operation, q query, h authz.Header) authz.Operation {
	switch {
	case isDigest(ref):
		op.Object, op.Version = ref, ref
	case kind == "manifests" && isTag(ref):
		op.Object += ":" + ref
	default:
		return unknown()
	}
	if !q.only("") {
		return unknown()
	}
	switch method {
	case "GET", "HEAD":
		op.Class, op.Documents, op.Range = authz.ClassRead, 1, rangeOf(h)
	case "PUT", "DELETE":
		if method == "PUT" && kind == "blobs" {
			return unknown()
		}
		op.Class = authz.ClassWrite
	default:
		return unknown()
	}
	return op
}

// ociUpload is what is done with an upload; id is empty where it begins.
func ociUpload(method, id string, op authz.Operation, q query) authz.Operation {
	digest, from := q.get("digest"), q.get("from")
	op.Class = authz.ClassWrite
	switch {
	case strings.Contains(id, "/") || q.has("digest") && !isDigest(digest) || !q.only("", "digest", "digest-algorithm", "mount", "from", "_state"):
		return unknown()
	case method == "POST" && id == "" && q.has("mount"):
		if !isDigest(q.get("mount")) || q.has("from") && !isRepository(from) {
			return unknown()
		}
		if from == "" {
			return unknown() // from wherever the registry finds it
		}
		op.Class, op.Documents, op.Object, op.Version = authz.ClassExport, 1, q.get("mount"), q.get("mount")
		op.Into, op.Collection = op.Collection, from
	case q.has("mount") || q.has("from"):
		return unknown()
	case method == "POST" && id == "":
	case id != "" && (method == "PATCH" || method == "PUT" || method == "DELETE"):
	case id != "" && method == "GET":
		op.Class = authz.ClassList
	default:
		return unknown()
	}
	return op
}

// Other implements Copier: the path of the blob that is mounted.
func (OCI) Other(_ string, op authz.Operation) string {
	return "/v2/" + op.Collection + "/blobs/" + op.Object
}

// cutRepository cuts NAME/KIND/REFERENCE. A name may hold the words of kinds: the last one counts, as registries have it.
func cutRepository(rest string) (name, kind, ref string) {
	end := -1
	for _, k := range [...]string{"manifests", "blobs", "tags", "referrers"} {
		if i := strings.LastIndex(rest, "/"+k+"/"); i > end {
			end, kind = i, k
		}
	}
	if end < 0 {
		return "", "", ""
	}
	return rest[:end], kind, rest[end+len(kind)+2:]
}

// isRepository reports whether a name is one of a repository: lower-case letters, digits and separators, of at most 255 bytes.
func isRepository(name string) bool {
	return name != "" && len(name) <= 255 && consists(name, "abcdefghijklmnopqrstuvwxyz0123456789._-/")
}

func isTag(s string) bool {
	const first = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
	return len(s) > 0 && len(s) <= 128 && strings.IndexByte(first, s[0]) >= 0 && consists(s, first+".-")
}

// isDigest reports whether s is a digest by one of the algorithms that the specification registers.
func isDigest(s string) bool {
	hex, short := strings.CutPrefix(s, "sha256:")
	if short {
		return isHex(hex, 64)
	}
	hex, long := strings.CutPrefix(s, "sha512:")
	return long && isHex(hex, 128)
}

// isHex reports whether s is n hexadecimal digits, in lower case.
func isHex(s string, n int) bool { return len(s) == n && consists(s, "0123456789abcdef") }

// consists reports whether s has no other bytes than these.
func consists(s, of string) bool {
	for i := range len(s) {
		if strings.IndexByte(of, s[i]) < 0 {
			return false
		}
	}
	return true
}

// Piece implements Storage. What a tag names, the answer's Docker-Content-Digest says.
func (OCI) Piece(op authz.Operation, resp authz.Response) (authz.Piece, bool) {
	version := op.Version
	if version == "" {
		if version = validator(resp.Headers, "docker-content-digest"); !isDigest(version) {
			version = entityTag(resp)
		}
	}
	return storedPiece(op, resp, version)
}
