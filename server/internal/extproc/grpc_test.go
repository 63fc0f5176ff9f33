package extproc_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/vector"
	"github.com/weirgate/weir/server/internal/extproc"
)

// frame is a message of gRPC's.
func frame(msg string) string {
	return string(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(msg)))) + msg
}

// text is TEI's EmbedRequest for a text.
func text(s string) string {
	return frame(string(protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), s)))
}

// vectorOf is TEI's EmbedResponse with a vector.
func vectorOf(v ...float32) string {
	var packed []byte
	for _, f := range v {
		packed = protowire.AppendFixed32(packed, math.Float32bits(f))
	}
	return frame(string(protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), packed)))
}

// callHead is the head of a call of TEI's.
func callHead(rpc string, kv ...string) *extprocv3.ProcessingRequest {
	return requestHeaders(false, append([]string{
		":method", "POST", ":path", "/tei.v1.Embed/" + rpc, ":authority", "h", "authorization", "Bearer x", "content-type", "application/grpc", "te", "trailers",
	}, kv...)...)
}

func okCall(kv ...string) *extprocv3.ProcessingRequest {
	return responseHeaders(false, "via_upstream", append([]string{":status", "200", "content-type", "application/grpc"}, kv...)...)
}

func responseTrailers(kv ...string) *extprocv3.ProcessingRequest {
	return &extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_ResponseTrailers{ResponseTrailers: &extprocv3.HttpTrailers{Trailers: headerMap(kv...)}}}
}

// callParts is for calls of TEI's.
func callParts() *parts {
	p := newParts()
	p.target = authz.Target{Name: "tei", Kind: authz.KindInference, Dialect: "tei"}
	p.decision.Mask.Vectors = authz.MaskZero
	return p
}

// limited bounds vectors, which are not masked.
func limited(p *parts, n int64) {
	p.granted, p.decision.Mask.Vectors = n, authz.MaskNone
	p.decision.Limits = []authz.Limit{{Meter: authz.MeterSubject, Unit: authz.UnitVectors, Window: authz.Window(time.Hour), Max: n}}
}

// attestedCall makes the connection one that has honoured an override.
func attestedCall(t *testing.T, conn *grpc.ClientConn) {
	t.Helper()
	e := open(t, conn)
	e.send(callHead("Embed"), requestBody(true, text("a")))
	e.want("request head"+bothWays, requested(text("a")), `request body "" eos=true`)
	e.send(okCall(), responseBody(false, vectorOf(1)), responseTrailers("grpc-status", "0"))
	e.want("response head")
	e.next()
	e.want(trailers)
	_ = e.stream.CloseSend()
	e.want("end: OK")
}

const (
	bothWays = " {FULL_DUPLEX_STREAMED,FULL_DUPLEX_STREAMED}"
	trailers = "*ext_procv3.ProcessingResponse_ResponseTrailers"
)

func requested(s string) string { return fmt.Sprintf("request body %q eos=false", s) }

func responded(s string) string { return fmt.Sprintf("response body %q eos=false", s) }

