package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"strconv"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/weirgate/weir/pkg/authz"
)

// Attributes returns what Envoy said in a Check, as policies for opa-envoy-plugin know it: AttributeContext in protobuf's JSON form, headers as
// one object whatever Envoy sends (encode_raw_headers). The body, as far as it came along (with_request_body), stands apart.
func (in *CheckInbound) Attributes() (attributes map[string]any, body []byte, err error) {
	m := new(authv3.CheckRequest)
	if err := proto.Unmarshal([]byte(in.whole), m); err != nil {
		return nil, nil, fmt.Errorf("wire: %w", err)
	}
	http := m.GetAttributes().GetRequest().GetHttp()
	if http == nil {
		http = &authv3.AttributeContext_HttpRequest{}
	}
	if raw := http.GetHeaderMap(); raw != nil {
		joined := make(map[string]string, len(raw.GetHeaders()))
		for _, f := range in.raw.fields {
			join(joined, f.name, f.value)
		}
		http.Headers, http.HeaderMap = joined, nil
	}
	body = http.GetRawBody()
	if b := http.GetBody(); b != "" {
		body = []byte(b)
	}
	http.Body, http.RawBody = "", nil
	attributes, err = jsonOf(m.GetAttributes())
	return attributes, body, err
}

// join adds a value to a header as RFC 9110 §5.3 has it, cookies apart (RFC 9113 §8.2.3).
func join(h map[string]string, name, value string) {
	between := ","
	if name == "cookie" {
		between = "; "
	}
	if have, ok := h[name]; ok {
		value = have + between + value
	}
	h[name] = value
}

// WholeBody reports whether a Check brought all of the request's body along. Envoy says so by a header, which a client could send too where
// Envoy is not told to send bodies; there is no body then.
func WholeBody(req authz.Request, body []byte) bool {
	if cl := req.Headers.Get("content-length"); cl != "" {
		n, err := strconv.Atoi(cl)
		return err == nil && n == len(body)
	}
	return len(body) > 0 && req.Headers.Get("x-envoy-auth-partial-body") == "false"
}

// Attributes returns the same of a request that came by ext_proc: as much of it as Envoy tells there.
func (in *Inbound) Attributes(req authz.Request) (map[string]any, error) {
	headers := make(map[string]string, len(in.head.fields))
	for _, f := range in.head.fields {
		join(headers, f.name, f.value)
	}
	size := int64(-1)
	if n, err := strconv.ParseInt(req.Headers.Get("content-length"), 10, 64); err == nil {
		size = n
	}
	m := &authv3.AttributeContext{
		Source:      &authv3.AttributeContext_Peer{Address: addressOf(req.Source), Principal: req.Peer},
		Destination: &authv3.AttributeContext_Peer{Address: addressOf(in.head.attributes["destination.address"])},
		Request: &authv3.AttributeContext_Request{
			Time: timestamppb.New(req.Time),
			Http: &authv3.AttributeContext_HttpRequest{
				Id: req.RequestID, Method: req.Method, Headers: headers, Path: req.Path, Host: req.Host, Scheme: req.Scheme, Protocol: req.Protocol, Size: size,
			},
		},
	}
	if req.Route != "" {
		m.ContextExtensions = map[string]string{TargetExtension: req.Route}
	}
	return jsonOf(m)
}

func addressOf(s string) *corev3.Address {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		host = s
	}
	if host == "" {
		return nil
	}
	a := &corev3.SocketAddress{Address: host}
	if n, err := strconv.ParseUint(port, 10, 16); err == nil {
		a.PortSpecifier = &corev3.SocketAddress_PortValue{PortValue: uint32(n)}
	}
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: a}}
}

// jsonOf is a message in protobuf's JSON form.
func jsonOf(m proto.Message) (out map[string]any, err error) {
	b, err := protojson.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("wire: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	if err := dec.Decode(&out); err != nil {
		return nil, fmt.Errorf("wire: %w", err)
	}
	return out, nil
}
