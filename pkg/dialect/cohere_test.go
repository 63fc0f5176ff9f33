package dialect_test

import (
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
)

const cohereVectors = "embeddings[*] embeddings.float[*] embeddings.int8[*] embeddings.uint8[*] embeddings.binary[*] embeddings.ubinary[*] embeddings.base64[*]"

func TestCohere(t *testing.T) {
	checkHeads(t, dialect.Cohere{}, []headCase{
		{"POST", "/v1/embed", unread(embed("")), true},
		{"POST", "/v2/embed", unread(embed("")), true},
		{"POST", "/proxy/v2/embed", unread(embed("")), true},
		{"POST", "/v1/rerank", unread(search("")), true},
		{"POST", "/v2/rerank", unread(search("")), true},
		{"POST", "/compatibility/v1/embeddings", unread(embed("/compatibility/v1/embeddings")), true},
		{"POST", "/v1/embed-jobs", exported("/v1/embed-jobs", ""), false},
		{"GET", "/v1/embed-jobs/j", list(), false},
		{"POST", "/v1/embed-jobs/j/cancel", write(), false},
		{"GET", "/v1/datasets", list(), false},
		{"GET", "/v1/datasets/usage", list(), false},
		{"GET", "/v1/datasets/d", exported("/v1/datasets/d", ""), false},
		{"POST", "/v1/datasets", write(), false},
		{"DELETE", "/v1/datasets/d", write(), false},
		{"GET", "/v1/models", list(), false},
		{"POST", "/v2/chat", unknown(), false},
		{"POST", "/v1/tokenize", unknown(), false},
		{"GET", "/v2/embed", unknown(), false},
		{"POST", "/v2/embed/x", unknown(), false},
		{"POST", "/v1/embeddings", unknown(), false},
	})
	op := func(model string, texts, vectors, dims int64) authz.Operation {
		return authz.Operation{Class: authz.ClassEmbed, Model: model, Documents: texts, Vectors: vectors, Dims: dims}
	}
	// Bodies named after the client are those of cohere 7.3.1 (Client for v1, ClientV2 for v2).
	checkBodies(t, dialect.Cohere{}, "POST", "/v2/embed", map[string]bodyCase{
		"Client":              {body: `{"texts":["a","b"],"model":"embed-english-v3.0","input_type":"search_document"}`, want: op("embed-english-v3.0", 2, 2, 0)},
		"Client, types":       {body: `{"texts":["a","b"],"model":"m","input_type":"search_document","embedding_types":["float","int8"]}`, want: op("m", 2, 4, 0)},
		"Client, image":       {body: `{"images":["data:image/png;base64,AAAA"],"model":"m","input_type":"image","embedding_types":["float"]}`, want: op("m", 1, 1, 0)},
		"ClientV2":            {body: `{"texts":["a","b"],"model":"embed-v4.0","input_type":"search_document","output_dimension":256,"embedding_types":["float","int8","ubinary"]}`, want: op("embed-v4.0", 2, 6, 256)},
		"ClientV2, mixed":     {body: `{"model":"embed-v4.0","input_type":"search_document","inputs":[{"content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AA"}}]}],"embedding_types":["base64"]}`, want: op("embed-v4.0", 1, 1, 0)},
		"ClientV2, defaults":  {body: `{"texts":["a"],"model":"m","input_type":"search_query"}`, want: op("m", 1, 1, 0)},
		"null types":          {body: `{"texts":["a","b"],"model":"m","embedding_types":null,"images":null}`, want: op("m", 2, 2, 0)},
		"no types":            {body: `{"texts":["a"],"model":"m","embedding_types":[]}`, want: op("m", 1, 1, 0)},
		"a type twice":        {body: `{"texts":["a"],"model":"m","embedding_types":["int8","int8"]}`, want: op("m", 1, 2, 0)},
		"texts and images":    {body: `{"texts":["a"],"images":["data:","data:"],"model":"m"}`, want: op("m", 3, 3, 0)},
		"none":                {body: `{"model":"m"}`, bad: "texts is missing"},
		"one text":            {body: `{"texts":"a","model":"m"}`, bad: "texts is no array"},
		"unknown type":        {body: `{"texts":["a"],"embedding_types":["float16"]}`, bad: "embedding_types must be of float"},
		"type in capitals":    {body: `{"texts":["a"],"embedding_types":["Float"]}`, bad: "embedding_types must be of float"},
		"one type":            {body: `{"texts":["a"],"embedding_types":"int8"}`, bad: "want an array"},
		"types twice":         {body: `{"texts":["a"],"embedding_types":["float"],"embedding_types":["float","int8"]}`, bad: "embedding_types stands twice"},
		"types, other case":   {body: `{"texts":["a"],"Embedding_Types":["float","int8"]}`, bad: "differs from embedding_types in case"},
		"texts twice":         {body: `{"texts":["a"],"texts":["a","b"]}`, bad: "texts stands twice"},
		"texts twice, hidden": {body: `{"texts":["a"],"t\u0065xts":["a","b"]}`, bad: "texts stands twice"},
	})
	rerank := func(n int64) authz.Operation {
		return authz.Operation{Class: authz.ClassSearch, Model: "r", Documents: n}
	}
	checkBodies(t, dialect.Cohere{}, "POST", "/v2/rerank", map[string]bodyCase{
		"ClientV2":       {body: `{"model":"r","query":"q","documents":["a","b"],"top_n":1}`, want: rerank(2)},
		"objects, of v1": {body: `{"model":"r","query":"q","documents":[{"text":"a"},{"text":"b"},"c"],"return_documents":true}`, want: rerank(3)},
	})
	compatible := op("m", 2, 2, 0)
	compatible.Object = "/compatibility/v1/embeddings"
	checkBodies(t, dialect.Cohere{}, "POST", "/compatibility/v1/embeddings", map[string]bodyCase{
		"openai-python": {body: `{"model":"m","input":["a","b"],"encoding_format":"base64"}`, want: compatible},
	})
	checkPlaces(t, dialect.Cohere{}, []placeCase{
		{op: embed(""), vectors: cohereVectors},
		{op: embed(""), status: 400, vectors: cohereVectors},
		{op: compatible, vectors: "data[*].embedding"},
		{op: search(""), scores: "results[*].relevance_score"},
		{op: exported("/v1/datasets/d", "")},
		{op: unknown(), vectors: cohereVectors},
		{op: list()},
	})
}
