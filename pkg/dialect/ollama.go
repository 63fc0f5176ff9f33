package dialect

import (
	"strings"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
)

// Ollama is Ollama's own API: POST /api/embed and the older /api/embeddings, its models, and the embeddings API of OpenAI that it speaks
// too. Generation is not known here: what it returns may hold a context, which is no text. Source: Ollama's API documentation.
type Ollama struct{}

// Name implements Dialect.
func (Ollama) Name() string { return "ollama" }

const (
	ollamaEmbed      = "/api/embed"
	ollamaEmbeddings = "/api/embeddings"
)

// NeedsBody implements Dialect.
func (Ollama) NeedsBody(method, path string) bool {
	return method == "POST" && (path == ollamaEmbed || path == ollamaEmbeddings) || OpenAI{}.NeedsBody(method, path)
}

// Head implements Dialect.
func (Ollama) Head(method, path, query string, h authz.Header) authz.Operation {
	rest, own := strings.CutPrefix(path, "/api/")
	switch {
	case overridesMethod(h):
		return unknown()
	case !own:
		return OpenAI{}.Head(method, path, query, h)
	case method == "POST" && (path == ollamaEmbed || path == ollamaEmbeddings):
		return incomplete(authz.Operation{Class: authz.ClassEmbed, Object: path})
	case method == "GET" && (rest == "tags" || rest == "ps" || rest == "version"), method == "POST" && rest == "show":
		return complete(authz.ClassList)
	case method == "POST" && (rest == "pull" || rest == "push" || rest == "create" || rest == "copy" || strings.HasPrefix(rest, "blobs/")),
		method == "DELETE" && rest == "delete":
		return complete(authz.ClassAdmin)
	}
	return unknown()
}

// Body implements Dialect. prompt of /api/embeddings is one text; without it the model is only loaded.
func (Ollama) Body(op authz.Operation, body []byte) (authz.Operation, error) {
	switch op.Object {
	case ollamaEmbed:
		q := embedRequest{texts: absent}
		if err := readObject(body, []string{"input", "model", "dimensions"}, q.member); err != nil {
			return op, err
		}
		q.texts = max(q.texts, 0) // without input the model is only loaded
		return q.operation(op, body)
	case ollamaEmbeddings:
		q := embedRequest{texts: 1}
		if err := readObject(body, []string{"prompt", "model"}, func(r *reader, k string) error {
			if k == "prompt" {
				return r.textual(k)
			}
			return q.member(r, k)
		}); err != nil {
			return op, err
		}
		return q.operation(op, body)
	}
	return OpenAI{}.Body(op, body)
}

// Carries implements Dialect: texts go in, no vectors.
func (Ollama) Carries(authz.Operation) (scan.Format, []scan.Field) { return "", nil }

// Answer implements Dialect.
func (Ollama) Answer(op authz.Operation, resp authz.Response) Answer {
	switch {
	case op.Object == ollamaEmbed:
		return judged("embeddings[*]")
	case op.Object == ollamaEmbeddings:
		return judged("embedding")
	case op.Class == authz.ClassAdmin:
		return judged()
	case op.Class == authz.ClassUnknown:
		return judged("embeddings[*]", "embedding", "data[*].embedding")
	}
	return OpenAI{}.Answer(op, resp)
}
