package extproc_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/weirgate/weir/pkg/authz"
)

const (
	ask    = `{"model":"m","input":["a"]}`
	answer = `{"data":[{"embedding":[0.5,0.25]}]}`
	masked = `{"data":[{"embedding":[]}]}`
)

// attest makes the connection one that has honoured an override.
func attest(t *testing.T, conn *grpc.ClientConn) {
	t.Helper()
	e := open(t, conn)
	e.send(embeddings())
	e.want("request head {FULL_DUPLEX_STREAMED,FULL_DUPLEX_STREAMED}")
	e.send(requestBody(true, ask))
	e.want(fmt.Sprintf("request body %q eos=true", ask))
	e.send(ok(), responseBody(true, answer))
	e.want("response head", fmt.Sprintf("response body %q eos=true", masked))
	_ = e.stream.CloseSend()
	e.want("end: OK")
}

func TestInspectAndRewrite(t *testing.T) {
	p := newParts()
	conn, s := serve(t, p)
	attest(t, conn)
	e := open(t, conn)
	e.send(embeddings())
	e.want("standalone {FULL_DUPLEX_STREAMED,FULL_DUPLEX_STREAMED}")
	for i := range len(ask) - 1 {
		e.send(requestBody(false, ask[i:i+1]))
	}
	e.send(requestBody(false, ask[len(ask)-1:]), requestBody(true, ""))
	e.want("request head {FULL_DUPLEX_STREAMED,FULL_DUPLEX_STREAMED}", fmt.Sprintf("request body %q eos=true", ask))
	e.send(ok(), responseBody(false, answer[:22]))
	e.want("response head", fmt.Sprintf("response body %q eos=false", answer[:22]))
	e.send(responseBody(true, answer[22:]))
	if got := e.next(); strings.Contains(got, "0.") || !strings.HasSuffix(got, "eos=true") {
		t.Errorf("the rest of the answer: %s", got)
	}
	if c := p.completion(); c.Outcome != authz.OutcomeComplete || c.Volume.Of(authz.UnitVectorsMasked) != 1 || c.Dims != 2 {
		t.Errorf("completion %+v", c)
	}
	if s.BodyMemory() != 0 {
		t.Errorf("%d bytes of request bodies are still claimed", s.BodyMemory())
	}
}

