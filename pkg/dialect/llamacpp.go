package dialect

import (
	"strings"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
)

// LlamaCPP is the server of llama.cpp: POST /embedding and /embeddings, which return every token's vector where the server was started
// without pooling, /v1/embeddings, which needs pooling, and reranking. Source: the server's README.
type LlamaCPP struct{}

// Name implements Dialect.
func (LlamaCPP) Name() string { return "llamacpp" }

// llamaRoute returns the class of a path whose body is read.
func llamaRoute(method, path string) (c authz.Class, ok bool) {
	if method != "POST" {
		return "", false
	}
	switch path {
	case "/embedding", "/embeddings", "/v1/embeddings":
		return authz.ClassEmbed, true
	case "/rerank", "/reranking", "/v1/rerank", "/v1/reranking":
		return authz.ClassSearch, true
	}
	return "", false
}

// NeedsBody implements Dialect.
func (LlamaCPP) NeedsBody(method, path string) bool {
	_, ok := llamaRoute(method, path)
	return ok
}

// Head implements Dialect.
func (LlamaCPP) Head(method, path, _ string, h authz.Header) authz.Operation {
	c, ok := llamaRoute(method, path)
	switch {
	case overridesMethod(h):
		return unknown()
	case ok && c == authz.ClassEmbed && !strings.HasPrefix(path, "/v1/"):
		return incomplete(authz.Operation{Class: c, Object: path})
	case ok:
		return incomplete(authz.Operation{Class: c})
	case method == "GET" && (path == "/health" || path == "/v1/health" || path == "/models" || path == "/v1/models" || path == "/props"):
		return complete(authz.ClassList)
	}
	return unknown()
}

// Body implements Dialect. The server takes input before content, so one alone may stand. What /embedding returns has no bound that the
// request states: it is as many vectors as texts, or as tokens.
func (LlamaCPP) Body(op authz.Operation, body []byte) (authz.Operation, error) {
	switch {
	case op.Class == authz.ClassSearch:
		return rerankBody(op, body, "documents", "texts")
	case op.Object == "":
		return embedBody(op, body, "input")
	}
	q := embedRequest{texts: absent}
	err := readObject(body, []string{"input", "content", "model", "dimensions", "encoding_format"}, func(r *reader, k string) (err error) {
		switch {
		case k != "input" && k != "content":
			return q.member(r, k)
		case q.texts >= 0:
			return badBody("it has both input and content")
		}
		q.texts, err = r.texts(k)
		return err
	})
	if err != nil {
		return op, err
	}
	if q.texts < 0 {
		return op, badBody("input is missing")
	}
	out, err := q.operation(op, body)
	if err == nil {
		out.Vectors = authz.Unbounded
	}
	return out, err
}

// Carries implements Dialect: texts go in, no vectors.
func (LlamaCPP) Carries(authz.Operation) (scan.Format, []scan.Field) { return "", nil }

// Answer implements Dialect. Older servers answer /embedding with one object, or an object of results.
func (LlamaCPP) Answer(op authz.Operation, _ authz.Response) Answer {
	switch {
	case op.Class == authz.ClassSearch:
		return judgedFields(scoreAt("results[*].relevance_score"), scoreAt("[*].score"))
	case op.Class == authz.ClassList:
		return judged()
	case op.Class == authz.ClassEmbed && op.Object == "":
		return judged("data[*].embedding")
	}
	return judgedFields(
		vectorAt("[*].embedding", scan.EncodingNested), vectorAt("embedding", scan.EncodingNested),
		vectorAt("results[*].embedding", scan.EncodingNested), vectorAt("data[*].embedding", scan.EncodingAuto),
	)
}
