package dialect_test

import (
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
	"github.com/weirgate/weir/pkg/scan"
)

func TestTEI(t *testing.T) {
	checkHeads(t, dialect.TEI{}, []headCase{
		{"POST", "/embed", unread(embed("/embed")), true},
		{"POST", "/", unread(embed("/")), true},
		{"POST", "/v1/embeddings", unread(embed("")), true},
		{"POST", "/embeddings", unread(embed("")), true},
		{"POST", "/embed_all", unread(embed("/embed_all")), true},
		{"POST", "/embed_sparse", unread(embed("/embed_sparse")), true},
		{"POST", "/predict", unread(embed("/predict")), true},
		{"POST", "/rerank", unread(search("/rerank")), true},
		{"POST", "/similarity", unread(search("/similarity")), true},
		{"GET", "/embed", unknown(), false},
		{"GET", "/embed_all", unknown(), false},
		{"GET", "/info", list(), false},
		{"GET", "/health", list(), false},
		{"GET", "/", list(), false},
		{"POST", "/tokenize", unknown(), false},
		{"POST", "/v1/batches", unknown(), false},
		{"GET", "/v1/files/f/content", unknown(), false},
		// A gRPC method without gRPC's content type is nobody's.
		{"POST", "/tei.v1.Embed/Embed", unknown(), true},
		{"POST", "/tei.v1.Tokenize/Tokenize", unknown(), false},
	})
	op := func(route string, n, dims int64) authz.Operation {
		return authz.Operation{Class: authz.ClassEmbed, Object: route, Vectors: n, Documents: n, Dims: dims}
	}
	checkBodies(t, dialect.TEI{}, "POST", "/embed", map[string]bodyCase{
		"langchain":        {body: `{"inputs":["a","b","c"],"truncate":true}`, want: op("/embed", 3, 0)},
		"dimensions":       {body: `{"inputs":["a"],"dimensions":128}`, want: op("/embed", 1, 128)},
		"token IDs":        {body: `{"inputs":[1,2,3]}`, want: op("/embed", 1, 0)},
		"batch of tokens":  {body: `{"inputs":[[1,2],[3]]}`, want: op("/embed", 2, 0)},
		"missing":          {body: `{}`, bad: "inputs is missing"},
		"OpenAI's key":     {body: `{"input":"a"}`, bad: "inputs is missing"},
		"twice":            {body: `{"inputs":"a","inputs":["a","b"]}`, bad: "inputs stands twice"},
		"in another case":  {body: `{"inputs":"a","Inputs":["a","b"]}`, bad: "differs from inputs in case"},
		"pairs (reranker)": {body: `{"inputs":[["a","b"]]}`, bad: "neither text nor token ID"},
	})
	// huggingface_hub 2.4.0 posts to the root.
	checkBodies(t, dialect.TEI{}, "POST", "/", map[string]bodyCase{
		"huggingface_hub":          {body: `{"inputs":"a"}`, want: op("/", 1, 0)},
		"huggingface_hub, several": {body: `{"inputs":["a","b"],"normalize":true,"truncate":true,"dimensions":64}`, want: op("/", 2, 64)},
		"huggingface_hub, similar": {body: `{"inputs":{"source_sentence":"a","sentences":["b","c"]},"parameters":{}}`, bad: "neither a string nor an array"},
	})
	checkBodies(t, dialect.TEI{}, "POST", "/v1/embeddings", map[string]bodyCase{
		"openai-python": {
			body: `{"input":["a","b"],"model":"m","encoding_format":"base64"}`,
			want: authz.Operation{Class: authz.ClassEmbed, Model: "m", Vectors: 2, Documents: 2},
		},
	})
	// The others are made of the keys in the OpenAPI description of 1.7.1.
	tokens := op("/embed_all", 2, 0)
	tokens.Vectors = authz.Unbounded
	checkBodies(t, dialect.TEI{}, "POST", "/embed_all", map[string]bodyCase{
		"docs":  {body: `{"inputs":["a","b"],"truncate":false}`, want: tokens},
		"twice": {body: `{"inputs":"a","inputs":["a","b"]}`, bad: "inputs stands twice"},
	})
	checkBodies(t, dialect.TEI{}, "POST", "/embed_sparse", map[string]bodyCase{
		"docs": {body: `{"inputs":["a","b"]}`, want: op("/embed_sparse", 2, 0)},
	})
	scores := func(c authz.Class, route string, n int64) authz.Operation {
		return authz.Operation{Class: c, Object: route, Documents: n}
	}
	checkBodies(t, dialect.TEI{}, "POST", "/predict", map[string]bodyCase{
		"a text":  {body: `{"inputs":"a"}`, want: scores(authz.ClassEmbed, "/predict", 1)},
		"a batch": {body: `{"inputs":[["a"],["a","b"],["c"]]}`, want: scores(authz.ClassEmbed, "/predict", 3)},
	})
	checkBodies(t, dialect.TEI{}, "POST", "/rerank", map[string]bodyCase{
		"docs":    {body: `{"query":"q","texts":["a","b"],"raw_scores":false,"return_text":true}`, want: scores(authz.ClassSearch, "/rerank", 2)},
		"missing": {body: `{"query":"q"}`, bad: "texts is missing"},
	})
	checkBodies(t, dialect.TEI{}, "POST", "/similarity", map[string]bodyCase{
		"docs":    {body: `{"inputs":{"source_sentence":"a","sentences":["b","c"]},"parameters":null}`, want: scores(authz.ClassSearch, "/similarity", 2)},
		"missing": {body: `{"inputs":{"source_sentence":"a"}}`, bad: "sentences is missing"},
		"twice":   {body: `{"inputs":{"sentences":[],"sentences":["b"]}}`, bad: "sentences stands twice"},
		"nothing": {body: `{"inputs":"a"}`, bad: "want an object"},
	})
}

