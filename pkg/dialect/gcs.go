package dialect

import (
	"strings"

	"github.com/weirgate/weir/pkg/authz"
)

// GCS is the API of Google Cloud Storage, JSON and XML, with the bucket in the path. Source: the discovery document of storage v1, revision 20261009
// (google-api-python-client 2.202.0), for JSON; for XML the pages "Request endpoints", "Copy an object" and the reference beside them on
// cloud.google.com/storage/docs. An object is bucket/name. The JSON API writes the slashes of a name as %2F, in one segment (Slashes); by XML they
// are slashes. Copies are exports of their source, and say where it goes; what is composed, the body names, and it may be anything in the bucket.
// Not known: batches, gRPC, soft-deleted objects, and what gives an object to others in the head of an upload; a body may do that too, and is not
// read, so that a change of what is known of an object is administration. Folders and caches are not known either.
type GCS struct {
	store
	// Literal says that no + stands in the path as it was sent: those in its canonical form were %2B. The documentation has every + encoded, and
	// clients of Google's have taken it for a space.
	Literal bool
}

// Name implements Dialect.
func (GCS) Name() string { return "gcs" }

// Head implements Dialect.
func (d GCS) Head(method, path, rawQuery string, h authz.Header) authz.Operation {
	q, ok := readQuery(rawQuery)
	if !ok || overridesMethod(h) || !q.gcs() || !d.Literal && strings.Contains(path, "+") || gives(h, q) {
		return unknown()
	}
	first, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if strings.Contains(first, "%") || q.has("generation") && digits(q.get("generation"), 1<<62) == 0 {
		return unknown()
	}
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
		if !ok || !found || method != "GET" && method != "HEAD" || bucket == "" || name == "" || strings.Contains(bucket+name, "/") || q.get("alt") != "media" {
			return unknown()
		}
		return gcsRead(bucket, plainSlashes(name), q, h)
	case "upload":
		return gcsUpload(method, rest, q)
	case "resumable":
		call, ok := strings.CutPrefix(rest, "upload/")
		if !ok {
			return unknown()
		}
		return gcsUpload(method, call, q)
	case "", "batch":
		return unknown()
	}
	return gcsXML(method, first, plainSlashes(rest), q, h)
}

// plainSlashes is a name of one segment, as a path of several writes it.
func plainSlashes(name string) string { return strings.ReplaceAll(name, "%2F", "/") }

// gcsRead is the reading of an object's content.
func gcsRead(bucket, name string, q query, h authz.Header) authz.Operation {
	op := read(bucket+"/"+name, h)
	op.Collection, op.Version = bucket, q.get("generation")
	return op
}

// gcsUpload is an upload by the JSON API. Its name stands in the query, or in a body that is not read.
func gcsUpload(method, call string, q query) authz.Operation {
	call, ok := strings.CutPrefix(call, "storage/v1/b/")
	bucket, tail, _ := strings.Cut(call, "/")
	if !ok || tail != "o" || bucket == "" || method != "POST" && method != "PUT" && method != "DELETE" {
		return unknown()
	}
	op := authz.Operation{Class: authz.ClassWrite, Complete: true, Collection: bucket, Object: bucket}
	if q.has("name") {
		name, ok := canonicalKey(q.get("name"))
		if !ok {
			return unknown()
		}
		op.Object, op.Artifact = bucket+"/"+name, artifactOf(name)
	}
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
		return gcsObject(method, bucket, plainSlashes(parts[2]), parts[3:], q, h)
	case media || len(parts) > 3 || strings.Contains(call, "%2F"):
		return unknown()
	case len(parts) == 1 && reads || len(parts) == 2 && reads && (parts[1] == "o" || parts[1] == "storageLayout"):
		op.Class = authz.ClassList
		return op
	case len(parts) == 1:
		return op
	}
	switch parts[1] {
	case "o": // an object without content; with some it comes to /upload
		if op.Class = authz.ClassWrite; method == "POST" {
			return op
		}
	case "acl", "defaultObjectAcl", "iam", "lockRetentionPolicy", "notificationConfigs", "relocate", "restore":
		return op
	}
	return unknown()
}

