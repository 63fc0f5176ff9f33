package dialect_test

import (
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
)

func embed(route string) authz.Operation {
	return authz.Operation{Class: authz.ClassEmbed, Object: route}
}

func admin() authz.Operation { return authz.Operation{Class: authz.ClassAdmin, Complete: true} }

func write() authz.Operation {
	return authz.Operation{Class: authz.ClassWrite, Complete: true, Documents: authz.Unbounded}
}

// exported is an operation that takes things as a whole.
func exported(route, model string) authz.Operation {
	return done(authz.Operation{Class: authz.ClassExport, Object: route, Model: model}, authz.Unbounded, authz.Unbounded)
}

func TestOllama(t *testing.T) {
	checkHeads(t, dialect.Ollama{}, []headCase{
		{"POST", "/api/embed", unread(embed("/api/embed")), true},
		{"POST", "/api/embeddings", unread(embed("/api/embeddings")), true},
		{"POST", "/v1/embeddings", unread(embed("")), true},
		{"GET", "/api/tags", list(), false},
		{"GET", "/api/ps", list(), false},
		{"GET", "/api/version", list(), false},
		{"POST", "/api/show", list(), false},
		{"GET", "/v1/models", list(), false},
		{"POST", "/api/pull", admin(), false},
		{"POST", "/api/blobs/sha256:00", admin(), false},
		{"DELETE", "/api/delete", admin(), false},
		{"GET", "/api/embed", unknown(), false},
		{"POST", "/api/generate", unknown(), false},
		{"POST", "/api/chat", unknown(), false},
		{"POST", "/api/embed/", unknown(), false},
	})
	op := func(route, model string, n, dims int64) authz.Operation {
		return authz.Operation{Class: authz.ClassEmbed, Object: route, Model: model, Vectors: n, Documents: n, Dims: dims}
	}
	// Bodies named after the client are those of ollama-python 0.6.3.
	checkBodies(t, dialect.Ollama{}, "POST", "/api/embed", map[string]bodyCase{
		"ollama-python":             {body: `{"model":"all-minilm","input":["a","b"],"dimensions":128}`, want: op("/api/embed", "all-minilm", 2, 128)},
		"ollama-python, one":        {body: `{"model":"all-minilm","input":"a"}`, want: op("/api/embed", "all-minilm", 1, 0)},
		"options (docs)":            {body: `{"model":"m","input":"a","truncate":true,"options":{"num_ctx":8},"keep_alive":"5m"}`, want: op("/api/embed", "m", 1, 0)},
		"nothing, the model loads":  {body: `{"model":"m"}`, want: op("/api/embed", "m", 0, 0)},
		"in another case, as Go":    {body: `{"model":"m","input":"a","Input":["a","b"]}`, bad: "differs from input in case"},
		"input twice":               {body: `{"input":"a","input":["a","b"]}`, bad: "input stands twice"},
		"model twice":               {body: `{"model":"m","model":"n","input":"a"}`, bad: "model stands twice"},
		"objects, of no known sort": {body: `{"input":[{"a":1}]}`, bad: "neither text nor token ID"},
	})
	checkBodies(t, dialect.Ollama{}, "POST", "/api/embeddings", map[string]bodyCase{
		"ollama-python":      {body: `{"model":"all-minilm","prompt":"a"}`, want: op("/api/embeddings", "all-minilm", 1, 0)},
		"without a prompt":   {body: `{"model":"all-minilm"}`, want: op("/api/embeddings", "all-minilm", 1, 0)},
		"several prompts":    {body: `{"model":"m","prompt":["a","b"]}`, bad: "prompt is no string"},
		"prompt twice":       {body: `{"prompt":"a","prompt":"b"}`, bad: "prompt stands twice"},
		"no object":          {body: `"a"`, bad: "want an object"},
		"prompt, other case": {body: `{"PROMPT":"a"}`, bad: "differs from prompt in case"},
	})
	checkBodies(t, dialect.Ollama{}, "POST", "/v1/embeddings", map[string]bodyCase{
		"openai-python": {body: `{"input":["a","b"],"model":"m","encoding_format":"base64"}`, want: op("", "m", 2, 0)},
	})
	checkPlaces(t, dialect.Ollama{}, []placeCase{
		{op: embed("/api/embed"), vectors: "embeddings[*]"},
		{op: embed("/api/embeddings"), vectors: "embedding"},
		{op: embed(""), vectors: "data[*].embedding"},
		{op: unknown(), vectors: "embeddings[*] embedding data[*].embedding"},
		{op: list()},
		{op: admin()},
	})
}
