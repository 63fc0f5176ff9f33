package dialect

import (
	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
)

// TEI is Hugging Face's text-embeddings-inference: POST /embed, and its OpenAI-compatible POST /v1/embeddings
// (/embeddings is the same). Source: its OpenAPI
// description. /embed_all and /embed_sparse return other shapes and are not known here.
type TEI struct{}

// Name implements Dialect.
func (TEI) Name() string { return "tei" }

// NeedsBody implements Dialect.
func (TEI) NeedsBody(method, path string) bool {
	return method == "POST" && (path == "/embed" || path == "/embeddings" || OpenAI{}.NeedsBody(method, path))
}

// Head implements Dialect.
func (TEI) Head(method, path, query string, h authz.Header) authz.Operation {
	switch {
	case overridesMethod(h):
		return unknown()
	case path == "/embed" && method == "POST":
		return incomplete(authz.Operation{Class: authz.ClassEmbed, Object: path})
	case path == "/embeddings" && method == "POST":
		return incomplete(authz.Operation{Class: authz.ClassEmbed})
	case method == "GET" && (path == "/health" || path == "/info" || path == "/"):
		return complete(authz.ClassList)
	}
	return OpenAI{}.Head(method, path, query, h)
}

// Body implements Dialect. inputs of /embed is what input is to OpenAI.
func (TEI) Body(op authz.Operation, body []byte) (authz.Operation, error) {
	if op.Object == "/embed" {
		return embedBody(op, body, "inputs")
	}
	return OpenAI{}.Body(op, body)
}

// Carries implements Dialect: texts go in, no vectors.
func (TEI) Carries(authz.Operation) (scan.Format, []scan.Field) { return "", nil }

// Answer implements Dialect.
func (TEI) Answer(op authz.Operation, resp authz.Response) Answer {
	switch {
	case op.Class != authz.ClassEmbed:
		return judged()
	case op.Object != "/embed":
		return OpenAI{}.Answer(op, resp)
	case resp.Status >= 400:
		return judged() // an error is an object
	}
	return judged("[*]")
}
