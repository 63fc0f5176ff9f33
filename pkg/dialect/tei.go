package dialect

import (
	"strings"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
)

// TEI is Hugging Face's text-embeddings-inference, HTTP and gRPC: a vector for each text (/embed, / and the embeddings API of OpenAI), one
// for each token (/embed_all), sparse ones (/embed_sparse), and the scores of /rerank, /predict and /similarity. Source: its OpenAPI
// description, 1.7.1, and proto/tei.proto (tei.v1).
type TEI struct{}

// Name implements Dialect.
func (TEI) Name() string { return "tei" }

const (
	teiEmbed      = "/embed"
	teiAll        = "/embed_all"
	teiSparse     = "/embed_sparse"
	teiRerank     = "/rerank"
	teiPredict    = "/predict"
	teiSimilarity = "/similarity"
	// teiService is before the service and method of its gRPC calls.
	teiService = "/tei.v1."
)

// teiRoute returns what a path whose body is read asks for, as the path of HTTP; "" for others. OpenAI's API is no route of its own.
func teiRoute(method, path string) string {
	if method != "POST" {
		return ""
	}
	switch path {
	case teiEmbed, "/": // / is what the model is for; of an embedding model, /embed
		return teiEmbed
	case teiAll, teiSparse, teiRerank, teiPredict, teiSimilarity:
		return path
	}
	rpc, ok := strings.CutPrefix(path, teiService)
	if !ok {
		return ""
	}
	switch strings.TrimSuffix(rpc, "Stream") {
	case "Embed/Embed":
		return teiEmbed
	case "Embed/EmbedAll":
		return teiAll
	case "Embed/EmbedSparse":
		return teiSparse
	case "Rerank/Rerank":
		return teiRerank
	case "Predict/Predict", "Predict/PredictPair":
		return teiPredict
	}
	return ""
}

// NeedsBody implements Dialect.
func (TEI) NeedsBody(method, path string) bool {
	return teiRoute(method, path) != "" || method == "POST" && path == "/embeddings" || OpenAI{}.NeedsBody(method, path)
}

// Head implements Dialect.
func (TEI) Head(method, path, query string, h authz.Header) authz.Operation {
	op := authz.Operation{Class: authz.ClassEmbed, Object: path}
	rpc := strings.HasPrefix(path, teiService)
	switch route := teiRoute(method, path); {
	case overridesMethod(h) || rpc && (method != "POST" || !isGRPC(h)):
		return unknown()
	case route == teiRerank || route == teiSimilarity:
		op.Class = authz.ClassSearch
		return incomplete(op)
	case route != "":
		return incomplete(op)
	case path == teiService+"Info/Info":
		op = complete(authz.ClassList)
		op.Object = path
		return op
	case rpc:
		return unknown()
	case path == "/embeddings" && method == "POST":
		return incomplete(authz.Operation{Class: authz.ClassEmbed})
	case method == "GET" && (path == "/health" || path == "/info" || path == "/"):
		return complete(authz.ClassList)
	}
	op = OpenAI{}.Head(method, path, query, h)
	if op.Class == authz.ClassExport || op.Class == authz.ClassWrite { // it has no files
		return unknown()
	}
	return op
}

// Body implements Dialect. inputs of /embed is what input is to OpenAI.
func (TEI) Body(op authz.Operation, body []byte) (authz.Operation, error) {
	route := teiRoute("POST", op.Object)
	if strings.HasPrefix(op.Object, teiService) {
		return teiMessage(op, route, body)
	}
	switch route {
	case teiEmbed, teiSparse:
		return embedBody(op, body, "inputs")
	case teiAll:
		out, err := embedBody(op, body, "inputs")
		if err == nil {
			out.Vectors = authz.Unbounded // one for every token
		}
		return out, err
	case teiRerank:
		return rerankBody(op, body, "texts")
	case teiPredict: // a text, a pair of them, or an array of either
		return rerankBody(op, body, "inputs")
	case teiSimilarity:
		return teiSimilar(op, body)
	}
	return OpenAI{}.Body(op, body)
}

