package dialect_test

import (
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
)

func TestGemini(t *testing.T) {
	const model = "gemini-embedding-001"
	method := func(verb string) authz.Operation {
		return authz.Operation{Class: authz.ClassEmbed, Model: model, Object: verb}
	}
	checkHeads(t, dialect.Gemini{}, []headCase{
		{"POST", "/v1beta/models/" + model + ":embedContent", unread(method("embedContent")), true},
		{"POST", "/v1/models/" + model + ":batchEmbedContents", unread(method("batchEmbedContents")), true},
		{"POST", "/v1beta/models/" + model + ":asyncBatchEmbedContent", exported("", model), false},
		{"POST", "/v1beta/openai/embeddings", unread(embed("/openai/embeddings")), true},
		{"GET", "/v1beta/batches/123", exported("/v1beta/batches/123", ""), false},
		{"GET", "/v1beta/batches", exported("/v1beta/batches", ""), false},
		{"POST", "/v1beta/batches/123:cancel", write(), false},
		{"DELETE", "/v1beta/batches/123", write(), false},
		{"GET", "/v1beta/files/abc:download", exported("/v1beta/files/abc:download", ""), false},
		{"GET", "/v1beta/files/abc", list(), false},
		{"POST", "/upload/v1beta/files", write(), false},
		{"GET", "/v1beta/models", list(), false},
		{"GET", "/v1beta/models/" + model, list(), false},
		{"POST", "/v1beta/models/" + model + ":generateContent", unknown(), false},
		{"GET", "/v1beta/models/" + model + ":embedContent", unknown(), false},
		{"POST", "/v1beta/tunedModels/" + model + ":embedContent", unknown(), false},
		{"POST", "/v1beta/models/" + model, unknown(), false},
		{"POST", "/", unknown(), false},
	})
	op := func(verb string, n, dims int64) authz.Operation {
		op := method(verb)
		op.Vectors, op.Documents, op.Dims = n, n, dims
		return op
	}
	// Bodies named after the client are those of google-genai 3.6.1; those of embedContent are made of the keys in the Gemini API reference.
	checkBodies(t, dialect.Gemini{}, "POST", "/v1beta/models/"+model+":embedContent", map[string]bodyCase{
		"docs":               {body: `{"model":"models/gemini-embedding-001","content":{"parts":[{"text":"a"}]},"outputDimensionality":768}`, want: op("embedContent", 1, 768)},
		"several parts":      {body: `{"content":{"parts":[{"text":"a"},{"text":"b"}],"role":"user"}}`, want: op("embedContent", 1, 0)},
		"the other spelling": {body: `{"content":{"parts":[]},"output_dimensionality":8}`, want: op("embedContent", 1, 8)},
		"both spellings":     {body: `{"content":{},"output_dimensionality":8,"outputDimensionality":3072}`, bad: "outputDimensionality is stated twice"},
		"nothing":            {body: `{"model":"m"}`, bad: "nothing to embed"},
		"a batch":            {body: `{"requests":[{"content":{}},{"content":{}}]}`, bad: "nothing to embed"},
		"content twice":      {body: `{"content":{},"content":{}}`, bad: "content stands twice"},
		"in capitals":        {body: `{"Content":{}}`, bad: "differs from content in case"},
	})
	checkBodies(t, dialect.Gemini{}, "POST", "/v1beta/models/"+model+":batchEmbedContents", map[string]bodyCase{
		"google-genai":        {body: `{"requests": [{"content": {"parts": [{"text": "a"}], "role": "user"}, "model": "models/gemini-embedding-001"}]}`, want: op("batchEmbedContents", 1, 0)},
		"google-genai, dims":  {body: `{"requests": [{"content": {"parts": [{"text": "a"}], "role": "user"}, "taskType": "RETRIEVAL_DOCUMENT", "outputDimensionality": 256, "model": "models/gemini-embedding-001"}, {"content": {"parts": [{"text": "b"}], "role": "user"}, "taskType": "RETRIEVAL_DOCUMENT", "outputDimensionality": 256, "model": "models/gemini-embedding-001"}]}`, want: op("batchEmbedContents", 2, 256)},
		"dims that differ":    {body: `{"requests":[{"content":{},"outputDimensionality":3072},{"content":{},"outputDimensionality":8}]}`, want: op("batchEmbedContents", 2, 3072)},
		"empty":               {body: `{"requests":[]}`, bad: "nothing to embed"},
		"one alone":           {body: `{"content":{}}`, bad: "nothing to embed"},
		"requests twice":      {body: `{"requests":[{}],"requests":[{},{}]}`, bad: "requests stands twice"},
		"no objects":          {body: `{"requests":["a"]}`, bad: "want an object"},
		"a key twice, inside": {body: `{"requests":[{"content":{},"content":{}}]}`, bad: "content stands twice"},
	})
	compatible := op("/openai/embeddings", 2, 0)
	compatible.Model = "m"
	checkBodies(t, dialect.Gemini{}, "POST", "/v1beta/openai/embeddings", map[string]bodyCase{
		"openai-python": {body: `{"model":"m","input":["a","b"],"encoding_format":"base64"}`, want: compatible},
	})
	const inline = "output.inlinedEmbedContentResponses.inlinedResponses[*].response.embedding.values"
	checkPlaces(t, dialect.Gemini{}, []placeCase{
		{op: method("embedContent"), vectors: "embedding.values embeddings[*].values"},
		{op: method("batchEmbedContents"), vectors: "embedding.values embeddings[*].values"},
		{op: compatible, vectors: "data[*].embedding"},
		{op: exported("/v1beta/batches/123", ""), vectors: "metadata." + inline + " response." + inline[7:] + " operations[*].metadata." + inline + " operations[*].response." + inline[7:]},
		{op: exported("/v1beta/files/abc:download", ""), status: 404, vectors: "metadata." + inline + " response." + inline[7:] + " operations[*].metadata." + inline + " operations[*].response." + inline[7:]},
		{op: unknown(), vectors: "embedding.values embeddings[*].values"},
		{op: list()},
	})
	checkLines(t, dialect.Gemini{}, exported("/v1beta/files/abc:download", ""), "response.embedding.values")
}
