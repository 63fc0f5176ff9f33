package dialect_test

import (
	"strings"
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
)

func TestOpenAI(t *testing.T) {
	embed := authz.Operation{Class: authz.ClassEmbed}
	checkHeads(t, dialect.OpenAI{}, []headCase{
		{"POST", "/v1/embeddings", unread(embed), true},
		{"POST", "/proxy/v1/embeddings", unread(embed), true},
		{"POST", "/openai/v1/embeddings", unread(embed), true},
		{"POST", "/openai/deployments/ada/embeddings", unread(authz.Operation{Class: authz.ClassEmbed, Model: "ada"}), true},
		{"POST", "/openai/deployments/ada/x/embeddings", unknown(), false},
		{"POST", "/models/embeddings", unread(embed), true}, // Azure's model inference
		{"POST", "/v1/batches", exported("", ""), false},
		{"POST", "/openai/batches", exported("", ""), false},
		{"POST", "/openai/v1/batches", exported("", ""), false},
		{"GET", "/v1/batches/b1", list(), false},
		{"GET", "/v1/batches", list(), false},
		{"POST", "/v1/batches/b1/cancel", write(), false},
		{"GET", "/v1/files/file-1/content", exported("/v1/files/file-1/content", ""), false},
		{"GET", "/openai/files/file-1/content", exported("/openai/files/file-1/content", ""), false},
		{"GET", "/v1/files", list(), false},
		{"GET", "/v1/files/file-1", list(), false},
		{"POST", "/v1/files", write(), false},
		{"DELETE", "/v1/files/file-1", write(), false},
		{"GET", "/v1/models", list(), false},
		{"GET", "/v1/models/ada", list(), false},
		{"GET", "/v1/embeddings", unknown(), false},
		{"POST", "/v1/chat/completions", unknown(), false},
		{"POST", "/v1/embeddings/batch", unknown(), false},
		{"POST", "/xv1/embeddings", unknown(), false},
		{"POST", "/v1/vector_stores/v/search", unknown(), false},
		{"GET", "/v1/files/file-1/x", unknown(), false},
		{"PUT", "/v1/files/file-1", unknown(), false},
		{"DELETE", "/v1/files", unknown(), false},
		{"GET", "/v1/embeddings/batches", unknown(), false},
	})
	op := func(n, dims int64) authz.Operation {
		return authz.Operation{Class: authz.ClassEmbed, Model: "m", Vectors: n, Documents: n, Dims: dims}
	}
	checkBodies(t, dialect.OpenAI{}, "POST", "/v1/embeddings", map[string]bodyCase{
		// openai-python 3.57.0: compact JSON, base64 unless the caller says otherwise.
		"openai-python":        {body: `{"model":"m","input":["a","b"],"encoding_format":"base64"}`, want: op(2, 0)},
		"openai-python, dims":  {body: `{"model":"m","input":"a","dimensions":256,"encoding_format":"float"}`, want: op(1, 256)},
		"langchain, tokens":    {body: `{"input":[[791,15140],[374]],"model":"m","encoding_format":"base64"}`, want: op(2, 0)},
		"curl":                 {body: "{\n  \"input\": \"The food\",\n  \"model\": \"m\",\n  \"encoding_format\": \"float\"\n}", want: op(1, 0)},
		"one list of tokens":   {body: `{"input":[1,2,3],"model":"m"}`, want: op(1, 0)},
		"texts and tokens":     {body: `{"input":["a",[1,2]],"model":"m"}`, want: op(2, 0)},
		"empty list":           {body: `{"input":[],"model":"m"}`, want: op(0, 0)},
		"spaces":               {body: " {\n \"model\" : \"m\" ,\t\"input\" : [ \"a\" , \"b\" ] } ", want: op(2, 0)},
		"nested":               {body: `{"input":"a","model":"m","extra":{"x":[1,{"input":["y","z"],"input":1}]}}`, want: op(1, 0)},
		"unknown key twice":    {body: `{"input":"a","model":"m","x":1,"x":2}`, want: op(1, 0)},
		"escaped key":          {body: `{"\u0069nput":["a","b"],"model":"m"}`, want: op(2, 0)},
		"nulls":                {body: `{"input":"a","model":"m","dimensions":null,"encoding_format":null}`, want: op(1, 0)},
		"no input":             {body: `{"model":"m"}`, bad: "input is missing"},
		"input twice":          {body: `{"input":["a"],"input":["a","b"]}`, bad: "input stands twice"},
		"twice, escaped":       {body: `{"input":["a"],"\u0069nput":["a","b"]}`, bad: "input stands twice"},
		"twice, other case":    {body: `{"input":["a"],"Input":["a","b"]}`, bad: "differs from input in case"},
		"other case":           {body: `{"INPUT":["a"]}`, bad: "differs from input in case"},
		"other case, Unicode":  {body: `{"input":"a","dimen\u017fions":8}`, bad: "differs from dimensions in case"},
		"model twice":          {body: `{"input":"a","model":"small","model":"large"}`, bad: "model stands twice"},
		"texts among tokens":   {body: `{"input":[1,"a","b"]}`, bad: "mixes texts and token IDs"},
		"tokens among texts":   {body: `{"input":["a","b",1]}`, bad: "mixes texts and token IDs"},
		"texts in lists":       {body: `{"input":[["a","b"]]}`, bad: "neither text nor token ID"},
		"objects":              {body: `{"input":[{"text":"a"}]}`, bad: "neither text nor token ID"},
		"null input":           {body: `{"input":null}`, bad: "neither a string nor an array"},
		"object":               {body: `{"input":{"a":1}}`, bad: "neither a string nor an array"},
		"vLLM bytes":           {body: `{"input":"a","encoding_format":"bytes"}`, bad: "encoding_format must be float or base64"},
		"no comma, text":       {body: `{"input":"a","x":["a"1,2]}`, bad: "not what this API takes"},
		"no comma, array":      {body: `{"input":"a","x":[[]1,2]}`, bad: "not what this API takes"},
		"no comma, object":     {body: `{"input":"a","x":[{}1,2]}`, bad: "not what this API takes"},
		"array":                {body: `[]`, bad: "want an object"},
		"not JSON":             {body: `input=a`, bad: "not what this API takes"},
		"two documents":        {body: `{"input":"a"} {"input":"b"}`, bad: "text after the document"},
		"truncated":            {body: `{"input":["a"`, bad: "it ends early"},
		"empty":                {body: ``, bad: "it ends early"},
		"gzip":                 {body: "\x1f\x8b\x08\x00", bad: "it is compressed"},
		"UTF-16":               {body: "{\x00\"\x00", bad: "not what this API takes"},
		"byte order mark":      {body: "\xef\xbb\xbf{\"input\":\"a\"}", bad: "not what this API takes"},
		"invalid UTF-8":        {body: "{\"input\":\"\xff\"}", bad: "UTF-8"},
		"NaN":                  {body: `{"input":[NaN]}`, bad: "neither text nor token ID"},
		"fractional dims":      {body: `{"input":"a","dimensions":1.5}`, bad: "dimensions is no whole number"},
		"dims as text":         {body: `{"input":"a","dimensions":"8"}`, bad: "dimensions is no whole number"},
		"model is no string":   {body: `{"input":"a","model":["m"]}`, bad: "model is no string"},
		"model is long":        {body: `{"input":"a","model":"` + strings.Repeat("m", 300) + `"}`, bad: "more than 256 bytes"},
		"model with a newline": {body: `{"input":"a","model":"m\n"}`, bad: "control characters"},
		"deep":                 {body: `{"input":"a","x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, bad: "deep"},
	})
	checkBodies(t, dialect.OpenAI{}, "POST", "/openai/deployments/ada/embeddings", map[string]bodyCase{
		"deployment": {body: `{"input":"a","model":"other"}`, want: authz.Operation{Class: authz.ClassEmbed, Model: "ada", Vectors: 1, Documents: 1}},
	})
	checkPlaces(t, dialect.OpenAI{}, []placeCase{
		{op: embed, vectors: "data[*].embedding"},
		{op: unknown(), vectors: "data[*].embedding"},
		{op: exported("", "")}, // a batch that starts
		{op: exported("/v1/files/file-1/content", ""), status: 404},
		{op: write()},
		{op: list()},
	})
	checkLines(t, dialect.OpenAI{}, exported("/v1/files/file-1/content", ""), "response.body.data[*].embedding")
}
