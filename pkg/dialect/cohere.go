package dialect

import (
	"strings"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
)

// Cohere is Cohere's API, v1 and v2: POST …/embed, which returns a vector for each text and type asked for, …/rerank, embed jobs and the
// data sets they write, and the embeddings API of OpenAI that it speaks too. Source: Cohere's API reference, "Embed", "Rerank", "Embed Jobs",
// "Datasets".
type Cohere struct{}

// Name implements Dialect.
func (Cohere) Name() string { return "cohere" }

// cohereCompatible is where Cohere speaks OpenAI's API.
const cohereCompatible = "/compatibility/v1/embeddings"

// cohereRoute returns the noun after the version of a path, and what follows it.
func cohereRoute(path string) (noun, rest string) {
	_, after, ok := strings.Cut(path, "/v1/")
	if !ok {
		_, after, _ = strings.Cut(path, "/v2/")
	}
	noun, rest, _ = strings.Cut(after, "/")
	return noun, rest
}

// NeedsBody implements Dialect.
func (Cohere) NeedsBody(method, path string) bool {
	noun, rest := cohereRoute(path)
	return method == "POST" && rest == "" && (noun == "embed" || noun == "rerank" || strings.HasSuffix(path, cohereCompatible))
}

// Head implements Dialect. An embed job, and the data set that it writes, which is fetched from elsewhere, are exports.
func (Cohere) Head(method, path, _ string, h authz.Header) authz.Operation {
	noun, rest := cohereRoute(path)
	post, get := method == "POST", method == "GET"
	switch {
	case overridesMethod(h):
		return unknown()
	case post && strings.HasSuffix(path, cohereCompatible):
		return incomplete(authz.Operation{Class: authz.ClassEmbed, Object: cohereCompatible})
	case post && noun == "embed" && rest == "":
		return incomplete(authz.Operation{Class: authz.ClassEmbed})
	case post && noun == "rerank" && rest == "":
		return incomplete(authz.Operation{Class: authz.ClassSearch})
	case post && noun == "embed-jobs" && rest == "", get && noun == "datasets" && rest != "" && rest != "usage":
		return export(path)
	case get && (noun == "models" || noun == "embed-jobs" || noun == "datasets"):
		return complete(authz.ClassList)
	case noun == "datasets" && (post || method == "DELETE"), post && noun == "embed-jobs" && strings.HasSuffix(rest, "/cancel"):
		op := complete(authz.ClassWrite)
		op.Documents = authz.Unbounded
		return op
	}
	return unknown()
}

// Body implements Dialect.
func (Cohere) Body(op authz.Operation, body []byte) (authz.Operation, error) {
	switch {
	case op.Class == authz.ClassSearch:
		return rerankBody(op, body, "documents")
	case op.Object == cohereCompatible:
		return embedBody(op, body, "input")
	}
	return cohereEmbed(op, body)
}

// cohereEmbed reads the body of an embed request: texts, images and mixed inputs are one vector each, once for every type that is asked
// for; without types it is one, of floats.
func cohereEmbed(op authz.Operation, body []byte) (authz.Operation, error) {
	q := embedRequest{texts: absent}
	types := int64(0)
	err := readObject(body, []string{"texts", "images", "inputs", "model", "output_dimension", "embedding_types"}, func(r *reader, k string) error {
		switch k {
		case "texts", "images", "inputs":
			n, present, err := r.count(k)
			if present {
				q.texts = max(q.texts, 0) + n
			}
			return err
		case "embedding_types":
			return r.each(k, func(s string) error {
				types++
				switch s {
				case "float", "int8", "uint8", "binary", "ubinary", "base64":
					return nil
				}
				return badBody("embedding_types must be of float, int8, uint8, binary, ubinary and base64")
			})
		}
		return q.member(r, k)
	})
	if err != nil {
		return op, err
	}
	if q.texts < 0 {
		return op, badBody("texts is missing")
	}
	out, err := q.operation(op, body)
	if err == nil {
		out.Vectors = product(q.texts, max(types, 1))
	}
	return out, err
}

// Carries implements Dialect: texts go in, no vectors.
func (Cohere) Carries(authz.Operation) (scan.Format, []scan.Field) { return "", nil }

// Answer implements Dialect.
func (Cohere) Answer(op authz.Operation, _ authz.Response) Answer {
	switch {
	case op.Class == authz.ClassSearch:
		return judgedFields(scoreAt("results[*].relevance_score"))
	case op.Object == cohereCompatible:
		return judged("data[*].embedding")
	case op.Class == authz.ClassEmbed, op.Class == authz.ClassUnknown:
		return judgedFields(cohereFields()...)
	}
	return judged()
}

// cohereFields are the places of an embed answer's vectors: v1 without types has an array, else there is an object with an array for each
// type.
func cohereFields() []scan.Field {
	return []scan.Field{
		vectorAt("embeddings[*]", scan.EncodingFloats),
		vectorAt("embeddings.float[*]", scan.EncodingFloats),
		vectorAt("embeddings.int8[*]", scan.EncodingInts),
		vectorAt("embeddings.uint8[*]", scan.EncodingInts),
		vectorAt("embeddings.binary[*]", scan.EncodingInts),
		vectorAt("embeddings.ubinary[*]", scan.EncodingInts),
		vectorAt("embeddings.base64[*]", scan.EncodingBase64),
	}
}
