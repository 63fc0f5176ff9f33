package dialect_test

import (
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
)

func search(route string) authz.Operation {
	return authz.Operation{Class: authz.ClassSearch, Object: route}
}

func TestInfinity(t *testing.T) {
	checkHeads(t, dialect.Infinity{}, []headCase{
		{"POST", "/embeddings", unread(embed("")), true},
		{"POST", "/any/prefix/v1/embeddings", unread(embed("")), true},
		{"POST", "/embeddings_image", unread(embed("")), true},
		{"POST", "/embeddings_audio", unread(embed("")), true},
		{"POST", "/rerank", unread(search("")), true},
		{"POST", "/v1/classify", unread(embed("/v1/classify")), true},
		{"GET", "/models", list(), false},
		{"GET", "/v1/models", list(), false},
		{"GET", "/health", list(), false},
		{"GET", "/", list(), false},
		{"GET", "/metrics", unknown(), false},
		{"GET", "/embeddings", unknown(), false},
		{"POST", "/embeddings/", unknown(), false},
		{"POST", "/xembeddings", unknown(), false},
	})
	op := func(n, dims int64) authz.Operation {
		return authz.Operation{Class: authz.ClassEmbed, Model: "m", Vectors: n, Documents: n, Dims: dims}
	}
	// Shapes are those of the OpenAPI description of Infinity 0.0.63.
	checkBodies(t, dialect.Infinity{}, "POST", "/embeddings", map[string]bodyCase{
		"texts (docs)":     {body: `{"model":"m","input":["Two cute cats."]}`, want: op(1, 0)},
		"image (docs)":     {body: `{"model":"m","encoding_format":"base64","input":["http://images.example/1.jpg","data:image/png;base64,AA"],"modality":"image"}`, want: op(2, 0)},
		"dimensions":       {body: `{"model":"m","input":"a","dimensions":64}`, want: op(1, 64)},
		"unknown encoding": {body: `{"model":"m","input":"a","encoding_format":"ubinary"}`, bad: "encoding_format must be float or base64"},
		"twice":            {body: `{"input":"a","input":["a","b"]}`, bad: "input stands twice"},
	})
	scores := op(3, 0)
	scores.Vectors, scores.Object = 0, "/classify"
	checkBodies(t, dialect.Infinity{}, "POST", "/classify", map[string]bodyCase{
		"docs": {body: `{"model":"m","input":["a","b","c"],"raw_scores":true}`, want: scores},
	})
	checkBodies(t, dialect.Infinity{}, "POST", "/rerank", map[string]bodyCase{
		"docs":          {body: `{"model":"m","query":"q","documents":["a","b"]}`, want: authz.Operation{Class: authz.ClassSearch, Model: "m", Documents: 2}},
		"no documents":  {body: `{"model":"m","query":"q"}`, bad: "documents is missing"},
		"null":          {body: `{"query":"q","documents":null}`, bad: "documents is null"},
		"case variants": {body: `{"documents":[],"Documents":["a"]}`, bad: "differs from documents in case"},
	})
	checkPlaces(t, dialect.Infinity{}, []placeCase{
		{op: embed(""), vectors: "data[*].embedding"},
		{op: embed("/classify"), scores: "data[*][*].score"},
		{op: search(""), scores: "results[*].relevance_score"},
		{op: unknown(), vectors: "data[*].embedding"},
		{op: list()},
	})
}
