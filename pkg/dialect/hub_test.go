package dialect_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
)

func TestHub(t *testing.T) {
	commit, hash := strings.Repeat("c0", 20), strings.Repeat("d1", 32)
	file := func(repo, object, version, artifact string) authz.Operation {
		return with(stored(repo, object, artifact), func(op *authz.Operation) { op.Version = version })
	}
	checkStore(t, dialect.Hub{}, []storeCase{
		{"HEAD /o/m/resolve/main/model.safetensors", nil, file("o/m", "o/m/model.safetensors", "main", "checkpoint")},
		{"GET /gpt2/resolve/main/onnx/model.onnx?download=true", nil, file("gpt2", "gpt2/onnx/model.onnx", "main", "checkpoint")},
		{"GET /datasets/o/d/resolve/main/a.parquet", nil, file("datasets/o/d", "datasets/o/d/a.parquet", "main", "corpus")},
		{"GET /datasets/o/d/resolve/refs/convert/parquet/all/a.parquet", nil, file("datasets/o/d", "datasets/o/d/all/a.parquet", "refs/convert/parquet", "corpus")},
		{"GET /o/m/resolve/refs/pr/7/model.safetensors", nil, file("o/m", "o/m/model.safetensors", "refs/pr/7", "checkpoint")},
		{"GET /o/m/resolve/refs%2Fpr%2F7/model.safetensors", nil, file("o/m", "o/m/model.safetensors", "refs/pr/7", "checkpoint")},
		{"GET /o/m/resolve/feature%2Fx/onnx/model.onnx", nil, file("o/m", "o/m/onnx/model.onnx", "feature/x", "checkpoint")},
		{"GET /o/m/resolve/main/onnx%2Fmodel.onnx", nil, file("o/m", "o/m/onnx/model.onnx", "main", "checkpoint")},
		{"GET /api/models/o/m/tree/feature%2Fx", nil, of(authz.ClassList, "o/m", "o/m", "")},
		{"GET /api/resolve-cache/models/o/m/" + commit + "/onnx%2Fconfig.json?%2Fo%2Fm%2Fresolve%2Fmain%2Fonnx%2Fconfig.json=&etag=%22e%22", nil, file("o/m", "o/m/onnx/config.json", commit, "")},
		{"POST /api/models/o/m/duplicate", nil, with(of(authz.ClassExport, "o/m", "o/m", ""), func(op *authz.Operation) { op.Documents = all })},
		{"POST /api/models/o/m/lfs-files/duplicate", nil, with(of(authz.ClassExport, "o/m", "o/m", ""), func(op *authz.Operation) { op.Documents = all })},
		{"POST /api/models/o/m/lfs-files/batch", nil, of(authz.ClassWrite, "o/m", "o/m", "")},
		{"GET /spaces/o/s/raw/main/app.py", nil, file("spaces/o/s", "spaces/o/s/app.py", "main", "")},
		{"GET /api/resolve-cache/models/o/m/" + commit + "/config.json", nil, file("o/m", "o/m/config.json", commit, "")},
		{"GET /api/models?search=x&expand=a&expand=b", nil, list()},
		{"GET /api/models/o/m", nil, of(authz.ClassList, "o/m", "o/m", "")},
		{"GET /api/models/o/m/tree/main/sub?recursive=true", nil, of(authz.ClassList, "o/m", "o/m", "")},
		{"GET /api/datasets/o/d/revision/main", nil, of(authz.ClassList, "datasets/o/d", "datasets/o/d", "")},
		{"POST /api/models/o/m/paths-info/main", nil, of(authz.ClassList, "o/m", "o/m", "")},
		{"GET /api/models/o/m/xet-read-token/main", nil, with(of(authz.ClassExport, "o/m", "o/m", ""), func(op *authz.Operation) { op.Documents = all })},
		{"POST /api/models/o/m/commit/main", nil, of(authz.ClassWrite, "o/m", "o/m", "")},
		{"PUT /api/models/o/m/settings", nil, of(authz.ClassAdmin, "o/m", "o/m", "")},
		{"POST /api/repos/create", nil, authz.Operation{Class: authz.ClassAdmin}},
		{"GET /v1/reconstructions/" + hash, nil, with(file("", "xet/"+hash, hash, ""), func(op *authz.Operation) { op.Class = authz.ClassExport })},
		{"GET /v2/reconstructions/" + hash, authz.Header{"range": {"bytes=0-9"}}, with(file("", "xet/"+hash, hash, ""), func(op *authz.Operation) { op.Class, op.Range = authz.ClassExport, "bytes=0-9" })},
		{"GET /get_xorb/default/" + hash, nil, file("", "xorb/"+hash, hash, "")},
		{"GET /v1/chunks/default-merkledb/" + hash, nil, of(authz.ClassList, "", "v1/chunks/default-merkledb/"+hash, "")},
		{"POST /v1/xorbs/default/" + hash, nil, of(authz.ClassWrite, "", "v1/xorbs/default/"+hash, "")},
	})
	checkUnknown(t, dialect.Hub{}, "GET /o/m/resolve/main", "GET /o/m", "PUT /o/m/resolve/main/a", "GET /a/resolve/resolve/b/c", "GET /o/m/blob/main/a", "GET /buckets/o/b/resolve/x",
		"GET /o/m/resolve/refs/heads/main/a", "GET /o/m/resolve/refs/pr/7", "GET /o/m/resolve/refs/pr", "GET /api/jobs/o", "GET /api/models/o/m/tomorrow/main", "GET /v1/reconstructions/abc", "GET /v1/reconstructions?file_id="+hash, "GET /o/m/resolve/main/a?x=1",
		"GET /api/resolve-cache/models/o/m/main/config.json", "GET /o%2Fm/resolve/main/a", "GET /o/m%2Fresolve/main/a", "POST /o%2Fm.git/info/lfs/objects/batch",
		"GET /buckets/o/b/resolve/a%2Fb", "GET /v1%2Freconstructions/"+hash, "GET /get_xorb/default%2F"+hash)
	const batch = "/datasets/o/d.git/info/lfs/objects/batch"
	checkHeads(t, dialect.Hub{}, []headCase{{"POST", batch, unread(at(batch, authz.ClassRead, "datasets/o/d")), true}})
	checkBodies(t, dialect.Hub{}, "POST", batch, map[string]bodyCase{
		"one": {body: `{"operation":"download","objects":[{"oid":"` + hash + `","size":5}]}`, want: file("datasets/o/d", hash, hash, "")},
	})
}

