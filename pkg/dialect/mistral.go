package dialect

import (
	"strings"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
)

// Mistral is Mistral's API: POST …/v1/embeddings with a choice of data types, models, batch jobs and their files. Source: Mistral's API
// reference, "Embeddings", "Batch" and "Files".
type Mistral struct{}

// Name implements Dialect.
func (Mistral) Name() string { return "mistral" }

// NeedsBody implements Dialect.
func (Mistral) NeedsBody(method, path string) bool {
	return method == "POST" && strings.HasSuffix(path, "/v1/embeddings")
}

// Head implements Dialect.
func (Mistral) Head(method, path, query string, h authz.Header) authz.Operation {
	return typedHead(Mistral{}, method, path, query, h)
}

// typedHead is the head of an API with OpenAI's routes.
func typedHead(d Dialect, method, path, query string, h authz.Header) authz.Operation {
	if !overridesMethod(h) && d.NeedsBody(method, path) {
		return incomplete(authz.Operation{Class: authz.ClassEmbed})
	}
	op := OpenAI{}.Head(method, path, query, h)
	if op.Class == authz.ClassEmbed { // a path that OpenAI has and this API has not
		return unknown()
	}
	return op
}

// Body implements Dialect.
func (Mistral) Body(op authz.Operation, body []byte) (authz.Operation, error) {
	return typedBody(op, body)
}

// typedBody reads the body of an embedding request whose vectors have a data type.
func typedBody(op authz.Operation, body []byte) (authz.Operation, error) {
	q := embedRequest{texts: absent}
	if err := readObject(body, []string{"input", "model", "output_dimension", "output_dtype", "encoding_format"}, q.member); err != nil {
		return op, err
	}
	if q.texts < 0 {
		return op, badBody("input is missing")
	}
	return q.operation(op, body)
}

// Carries implements Dialect: texts go in, no vectors.
func (Mistral) Carries(authz.Operation) (scan.Format, []scan.Field) { return "", nil }

// Answer implements Dialect.
func (Mistral) Answer(op authz.Operation, resp authz.Response) Answer {
	switch op.Class {
	case authz.ClassEmbed, authz.ClassUnknown:
		return judgedFields(vectorAt("data[*].embedding", scan.Encoding(op.Encoding)))
	}
	return bulkAnswer(op, resp, "data[*].embedding")
}
