package dialect

import (
	"strings"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
)

// S3Vectors is the API of Amazon S3 Vectors. Source: its service model, version 2025-07-15. A collection is bucket/index, whichever way
// the request names it. Requests are signed together with their bodies: nothing in them can be opened, and what is sealed is refused.
type S3Vectors struct{}

// Name implements Dialect.
func (S3Vectors) Name() string { return "s3vectors" }

// parseS3Vectors is the class of an operation, which is the path.
func parseS3Vectors(method, path string) authz.Class {
	if strings.HasPrefix(path, "/tags/") {
		switch method {
		case "GET":
			return authz.ClassList
		case "POST", "DELETE":
			return authz.ClassAdmin
		}
	}
	if method != "POST" {
		return authz.ClassUnknown
	}
	switch path {
	case "/QueryVectors":
		return authz.ClassSearch
	case "/GetVectors":
		return authz.ClassRead
	case "/ListVectors":
		return authz.ClassExport
	case "/PutVectors", "/DeleteVectors":
		return authz.ClassWrite
	case "/ListIndexes", "/ListVectorBuckets", "/GetIndex", "/GetVectorBucket", "/GetVectorBucketPolicy":
		return authz.ClassList
	case "/CreateIndex", "/CreateVectorBucket", "/DeleteIndex", "/DeleteVectorBucket", "/DeleteVectorBucketPolicy", "/PutVectorBucketPolicy",
		"/PutVectorBucketDefaultIndexMode", "/UpdateIndexMode", "/UpdateMetadataConfiguration":
		return authz.ClassAdmin
	}
	return authz.ClassUnknown
}

// NeedsBody implements Dialect: it names the index.
func (S3Vectors) NeedsBody(method, path string) bool {
	return method == "POST" && parseS3Vectors(method, path) != authz.ClassUnknown && !strings.HasPrefix(path, "/tags/")
}

// Head implements Dialect.
func (d S3Vectors) Head(method, path, _ string, h authz.Header) authz.Operation {
	op := authz.Operation{Class: parseS3Vectors(method, path), Object: path, Complete: true}
	switch {
	case op.Class == authz.ClassUnknown || overridesMethod(h):
		return unknown()
	case d.NeedsBody(method, path):
		return incomplete(op)
	}
	return op
}

// Body implements Dialect. Nearest vectors come without their data; a list is 500 vectors unless the request says otherwise.
func (S3Vectors) Body(op authz.Operation, body []byte) (authz.Operation, error) {
	limit, things, data := absent, int64(0), false
	var bucket, index string
	var collections names
	keys := []string{"vectorBucketName", "indexName", "vectorBucketArn", "indexArn", "topK", "maxResults", "keys", "vectors", "returnData"}
	err := readObject(body, keys, func(r *reader, key string) (err error) {
		switch key {
		case "vectorBucketName":
			bucket, err = r.text(key)
		case "indexName":
			index, err = r.text(key)
		case "vectorBucketArn", "indexArn":
			var arn string
			if arn, err = r.text(key); err == nil && arn != "" {
				err = collections.add(s3VectorsIndex(arn))
			}
		case "topK", "maxResults":
			return r.limit(key, &limit)
		case "keys", "vectors":
			return r.some(key, &things)
		case "returnData":
			data, err = r.flag(key)
		}
		return err
	})
	if bucket != "" && err == nil {
		if index != "" {
			bucket += "/" + index
		}
		err = collections.add(bucket)
	}
	if err != nil {
		return op, err
	}
	out := op
	out.Collection, out.Documents, out.Vectors = collections.joined, 0, 0
	switch op.Class {
	case authz.ClassSearch:
		out.Documents, data = limited(limit, authz.Unbounded), false
	case authz.ClassRead, authz.ClassWrite:
		out.Documents = things
	case authz.ClassExport:
		out.Documents = limited(limit, 500)
	}
	if data && op.Class != authz.ClassWrite {
		out.Vectors = out.Documents
	}
	out.Bytes, out.Complete = int64(len(body)), true
	return out, nil
}

// s3VectorsIndex is the collection that an ARN names: arn:aws:s3vectors:region:account:bucket/NAME/index/NAME.
func s3VectorsIndex(arn string) string {
	_, name, ok := strings.Cut(arn, ":bucket/")
	if !ok {
		return arn
	}
	return strings.Replace(name, "/index/", "/", 1)
}

// Carries implements Dialect: nothing that could be opened.
func (S3Vectors) Carries(authz.Operation) (scan.Format, []scan.Field) { return "", nil }

// Answer implements Dialect.
func (S3Vectors) Answer(op authz.Operation, _ authz.Response) Answer {
	switch op.Class {
	case authz.ClassSearch, authz.ClassRead, authz.ClassExport:
		return judgedFields(vectorAt("vectors[*].data.float32", scan.EncodingFloats), scoreAt("vectors[*].distance"), scoreAt("vectors[*].scores.fused"),
			scoreAt("vectors[*].scores.vectorDistance"), scoreAt("vectors[*].scores.bm25Scores[*].score"))
	}
	return judged()
}
