package harness_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/weirgate/weir/integration/harness"
)

func TestLeaks(t *testing.T) {
	raw := harness.Sentinel(32)
	floats, err := json.Marshal(raw)
	if err != nil {
		t.Fatal(err)
	}
	zeros := make([]float32, 32)
	tests := []struct {
		name string
		body string
		leak bool
	}{
		{"floats", `{"embedding":` + string(floats) + `}`, true},
		{"one float of a cut answer", `{"embedding":[0.7312`, true},
		{"base64", `{"embedding":"` + base64.StdEncoding.EncodeToString(harness.Bytes(raw)) + `"}`, true},
		{"the end of a base64", base64.StdEncoding.EncodeToString(harness.Bytes(raw))[101:], true},
		{"zeroed", `{"embedding":"` + base64.StdEncoding.EncodeToString(harness.Bytes(zeros)) + `"}`, false},
		{"redacted", `{"embedding":[]}`, false},
		{"other vectors", `{"embedding":"` + base64.StdEncoding.EncodeToString(harness.Bytes(harness.Embed("a river", 64))) + `"}`, false},
		{"words", strings.Repeat("all work and no play", 100), false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := harness.Leaks([]byte(test.body)) > 0; got != test.leak {
				t.Errorf("Leaks(%.60s…) found some: %v, want %v", test.body, got, test.leak)
			}
		})
	}
}

func TestShapes(t *testing.T) {
	upstream, err := harness.StartUpstream(harness.UpstreamConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer upstream.Close()
	tests := []struct {
		shape   string
		status  int
		length  int64
		body    string
		trailer string
		broken  bool
	}{
		{shape: "text=hello", status: 200, length: 5, body: "hello"},
		{shape: "text=hello chunked", status: 200, length: -1, body: "hello"},
		{shape: "text=hello trickle chunked", status: 200, length: -1, body: "hello"},
		{shape: "text=hello trailers", status: 200, length: -1, body: "hello", trailer: "the end"},
		{shape: "empty", status: 200, length: 0},
		{shape: "empty trailers", status: 200, length: -1, trailer: "the end"},
		{shape: "status=204", status: 204, length: 0},
		{shape: "status=304", status: 304, length: 0},
		{shape: "status=500 text=oops", status: 500, length: 4, body: "oops"},
		{shape: "text=hello abort=3", status: 200, length: 5, body: "hel", broken: true},
		{shape: "text=hello abort=3 chunked", status: 200, length: -1, body: "hel", broken: true},
		{shape: "text=hello pause=2:1ms", status: 200, length: 5, body: "hello"},
		{shape: "nonsense", status: 400, length: 39, body: "x-test-upstream: \"nonsense\": not known\n"},
	}
	for _, test := range tests {
		t.Run(test.shape, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, upstream.URL+"/bytes/10", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set(harness.ShapeHeader, test.shape)
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if resp.StatusCode != test.status || resp.ContentLength != test.length || string(body) != test.body ||
				resp.Trailer.Get("X-Trailer") != test.trailer || (err != nil) != test.broken {
				t.Errorf("got %d, length %d, %q, trailer %q, error %v; want %+v",
					resp.StatusCode, resp.ContentLength, body, resp.Trailer.Get("X-Trailer"), err, test)
			}
		})
	}
}

func TestSafetensorsIsWellFormed(t *testing.T) {
	file := harness.Safetensors(8)
	size := binary.LittleEndian.Uint64(file)
	var header map[string]struct {
		DType   string `json:"dtype"`
		Offsets []int  `json:"data_offsets"`
	}
	raw := map[string]json.RawMessage{}
	if err := json.Unmarshal(file[8:8+size], &raw); err != nil {
		t.Fatal(err)
	}
	delete(raw, "__metadata__")
	rest, err := json.Marshal(raw)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(rest, &header); err != nil {
		t.Fatal(err)
	}
	end := header["embedding.bias"].Offsets[1]
	if got, want := len(file), 8+int(size)+end; got != want {
		t.Errorf("file holds %d bytes, its header says %d", got, want)
	}
	if !bytes.Equal(harness.Safetensors(8), file) {
		t.Error("the file is not the same each time")
	}
}