func TestHubPiece(t *testing.T) {
	read := stored("o/m", "o/m/w.safetensors", "checkpoint")
	linked := authz.Header{"x-linked-size": {"1000"}, "x-linked-etag": {`"sha"`}, "etag": {`"other"`}}
	for name, tt := range map[string]struct {
		op   authz.Operation
		resp authz.Response
		want authz.Piece
		ok   bool
	}{
		"a redirect":       {read, authz.Response{Status: 302, ContentLength: 50, Headers: linked}, authz.Piece{Object: "o/m/w.safetensors", Version: "sha", Size: 1000, Length: 1000}, true},
		"a local redirect": {read, authz.Response{Status: 307, Headers: authz.Header{"etag": {`"e"`}}}, authz.Piece{}, false},
		"of no size":       {read, authz.Response{Status: 302, Headers: authz.Header{"x-linked-size": {"-1"}, "x-linked-etag": {`"sha"`}}}, authz.Piece{}, false},
		"away, of no size": {read, authz.Response{Status: 302, Headers: authz.Header{"location": {"https://cdn.example/x"}, "x-linked-etag": {`"sha"`}}}, authz.Piece{Object: "o/m/w.safetensors", Size: -1, Length: -1}, true},
		"into the cache":   {read, authz.Response{Status: 307, ContentLength: 50, Headers: authz.Header{"location": {"/api/resolve-cache/models/o/m/c/w.safetensors"}}}, authz.Piece{}, false},
		"a small file":     {read, authz.Response{Status: 200, ContentLength: 7, Headers: authz.Header{"etag": {`"e"`}}}, authz.Piece{Object: "o/m/w.safetensors", Version: "e", Size: 7, Length: 7}, true},
		"a reconstruction": {of(authz.ClassExport, "", "xet/1", ""), authz.Response{Status: 200, ContentLength: 7}, authz.Piece{Object: "xet/1", Size: -1, Length: -1}, true},
		"a listing":        {of(authz.ClassList, "o/m", "o/m", ""), authz.Response{Status: 302, Headers: linked}, authz.Piece{}, false},
	} {
		tt.op.Complete = true
		got, ok := dialect.Hub{}.Piece(tt.op, tt.resp)
		if diff := cmp.Diff(tt.want, got); diff != "" || ok != tt.ok {
			t.Errorf("%s: %v (-want +got)\n%s", name, ok, diff)
		}
	}
}
