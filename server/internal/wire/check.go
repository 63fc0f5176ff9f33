package wire

import (
	"context"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/weirgate/weir/pkg/authz"
)

// TargetExtension is the key under which a route names its target in context_extensions; TargetMetadata the one in
// grpc_initial_metadata. A client can reach neither.
const (
	TargetExtension = "target"
	TargetMetadata  = "x-weir-target"
)

// CheckRequest returns the request head of a Check. With encode_raw_headers (recommended: it keeps duplicate headers apart) the fields
// come from header_map, else from the comma-joined headers.
func CheckRequest(ctx context.Context, in *authv3.CheckRequest) authz.Request {
	a := in.GetAttributes()
	http := a.GetRequest().GetHttp()
	req := authz.Request{
		Method: http.GetMethod(), Scheme: http.GetScheme(), Host: http.GetHost(), Path: http.GetPath(), Protocol: http.GetProtocol(),
		Route: a.GetContextExtensions()[TargetExtension], Source: socketAddress(a.GetSource().GetAddress()), Peer: a.GetSource().GetPrincipal(),
		EndOfStream: false,
	}
	if m := http.GetHeaderMap(); m != nil {
		req.Headers, _ = headOf(m).split()
	} else {
		req.Headers = make(authz.Header, len(http.GetHeaders()))
		for k, v := range http.GetHeaders() {
			if len(k) > 0 && k[0] != ':' {
				req.Headers[k] = []string{v}
			}
		}
	}
	req.RequestID = req.Headers.Get("x-request-id")
	md, _ := metadata.FromIncomingContext(ctx)
	if v := md.Get("traceparent"); len(v) == 1 {
		req.TraceParent = v[0]
	} else {
		req.TraceParent = req.Headers.Get("traceparent")
	}
	// A request without a body says so: no content-length and no transfer-encoding (RFC 9112 §6.3), or a length of 0.
	cl := req.Headers.Get("content-length")
	req.EndOfStream = len(req.Headers["transfer-encoding"]) == 0 && (cl == "0" || cl == "" && (req.Method == "GET" || req.Method == "HEAD"))
	return req
}

// CheckOK lets the request go on: our token and inbound weir-* headers stripped, the ticket in dynamic metadata, the decision ID on the
// answer where no ext_proc will put it there.
func CheckOK(req authz.Request, carrier, ticket, decision string) *authv3.CheckResponse {
	ok := &authv3.OkHttpResponse{HeadersToRemove: CleanRequest(req.Headers, carrier).Remove}
	out := &authv3.CheckResponse{Status: &rpcstatus.Status{Code: int32(codes.OK)}, HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: ok}}
	if ticket == "" {
		ok.ResponseHeadersToAdd = options([][2]string{{"weir-decision", decision}})
		return out
	}
	out.DynamicMetadata = &structpb.Struct{Fields: map[string]*structpb.Value{ticketField: structpb.NewStringValue(ticket)}}
	return out
}

// CheckDenied refuses the request.
func CheckDenied(r Refusal) *authv3.CheckResponse {
	code := r.Code
	if code == uint32(codes.OK) { // a denial never looks like an OK
		code = uint32(codes.PermissionDenied)
	}
	return &authv3.CheckResponse{
		Status: &rpcstatus.Status{Code: int32(code)}, //nolint:gosec // a gRPC code
		HttpResponse: &authv3.CheckResponse_DeniedResponse{DeniedResponse: &authv3.DeniedHttpResponse{
			Status: &typev3.HttpStatus{Code: typev3.StatusCode(r.Status)}, //nolint:gosec // three digits
			Body:   string(r.Body), Headers: options(r.Headers),
		}},
	}
}

// options encodes headers as ext_authz wants them: value (raw_value is ignored there) and an explicit append action.
func options(kv [][2]string) []*corev3.HeaderValueOption {
	out := make([]*corev3.HeaderValueOption, 0, len(kv))
	for _, h := range kv {
		out = append(out, &corev3.HeaderValueOption{
			Header:       &corev3.HeaderValue{Key: h[0], Value: h[1]},
			AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
		})
	}
	return out
}

func socketAddress(a *corev3.Address) string {
	s := a.GetSocketAddress()
	if s == nil {
		return ""
	}
	return s.GetAddress()
}

// headOf reads the header map of an ext_authz check. With encode_raw_headers values are in raw_value; value is read where that is empty.
func headOf(m *corev3.HeaderMap) *head {
	out := &head{fields: make([]field, 0, len(m.GetHeaders()))}
	for _, f := range m.GetHeaders() {
		v := f.GetValue()
		if raw := f.GetRawValue(); len(raw) > 0 {
			v = string(raw)
		}
		out.fields = append(out.fields, field{strings.ToLower(f.GetKey()), v})
	}
	return out
}
