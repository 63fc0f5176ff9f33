package wire_test

import (
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	filterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/server/internal/wire"
)

const procName = "envoy.filters.http.ext_proc"

func headerMap(pairs ...string) *corev3.HeaderMap {
	m := &corev3.HeaderMap{}
	for i := 0; i < len(pairs); i += 2 {
		m.Headers = append(m.Headers, &corev3.HeaderValue{Key: pairs[i], RawValue: []byte(pairs[i+1])})
	}
	return m
}

func attributes(t testing.TB, of map[string]any) map[string]*structpb.Struct {
	t.Helper()
	s, err := structpb.NewStruct(of)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]*structpb.Struct{procName: s}
}

// requestHead is the first message of an exchange as Envoy sends it.
func requestHead(t testing.TB) *extprocv3.ProcessingRequest {
	t.Helper()
	return &extprocv3.ProcessingRequest{
		Request: &extprocv3.ProcessingRequest_RequestHeaders{RequestHeaders: &extprocv3.HttpHeaders{EndOfStream: true, Headers: headerMap(
			":method", "POST", ":scheme", "https", ":authority", "vectors.internal", ":path", "/v1/embeddings?a=b",
			"x-request-id", "r-1", "traceparent", "00-1", "Accept", "a/b", "accept", "c/d", "x-raw", "\xff\xfe", "empty", "",
		)}},
		Attributes: attributes(t, map[string]any{
			"source.address": "10.0.0.1:7", "destination.address": "10.0.0.2:443", "xds.filter_chain_name": "web",
			"connection.peer_certificate_valid": true, "connection.uri_san_peer_certificate": "spiffe://x/y", "connection.dns_san_peer_certificate": "x.example",
			"connection.subject_peer_certificate": "CN=x", "connection.sha256_peer_certificate_digest": "ab12", "n": 3.5, "l": []any{"a"},
		}),
		MetadataContext: &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{
			"envoy.filters.http.ext_authz": {Fields: map[string]*structpb.Value{"weir": structpb.NewStringValue("ticket")}},
		}},
		ProtocolConfig: &extprocv3.ProtocolConfiguration{
			RequestBodyMode: filterv3.ProcessingMode_FULL_DUPLEX_STREAMED, ResponseBodyMode: filterv3.ProcessingMode_FULL_DUPLEX_STREAMED,
		},
	}
}

