package dialect

import (
	"strings"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
)

// Jina is Jina AI's API: POST …/v1/embeddings of texts, images and more, one vector each or one for every token, and …/v1/rerank. Source:
// its API reference. Where answers with a vector for every token hold them is told in two ways (embedding, embeddings): both are read.
type Jina struct{}

// Name implements Dialect.
func (Jina) Name() string { return "jina" }

// NeedsBody implements Dialect.
func (Jina) NeedsBody(method, path string) bool {
	return method == "POST" && (strings.HasSuffix(path, "/v1/embeddings") || strings.HasSuffix(path, "/v1/rerank"))
}

// Head implements Dialect.
func (Jina) Head(method, path, _ string, h authz.Header) authz.Operation {
	switch {
	case overridesMethod(h):
		return unknown()
	case method == "POST" && strings.HasSuffix(path, "/v1/embeddings"):
		return incomplete(authz.Operation{Class: authz.ClassEmbed})
	case method == "POST" && strings.HasSuffix(path, "/v1/rerank"):
		return incomplete(authz.Operation{Class: authz.ClassSearch})
	case method == "GET" && strings.HasSuffix(path, "/v1/models"):
		return complete(authz.ClassList)
	}
	return unknown()
}

// jinaRequest is what an embeddings body says beside the common words.
type jinaRequest struct {
	embedRequest

	unbounded bool // there may be more vectors than texts
}

// Body implements Dialect.
func (Jina) Body(op authz.Operation, body []byte) (authz.Operation, error) {
	if op.Class == authz.ClassSearch {
		return jinaRerank(op, body)
	}
	q := jinaRequest{embedRequest: embedRequest{texts: absent}}
	if err := readObject(body, []string{"input", "model", "dimensions", "embedding_type", "encoding_format", "return_multivector"}, q.member); err != nil {
		return op, err
	}
	if q.texts < 0 {
		return op, badBody("input is missing")
	}
	out, err := q.operation(op, body)
	if err == nil && q.unbounded {
		out.Vectors = authz.Unbounded
	}
	return out, err
}

func (q *jinaRequest) member(r *reader, key string) error {
	switch key {
	case "input":
		return q.inputs(r)
	case "return_multivector":
		multi, err := r.flag(key)
		q.unbounded = q.unbounded || multi
		return err
	case "embedding_type":
		return q.types(r)
	}
	return q.embedRequest.member(r, key)
}

// inputs consumes texts, or objects that hold a text, an image or another thing. What is neither text nor image, or more than
// one of them, could be many: a document has pages.
func (q *jinaRequest) inputs(r *reader) error {
	one := func() error {
		q.texts++
		c, err := r.peek()
		switch {
		case err != nil:
			return err
		case c == '"':
			return r.skip()
		case c != '{':
			return badBody("input holds something that is neither text nor object")
		}
		keys := 0
		return r.object(func() error {
			keys++
			q.unbounded = q.unbounded || keys > 1 || string(r.key) != "text" && string(r.key) != "image"
			return r.skip()
		})
	}
	q.texts = 0
	c, err := r.peek()
	switch {
	case err != nil:
		return err
	case c == '[':
		return r.array(one)
	}
	return one()
}

// types consumes the type asked for, alone or as the only one of an array: an answer of several has a shape that is not documented.
func (q *jinaRequest) types(r *reader) error {
	n := 0
	one := func(s string) error {
		if n++; n > 1 {
			return badBody("embedding_type must be one type")
		}
		switch s {
		case "float", "":
		case "base64":
			q.format = s
		case "binary", "ubinary", "int8", "uint8":
			q.dtype = s
		default:
			return badBody("embedding_type must be float, base64, binary, ubinary, int8 or uint8")
		}
		return nil
	}
	if c, err := r.peek(); err == nil && c == '[' {
		return r.each("embedding_type", one)
	}
	s, err := r.text("embedding_type")
	if err != nil {
		return err
	}
	return one(s)
}

// jinaRerank reads the body of a reranking, which may ask for the vectors that it was made from.
func jinaRerank(op authz.Operation, body []byte) (authz.Operation, error) {
	if err := readObject(body, []string{"return_embeddings"}, func(r *reader, k string) error {
		wanted, err := r.flag(k)
		if wanted {
			return badBody("the embeddings of a reranking could not be judged")
		}
		return err
	}); err != nil {
		return op, err
	}
	return rerankBody(op, body, "documents")
}

// Carries implements Dialect: texts go in, no vectors.
func (Jina) Carries(authz.Operation) (scan.Format, []scan.Field) { return "", nil }

// Answer implements Dialect.
func (Jina) Answer(op authz.Operation, _ authz.Response) Answer {
	switch encoding := scan.Encoding(op.Encoding); {
	case op.Class == authz.ClassSearch:
		return judgedFields(scoreAt("results[*].relevance_score"))
	case op.Class == authz.ClassList:
		return judged()
	case op.Vectors != authz.Unbounded:
		return judgedFields(vectorAt("data[*].embedding", encoding))
	case encoding == scan.EncodingAuto:
		return judgedFields(vectorAt("data[*].embedding", scan.EncodingNested), vectorAt("data[*].embeddings[*]", encoding))
	default:
		return judgedFields(vectorAt("data[*].embedding", encoding), vectorAt("data[*].embeddings[*]", encoding))
	}
}
