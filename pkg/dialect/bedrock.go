package dialect

import (
	"strings"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
)

// Bedrock is the embedding side of Amazon Bedrock: POST /model/{id}/invoke of Titan, Cohere and Nova embedding models, invocations in the
// background and batch jobs, which write to S3. A model named by an ARN with a slash in it does not get here: its encoded slash is refused
// with the path. Source: the Bedrock user guide, "Amazon Titan Embeddings", "Cohere Embed models", "Nova Multimodal Embeddings"; paths, from
// the client boto3 1.44.8.
type Bedrock struct{}

// Name implements Dialect.
func (Bedrock) Name() string { return "bedrock" }

// bedrockFamily is which kind of body a model takes.
type bedrockFamily uint8

const (
	bedrockOther bedrockFamily = iota // no embedding model that is known here
	bedrockTitan
	bedrockCohere
	bedrockNova
)

// familyOf recognises a model by its ID, which a region or "global." may stand before.
func familyOf(model string) bedrockFamily {
	switch {
	case strings.Contains(model, "amazon.titan-embed"):
		return bedrockTitan
	case strings.Contains(model, "cohere.embed"):
		return bedrockCohere
	case strings.Contains(model, "amazon.nova") && strings.Contains(model, "embeddings"):
		return bedrockNova
	}
	return bedrockOther
}

// bedrockInvoke returns the model of an invocation that is answered at once.
func bedrockInvoke(method, path string) (model string, ok bool) {
	rest, ok := strings.CutPrefix(path, "/model/")
	if !ok || method != "POST" {
		return "", false
	}
	model, verb, _ := strings.Cut(rest, "/")
	return model, verb == "invoke" && familyOf(model) != bedrockOther
}

// bedrockJob reports whether a request starts work whose results go to S3.
func bedrockJob(method, path string) bool {
	return method == "POST" && (path == "/async-invoke" || path == "/model-invocation-job")
}

// NeedsBody implements Dialect.
func (Bedrock) NeedsBody(method, path string) bool {
	_, ok := bedrockInvoke(method, path)
	return ok || bedrockJob(method, path)
}

// Head implements Dialect.
func (Bedrock) Head(method, path, _ string, h authz.Header) authz.Operation {
	model, ok := bedrockInvoke(method, path)
	noun, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch {
	case overridesMethod(h):
		return unknown()
	case ok:
		return incomplete(authz.Operation{Class: authz.ClassEmbed, Model: model})
	case bedrockJob(method, path):
		return incomplete(authz.Operation{Class: authz.ClassExport})
	case method == "POST" && noun == "model-invocation-job" && strings.HasSuffix(rest, "/stop"):
		return complete(authz.ClassWrite)
	case method == "GET":
		switch noun {
		case "async-invoke", "model-invocation-job", "model-invocation-jobs", "foundation-models", "inference-profiles":
			return complete(authz.ClassList)
		}
	}
	return unknown()
}

// Body implements Dialect. A job's input is elsewhere, so its body tells the model and no bound.
func (Bedrock) Body(op authz.Operation, body []byte) (authz.Operation, error) {
	if op.Class == authz.ClassExport {
		var model string
		err := readObject(body, []string{"modelId"}, func(r *reader, k string) (err error) {
			model, err = r.text(k)
			return err
		})
		if err != nil {
			return op, err
		}
		op.Model, op.Bytes, op.Complete = model, int64(len(body)), true
		return op, nil
	}
	switch familyOf(op.Model) {
	case bedrockTitan:
		return titanBody(op, body)
	case bedrockCohere:
		return cohereEmbed(op, body)
	case bedrockNova:
		return novaBody(op, body)
	}
	return op, badBody("the model is no embedding model that is known")
}

// titanBody reads the body of a Titan invocation: one text, one image, or both in one vector. From v2 on the answer has the vector once as
// itself and once for each type asked for, floats by default.
func titanBody(op authz.Operation, body []byte) (authz.Operation, error) {
	inputs, types, dims := 0, int64(0), int64(0)
	dimension := func(r *reader, k string) (err error) {
		dims, _, err = r.number(k)
		return err
	}
	err := readObject(body, []string{"inputText", "inputImage", "dimensions", "embeddingTypes", "embeddingConfig"}, func(r *reader, k string) error {
		switch k {
		case "inputText", "inputImage":
			inputs++
			return r.textual(k)
		case "embeddingTypes":
			return r.each(k, func(s string) error {
				if types++; s != "float" && s != "binary" {
					return badBody("embeddingTypes must be of float and binary")
				}
				return nil
			})
		case "embeddingConfig":
			return r.members([]string{"outputEmbeddingLength"}, dimension)
		}
		return dimension(r, k)
	})
	if err != nil {
		return op, err
	}
	if inputs == 0 {
		return op, badBody("inputText is missing")
	}
	op.Vectors, op.Documents, op.Dims, op.Bytes, op.Complete = 1, 1, dims, int64(len(body)), true
	if first := strings.HasSuffix(op.Model, "-v1") || strings.Contains(op.Model, "-v1:") || strings.Contains(op.Model, "-g1-"); !first {
		op.Vectors += max(types, 1)
	}
	return op, nil
}

// novaBody reads the body of a Nova invocation: one thing, and two vectors at most, for a video's picture and its sound apart.
func novaBody(op authz.Operation, body []byte) (authz.Operation, error) {
	var task string
	vectors, dims := int64(0), int64(0)
	err := readObject(body, []string{"taskType", "singleEmbeddingParams"}, func(r *reader, k string) (err error) {
		if k == "taskType" {
			task, err = r.text(k)
			return err
		}
		return r.members([]string{"embeddingDimension", "text", "image", "audio", "video"}, func(r *reader, k string) (err error) {
			switch k {
			case "embeddingDimension":
				dims, _, err = r.number(k)
				return err
			case "video":
				vectors++
			}
			vectors++
			return r.skip()
		})
	})
	switch {
	case err != nil:
		return op, err
	case task != "SINGLE_EMBEDDING":
		return op, badBody("taskType must be SINGLE_EMBEDDING")
	case vectors == 0:
		return op, badBody("singleEmbeddingParams has nothing to embed")
	}
	op.Vectors, op.Documents, op.Dims, op.Bytes, op.Complete = vectors, 1, dims, int64(len(body)), true
	return op, nil
}

// Carries implements Dialect: texts go in, no vectors.
func (Bedrock) Carries(authz.Operation) (scan.Format, []scan.Field) { return "", nil }

// Answer implements Dialect.
func (Bedrock) Answer(op authz.Operation, _ authz.Response) Answer {
	if op.Class != authz.ClassEmbed {
		return judged()
	}
	switch familyOf(op.Model) {
	case bedrockCohere:
		return judgedFields(cohereFields()...)
	case bedrockNova:
		return judged("embeddings[*].embedding")
	}
	return judgedFields(
		vectorAt("embedding", scan.EncodingFloats), vectorAt("embeddingsByType.float", scan.EncodingFloats),
		vectorAt("embeddingsByType.binary", scan.EncodingInts),
	)
}