func encode(t testing.TB, m proto.Message) []byte {
	t.Helper()
	raw, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestRequestHeadInEveryCut(t *testing.T) {
	raw := encode(t, requestHead(t))
	want := authz.Request{
		Method: "POST", Scheme: "https", Host: "vectors.internal", Path: "/v1/embeddings?a=b", EndOfStream: true,
		Headers: authz.Header{
			"x-request-id": {"r-1"}, "traceparent": {"00-1"}, "accept": {"a/b", "c/d"}, "x-raw": {"\xff\xfe"}, "empty": {""},
		},
		Source: "10.0.0.1:7", RequestID: "r-1", TraceParent: "00-1", Peer: "spiffe://x/y", Route: "named",
		Certificate: authz.Certificate{Digest: "ab12", Verified: true, URI: "spiffe://x/y", DNS: "x.example", Subject: "CN=x"},
	}
	for n := 1; n <= len(raw); n++ {
		var in wire.Inbound
		if err := wire.NewCodec().Unmarshal(split(raw, n), &in); err != nil {
			t.Fatalf("cut at %d: %v", n, err)
		}
		if diff := cmp.Diff(want, in.Request("named", "")); diff != "" {
			t.Fatalf("cut at %d (-want +got):\n%s", n, diff)
		}
		modes, _ := in.Modes()
		if in.Phase != wire.RequestHeaders || in.Ticket() != "ticket" || modes != wire.ModesFullDuplex || in.Filter() != "10.0.0.2:443 web" || in.Observing() {
			t.Fatalf("cut at %d: phase %d, ticket %q, modes %d, filter %q, observing %v", n, in.Phase, in.Ticket(), modes, in.Filter(), in.Observing())
		}
	}
}

func TestResponseHead(t *testing.T) {
	m := &extprocv3.ProcessingRequest{
		Request: &extprocv3.ProcessingRequest_ResponseHeaders{ResponseHeaders: &extprocv3.HttpHeaders{Headers: headerMap(
			":status", "200", "content-type", "application/json", "content-length", "42", "content-encoding", "gzip", "content-encoding", "br")}},
		Attributes:        attributes(t, map[string]any{"response.code_details": "via_upstream"}),
		ObservabilityMode: true,
	}
	var in wire.Inbound
	if err := wire.NewCodec().Unmarshal(split(encode(t, m), 1<<20), &in); err != nil {
		t.Fatal(err)
	}
	want := authz.Response{
		Status: 200, ContentType: "application/json", ContentEncoding: "gzip, br", ContentLength: 42, CodeDetails: "via_upstream",
		Headers: authz.Header{"content-type": {"application/json"}, "content-length": {"42"}, "content-encoding": {"gzip", "br"}},
	}
	if diff := cmp.Diff(want, in.Response()); diff != "" || in.Phase != wire.ResponseHeaders || !in.Observing() {
		t.Errorf("phase %d, observing %v (-want +got):\n%s", in.Phase, in.Observing(), diff)
	}
}

func TestTrailers(t *testing.T) {
	for phase, m := range map[wire.Phase]*extprocv3.ProcessingRequest{
		wire.RequestTrailers:  {Request: &extprocv3.ProcessingRequest_RequestTrailers{RequestTrailers: &extprocv3.HttpTrailers{Trailers: headerMap("a", "b")}}},
		wire.ResponseTrailers: {Request: &extprocv3.ProcessingRequest_ResponseTrailers{ResponseTrailers: &extprocv3.HttpTrailers{Trailers: headerMap("a", "b")}}},
	} {
		var in wire.Inbound
		if err := wire.NewCodec().Unmarshal(split(encode(t, m), 1<<20), &in); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(authz.Header{"a": {"b"}}, in.Trailers()); diff != "" || in.Phase != phase || !in.EndOfStream {
			t.Errorf("phase %d, want %d (-want +got):\n%s", in.Phase, phase, diff)
		}
	}
}

// TestHeadsRefused: what a message says twice, or in another type than it has, is refused.
func TestHeadsRefused(t *testing.T) {
	head := encode(t, requestHead(t))
	bytes := func(num protowire.Number, of []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, num, protowire.BytesType), of)
	}
	varint := func(num protowire.Number, v uint64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(nil, num, protowire.VarintType), v)
	}
	join := func(parts ...[]byte) (out []byte) {
		for _, p := range parts {
			out = append(out, p...)
		}
		return out
	}
	inMap := func(header []byte) []byte { return bytes(2, bytes(1, bytes(1, header))) }
	value := func(v []byte) []byte { // an attribute of this value
		return bytes(9, join(bytes(1, []byte(procName)), bytes(2, bytes(1, join(bytes(1, []byte("a")), bytes(2, v))))))
	}
	for name, raw := range map[string][]byte{
		"empty":                         nil,
		"no kind":                       bytes(8, nil),
		"two heads":                     join(head, head),
		"request and response":          join(head, bytes(3, nil)),
		"a body behind a head":          join(head, bytes(5, nil)),
		"two bodies that come late":     join(bytes(8, nil), bytes(5, join(bytes(1, nil), bytes(1, nil)))),
		"two metadata":                  join(bytes(2, nil), bytes(8, nil), bytes(8, nil)),
		"two header maps":               bytes(2, join(bytes(1, nil), bytes(1, nil))),
		"attributes twice":              join(head, value(bytes(3, []byte("x")))),
		"a value with two kinds":        join(bytes(2, nil), value(join(bytes(3, []byte("x")), varint(4, 1)))),
		"a head that is a number":       varint(2, 1),
		"an end that is a string":       bytes(2, bytes(3, []byte("x"))),
		"a header that is a number":     bytes(2, bytes(1, varint(1, 1))),
		"a header name of a number":     inMap(varint(1, 1)),
		"a header name that is no text": inMap(bytes(1, []byte("\xff"))),
		"truncated":                     head[:len(head)-1],
		"a length beyond the end":       {2<<3 | 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1},
		"an endless number":             {2<<3 | 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1},
		"a group":                       {12<<3 | 3, 12<<3 | 4},
		"field 0":                       {0, 0},
	} {
		var in wire.Inbound
		if err := wire.NewCodec().Unmarshal(split(raw, 7), &in); err == nil {
			t.Errorf("%s: accepted as phase %d", name, in.Phase)
		}
	}
}