// TestCall: the head of a call goes on with its first message, each message when it is judged, and each answer as it comes; nothing waits for
// an end.
func TestCall(t *testing.T) {
	p := callParts()
	conn, s := serve(t, p)
	for _, attested := range []bool{false, true} {
		e := open(t, conn)
		e.send(callHead("EmbedStream"))
		first := text("hello")
		if attested {
			e.want("standalone" + bothWays)
			e.send(requestBody(false, first[:3]), requestBody(false, first[3:]))
		}
		e.want("request head" + bothWays)
		if !attested {
			e.send(requestBody(false, first))
		}
		e.want(requested(first))
		e.send(okCall(), responseBody(false, vectorOf(1, 2)[:9]))
		e.want("response head", responded(vectorOf(0, 0)[:9]))
		e.send(responseBody(false, vectorOf(1, 2)[9:]))
		e.want(responded(vectorOf(0, 0)[9:]))
		for range 3 { // ping-pong
			e.send(requestBody(false, text("more")))
			e.want(requested(text("more")))
			e.send(responseBody(false, vectorOf(3)))
			e.want(responded(vectorOf(0)))
		}
		two := text("a") + text("") + text("b")
		e.send(requestBody(true, two))
		e.want(requested(text("a")), requested(text("")), requested(text("b")), `request body "" eos=true`)
		e.send(responseTrailers("grpc-status", "0", "x-secret", "v"))
		if m, err := e.stream.Recv(); err != nil || !slices.Equal(m.GetResponseTrailers().GetHeaderMutation().GetRemoveHeaders(), []string{"x-secret"}) {
			t.Fatalf("%v, %v", m, err)
		}
		_ = e.stream.CloseSend()
		e.want("end: OK")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.records); n != 4 {
		t.Fatalf("%d records of two exchanges", n)
	}
	decided, done := p.records[2], p.records[3]
	if decided.Operation.Vectors != 1 || done.Operation.Vectors != 7 || done.Volume.Of(authz.UnitVectorsMasked) != 4 || done.Dims != 5 || done.Outcome != authz.OutcomeComplete {
		t.Errorf("decided on %+v, done %+v", decided.Operation, done)
	}
	if s.BodyMemory() != 0 {
		t.Errorf("%d bytes of request bodies are still claimed", s.BodyMemory())
	}
}

// TestCallEncodings: neither way may messages be compressed.
func TestCallEncodings(t *testing.T) {
	conn, _ := serve(t, callParts())
	e := open(t, conn)
	e.send(callHead("Embed", "grpc-encoding", "gzip", "grpc-accept-encoding", "gzip,identity", "accept-encoding", "gzip"), requestBody(true, text("a")))
	m, err := e.stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	h := m.GetRequestHeaders().GetResponse().GetHeaderMutation()
	set := ""
	for _, s := range h.GetSetHeaders() {
		set += s.GetHeader().GetKey() + "=" + string(s.GetHeader().GetRawValue()) + " "
	}
	removed := slices.Sorted(slices.Values(h.GetRemoveHeaders()))
	if set != "grpc-accept-encoding=identity " || !slices.Equal(removed, []string{"accept-encoding", "authorization", "grpc-encoding"}) {
		t.Errorf("the upstream's head: set %q, removed %q", set, removed)
	}
}

