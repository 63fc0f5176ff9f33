package dialect_test

import (
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
	"github.com/weirgate/weir/pkg/scan"
)

func TestJina(t *testing.T) {
	checkHeads(t, dialect.Jina{}, []headCase{
		{"POST", "/v1/embeddings", unread(embed("")), true},
		{"POST", "/v1/rerank", unread(search("")), true},
		{"GET", "/v1/models", list(), false},
		{"POST", "/v1/classify", unknown(), false},
		{"POST", "/v1/segment", unknown(), false},
		{"POST", "/v1/batches", unknown(), false},
		{"GET", "/v1/embeddings", unknown(), false},
	})
	many := func(n int64) authz.Operation {
		op := typed("", "jina-embeddings-v4", n, 0, "")
		op.Vectors = authz.Unbounded
		return op
	}
	// Bodies are made by hand of the keys in Jina's API reference.
	checkBodies(t, dialect.Jina{}, "POST", "/v1/embeddings", map[string]bodyCase{
		"texts":              {body: `{"model":"jina-embeddings-v3","task":"text-matching","late_chunking":true,"dimensions":256,"input":["a","b"]}`, want: typed("", "jina-embeddings-v3", 2, 256, "")},
		"one text":           {body: `{"model":"m","input":"a"}`, want: typed("", "m", 1, 0, "")},
		"texts and images":   {body: `{"model":"m","input":[{"text":"a"},{"image":"https://x/y.png"},"b"]}`, want: typed("", "m", 3, 0, "")},
		"one object":         {body: `{"model":"m","input":{"text":"a"}}`, want: typed("", "m", 1, 0, "")},
		"a document":         {body: `{"model":"jina-embeddings-v4","input":[{"pdf":"https://x/y.pdf"}]}`, want: many(1)},
		"two of one":         {body: `{"model":"jina-embeddings-v4","input":[{"text":"a","image":"https://x/y.png"}]}`, want: many(1)},
		"multi-vector":       {body: `{"model":"jina-embeddings-v4","return_multivector":true,"input":[{"text":"a"},{"text":"b"}]}`, want: many(2)},
		"single vector":      {body: `{"model":"m","return_multivector":false,"embedding_type":"float","input":["a"]}`, want: typed("", "m", 1, 0, "")},
		"base64":             {body: `{"model":"m","embedding_type":"base64","input":["a"]}`, want: typed("", "m", 1, 0, "")},
		"bits":               {body: `{"model":"m","embedding_type":"ubinary","input":["a"]}`, want: typed("", "m", 1, 0, scan.EncodingInts)},
		"one type, listed":   {body: `{"model":"m","embedding_type":["binary"],"input":["a"]}`, want: typed("", "m", 1, 0, scan.EncodingInts)},
		"as OpenAI":          {body: `{"model":"m","encoding_format":"base64","input":["a"]}`, want: typed("", "m", 1, 0, "")},
		"several types":      {body: `{"model":"m","embedding_type":["float","binary"],"input":["a"]}`, bad: "embedding_type must be one type"},
		"unknown type":       {body: `{"model":"m","embedding_type":"int4","input":["a"]}`, bad: "embedding_type must be float"},
		"numbers":            {body: `{"model":"m","input":[1,2]}`, bad: "neither text nor object"},
		"nested":             {body: `{"model":"m","input":[["a","b"]]}`, bad: "neither text nor object"},
		"input twice":        {body: `{"input":"a","input":["a","b"]}`, bad: "input stands twice"},
		"switch twice":       {body: `{"input":"a","return_multivector":false,"return_multivector":true}`, bad: "return_multivector stands twice"},
		"switch, other case": {body: `{"input":"a","Return_Multivector":true}`, bad: "differs from return_multivector in case"},
		"nothing":            {body: `{"model":"m"}`, bad: "input is missing"},
	})
	checkBodies(t, dialect.Jina{}, "POST", "/v1/rerank", map[string]bodyCase{
		"documents":  {body: `{"model":"r","query":"q","documents":["a","b"],"top_n":1}`, want: authz.Operation{Class: authz.ClassSearch, Model: "r", Documents: 2}},
		"embeddings": {body: `{"model":"r","query":"q","documents":["a"],"return_embeddings":true}`, bad: "could not be judged"},
	})
	checkPlaces(t, dialect.Jina{}, []placeCase{
		{op: embed(""), vectors: "data[*].embedding"},
		{op: many(1), vectors: "data[*].embedding data[*].embeddings[*]"},
		{op: search(""), scores: "results[*].relevance_score"},
		{op: unknown(), vectors: "data[*].embedding data[*].embeddings[*]"},
		{op: list()},
	})
	checkEncodings(t, dialect.Jina{}, map[string]authz.Operation{
		"data[*].embedding as ":       typed("", "m", 1, 0, ""),
		"data[*].embedding as ints":   typed("", "m", 1, 0, scan.EncodingInts),
		"data[*].embedding as nested": many(1),
	})
}
