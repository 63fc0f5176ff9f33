package dialect

import (
	"strings"

	"github.com/weirgate/weir/pkg/authz"
)

// S3 is the API of Amazon S3 and of the stores that speak it. Source: its service model of 2006-03-01 in botocore 1.44.8. An object is
// bucket/key, in the canonical form of its path, and the key alone where the host names the bucket. A copy is an export of its source, and says where
// it goes; the source may lie in another bucket, but not where the host names that (Other). What gives an object to others while it is written is
// not known.
//
// A + in a path is a space to Amazon and itself to others: only written %2B, as every SDK does, a key with one is known (Written). Not known is what
// reads inside of an object (MinIO's x-minio-extract), and what MinIO keeps under /minio.
type S3 struct {
	store
	// Literal says that no + stands in the path as it was sent: those in its canonical form were %2B.
	Literal bool
	// Hosted says that the host names the bucket, so that the path is the key alone.
	Hosted bool
	Bucket string // that name, where the host is known (Written)
}

// Name implements Dialect.
func (d S3) Name() string {
	if d.Hosted {
		return "s3-virtual"
	}
	return "s3"
}

// split returns the bucket and the key of a path.
func (d S3) split(path string) (bucket, key string, ok bool) {
	key = strings.TrimPrefix(path, "/")
	if !d.Hosted {
		bucket, key, _ = strings.Cut(key, "/")
	}
	return bucket, key, (d.Literal || !strings.Contains(path, "+")) && !strings.Contains(bucket, "%") && bucket != "minio"
}

// Head implements Dialect.
func (d S3) Head(method, path, rawQuery string, h authz.Header) authz.Operation {
	bucket, key, ok := d.split(path)
	q, readable := readQuery(rawQuery)
	if !ok || !readable || overridesMethod(h) || len(h["x-minio-extract"]) > 0 || gives(h, q) && (key != "" || method != "PUT") {
		return unknown()
	}
	var op authz.Operation
	switch {
	case key != "":
		op = d.object(method, strings.TrimPrefix(path, "/"), q, h)
	case bucket != "" || d.Hosted:
		op = s3Bucket(method, bucket, q)
	case method == "GET" && q.only("", "prefix", "max-buckets", "continuation-token", "bucket-region", "max-directory-buckets"):
		op = complete(authz.ClassList) // the buckets
	default:
		return unknown()
	}
	if op.Class != authz.ClassUnknown && op.Collection == "" {
		op.Collection = bucket
	}
	return op
}

// object is what is done with an object: the sub-resource says what, and there is at most one.
func (d S3) object(method, object string, q query, h authz.Header) authz.Operation {
	const overrides = "response-"
	sub, known := q.s3Subresource("attributes", "acl", "encryption", "legal-hold", "renameObject", "restore", "retention", "select", "tagging",
		"torrent", "uploads", "uploadId")
	copies, renames := h["x-amz-copy-source"], h["x-amz-rename-source"]
	if !known || len(copies) > 0 && (method != "PUT" || sub != "" && sub != "uploadId") || len(renames) > 0 && sub != "renameObject" {
		return unknown()
	}
	op := authz.Operation{Complete: true, Object: object, Version: q.get("versionId"), Artifact: artifactOf(object)}
	switch method + " " + sub {
	case "GET ", "HEAD ":
		if !q.only(overrides, "versionId", "partNumber") {
			return unknown()
		}
		op = read(object, h)
		op.Version = q.get("versionId")
	case "PUT ", "DELETE ":
		if !q.only("", "versionId") {
			return unknown()
		}
		if len(copies) > 0 {
			return d.copied(copies, object)
		}
		op.Class = authz.ClassWrite
	case "PUT uploadId":
		if !q.only("", sub, "partNumber") || q.get("partNumber") == "" {
			return unknown()
		}
		if len(copies) > 0 {
			return d.copied(copies, object)
		}
		op.Class = authz.ClassWrite
	case "POST uploads", "POST uploadId", "DELETE uploadId", "PUT tagging", "DELETE tagging":
		op.Class = authz.ClassWrite
	case "GET uploadId", "GET tagging", "GET attributes":
		op.Class = authz.ClassList
	case "POST select":
		op.Class, op.Documents = authz.ClassExport, 1
	case "GET acl", "PUT acl", "PUT encryption", "GET legal-hold", "PUT legal-hold", "POST restore", "GET retention",
		"PUT retention", "GET torrent":
		op.Class = authz.ClassAdmin
	case "PUT renameObject":
		if op = d.copied(renames, object); op.Class == authz.ClassExport && q.only("", sub) {
			op.Class, op.Documents = authz.ClassAdmin, 0
			return op
		}
		return unknown()
	default:
		return unknown()
	}
	if !q.only(overrides, sub, "versionId", "partNumber", "select-type", "max-parts", "part-number-marker") {
		return unknown()
	}
	if q.has("partNumber") {
		if op.Part = digits(q.get("partNumber"), 10_000); op.Part == 0 || op.Range != "" {
			return unknown()
		}
	}
	if q.has("versionId") && op.Version == "" {
		return unknown()
	}
	return op
}

