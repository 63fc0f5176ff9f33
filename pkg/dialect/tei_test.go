package dialect_test

import (
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
)

func TestTEI(t *testing.T) {
	embed := authz.Operation{Class: authz.ClassEmbed, Object: "/embed"}
	checkHeads(t, dialect.TEI{}, []headCase{
		{"POST", "/embed", unread(embed), true},
		{"POST", "/v1/embeddings", unread(authz.Operation{Class: authz.ClassEmbed}), true},
		{"POST", "/embeddings", unread(authz.Operation{Class: authz.ClassEmbed}), true},
		{"POST", "/embed_all", unknown(), false},
		{"POST", "/embed_sparse", unknown(), false},
		{"GET", "/embed", unknown(), false},
		{"GET", "/info", list(), false},
		{"GET", "/health", list(), false},
	})
	op := func(n, dims int64) authz.Operation {
		return authz.Operation{Class: authz.ClassEmbed, Object: "/embed", Vectors: n, Documents: n, Dims: dims}
	}
	checkBodies(t, dialect.TEI{}, "POST", "/embed", map[string]bodyCase{
		"huggingface_hub":  {body: `{"inputs": "a", "normalize": null, "truncate": true}`, want: op(1, 0)},
		"langchain":        {body: `{"inputs":["a","b","c"],"truncate":true}`, want: op(3, 0)},
		"dimensions":       {body: `{"inputs":["a"],"dimensions":128}`, want: op(1, 128)},
		"token IDs":        {body: `{"inputs":[1,2,3]}`, want: op(1, 0)},
		"batch of tokens":  {body: `{"inputs":[[1,2],[3]]}`, want: op(2, 0)},
		"missing":          {body: `{}`, bad: "inputs is missing"},
		"OpenAI's key":     {body: `{"input":"a"}`, bad: "inputs is missing"},
		"twice":            {body: `{"inputs":"a","inputs":["a","b"]}`, bad: "inputs stands twice"},
		"in another case":  {body: `{"inputs":"a","Inputs":["a","b"]}`, bad: "differs from inputs in case"},
		"pairs (reranker)": {body: `{"inputs":[["a","b"]]}`, bad: "neither text nor token ID"},
	})
	checkBodies(t, dialect.TEI{}, "POST", "/v1/embeddings", map[string]bodyCase{
		"openai-python": {
			body: `{"input":["a","b"],"model":"m","encoding_format":"base64"}`,
			want: authz.Operation{Class: authz.ClassEmbed, Model: "m", Vectors: 2, Documents: 2},
		},
	})
}
