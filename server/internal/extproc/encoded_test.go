package extproc_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"

	"github.com/weirgate/weir/pkg/authz"
)

func gzipped(t *testing.T, body string) string { return strings.Join(gzippedParts(t, body), "") }

// gzippedParts compresses the parts, each so that it can be read when it has come.
func gzippedParts(t *testing.T, parts ...string) []string {
	t.Helper()
	var all []string
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	for _, part := range parts {
		_, err := w.Write([]byte(part))
		if err = errors.Join(err, w.Flush()); err != nil {
			t.Fatal(err)
		}
		all = append(all, out.String())
		out.Reset()
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return append(all, out.String())
}

func encodedHead(coding string) *extprocv3.ProcessingRequest {
	return responseHeaders(
		false, "via_upstream", ":status", "200", "content-type", "application/json", "content-encoding", coding,
		"content-length", "100", "etag", "x", "vary", "accept-encoding",
	)
}

// asked opens an exchange whose answer is awaited.
func asked(t *testing.T, p *parts) *envoy {
	t.Helper()
	conn, _ := serve(t, p)
	e := open(t, conn)
	e.send(embeddings())
	e.next()
	e.send(requestBody(true, ask))
	e.next()
	return e
}

// body collects what is left of an answer, up to its end or a refusal, and how it ended.
func (e *envoy) body() (sent, end string) {
	e.t.Helper()
	for {
		m, err := e.stream.Recv()
		if err != nil {
			return sent, err.Error()
		}
		if m.GetResponseBody() == nil {
			return sent, describe(m)
		}
		s := m.GetResponseBody().GetResponse().GetBodyMutation().GetStreamedResponse()
		if sent += string(s.GetBody()); s.GetEndOfStream() {
			return sent, "end"
		}
	}
}

// TestEncodedAnswers: a compressed answer is judged like any other, and leaves as it is after that, whoever asks, whatever the cut.
func TestEncodedAnswers(t *testing.T) {
	for mode, want := range map[authz.MaskMode]string{authz.MaskRedact: masked, authz.MaskNone: answer} {
		for _, size := range []int{1, 7, 1 << 20} {
			t.Run(fmt.Sprintf("%s, %d bytes at a time", mode, size), func(t *testing.T) {
				p := newParts()
				p.decision.Mask.Vectors = mode
				e := asked(t, p)
				packed := gzipped(t, gzipped(t, answer))
				e.send(encodedHead("gzip, gzip"))
				for part := range slices.Chunk([]byte(packed), size) {
					e.send(responseBody(false, string(part)))
				}
				e.send(responseBody(true, ""))
				head, err := e.stream.Recv()
				if err != nil {
					t.Fatal(err)
				}
				removed := head.GetResponseHeaders().GetResponse().GetHeaderMutation().GetRemoveHeaders()
				slices.Sort(removed)
				if want := []string{"content-encoding", "content-length", "etag"}; !slices.Equal(removed, want) {
					t.Errorf("removed %v, want %v", removed, want)
				}
				if got, end := e.body(); got != want || end != "end" {
					t.Errorf("got %q, %s; want %q", got, end, want)
				}
				c := p.completion()
				if c.Outcome != authz.OutcomeComplete || c.Volume.Of(authz.UnitBytes) != int64(len(want)) || c.Dims != 2 {
					t.Errorf("completion %+v", c)
				}
			})
		}
	}
}

// TestEncodedAnswersThatAreRefused: before anything left it is a real status, later a cut.
func TestEncodedAnswersThatAreRefused(t *testing.T) {
	packed := gzipped(t, answer)
	bomb := gzipped(t, strings.Repeat(" ", 10<<20)+answer)
	long := gzipped(t, strings.TrimSuffix(answer, "]}")+strings.Repeat(`,{"index":1}`, 20000)+"]}")
	tests := map[string]struct {
		coding string
		send   []*extprocv3.ProcessingRequest
		left   string // what left before the end has this prefix; empty: nothing left
	}{
		"another coding":          {"zstd", []*extprocv3.ProcessingRequest{responseBody(true, packed)}, ""},
		"none at all":             {"gzip", []*extprocv3.ProcessingRequest{responseBody(true, answer)}, ""},
		"truncated, at once":      {"gzip", []*extprocv3.ProcessingRequest{responseBody(true, packed[:len(packed)-1])}, ""},
		"something after its end": {"gzip", []*extprocv3.ProcessingRequest{responseBody(true, packed+answer)}, ""},
		"truncated after a while": {"gzip", []*extprocv3.ProcessingRequest{responseBody(false, long[:len(long)-20]), responseBody(true, "")}, `{"data":[{"embedding":[]}`},
		"truncated by trailers": {"gzip", []*extprocv3.ProcessingRequest{responseBody(false, packed[:20]), {
			Request: &extprocv3.ProcessingRequest_ResponseTrailers{ResponseTrailers: &extprocv3.HttpTrailers{}},
		}}, ""},
		"a bomb":            {"gzip", []*extprocv3.ProcessingRequest{responseBody(true, bomb)}, " "},
		"a bomb, in pieces": {"gzip", []*extprocv3.ProcessingRequest{responseBody(false, bomb[:5000]), responseBody(true, bomb[5000:])}, " "},
		"three codings":     {"gzip, gzip, gzip", nil, ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			p := newParts()
			e := asked(t, p)
			e.send(encodedHead(tc.coding))
			e.send(tc.send...)
			outcome := authz.OutcomeRefused
			if tc.left != "" {
				e.want("response head")
				outcome = authz.OutcomeCut
			}
			sent, end := e.body()
			if end != "refused 502" || tc.left == "" && sent != "" || !strings.HasPrefix(sent, tc.left) || strings.Contains(sent, "0.5") {
				t.Errorf("%d bytes left: %.40q; ended by %s", len(sent), sent, end)
			}
			if c := p.completion(); c.Outcome != outcome {
				t.Errorf("outcome %s, want %s", c.Outcome, outcome)
			}
		})
	}
}

