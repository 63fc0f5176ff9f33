package dialect_test

import (
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
	"github.com/weirgate/weir/pkg/scan"
)

func TestBedrock(t *testing.T) {
	const titan, cohere, nova = "amazon.titan-embed-text-v2:0", "us.cohere.embed-v4:0", "amazon.nova-2-multimodal-embeddings-v1:0"
	invoke := func(model string) authz.Operation {
		return authz.Operation{Class: authz.ClassEmbed, Model: model}
	}
	op := func(model string, documents, vectors, dims int64) authz.Operation {
		return authz.Operation{Class: authz.ClassEmbed, Model: model, Documents: documents, Vectors: vectors, Dims: dims}
	}
	job := authz.Operation{Class: authz.ClassExport}
	stopped := authz.Operation{Class: authz.ClassWrite, Complete: true}
	// Paths and bodies named after the client are those of boto3 1.44.8 (colons and slashes percent-encoded: a canonical path has colons).
	checkHeads(t, dialect.Bedrock{}, []headCase{
		{"POST", "/model/" + titan + "/invoke", unread(invoke(titan)), true},
		{"POST", "/model/" + cohere + "/invoke", unread(invoke(cohere)), true},
		{"POST", "/model/" + nova + "/invoke", unread(invoke(nova)), true},
		{"POST", "/async-invoke", unread(job), true},
		{"POST", "/model-invocation-job", unread(job), true},
		{"POST", "/model-invocation-job/j/stop", stopped, false},
		{"GET", "/async-invoke", list(), false},
		{"GET", "/model-invocation-jobs", list(), false},
		{"GET", "/foundation-models", list(), false},
		{"POST", "/model/anthropic.claude-v2/invoke", unknown(), false},
		{"POST", "/model/amazon.nova-pro-v1:0/invoke", unknown(), false},
		{"POST", "/model/" + titan + "/invoke-with-response-stream", unknown(), false},
		{"POST", "/model/" + titan + "/converse", unknown(), false},
		{"POST", "/model/" + titan, unknown(), false},
		{"GET", "/model/" + titan + "/invoke", unknown(), false},
		{"POST", "/guardrail/g/version/1/apply", unknown(), false},
	})
	// The keys that boto3 does not choose are those of the Bedrock user guide.
	checkBodies(t, dialect.Bedrock{}, "POST", "/model/"+titan+"/invoke", map[string]bodyCase{
		"boto3":              {body: `{"inputText": "a", "dimensions": 256, "normalize": true}`, want: op(titan, 1, 2, 256)},
		"floats and bits":    {body: `{"inputText":"a","embeddingTypes":["float","binary"]}`, want: op(titan, 1, 3, 0)},
		"bits":               {body: `{"inputText":"a","embeddingTypes":["binary"]}`, want: op(titan, 1, 2, 0)},
		"unknown type":       {body: `{"inputText":"a","embeddingTypes":["int8"]}`, bad: "embeddingTypes must be of float and binary"},
		"several texts":      {body: `{"inputText":["a","b"]}`, bad: "inputText is no string"},
		"nothing":            {body: `{"dimensions":256}`, bad: "inputText is missing"},
		"text twice":         {body: `{"inputText":"a","inputText":"b"}`, bad: "inputText stands twice"},
		"types twice":        {body: `{"inputText":"a","embeddingTypes":[],"embeddingTypes":["binary"]}`, bad: "embeddingTypes stands twice"},
		"text in other case": {body: `{"inputtext":"a"}`, bad: "differs from inputText in case"},
	})
	for _, model := range []string{"amazon.titan-embed-text-v1", "amazon.titan-embed-text-v1:2:8k", "amazon.titan-embed-g1-text-02", "amazon.titan-embed-image-v1"} {
		checkBodies(t, dialect.Bedrock{}, "POST", "/model/"+model+"/invoke", map[string]bodyCase{
			model:            {body: `{"inputText":"a"}`, want: op(model, 1, 1, 0)},
			"an image, both": {body: `{"inputText":"a","inputImage":"AA","embeddingConfig":{"outputEmbeddingLength":384}}`, want: op(model, 1, 1, 384)},
		})
	}
	checkBodies(t, dialect.Bedrock{}, "POST", "/model/"+cohere+"/invoke", map[string]bodyCase{
		"boto3": {body: `{"texts": ["a"], "input_type": "search_query"}`, want: op(cohere, 1, 1, 0)},
		"types": {body: `{"texts":["a","b"],"input_type":"search_query","embedding_types":["int8","float"]}`, want: op(cohere, 2, 4, 0)},
		"none":  {body: `{"inputText":"a"}`, bad: "texts is missing"},
	})
	checkBodies(t, dialect.Bedrock{}, "POST", "/model/"+nova+"/invoke", map[string]bodyCase{
		"boto3":      {body: `{"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": {"embeddingPurpose": "GENERIC_INDEX", "embeddingDimension": 1024, "text": {"truncationMode": "END", "value": "a"}}}`, want: op(nova, 1, 1, 1024)},
		"a video":    {body: `{"taskType":"SINGLE_EMBEDDING","singleEmbeddingParams":{"video":{"embeddingMode":"AUDIO_VIDEO_SEPARATE"}}}`, want: op(nova, 1, 2, 0)},
		"segments":   {body: `{"taskType":"SEGMENTED_EMBEDDING","segmentedEmbeddingParams":{"text":{}}}`, bad: "taskType must be SINGLE_EMBEDDING"},
		"nothing":    {body: `{"taskType":"SINGLE_EMBEDDING","singleEmbeddingParams":{}}`, bad: "nothing to embed"},
		"text twice": {body: `{"taskType":"SINGLE_EMBEDDING","singleEmbeddingParams":{"text":{},"text":{}}}`, bad: "text stands twice"},
	})
	checkBodies(t, dialect.Bedrock{}, "POST", "/async-invoke", map[string]bodyCase{
		"boto3":     {body: `{"modelId": "` + nova + `", "modelInput": {"a": 1}, "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": "s3://b/"}}, "clientRequestToken": "fd47c938-3735-42a0-8e57-589543ac1dfb"}`, want: exported("", nova)},
		"two modes": {body: `{"modelId":"a","modelId":"b"}`, bad: "modelId stands twice"},
	})
	checkPlaces(t, dialect.Bedrock{}, []placeCase{
		{op: invoke(titan), vectors: "embedding embeddingsByType.float embeddingsByType.binary"},
		{op: invoke(cohere), vectors: cohereVectors},
		{op: invoke(nova), vectors: "embeddings[*].embedding"},
		{op: exported("", nova)},
		{op: unknown()},
		{op: list()},
	})
	checkEncodings(t, dialect.Bedrock{}, map[string]authz.Operation{"embedding as floats": typed("", titan, 1, 0, scan.EncodingAuto)})
}
