package dialect_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
)

func TestFiles(t *testing.T) {
	for path, want := range map[string]string{
		"/models/a.safetensors": "checkpoint", "/A.GGUF": "checkpoint", "/m.safetensors.gz": "checkpoint", "/m.gguf.part1": "checkpoint", "/m.ckpt.001": "checkpoint",
		"/pytorch_model.bin": "checkpoint", "/m.onnx": "checkpoint", "/m.pth": "checkpoint", "/m.h5": "checkpoint", "/m.keras": "checkpoint", "/saved_model.pb": "checkpoint",
		"/m.tflite": "checkpoint", "/m.npz": "checkpoint", "/m.pkl": "checkpoint", "/m.joblib": "checkpoint", "/m.msgpack": "checkpoint", "/m.ggml": "checkpoint",
		"/m.safetensors/":         "checkpoint",
		"/qdrant/docs-1.snapshot": "corpus", "/dump.rdb": "corpus", "/train.parquet": "corpus", "/a.arrow": "corpus", "/a.jsonl.gz": "corpus",
		"/a.jsonl.zst": "corpus", "/a.CSV": "corpus", "/t.lance": "corpus", "/t.lance/data/0": "corpus", "/t.parquet.part2": "corpus",
		"/README.md": "", "/config.json": "", "/": "", "/noext": "", "/v1.0": "", "/m.safetensors.md": "", "/gguf": "",
	} {
		op := dialect.Files{}.Head("GET", path, "", authz.Header{"range": {"bytes=0-9"}})
		want := authz.Operation{Class: authz.ClassRead, Complete: true, Object: path, Range: "bytes=0-9", Documents: 1, Artifact: want}
		if diff := cmp.Diff(want, op); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
	for query, want := range map[string]string{
		"path=model.safetensors": "checkpoint", "a=b&path=x%2Fmodel%2Egguf&c": "checkpoint", "path=x%5Cm.pt": "checkpoint", "path=README.md": "", "": "", "x=%zz": "", "download=true": "",
	} {
		if op := (dialect.Files{}).Head("GET", "/get-artifact", query, nil); op.Artifact != want {
			t.Errorf("query %s: artifact %q, want %q", query, op.Artifact, want)
		}
	}
	for method, want := range map[string]authz.Class{
		"GET": authz.ClassRead, "HEAD": authz.ClassRead, "OPTIONS": authz.ClassList, "PUT": authz.ClassWrite, "POST": authz.ClassWrite, "PATCH": authz.ClassWrite,
		"DELETE": authz.ClassWrite, "BREW": authz.ClassUnknown, "get": authz.ClassUnknown, "PROPFIND": authz.ClassUnknown,
	} {
		if op := (dialect.Files{}).Head(method, "/x", "", nil); op.Class != want {
			t.Errorf("%s is %s, want %s", method, op.Class, want)
		}
	}
	header := authz.Header{"range": {"bytes=0-1", "bytes=5-"}, "x-http-method-override": {"DELETE"}}
	want := authz.Operation{Class: authz.ClassUnknown, Complete: true, Object: "/m.pt", Range: "bytes=0-1, bytes=5-", Artifact: "checkpoint"}
	if diff := cmp.Diff(want, dialect.Files{}.Head("GET", "/m.pt", "", header)); diff != "" {
		t.Error(diff)
	}
	long := authz.Header{"range": {"bytes=" + strings.Repeat("0-1,", 20_000)}}
	if op := (dialect.Files{}).Head("GET", "/m.pt", "", long); len(op.Range) > 300 || !strings.HasPrefix(op.Range, "bytes=0-1,") || !strings.HasSuffix(op.Range, "…") {
		t.Errorf("a long range is taken over in %d bytes", len(op.Range))
	}
}
