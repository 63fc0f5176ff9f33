package wire_test

import (
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/server/internal/wire"
)

func peer(ip, principal string) *authv3.AttributeContext_Peer {
	return &authv3.AttributeContext_Peer{Principal: principal, Certificate: "-----BEGIN%20CERTIFICATE-----%0AYWJj%0A-----END%20CERTIFICATE-----%0A", Address: &corev3.Address{Address: &corev3.Address_SocketAddress{
		SocketAddress: &corev3.SocketAddress{Address: ip, PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: 9}},
	}}}
}

// checkOf is a check as Envoy sends it.
func checkOf(http *authv3.AttributeContext_HttpRequest) *authv3.CheckRequest {
	return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
		Source: peer("192.0.2.17", "spiffe://x/y"), Destination: peer("192.0.2.80", ""),
		Request:           &authv3.AttributeContext_Request{Time: timestamppb.Now(), Http: http},
		ContextExtensions: map[string]string{"target": "embeddings", "other": "x"},
		MetadataContext:   &corev3.Metadata{}, TlsSession: &authv3.AttributeContext_TLSSession{Sni: "h"},
	}}
}

func TestCheckInEveryCut(t *testing.T) {
	head := func(m *corev3.HeaderMap, joined map[string]string) *authv3.AttributeContext_HttpRequest {
		return &authv3.AttributeContext_HttpRequest{
			Id: "1", Method: "GET", Scheme: "https", Host: "h:1", Path: "/p?q", Protocol: "HTTP/2", Size: -1, Body: "b", HeaderMap: m, Headers: joined,
		}
	}
	want := authz.Request{
		Method: "GET", Scheme: "https", Host: "h:1", Path: "/p?q", Protocol: "HTTP/2", Route: "embeddings", Source: "192.0.2.17", Peer: "spiffe://x/y",
		Certificate: authz.Certificate{Digest: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", DER: "abc"},
		RequestID:   "r", TraceParent: "00-1", EndOfStream: true,
	}
	for name, tc := range map[string]struct {
		http *authv3.AttributeContext_HttpRequest
		want authz.Header
	}{
		"header map": {
			head(headerMap(":method", "GET", "Accept", "a", "accept", "b", "x-request-id", "r", "traceparent", "00-1", "raw", "\xff"), map[string]string{"accept": "no"}),
			authz.Header{"accept": {"a", "b"}, "x-request-id": {"r"}, "traceparent": {"00-1"}, "raw": {"\xff"}},
		},
		"joined headers": {
			head(nil, map[string]string{":method": "GET", "accept": "a,b", "x-request-id": "r", "traceparent": "00-1"}),
			authz.Header{"accept": {"a,b"}, "x-request-id": {"r"}, "traceparent": {"00-1"}},
		},
	} {
		raw := encode(t, checkOf(tc.http))
		for n := 1; n <= len(raw); n++ {
			var in wire.CheckInbound
			if err := wire.NewCodec().Unmarshal(split(raw, n), &in); err != nil {
				t.Fatalf("%s, cut at %d: %v", name, n, err)
			}
			want.Headers = tc.want
			if diff := cmp.Diff(want, in.Request(t.Context())); diff != "" {
				t.Fatalf("%s, cut at %d (-want +got):\n%s", name, n, diff)
			}
		}
	}
}

// TestChecksRefused: what a check says twice, or in another type than it has, is refused.
func TestChecksRefused(t *testing.T) {
	message := func(path []protowire.Number, parts ...[]byte) (out []byte) {
		for _, p := range parts {
			out = append(out, p...)
		}
		for i := len(path) - 1; i >= 0; i-- {
			out = protowire.AppendBytes(protowire.AppendTag(nil, path[i], protowire.BytesType), out)
		}
		return out
	}
	http := []protowire.Number{1, 4, 2}
	text := func(num protowire.Number, s string) []byte { return message([]protowire.Number{num}, []byte(s)) }
	number := func(num protowire.Number) []byte {
		return protowire.AppendVarint(protowire.AppendTag(nil, num, protowire.VarintType), 1)
	}
	header := message([]protowire.Number{3}, text(1, "a"), text(2, "b"))
	for name, raw := range map[string][]byte{
		"attributes twice":          message(nil, text(1, ""), text(1, "")),
		"attributes as a number":    number(1),
		"two requests":              message([]protowire.Number{1}, text(4, ""), text(4, "")),
		"two paths":                 message(http, text(4, "/a"), text(4, "/b")),
		"two hosts":                 message(http, text(5, "a"), text(5, "b")),
		"two header maps":           message(http, text(13, ""), text(13, "")),
		"a header twice":            message(http, header, header),
		"a path that is a number":   message(http, number(4)),
		"a path that is no text":    message(http, text(4, "\xff")),
		"a header that is no text":  message(http, message([]protowire.Number{3}, text(1, "a"), text(2, "\xff"))),
		"a principal given twice":   message([]protowire.Number{1, 1}, text(4, "a"), text(4, "b")),
		"truncated":                 encode(t, checkOf(nil))[:20],
		"a target that is no text":  message([]protowire.Number{1, 10}, text(1, "target"), text(2, "\xff")),
		"an address of two sockets": message([]protowire.Number{1, 1, 1}, text(1, ""), text(1, "")),
	} {
		var in wire.CheckInbound
		if err := wire.NewCodec().Unmarshal(split(raw, 7), &in); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// FuzzCheck compares the hand decoder with the real one: what it accepts, protobuf reads the same way.
func FuzzCheck(f *testing.F) {
	f.Add(encode(f, checkOf(&authv3.AttributeContext_HttpRequest{Method: "GET", Path: "/", HeaderMap: headerMap("a", "b")})))
	f.Add(encode(f, checkOf(&authv3.AttributeContext_HttpRequest{Method: "GET", Path: "/", Headers: map[string]string{"a": "b", ":c": "d"}})))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var in wire.CheckInbound
		if err := wire.NewCodec().Unmarshal(split(raw, 1<<20), &in); err != nil {
			return
		}
		var m authv3.CheckRequest
		if err := proto.Unmarshal(raw, &m); err != nil {
			return // malformed in a part that is not read here
		}
		a := m.GetAttributes()
		h := a.GetRequest().GetHttp()
		want := authz.Request{
			Method: h.GetMethod(), Scheme: h.GetScheme(), Host: h.GetHost(), Path: h.GetPath(), Protocol: h.GetProtocol(),
			Route: a.GetContextExtensions()["target"], Source: a.GetSource().GetAddress().GetSocketAddress().GetAddress(), Peer: a.GetSource().GetPrincipal(),
			Headers: authz.Header{},
		}
		add := func(name, value string) {
			if name = strings.ToLower(name); !strings.HasPrefix(name, ":") {
				want.Headers[name] = append(want.Headers[name], value)
			}
		}
		if h.GetHeaderMap() != nil {
			for _, f := range h.GetHeaderMap().GetHeaders() {
				v := f.GetValue()
				if len(f.GetRawValue()) > 0 {
					v = string(f.GetRawValue())
				}
				add(f.GetKey(), v)
			}
		} else {
			for k, v := range h.GetHeaders() {
				add(k, v)
			}
		}
		got := in.Request(t.Context())
		got.RequestID, got.TraceParent, got.EndOfStream = "", "", false
		if a.GetSource().GetCertificate() != "" { // its digest is TestCheckInEveryCut's matter
			got.Certificate = authz.Certificate{}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("request (-protobuf +codec):\n%s", diff)
		}
	})
}
