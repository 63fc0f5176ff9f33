package wire

import (
	"slices"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// CheckOK lets the request go on: clean (see CleanRequest) strips our token and inbound weir-* headers, the ticket is in dynamic metadata, the decision ID on the
// answer where no ext_proc will put it there.
func CheckOK(clean Mutation, ticket, decision string) *authv3.CheckResponse {
	ok := &authv3.OkHttpResponse{HeadersToRemove: clean.Remove}
	out := &authv3.CheckResponse{Status: &rpcstatus.Status{Code: int32(codes.OK)}, HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: ok}}
	if ticket == "" {
		ok.QueryParametersToRemove = clean.Parameters // with a ticket, which is for the URL as it is, ext_proc does it
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

// options encodes headers as ext_authz wants them: value (raw_value is ignored there) and an explicit append action. The first of a name
// replaces what there is, and those that follow are added.
func options(kv [][2]string) []*corev3.HeaderValueOption {
	out := make([]*corev3.HeaderValueOption, 0, len(kv))
	for i, h := range kv {
		if again(kv, i) {
			out = append(out, added(h))
			continue
		}
		out = append(out, &corev3.HeaderValueOption{
			Header: &corev3.HeaderValue{Key: h[0], Value: h[1]}, AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
		})
	}
	return out
}

// added is a header that is added to those of its name.
func added(h [2]string) *corev3.HeaderValueOption {
	//lint:ignore SA1019 APPEND_IF_EXISTS_OR_ADD is zero, and Envoy 1.40 takes zero for an overwrite of a request's headers
	return &corev3.HeaderValueOption{Header: &corev3.HeaderValue{Key: h[0], Value: h[1]}, Append: wrapperspb.Bool(true)}
}

// again reports whether the name of kv[i] stands before it.
func again(kv [][2]string, i int) bool {
	return slices.ContainsFunc(kv[:i], func(h [2]string) bool { return h[0] == kv[i][0] })
}
