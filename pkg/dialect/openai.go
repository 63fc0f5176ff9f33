package dialect

import (
	"strings"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
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
	return unknown()
}

// Body implements Dialect. input is a string (one text), an array of strings, an array of token IDs (one text) or an array of those.
func (OpenAI) Body(op authz.Operation, body []byte) (authz.Operation, error) {
	return embedBody(op, body, "input")
}

// embedBody reads the body of an embedding request, whose texts are at key.
func embedBody(op authz.Operation, body []byte, key string) (authz.Operation, error) {
	texts, out := int64(-1), op
	err := readObject(body, []string{key, "model", "dimensions", "encoding_format"}, func(r *reader, k string) (err error) {
		switch k {
		case key:
			texts, err = r.texts(key)
		case "dimensions":
			out.Dims, _, err = r.number(k)
		case "model":
			var model string
			if model, err = r.text(k); out.Model == "" { // Azure's deployment, in the path, is what the upstream goes by
				out.Model = model
			}
		case "encoding_format": // some servers know more (vLLM's bytes), whose answers could not be judged
			var f string
			if f, err = r.text(k); err == nil && f != "" && f != "float" && f != "base64" {
				err = badBody("encoding_format must be float or base64")
			}
		}
		return err
	})
	if err != nil {
		return op, err
	}
	if texts < 0 {
		return op, badBody("%s is missing", key)
	}
	out.Vectors, out.Documents, out.Bytes, out.Complete = texts, texts, int64(len(body)), true
	return out, nil
}

// Carries implements Dialect: texts go in, no vectors.
func (OpenAI) Carries(authz.Operation) (scan.Format, []scan.Field) { return "", nil }

// Answer implements Dialect.
func (OpenAI) Answer(op authz.Operation, _ authz.Response) Answer {
	if op.Class == authz.ClassList {
		return judged()
	}
	return judged("data[*].embedding")
}
