package harness

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// Safetensors returns a real safetensors file: an 8-byte little-endian header length, the JSON header, then two float32 tensors that
// together hold rows × 64 + 64 components.
func Safetensors(rows int) []byte {
	const dims = 64
	weight, bias := rows*dims*4, dims*4
	header, err := json.Marshal(map[string]any{
		"__metadata__":     map[string]string{"format": "pt", "made-by": "weir demo"},
		"embedding.weight": map[string]any{"dtype": "F32", "shape": []int{rows, dims}, "data_offsets": []int{0, weight}},
		"embedding.bias":   map[string]any{"dtype": "F32", "shape": []int{dims}, "data_offsets": []int{weight, weight + bias}},
	})
	if err != nil {
		panic(fmt.Sprintf("safetensors header: %v", err)) // maps of strings and ints: cannot happen
	}
	for len(header)%8 != 0 { // the format pads its header with spaces
		header = append(header, ' ')
	}
	file := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	file = append(file, header...)
	for row := range rows {
		file = append(file, Bytes(Embed("row "+strconv.Itoa(row), dims))...)
	}
	return append(file, Bytes(make([]float32, dims))...)
}

// serveSafetensors serves a small model checkpoint with a length, an etag and ranges.
func serveSafetensors(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Etag", `"tiny-1"`)
	http.ServeContent(w, r, "tiny.safetensors", time.Unix(1700000000, 0), bytes.NewReader(Safetensors(256)))
}

// serveEcho answers with what arrived, so that a test can see what Envoy and Weir made of a request.
func serveEcho(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	writeJSON(w, map[string]any{
		"method": r.Method, "path": r.URL.RequestURI(), "host": r.Host, "headers": r.Header, "trailers": r.Trailer,
		"length": len(body), "body": string(body[:min(len(body), 4096)]),
	})
}

// serveBytes answers with N bytes of text and their content-length.
func serveBytes(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.Atoi(r.PathValue("n"))
	if err != nil || n < 0 {
		http.Error(w, "want /bytes/N", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	w.Header().Set("Content-Length", strconv.Itoa(n))
	line := bytes.Repeat([]byte("all work and no play\n"), 1024)
	for n > 0 {
		wrote, err := w.Write(line[:min(n, len(line))])
		if err != nil {
			return
		}
		n -= wrote
	}
}
