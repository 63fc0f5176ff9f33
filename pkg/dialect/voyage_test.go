package dialect_test

import (
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
	"github.com/weirgate/weir/pkg/scan"
)

func TestVoyage(t *testing.T) {
	const multimodal, contextual = "/v1/multimodalembeddings", "/v1/contextualizedembeddings"
	checkHeads(t, dialect.Voyage{}, []headCase{
		{"POST", "/v1/embeddings", unread(embed("")), true},
		{"POST", multimodal, unread(embed(multimodal)), true},
		{"POST", contextual, unread(embed(contextual)), true},
		{"POST", "/v1/rerank", unread(search("")), true},
		{"POST", "/v1/batches", exported("", ""), false},
		{"GET", "/v1/batches/b", list(), false},
		{"GET", "/v1/files/f/content", exported("/v1/files/f/content", ""), false},
		{"GET", multimodal, unknown(), false},
		{"GET", "/v1/rerank", unknown(), false},
		{"POST", "/v2/embeddings", unknown(), false},
	})
	// Bodies named after the client are those of voyageai 0.5.0, which asks for base64 unless the caller says otherwise.
	checkBodies(t, dialect.Voyage{}, "POST", "/v1/embeddings", map[string]bodyCase{
		"voyageai":         {body: `{"input": ["a"], "model": "voyage-3.5", "input_type": null, "truncation": true, "output_dtype": null, "output_dimension": null, "encoding_format": "base64"}`, want: typed("", "voyage-3.5", 1, 0, "")},
		"voyageai, int8":   {body: `{"input": ["a", "b"], "model": "voyage-3.5", "input_type": "document", "truncation": true, "output_dtype": "int8", "output_dimension": 256, "encoding_format": "base64"}`, want: typed("", "voyage-3.5", 2, 256, scan.EncodingBase64I8)},
		"int8 in an array": {body: `{"input":"a","model":"m","output_dtype":"uint8","encoding_format":null}`, want: typed("", "m", 1, 0, scan.EncodingInts)},
		"unknown type":     {body: `{"input":"a","output_dtype":"int4"}`, bad: "output_dtype must be float"},
		"input twice":      {body: `{"input":"a","input":["a","b"]}`, bad: "input stands twice"},
	})
	checkBodies(t, dialect.Voyage{}, "POST", multimodal, map[string]bodyCase{
		"voyageai":        {body: `{"inputs": [{"content": [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": "http://x/y.png"}]}, {"content": [{"type": "text", "text": "b"}]}], "model": "voyage-multimodal-3.5", "input_type": null, "truncation": true, "output_dtype": "ubinary", "output_dimension": 512, "encoding_format": "base64"}`, want: typed(multimodal, "voyage-multimodal-3.5", 2, 512, scan.EncodingBase64I8)},
		"input, not here": {body: `{"input":["a"],"model":"m"}`, bad: "inputs is missing"},
		"inputs twice":    {body: `{"inputs":[],"inputs":[{}]}`, bad: "inputs stands twice"},
	})
	cut := typed(contextual, "voyage-context-3", 2, 0, "")
	cut.Vectors = authz.Unbounded
	checkBodies(t, dialect.Voyage{}, "POST", contextual, map[string]bodyCase{
		"voyageai":                {body: `{"inputs": [["a", "b"], ["c"]], "model": "voyage-context-3", "input_type": "document", "output_dtype": null, "output_dimension": 512, "encoding_format": "base64"}`, want: typed(contextual, "voyage-context-3", 3, 512, "")},
		"voyageai, queries":       {body: `{"inputs": [["a"], ["b"]], "model": "voyage-context-3", "input_type": "query", "output_dtype": null, "output_dimension": null, "encoding_format": "base64"}`, want: typed(contextual, "voyage-context-3", 2, 0, "")},
		"voyageai, auto chunking": {body: `{"inputs": [["a long doc"], ["b"]], "model": "voyage-context-3", "input_type": "document", "output_dtype": null, "output_dimension": null, "enable_auto_chunking": true, "chunk_size": 100, "encoding_format": "base64"}`, want: cut},
		"flat":                    {body: `{"inputs":["a","b"],"model":"voyage-context-3","enable_auto_chunking":false}`, want: typed(contextual, "voyage-context-3", 2, 0, "")},
		"chunking as text":        {body: `{"inputs":[["a"]],"enable_auto_chunking":"true"}`, bad: "neither true nor false"},
		"chunking twice":          {body: `{"inputs":[["a"]],"enable_auto_chunking":false,"enable_auto_chunking":true}`, bad: "enable_auto_chunking stands twice"},
		"a number":                {body: `{"inputs":[1]}`, bad: "inputs is no array"},
	})
	checkBodies(t, dialect.Voyage{}, "POST", "/v1/rerank", map[string]bodyCase{
		"voyageai": {body: `{"query": "q", "documents": ["a", "b"], "model": "rerank-2", "top_k": 1, "truncation": true}`, want: authz.Operation{Class: authz.ClassSearch, Model: "rerank-2", Documents: 2}},
	})
	checkPlaces(t, dialect.Voyage{}, []placeCase{
		{op: embed(""), vectors: "data[*].embedding"},
		{op: embed(multimodal), vectors: "data[*].embedding"},
		{op: embed(contextual), vectors: "data[*].data[*].embedding"},
		{op: search(""), scores: "data[*].relevance_score"},
		{op: unknown(), vectors: "data[*].embedding data[*].data[*].embedding"},
		{op: exported("", "")},
		{op: list()},
	})
	checkLines(t, dialect.Voyage{}, exported("/v1/files/f/content", ""), "response.body.data[*].embedding")
	checkEncodings(t, dialect.Voyage{}, map[string]authz.Operation{
		"data[*].embedding as base64_i8":         typed(multimodal, "m", 1, 0, scan.EncodingBase64I8),
		"data[*].data[*].embedding as base64_i8": typed(contextual, "m", 1, 0, scan.EncodingBase64I8),
		"data[*].embedding as ":                  typed("", "m", 1, 0, ""),
	})
}