func TestRefusals(t *testing.T) {
	deny := authz.Decision{Effect: authz.Deny, Reason: "no"}
	tests := map[string]struct {
		set  func(*parts)
		send []*extprocv3.ProcessingRequest
		want []string
	}{
		"no token": {nil, []*extprocv3.ProcessingRequest{requestHeaders(true, ":method", "POST", ":path", "/v1/embeddings")}, []string{"refused 401"}},
		"denied at the body": {
			func(p *parts) { p.decision = deny },
			[]*extprocv3.ProcessingRequest{embeddings(), requestBody(true, ask)},
			[]string{"request head {FULL_DUPLEX_STREAMED,FULL_DUPLEX_STREAMED}", "refused 403"},
		},
		"a body that is not JSON": {
			nil,
			[]*extprocv3.ProcessingRequest{embeddings(), requestBody(true, "not json")},
			[]string{"request head {FULL_DUPLEX_STREAMED,FULL_DUPLEX_STREAMED}", "refused 400"},
		},
		"a body over the cap": {
			nil,
			[]*extprocv3.ProcessingRequest{embeddings(), requestBody(true, strings.Repeat(" ", 1<<20+1))},
			[]string{"request head {FULL_DUPLEX_STREAMED,FULL_DUPLEX_STREAMED}", "refused 413"},
		},
		"the request was not shown": {nil, []*extprocv3.ProcessingRequest{ok()}, []string{"refused 503"}},
		"an upgrade": {
			nil,
			[]*extprocv3.ProcessingRequest{requestHeaders(false, ":method", "GET", ":path", "/v1/models", "upgrade", "websocket", "authorization", "Bearer x")},
			[]string{"refused 403"},
		},
		"an answer that is not JSON": {
			nil,
			[]*extprocv3.ProcessingRequest{embeddings(), requestBody(true, ask), ok(), responseBody(true, "<html>")},
			[]string{"request head {FULL_DUPLEX_STREAMED,FULL_DUPLEX_STREAMED}", fmt.Sprintf("request body %q eos=true", ask), "refused 502"},
		},
		"an answer in a coding that is not known": {
			nil,
			[]*extprocv3.ProcessingRequest{
				embeddings(), requestBody(true, ask),
				responseHeaders(false, "via_upstream", ":status", "200", "content-type", "application/json", "content-encoding", "compress"),
			},
			[]string{"request head {FULL_DUPLEX_STREAMED,FULL_DUPLEX_STREAMED}", fmt.Sprintf("request body %q eos=true", ask), "refused 502"},
		},
		"a vector in the head": {
			nil,
			[]*extprocv3.ProcessingRequest{
				embeddings(), requestBody(true, ask),
				responseHeaders(false, "via_upstream", ":status", "200", "content-type", "application/json", "x-vector", strings.Repeat("0.5,", 32)),
			},
			[]string{"request head {FULL_DUPLEX_STREAMED,FULL_DUPLEX_STREAMED}", fmt.Sprintf("request body %q eos=true", ask), "refused 502"},
		},
		"a cache's answer is judged": {
			nil,
			[]*extprocv3.ProcessingRequest{
				embeddings(), requestBody(true, ask),
				responseHeaders(false, "cache.response_from_cache_filter", ":status", "200", "content-type", "application/json"), responseBody(true, answer),
			},
			[]string{"request head {FULL_DUPLEX_STREAMED,FULL_DUPLEX_STREAMED}", fmt.Sprintf("request body %q eos=true", ask), "response head", fmt.Sprintf("response body %q eos=true", masked)},
		},
		"an override that is ignored": {
			nil,
			[]*extprocv3.ProcessingRequest{embeddings(), ok()},
			[]string{"request head {FULL_DUPLEX_STREAMED,FULL_DUPLEX_STREAMED}", "refused 503"},
		},
		"an early answer waits for the decision": {
			func(p *parts) { p.decision = deny },
			[]*extprocv3.ProcessingRequest{embeddings(), ok(), responseBody(true, answer), requestBody(true, ask)},
			[]string{"request head {FULL_DUPLEX_STREAMED,FULL_DUPLEX_STREAMED}", "refused 403"},
		},
		"a panic": {func(p *parts) { p.panicOn = "authenticate" }, []*extprocv3.ProcessingRequest{requestHeaders(true, ":method", "GET", ":path", "/")}, []string{"end: Internal"}},
		"a second request head": {
			nil,
			[]*extprocv3.ProcessingRequest{embeddings(), embeddings()},
			[]string{"request head {FULL_DUPLEX_STREAMED,FULL_DUPLEX_STREAMED}", "end: Internal"},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			p := newParts()
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

func TestLocalReplies(t *testing.T) {
	numbers := strings.TrimSuffix(strings.Repeat("0.5,", 32), ",")
	tests := map[string]struct {
		body string
		want []string
	}{
		"Envoy's own text passes":     {"upstream connect error", []string{"response head", `response body "upstream connect error" eos=true`}},
		"what looks like a vector":    {"[" + numbers + "]", []string{"refused 502"}},
		"raw floats":                  {strings.Repeat("\x52\xb8\x3b\x3f", 64), []string{"refused 502"}},
		"UTF-16":                      {strings.ReplaceAll(numbers, "", "\x00"), []string{"refused 502"}},
		"more than Envoy ever writes": {strings.Repeat("x", 9<<10), []string{"refused 502"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			conn, _ := serve(t, newParts())
			e := open(t, conn)
			e.send(embeddings())
			e.next()
			e.send(requestBody(true, ask))
			e.next()
			e.send(responseHeaders(false, "upstream_reset_before_response_started{connection_failure}", ":status", "503", "content-type", "text/plain"), responseBody(true, tc.body))
			e.want(tc.want...)
		})
	}
}

// TestAnswerEndedByTrailersIsCharged: an answer that the scanner held whole leaves with its trailers, and is charged like any other.
func TestAnswerEndedByTrailersIsCharged(t *testing.T) {
	p := newParts()
	conn, _ := serve(t, p)
	e := open(t, conn)
	e.send(embeddings())
	e.next()
	e.send(requestBody(true, ask))
	e.next()
	settled, cancels := len(p.settled), p.cancels
	e.send(ok(), responseBody(false, ""), &extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_ResponseTrailers{ResponseTrailers: &extprocv3.HttpTrailers{}}})
	e.want("response head", fmt.Sprintf("%T", &extprocv3.ProcessingResponse_ResponseTrailers{}))
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.settled) != settled+1 || p.cancels != cancels {
		t.Errorf("%d settled and %d cancelled, want %d and %d", len(p.settled), p.cancels, settled+1, cancels)
	}
}

// TestTrailers: behind an answer that is read, gRPC's trailers and timing pass, unless one of them holds a vector.
func TestTrailers(t *testing.T) {
	conn, _ := serve(t, newParts())
	e := open(t, conn)
	e.send(embeddings())
	e.next()
	e.send(requestBody(true, ask))
	e.next()
	e.send(ok(), responseBody(false, answer), &extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_ResponseTrailers{
		ResponseTrailers: &extprocv3.HttpTrailers{Trailers: headerMap("grpc-status", "0", "x-vector", "1", "server-timing", "a", "grpc-message", strings.Repeat("0.5,", 32))},
	}})
	e.want("response head", fmt.Sprintf("response body %q eos=false", masked))
	m, err := e.stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	removed := m.GetResponseTrailers().GetHeaderMutation().GetRemoveHeaders()
	slices.Sort(removed)
	if want := []string{"grpc-message", "x-vector"}; !slices.Equal(removed, want) {
		t.Errorf("removed %v, want %v", removed, want)
	}
}

