package dialect_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
)

// route is a request that a dialect knows.
type route struct {
	d            dialect.Dialect
	method, path string
	body         string // one that is accepted; of a gRPC method, a message
}

func (r route) head(more ...string) authz.Operation {
	h := authz.Header{"content-type": {"application/grpc"}} // of no consequence to other requests
	for _, name := range more {
		h[name] = []string{"DELETE"}
	}
	return r.d.Head(r.method, r.path, "", h)
}

// routes lists, for every dialect that reads answers, requests with a body of each shape.
func routes() []route {
	const texts, inputs, query = `{"input":["a",[1]],"model":"m"}`, `{"inputs":["a","b"]}`, `{"query":"q","documents":["a","b"],"model":"m"}`
	const v2 = `{"inputs":[{"shape":[2,1],"parameters":{"binary_data_size":1}}],"outputs":[{"name":"e"}]}x`
	const titan, nova = "amazon.titan-embed-text-v2:0", "amazon.nova-2-multimodal-embeddings-v1:0"
	return append([]route{
		{dialect.OpenAI{}, "POST", "/v1/embeddings", texts},
		{dialect.OpenAI{}, "POST", "/openai/deployments/ada/embeddings", texts},
		{dialect.TEI{}, "POST", "/embed", inputs},
		{dialect.TEI{}, "POST", "/embed_all", inputs},
		{dialect.TEI{}, "POST", "/similarity", `{"inputs":{"source_sentence":"a","sentences":["b","c"]}}`},
		{dialect.TEI{}, "POST", "/rerank", `{"query":"q","texts":["a"]}`},
		{dialect.TEI{}, "POST", "/tei.v1.Embed/EmbedAll", "\x0a\x01a\x10\x01"},
		{dialect.TEI{}, "POST", "/tei.v1.Rerank/Rerank", "\x0a\x01q\x12\x01a\x12\x01b"},
		{dialect.Ollama{}, "POST", "/api/embed", texts},
		{dialect.Ollama{}, "POST", "/api/embeddings", `{"prompt":"a","model":"m"}`},
		{dialect.VLLM{}, "POST", "/v1/embeddings", `{"messages":[],"encoding_format":"base64","embed_dtype":"float16"}`},
		{dialect.VLLM{}, "POST", "/pooling", `{"input":"a","task":"token_embed"}`},
		{dialect.VLLM{}, "POST", "/score", `{"text_1":"a","text_2":["b","c"]}`},
		{dialect.LlamaCPP{}, "POST", "/embedding", `{"content":["a","b"]}`},
		{dialect.Infinity{}, "POST", "/embeddings", texts},
		{dialect.Cohere{}, "POST", "/v2/embed", `{"texts":["a","b"],"images":["c"],"embedding_types":["float","int8"],"output_dimension":256}`},
		{dialect.Cohere{}, "POST", "/v2/rerank", query},
		{dialect.Voyage{}, "POST", "/v1/embeddings", `{"input":"a","output_dtype":"int8","encoding_format":"base64"}`},
		{dialect.Voyage{}, "POST", "/v1/contextualizedembeddings", `{"inputs":[["a","b"],"c"],"enable_auto_chunking":false}`},
		{dialect.Voyage{}, "POST", "/v1/multimodalembeddings", `{"inputs":[{"content":[]}]}`},
		{dialect.Jina{}, "POST", "/v1/embeddings", `{"input":[{"text":"a"},"b"],"return_multivector":false,"embedding_type":["ubinary"]}`},
		{dialect.Jina{}, "POST", "/v1/rerank", query},
		{dialect.Mistral{}, "POST", "/v1/embeddings", `{"input":["a"],"output_dtype":"ubinary","output_dimension":8}`},
		{dialect.Gemini{}, "POST", "/v1beta/models/g:embedContent", `{"content":{},"embedContentConfig":{"outputDimensionality":8}}`},
		{dialect.Gemini{}, "POST", "/v1beta/models/g:batchEmbedContents", `{"requests":[{"content":{},"output_dimensionality":8},{"content":{}}]}`},
		{dialect.Vertex{}, "POST", "/v1/projects/p/locations/l/publishers/google/models/text-embedding-005:predict", `{"instances":[{"content":"a"},{"text":"b","image":{}}],"parameters":{"dimension":8}}`},
		{dialect.Bedrock{}, "POST", "/model/" + titan + "/invoke", `{"inputText":"a","embeddingTypes":["float","binary"],"dimensions":8}`},
		{dialect.Bedrock{}, "POST", "/model/" + nova + "/invoke", `{"taskType":"SINGLE_EMBEDDING","singleEmbeddingParams":{"embeddingDimension":8,"text":{}}}`},
		{dialect.Bedrock{}, "POST", "/async-invoke", `{"modelId":"m"}`},
		{dialect.KServe{}, "POST", "/v2/models/m/infer", v2},
		{dialect.KServe{}, "POST", "/v1/models/m:predict", `{"instances":["a","b"]}`},
		{dialect.KServe{}, "POST", "/inference.GRPCInferenceService/ModelInfer", "\x0a\x01m\x2a\x04\x1a\x02\x02\x01\x32\x00"},
	}, vectorRoutes()...)
}

