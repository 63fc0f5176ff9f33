package dialect

import (
	"strings"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
)

// Infinity is the Infinity embedding server: the embeddings API of OpenAI under any prefix, for texts, images and sound, with reranking and
// classification. Source: its OpenAPI description, 0.0.63.
type Infinity struct{}

// Name implements Dialect.
func (Infinity) Name() string { return "infinity" }

// infinityRoute returns the last segment of a path whose body is read, which tells what is asked.
func infinityRoute(method, path string) string {
	last := path[strings.LastIndexByte(path, '/')+1:]
	switch last {
	case "embeddings", "embeddings_image", "embeddings_audio", "rerank", "classify":
		if method == "POST" {
			return last
		}
	}
	return ""
}

// NeedsBody implements Dialect.
func (Infinity) NeedsBody(method, path string) bool { return infinityRoute(method, path) != "" }

// Head implements Dialect.
func (Infinity) Head(method, path, _ string, h authz.Header) authz.Operation {
	if overridesMethod(h) {
		return unknown()
	}
	switch infinityRoute(method, path) {
	case "rerank":
		return incomplete(authz.Operation{Class: authz.ClassSearch})
	case "classify":
		return incomplete(authz.Operation{Class: authz.ClassEmbed, Object: path})
	case "":
		if method == "GET" && (path == "/" || strings.HasSuffix(path, "/models") || strings.HasSuffix(path, "/health")) {
			return complete(authz.ClassList)
		}
		return unknown()
	}
	return incomplete(authz.Operation{Class: authz.ClassEmbed})
}

// Body implements Dialect. An image or a sound is a string, as a text is.
func (Infinity) Body(op authz.Operation, body []byte) (authz.Operation, error) {
	if op.Class == authz.ClassSearch {
		return rerankBody(op, body, "documents")
	}
	out, err := embedBody(op, body, "input")
	if err == nil && op.Object != "" { // a classification: scores, no vectors
		out.Vectors = 0
	}
	return out, err
}

// Carries implements Dialect: texts go in, no vectors.
func (Infinity) Carries(authz.Operation) (scan.Format, []scan.Field) { return "", nil }

// Answer implements Dialect.
func (Infinity) Answer(op authz.Operation, _ authz.Response) Answer {
	switch {
	case op.Class == authz.ClassSearch:
		return judgedFields(scoreAt("results[*].relevance_score"))
	case op.Class == authz.ClassEmbed && op.Object != "":
		return judgedFields(scoreAt("data[*][*].score"))
	case op.Class == authz.ClassList:
		return judged()
	}
	return judged("data[*].embedding")
}
