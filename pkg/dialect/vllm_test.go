package dialect_test

import (
	"fmt"
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
	"github.com/weirgate/weir/pkg/scan"
)

func TestVLLM(t *testing.T) {
	checkHeads(t, dialect.VLLM{}, []headCase{
		{"POST", "/v1/embeddings", unread(embed("")), true},
		{"POST", "/v2/embed", unread(embed("/v2/embed")), true},
		{"POST", "/pooling", unread(embed("/pooling")), true},
		{"POST", "/classify", unread(embed("/classify")), true},
		{"POST", "/score", unread(search("/score")), true},
		{"POST", "/v1/score", unread(search("/score")), true},
		{"POST", "/v1/rerank", unread(search("/rerank")), true},
		{"POST", "/v2/rerank", unread(search("/rerank")), true},
		{"GET", "/v1/models", list(), false},
		{"GET", "/health", list(), false},
		{"POST", "/v1/completions", unknown(), false},
		{"POST", "/tokenize", unknown(), false},
		{"GET", "/pooling", unknown(), false},
	})
	op := func(route string, texts, vectors int64, e scan.Encoding) authz.Operation {
		return authz.Operation{Class: authz.ClassEmbed, Object: route, Model: "m", Documents: texts, Vectors: vectors, Encoding: string(e)}
	}
	sized := func(op authz.Operation, dims int64) authz.Operation { op.Dims = dims; return op }
	// openai-python 3.57.0 sends the first; the others have the keys of the request classes in vllm/entrypoints/pooling.
	checkBodies(t, dialect.VLLM{}, "POST", "/v1/embeddings", map[string]bodyCase{
		"openai-python":      {body: `{"model":"m","input":["a","b"],"encoding_format":"base64"}`, want: op("", 2, 2, "")},
		"chat":               {body: `{"model":"m","messages":[{"role":"user","content":"a"},{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:"}}]}]}`, want: op("", 1, 1, "")},
		"half floats":        {body: `{"model":"m","input":"a","encoding_format":"base64","embed_dtype":"float16","endianness":"little"}`, want: op("", 1, 1, scan.EncodingBase64F16)},
		"half floats, JSON":  {body: `{"model":"m","input":"a","encoding_format":"float","embed_dtype":"float16"}`, want: op("", 1, 1, "")},
		"bytes":              {body: `{"model":"m","input":["a","b"],"encoding_format":"bytes"}`, want: op("", 2, 2, scan.EncodingF32)},
		"bytes, brain":       {body: `{"model":"m","input":"a","encoding_format":"bytes","embed_dtype":"bfloat16"}`, want: op("", 1, 1, scan.EncodingBF16)},
		"bytes, eight bits":  {body: `{"model":"m","input":"a","encoding_format":"bytes","embed_dtype":"fp8_e4m3"}`, bad: "embed_dtype must be float32 or float16"},
		"bytes, big endian":  {body: `{"model":"m","input":"a","encoding_format":"bytes","endianness":"big"}`, bad: "endianness must be little"},
		"bytes alone":        {body: `{"model":"m","input":"a","encoding_format":"bytes_only"}`, bad: "bytes_only without dimensions"},
		"bytes alone, known": {body: `{"model":"m","input":"a","encoding_format":"bytes_only","dimensions":256,"embed_dtype":"float16"}`, want: sized(op("", 1, 1, scan.EncodingF16), 256)},
		"another format":     {body: `{"model":"m","input":"a","encoding_format":"hex"}`, bad: "encoding_format must be float or base64"},
		"eight bits":         {body: `{"model":"m","input":"a","encoding_format":"base64","embed_dtype":"fp8_e4m3"}`, bad: "embed_dtype must be float32 or float16"},
		"bfloat16":           {body: `{"model":"m","input":"a","embed_dtype":"bfloat16"}`, bad: "embed_dtype must be float32 or float16"},
		"big endian":         {body: `{"model":"m","input":"a","encoding_format":"base64","endianness":"big"}`, bad: "endianness must be little"},
		"input and messages": {body: `{"model":"m","input":["a","b"],"messages":[]}`, bad: "both input and messages"},
		"dtype twice":        {body: `{"input":"a","embed_dtype":"float32","embed_dtype":"fp8_e5m2"}`, bad: "embed_dtype stands twice"},
		"nothing":            {body: `{"model":"m"}`, bad: "input is missing"},
	})
	checkBodies(t, dialect.VLLM{}, "POST", "/pooling", map[string]bodyCase{
		"the model's task": {body: `{"model":"m","input":["a","b"]}`, want: op("/pooling", 2, authz.Unbounded, "")},
		"tokens":           {body: `{"model":"m","input":"a","task":"token_embed"}`, want: op("/pooling", 1, authz.Unbounded, "")},
		"embed":            {body: `{"model":"m","input":["a","b"],"task":"embed"}`, want: op("/pooling", 2, 2, "")},
		"a plug-in":        {body: `{"model":"m","data":{"x":1}}`, bad: "data is for a plug-in"},
		"bytes":            {body: `{"model":"m","input":"a","encoding_format":"bytes"}`, want: op("/pooling", 1, authz.Unbounded, scan.EncodingF32)},
	})
	checkBodies(t, dialect.VLLM{}, "POST", "/classify", map[string]bodyCase{
		"texts": {body: `{"model":"m","input":["a","b"]}`, want: op("/classify", 2, 0, "")},
	})
	checkBodies(t, dialect.VLLM{}, "POST", "/v2/embed", map[string]bodyCase{
		"cohere 7.3.1": {body: `{"texts":["a","b"],"model":"m","input_type":"search_document","embedding_types":["float","ubinary"]}`, want: op("/v2/embed", 2, 4, "")},
	})
	scores := func(route string, n int64) authz.Operation {
		return authz.Operation{Class: authz.ClassSearch, Object: route, Model: "m", Documents: n}
	}
	checkBodies(t, dialect.VLLM{}, "POST", "/score", map[string]bodyCase{
		"one to many": {body: `{"model":"m","text_1":"a","text_2":["b","c"]}`, want: scores("/score", 2)},
		"pairs":       {body: `{"model":"m","queries":["a","b","c"],"documents":["d","e","f"]}`, want: scores("/score", 3)},
		"mixed":       {body: `{"model":"m","data_1":"a","data_2":{"content":[]}}`, want: scores("/score", authz.Unbounded)},
	})
	checkBodies(t, dialect.VLLM{}, "POST", "/rerank", map[string]bodyCase{
		"cohere 7.3.1": {body: `{"model":"m","query":"q","documents":["a","b"],"top_n":1}`, want: scores("/rerank", 2)},
	})
	checkPlaces(t, dialect.VLLM{}, []placeCase{
		{op: embed(""), vectors: "data[*].embedding"},
		{op: embed("/pooling"), vectors: "data[*].data"},
		{op: embed("/v2/embed"), vectors: cohereVectors},
		{op: embed("/classify"), scores: "data[*].probs[*]"},
		{op: search("/score"), scores: "data[*].score"},
		{op: search("/rerank"), scores: "results[*].relevance_score"},
		{op: unknown(), vectors: "data[*].embedding"},
		{op: list()},
	})
	checkEncodings(t, dialect.VLLM{}, map[string]authz.Operation{
		"data[*].embedding as ":           op("", 1, 1, ""),
		"data[*].embedding as base64_f16": op("", 1, 1, scan.EncodingBase64F16),
		"data[*].data as nested":          op("/pooling", 1, 1, ""),
		"data[*].data as base64_f16":      op("/pooling", 1, 1, scan.EncodingBase64F16),
	})
}