// TestTEIMessages: messages are made of the field numbers in proto/tei.proto.
func TestTEIMessages(t *testing.T) {
	const service = "/tei.v1."
	op := func(c authz.Class, rpc string, documents, vectors int64) authz.Operation {
		return done(authz.Operation{Class: c, Object: service + rpc}, documents, vectors)
	}
	embedded := func(rpc string, vectors int64) authz.Operation { return op(authz.ClassEmbed, rpc, 1, vectors) }
	checkMessages(t, dialect.TEI{}, map[string]messageCase{
		"a text":             {msg: "0a016110011801", want: embedded("Embed/Embed", 1)},
		"a text of a stream": {msg: "0a0161", want: embedded("Embed/EmbedStream", 1)},
		"every token":        {msg: "0a0161", want: embedded("Embed/EmbedAll", authz.Unbounded)},
		"sparse":             {msg: "0a0161", want: embedded("Embed/EmbedSparseStream", 1)},
		"nothing":            {msg: "", want: embedded("Embed/Embed", 1)},
		"a prediction":       {msg: "0a01611801", want: embedded("Predict/Predict", 0)},
		"of a pair":          {msg: "0a01610a0162", want: embedded("Predict/PredictPair", 0)},
		"a reranking":        {msg: "0a017112016112016212016320012801", want: op(authz.ClassSearch, "Rerank/Rerank", 3, 0)},
		"of a stream":        {msg: "0a0171120161", want: op(authz.ClassSearch, "Rerank/RerankStream", 1, 0)},
		"the text twice":     {msg: "0a01610a0162", want: embedded("Embed/Embed", 1), bad: "the text stands twice"},
		"no text":            {msg: "0801", want: embedded("Embed/Embed", 1), bad: "a text is no string"},
		"cut off":            {msg: "0a0261", want: embedded("Embed/Embed", 1), bad: "begins no protobuf field"},
		"a group":            {msg: "0b0c", want: embedded("Embed/Embed", 1), bad: "begins no protobuf field"},
	})
	d := dialect.TEI{}
	grpc := authz.Header{"content-type": {"application/grpc"}}
	stream := d.Head("POST", service+"Embed/EmbedStream", "", grpc)
	for i := range int64(3) { // counts add up, message by message
		var err error
		if stream, err = d.Body(stream, []byte("\x0a\x01a")); err != nil || stream.Vectors != i+1 || stream.Documents != i+1 || stream.Bytes != 3*(i+1) {
			t.Fatalf("after message %d: %+v, %v", i+1, stream, err)
		}
	}
	for _, h := range []authz.Header{
		nil,
		{"content-type": {"application/json"}},
		{"content-type": {"application/grpc-web"}},
		{"content-type": {"application/grpc+json"}},
		{"content-type": {"application/grpc", "application/grpc"}},
		{"content-type": {"application/grpc"}, "x-http-method-override": {"GET"}},
	} {
		if op := d.Head("POST", service+"Embed/Embed", "", h); op.Class != authz.ClassUnknown {
			t.Errorf("%v: %+v; want an unknown operation", h, op)
		}
	}
	for _, ct := range []string{"application/grpc", "application/grpc+proto", "Application/gRPC ; charset=utf-8"} {
		if op := d.Head("POST", service+"Info/Info", "", authz.Header{"content-type": {ct}}); op.Class != authz.ClassList || !op.Complete {
			t.Errorf("%s: %+v; want a list", ct, op)
		}
	}
}

func TestTEIPlaces(t *testing.T) {
	const service = "/tei.v1."
	checkPlaces(t, dialect.TEI{}, []placeCase{
		{op: embed("/embed"), vectors: "[*]"},
		{op: embed("/"), vectors: "[*]"},
		{op: embed("/embed_all"), vectors: "[*][*]"},
		{op: embed("/embed_sparse"), vectors: "[*]"},
		{op: embed("/embed_all"), status: 424},
		{op: embed("/predict"), scores: "[*].score [*][*].score"},
		{op: search("/rerank"), scores: "[*].score"},
		{op: search("/similarity"), scores: "[*]"},
		{op: search("/similarity"), status: 422},
		{op: embed(""), vectors: "data[*].embedding"},
		{op: embed(service + "Embed/Embed"), format: scan.FormatGRPC, vectors: "1"},
		{op: embed(service + "Embed/EmbedStream"), format: scan.FormatGRPC, vectors: "1"},
		{op: embed(service + "Embed/EmbedAllStream"), format: scan.FormatGRPC, vectors: "1.1"},
		{op: embed(service + "Embed/EmbedSparse"), format: scan.FormatGRPC, vectors: "1.2"},
		{op: embed(service + "Predict/PredictPairStream"), format: scan.FormatGRPC, scores: "1.1"},
		{op: search(service + "Rerank/RerankStream"), format: scan.FormatGRPC, scores: "1.3"},
		{op: authz.Operation{Class: authz.ClassList, Object: service + "Info/Info"}, format: scan.FormatGRPC},
	})
}
