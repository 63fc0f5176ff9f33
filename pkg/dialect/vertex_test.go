package dialect_test

import (
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
)

func TestVertex(t *testing.T) {
	const location = "/v1beta1/projects/p/locations/us-central1"
	const models = location + "/publishers/google/models/"
	method := func(model, verb string) authz.Operation {
		return authz.Operation{Class: authz.ClassEmbed, Model: model, Object: verb}
	}
	checkHeads(t, dialect.Vertex{}, []headCase{
		{"POST", models + "text-embedding-005:predict", unread(method("text-embedding-005", "predict")), true},
		{"POST", models + "multimodalembedding@001:predict", unread(method("multimodalembedding@001", "predict")), true},
		{"POST", models + "gemini-embedding-001:batchEmbedContents", unread(method("gemini-embedding-001", "batchEmbedContents")), true},
		{"POST", models + "gemini-embedding-2-preview:embedContent", unread(method("gemini-embedding-2-preview", "embedContent")), true},
		{"POST", location + "/endpoints/123:predict", unread(method("endpoints/123", "predict")), true},
		{"POST", location + "/endpoints/openapi/embeddings", unread(embed("/endpoints/openapi/embeddings")), true},
		{"POST", location + "/batchPredictionJobs", exported(location+"/batchPredictionJobs", ""), false},
		{"GET", location + "/batchPredictionJobs/7", list(), false},
		{"GET", models + "text-embedding-005", list(), false},
		{"POST", models + "imagen-3.0:predict", unknown(), false},
		{"POST", models + "gemini-2.0:generateContent", unknown(), false},
		{"POST", models + "text-embedding-005:rawPredict", unknown(), false},
		{"POST", location + "/endpoints/123:streamRawPredict", unknown(), false},
		{"GET", models + "text-embedding-005:predict", unknown(), false},
	})
	op := func(model, verb string, instances, vectors, dims int64) authz.Operation {
		op := method(model, verb)
		op.Documents, op.Vectors, op.Dims = instances, vectors, dims
		return op
	}
	text := func(n, vectors, dims int64) authz.Operation {
		return op("text-embedding-005", "predict", n, vectors, dims)
	}
	// Bodies named after the client are those of google-genai 3.6.1; the others are made of the keys in Vertex AI's reference.
	checkBodies(t, dialect.Vertex{}, "POST", models+"text-embedding-005:predict", map[string]bodyCase{
		"google-genai":      {body: `{"instances": [{"content": "a"}]}`, want: text(1, 1, 0)},
		"docs":              {body: `{"instances":[{"task_type":"RETRIEVAL_DOCUMENT","title":"t","content":"a"},{"content":"b"}],"parameters":{"outputDimensionality":256,"autoTruncate":true}}`, want: text(2, 2, 256)},
		"text and image":    {body: `{"instances":[{"text":"a","image":{"bytesBase64Encoded":"AA"}}],"parameters":{"dimension":512}}`, want: text(1, 2, 512)},
		"a video":           {body: `{"instances":[{"text":"a"},{"video":{"gcsUri":"gs://b/v","videoSegmentConfig":{"intervalSec":4}}}]}`, want: text(2, authz.Unbounded, 0)},
		"null parameters":   {body: `{"instances":[{"content":"a","image":null}],"parameters":null}`, want: text(1, 1, 0)},
		"an unknown kind":   {body: `{"instances":[{"audio":{}}]}`, bad: "neither content, text, image nor video"},
		"a text alone":      {body: `{"instances":["a"]}`, bad: "want an object"},
		"none":              {body: `{"instances":[]}`, bad: "instances is missing"},
		"instances twice":   {body: `{"instances":[{"content":"a"}],"instances":[{"content":"a"},{"content":"b"}]}`, bad: "instances stands twice"},
		"video twice":       {body: `{"instances":[{"video":null,"video":{}}]}`, bad: "video stands twice"},
		"video, other case": {body: `{"instances":[{"text":"a","Video":{}}]}`, bad: "differs from video in case"},
	})
	checkBodies(t, dialect.Vertex{}, "POST", models+"gemini-embedding-001:batchEmbedContents", map[string]bodyCase{
		"google-genai": {body: `{"requests": [{"content": {"parts": [{"text": "a"}], "role": "user"}, "embedContentConfig": {"outputDimensionality": 256}}, {"content": {"parts": [{"text": "b"}], "role": "user"}, "embedContentConfig": {"outputDimensionality": 256}}]}`, want: op("gemini-embedding-001", "batchEmbedContents", 2, 2, 256)},
		"dims twice":   {body: `{"requests":[{"content":{},"outputDimensionality":8,"embedContentConfig":{"output_dimensionality":3072}}]}`, bad: "outputDimensionality is stated twice"},
	})
	checkBodies(t, dialect.Vertex{}, "POST", models+"gemini-embedding-2-preview:embedContent", map[string]bodyCase{
		"google-genai": {body: `{"content": {"parts": [{"text": "a"}], "role": "user"}}`, want: op("gemini-embedding-2-preview", "embedContent", 1, 1, 0)},
	})
	compatible := op("m", "/endpoints/openapi/embeddings", 1, 1, 0)
	checkBodies(t, dialect.Vertex{}, "POST", location+"/endpoints/openapi/embeddings", map[string]bodyCase{
		"openai-python": {body: `{"model":"m","input":"a","encoding_format":"base64"}`, want: compatible},
	})
	checkPlaces(t, dialect.Vertex{}, []placeCase{
		{op: method("m", "predict"), vectors: "predictions[*].embeddings.values predictions[*].textEmbedding predictions[*].imageEmbedding predictions[*].videoEmbeddings[*].embedding"},
		{op: method("m", "embedContent"), vectors: "embedding.values embeddings[*].values"},
		{op: method("m", "batchEmbedContents"), vectors: "embedding.values embeddings[*].values"},
		{op: compatible, vectors: "data[*].embedding"},
		{op: exported(location+"/batchPredictionJobs", "")},
		{op: unknown(), vectors: "embedding.values embeddings[*].values"},
		{op: list()},
	})
}
