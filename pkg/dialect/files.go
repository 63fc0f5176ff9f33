package dialect

import (
	"net/url"
	"path"
	"strings"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
)

// Files is any HTTP file server: the path is the object. Here what an object is, is told by its name only; the server looks at the content
// of what its name does not tell (pkg/artifact).
type Files struct{}

// Name implements Dialect.
func (Files) Name() string { return "files" }

// NeedsBody implements Dialect.
func (Files) NeedsBody(string, string) bool { return false }

// Head implements Dialect.
func (Files) Head(method, p, query string, h authz.Header) authz.Operation {
	op := authz.Operation{Complete: true, Object: p, Range: rangeOf(h), Artifact: artifactOf(p)}
	if op.Artifact == "" {
		op.Artifact = artifactInQuery(query)
	}
	if overridesMethod(h) || p == "" { // what names no object hands out none
		op.Class = authz.ClassUnknown
		return op
	}
	switch method {
	case "GET", "HEAD":
		op.Class, op.Documents = authz.ClassRead, 1
	case "OPTIONS":
		op.Class = authz.ClassList
	case "PUT", "POST", "PATCH", "DELETE":
		op.Class = authz.ClassWrite
	default:
		op.Class = authz.ClassUnknown
	}
	return op
}

// maxRange bounds how much of a Range header is taken over into an operation, in bytes. It is written into records, more than once.
const maxRange = 256

// rangeOf returns the Range header as sent; one that is longer than any client's ends in "…".
func rangeOf(h authz.Header) string {
	r := strings.Join(h["range"], ", ")
	if len(r) > maxRange {
		return r[:maxRange] + "…"
	}
	return r
}

// artifactInQuery recognises an object that a parameter names: /get-artifact?path=model.safetensors.
func artifactInQuery(query string) string {
	for pair := range strings.FieldsFuncSeq(query, func(c rune) bool { return c == '&' || c == ';' }) {
		_, value, _ := strings.Cut(pair, "=")
		if decoded, err := url.QueryUnescape(value); err == nil {
			value = decoded
		}
		if a := artifactOf(strings.ReplaceAll(value, "\\", "/")); a != "" {
			return a
		}
	}
	return ""
}

// artifactOf recognises the names under which model weights are stored, and exports of a corpus: tables, and what databases write when
// they are asked for all that they hold.
func artifactOf(p string) string {
	name := strings.ToLower(path.Base(p))
	for { // compressed and split weights are weights: model.safetensors.gz, model.gguf.part1
		switch ext := path.Ext(name); ext {
		case ".safetensors", ".gguf", ".ggml", ".ggla", ".pt", ".pth", ".ckpt", ".onnx", ".h5", ".hdf5", ".keras", ".tflite", ".npz", ".npy", ".pkl",
			".pickle", ".joblib", ".msgpack", ".pb", ".mar", ".engine", ".plan", ".nemo", ".llamafile", ".bin":
			return authz.ArtifactCheckpoint
		case ".snapshot", ".rdb", ".lance", ".parquet", ".arrow", ".feather", ".jsonl", ".ndjson", ".csv", ".tsv":
			return authz.ArtifactCorpus
		case ".gz", ".zst", ".xz", ".bz2", ".lz4", ".zip", ".tar", ".tgz", ".part", ".bak", ".tmp", ".old":
			name = strings.TrimSuffix(name, ext)
		default:
			if strings.HasPrefix(ext, ".part") || len(ext) > 1 && strings.Trim(ext[1:], "0123456789") == "" {
				name = strings.TrimSuffix(name, ext)
				continue
			}
			if strings.Contains(p, ".lance/") { // a table of Lance is a directory
				return authz.ArtifactCorpus
			}
			return ""
		}
	}
}

// Body implements Dialect.
func (Files) Body(op authz.Operation, _ []byte) (authz.Operation, error) { return op, nil }

// Carries implements Dialect: what is stored is not read.
func (Files) Carries(authz.Operation) (scan.Format, []scan.Field) { return "", nil }

// maxReceipt is the longest answer to a write, in bytes: room for a receipt or an error, none for the file.
const maxReceipt = 64 << 10

// Answer implements Dialect: a file is measured, not read. What does not ask for a file gets none: OPTIONS least of all, which many servers
// answer like GET.
func (Files) Answer(op authz.Operation, _ authz.Response) Answer {
	if op.Class == authz.ClassRead {
		return Answer{}
	}
	return Answer{MaxBytes: maxReceipt}
}