// TestAnswerHeadersIsWhatProtobufSays compares the hand-made answers with the generated types'.
func TestAnswerHeadersIsWhatProtobufSays(t *testing.T) {
	override := func(o wire.Override) *filterv3.ProcessingMode {
		m := &filterv3.ProcessingMode{
			RequestHeaderMode: filterv3.ProcessingMode_SEND, ResponseHeaderMode: filterv3.ProcessingMode_SEND,
			RequestTrailerMode: filterv3.ProcessingMode_SKIP, ResponseTrailerMode: filterv3.ProcessingMode_SKIP,
		}
		if o.Request {
			m.RequestBodyMode, m.RequestTrailerMode = filterv3.ProcessingMode_FULL_DUPLEX_STREAMED, filterv3.ProcessingMode_SEND
		}
		if o.Response {
			m.ResponseBodyMode, m.ResponseTrailerMode = filterv3.ProcessingMode_FULL_DUPLEX_STREAMED, filterv3.ProcessingMode_SEND
		}
		return m
	}
	check := func(o *wire.Outbound, want *extprocv3.ProcessingResponse) {
		t.Helper()
		raw, err := wire.NewCodec().Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		got := new(extprocv3.ProcessingResponse)
		if err := proto.Unmarshal(raw.Materialize(), got); err != nil || !proto.Equal(got, want) {
			t.Errorf("got %v\nwant %v, error %v", got, want, err)
		}
	}
	long := strings.Repeat("x", 300)
	for _, m := range []wire.Mutation{
		{},
		{Set: [][2]string{{"weir-decision", "d"}, {"empty", ""}, {"raw", "\xff"}}, Remove: []string{"authorization", "etag"}},
		{Set: [][2]string{{long, long}}},
		{Remove: []string{long}},
	} {
		var mutation *extprocv3.HeaderMutation
		if len(m.Set)+len(m.Remove) > 0 {
			mutation = &extprocv3.HeaderMutation{RemoveHeaders: m.Remove}
		}
		for _, kv := range m.Set {
			mutation.SetHeaders = append(mutation.SetHeaders, &corev3.HeaderValueOption{Header: &corev3.HeaderValue{Key: kv[0], RawValue: []byte(kv[1])}})
		}
		hr := &extprocv3.HeadersResponse{Response: &extprocv3.CommonResponse{HeaderMutation: mutation}}
		request := &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_RequestHeaders{RequestHeaders: hr}}
		response := &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_ResponseHeaders{ResponseHeaders: hr}}
		check(wire.AnswerHeaders(wire.RequestHeaders, m, nil), request)
		check(wire.AnswerHeaders(wire.ResponseHeaders, m, nil), response)
		for _, o := range []wire.Override{{}, {Request: true}, {Response: true}, {Request: true, Response: true}} {
			request.ModeOverride, response.ModeOverride = override(o), override(o)
			check(wire.AnswerHeaders(wire.RequestHeaders, m, &o), request)
			check(wire.AnswerHeaders(wire.ResponseHeaders, m, &o), response)
			check(wire.Standalone(o), &extprocv3.ProcessingResponse{ModeOverride: override(o)})
		}
	}
}

// FuzzHeads compares the hand decoder with the real one: what it accepts, protobuf reads the same way.
func FuzzHeads(f *testing.F) {
	f.Add(encode(f, requestHead(f)))
	f.Add(encode(f, &extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_ResponseTrailers{ResponseTrailers: &extprocv3.HttpTrailers{Trailers: headerMap("a", "b")}}}))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var in wire.Inbound
		if err := wire.NewCodec().Unmarshal(split(raw, 1<<20), &in); err != nil || in.Phase == wire.RequestBody || in.Phase == wire.ResponseBody {
			return
		}
		var m extprocv3.ProcessingRequest
		if err := proto.Unmarshal(raw, &m); err != nil {
			return // malformed in a part that is not read here
		}
		if in.Observing() != m.GetObservabilityMode() {
			t.Errorf("observing: got %v", in.Observing())
		}
		if got, want := in.Ticket(), m.GetMetadataContext().GetFilterMetadata()["envoy.filters.http.ext_authz"].GetFields()["weir"].GetStringValue(); got != want {
			t.Errorf("ticket: got %q want %q", got, want)
		}
		attribute := func(name string) string { return m.GetAttributes()[procName].GetFields()[name].GetStringValue() }
		if got, want := in.Filter(), attribute("destination.address")+" "+attribute("xds.filter_chain_name"); got != want {
			t.Errorf("filter: got %q want %q", got, want)
		}
		var fields *corev3.HeaderMap
		var got authz.Header
		switch in.Phase {
		case wire.RequestHeaders:
			r := in.Request("", "")
			fields, got = m.GetRequestHeaders().GetHeaders(), r.Headers
			if m.GetRequestHeaders() == nil || r.EndOfStream != m.GetRequestHeaders().GetEndOfStream() || r.Source != attribute("source.address") {
				t.Errorf("request %+v of %v", r, &m)
			}
		case wire.ResponseHeaders:
			r := in.Response()
			fields, got = m.GetResponseHeaders().GetHeaders(), r.Headers
			if m.GetResponseHeaders() == nil || r.EndOfStream != m.GetResponseHeaders().GetEndOfStream() || r.CodeDetails != attribute("response.code_details") {
				t.Errorf("response %+v of %v", r, &m)
			}
		case wire.RequestTrailers:
			fields, got = m.GetRequestTrailers().GetTrailers(), in.Trailers()
		case wire.ResponseTrailers:
			fields, got = m.GetResponseTrailers().GetTrailers(), in.Trailers()
		}
		want := authz.Header{}
		for _, h := range fields.GetHeaders() {
			v := h.GetValue()
			if len(h.GetRawValue()) > 0 {
				v = string(h.GetRawValue())
			}
			if k := strings.ToLower(h.GetKey()); !strings.HasPrefix(k, ":") {
				want[k] = append(want[k], v)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("headers (-protobuf +codec):\n%s", diff)
		}
	})
}

// BenchmarkHead reads a request's head, against protobuf's generated types.
func BenchmarkHead(b *testing.B) {
	raw := encode(b, requestHead(b))
	b.Run("by=hand", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(raw)))
		for b.Loop() {
			var in wire.Inbound
			if err := wire.NewCodec().Unmarshal(split(raw, 1<<20), &in); err != nil {
				b.Fatal(err)
			}
			_ = in.Request("", "")
		}
	})
	b.Run("by=protobuf", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(raw)))
		for b.Loop() {
			if err := proto.Unmarshal(raw, new(extprocv3.ProcessingRequest)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