func TestCallsRefused(t *testing.T) {
	head := "request head" + bothWays
	a := text("a")
	tests := map[string]struct {
		set  func(*parts)
		send []*extprocv3.ProcessingRequest
		want []string
	}{
		"a compressed message":        {nil, []*extprocv3.ProcessingRequest{requestBody(false, "\x01"+a[1:])}, []string{head, "refused 400"}},
		"a message of no kind":        {nil, []*extprocv3.ProcessingRequest{requestBody(false, "\x02"+a[1:])}, []string{head, "refused 400"}},
		"a message that is none":      {nil, []*extprocv3.ProcessingRequest{requestBody(false, frame("\xff"))}, []string{head, "refused 400"}},
		"a message too large":         {nil, []*extprocv3.ProcessingRequest{requestBody(false, "\x00\x00\x10\x00\x00")}, []string{head, "refused 413"}},
		"half a message":              {nil, []*extprocv3.ProcessingRequest{requestBody(true, a[:6])}, []string{head, "refused 400"}},
		"half a message, no second":   {nil, []*extprocv3.ProcessingRequest{requestBody(true, a+a[:6])}, []string{head, requested(a), "refused 400"}},
		"half a message and trailers": {nil, []*extprocv3.ProcessingRequest{requestBody(false, a[:6]), {Request: &extprocv3.ProcessingRequest_RequestTrailers{RequestTrailers: &extprocv3.HttpTrailers{}}}}, []string{head, "refused 400"}},
		"no message":                  {nil, []*extprocv3.ProcessingRequest{requestBody(true, "")}, []string{head, "refused 400"}},
		"by policy":                   {func(p *parts) { p.decision = authz.Decision{} }, []*extprocv3.ProcessingRequest{requestBody(false, a)}, []string{head, "refused 403"}},
		"the second message":          {func(p *parts) { limited(p, 1) }, []*extprocv3.ProcessingRequest{requestBody(false, a+a)}, []string{head, requested(a), "refused 429"}},
		"an answer in gzip":           {nil, []*extprocv3.ProcessingRequest{requestBody(true, a), okCall("grpc-encoding", "gzip")}, []string{head, requested(a), `request body "" eos=true`, "refused 502"}},
		"a compressed answer":         {nil, []*extprocv3.ProcessingRequest{requestBody(true, a), okCall(), responseBody(false, "\x01\x00\x00\x00\x01x")}, []string{head, requested(a), `request body "" eos=true`, "refused 502"}},
		"an answer that is none":      {nil, []*extprocv3.ProcessingRequest{requestBody(true, a), okCall(), responseBody(false, frame("\x0a\x03abc"))}, []string{head, requested(a), `request body "" eos=true`, "refused 502"}},
		"half an answer":              {nil, []*extprocv3.ProcessingRequest{requestBody(true, a), okCall(), responseBody(false, frame("x")[:5]), responseTrailers("grpc-status", "0")}, []string{head, requested(a), `request body "" eos=true`, "response head", responded(frame("x")[:5]), "refused 502"}},
		"an answer of another type":   {nil, []*extprocv3.ProcessingRequest{requestBody(true, a), responseHeaders(false, "via_upstream", ":status", "200", "content-type", "application/grpc-web+proto")}, []string{head, requested(a), `request body "" eos=true`, "refused 502"}},
		"the next vector": {
			func(p *parts) { limited(p, 1) },
			[]*extprocv3.ProcessingRequest{requestBody(true, a), okCall(), responseBody(false, vectorOf(1)), responseBody(false, vectorOf(2))},
			[]string{head, requested(a), `request body "" eos=true`, "response head", responded(vectorOf(1)), responded(vectorOf(2)[:7]), "refused 429"},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			p := callParts()
			if tc.set != nil {
				tc.set(p)
			}
			conn, _ := serve(t, p)
			e := open(t, conn)
			e.send(append([]*extprocv3.ProcessingRequest{callHead("Embed")}, tc.send...)...)
			e.want(tc.want...)
		})
	}
}

// TestRefusedCallIsAStatus: a gRPC client is refused in its own words.
func TestRefusedCallIsAStatus(t *testing.T) {
	p := callParts()
	limited(p, 1)
	conn, _ := serve(t, p)
	attestedCall(t, conn)
	e := open(t, conn)
	e.send(callHead("EmbedStream"), requestBody(false, text("a")+text("b")))
	e.want("standalone"+bothWays, "request head"+bothWays, requested(text("a")))
	m, err := e.stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	im := m.GetImmediateResponse()
	details := slices.ContainsFunc(im.GetHeaders().GetSetHeaders(), func(h *corev3.HeaderValueOption) bool { return h.GetHeader().GetKey() == "grpc-status-details-bin" })
	if im.GetGrpcStatus().GetStatus() != 8 || !strings.Contains(string(im.GetBody()), "limit of 1 vectors") || !details {
		t.Errorf("%v", im)
	}
}

