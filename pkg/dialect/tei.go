package dialect

import (
	"github.com/weirgate/weir/pkg/authz"
)

// TEI is Hugging Face's text-embeddings-inference: POST /embed, and its OpenAI-compatible POST /v1/embeddings. Source: its OpenAPI
// description. /embed_all and /embed_sparse return other shapes and are not known here.
type TEI struct{}

// Name implements Dialect.
func (TEI) Name() string { return "tei" }

// NeedsBody implements Dialect.
func (TEI) NeedsBody(method, path string) bool {
	return method == "POST" && (path == "/embed" || OpenAI{}.NeedsBody(method, path))
}

// Head implements Dialect.
func (TEI) Head(method, path, query string, h authz.Header) authz.Operation {
	switch {
	case path == "/embed" && method == "POST":
		return authz.Operation{Class: authz.ClassEmbed, Object: path}
	case method == "GET" && (path == "/health" || path == "/info" || path == "/"):
		return complete(authz.ClassList)
	}
	return OpenAI{}.Head(method, path, query, h)
}

// Body implements Dialect. inputs is a string, or an array of strings.
func (TEI) Body(op authz.Operation, body []byte) (authz.Operation, error) {
	if op.Object != "/embed" {
		return OpenAI{}.Body(op, body)
	}
	inputs := int64(-1)
	err := readObject(body, func(r *reader, key string) (err error) {
		switch key {
		case "inputs":
			c, err := r.peek()
			if err == nil && c == '"' {
				inputs = 1
				return r.skip()
			}
			inputs, err = r.count("inputs", nil) // an array of token IDs is counted per ID: an upper bound
			return err
		case "dimensions":
			op.Dims, _, err = r.number("dimensions")
			return err
		}
		return r.skip()
	})
	if err != nil {
		return op, err
	}
	if inputs < 0 {
		return op, badBody("inputs is missing")
	}
	op.Vectors, op.Documents, op.Bytes, op.Complete = inputs, inputs, int64(len(body)), true
	return op, nil
}

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
