package dialect_test

import (
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
)

func TestGCS(t *testing.T) {
	weights, deep := stored("b", "b/w.pt", "checkpoint"), stored("b", "b/m/w.pt", "checkpoint")
	export := with(weights, func(op *authz.Operation) { op.Class = authz.ClassExport })
	checkStore(t, dialect.GCS{}, []storeCase{
		{"GET /storage/v1/b/b/o/w.pt?alt=media", nil, weights},
		{"GET /download/storage/v1/b/b/o/w.pt?alt=media&generation=7", nil, with(weights, func(op *authz.Operation) { op.Version = "7" })},
		{"GET /b/m/w.pt?X-Goog-Signature=x&generation=7", authz.Header{"range": {"bytes=0-9"}}, with(deep, func(op *authz.Operation) { op.Version, op.Range = "7", "bytes=0-9" })},
		{"GET /storage/v1/b/b/o/w.pt?projection=full", nil, of(authz.ClassList, "b", "b/w.pt", "checkpoint")},
		{"GET /storage/v1/b/b/o?prefix=m%2F", nil, of(authz.ClassList, "b", "b", "")},
		{"GET /storage/v1/b/b/iam", nil, of(authz.ClassAdmin, "b", "b", "")},
		{"DELETE /storage/v1/b/b/o/w.pt", nil, of(authz.ClassWrite, "b", "b/w.pt", "checkpoint")},
		{"POST /upload/storage/v1/b/b/o?uploadType=resumable&name=x", nil, of(authz.ClassWrite, "b", "b", "")},
		{"POST /storage/v1/b/b/o/w.pt/rewriteTo/b/out/o/x", nil, export},
		{"POST /storage/v1/b/b/o/w.pt/copyTo/b/out/o/x?sourceGeneration=7", nil, with(export, func(op *authz.Operation) { op.Version = "7" })},
		{"POST /storage/v1/b/b/o/x.pt/compose", nil, with(of(authz.ClassExport, "b", "b", "checkpoint"), func(op *authz.Operation) { op.Documents = all })},
		{"PUT /out/x", authz.Header{"x-goog-copy-source": {"b/w.pt"}}, export},
		{"GET /b?prefix=m", nil, of(authz.ClassList, "b", "b", "")},
		{"GET /b/w.pt?acl", nil, of(authz.ClassAdmin, "b", "b/w.pt", "checkpoint")},
	})
	checkUnknown(t, dialect.GCS{}, "POST /batch/storage/v1", "GET /storage/v1/b/b/o/w.pt?alt=media&alt=json", "GET /storage/v1/b/b/o/w.pt?$alt=media", "GET /storage/v1/b/b/o/a/b?alt=media",
		"GET /storage/v1/b/b/o?alt=media", "GET /storage/v2/b/b/o/w.pt", "GET /download/storage/v1/b/b/o/w.pt", "GET /b/w.pt?tomorrow", "PATCH /b/w.pt", "GET /storage/v1/b/b/o/w.pt/tomorrow")
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
