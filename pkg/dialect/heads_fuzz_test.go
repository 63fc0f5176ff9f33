package dialect_test

import (
	"encoding/json"
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
	"github.com/weirgate/weir/pkg/scan"
)

// FuzzHead: whatever a path and a query say, an operation is complete, or its body is read, or nobody knows it; its counts are counts; and
// what it says of bodies can be followed.
func FuzzHead(f *testing.F) {
	for i, r := range routes() {
		f.Add(uint8(i), r.method, r.path, "limit=5&include=vector&size=2&sort=_score&select=a,b(c)&ids=x", "application/json")
	}
	all := routes()
	for _, s := range storeRoutes() {
		f.Add(uint8(len(all)), s.method, s.path, s.query, "")
		all = append(all, route{d: s.d, method: s.method, path: s.path})
	}
	f.Fuzz(func(t *testing.T, i uint8, method, path, query, accept string) {
		d := all[int(i)%len(all)].d
		for _, contentType := range []string{"application/json", "application/grpc"} {
			h := authz.Header{"content-type": {contentType}, "accept": {accept}}
			op := d.Head(method, path, query, h)
			if op.Vectors < authz.Unbounded || op.Documents < authz.Unbounded || op.Dims < 0 || op.Class == "" {
				t.Fatalf("%s %s %q?%q: %+v", d.Name(), method, path, query, op)
			}
			if !op.Complete && !d.NeedsBody(method, path) {
				t.Fatalf("%s %s %q?%q: %+v waits for a body that nobody reads", d.Name(), method, path, query, op)
			}
			if s, ok := d.(dialect.Storage); ok {
				p, ok := s.Piece(op, authz.Response{Status: 200, ContentLength: 7})
				if ok && p.Object == "" || ok != (op.Class == authz.ClassRead || op.Class == authz.ClassExport) {
					t.Fatalf("%s %s %q?%q: %+v hands out %+v, %v", d.Name(), method, path, query, op, p, ok)
				}
			}
			format, carried := d.Carries(op)
			good, bad := d.Answer(op, authz.Response{Status: 200}), d.Answer(op, authz.Response{Status: 400})
			for _, err := range []error{compiles(format, carried), compiles(good.Format, good.Fields), compiles(bad.Format, bad.Fields)} {
				if err != nil {
					t.Fatalf("%s %s %q?%q: %v", d.Name(), method, path, query, err)
				}
			}
		}
	})
}

// compiles reports whether the engine of the format can follow the fields.
func compiles(f scan.Format, fields []scan.Field) (err error) {
	if f != scan.FormatGRPC {
		_, err = scan.CompilePaths(fields)
		return err
	}
	var numbers scan.Numbers
	for _, field := range fields {
		if _, err = numbers.Add(field.Path); err != nil {
			break
		}
	}
	return err
}

// FuzzVLLMMetadata: lengths are taken from an answer's metadata only where any other reader finds the same for every vector.
func FuzzVLLMMetadata(f *testing.F) {
	f.Add(`{"data":[{"index":0,"embed_dtype":"float32","endianness":"native","start":0,"end":32,"shape":[8]},{"index":1,"embed_dtype":"float32","endianness":"little","start":32,"end":96,"shape":[2,8]}]}`)
	f.Add(`{"data":[],"usage":{"prompt_tokens":1}}`)
	f.Fuzz(func(t *testing.T, metadata string) {
		op := embed("")
		op.Encoding = string(scan.EncodingF32)
		dims := dialect.VLLM{}.Answer(op, authz.Response{Status: 200, Headers: authz.Header{"metadata": {metadata}}}).Dims
		if dims == 0 {
			return
		}
		var said struct {
			Data []struct {
				Type  string `json:"embed_dtype"`
				Start int64
				End   int64
				Shape []int64
			}
		}
		if err := json.Unmarshal([]byte(metadata), &said); err != nil {
			return // a key in another case, or one that only Go would take so
		}
		at := int64(0)
		for _, v := range said.Data {
			if v.Type != "float32" || v.Start != at || v.End <= at || (v.End-at)%(4*dims) != 0 || v.Shape[len(v.Shape)-1] != dims {
				t.Fatalf("%q: %d dims", metadata, dims)
			}
			at = v.End
		}
	})
}
