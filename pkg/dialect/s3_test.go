package dialect_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
)

// TestS3Objects: what the service model of botocore 1.44.8 has of objects; no client was recorded for it.
func TestS3Objects(t *testing.T) {
	const signed = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a%2Fb&X-Amz-Date=d&X-Amz-Expires=600&X-Amz-SignedHeaders=host&X-Amz-Signature=f"
	weights := stored("b", "b/m/w.safetensors", "checkpoint")
	write := of(authz.ClassWrite, "b", "b/m/w.safetensors", "checkpoint")
	copied := into(stored("src", "src/a%20b.pt", "checkpoint"), "out/x")
	source := func(s string) authz.Header { return authz.Header{"x-amz-copy-source": {s}} }
	checkStore(t, dialect.S3{}, []storeCase{
		{"HEAD /b/m/w.safetensors", nil, weights},
		{"GET /b/m/w.safetensors", authz.Header{"range": {"bytes=0-7"}}, with(weights, func(op *authz.Operation) { op.Range = "bytes=0-7" })},
		{"GET /b/m/w.safetensors?" + signed, nil, weights},
		{"GET /b/m/w.safetensors?x-id=GetObject&response-content-disposition=x", nil, weights},
		{"GET /b/m/w.safetensors?weir-justification=T-1", nil, weights},
		{"GET /b/m/w.safetensors?partNumber=3", nil, with(weights, func(op *authz.Operation) { op.Part = 3 })},
		{"GET /b/m/w.safetensors?versionId=a%2Fb", nil, with(weights, func(op *authz.Operation) { op.Version = "a/b" })},
		{"GET /b/dump.snapshot", nil, stored("b", "b/dump.snapshot", "corpus")},
		{"GET /b/dir/", nil, stored("b", "b/dir/", "")},
		{"PUT /b/m/w.safetensors", nil, write},
		{"DELETE /b/m/w.safetensors?versionId=1", nil, with(write, func(op *authz.Operation) { op.Version = "1" })},
		{"POST /b/m/w.safetensors?uploads", nil, write},
		{"PUT /b/m/w.safetensors?partNumber=1&uploadId=u", nil, with(write, func(op *authz.Operation) { op.Part = 1 })},
		{"POST /b/m/w.safetensors?uploadId=u", nil, write},
		{"GET /b/m/w.safetensors?uploadId=u&max-parts=5", nil, of(authz.ClassList, "b", "b/m/w.safetensors", "checkpoint")},
		{"GET /b/m/w.safetensors?attributes", nil, of(authz.ClassList, "b", "b/m/w.safetensors", "checkpoint")},
		{"GET /b/m/w.safetensors?acl", nil, of(authz.ClassAdmin, "b", "b/m/w.safetensors", "checkpoint")},
		{"GET /b/m/w.safetensors?torrent", nil, of(authz.ClassAdmin, "b", "b/m/w.safetensors", "checkpoint")},
		{"POST /b/t.csv?select&select-type=2", nil, with(of(authz.ClassExport, "b", "b/t.csv", "corpus"), func(op *authz.Operation) { op.Documents = 1 })},
		{"PUT /out/x", source("src/a%20b.pt"), copied},
		{"PUT /out/x", source("/src/a%20b.pt?versionId=7"), with(copied, func(op *authz.Operation) { op.Version = "7" })},
		{"PUT /out/x?partNumber=1&uploadId=u", source("src/a%20b.pt"), copied},
		{"PUT /out/x?renameObject", authz.Header{"x-amz-rename-source": {"src/a%20b.pt"}}, with(copied, func(op *authz.Operation) { op.Class, op.Documents = authz.ClassAdmin, 0 })},
		{"PUT /b/m/w.safetensors", authz.Header{"x-amz-acl": {"bucket-owner-full-control"}}, write},
		{"PUT /b", authz.Header{"x-amz-acl": {"public-read"}}, of(authz.ClassAdmin, "b", "b", "")},
	})
	checkStore(t, dialect.S3{Literal: true}, []storeCase{{"GET /b/a+b.pt", nil, stored("b", "b/a+b.pt", "checkpoint")}})
	for _, s := range []string{"src", "src/", "", "src/a+b", "src/../b/k", "src//k", "src/a%252Fb", "src/a%zz", "src/k?versionId=", "src/k?x=1", "a:b/%00", "arn:aws:s3:eu-central-1:1:accesspoint/p/object/k"} {
		if op := (dialect.S3{}).Head("PUT", "/out/x", "", source(s)); op.Class != authz.ClassUnknown {
			t.Errorf("a copy of %q is %+v", s, op)
		}
	}
	for name, h := range map[string]authz.Header{
		"two sources": {"x-amz-copy-source": {"a/b", "c/d"}}, "inside": {"x-minio-extract": {"true"}},
		"renamed by the way": {"x-amz-rename-source": {"a/b"}}, "for all": {"x-amz-acl": {"public-read"}}, "for somebody": {"x-amz-grant-read": {"id=1"}},
		"for all, copied": {"x-amz-copy-source": {"a/b"}, "x-amz-acl": {"public-read"}}, "for two": {"x-amz-acl": {"private", "public-read"}},
	} {
		if op := (dialect.S3{}).Head("PUT", "/out/x", "", h); op.Class != authz.ClassUnknown {
			t.Errorf("%s: %+v", name, op)
		}
	}
	checkUnknown(t, dialect.S3{}, "GET /b/k?versionId=1&versionId=2", "GET /b/k?versionId=1&VersionId=2", "GET /b/k?versionId=", "GET /b/k?partNumber=0",
		"GET /b/k?partNumber=1e3", "GET /b/k?partNumber=10001", "GET /b/k?partNumber=", "GET /b/k?tomorrow", "GET /b/k?acl&tagging", "GET /b/k?a=1;acl", "GET /b/k?x=%zz",
		"GET /b/a+b", "PATCH /b/k", "POST /b/k", "GET /minio/admin/v3/info", "PUT /b/k?X-Amz-Copy-Source=c%2Fd", "PUT /b/k?uploadId=u", "GET /b/k?prefix=x",
		"DELETE /b/k?acl", "PUT /b/k?renameObject", "GET /b/k?annotation&annotationName=x", "POST /WriteGetObjectResponse", "POST /b?metadataTable")
}

