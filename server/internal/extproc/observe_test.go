package extproc_test

import (
	"fmt"
	"strings"
	"testing"

	filterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"

	"github.com/weirgate/weir/pkg/authz"
)

// withModes says how Envoy is configured to send bodies both ways.
func withModes(m *extprocv3.ProcessingRequest, mode filterv3.ProcessingMode_BodySendMode) *extprocv3.ProcessingRequest {
	m.ProtocolConfig = &extprocv3.ProtocolConfiguration{RequestBodyMode: mode, ResponseBodyMode: mode}
	return m
}

// TestObserve: what would be refused is written down and passes, whatever the reason; no message of Envoy's stays without an answer.
func TestObserve(t *testing.T) {
	const fd = filterv3.ProcessingMode_FULL_DUPLEX_STREAMED
	nobody := func() *extprocv3.ProcessingRequest {
		return requestHeaders(false, ":method", "POST", ":path", "/v1/embeddings", ":authority", "h", "content-type", "application/json")
	}
	counted := []string{"response head {FULL_DUPLEX_STREAMED,FULL_DUPLEX_STREAMED}", fmt.Sprintf("response body %q eos=true", answer)}
	long := strings.Repeat("x", 9<<10)
	local := func() *extprocv3.ProcessingRequest {
		return responseHeaders(false, "no_healthy_upstream", ":status", "503", "content-type", "text/plain")
	}
	tests := map[string]struct {
		set  func(*parts)
		send []*extprocv3.ProcessingRequest
		want []string
	}{
		"denied at the body": {
			func(p *parts) { p.decision = authz.Decision{Effect: authz.Deny} },
			[]*extprocv3.ProcessingRequest{embeddings(), requestBody(true, ask), ok(), responseBody(true, answer)},
			append([]string{"request head {FULL_DUPLEX_STREAMED,NONE}", fmt.Sprintf("request body %q eos=true", ask)}, counted...),
		},
		"no token: its body is not asked for": {
			nil,
			[]*extprocv3.ProcessingRequest{nobody(), ok(), responseBody(true, answer)},
			[]string{"request head", "response head {NONE,FULL_DUPLEX_STREAMED}", counted[1]},
		},
		"no token, bodies sent by configuration": {
			nil,
			[]*extprocv3.ProcessingRequest{withModes(nobody(), fd), requestBody(true, ask), ok(), responseBody(true, answer)},
			[]string{"request head", fmt.Sprintf("request body %q eos=true", ask), "response head", counted[1]},
		},
		"an upgrade": {
			nil,
			[]*extprocv3.ProcessingRequest{requestHeaders(true, ":method", "GET", ":path", "/v1/models", "upgrade", "websocket", "authorization", "Bearer x")},
			[]string{"request head"},
		},
		"bodies that cannot be observed": {
			nil,
			[]*extprocv3.ProcessingRequest{withModes(embeddings(), filterv3.ProcessingMode_BUFFERED)},
			[]string{"refused 503"},
		},
		"an answer like Envoy's own that is too long for that": {
			nil,
			[]*extprocv3.ProcessingRequest{withModes(embeddings(), fd), requestBody(true, ask), local(), responseBody(true, long)},
			[]string{"request head", fmt.Sprintf("request body %q eos=true", ask), "response head", fmt.Sprintf("response body %q eos=true", long)},
		},
		"an answer like Envoy's own with a vector": {
			nil,
			[]*extprocv3.ProcessingRequest{withModes(embeddings(), fd), requestBody(true, ask), local(), responseBody(true, "["+strings.Repeat("0.5,", 40)+"1]")},
			[]string{"request head", fmt.Sprintf("request body %q eos=true", ask), "response head", fmt.Sprintf("response body %q eos=true", "["+strings.Repeat("0.5,", 40)+"1]")},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			p := newParts()
			p.target.Mode = authz.ModeObserve
			if tc.set != nil {
				tc.set(p)
			}
			conn, _ := serve(t, p)
			e := open(t, conn)
			e.send(tc.send...)
			e.want(tc.want...)
		})
	}
}
