package dialect_test

import (
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
)

func TestAzureBlob(t *testing.T) {
	weights := stored("c", "c/m/w.pt", "checkpoint")
	write, listed := of(authz.ClassWrite, "c", "c/m/w.pt", "checkpoint"), of(authz.ClassList, "c", "c", "")
	copied := into(stored("src", "src/a%20b.pt", "checkpoint"), "out/x")
	checkStore(t, dialect.AzureBlob{}, []storeCase{
		{"HEAD /c/m/w.pt", nil, weights},
		{"GET /c/m/w.pt?sv=1&sr=b&sig=x&se=y&sp=r", nil, weights},
		{"GET /c/m/w.pt", authz.Header{"x-ms-range": {"bytes=0-9"}}, with(weights, func(op *authz.Operation) { op.Range = "bytes=0-9" })},
		{"GET /c/m/w.pt?snapshot=t", nil, with(weights, func(op *authz.Operation) { op.Version = "t" })},
		{"GET /c/m/w.pt?versionid=t", nil, with(weights, func(op *authz.Operation) { op.Version = "t" })},
		{"GET /c/m%2Fw.pt", nil, weights},
		{"GET /c/m/w.pt?sv=1&sr=b&sig=x&se=y&sp=r&sduoid=o&srh=h&srq=q", nil, weights},
		{"GET /c?restype=container&comp=acl", nil, of(authz.ClassAdmin, "c", "c", "")},
		{"PUT /c?restype=container&comp=lease", nil, of(authz.ClassAdmin, "c", "c", "")},
		{"GET /w.pt", nil, stored("$root", "$root/w.pt", "checkpoint")},
		{"PUT /c/m/w.pt?comp=block&blockid=x", nil, write},
		{"GET /c/m/w.pt?comp=blocklist", nil, of(authz.ClassList, "c", "c/m/w.pt", "checkpoint")},
		{"PUT /c/m/w.pt?comp=snapshot", nil, of(authz.ClassAdmin, "c", "c/m/w.pt", "checkpoint")},
		{"POST /c/t.csv?comp=query", nil, with(of(authz.ClassExport, "c", "c/t.csv", "corpus"), func(op *authz.Operation) { op.Documents = 1 })},
		{"PUT /out/x", authz.Header{"x-ms-copy-source": {"https://a.example/src/a%20b.pt?sv=1&sig=x"}}, copied},
		{"PUT /out/x?comp=block&blockid=x", authz.Header{"x-ms-copy-source": {"https://a.example/src/a%20b.pt?versionid=7"}}, with(copied, func(op *authz.Operation) { op.Version = "7" })},
		{"GET /c?restype=container&comp=list&prefix=m", nil, listed},
		{"PUT /c?restype=container&comp=acl", nil, of(authz.ClassAdmin, "c", "c", "")},
		{"GET /?comp=list", nil, list()},
	})
	checkUnknown(t, dialect.AzureBlob{}, "GET /c/k?comp=tomorrow", "GET /c/k?comp=list&comp=tags", "GET /c/k?comp=&Comp=list", "GET /c/k?snapshot=a&versionid=b", "POST /c?restype=container&comp=batch",
		"GET /c/k?x=1", "POST /?comp=batch", "GET /c/k?restype=container", "PATCH /c/k?action=append", "GET /c/k?COMP=list", "GET /c%2Fk",
		"PUT /c?restype=container&comp=rename", "GET /?restype=account&comp=properties", "POST /?restype=service&comp=userdelegationkey", "PUT /c/k?comp=incrementalcopy",
		"DELETE /c/k?deletetype=Permanent", "PUT /c/k?resource=file")
	for name, h := range map[string]authz.Header{
		"two ranges": {"x-ms-range": {"bytes=0-9"}, "range": {"bytes=0-"}}, "a copy that reads": {"x-ms-copy-source": {"https://a.example/src/k"}},
		"in an envelope": {"x-ms-structured-body": {"XSM/1.0; properties=crc64"}}, "renamed": {"x-ms-rename-source": {"/src/k"}},
	} {
		if op := (dialect.AzureBlob{}).Head("GET", "/c/k", "", h); op.Class != authz.ClassUnknown {
			t.Errorf("%s: %+v", name, op)
		}
	}
	for _, source := range []string{"src/k", "https://a.example/k", "https://a.example/src/../k", "https://a.example/src%2Fk", "https://a.example/src/k?snapshot=a&snapshot=b"} {
		if op := (dialect.AzureBlob{}).Head("PUT", "/c/k", "", authz.Header{"x-ms-copy-source": {source}}); op.Class != authz.ClassUnknown {
			t.Errorf("a copy of %s: %+v", source, op)
		}
	}
	for want, h := range map[string]authz.Header{"0x8D": {"etag": {`"0x8D"`}, "x-ms-version-id": {"v"}}, "v": {"x-ms-version-id": {"v"}}} {
		if p, ok := (dialect.AzureBlob{}).Piece(weights, authz.Response{Status: 200, ContentLength: 7, Headers: h}); !ok || p.Version != want || p.Size != 7 {
			t.Errorf("%v: %+v", h, p)
		}
	}
}
