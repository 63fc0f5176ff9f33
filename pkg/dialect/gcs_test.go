package dialect_test

import (
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
)

func TestGCS(t *testing.T) {
	weights, deep := stored("b", "b/w.pt", "checkpoint"), stored("b", "b/m/w.pt", "checkpoint")
	export := into(weights, "out/x")
	write, admin := of(authz.ClassWrite, "b", "b/w.pt", "checkpoint"), of(authz.ClassAdmin, "b", "b/w.pt", "checkpoint")
	checkStore(t, dialect.GCS{}, []storeCase{
		{"GET /storage/v1/b/b/o/w.pt?alt=media", nil, weights},
		{"GET /download/storage/v1/b/b/o/w.pt?alt=media&generation=7", nil, with(weights, func(op *authz.Operation) { op.Version = "7" })},
		{"GET /b/m/w.pt?X-Goog-Signature=x&generation=7", authz.Header{"range": {"bytes=0-9"}}, with(deep, func(op *authz.Operation) { op.Version, op.Range = "7", "bytes=0-9" })},
		{"GET /storage/v1/b/b/o/w.pt?projection=full", nil, of(authz.ClassList, "b", "b/w.pt", "checkpoint")},
		{"GET /storage/v1/b/b/o?prefix=m%2F", nil, of(authz.ClassList, "b", "b", "")},
		{"GET /storage/v1/b/b/iam", nil, of(authz.ClassAdmin, "b", "b", "")},
		{"GET /storage/v1/b/b/o/m%2Fw.pt?alt=media", nil, deep},
		{"GET /download/storage/v1/b/b/o/m%2Fw.pt?alt=media", nil, deep},
		{"GET /b/m%2Fw.pt", nil, deep},
		{"DELETE /storage/v1/b/b/o/w.pt?generation=7", nil, with(write, func(op *authz.Operation) { op.Version = "7" })},
		{"PATCH /storage/v1/b/b/o/w.pt", nil, admin},
		{"GET /storage/v1/b/b/o/w.pt/acl/allUsers", nil, admin},
		{"POST /storage/v1/b/b/o/w.pt/restore", nil, admin},
		{"POST /storage/v1/b/b/o/bulkRestore", nil, of(authz.ClassAdmin, "b", "b/bulkRestore", "")},
		{"POST /upload/storage/v1/b/b/o?uploadType=multipart", nil, of(authz.ClassWrite, "b", "b", "")},
		{"POST /upload/storage/v1/b/b/o?uploadType=media&name=m%2Fw.pt", nil, of(authz.ClassWrite, "b", "b/m/w.pt", "checkpoint")},
		{"PUT /resumable/upload/storage/v1/b/b/o?uploadType=resumable&upload_id=u&name=w.pt", nil, write},
		{"POST /upload/storage/v1/b/b/o?name=w.pt&predefinedAcl=projectPrivate", nil, write},
		{"POST /b/w.pt?uploads", nil, write},
		{"PUT /b/w.pt?uploadId=u&partNumber=2", nil, write},
		{"GET /b/w.pt?uploadId=u", nil, of(authz.ClassList, "b", "b/w.pt", "checkpoint")},
		{"POST /b/w.pt", authz.Header{"x-goog-resumable": {"start"}}, write},
		{"POST /storage/v1/b/b/o/w.pt/rewriteTo/b/out/o/x", nil, export},
		{"POST /storage/v1/b/b/o/w.pt/copyTo/b/out/o/x?sourceGeneration=7", nil, with(export, func(op *authz.Operation) { op.Version = "7" })},
		{"POST /storage/v1/b/b/o/w.pt/copyTo/b/out/o/m%2Fx", nil, into(weights, "out/m/x")},
		{"POST /storage/v1/b/b/o/w.pt/moveTo/o/m%2Fx", nil, with(admin, func(op *authz.Operation) { op.Into = "b/m/x" })},
		{"POST /storage/v1/b/b/o/x.pt/compose", nil, with(of(authz.ClassExport, "b", "b", "checkpoint"), func(op *authz.Operation) { op.Documents, op.Into = all, "b/x.pt" })},
		{"PUT /out/x", authz.Header{"x-goog-copy-source": {"b/w.pt"}}, export},
		{"GET /b?prefix=m", nil, of(authz.ClassList, "b", "b", "")},
		{"GET /b/w.pt?acl", nil, of(authz.ClassAdmin, "b", "b/w.pt", "checkpoint")},
	})
	checkUnknown(t, dialect.GCS{}, "POST /batch/storage/v1", "GET /storage/v1/b/b/o/w.pt?alt=media&alt=json", "GET /storage/v1/b/b/o/w.pt?$alt=media", "GET /storage/v1/b/b/o/a/b?alt=media",
		"GET /storage/v1/b/b/o?alt=media", "GET /storage/v2/b/b/o/w.pt", "GET /download/storage/v1/b/b/o/w.pt", "GET /b/w.pt?tomorrow", "PATCH /b/w.pt", "GET /storage/v1/b/b/o/w.pt/tomorrow",
		"GET /b/a+b", "GET /b%2Fw.pt", "POST /storage/v1/b/b/o/w.pt", "POST /google.storage.v2.Storage/ReadObject", "GET /b/w.pt?partNumber=2", "GET /b/w.pt?generation=x",
		"GET /storage/v1/b/b/o/w.pt?softDeleted=true&generation=7&alt=media", "POST /storage/v1/b/b/o/w.pt/rewriteTo/b//o/x", "POST /storage/v1/b/b/o/w.pt/rewriteTo/b/out",
		"POST /storage/v1/b/b/o/w.pt/rewriteTo/b/out/o/x?destinationPredefinedAcl=publicRead", "POST /storage/v1/b/b/o/w.pt/compose?alt=media", "POST /upload/storage/v1/b/b/o?name=..%2Fx",
		"GET /storage/v1/b/b/folders/m%2Fn", "POST /resumable/storage/v1/b/b/o", "PUT /b/w.pt?compose", "GET /storage/v1/b/b/o/w.pt/viewFullContext")
	for name, h := range map[string]authz.Header{
		"two sources": {"x-goog-copy-source": {"a/b", "c/d"}}, "a space or none": {"x-goog-copy-source": {"a/b+c"}}, "Amazon's": {"x-amz-copy-source": {"a/b"}},
		"for all": {"x-goog-acl": {"public-read"}},
	} {
		if op := (dialect.GCS{}).Head("PUT", "/out/x", "", h); op.Class != authz.ClassUnknown {
			t.Errorf("%s: %+v", name, op)
		}
	}
	for want, h := range map[string]authz.Header{
		"1B2M2Y8AsgTpgAmY7PhCfg==": {"x-goog-hash": {"crc32c=AAAAAA==,md5=1B2M2Y8AsgTpgAmY7PhCfg=="}, "x-goog-generation": {"7"}},
		"7":                        {"x-goog-hash": {"crc32c=AAAAAA=="}, "x-goog-generation": {"7"}, "etag": {`"e"`}},
		"e":                        {"etag": {`"e"`}},
	} {
		if p, ok := (dialect.GCS{}).Piece(weights, authz.Response{Status: 200, ContentLength: 7, Headers: h}); !ok || p.Version != want || p.Size != 7 {
			t.Errorf("%v: %+v", h, p)
		}
	}
}
