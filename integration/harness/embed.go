package harness

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// DefaultDims is the length of the vectors that the upstream makes when a request asks for none.
const DefaultDims = 64

// Embed returns a text's vector: words hashed into dims places, each with a sign, scaled to length 1. The same text gives the same vector,
// texts that share words lie near each other. No model is needed, and none is meant: it stands in for one.
func Embed(text string, dims int) []float32 {
	v := make([]float32, dims)
	for _, word := range strings.Fields(strings.ToLower(text)) {
		h := fnv.New64a()
		_, _ = io.WriteString(h, strings.Trim(word, ".,;:!?\"'()"))
		sum := h.Sum64()
		for range 4 { // each word touches four places, so that few words share all
			sign := float32(1)
			if sum&1 == 1 {
				sign = -1
			}
			v[(sum>>1)%uint64(dims)] += sign
			sum = sum*6364136223846793005 + 1442695040888963407
		}
	}
	var norm float64
	for _, x := range v {
		norm += float64(x) * float64(x)
	}
	if norm == 0 {
		v[0] = 1
		return v
	}
	for i := range v {
		v[i] = float32(float64(v[i]) / math.Sqrt(norm))
	}
	return v
}

// Sentinel returns a vector whose components are all recognisable: in JSON each begins with 0.7312, as float32 its upper bytes are 3f 3b.
// See Leaks.
func Sentinel(dims int) []float32 {
	v := make([]float32, dims)
	for i := range v {
		v[i] = 0.7312 + float32(i%64)*1e-6
	}
	return v
}

// Leaks returns how many sentinel components stand in body raw: as JSON numbers, or as little-endian float32 in base64. One is too many on
// a masked route. Two neighbours are needed to count base64, so that text is not mistaken for it.
func Leaks(body []byte) int {
	n := strings.Count(string(body), "0.7312")
	for _, run := range base64Runs(body) {
		raw, _ := base64.RawStdEncoding.DecodeString(run[:len(run)/4*4])
		for offset := range 4 {
			last := false
			for i := offset; i+4 <= len(raw); i += 4 {
				hit := raw[i+3] == 0x3f && raw[i+2] == 0x3b
				if hit && last {
					n++
				}
				last = hit
			}
		}
	}
	return n
}

// base64Runs returns the stretches of at least 16 base64 characters, from each of the four places where a quartet may begin.
func base64Runs(body []byte) []string {
	var runs []string
	isBase64 := func(c byte) bool {
		return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '/'
	}
	for i := 0; i < len(body); {
		j := i
		for j < len(body) && isBase64(body[j]) {
			j++
		}
		if j-i >= 16 {
			for shift := range 4 {
				runs = append(runs, string(body[i+shift:j]))
			}
		}
		i = j + 1
	}
	return runs
}

func vectorFor(model, text string, dims int) []float32 {
	if strings.HasPrefix(model, "sentinel") {
		return Sentinel(dims)
	}
	return Embed(text, dims)
}

// inputs reads OpenAI's and TEI's "input": a text, texts, tokens, or lists of tokens.
func inputs(raw json.RawMessage) ([]string, error) {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return []string{one}, nil
	}
	var many []string
	if json.Unmarshal(raw, &many) == nil {
		return many, nil
	}
	var tokens []int
	if json.Unmarshal(raw, &tokens) == nil {
		return []string{fmt.Sprint(tokens)}, nil
	}
	var lists [][]int
	if err := json.Unmarshal(raw, &lists); err != nil {
		return nil, fmt.Errorf("input: want a text, texts or tokens: %w", err)
	}
	texts := make([]string, 0, len(lists))
	for _, l := range lists {
		texts = append(texts, fmt.Sprint(l))
	}
	return texts, nil
}

func serveOpenAI(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		Model    string          `json:"model"`
		Input    json.RawMessage `json:"input"`
		Encoding string          `json:"encoding_format"`
		Dims     int             `json:"dimensions"`
	}
	if err := json.NewDecoder(r.Body).Decode(&ask); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	texts, err := inputs(ask.Input)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if ask.Dims <= 0 {
		ask.Dims = DefaultDims
	}
	type item struct {
		Object    string `json:"object"`
		Index     int    `json:"index"`
		Embedding any    `json:"embedding"`
	}
	answer := struct {
		Object string         `json:"object"`
		Data   []item         `json:"data"`
		Model  string         `json:"model"`
		Usage  map[string]int `json:"usage"`
	}{Object: "list", Data: []item{}, Model: ask.Model}
	tokens := 0
	for i, text := range texts {
		v := vectorFor(ask.Model, text, ask.Dims)
		tokens += len(strings.Fields(text))
		var embedding any = v
		if ask.Encoding == "base64" {
			embedding = base64.StdEncoding.EncodeToString(Bytes(v))
		}
		answer.Data = append(answer.Data, item{"embedding", i, embedding})
	}
	answer.Usage = map[string]int{"prompt_tokens": tokens, "total_tokens": tokens}
	writeJSON(w, answer)
}