// TestEncodedVolume: the stream stops before the first vector beyond what was granted.
func TestEncodedVolume(t *testing.T) {
	p := newParts()
	p.granted = 2
	p.decision.Mask.Vectors = authz.MaskNone
	p.decision.Limits = []authz.Limit{{Meter: authz.MeterSubject, Unit: authz.UnitVectors, Window: authz.Window(time.Hour), Max: 2}}
	v := `{"embedding":[0.5,0.25]}`
	packed := gzippedParts(t, `{"data":[`+v, ","+v+","+v+`]}`)
	e := asked(t, p)
	e.send(encodedHead("gzip"), responseBody(false, packed[0]))
	e.want("response head")
	e.send(responseBody(true, packed[1]))
	if sent, end := e.body(); strings.Count(sent, "0.5") != 2 || end != "refused 429" {
		t.Errorf("left: %q, %s", sent, end)
	}
	if c := p.completion(); c.Outcome != authz.OutcomeCut || c.Volume.Of(authz.UnitVectors) != 2 {
		t.Errorf("completion: %s, %v", c.Outcome, c.Volume)
	}
}

// TestEncodedTrailers: an answer that ends with trailers is whole when its coding is.
func TestEncodedTrailers(t *testing.T) {
	e := asked(t, newParts())
	e.send(encodedHead("gzip"), responseBody(false, gzipped(t, answer)), &extprocv3.ProcessingRequest{
		Request: &extprocv3.ProcessingRequest_ResponseTrailers{ResponseTrailers: &extprocv3.HttpTrailers{}},
	})
	e.want("response head")
	sent, end := e.body()
	if sent != masked || strings.HasPrefix(end, "refused") {
		t.Errorf("got %q, %s", sent, end)
	}
}

// TestEncodedObserved: where nothing may be changed, the coding is not either, whatever it is.
func TestEncodedObserved(t *testing.T) {
	for _, coding := range []string{"gzip", "compress"} {
		p := newParts()
		p.target.Mode = authz.ModeObserve
		e := asked(t, p)
		packed := gzipped(t, answer)
		e.send(encodedHead(coding))
		m, err := e.stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if removed := m.GetResponseHeaders().GetResponse().GetHeaderMutation().GetRemoveHeaders(); len(removed) > 0 {
			t.Errorf("%s: removed %v", coding, removed)
		}
		e.send(responseBody(true, packed))
		if sent, end := e.body(); sent != packed || end != "end" {
			t.Errorf("%s: got %q, %s", coding, sent, end)
		}
		if c := p.completion(); c.Volume.Of(authz.UnitBytes) != int64(len(packed)) {
			t.Errorf("%s: completion %v", coding, c.Volume)
		}
	}
}
