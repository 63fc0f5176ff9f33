package dialect

import (
	"strings"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
)

// Vertex is the embedding side of Google's Vertex AI: POST …/publishers/google/models/{model}:predict, :embedContent and
// :batchEmbedContents, …/endpoints/{endpoint}:predict of models that were tuned, batch prediction jobs, and the embeddings API of OpenAI at
// …/endpoints/openapi/embeddings. Source: Vertex AI's reference, "Text embeddings API" and "Multimodal embeddings API"; batchEmbedContents,
// from the client google-genai 3.6.1.
type Vertex struct{}

// Name implements Dialect.
func (Vertex) Name() string { return "vertex" }

const (
	vertexPredict = "predict"
	// vertexCompatible is where Vertex speaks OpenAI's API.
	vertexCompatible = "/endpoints/openapi/embeddings"
)

// vertexMethod returns the model and the verb of an embedding method. A publisher's model that is no embedding model is not known here.
func vertexMethod(method, path string) (model, verb string, ok bool) {
	collection, name, verb := googleMethod(path)
	switch {
	case method != "POST":
		return "", "", false
	case collection == "endpoints" && verb == vertexPredict && name != "":
		return "endpoints/" + name, verb, true
	case collection == "models" && strings.Contains(name, "embedding"):
		return name, verb, verb == vertexPredict || verb == geminiOne || verb == geminiMany
	}
	return "", "", false
}

// NeedsBody implements Dialect.
func (Vertex) NeedsBody(method, path string) bool {
	_, _, ok := vertexMethod(method, path)
	return ok || method == "POST" && strings.HasSuffix(path, vertexCompatible)
}

// Head implements Dialect.
func (Vertex) Head(method, path, _ string, h authz.Header) authz.Operation {
	model, verb, ok := vertexMethod(method, path)
	collection, name, rest := googleMethod(path)
	switch {
	case overridesMethod(h):
		return unknown()
	case ok:
		return incomplete(authz.Operation{Class: authz.ClassEmbed, Model: model, Object: verb})
	case method == "POST" && strings.HasSuffix(path, vertexCompatible):
		return incomplete(authz.Operation{Class: authz.ClassEmbed, Object: vertexCompatible})
	case method == "POST" && name == "batchPredictionJobs":
		return export(path)
	case rest != "":
		return unknown()
	case method == "GET" && (name == "batchPredictionJobs" || collection == "batchPredictionJobs" || collection == "models" || name == "models"):
		return complete(authz.ClassList)
	}
	return unknown()
}

// Body implements Dialect.
func (Vertex) Body(op authz.Operation, body []byte) (authz.Operation, error) {
	switch op.Object {
	case vertexCompatible:
		return embedBody(op, body, "input")
	case vertexPredict:
		return vertexInstances(op, body)
	}
	return geminiEmbed(op, body)
}

// vertexInstances reads the body of predict. An instance is a content (of a text model), or a text, an image and a video, each with a vector
// of its own; a video has one for each interval, however many those are.
func vertexInstances(op authz.Operation, body []byte) (authz.Operation, error) {
	vectors, instances, dims := int64(0), int64(0), int64(0)
	err := readObject(body, []string{"instances", "parameters"}, func(r *reader, k string) error {
		if k == "parameters" {
			if c, err := r.peek(); err != nil || c == 'n' {
				return firstOf(err, r.skip)
			}
			return r.members([]string{"outputDimensionality", "dimension"}, func(r *reader, k string) error {
				n, _, err := r.number(k)
				dims = max(dims, n)
				return err
			})
		}
		return r.array(func() error {
			instances++
			n, err := r.instance()
			vectors = sum(vectors, n)
			return err
		})
	})
	if err != nil {
		return op, err
	}
	if instances == 0 {
		return op, badBody("instances is missing")
	}
	op.Vectors, op.Documents, op.Dims, op.Bytes, op.Complete = vectors, instances, dims, int64(len(body)), true
	return op, nil
}

// instance consumes an instance and returns how many vectors it gets.
func (r *reader) instance() (n int64, err error) {
	err = r.members([]string{"content", "text", "image", "video"}, func(r *reader, k string) error {
		c, err := r.peek()
		switch {
		case err != nil:
			return err
		case c == 'n':
		case k == "video":
			n = authz.Unbounded
		default:
			n = sum(n, 1)
		}
		return r.skip()
	})
	if err == nil && n == 0 {
		err = badBody("an instance has neither content, text, image nor video")
	}
	return n, err
}

// Carries implements Dialect: texts go in, no vectors.
func (Vertex) Carries(authz.Operation) (scan.Format, []scan.Field) { return "", nil }

// Answer implements Dialect.
func (Vertex) Answer(op authz.Operation, _ authz.Response) Answer {
	switch {
	case op.Object == vertexCompatible:
		return judged("data[*].embedding")
	case op.Object == vertexPredict:
		return judged(
			"predictions[*].embeddings.values", "predictions[*].textEmbedding", "predictions[*].imageEmbedding",
			"predictions[*].videoEmbeddings[*].embedding",
		)
	case op.Class == authz.ClassEmbed, op.Class == authz.ClassUnknown:
		return judged("embedding.values", "embeddings[*].values")
	}
	return judged()
}