// gcsObject is what is done with an object by the JSON API: what stands after its name says what.
func gcsObject(method, bucket, name string, what []string, q query, h authz.Header) authz.Operation {
	object := bucket + "/" + name
	op := authz.Operation{
		Class: authz.ClassAdmin, Complete: true, Collection: bucket, Object: object, Version: q.get("generation"), Artifact: artifactOf(object),
	}
	reads, media := method == "GET" || method == "HEAD", q.get("alt") == "media"
	call := method + " " + strings.Join(what, "/")
	switch {
	case name == "" || bucket == "" || media && (len(what) > 0 || !reads):
		return unknown()
	case media:
		return gcsRead(bucket, name, q, h)
	case len(what) == 0 && reads:
		op.Class = authz.ClassList
	case len(what) == 0 && method == "DELETE":
		op.Class = authz.ClassWrite
	case len(what) == 0 && (method == "PUT" || method == "PATCH"), call == "POST " && name == "bulkRestore", call == "POST restore":
	case call == "POST compose":
		op.Class, op.Object, op.Into, op.Version, op.Documents = authz.ClassExport, bucket, object, "", authz.Unbounded
	case method == "POST" && len(what) == 5 && (what[0] == "rewriteTo" || what[0] == "copyTo") && what[1] == "b" && what[2] != "" && what[3] == "o" && what[4] != "":
		op.Class, op.Version, op.Documents = authz.ClassExport, q.get("sourceGeneration"), 1
		op.Into = what[2] + "/" + plainSlashes(what[4])
	case method == "POST" && len(what) == 3 && what[0] == "moveTo" && what[1] == "o" && what[2] != "":
		op.Into = bucket + "/" + plainSlashes(what[2])
	case len(what) > 0 && len(what) <= 2 && (what[0] == "acl" || what[0] == "iam"):
	default:
		return unknown()
	}
	return op
}

// gcsXML is a call of the XML API.
func gcsXML(method, bucket, name string, q query, h authz.Header) authz.Operation {
	reads := method == "GET" || method == "HEAD"
	op := authz.Operation{Class: authz.ClassAdmin, Complete: true, Collection: bucket, Object: bucket}
	parts := q.has("uploads") || q.has("uploadId")
	switch {
	case q.has("alt"), q.has("partNumber") && !q.has("uploadId"):
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
	case reads && parts:
		op.Class = authz.ClassList
	case reads:
		return gcsRead(bucket, name, q, h)
	case len(copies) > 0:
		return copied(copies, validator(h, "x-goog-copy-source-generation"), op.Object)
	case method == "PUT" || method == "DELETE" || method == "POST" && (parts || h.Get("x-goog-resumable") == "start"):
		op.Class = authz.ClassWrite
	default:
		return unknown()
	}
	return op
}

// Other implements Copier: by XML the path of the source, by JSON where it goes, and for what is composed the bucket that it is taken from.
func (GCS) Other(path string, op authz.Operation) string {
	switch {
	case !strings.HasPrefix(path, "/storage/v1/"):
		return "/" + op.Object
	case op.Object == op.Collection:
		return "/storage/v1/b/" + op.Collection + "/o"
	}
	bucket, name, _ := strings.Cut(op.Into, "/")
	return "/storage/v1/b/" + bucket + "/o/" + strings.ReplaceAll(name, "/", "%2F")
}

// gcs reports whether all parameters are known: those of both APIs, and those of signed URLs, versions 2 and 4.
func (q query) gcs() bool {
	return q.only("", "alt", "generation", "sourceGeneration", "fields", "projection", "prettyPrint", "quotaUser", "userIp", "userProject", "key", "uploadType",
		"upload_id", "name", "contentEncoding", "kmsKeyName", "destinationKmsKeyName", "predefinedAcl", "destinationPredefinedAcl", "prefix", "delimiter",
		"matchGlob", "filter", "includeTrailingDelimiter", "includeFoldersAsPrefixes", "returnPartialSuccess", "pageToken", "maxResults", "startOffset",
		"endOffset", "versions", "project", "marker", "max-keys", "list-type", "continuation-token", "start-after", "encoding-type", "fetch-owner",
		"ifGenerationMatch", "ifGenerationNotMatch", "ifMetagenerationMatch", "ifMetagenerationNotMatch", "ifSourceGenerationMatch",
		"ifSourceGenerationNotMatch", "ifSourceMetagenerationMatch", "ifSourceMetagenerationNotMatch", "rewriteToken", "maxBytesRewrittenPerCall",
		"dropContextGroups", "optionsRequestedPolicyVersion", "permissions", "acl", "uploads", "uploadId", "partNumber", "GoogleAccessId",
		"X-Goog-Algorithm", "X-Goog-Credential", "X-Goog-Date", "X-Goog-Expires", "X-Goog-SignedHeaders", "X-Goog-Signature",
		"response-content-disposition", "response-content-type")
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
	return storedPiece(op, asStored(resp), version)
}
