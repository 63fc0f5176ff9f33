package dialect

import (
	"strings"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
)

// Voyage is Voyage AI's API, at Voyage or MongoDB: POST …/v1/embeddings, /v1/multimodalembeddings, /v1/contextualizedembeddings and
// /v1/rerank, batches and their files. Source: its API reference; the encodings, from its client voyageai 0.5.0.
type Voyage struct{}

// Name implements Dialect.
func (Voyage) Name() string { return "voyage" }

const (
	voyageMultimodal = "/v1/multimodalembeddings"
	voyageContext    = "/v1/contextualizedembeddings"
	voyageRerank     = "/v1/rerank"
)

// NeedsBody implements Dialect.
func (Voyage) NeedsBody(method, path string) bool {
	return method == "POST" && (strings.HasSuffix(path, "/v1/embeddings") || voyageRoute(path) != "")
}

// voyageRoute returns the route of a path that Voyage has beside OpenAI's.
func voyageRoute(path string) string {
	for _, route := range [...]string{voyageMultimodal, voyageContext, voyageRerank} {
		if strings.HasSuffix(path, route) {
			return route
		}
	}
	return ""
}

// Head implements Dialect.
func (Voyage) Head(method, path, query string, h authz.Header) authz.Operation {
	route := voyageRoute(path)
	switch {
	case route == "" || method != "POST" || overridesMethod(h):
		return typedHead(Voyage{}, method, path, query, h)
	case route == voyageRerank:
		return incomplete(authz.Operation{Class: authz.ClassSearch})
	}
	return incomplete(authz.Operation{Class: authz.ClassEmbed, Object: route})
}

// Body implements Dialect.
func (Voyage) Body(op authz.Operation, body []byte) (authz.Operation, error) {
	switch {
	case op.Class == authz.ClassSearch:
		return rerankBody(op, body, "documents")
	case op.Object == "":
		return typedBody(op, body)
	}
	q := embedRequest{texts: absent}
	chunked := false
	known := []string{"inputs", "model", "output_dimension", "output_dtype", "encoding_format", "enable_auto_chunking"}
	err := readObject(body, known, func(r *reader, k string) (err error) {
		switch {
		case k == "inputs" && op.Object == voyageContext:
			q.texts, err = r.chunks(k)
		case k == "inputs": // each is one vector, whatever texts and images it mixes
			q.texts, _, err = r.count(k)
		case k == "enable_auto_chunking":
			chunked, err = r.flag(k)
		default:
			err = q.member(r, k)
		}
		return err
	})
	if err != nil {
		return op, err
	}
	if q.texts < 0 {
		return op, badBody("inputs is missing")
	}
	out, err := q.operation(op, body)
	if err == nil && chunked && op.Object == voyageContext { // the server cuts documents as it likes
		out.Vectors = authz.Unbounded
	}
	return out, err
}

// chunks consumes documents, each an array of chunks or a string that is its only one, and returns how many chunks they have.
func (r *reader) chunks(what string) (n int64, err error) {
	err = r.array(func() error {
		c, err := r.peek()
		switch {
		case err != nil:
			return err
		case c == '"':
			n++
			return r.skip()
		}
		m, _, err := r.count(what)
		n += m
		return err
	})
	return n, err
}

// Carries implements Dialect: texts go in, no vectors.
func (Voyage) Carries(authz.Operation) (scan.Format, []scan.Field) { return "", nil }

// Answer implements Dialect.
func (Voyage) Answer(op authz.Operation, resp authz.Response) Answer {
	encoding := scan.Encoding(op.Encoding)
	switch {
	case op.Class == authz.ClassSearch:
		return judgedFields(scoreAt("data[*].relevance_score"))
	case op.Object == voyageContext:
		return judgedFields(vectorAt("data[*].data[*].embedding", encoding))
	case op.Class == authz.ClassEmbed:
		return judgedFields(vectorAt("data[*].embedding", encoding))
	case op.Class == authz.ClassUnknown:
		return judged("data[*].embedding", "data[*].data[*].embedding")
	}
	return bulkAnswer(op, resp, "data[*].embedding")
}
