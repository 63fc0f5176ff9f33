package dialect

import (
	"strings"

	"github.com/weirgate/weir/pkg/authz"
)

// OpenAI is the embeddings API of OpenAI and of whatever speaks it: POST …/v1/embeddings, the Azure form
// /openai/deployments/{deployment}/embeddings, and GET …/v1/models. Source: OpenAI's API reference, "Embeddings".
type OpenAI struct{}

// Name implements Dialect.
func (OpenAI) Name() string { return "openai" }

// openaiEmbeddings reports whether the path is the embeddings endpoint, and the deployment it names.
func openaiEmbeddings(path string) (deployment string, ok bool) {
	if strings.HasSuffix(path, "/v1/embeddings") {
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
func (OpenAI) Head(method, path, _ string, _ authz.Header) authz.Operation {
	deployment, ok := openaiEmbeddings(path)
	switch {
	case ok && method == "POST":
		return authz.Operation{Class: authz.ClassEmbed, Model: deployment}
	case method == "GET" && (strings.HasSuffix(path, "/v1/models") || strings.Contains(path, "/v1/models/")):
		return complete(authz.ClassList)
	}
	return unknown()
}

// Body implements Dialect. input is a string (one text), an array of strings, an array of token IDs (one text) or an array of those.
func (OpenAI) Body(op authz.Operation, body []byte) (authz.Operation, error) {
	inputs := int64(-1)
	err := readObject(body, func(r *reader, key string) (err error) {
		switch key {
		case "input":
			inputs, err = r.inputs()
			return err
		case "model":
			model, err := r.text("model")
			if op.Model == "" { // Azure's deployment, in the path, is what the upstream goes by
				op.Model = model
			}
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
		return op, badBody("input is missing")
	}
	op.Vectors, op.Documents, op.Bytes, op.Complete = inputs, inputs, int64(len(body)), true
	return op, nil
}

// inputs consumes an OpenAI input and returns how many texts it is.
func (r *reader) inputs() (int64, error) {
	c, err := r.peek()
	if err != nil {
		return 0, err
	}
	if c == '"' {
		return 1, r.skip()
	}
	tokens := false
	n, err := r.count("input", func(c byte) { tokens = tokens || c == '-' || c >= '0' && c <= '9' })
	if tokens && n > 0 && err == nil {
		return 1, nil
	}
	return n, err
}

// Answer implements Dialect.
func (OpenAI) Answer(op authz.Operation, _ authz.Response) Answer {
	if op.Class == authz.ClassList {
		return judged()
	}
	return judged("data[*].embedding")
}