// teiSimilar reads the body of /similarity: a sentence, and those that it is compared with.
func teiSimilar(op authz.Operation, body []byte) (authz.Operation, error) {
	sentences := absent
	err := readObject(body, []string{"inputs"}, func(r *reader, _ string) error {
		return r.members([]string{"sentences"}, func(r *reader, k string) (err error) {
			sentences, _, err = r.count(k)
			return err
		})
	})
	if err != nil {
		return op, err
	}
	if sentences < 0 {
		return op, badBody("sentences is missing")
	}
	op.Vectors, op.Documents, op.Bytes, op.Complete = 0, sentences, int64(len(body)), true
	return op, nil
}

// teiMessage reads a message of a gRPC call: a text in field 1, or a query there and what it is compared with in field 2. Each message of a
// stream has one text.
func teiMessage(op authz.Operation, route string, msg []byte) (authz.Operation, error) {
	firsts, seconds := int64(0), int64(0)
	err := readMessage(msg, func(f *wireField) error {
		switch {
		case f.number > 2 || f.number == 2 && route != teiRerank:
			return nil
		case f.is != wireBytes:
			return badBody("a text is no string")
		case f.number == 2:
			seconds++
		default:
			firsts++
		}
		return nil
	})
	pair := strings.Contains(op.Object, "PredictPair")
	switch {
	case err != nil:
		return op, err
	case firsts > 1 && !pair:
		return op, badBody("the text stands twice")
	}
	documents, vectors := int64(1), int64(0)
	switch route {
	case teiRerank:
		documents = seconds
	case teiEmbed, teiSparse:
		vectors = 1
	case teiAll:
		vectors = authz.Unbounded
	}
	op = begun(op)
	op.Vectors, op.Documents, op.Bytes = sum(op.Vectors, vectors), sum(op.Documents, documents), sum(op.Bytes, int64(len(msg)))
	return op, nil
}

// Carries implements Dialect: texts go in, no vectors.
func (TEI) Carries(authz.Operation) (scan.Format, []scan.Field) { return "", nil }

// Answer implements Dialect.
func (TEI) Answer(op authz.Operation, resp authz.Response) Answer {
	route := teiRoute("POST", op.Object)
	switch {
	case strings.HasPrefix(op.Object, teiService):
		return teiAnswer(route)
	case op.Class == authz.ClassEmbed && route == "":
		return OpenAI{}.Answer(op, resp)
	case resp.Status >= 400: // an error is an object
		return judged()
	}
	switch route {
	case teiEmbed:
		return judged("[*]")
	case teiAll:
		return judged("[*][*]")
	case teiSparse:
		return judgedFields(vectorAt("[*]", scan.EncodingSparse))
	case teiRerank:
		return judgedFields(scoreAt("[*].score"))
	case teiPredict:
		return judgedFields(scoreAt("[*].score"), scoreAt("[*][*].score"))
	case teiSimilarity:
		return judgedFields(scoreAt("[*]"))
	}
	return judged()
}

// teiAnswer says where the messages of a gRPC answer hold vectors and scores.
func teiAnswer(route string) Answer {
	switch route {
	case teiEmbed: // EmbedResponse.embeddings
		return judgedGRPC(vectorAt("1", scan.EncodingFloats))
	case teiAll: // EmbedAllResponse.token_embeddings.embeddings
		return judgedGRPC(vectorAt("1.1", scan.EncodingFloats))
	case teiSparse: // EmbedSparseResponse.sparse_embeddings.{value, index}
		return judgedGRPC(vectorAt("1.2", scan.EncodingSparse), scan.Field{Path: "1.1", Encoding: scan.EncodingInts, Role: scan.RoleIndices})
	case teiRerank: // RerankResponse.ranks.score
		return judgedGRPC(scoreAt("1.3"))
	case teiPredict: // PredictResponse.predictions.score
		return judgedGRPC(scoreAt("1.1"))
	}
	return judgedGRPC()
}