func TestS3Buckets(t *testing.T) {
	listed, admin := of(authz.ClassList, "b", "b", ""), of(authz.ClassAdmin, "b", "b", "")
	checkStore(t, dialect.S3{}, []storeCase{
		{"GET /", nil, list()},
		{"GET /b?list-type=2&prefix=m%2F&encoding-type=url", nil, listed},
		{"GET /b/?prefix=m&delimiter=%2F&marker=x", nil, listed},
		{"GET /b?versions", nil, listed},
		{"GET /b?uploads", nil, listed},
		{"GET /b?location", nil, listed},
		{"HEAD /b", nil, listed},
		{"GET /b?policy", nil, admin},
		{"PUT /b?acl", nil, admin},
		{"PUT /b", nil, admin},
		{"DELETE /b", nil, admin},
		{"POST /b?delete", nil, with(of(authz.ClassWrite, "b", "b", ""), func(op *authz.Operation) { op.Documents = all })},
	})
	checkUnknown(t, dialect.S3{}, "POST /b", "POST /", "PUT /", "GET /b?tomorrow", "GET /b?list-type=2&metadata=true", "GET /b?policy&versions", "GET /b?prefix=a&prefix=b",
		"GET /b%20c", "GET /b?delete")
}

// TestS3Hosted: the host names the bucket.
func TestS3Hosted(t *testing.T) {
	checkStore(t, dialect.S3{Hosted: true}, []storeCase{
		{"GET /m/w.pt", nil, stored("", "m/w.pt", "checkpoint")},
		{"GET /w.pt?partNumber=2", nil, with(stored("", "w.pt", "checkpoint"), func(op *authz.Operation) { op.Part = 2 })},
		{"GET /?list-type=2", nil, of(authz.ClassList, "", "", "")},
	})
	checkUnknown(t, dialect.S3{Hosted: true}, "GET /w+v.pt", "GET /?x")
	for bucket, want := range map[string]authz.Operation{"src": into(stored("", "a.pt", "checkpoint"), "x"), "other": unknown(), "": unknown()} {
		d := dialect.S3{Hosted: true, Bucket: bucket}
		want.Complete = true
		if diff := cmp.Diff(want, d.Head("PUT", "/x", "", authz.Header{"x-amz-copy-source": {"src/a.pt"}})); diff != "" {
			t.Errorf("a copy into bucket %q (-want +got):\n%s", bucket, diff)
		}
	}
}

func TestS3Piece(t *testing.T) {
	read := of(authz.ClassRead, "b", "b/k", "")
	for name, tt := range map[string]struct {
		op   authz.Operation
		resp authz.Response
		want authz.Piece
	}{
		"several parts": {read, authz.Response{Status: 200, ContentLength: 7, Headers: authz.Header{"etag": {`"9b-11"`}, "x-amz-version-id": {"v"}}}, authz.Piece{Object: "b/k", Version: "9b-11", Size: 7, Length: 7}},
		"a version":     {read, authz.Response{Status: 200, ContentLength: 7, Headers: authz.Header{"etag": {`W/"9b"`}, "x-amz-version-id": {"v"}}}, authz.Piece{Object: "b/k", Version: "v", Size: 7, Length: 7}},
		"none":          {read, authz.Response{Status: 200, ContentLength: 7, Headers: authz.Header{"x-amz-version-id": {"null"}}}, authz.Piece{Object: "b/k", Size: 7, Length: 7}},
		"a part": {
			read,
			authz.Response{Status: 206, ContentLength: 10, Headers: authz.Header{"etag": {`"e"`}, "content-range": {"bytes 10-19/100"}}},
			authz.Piece{Object: "b/k", Version: "e", Size: 100, Offset: 10, Length: 10},
		},
		"a copy": {of(authz.ClassExport, "b", "b/k", ""), authz.Response{Status: 200, ContentLength: 234, Headers: authz.Header{"etag": {`"other"`}}}, authz.Piece{Object: "b/k", Size: -1, Length: -1}},
	} {
		got, ok := dialect.S3{}.Piece(tt.op, tt.resp)
		if diff := cmp.Diff(tt.want, got); diff != "" || !ok {
			t.Errorf("%s: %v (-want +got)\n%s", name, ok, diff)
		}
	}
	if p, ok := (dialect.S3{}).Piece(of(authz.ClassList, "b", "b", ""), authz.Response{Status: 200, ContentLength: 7}); ok {
		t.Errorf("a listing hands out %+v", p)
	}
}
