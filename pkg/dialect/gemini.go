package dialect

import (
	"strings"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
)

// Gemini is the embedding side of Google's Gemini API: POST …/models/{model}:embedContent and :batchEmbedContents, batches in the
// background with the files they write, and the embeddings API of OpenAI that it speaks too. Source: the Gemini API reference, "Embeddings",
// "Batch API" and "OpenAI compatibility".
type Gemini struct{}

// Name implements Dialect.
func (Gemini) Name() string { return "gemini" }

const (
	geminiOne   = "embedContent"
	geminiMany  = "batchEmbedContents"
	geminiAsync = "asyncBatchEmbedContent"
	// geminiCompatible is where Google speaks OpenAI's API.
	geminiCompatible = "/openai/embeddings"
)

// googleMethod splits a path that ends in /{collection}/{name}:{verb}; what is missing is empty.
func googleMethod(path string) (collection, name, verb string) {
	at := strings.LastIndexByte(path, '/')
	if at < 0 {
		return "", "", ""
	}
	name = path[at+1:]
	collection = path[strings.LastIndexByte(path[:at], '/')+1 : at]
	if colon := strings.LastIndexByte(name, ':'); colon >= 0 {
		name, verb = name[:colon], name[colon+1:]
	}
	return collection, name, verb
}

// NeedsBody implements Dialect.
func (Gemini) NeedsBody(method, path string) bool {
	collection, _, verb := googleMethod(path)
	return method == "POST" && (collection == "models" && (verb == geminiOne || verb == geminiMany) || strings.HasSuffix(path, geminiCompatible))
}

// Head implements Dialect. A batch is an export from its start to its answer: how many vectors it holds nobody says.
func (Gemini) Head(method, path, _ string, h authz.Header) authz.Operation {
	collection, name, verb := googleMethod(path)
	post, get := method == "POST", method == "GET"
	switch {
	case overridesMethod(h):
		return unknown()
	case post && strings.HasSuffix(path, geminiCompatible):
		return incomplete(authz.Operation{Class: authz.ClassEmbed, Object: geminiCompatible})
	case post && collection == "models" && (verb == geminiOne || verb == geminiMany):
		return incomplete(authz.Operation{Class: authz.ClassEmbed, Model: name, Object: verb})
	case post && collection == "models" && verb == geminiAsync:
		op := export("")
		op.Model = name
		return op
	case get && (collection == "batches" || name == "batches") && verb == "", get && collection == "files" && verb == "download":
		return export(path)
	case get && verb == "" && (collection == "models" || name == "models" || collection == "files" || name == "files"):
		return complete(authz.ClassList)
	case post && (name == "files" && verb == "" || collection == "batches" && verb == "cancel"),
		method == "DELETE" && verb == "" && (collection == "batches" || collection == "files"):
		op := complete(authz.ClassWrite)
		op.Documents = authz.Unbounded
		return op
	}
	return unknown()
}

// Body implements Dialect.
func (Gemini) Body(op authz.Operation, body []byte) (authz.Operation, error) {
	if op.Object == geminiCompatible {
		return embedBody(op, body, "input")
	}
	return geminiEmbed(op, body)
}

// geminiRequest is a request of an embedding method, alone or in a batch.
type geminiRequest struct{ contents, dims int64 }

// geminiKeys are the keys of a request. Google's JSON takes two spellings of each (ProtoJSON); one alone may stand.
func geminiKeys() []string {
	return []string{"content", "outputDimensionality", "output_dimensionality", "embedContentConfig", "embed_content_config"}
}

func (q *geminiRequest) member(r *reader, key string) error {
	switch key {
	case "content": // one vector, whatever parts it has
		q.contents++
		return r.skip()
	case "embedContentConfig", "embed_content_config": // Vertex has it here
		return r.members(geminiKeys()[1:3], q.member)
	}
	n, present, err := r.number(key)
	switch {
	case err != nil || !present:
		return err
	case q.dims > 0:
		return badBody("outputDimensionality is stated twice")
	}
	q.dims = n
	return nil
}

// geminiEmbed reads the body of embedContent, which is one request, or of batchEmbedContents, which holds many.
func geminiEmbed(op authz.Operation, body []byte) (authz.Operation, error) {
	var all geminiRequest
	keys := geminiKeys()
	var err error
	if op.Object == geminiOne {
		err = readObject(body, keys, all.member)
	} else {
		err = readObject(body, []string{"requests"}, func(r *reader, _ string) error {
			return r.array(func() error {
				var one geminiRequest
				err := r.members(keys, one.member)
				all.contents, all.dims = all.contents+1, max(all.dims, one.dims)
				return err
			})
		})
	}
	if err != nil {
		return op, err
	}
	if all.contents == 0 {
		return op, badBody("there is nothing to embed")
	}
	op.Vectors, op.Documents, op.Dims, op.Bytes, op.Complete = all.contents, all.contents, all.dims, int64(len(body)), true
	return op, nil
}

// Carries implements Dialect: texts go in, no vectors.
func (Gemini) Carries(authz.Operation) (scan.Format, []scan.Field) { return "", nil }

// Answer implements Dialect.
func (Gemini) Answer(op authz.Operation, resp authz.Response) Answer {
	switch {
	case op.Object == geminiCompatible:
		return judged("data[*].embedding")
	case op.Class == authz.ClassEmbed, op.Class == authz.ClassUnknown:
		return judged("embedding.values", "embeddings[*].values")
	case op.Class == authz.ClassExport && strings.HasSuffix(op.Object, ":download") && resp.Status < 400:
		return Answer{Judge: true, Format: scan.FormatNDJSON, Fields: []scan.Field{vectorAt("response.embedding.values", scan.EncodingAuto)}}
	case op.Class == authz.ClassExport: // a batch, or a list of them
		return judged(
			"metadata.output.inlinedEmbedContentResponses.inlinedResponses[*].response.embedding.values",
			"response.inlinedEmbedContentResponses.inlinedResponses[*].response.embedding.values",
			"operations[*].metadata.output.inlinedEmbedContentResponses.inlinedResponses[*].response.embedding.values",
			"operations[*].response.inlinedEmbedContentResponses.inlinedResponses[*].response.embedding.values",
		)
	}
	return judged()
}
