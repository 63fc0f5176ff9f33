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

// storeRoute is a request that hands out an object of a store.
type storeRoute struct {
	d                   dialect.Storage
	method, path, query string
}

func storeRoutes() []storeRoute {
	return []storeRoute{
		{dialect.Files{}, "GET", "/models/a.bin", ""},
		{dialect.S3{}, "GET", "/b/k", "versionId=v&partNumber=2&response-expires=x"},
		{dialect.S3{Hosted: true}, "GET", "/k", "X-Amz-Signature=x"},
		{dialect.Hub{}, "GET", "/o/m/resolve/main/a.bin", ""},
		{dialect.MLflow{}, "GET", "/get-artifact", "path=a&run_uuid=r"},
		{dialect.AzureBlob{}, "GET", "/c/k", "snapshot=t"},
		{dialect.GCS{}, "GET", "/storage/v1/b/b/o/k", "alt=media"},
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