// TestRoutes: every dialect that reads answers has routes here, and each is read as it stands.
func TestRoutes(t *testing.T) {
	var have []string
	for _, r := range routes() {
		have = append(have, r.d.Name())
		head := r.head()
		op, err := r.d.Body(head, []byte(r.body))
		if head.Complete || head.Class == authz.ClassUnknown || !r.d.NeedsBody(r.method, r.path) || err != nil || !op.Complete || op.Class == authz.ClassUnknown {
			t.Errorf("%s %s %s: %+v, then %+v, %v", r.d.Name(), r.method, r.path, head, op, err)
		}
	}
	for _, name := range dialect.Names() {
		d, _ := dialect.ByName(name)
		if _, store := d.(dialect.Storage); name != "http" && !store && !slices.Contains(have, name) {
			t.Errorf("%s has no route here", name)
		}
	}
}

// FuzzBody: what is accepted is JSON that encoding/json accepts too, no reader finds more in it than the operation says, and what is
// refused leaves the operation as it was.
func FuzzBody(f *testing.F) {
	all := routes()
	for i, r := range all {
		f.Add(uint8(i), []byte(r.body))
	}
	f.Add(uint8(0), []byte(`{"input":[1,2],"\u0049nput":["a","b"]}`))
	f.Add(uint8(2), []byte(`{"inputs":"a","x":[1,2,-3e5,null,true],"Input":["b"]}`))
	f.Fuzz(func(t *testing.T, i uint8, body []byte) {
		r := all[int(i)%len(all)]
		head := r.head()
		op, err := r.d.Body(head, body)
		if err != nil {
			if diff := cmp.Diff(head, op); diff != "" || authz.AsError(err).Kind != authz.KindBadRequest {
				t.Fatalf("%s %s refuses %q: %v\n%s", r.d.Name(), r.path, body, err, diff)
			}
			return
		}
		if !op.Complete || op.Vectors < authz.Unbounded || op.Documents < authz.Unbounded || op.Dims < 0 || op.Bytes != int64(len(body)) {
			t.Fatalf("%s %s accepts %q as %+v", r.d.Name(), r.path, body, op)
		}
		if bytes.HasPrefix([]byte(r.body), []byte("{")) && len(body) > 0 { // a search of Elasticsearch needs none
			compare(t, r, body, op)
		}
	})
}

// compare reads the body as a Go upstream would: keys in any case, the last one wins. KServe's has tensors behind it.
func compare(t *testing.T, r route, body []byte, op authz.Operation) {
	var doc struct {
		Input, Inputs, Content, Sentences, Texts, Images, Documents, Requests, Instances, IDs any
		EmbeddingTypes                                                                        []string `json:"embedding_types"`
		Include                                                                               []string
		Limit                                                                                 *int64
	}
	var raw json.RawMessage
	decoder := json.NewDecoder(bytes.NewReader(body))
	if err := decoder.Decode(&raw); err != nil || r.d.Name() != "kserve" && !json.Valid(body) {
		t.Fatalf("%s %s accepts %q: %v", r.d.Name(), r.path, body, err)
	}
	compareVectors(t, r, raw, op)
	if json.Unmarshal(raw, &doc) != nil {
		return // a key in another case, or one that only Go would take so
	}
	want := op.Documents
	switch r.d.Name() + r.path {
	case "openai/v1/embeddings", "openai/openai/deployments/ada/embeddings", "infinity/embeddings", "mistral/v1/embeddings", "voyage/v1/embeddings":
		want = textsIn(doc.Input)
	case "tei/embed", "tei/embed_all":
		want = textsIn(doc.Inputs)
	case "cohere/v2/embed":
		want = lengthOf(doc.Texts) + lengthOf(doc.Images) + lengthOf(doc.Inputs)
		if vectors := want * int64(max(len(doc.EmbeddingTypes), 1)); op.Vectors != vectors {
			t.Fatalf("%q asks for %d vectors, the operation is %+v", body, vectors, op)
		}
	case "cohere/v2/rerank", "jina/v1/rerank":
		want = textsIn(doc.Documents)
	case "gemini/v1beta/models/g:batchEmbedContents":
		want = lengthOf(doc.Requests)
	}
	if op.Documents != want && op.Documents != authz.Unbounded {
		t.Fatalf("%s %s: %q holds %d documents, the operation is %+v", r.d.Name(), r.path, body, want, op)
	}
	if r.d.Name() == "chroma" {
		if slices.Contains(doc.Include, "embeddings") && op.Vectors != op.Documents || op.Class == authz.ClassExport && doc.Limit != nil && *doc.Limit > 0 && *doc.Limit < 1<<40 {
			t.Fatalf("%q: %+v", body, op)
		}
	}
}

// textsIn is how many texts an input is: an array with a number in it is one, of token IDs.
func textsIn(v any) int64 {
	a, ok := v.([]any)
	if !ok {
		return 1
	}
	for _, e := range a {
		if _, ok := e.(float64); ok {
			return 1
		}
	}
	return int64(len(a))
}

func lengthOf(v any) int64 {
	a, _ := v.([]any)
	return int64(len(a))
}
