package dialect_test

import (
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
)

func TestLlamaCPP(t *testing.T) {
	checkHeads(t, dialect.LlamaCPP{}, []headCase{
		{"POST", "/embedding", unread(embed("/embedding")), true},
		{"POST", "/embeddings", unread(embed("/embeddings")), true},
		{"POST", "/v1/embeddings", unread(embed("")), true},
		{"POST", "/rerank", unread(search("")), true},
		{"POST", "/v1/reranking", unread(search("")), true},
		{"GET", "/health", list(), false},
		{"GET", "/props", list(), false},
		{"GET", "/v1/models", list(), false},
		{"POST", "/completion", unknown(), false},
		{"GET", "/slots", unknown(), false},
		{"POST", "/props", unknown(), false},
		{"GET", "/embedding", unknown(), false},
	})
	op := func(route, model string, texts, vectors int64) authz.Operation {
		return authz.Operation{Class: authz.ClassEmbed, Object: route, Model: model, Documents: texts, Vectors: vectors}
	}
	// Shapes are those of the server's README.
	checkBodies(t, dialect.LlamaCPP{}, "POST", "/embedding", map[string]bodyCase{
		"content (docs)":        {body: `{"content":"a"}`, want: op("/embedding", "", 1, authz.Unbounded)},
		"several":               {body: `{"content":["a","b"],"embd_normalize":2}`, want: op("/embedding", "", 2, authz.Unbounded)},
		"input":                 {body: `{"input":["a",[1,2]],"model":"m"}`, want: op("/embedding", "m", 2, authz.Unbounded)},
		"input and content":     {body: `{"content":"a","input":["a","b"]}`, bad: "both input and content"},
		"neither":               {body: `{"model":"m"}`, bad: "input is missing"},
		"texts and token IDs":   {body: `{"content":[12,"a",56]}`, bad: "mixes texts and token IDs"},
		"content twice":         {body: `{"content":"a","content":["b"]}`, bad: "content stands twice"},
		"content, other case":   {body: `{"Content":"a"}`, bad: "differs from content in case"},
		"encoding nobody knows": {body: `{"content":"a","encoding_format":"hex"}`, bad: "encoding_format must be float or base64"},
	})
	checkBodies(t, dialect.LlamaCPP{}, "POST", "/v1/embeddings", map[string]bodyCase{
		"openai-python": {body: `{"input":["a","b"],"model":"m","encoding_format":"base64"}`, want: op("", "m", 2, 2)},
		// With content alone the server answers as /embedding does.
		"content": {body: `{"content":["a","b"],"model":"m"}`, bad: "input is missing"},
	})
	checkBodies(t, dialect.LlamaCPP{}, "POST", "/rerank", map[string]bodyCase{
		"docs":      {body: `{"model":"m","query":"q","top_n":3,"documents":["a","b"]}`, want: authz.Operation{Class: authz.ClassSearch, Model: "m", Documents: 2}},
		"as of TEI": {body: `{"query":"q","texts":["a","b","c"]}`, want: authz.Operation{Class: authz.ClassSearch, Documents: 3}},
	})
	const shapes = "[*].embedding embedding results[*].embedding data[*].embedding"
	checkPlaces(t, dialect.LlamaCPP{}, []placeCase{
		{op: embed("/embedding"), vectors: shapes},
		{op: embed(""), vectors: "data[*].embedding"},
		{op: search(""), scores: "results[*].relevance_score [*].score"},
		{op: unknown(), vectors: shapes},
		{op: list()},
	})
}
