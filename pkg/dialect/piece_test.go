package dialect_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
)

// TestPiece: which part of an object an answer hands out, as HTTP says it; what is not said is unknown, never nothing.
func TestPiece(t *testing.T) {
	read := authz.Operation{Class: authz.ClassRead, Object: "/a"}
	part := func(r string) authz.Header { return authz.Header{"content-range": {r}, "etag": {`"v1"`}} }
	unknown := authz.Piece{Object: "/a", Version: "v1", Size: -1, Length: 100}
	for name, tt := range map[string]struct {
		op   authz.Operation
		resp authz.Response
		want authz.Piece
		ok   bool
	}{
		"whole":              {read, authz.Response{Status: 200, ContentLength: 7, Headers: authz.Header{"etag": {`"v1"`}}}, authz.Piece{Object: "/a", Version: "v1", Size: 7, Length: 7}, true},
		"no length":          {read, authz.Response{Status: 200, ContentLength: -1}, authz.Piece{Object: "/a", Size: -1, Length: -1}, true},
		"a weak tag":         {read, authz.Response{Status: 200, ContentLength: 7, Headers: authz.Header{"etag": {`W/"v1"`}}}, authz.Piece{Object: "/a", Size: 7, Length: 7}, true},
		"two tags":           {read, authz.Response{Status: 200, ContentLength: 7, Headers: authz.Header{"etag": {`"v1"`, `"v2"`}}}, authz.Piece{Object: "/a", Size: 7, Length: 7}, true},
		"compressed":         {read, authz.Response{Status: 200, ContentLength: 7, ContentEncoding: "gzip"}, authz.Piece{Object: "/a", Size: -1, Length: 7}, true},
		"a coding's own tag": {read, authz.Response{Status: 200, ContentLength: 7, ContentEncoding: "gzip", Headers: authz.Header{"etag": {`"v1-gzip"`}}}, authz.Piece{Object: "/a", Size: -1, Length: 7}, true},
		"a part of a coding": {read, authz.Response{Status: 206, ContentLength: 100, ContentEncoding: "gzip", Headers: part("bytes 100-199/1000")}, authz.Piece{Object: "/a", Size: -1, Length: 100}, true},
		"a part":             {read, authz.Response{Status: 206, ContentLength: 100, Headers: part("bytes 100-199/1000")}, authz.Piece{Object: "/a", Version: "v1", Size: 1000, Offset: 100, Length: 100}, true},
		"of unknown size":    {read, authz.Response{Status: 206, ContentLength: 100, Headers: part("bytes 100-199/*")}, authz.Piece{Object: "/a", Version: "v1", Size: -1, Offset: 100, Length: 100}, true},
		"a length that lies": {read, authz.Response{Status: 206, ContentLength: 100, Headers: part("bytes 0-0/1000")}, unknown, true},
		"several parts":      {read, authz.Response{Status: 206, ContentLength: 100, ContentType: "multipart/byteranges; boundary=x", Headers: authz.Header{"etag": {`"v1"`}}}, unknown, true},
		"backwards":          {read, authz.Response{Status: 206, ContentLength: 100, Headers: part("bytes 199-100/1000")}, unknown, true},
		"beyond its end":     {read, authz.Response{Status: 206, ContentLength: 100, Headers: part("bytes 0-99/50")}, unknown, true},
		"not bytes":          {read, authz.Response{Status: 206, ContentLength: 100, Headers: part("lines 0-99/500")}, unknown, true},
		"no number":          {read, authz.Response{Status: 206, ContentLength: 100, Headers: part("bytes -99/500")}, unknown, true},
		"too large a number": {read, authz.Response{Status: 206, ContentLength: 100, Headers: part("bytes 0-99/99999999999999999999")}, unknown, true},
		"an error":           {read, authz.Response{Status: 404, ContentLength: 7}, authz.Piece{}, false},
		"a redirect":         {read, authz.Response{Status: 302}, authz.Piece{}, false},
		"a receipt":          {authz.Operation{Class: authz.ClassWrite, Object: "/a"}, authz.Response{Status: 200, ContentLength: 7}, authz.Piece{}, false},
	} {
		got, ok := dialect.Files{}.Piece(tt.op, tt.resp)
		if diff := cmp.Diff(tt.want, got); diff != "" || ok != tt.ok {
			t.Errorf("%s: ok %v (-want +got)\n%s", name, ok, diff)
		}
	}
}

// TestPieceOfCoding: a server may encode on the way, under a tag of the coding's own, and a store of objects does not: there it is how they were put.
func TestPieceOfCoding(t *testing.T) {
	op := authz.Operation{Class: authz.ClassRead, Complete: true, Object: "a"}
	resp := authz.Response{
		Status: 206, ContentLength: 100, ContentEncoding: "gzip", Headers: authz.Header{"content-range": {"bytes 100-199/1000"}, "etag": {`"v1"`}},
	}
	onTheWay, stored := authz.Piece{Object: "a", Size: -1, Length: 100}, authz.Piece{Object: "a", Version: "v1", Size: 1000, Offset: 100, Length: 100}
	for d, want := range map[dialect.Storage]authz.Piece{
		dialect.Files{}: onTheWay, dialect.Hub{}: onTheWay, dialect.MLflow{}: onTheWay, dialect.OCI{}: onTheWay,
		dialect.S3{}: stored, dialect.GCS{}: stored, dialect.AzureBlob{}: stored,
	} {
		if got, ok := d.Piece(op, resp); got != want || !ok {
			t.Errorf("%T: %+v, %v; want %+v", d, got, ok, want)
		}
	}
}