// TestOtherProtocolsAreNoCalls: what is not gRPC over HTTP/2 is refused where an answer would have to be read.
func TestOtherProtocolsAreNoCalls(t *testing.T) {
	for _, contentType := range []string{"application/grpc-web", "application/grpc-web+proto", "application/grpc-web-text", "application/connect+proto", "application/proto", "application/grpc+json"} {
		conn, _ := serve(t, callParts())
		e := open(t, conn)
		e.send(requestHeaders(false, ":method", "POST", ":path", "/tei.v1.Embed/Embed", ":authority", "h", "authorization", "Bearer x", "content-type", contentType))
		e.want("request head {NONE,FULL_DUPLEX_STREAMED}")
		e.send(responseHeaders(false, "via_upstream", ":status", "200", "content-type", contentType))
		if got := e.next(); got != "refused 502" {
			t.Errorf("%s: %s", contentType, got)
		}
	}
}

// TestCallErrors: an answer without messages passes with its status.
func TestCallErrors(t *testing.T) {
	conn, _ := serve(t, callParts())
	attestedCall(t, conn)
	e := open(t, conn)
	e.send(callHead("Embed"), requestBody(true, text("a")))
	e.want("standalone"+bothWays, "request head"+bothWays, requested(text("a")), `request body "" eos=true`)
	e.send(responseHeaders(true, "via_upstream", ":status", "200", "content-type", "application/grpc", "grpc-status", "3", "grpc-message", "no"))
	e.want("response head")
	_ = e.stream.CloseSend()
	e.want("end: OK")
	// In trailers, after a head.
	e = open(t, conn)
	e.send(callHead("Embed"), requestBody(true, text("a")))
	e.want("standalone"+bothWays, "request head"+bothWays, requested(text("a")), `request body "" eos=true`)
	e.send(okCall(), responseTrailers("grpc-status", "13"))
	e.want("response head", trailers)
	// A proxy's own words, in no gRPC.
	e = open(t, conn)
	e.send(callHead("Embed"), requestBody(true, text("a")))
	e.want("standalone"+bothWays, "request head"+bothWays, requested(text("a")), `request body "" eos=true`)
	e.send(responseHeaders(false, "via_upstream", ":status", "503", "content-type", "text/plain"), responseBody(true, "no backend"))
	e.want("response head", `response body "no backend" eos=true`)
}

// TestServerFirst: a call whose head waits for a message that never comes ends at the deadline, and not in a deadlock.
func TestServerFirst(t *testing.T) {
	p := callParts()
	conn, _ := serve(t, p, func(c *extproc.Config) { c.BodyTimeout = 50 * time.Millisecond })
	e := open(t, conn)
	e.send(callHead("EmbedStream"))
	e.want("request head"+bothWays, "refused 503")
	// Half a message later on has the same deadline.
	e = open(t, conn)
	e.send(callHead("EmbedStream"), requestBody(false, text("a")), requestBody(false, text("b")[:6]))
	e.want("request head"+bothWays, requested(text("a")), "refused 503")
}

// TestObservedCall: everything passes as it came, and is counted.
func TestObservedCall(t *testing.T) {
	p := callParts()
	p.target.Mode = authz.ModeObserve
	p.decision = authz.Decision{}
	conn, s := serve(t, p)
	for name, body := range map[string]string{"a message": text("a") + text("b"), "compressed": "\x01" + text("a")[1:], "half of one": text("a")[:6], "nothing": ""} {
		e := open(t, conn)
		e.send(callHead("Embed"), requestBody(true, body))
		e.want("request head {FULL_DUPLEX_STREAMED,NONE}", fmt.Sprintf("request body %q eos=true", body))
		e.send(okCall(), responseBody(false, vectorOf(1)), responseTrailers("grpc-status", "0", "x", "y"))
		if got := []string{e.next(), e.next(), e.next()}; !slices.Equal(got, []string{"response head" + bothWays, responded(vectorOf(1)), trailers}) {
			t.Errorf("%s: %q", name, got)
		}
		_ = e.stream.CloseSend()
		e.want("end: OK")
	}
	if s.BodyMemory() != 0 {
		t.Errorf("%d bytes of request bodies are still claimed", s.BodyMemory())
	}
}

