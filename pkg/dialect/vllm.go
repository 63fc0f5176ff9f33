package dialect

import (
	"strings"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
)

// VLLM is the pooling side of vLLM's server: /v1/embeddings of texts or one chat, /v2/embed as Cohere's, /pooling, scores, reranking and
// classification. Source: its documentation of pooling models, and the request classes in vllm/entrypoints/pooling.
type VLLM struct{}

// Name implements Dialect.
func (VLLM) Name() string { return "vllm" }

// vllmRoute returns the path, without version, of a request whose body is read; "" for others.
func vllmRoute(method, path string) string {
	if method != "POST" {
		return ""
	}
	switch path {
	case "/v1/embeddings", "/v2/embed", "/pooling", "/classify":
		return path
	case "/score", "/v1/score":
		return "/score"
	case "/rerank", "/v1/rerank", "/v2/rerank":
		return "/rerank"
	}
	return ""
}

// NeedsBody implements Dialect.
func (VLLM) NeedsBody(method, path string) bool { return vllmRoute(method, path) != "" }

// Head implements Dialect.
func (VLLM) Head(method, path, _ string, h authz.Header) authz.Operation {
	route := vllmRoute(method, path)
	switch {
	case overridesMethod(h):
		return unknown()
	case route == "/score" || route == "/rerank":
		return incomplete(authz.Operation{Class: authz.ClassSearch, Object: route})
	case route == "/v1/embeddings":
		return incomplete(authz.Operation{Class: authz.ClassEmbed})
	case route != "":
		return incomplete(authz.Operation{Class: authz.ClassEmbed, Object: route})
	case method == "GET" && (path == "/health" || path == "/ping" || path == "/version" || path == "/v1/models" || strings.HasPrefix(path, "/v1/models/")):
		return complete(authz.ClassList)
	}
	return unknown()
}

// Body implements Dialect.
func (VLLM) Body(op authz.Operation, body []byte) (authz.Operation, error) {
	switch op.Object {
	case "/v2/embed":
		return cohereEmbed(op, body)
	case "/rerank":
		return rerankBody(op, body, "documents")
	case "/score":
		return rerankBody(op, body, "text_1", "text_2", "data_1", "data_2", "queries", "documents", "items")
	}
	return vllmPooling(op, body)
}

// vllmPooling reads the body of /v1/embeddings, /pooling and /classify: texts at input, or one chat at messages.
func vllmPooling(op authz.Operation, body []byte) (authz.Operation, error) {
	q := embedRequest{texts: absent}
	var dtype, endianness, task string
	known := []string{"input", "messages", "data", "model", "dimensions", "encoding_format", "embed_dtype", "endianness", "task"}
	err := readObject(body, known, func(r *reader, k string) (err error) {
		switch k {
		case "input", "messages":
			if q.texts >= 0 {
				return badBody("it has both input and messages")
			}
			if k == "input" {
				return q.member(r, k)
			}
			q.texts = 1
			return r.skip()
		case "data":
			return badBody("data is for a plug-in, whose answer could not be judged")
		case "embed_dtype":
			dtype, err = r.text(k)
		case "endianness":
			endianness, err = r.text(k)
		case "task":
			task, err = r.text(k)
		default:
			err = q.member(r, k)
		}
		return err
	})
	switch {
	case err != nil:
		return op, err
	case q.texts < 0:
		return op, badBody("input is missing")
	case endianness != "" && endianness != "native" && endianness != "little":
		return op, badBody("endianness must be little")
	case dtype != "" && dtype != "float32" && dtype != "float16":
		return op, badBody("embed_dtype must be float32 or float16")
	}
	out, err := q.operation(op, body)
	if err != nil {
		return op, err
	}
	if dtype == "float16" && q.format == "base64" {
		out.Encoding = string(scan.EncodingBase64F16)
	}
	switch {
	case op.Object == "/classify":
		out.Vectors = 0
	case op.Object == "/pooling" && task != "embed": // by default it is the model that tells, and its tokens may have a vector each
		out.Vectors = authz.Unbounded
	}
	return out, nil
}

// Carries implements Dialect: texts go in, no vectors.
func (VLLM) Carries(authz.Operation) (scan.Format, []scan.Field) { return "", nil }

// Answer implements Dialect.
func (VLLM) Answer(op authz.Operation, _ authz.Response) Answer {
	encoding := scan.Encoding(op.Encoding)
	switch {
	case op.Object == "/v2/embed":
		return judgedFields(cohereFields()...)
	case op.Object == "/rerank":
		return judgedFields(scoreAt("results[*].relevance_score"))
	case op.Object == "/score":
		return judgedFields(scoreAt("data[*].score"))
	case op.Object == "/classify":
		return judgedFields(scoreAt("data[*].probs[*]"))
	case op.Object == "/pooling" && encoding == scan.EncodingAuto:
		return judgedFields(vectorAt("data[*].data", scan.EncodingNested))
	case op.Object == "/pooling":
		return judgedFields(vectorAt("data[*].data", encoding))
	case op.Class == authz.ClassList:
		return judged()
	}
	return judgedFields(vectorAt("data[*].embedding", encoding))
}
