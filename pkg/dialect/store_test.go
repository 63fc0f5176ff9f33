package dialect_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
)

// storeCase is a request to a store and what it is; Complete is filled in.
type storeCase struct {
	request string // method and path, with a query
	header  authz.Header
	want    authz.Operation
}

func checkStore(t *testing.T, d dialect.Dialect, tests []storeCase) {
	t.Helper()
	for _, tc := range tests {
		method, path, query := cutRequest(tc.request)
		tc.want.Complete = true
		if diff := cmp.Diff(tc.want, d.Head(method, path, query, tc.header)); diff != "" {
			t.Errorf("%s %s %v (-want +got):\n%s", d.Name(), tc.request, tc.header, diff)
		}
	}
}

// checkUnknown: these are requests that nobody knows.
func checkUnknown(t *testing.T, d dialect.Dialect, requests ...string) {
	t.Helper()
	for _, r := range requests {
		method, path, query := cutRequest(r)
		if diff := cmp.Diff(unknown(), d.Head(method, path, query, nil)); diff != "" {
			t.Errorf("%s %s is known (-want +got):\n%s", d.Name(), r, diff)
		}
	}
}

// cutRequest cuts "GET /path?query".
func cutRequest(r string) (method, path, query string) {
	for i, c := range r {
		if c == ' ' {
			method, path = r[:i], r[i+1:]
			break
		}
	}
	for i, c := range path {
		if c == '?' {
			return method, path[:i], path[i+1:]
		}
	}
	return method, path, ""
}

// stored is the reading of one object.
func stored(collection, object, artifact string) authz.Operation {
	return authz.Operation{Class: authz.ClassRead, Collection: collection, Object: object, Artifact: artifact, Documents: 1}
}

// of is an operation of a class on an object.
func of(c authz.Class, collection, object, artifact string) authz.Operation {
	return authz.Operation{Class: c, Collection: collection, Object: object, Artifact: artifact}
}

// with changes an operation.
func with(op authz.Operation, change func(op *authz.Operation)) authz.Operation {
	change(&op)
	return op
}

// into is a copy of what op reads, into another object.
func into(op authz.Operation, where string) authz.Operation {
	op.Class, op.Into = authz.ClassExport, where
	return op
}

// storeRoute is a request that hands out an object of a store.
type storeRoute struct {
	d                   dialect.Storage
	method, path, query string
}

func storeRoutes() []storeRoute {
	return []storeRoute{
		{dialect.Files{}, "GET", "/models/a.bin", ""},
		{dialect.S3{}, "GET", "/b/k", "versionId=v&partNumber=2&response-expires=x"},
		{dialect.S3{Literal: true}, "GET", "/b/a+b", ""},
		{dialect.S3{Hosted: true}, "GET", "/k", "X-Amz-Signature=x"},
		{dialect.Hub{}, "GET", "/o/m/resolve/main/a.bin", ""},
		{dialect.MLflow{}, "GET", "/get-artifact", "path=a&run_uuid=r"},
		{dialect.AzureBlob{}, "GET", "/c/k", "snapshot=t"},
		{dialect.GCS{}, "GET", "/storage/v1/b/b/o/k", "alt=media"},
		{dialect.GCS{Literal: true}, "GET", "/storage/v1/b/b/o/m%2Fa+b", "alt=media"},
		{dialect.OCI{}, "GET", "/v2/lib/m/manifests/latest", ""},
		{dialect.GitLFS{}, "GET", "/o/m.git/info/lfs/objects/" + strings.Repeat("a1", 32), ""},
	}
}

// TestStores: every store has a request here, that hands out an object; what overrides its method makes it unknown.
func TestStores(t *testing.T) {
	var have []string
	for _, r := range storeRoutes() {
		have = append(have, r.d.Name())
		op := r.d.Head(r.method, r.path, r.query, nil)
		p, ok := r.d.Piece(op, authz.Response{Status: 200, ContentLength: 7})
		if op.Class != authz.ClassRead || op.Documents != 1 || !ok || p.Object == "" || p.Size != 7 || p.Object != op.Object {
			t.Errorf("%s %s: %+v, %+v", r.d.Name(), r.path, op, p)
		}
		op = r.d.Head(r.method, r.path, r.query, authz.Header{"x-http-method-override": {"DELETE"}})
		if op.Class != authz.ClassUnknown || r.d.Answer(op, authz.Response{Status: 200}).MaxBytes == 0 {
			t.Errorf("%s %s with another method: %+v", r.d.Name(), r.path, op)
		}
	}
	for _, name := range dialect.Names() {
		d, _ := dialect.ByName(name)
		if _, store := d.(dialect.Storage); store && !slices.Contains(have, name) {
			t.Errorf("%s has no request here", name)
		}
	}
}