// TestRandomCalls sends a call's messages in random order and cuts: no vector may leave raw, and the stream never ends with OK while Envoy
// has not ended it.
func TestRandomCalls(t *testing.T) {
	conn, _ := serve(t, callParts())
	attestedCall(t, conn)
	const secret = "\x52\xb8\x3b\x3f"
	body := vectorOf(slices.Repeat([]float32{math.Float32frombits(0x3f3bb852)}, 40)...)
	body += body
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 2)) //nolint:gosec // a repeatable sequence
		e := open(t, conn)
		if r.IntN(4) > 0 {
			_ = e.stream.Send(callHead("EmbedStream"))
		}
		for range r.IntN(9) {
			cut := r.IntN(len(body))
			if e.stream.Send([]*extprocv3.ProcessingRequest{
				callHead("Embed"), requestBody(false, text("a")), requestBody(false, text("a")[:4]), requestBody(true, text("b")[4:]), requestBody(true, ""),
				okCall(), okCall(), okCall("grpc-encoding", "gzip"), responseHeaders(true, "via_upstream", ":status", "200", "content-type", "application/grpc", "grpc-status", "2"),
				responseBody(false, body[:cut]), responseBody(false, body[cut:]), responseBody(false, body), responseBody(true, body), responseTrailers("grpc-status", "0"),
				{Request: &extprocv3.ProcessingRequest_RequestTrailers{RequestTrailers: &extprocv3.HttpTrailers{}}},
			}[r.IntN(15)]) != nil {
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
			if b := m.GetResponseBody().GetResponse().GetBodyMutation().GetStreamedResponse().GetBody(); strings.Contains(string(b), secret) {
				t.Fatalf("seed %d: a raw number left: %x", seed, b)
			}
		}
	}
}

// TestSealedCall: sealed vectors of a message are opened where the answer is masked, and nowhere else.
func TestSealedCall(t *testing.T) {
	master, err := vector.NewKeyring([]byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	v := make([]float32, 64)
	for i := range v {
		v[i] = float32(i) / 64
	}
	sealed, err := vector.NewSealer(master).Mask(nil, v, vector.Place{Target: "vectors", Space: "docs"})
	if err != nil {
		t.Fatal(err)
	}
	search := func(v []float32) string { // SearchPoints: collection_name, vector, limit
		msg := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "docs")
		var packed []byte
		for _, f := range v {
			packed = protowire.AppendFixed32(packed, math.Float32bits(f))
		}
		msg = protowire.AppendBytes(protowire.AppendTag(msg, 2, protowire.BytesType), packed)
		return frame(string(protowire.AppendVarint(protowire.AppendTag(msg, 4, protowire.VarintType), 3)))
	}
	for mask, want := range map[authz.MaskMode]string{authz.MaskSeal: requested(search(v)), authz.MaskNone: "refused 403"} {
		p := newParts()
		p.target = authz.Target{Name: "vectors", Kind: authz.KindVectorDB, Dialect: "qdrant"}
		p.decision.Mask.Vectors = mask
		conn, _ := serve(t, p, func(c *extproc.Config) { c.Keys = master })
		e := open(t, conn)
		e.send(requestHeaders(false, ":method", "POST", ":path", "/qdrant.Points/Search", ":authority", "h", "authorization", "Bearer x", "content-type", "application/grpc"))
		e.want("request head" + bothWays)
		e.send(requestBody(true, search(sealed)))
		e.want(want)
		if mask == authz.MaskNone {
			continue
		}
		e.want(`request body "" eos=true`)
		e.send(responseHeaders(true, "via_upstream", ":status", "200", "content-type", "application/grpc", "grpc-status", "0"))
		e.want("response head")
		_ = e.stream.CloseSend()
		e.want("end: OK")
		if op := p.completion().Operation; !op.Sealed || op.Forged || op.Documents != 3 {
			t.Errorf("the operation was %+v", op)
		}
	}
}
