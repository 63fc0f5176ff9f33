package dialect_test

import (
	"strings"
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
)

func TestOCI(t *testing.T) {
	digest := "sha256:" + strings.Repeat("a1", 32)
	blob := with(stored("lib/m", digest, ""), func(op *authz.Operation) { op.Version = digest })
	checkStore(t, dialect.OCI{}, []storeCase{
		{"GET /v2/", nil, list()},
		{"GET /v2/_catalog?n=5", nil, list()},
		{"GET /v2/lib/m/manifests/latest", nil, stored("lib/m", "lib/m:latest", "")},
		{"HEAD /v2/lib/m/manifests/" + digest, nil, blob},
		{"GET /v2/lib/m/blobs/" + digest, authz.Header{"range": {"bytes=5-"}}, with(blob, func(op *authz.Operation) { op.Range = "bytes=5-" })},
		{"GET /v2/a/manifests/b/blobs/" + digest, nil, with(blob, func(op *authz.Operation) { op.Collection = "a/manifests/b" })},
		{"PUT /v2/lib/m/manifests/v1", nil, of(authz.ClassWrite, "lib/m", "lib/m:v1", "")},
		{"GET /v2/lib/m/tags/list", nil, of(authz.ClassList, "lib/m", "lib/m", "")},
		{"GET /v2/lib/m/referrers/" + digest, nil, of(authz.ClassList, "lib/m", "lib/m", "")},
		{"POST /v2/lib/m/blobs/uploads/", nil, of(authz.ClassWrite, "lib/m", "lib/m", "")},
		{"PUT /v2/lib/m/blobs/uploads/u-1?_state=s&digest=" + digest, nil, of(authz.ClassWrite, "lib/m", "lib/m", "")},
		{"POST /v2/lib/m/blobs/uploads/?from=secret&mount=" + digest, nil, with(into(blob, "lib/m"), func(op *authz.Operation) { op.Collection = "secret" })},
	})
	checkUnknown(t, dialect.OCI{}, "GET /", "POST /v2/", "GET /v2/lib/m/blobs/latest", "GET /v2/LIB/manifests/v1", "GET /v2/lib/m/manifests/-v", "GET /v2/lib/m/manifests/v1?ns=other",
		"GET /v2/lib/m/blobs/md5:1", "POST /v2/lib/m/blobs/uploads/?mount="+digest, "GET /v2/lib/m/tags/latest", "GET /v2/lib%20m/manifests/v1", "PUT /v2/lib/m/blobs/"+digest,
		"GET /v2/lib/m/blobs/"+strings.ToUpper(digest), "POST /v2/lib/m/blobs/uploads/?from=a&from=b&mount="+digest)
	tagged := stored("lib/m", "lib/m:v1", "")
	for want, h := range map[string]authz.Header{
		digest: {"docker-content-digest": {digest}, "etag": {`"e"`}}, "e": {"docker-content-digest": {"v1"}, "etag": {`"e"`}}, "": {"docker-content-digest": {digest, digest}},
	} {
		if p, ok := (dialect.OCI{}).Piece(tagged, authz.Response{Status: 200, ContentLength: 7, Headers: h}); !ok || p.Version != want || p.Size != 7 {
			t.Errorf("%v: %+v, want version %s", h, p, want)
		}
	}
	if p, ok := (dialect.OCI{}).Piece(blob, authz.Response{Status: 200, ContentLength: 7, Headers: authz.Header{"etag": {`"e"`}}}); !ok || p.Version != digest {
		t.Errorf("a blob: %+v", p)
	}
}

func TestArtifactByType(t *testing.T) {
	for mediaType, want := range map[string]authz.Artifact{
		"application/vnd.ollama.image.model":                {Class: "checkpoint", Format: "gguf"},
		"Application/X-HDF5; charset=x":                     {Class: "checkpoint", Format: "hdf5"},
		"application/x-safetensors":                         {Class: "checkpoint", Format: "safetensors"},
		"application/vnd.cncf.model.weight.v1.raw":          {Class: "checkpoint"},
		"application/vnd.cncf.model.weight.v1.gguf":         {Class: "checkpoint", Format: "gguf"},
		"application/vnd.cncf.model.weight.v1.tar+gzip":     {Class: "checkpoint", Wrapped: "gzip/tar"},
		"application/vnd.cncf.model.weight.config.v1.tar":   {},
		"application/vnd.cncf.model.dataset.v1.tar":         {Class: "corpus", Wrapped: "tar"},
		"application/vnd.kitops.modelkit.model.v1.tar+gzip": {Class: "checkpoint", Wrapped: "gzip/tar"},
		"application/vnd.kitops.modelkit.config.v1+json":    {},
		"application/vnd.apache.parquet":                    {Class: "corpus", Format: "parquet"},
		"application/vnd.apache.arrow.stream":               {Class: "corpus", Format: "arrow"},
		"application/octet-stream":                          {},
		"application/json":                                  {},
		"":                                                  {},
		"application/vnd.oci.image.layer.v1.tar+gzip":       {},
	} {
		if got := dialect.ArtifactByType(mediaType); got != want {
			t.Errorf("%s: %+v, want %+v", mediaType, got, want)
		}
	}
}
