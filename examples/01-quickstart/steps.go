package main

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/weirgate/weir/integration/harness"
)

// steps is the walk, in order.
var steps = []func(context.Context, *walk){
	noToken, rawForResearch, maskedForProduct, maskedBase64, maskedCollection, bulkAtOnce, bulkByAndBy, checkpointRefused, checkpointAllowed, auditTrail,
}

// embeddings is a request for the vectors of texts.
func embeddings(by person, texts []string, encoding, short string) ask {
	return ask{
		by: by, method: http.MethodPost, path: "/v1/embeddings", short: short,
		body: map[string]any{"model": "demo", "input": texts, "encoding_format": encoding},
	}
}

// vectors reads an OpenAI-style answer, in either encoding.
func vectors(body []byte) ([][]float32, error) {
	var answer struct {
		Data []struct {
			Embedding json.RawMessage `json:"embedding"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("the answer is no JSON: %w", err)
	}
	var all [][]float32
	for _, item := range answer.Data {
		v := []float32{}
		var packed string
		if json.Unmarshal(item.Embedding, &packed) == nil {
			raw, err := base64.StdEncoding.DecodeString(packed)
			if err != nil {
				return nil, err
			}
			v = make([]float32, len(raw)/4)
			if _, err := binary.Decode(raw, binary.LittleEndian, v); err != nil {
				return nil, err
			}
		} else if err := json.Unmarshal(item.Embedding, &v); err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

// expect returns an error unless the reply has this status.
func expect(r reply, err error, status int) error {
	if err == nil && r.status != status {
		err = fmt.Errorf("status %d, want %d", r.status, status)
	}
	return err
}

// allHidden returns an error unless there are n vectors and each is empty or zero.
func allHidden(all [][]float32, n int) error {
	if len(all) != n {
		return fmt.Errorf("%d vectors, want %d", len(all), n)
	}
	for i, v := range all {
		if slices.ContainsFunc(v, func(x float32) bool { return x != 0 }) {
			return fmt.Errorf("vector %d shows numbers", i)
		}
	}
	return nil
}

func noToken(ctx context.Context, w *walk) {
	w.title("Without a token there is nothing")
	r, err := w.send(ctx, embeddings(nobody, corpus()[:1], "float", "the vector of one text"))
	err = expect(r, err, http.StatusUnauthorized)
	if err == nil && r.header.Get("Www-Authenticate") == "" {
		err = errors.New("no WWW-Authenticate header")
	}
	w.verdict(err, "refused; WWW-Authenticate tells how to come back: %s", r.header.Get("Www-Authenticate"))
}

func rawForResearch(ctx context.Context, w *walk) {
	w.title("Alice is in research, which may have raw vectors")
	texts := corpus()[:3]
	r, err := w.send(ctx, embeddings(alice, texts, "float", "the vectors of three texts"))
	if err = expect(r, err, http.StatusOK); err == nil {
		var got [][]float32
		if got, err = vectors(r.body); err == nil {
			for i, text := range texts {
				if i >= len(got) || !slices.Equal(got[i], harness.Embed(text, harness.DefaultDims)) {
					err = fmt.Errorf("vector %d is not what the upstream made", i)
				}
			}
		}
	}
	w.verdict(err, "all three vectors came through, number for number")
}

func maskedForProduct(ctx context.Context, w *walk) {
	w.title("Bob is in product, which may use the endpoint but not have its vectors")
	r, err := w.send(ctx, embeddings(bob, corpus()[:3], "float", "the vectors of the same three texts"))
	if err = expect(r, err, http.StatusOK); err == nil {
		var got [][]float32
		if got, err = vectors(r.body); err == nil {
			err = allHidden(got, 3)
		}
	}
	w.verdict(err, "the answer is whole, its vectors are masked")
}

func maskedBase64(ctx context.Context, w *walk) {
	w.title("The same in base64, as the OpenAI client asks by default")
	r, err := w.send(ctx, embeddings(bob, corpus()[:3], "base64", "the vectors of the same three texts, in base64"))
	if err = expect(r, err, http.StatusOK); err == nil {
		var got [][]float32
		if got, err = vectors(r.body); err == nil {
			err = allHidden(got, 3)
		}
	}
	w.verdict(err, "masked as well")
}

func maskedCollection(ctx context.Context, w *walk) {
	w.title("Bob reads the vector store")
	r, err := w.send(ctx, ask{
		by: bob, method: http.MethodPost, path: "/api/v2/tenants/demo/databases/demo/collections/river/get", short: "five documents and their vectors",
		body: map[string]any{"limit": 5, "include": []string{"documents", "embeddings"}},
	})
	if err = expect(r, err, http.StatusOK); err == nil {
		var got struct {
			Documents  []string    `json:"documents"`
			Embeddings [][]float32 `json:"embeddings"`
		}
		if err = json.Unmarshal(r.body, &got); err == nil {
			if err = allHidden(got.Embeddings, 5); err == nil && !slices.Equal(got.Documents, corpus()[:5]) {
				err = errors.New("the documents are not those of the corpus")
			}
		}
	}
	w.verdict(err, "he gets the five documents; their vectors are masked")
}

func bulkAtOnce(ctx context.Context, w *walk) {
	w.title("One request for very many vectors")
	before := len(w.stack.upstream.Seen())
	var texts []string
	for i := range 5000 {
		texts = append(texts, "row "+strconv.Itoa(i))
	}
	r, err := w.send(ctx, embeddings(alice, texts, "float", "5,000 vectors in one request"))
	err = expect(r, err, http.StatusTooManyRequests)
	if err == nil && len(w.stack.upstream.Seen()) != before {
		err = errors.New("the request reached the upstream")
	}
	w.verdict(err, "refused before the upstream saw it")
}

func bulkByAndBy(ctx context.Context, w *walk) {
	w.title("Many small requests that add up: the sliding window")
	answered, took := 0, 0
	var r reply
	var err error
	for answered < 100 {
		r, err = w.quiet(ctx, embeddings(carol, corpus(), "float", ""))
		if err != nil || r.status != http.StatusOK {
			break
		}
		answered++
		took += len(corpus())
	}
	fmt.Fprintf(w.out, "   → POST /v1/embeddings   by carol (group research), again and again, %d texts each\n", len(corpus()))
	fmt.Fprintf(w.out, "   ← %d answers with %d raw vectors, then %d %s   decision %s\n     %s\n", answered, took, r.status, http.StatusText(r.status), r.decision, r.problem())
	err = expect(r, err, http.StatusTooManyRequests)
	if err == nil && answered == 0 {
		err = errors.New("not even the first request was answered")
	}
	if err == nil && r.header.Get("Retry-After") == "" {
		err = errors.New("no Retry-After header")
	}
	w.verdict(err, "the window is full; Retry-After: %s seconds", r.header.Get("Retry-After"))
}

const checkpointPath = "/models/tiny.safetensors"

func checkpointRefused(ctx context.Context, w *walk) {
	w.title("A model checkpoint, for somebody who has no business with it")
	r, err := w.send(ctx, ask{by: alice, method: http.MethodGet, path: checkpointPath, short: "a model's weights"})
	w.verdict(expect(r, err, http.StatusForbidden), "refused, with the reason")

	w.title("The same by Dave of ml-platform, who does not say why")
	r, err = w.send(ctx, ask{by: dave, method: http.MethodGet, path: checkpointPath, short: "a model's weights"})
	w.verdict(expect(r, err, http.StatusForbidden), "refused: the group alone is not enough")
}

func checkpointAllowed(ctx context.Context, w *walk) {
	w.title("Dave says why")
	r, err := w.send(ctx, ask{
		by: dave, method: http.MethodGet, path: checkpointPath, short: "a model's weights", justification: "MODEL-42 nightly evaluation",
	})
	tensors := 0
	if err = expect(r, err, http.StatusOK); err == nil {
		tensors, err = countTensors(r.body)
	}
	w.verdict(err, "the whole file arrived: %d bytes, %d tensors", len(r.body), tensors)
}

// countTensors reads a safetensors header: an 8-byte little-endian length, then JSON.
func countTensors(file []byte) (int, error) {
	if len(file) < 8 {
		return 0, errors.New("no safetensors file")
	}
	size := binary.LittleEndian.Uint64(file)
	if size > uint64(len(file)-8) {
		return 0, errors.New("the safetensors header is cut off")
	}
	var header map[string]json.RawMessage
	if err := json.Unmarshal(file[8:8+size], &header); err != nil {
		return 0, fmt.Errorf("safetensors header: %w", err)
	}
	delete(header, "__metadata__")
	return len(header), nil
}
