package dialect_test

import (
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
	"github.com/weirgate/weir/pkg/scan"
)

// typed is the operation of texts whose vectors are written as e.
func typed(route, model string, n, dims int64, e scan.Encoding) authz.Operation {
	return authz.Operation{Class: authz.ClassEmbed, Object: route, Model: model, Documents: n, Vectors: n, Dims: dims, Encoding: string(e)}
}

func TestMistral(t *testing.T) {
	checkHeads(t, dialect.Mistral{}, []headCase{
		{"POST", "/v1/embeddings", unread(embed("")), true},
		{"POST", "/v1/batch/jobs", exported("", ""), false},
		{"GET", "/v1/batch/jobs", list(), false},
		{"GET", "/v1/batch/jobs/j", list(), false},
		{"POST", "/v1/batch/jobs/j/cancel", write(), false},
		{"GET", "/v1/files", list(), false},
		{"GET", "/v1/files/f/content", exported("/v1/files/f/content", ""), false},
		{"GET", "/v1/files/f/url", exported("/v1/files/f/url", ""), false},
		{"POST", "/v1/files", write(), false},
		{"GET", "/v1/models", list(), false},
		{"POST", "/v1/chat/completions", unknown(), false},
		{"POST", "/openai/deployments/ada/embeddings", unknown(), false},
		{"POST", "/v1/batch", unknown(), false},
	})
	// Bodies named after the client are those of mistralai 3.7.0.
	checkBodies(t, dialect.Mistral{}, "POST", "/v1/embeddings", map[string]bodyCase{
		"mistralai":         {body: `{"model":"mistral-embed","input":["a"]}`, want: typed("", "mistral-embed", 1, 0, "")},
		"mistralai, base64": {body: `{"model":"mistral-embed","input":"a","encoding_format":"base64"}`, want: typed("", "mistral-embed", 1, 0, "")},
		"mistralai, int8":   {body: `{"model":"codestral-embed","input":["a","b"],"output_dimension":512,"output_dtype":"int8"}`, want: typed("", "codestral-embed", 2, 512, scan.EncodingInts)},
		"bits in base64":    {body: `{"model":"m","input":"a","output_dtype":"ubinary","encoding_format":"base64"}`, want: typed("", "m", 1, 0, scan.EncodingBase64I8)},
		"unknown type":      {body: `{"model":"m","input":"a","output_dtype":"float8"}`, bad: "output_dtype must be float"},
		"unknown encoding":  {body: `{"model":"m","input":"a","encoding_format":"bytes"}`, bad: "encoding_format must be float or base64"},
		"type twice":        {body: `{"input":"a","output_dtype":"float","output_dtype":"int8"}`, bad: "output_dtype stands twice"},
		"type, other case":  {body: `{"input":"a","Output_dtype":"int8"}`, bad: "differs from output_dtype in case"},
		"nothing":           {body: `{"model":"m"}`, bad: "input is missing"},
	})
	checkPlaces(t, dialect.Mistral{}, []placeCase{
		{op: embed(""), vectors: "data[*].embedding"},
		{op: unknown(), vectors: "data[*].embedding"},
		{op: exported("", "")},
		{op: exported("/v1/files/f/url", "")},
		{op: exported("/v1/files/f/content", ""), status: 404},
		{op: list()},
	})
	checkLines(t, dialect.Mistral{}, exported("/v1/files/f/content", ""), "response.body.data[*].embedding")
	checkEncodings(t, dialect.Mistral{}, map[string]authz.Operation{
		"data[*].embedding as ":          typed("", "m", 1, 0, ""),
		"data[*].embedding as ints":      typed("", "m", 1, 0, scan.EncodingInts),
		"data[*].embedding as base64_i8": typed("", "m", 1, 0, scan.EncodingBase64I8),
	})
}

// checkLines checks that the answer to op is documents, one a line, of any media type, with vectors at the path.
func checkLines(t *testing.T, d dialect.Dialect, op authz.Operation, path string) {
	t.Helper()
	a := d.Answer(op, authz.Response{Status: 200})
	if got, _ := split(t, a.Format, a.Fields); !a.Judge || a.Format != scan.FormatNDJSON || len(a.ContentTypes) > 0 || got != path {
		t.Errorf("%s %+v: %+v, want lines with vectors at %s", d.Name(), op, a, path)
	}
}
