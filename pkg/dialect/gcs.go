package dialect

import (
	"net/url"
	"strings"

	"github.com/weirgate/weir/pkg/authz"
)

// GCS is the API of Google Cloud Storage, JSON and XML. Source: its JSON reference v1 (objects) and its XML reference. An object is
// bucket/name. The JSON API writes the slashes of a name as %2F, which no canonical path has (pkg/target): such a request is refused before
// it comes here, and the XML API, which signed URLs use, is the way to it. Copies are exports of their source; what is composed, the body
// names, and it may be anything in the bucket. Batches are not known.
type GCS struct{ store }

// Name implements Dialect.
func (GCS) Name() string { return "gcs" }

// Head implements Dialect.
func (GCS) Head(method, path, rawQuery string, h authz.Header) authz.Operation {
	q, ok := readQuery(rawQuery)
	if !ok || overridesMethod(h) || !q.gcs() {
		return unknown()
	}
	reads := method == "GET" || method == "HEAD"
	first, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch first {
	case "storage":
		call, ok := strings.CutPrefix(rest, "v1/b")
		if !ok || call != "" && call[0] != '/' {
			return unknown()
		}
		return gcsJSON(method, strings.TrimPrefix(call, "/"), q, h)
	case "download":
		call, ok := strings.CutPrefix(rest, "storage/v1/b/")
		bucket, name, found := strings.Cut(call, "/o/")
		if !ok || !found || !reads || bucket == "" || name == "" || strings.Contains(bucket+name, "/") || q.get("alt") != "media" {
			return unknown()
		}
		return gcsRead(bucket, name, q, h)
	case "upload", "resumable":
		call, ok := strings.CutPrefix(rest, "storage/v1/b/")
		bucket, tail, _ := strings.Cut(call, "/")
		if !ok || tail != "o" || method != "POST" && method != "PUT" && method != "DELETE" {
			return unknown()
		}
		return authz.Operation{Class: authz.ClassWrite, Complete: true, Collection: bucket, Object: bucket}
	case "", "batch":
		return unknown()
	}
	return gcsXML(method, first, rest, q, h)
}

// gcsRead is the reading of an object's content.
func gcsRead(bucket, name string, q query, h authz.Header) authz.Operation {
	op := read(bucket+"/"+name, h)
	op.Collection, op.Version = bucket, q.get("generation")
	return op
}

// gcsJSON is a call of the JSON API, by what follows /b/.
func gcsJSON(method, call string, q query, h authz.Header) authz.Operation {
	reads := method == "GET" || method == "HEAD"
	parts := strings.SplitN(call, "/", 9)
	bucket := parts[0]
	op := authz.Operation{Class: authz.ClassAdmin, Complete: true, Collection: bucket, Object: bucket}
	media := q.get("alt") == "media"
	switch {
	case len(parts) >= 3 && parts[1] == "o":
	case media || len(parts) > 3:
		return unknown()
	case len(parts) == 1 || len(parts) == 2 && parts[1] == "o":
		if reads {
			op.Class = authz.ClassList
		}
		return op
	case len(parts) == 2 || parts[1] != "o": // its access, its notifications
		return op
	}
	if parts[2] == "" || bucket == "" {
		return unknown()
	}
	object := bucket + "/" + parts[2]
	op.Object, op.Version, op.Artifact = object, q.get("generation"), artifactOf(object)
	switch {
	case len(parts) == 3 && reads && media:
		return gcsRead(bucket, parts[2], q, h)
	case media:
		return unknown()
	case len(parts) == 3 && reads:
		op.Class = authz.ClassList
	case len(parts) == 3:
		op.Class = authz.ClassWrite
	case len(parts) == 4 && parts[3] == "compose" && method == "POST":
		op.Class, op.Object, op.Version, op.Documents = authz.ClassExport, bucket, "", authz.Unbounded
	case len(parts) == 8 && (parts[3] == "rewriteTo" || parts[3] == "copyTo") && parts[4] == "b" && parts[6] == "o" && method == "POST":
		op.Class, op.Version, op.Documents = authz.ClassExport, q.get("sourceGeneration"), 1
	case parts[3] == "acl" || parts[3] == "iam" || parts[3] == "moveTo" || parts[3] == "restore":
	default:
		return unknown()
	}
	return op
}

// gcsXML is a call of the XML API.
func gcsXML(method, bucket, name string, q query, h authz.Header) authz.Operation {
	reads := method == "GET" || method == "HEAD"
	op := authz.Operation{Class: authz.ClassAdmin, Complete: true, Collection: bucket, Object: bucket}
	switch {
	case q.has("alt"):
		return unknown()
	case name == "" && reads && !q.has("acl"):
		op.Class = authz.ClassList
		return op
	case name == "":
		return op
	}
	op.Object, op.Artifact = bucket+"/"+name, artifactOf(name)
	copies := h["x-goog-copy-source"]
	switch {
	case len(h["x-amz-copy-source"]) > 0 || len(copies) > 0 && method != "PUT":
		return unknown()
	case q.has("acl"):
	case reads:
		return gcsRead(bucket, name, q, h)
	case len(copies) > 0:
		plain, err := url.PathUnescape(strings.TrimPrefix(copies[0], "/"))
		object, ok := canonicalKey(plain)
		source, key, _ := strings.Cut(object, "/")
		if len(copies) > 1 || err != nil || !ok || key == "" {
			return unknown()
		}
		op = authz.Operation{Class: authz.ClassExport, Complete: true, Collection: source, Object: object, Artifact: artifactOf(object), Documents: 1}
		op.Version = validator(h, "x-goog-copy-source-generation")
	case method == "PUT" || method == "POST" || method == "DELETE":
		op.Class = authz.ClassWrite
	default:
		return unknown()
	}
	return op
}

// gcs reports whether all parameters are known.
func (q query) gcs() bool {
	return q.only("", "alt", "generation", "sourceGeneration", "fields", "projection", "prettyPrint", "quotaUser", "userProject", "key", "uploadType",
		"upload_id", "name", "prefix", "delimiter", "pageToken", "maxResults", "startOffset", "endOffset", "versions", "project", "marker", "max-keys",
		"list-type", "continuation-token", "ifGenerationMatch", "ifGenerationNotMatch", "ifMetagenerationMatch", "ifMetagenerationNotMatch",
		"ifSourceGenerationMatch", "rewriteToken", "acl", "uploads", "uploadId", "partNumber", "GoogleAccessId", "X-Goog-Algorithm", "X-Goog-Credential",
		"X-Goog-Date", "X-Goog-Expires", "X-Goog-SignedHeaders", "X-Goog-Signature", "response-content-disposition", "response-content-type")
}

// Piece implements Storage. The MD5 of x-goog-hash goes first, which content written again has again; composed objects have a generation
// only.
func (GCS) Piece(op authz.Operation, resp authz.Response) (authz.Piece, bool) {
	version := ""
	for _, line := range resp.Headers["x-goog-hash"] {
		for part := range strings.SplitSeq(line, ",") {
			if sum, ok := strings.CutPrefix(strings.TrimSpace(part), "md5="); ok && len(sum) == 24 {
				version = sum
			}
		}
	}
	if version == "" {
		version = validator(resp.Headers, "x-goog-generation")
	}
	if version == "" {
		version = strongETag(resp.Headers)
	}
	return storedPiece(op, resp, version)
}