// copied is a copy, whole or of a part. Its source may end in a version.
func (d S3) copied(source []string, into string) authz.Operation {
	if len(source) != 1 {
		return unknown()
	}
	name, version, versioned := strings.Cut(source[0], "?versionId=")
	op := copied([]string{name}, version, into)
	if versioned && version == "" || op.Class == authz.ClassUnknown {
		return unknown()
	}
	if d.Hosted {
		if op.Collection != d.Bucket || d.Bucket == "" {
			return unknown()
		}
		op.Object, op.Collection = strings.TrimPrefix(op.Object, d.Bucket+"/"), ""
	}
	return op
}

// Other implements Copier: the path of the source.
func (d S3) Other(_ string, op authz.Operation) string { return "/" + op.Object }

// s3Bucket is what is done with a bucket.
func s3Bucket(method, bucket string, q query) authz.Operation {
	sub, known := q.s3Subresource("versions", "uploads", "location", "delete", "abac", "accelerate", "acl", "analytics", "cors", "encryption",
		"intelligent-tiering", "inventory", "lifecycle", "logging", "metrics", "notification", "object-lock", "ownershipControls", "policy",
		"policyStatus", "publicAccessBlock", "replication", "requestPayment", "session", "tagging", "versioning", "website")
	if !known {
		return unknown()
	}
	op := authz.Operation{Complete: true, Object: bucket}
	switch {
	case (method == "GET" || method == "HEAD") && (sub == "" || sub == "versions" || sub == "uploads" || sub == "location"):
		if !q.only("", sub, "list-type", "delimiter", "encoding-type", "marker", "max-keys", "prefix", "continuation-token", "fetch-owner",
			"start-after", "key-marker", "version-id-marker", "upload-id-marker", "max-uploads") {
			return unknown()
		}
		op.Class = authz.ClassList
	case method == "POST" && sub == "delete" && q.only("", sub):
		op.Class, op.Documents = authz.ClassWrite, authz.Unbounded
	case sub == "delete" || !q.only("", sub, "id", "continuation-token"):
		return unknown()
	case method == "GET" && sub != "", method == "PUT", method == "DELETE":
		op.Class = authz.ClassAdmin
	default:
		return unknown()
	}
	return op
}

// s3Subresource returns the one of these names that stands in the query, "" for none; ok is false for more than one.
func (q query) s3Subresource(names ...string) (sub string, ok bool) {
	for _, n := range names {
		if !q.has(n) {
			continue
		}
		if sub != "" {
			return "", false
		}
		sub = n
	}
	return sub, true
}

// only reports whether all parameters have one of these names or, where it is not empty, the prefix; those of signatures (versions 2 and 4),
// of the client's telling what it calls, and our own aside. Other x-amz- ones may stand for headers, a copy's source among them.
func (q query) only(prefix string, names ...string) bool {
next:
	for _, p := range q {
		if prefix != "" && strings.HasPrefix(p.name, prefix) || p.own() {
			continue
		}
		for _, n := range names {
			if p.name == n {
				continue next
			}
		}
		switch strings.ToLower(p.name) {
		case "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-expires", "x-amz-signedheaders", "x-amz-signature",
			"x-amz-security-token", "x-amz-content-sha256", "x-amz-checksum-mode", "x-amz-user-agent", "awsaccesskeyid", "signature", "expires", "x-id":
		default:
			return false
		}
	}
	return true
}

// Piece implements Storage. The ETag of an object is strong, that of one of several parts ("…-N") too; without one, its version will do. The
// ETag goes first: the same content written again has it again.
func (S3) Piece(op authz.Operation, resp authz.Response) (authz.Piece, bool) {
	version := strongETag(resp.Headers)
	if v := validator(resp.Headers, "x-amz-version-id"); version == "" && v != "null" {
		version = v
	}
	return storedPiece(op, asStored(resp), version)
}
