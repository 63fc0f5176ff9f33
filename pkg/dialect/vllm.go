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
	}
	encoding, err := vllmEncoding(&q, dtype)
	if err != nil {
		return op, err
	}
	out, err := q.operation(op, body)
	if err != nil {
		return op, err
	}
	out.Encoding = string(encoding)
	switch {
	case op.Object == "/classify":
		out.Vectors = 0
	case op.Object == "/pooling" && task != "embed": // by default it is the model that tells, and its tokens may have a vector each
		out.Vectors = authz.Unbounded
	}
	return out, nil
}

// vllmEncoding returns how vectors of a data type are written in the format that q asks for. Of bytes alone nobody could tell how long the
// vectors are, unless the request says it.
func vllmEncoding(q *embedRequest, dtype string) (scan.Encoding, error) {
	format := q.format
	octets := format == "bytes" || format == "bytes_only"
	if octets {
		q.format = ""
	}
	switch {
	case format == "bytes_only" && q.dims <= 0:
		return "", badBody("encoding_format bytes_only without dimensions: vectors could not be told apart")
	case octets && (dtype == "" || dtype == "float32"):
		return scan.EncodingF32, nil
	case octets && dtype == "float16":
		return scan.EncodingF16, nil
	case octets && dtype == "bfloat16":
		return scan.EncodingBF16, nil
	case dtype != "" && dtype != "float32" && dtype != "float16":
		return "", badBody("embed_dtype must be float32 or float16")
	case dtype == "float16" && format == "base64":
		return scan.EncodingBase64F16, nil
	}
	return scan.EncodingAuto, nil
}

// vllmOctets is the answer in bytes. Where they are not alone, a header says what they are.
func vllmOctets(op authz.Operation, resp authz.Response) Answer {
	encoding, dims := scan.Encoding(op.Encoding), op.Dims
	said := resp.Headers["metadata"]
	if len(said) > 0 {
		if dims = vllmDims(said, encoding); op.Dims > 0 && dims != op.Dims {
			dims = 0
		}
	}
	return Answer{
		Judge: true, Format: scan.FormatOctets, Fields: []scan.Field{{Encoding: encoding, Role: scan.RoleVector}},
		ContentTypes: []string{"application/octet-stream"}, Dims: dims, Described: len(said) > 0,
	}
}

// vllmDims returns how long the vectors are that an answer's metadata describes: all alike, one after another and nothing between them.
// Anything else is 0.
func vllmDims(said []string, e scan.Encoding) (dims int64) {
	width := map[scan.Encoding]int64{scan.EncodingF32: 4, scan.EncodingF16: 2, scan.EncodingBF16: 2}[e]
	name := map[scan.Encoding]string{scan.EncodingF32: "float32", scan.EncodingF16: "float16", scan.EncodingBF16: "bfloat16"}[e]
	at := int64(0)
	item := func(r *reader) error {
		start, end, count, last, order, dtype := absent, absent, int64(1), int64(0), "", ""
		err := r.members([]string{"embed_dtype", "endianness", "start", "end", "shape"}, func(r *reader, key string) (err error) {
			switch key {
			case "embed_dtype":
				dtype, err = r.text(key)
			case "endianness":
				order, err = r.text(key)
			case "start":
				start, _, err = r.number(key)
			case "end":
				end, _, err = r.number(key)
			default:
				err = r.array(func() (err error) {
					last, _, err = r.number(key)
					count = product(count, last)
					return err
				})
			}
			return err
		})
		if err != nil {
			return err
		}
		if start != at || count <= 0 || last <= 0 || end != at+count*width || dtype != name || order != "native" && order != "little" || dims > 0 && dims != last {
			return badBody("its metadata describes other vectors")
		}
		at, dims = end, last
		return nil
	}
	if len(said) > 1 {
		return 0
	}
	err := readObject([]byte(said[0]), []string{"data"}, func(r *reader, _ string) error {
		return r.array(func() error { return item(r) })
	})
	if err != nil {
		return 0
	}
	return dims
}

// Carries implements Dialect: texts go in, no vectors.
func (VLLM) Carries(authz.Operation) (scan.Format, []scan.Field) { return "", nil }

// Answer implements Dialect.
func (VLLM) Answer(op authz.Operation, resp authz.Response) Answer {
	encoding := scan.Encoding(op.Encoding)
	octets := encoding == scan.EncodingF32 || encoding == scan.EncodingF16 || encoding == scan.EncodingBF16
	switch {
	case octets && op.Object != "/classify" && resp.Status < 400:
		return vllmOctets(op, resp)
	case octets:
		return judged()
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