func TestVolumeEndsTheAnswerBeforeTheNextVector(t *testing.T) {
	p := newParts()
	p.granted = 2
	p.decision.Mask.Vectors = authz.MaskNone
	p.decision.Limits = []authz.Limit{{Meter: authz.MeterSubject, Unit: authz.UnitVectors, Window: authz.Window(time.Hour), Max: 2}}
	conn, _ := serve(t, p)
	e := open(t, conn)
	e.send(embeddings())
	e.next()
	e.send(requestBody(true, ask))
	e.next()
	v := `{"embedding":[0.5,0.25]}`
	e.send(ok(), responseBody(false, `{"data":[`+v))
	e.want("response head")
	e.next()
	e.send(responseBody(true, ","+v+","+v+"]}"))
	if got := e.next(); strings.Count(got, "0.5") != 1 {
		t.Errorf("after the second vector: %s", got)
	}
	e.want("refused 429") // which Envoy turns into a cut
	if c := p.completion(); c.Outcome != authz.OutcomeCut || c.Volume.Of(authz.UnitVectors) != 2 {
		t.Errorf("completion: %s, %v", c.Outcome, c.Volume)
	}
}

// TestStatedVectorsAreNotRaised: what the request said it wants is reserved when it is admitted. Asking for more, and giving it back a moment
// later, would refuse others that run at the same time.
func TestStatedVectorsAreNotRaised(t *testing.T) {
	p := newParts()
	p.decision.Mask.Vectors = authz.MaskNone
	p.decision.Limits = []authz.Limit{{Meter: authz.MeterSubject, Unit: authz.UnitVectors, Window: authz.Window(time.Hour), Max: 100}}
	conn, _ := serve(t, p)
	e := open(t, conn)
	e.send(embeddings())
	e.next()
	e.send(requestBody(true, `{"model":"m","input":["a","b"]}`))
	e.next()
	v := `{"embedding":[0.5,0.25]}`
	e.send(ok(), responseBody(true, `{"data":[`+v+","+v+`]}`))
	e.want("response head")
	if got := e.next(); strings.Count(got, "0.5") != 2 {
		t.Errorf("got %s", got)
	}
	if c := p.completion(); c.Outcome != authz.OutcomeComplete || len(p.raised) != 0 {
		t.Errorf("completion: %s; raised to %v", c.Outcome, p.raised)
	}
}

// TestRandomSequences sends messages in random order and cuts: no vector may leave raw, and the stream never ends with OK while Envoy has
// not ended it.
func TestRandomSequences(t *testing.T) {
	p := newParts()
	conn, _ := serve(t, p)
	secret := []byte("0.123456")
	body := fmt.Sprintf(`{"data":[{"embedding":[%s]}]}`, strings.TrimSuffix(strings.Repeat(string(secret)+",", 40), ","))
	all := func(r *rand.Rand) *extprocv3.ProcessingRequest {
		cut := r.IntN(len(body))
		return []*extprocv3.ProcessingRequest{
			embeddings(), requestHeaders(true, ":method", "GET", ":path", "/v1/models", "authorization", "Bearer x"), requestBody(false, ask), requestBody(true, ""), requestBody(true, ask),
			ok(), responseHeaders(true, "via_upstream", ":status", "204"), responseHeaders(false, "cache.response_from_cache_filter", ":status", "404", "content-type", "application/json"),
			responseBody(false, body[:cut]), responseBody(true, body[cut:]), responseBody(true, body), responseBody(false, ""),
			{Request: &extprocv3.ProcessingRequest_RequestTrailers{RequestTrailers: &extprocv3.HttpTrailers{}}},
			{Request: &extprocv3.ProcessingRequest_ResponseTrailers{ResponseTrailers: &extprocv3.HttpTrailers{}}},
		}[r.IntN(14)]
	}
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // a repeatable sequence
		e := open(t, conn)
		if r.IntN(3) > 0 {
			_ = e.stream.Send(embeddings())
		}
		for range r.IntN(8) {
			if e.stream.Send(all(r)) != nil {
				break
			}
		}
		_ = e.stream.CloseSend()
		for {
			m, err := e.stream.Recv()
			if err != nil {
				if !errors.Is(err, io.EOF) && status.Code(err) != codes.Internal && status.Code(err) != codes.Canceled {
					t.Fatalf("seed %d: %v", seed, err)
				}
				break
			}
			b := m.GetResponseBody().GetResponse().GetBodyMutation().GetStreamedResponse().GetBody()
			if bytes.Contains(b, secret) {
				t.Fatalf("seed %d: a raw number left: %s", seed, b)
			}
		}
	}
}