// TestOther: the place of a copy that the path does not name, as a path.
func TestOther(t *testing.T) {
	blob := "sha256:" + strings.Repeat("a1", 32)
	for _, tt := range []struct {
		d             dialect.Copier
		request, from string // from: the header that names the source, "name: value"
		want          string
	}{
		{dialect.S3{}, "PUT /out/x", "x-amz-copy-source: src/a%20b", "/src/a%20b"},
		{dialect.S3{Hosted: true, Bucket: "src"}, "PUT /x", "x-amz-copy-source: src/a%20b", "/a%20b"},
		{dialect.GCS{}, "PUT /out/x", "x-goog-copy-source: src/a", "/src/a"},
		{dialect.GCS{}, "POST /storage/v1/b/src/o/a/rewriteTo/b/out/o/m%2Fx", "", "/storage/v1/b/out/o/m%2Fx"},
		{dialect.GCS{}, "POST /storage/v1/b/src/o/a/moveTo/o/m%2Fx", "", "/storage/v1/b/src/o/m%2Fx"},
		{dialect.GCS{}, "POST /storage/v1/b/src/o/a/compose", "", "/storage/v1/b/src/o"},
		{dialect.AzureBlob{}, "PUT /out/x", "x-ms-copy-source: https://a.example/src/m/x", "/src/m/x"},
		{dialect.AzureBlob{}, "PUT /out/x", "x-ms-copy-source: https://a.example/$root/x", "/x"},
		{dialect.OCI{}, "POST /v2/lib/m/blobs/uploads/?from=secret&mount=" + blob, "", "/v2/secret/blobs/" + blob},
	} {
		method, path, query := cutRequest(tt.request)
		name, value, _ := strings.Cut(tt.from, ": ")
		op := tt.d.Head(method, path, query, authz.Header{name: {value}})
		if got := tt.d.Other(path, op); got != tt.want || op.Into == "" {
			t.Errorf("%s %s: %q, want %q, of %+v", tt.d.Name(), tt.request, got, tt.want, op)
		}
	}
}

// TestWritten: what the canonical form of a path does not tell.
func TestWritten(t *testing.T) {
	for _, tt := range []struct {
		d          dialect.Dialect
		host, path string
		want       dialect.Dialect
	}{
		{dialect.S3{}, "h", "/b/a+b?c", dialect.S3{}},
		{dialect.S3{}, "h", "/b/a%2Bb?c+d", dialect.S3{Literal: true}},
		{dialect.S3{Hosted: true}, "my.models.s3.eu-central-1.amazonaws.com", "/k", dialect.S3{Hosted: true, Literal: true, Bucket: "my.models"}},
		{dialect.S3{Hosted: true}, "models.store.example", "/k", dialect.S3{Hosted: true, Literal: true}},
		{dialect.GCS{}, "h", "/b/a%2Bb", dialect.GCS{Literal: true}},
		{dialect.Files{}, "h", "/b/a+b", dialect.Files{}},
	} {
		if got := dialect.Written(tt.d, tt.host, tt.path); got != tt.want {
			t.Errorf("%s %s: %+v, want %+v", tt.host, tt.path, got, tt.want)
		}
	}
	for name, want := range map[string]bool{"hub": true, "gcs": true, "azureblob": true, "s3": false, "files": false, "oci": false, "": false} {
		if dialect.Slashes(name) != want {
			t.Errorf("dialect %q: paths with an encoded slash: %v", name, !want)
		}
	}
}

// TestRedirects: what a store sends away for has left, all of it; a way within the store hands out nothing.
func TestRedirects(t *testing.T) {
	for _, r := range storeRoutes() {
		op := r.d.Head(r.method, r.path, r.query, nil)
		for location, away := range map[string]bool{
			"https://cdn.example/x": !isFiles(r.d), "//cdn.example/x": !isFiles(r.d), `/\cdn.example/x`: !isFiles(r.d), "x": !isFiles(r.d), "/elsewhere/x": false,
		} {
			p, ok := r.d.Piece(op, authz.Response{Status: 307, ContentLength: 7, Headers: authz.Header{"location": {location}}})
			if ok != away || ok && (p.Object != op.Object || !p.Whole() || p.Size != authz.UnknownLength) {
				t.Errorf("%s sends to %s: %+v, %v", r.d.Name(), location, p, ok)
			}
		}
		if p, ok := r.d.Piece(op, authz.Response{Status: 304, Headers: authz.Header{"location": {"https://cdn.example/x"}}}); ok {
			t.Errorf("%s: what has not changed hands out %+v", r.d.Name(), p)
		}
	}
}

// isFiles: any server's redirects, to its own directories for one, are not those of a store.
func isFiles(d dialect.Dialect) bool {
	_, files := d.(dialect.Files)
	return files
}
