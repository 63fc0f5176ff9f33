package dialect

import (
	"strings"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
)

// OpenAI is the embeddings API of OpenAI and of whatever speaks it: POST …/v1/embeddings, the Azure forms
// /openai/deployments/{deployment}/embeddings and /models/embeddings, GET …/v1/models, and batches with their files. Source: OpenAI's API
// reference, "Embeddings", "Batch" and "Files"; Azure's, "Embeddings" and "Get Embeddings" (model inference).
type OpenAI struct{}

// Name implements Dialect.
func (OpenAI) Name() string { return "openai" }

// openaiEmbeddings reports whether the path is the embeddings endpoint, and the deployment it names.
func openaiEmbeddings(path string) (deployment string, ok bool) {
	if strings.HasSuffix(path, "/v1/embeddings") || path == "/models/embeddings" {
		return "", true
	}
	rest, ok := strings.CutPrefix(path, "/openai/deployments/")
	if !ok {
		return "", false
	}
	name, rest, ok := strings.Cut(rest, "/")
	return name, ok && rest == "embeddings" && name != ""
}

// NeedsBody implements Dialect.
func (OpenAI) NeedsBody(method, path string) bool {
	_, ok := openaiEmbeddings(path)
	return method == "POST" && ok
}

// Head implements Dialect.
func (OpenAI) Head(method, path, _ string, h authz.Header) authz.Operation {
	deployment, ok := openaiEmbeddings(path)
	switch {
	case overridesMethod(h):
		return unknown()
	case ok && method == "POST":
		return incomplete(authz.Operation{Class: authz.ClassEmbed, Model: deployment})
	case method == "GET" && (strings.HasSuffix(path, "/v1/models") || strings.Contains(path, "/v1/models/")):
		return complete(authz.ClassList)
	}
	if op, ok := bulk(method, path); ok {
		return op
	}
	return unknown()
}

// Body implements Dialect. input is a string (one text), an array of strings, an array of token IDs (one text) or an array of those.
func (OpenAI) Body(op authz.Operation, body []byte) (authz.Operation, error) {
	return embedBody(op, body, "input")
}

// Carries implements Dialect: texts go in, no vectors.
func (OpenAI) Carries(authz.Operation) (scan.Format, []scan.Field) { return "", nil }

// Answer implements Dialect.
func (OpenAI) Answer(op authz.Operation, resp authz.Response) Answer {
	switch op.Class {
	case authz.ClassEmbed, authz.ClassUnknown:
		return judged("data[*].embedding")
	}
	return bulkAnswer(op, resp, "data[*].embedding")
}