// Bytes returns a vector as little-endian float32, as OpenAI's base64 encoding and safetensors hold it.
func Bytes(v []float32) []byte {
	raw := make([]byte, 0, 4*len(v))
	for _, x := range v {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
	}
	return raw
}

func serveTEI(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		Inputs json.RawMessage `json:"inputs"`
	}
	if err := json.NewDecoder(r.Body).Decode(&ask); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	texts, err := inputs(ask.Inputs)
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	vectors := [][]float32{}
	for _, text := range texts {
		model := ""
		if strings.HasPrefix(text, "sentinel") {
			model = text
		}
		vectors = append(vectors, vectorFor(model, text, DefaultDims))
	}
	writeJSON(w, vectors)
}

// chromaAsk is the part of Chroma's get and query requests that the upstream honours.
type chromaAsk struct {
	IDs        []string    `json:"ids"`
	Limit      *int        `json:"limit"`
	Offset     int         `json:"offset"`
	Results    int         `json:"n_results"`
	Queries    [][]float32 `json:"query_embeddings"`
	Include    []string    `json:"include"`
	collection string
}

func readChroma(w http.ResponseWriter, r *http.Request) (chromaAsk, bool) {
	ask := chromaAsk{collection: r.PathValue("collection"), Results: 10}
	if err := json.NewDecoder(r.Body).Decode(&ask); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return ask, false
	}
	return ask, true
}

func (a chromaAsk) includes(what string) bool { return slices.Contains(a.Include, what) }

func (u *Upstream) serveChromaGet(w http.ResponseWriter, r *http.Request) {
	ask, ok := readChroma(w, r)
	if !ok {
		return
	}
	var rows []int
	if len(ask.IDs) > 0 {
		for _, id := range ask.IDs {
			if i, err := strconv.Atoi(strings.TrimPrefix(id, "doc-")); err == nil && i >= 0 && i < len(u.corpus) {
				rows = append(rows, i)
			}
		}
	} else {
		end := len(u.corpus)
		if ask.Limit != nil {
			end = min(end, ask.Offset+*ask.Limit)
		}
		for i := ask.Offset; i < end; i++ {
			rows = append(rows, i)
		}
	}
	writeJSON(w, u.chromaRows(ask, rows))
}

// chromaRows returns one result set; parts that were not asked for are null, as Chroma has it.
func (u *Upstream) chromaRows(ask chromaAsk, rows []int) map[string]any {
	ids, documents, metadatas, embeddings := []string{}, []string{}, []map[string]any{}, [][]float32{}
	for _, i := range rows {
		ids = append(ids, "doc-"+strconv.Itoa(i))
		documents = append(documents, u.corpus[i])
		metadatas = append(metadatas, map[string]any{"row": i})
		embeddings = append(embeddings, vectorFor(ask.collection, u.corpus[i], DefaultDims))
	}
	answer := map[string]any{"ids": ids, "embeddings": nil, "documents": nil, "metadatas": nil, "uris": nil, "include": ask.Include}
	if ask.includes("embeddings") {
		answer["embeddings"] = embeddings
	}
	if ask.includes("documents") {
		answer["documents"] = documents
	}
	if ask.includes("metadatas") {
		answer["metadatas"] = metadatas
	}
	return answer
}

func (u *Upstream) serveChromaQuery(w http.ResponseWriter, r *http.Request) {
	ask, ok := readChroma(w, r)
	if !ok {
		return
	}
	answer := map[string]any{"include": ask.Include}
	for _, part := range []string{"ids", "embeddings", "documents", "metadatas", "uris", "distances"} {
		answer[part] = nil
	}
	for _, query := range ask.Queries {
		rows, distances := u.nearest(query, ask.Results)
		set := u.chromaRows(ask, rows)
		if ask.includes("distances") {
			set["distances"] = distances
		}
		for part, value := range set {
			if value == nil || part == "include" {
				continue
			}
			list, _ := answer[part].([]any)
			answer[part] = append(list, value)
		}
	}
	writeJSON(w, answer)
}

// nearest returns the n documents next to the query and their squared distances.
func (u *Upstream) nearest(query []float32, n int) (rows []int, distances []float64) {
	type hit struct {
		row      int
		distance float64
	}
	hits := make([]hit, len(u.corpus))
	for i, text := range u.corpus {
		v := Embed(text, DefaultDims)
		hits[i].row = i
		for j := range min(len(v), len(query)) {
			d := float64(v[j] - query[j])
			hits[i].distance += d * d
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int {
		switch {
		case a.distance < b.distance:
			return -1
		case a.distance > b.distance:
			return 1
		}
		return 0
	})
	for _, h := range hits[:min(n, len(hits))] {
		rows, distances = append(rows, h.row), append(distances, h.distance)
	}
	return rows, distances
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}