// TestVLLMOctets: of an answer in bytes its metadata, or the request, says how long the vectors are; what it does not say in one way only is
// not known, and refused.
func TestVLLMOctets(t *testing.T) {
	const first, rest = `{"id":"embd-1","created":1,"model":"m","data":[`, `],"usage":{"prompt_tokens":2}}`
	one := func(dtype, order string, start, end int, shape string) string {
		return fmt.Sprintf(`{"index": 0, "embed_dtype": %q, "endianness": %q, "start": %d, "end": %d, "shape": [%s]}`, dtype, order, start, end, shape)
	}
	for name, tc := range map[string]struct {
		metadata []string
		stated   int64 // by the request
		dims     int64
	}{
		"one":              {[]string{first + one("float32", "native", 0, 32, "8") + rest}, 0, 8},
		"two":              {[]string{first + one("float32", "little", 0, 32, "8") + ", " + one("float32", "little", 32, 64, "8") + rest}, 0, 8},
		"for tokens":       {[]string{first + one("float32", "native", 0, 96, "3, 8") + "," + one("float32", "native", 96, 128, "1, 8") + rest}, 0, 8},
		"stated too":       {[]string{first + one("float32", "native", 0, 32, "8") + rest}, 8, 8},
		"stated only":      {nil, 16, 16},
		"nothing":          {nil, 0, 0},
		"stated otherwise": {[]string{first + one("float32", "native", 0, 32, "8") + rest}, 16, 0},
		"a gap":            {[]string{first + one("float32", "native", 0, 32, "8") + "," + one("float32", "native", 36, 68, "8") + rest}, 0, 0},
		"not from 0":       {[]string{first + one("float32", "native", 4, 36, "8") + rest}, 0, 0},
		"of two lengths":   {[]string{first + one("float32", "native", 0, 32, "8") + "," + one("float32", "native", 32, 48, "4") + rest}, 0, 0},
		"another type":     {[]string{first + one("float16", "native", 0, 16, "8") + rest}, 0, 0},
		"big endian":       {[]string{first + one("float32", "big", 0, 32, "8") + rest}, 0, 0},
		"no shape":         {[]string{first + one("float32", "native", 0, 4, "") + rest}, 0, 0},
		"too large":        {[]string{first + one("float32", "native", 0, 32, "9007199254740993, 8") + rest}, 0, 0},
		"twice":            {[]string{first + one("float32", "native", 0, 32, "8") + rest, "{}"}, 0, 0},
		"no JSON":          {[]string{"8"}, 0, 0},
		"none in it":       {[]string{first + rest}, 0, 0},
	} {
		op := embed("")
		op.Encoding, op.Dims = string(scan.EncodingF32), tc.stated
		a := dialect.VLLM{}.Answer(op, authz.Response{Status: 200, Headers: authz.Header{"metadata": tc.metadata}})
		if !a.Judge || a.Format != scan.FormatOctets || len(a.Fields) != 1 || a.Fields[0].Encoding != scan.EncodingF32 || a.ContentTypes[0] != "application/octet-stream" || a.Dims != tc.dims || a.Described != (len(tc.metadata) > 0) {
			t.Errorf("%s: %+v; want %d dims", name, a, tc.dims)
		}
		if a := (dialect.VLLM{}).Answer(op, authz.Response{Status: 400}); a.Format != scan.FormatJSON || !a.Judge {
			t.Errorf("an error: %+v", a)
		}
	}
}

// checkEncodings checks where the answer to op holds its first vector, and how it is written: "path as encoding".
func checkEncodings(t *testing.T, d dialect.Dialect, tests map[string]authz.Operation) {
	t.Helper()
	for want, op := range tests {
		f := d.Answer(op, authz.Response{Status: 200}).Fields[0]
		if got := f.Path + " as " + string(f.Encoding); got != want || f.Role != scan.RoleVector {
			t.Errorf("%s %+v: a %s at %s, want %s", d.Name(), op, f.Role, got, want)
		}
	}
}
