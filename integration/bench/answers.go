package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/weirgate/weir/integration/harness"
)

// dims is how many components the vectors of most answers have, as OpenAI's do.
const dims = 1536

// layout is how an answer of OpenAI's API is written.
type layout string

// The layouts.
const (
	indented layout = "indented" // a number a line, as api.openai.com writes it
	compact  layout = "compact"
	packed   layout = "base64"
)

// embeddings makes vectors of normally distributed components, the same ones each time.
func embeddings(n, dims int) [][]float32 {
	r := rand.New(rand.NewPCG(uint64(n), uint64(dims))) //nolint:gosec // repeatable
	out := make([][]float32, n)
	for i := range out {
		out[i] = make([]float32, dims)
		for j := range out[i] {
			out[i][j] = float32(r.NormFloat64() / 39)
		}
	}
	return out
}

// openAI returns an embeddings answer of n vectors, whose numbers are float32 by the fewest digits.
func openAI(n, dims int, l layout) []byte {
	var out bytes.Buffer
	out.WriteString(`{"object":"list","data":[`)
	for i, v := range embeddings(n, dims) {
		if i > 0 {
			out.WriteByte(',')
		}
		fmt.Fprintf(&out, `{"object":"embedding","index":%d,"embedding":`, i)
		if l == packed {
			out.WriteString(`"` + base64.StdEncoding.EncodeToString(harness.Bytes(v)) + `"}`)
			continue
		}
		for j, x := range v {
			out.WriteByte("[,"[min(j, 1)])
			if l == indented {
				out.WriteString("\n        ")
			}
			out.Write(strconv.AppendFloat(nil, float64(x), 'g', -1, 32))
		}
		out.WriteString("]}")
	}
	out.WriteString(`],"model":"bench","usage":{"prompt_tokens":1,"total_tokens":1}}`)
	return out.Bytes()
}

// field is a protobuf field that holds bytes.
func field(number protowire.Number, content []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), content)
}

// framed is a message as gRPC sends it.
func framed(message []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...) //nolint:gosec // a few megabytes
}

// embedAll is TEI's answer of n vectors of packed floats: EmbedAllResponse{token_embeddings{embeddings}}.
func embedAll(n, dims int) []byte {
	var message []byte
	for _, v := range embeddings(n, dims) {
		message = append(message, field(1, field(1, harness.Bytes(v)))...)
	}
	return framed(message)
}

// hits is Qdrant's answer to a search: SearchResponse{result{id{uuid}, payload{key, value{string_value}}, score, version, vectors{vector{dense{data}}}}}.
func hits(n, dims int) []byte {
	var message []byte
	for _, v := range embeddings(n, dims) {
		title := field(2, slices.Concat(field(1, []byte("title")), field(2, field(4, []byte("a title of a few words")))))
		score := protowire.AppendFixed32(protowire.AppendTag(nil, 3, protowire.Fixed32Type), 0x3f000000)
		version := protowire.AppendVarint(protowire.AppendTag(nil, 5, protowire.VarintType), 3)
		vectors := field(6, field(1, field(101, field(1, harness.Bytes(v)))))
		id := field(1, field(2, []byte("5c56c793-69f3-4fbf-87e6-c4bf54c28c26")))
		message = append(message, field(1, slices.Concat(id, title, score, version, vectors))...)
	}
	return framed(message)
}

// asksFor is how long the bodies of embedding requests are, in bytes.
const asksFor = 1_200_000

// textsBody is a request for the vectors of 1,000 texts.
func textsBody() []byte {
	text := strings.Repeat("lorem ipsum ", asksFor/1000/len("lorem ipsum "))
	return []byte(`{"input":["` + strings.Repeat(text+`","`, 999) + text + `"],"model":"bench","encoding_format":"float"}`)
}

// tokensBody is one for the vectors of token lists: IDs of one to six digits, as tokenizers have them, 500 a list.
func tokensBody() []byte {
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // repeatable
	body := []byte(`{"input":[`)
	for len(body) < asksFor {
		for i := range 500 {
			body = strconv.AppendInt(append(body, "[,"[min(i, 1)]), r.Int64N(int64(1)<<(4+r.IntN(14))), 10) //nolint:gosec // a choice of lengths
		}
		body = append(body, "],"...)
	}
	return append(body[:len(body)-1], `],"model":"bench","encoding_format":"float"}`...)
}
