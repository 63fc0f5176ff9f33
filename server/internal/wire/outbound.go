package wire

import (
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/weirgate/weir/pkg/authn"
	"github.com/weirgate/weir/pkg/authz"
)

// Outbound is one ProcessingResponse: a Message, one that is encoded already, or (neither) a piece of body that is passed on.
type Outbound struct {
	Message     *extprocv3.ProcessingResponse
	encoded     []byte
	Phase       Phase           // RequestBody or ResponseBody
	Body        mem.BufferSlice // handed over: gRPC frees it
	EndOfStream bool
}

// marshalBody encodes ProcessingResponse{request_body|response_body{response{body_mutation{streamed_response{end_of_stream, body}}}}}
// by hand, with the body last and by reference.
func (o *Outbound) marshalBody() mem.BufferSlice {
	n := o.Body.Len()
	var inner []byte // StreamedBodyResponse without the body bytes
	if o.EndOfStream {
		inner = protowire.AppendTag(inner, 2, protowire.VarintType)
		inner = protowire.AppendVarint(inner, 1)
	}
	if n > 0 {
		inner = protowire.AppendTag(inner, 1, protowire.BytesType)
		inner = protowire.AppendVarint(inner, uint64(n))
	}
	field := protowire.Number(4) // response_body
	if o.Phase == RequestBody {
		field = 3
	}
	size := len(inner) + n
	head := make([]byte, 0, 48)
	path := [...]protowire.Number{field, 1, 3, 3} // BodyResponse.response, CommonResponse.body_mutation, BodyMutation.streamed_response
	lens := [len(path)]int{}
	for i := len(path) - 1; i >= 0; i-- {
		lens[i] = size
		size += protowire.SizeTag(path[i]) + protowire.SizeVarint(uint64(size)) //nolint:gosec // never negative
	}
	for i, num := range path {
		head = protowire.AppendTag(head, num, protowire.BytesType)
		head = protowire.AppendVarint(head, uint64(lens[i])) //nolint:gosec // never negative
	}
	head = append(head, inner...)
	out := make(mem.BufferSlice, 0, 1+len(o.Body))
	return append(append(out, mem.SliceBuffer(head)), o.Body...)
}

// Mutation changes headers. Removals come first: a name in both is set.
type Mutation struct {
	Set    [][2]string // name, value; the first of a name replaces all values, those that follow are added
	Add    [][2]string // added to what there is
	Remove []string
	// Parameters are query parameters that are removed. In ext_proc a :path that is set does the same.
	Parameters []string
}

// proto is the mutation as a message; nil where it changes nothing.
func (m Mutation) proto() *extprocv3.HeaderMutation {
	b := m.append(nil)
	out := new(extprocv3.HeaderMutation)
	if err := proto.Unmarshal(b, out); len(b) == 0 || err != nil { // err: cannot be, but for a header that no message can hold
		return nil
	}
	return out
}

// Override asks Envoy for bodies. Only two body modes are used: NONE and FULL_DUPLEX_STREAMED.
type Override struct{ Request, Response bool } // true: FULL_DUPLEX_STREAMED

// Values of envoy.extensions.filters.http.ext_proc.v3.ProcessingMode.
const (
	headerSend     = 1
	headerSkip     = 2
	bodyNone       = 0
	bodyFullDuplex = 4
)

// append encodes the override as the field mode_override, with every field spelt out: in an override an unset body mode means NONE, and
// FULL_DUPLEX_STREAMED needs trailers SEND. response_header_mode SEND repairs a filter that was configured with SKIP.
func (o Override) append(b []byte) []byte {
	modes := [...]uint64{1: headerSend, 2: headerSend, 3: bodyNone, 4: bodyNone, 5: headerSkip, 6: headerSkip}
	if o.Request {
		modes[3], modes[5] = bodyFullDuplex, headerSend
	}
	if o.Response {
		modes[4], modes[6] = bodyFullDuplex, headerSend
	}
	var inner []byte
	for num, v := range modes {
		if num > 0 && v > 0 { // proto3 leaves zeros out
			inner = protowire.AppendVarint(protowire.AppendTag(inner, protowire.Number(num), protowire.VarintType), v) //nolint:gosec // 1 to 6
		}
	}
	return appendBytes(b, 9, inner)
}

// Standalone is a message with nothing but a mode override: Envoy sends bodies and runs no timer until the headers are answered.
func Standalone(o Override) *Outbound { return &Outbound{encoded: o.append(nil)} }

// AnswerHeaders answers a headers message: go on, with m applied and, where o is not nil, a mode override. It is encoded by hand like the
// body messages, because every exchange waits for two of them: HeadersResponse{response{header_mutation}}.
func AnswerHeaders(p Phase, m Mutation, o *Override) *Outbound {
	field := protowire.Number(1) // request_headers
	if p == ResponseHeaders {
		field = 2
	}
	var common []byte
	if mutation := m.append(nil); len(mutation) > 0 {
		common = appendBytes(nil, 2, mutation) // CommonResponse.header_mutation
	}
	out := appendBytes(nil, field, appendBytes(nil, 1, common))
	if o != nil {
		out = o.append(out)
	}
	return &Outbound{encoded: out}
}

// append encodes the mutation as a HeaderMutation: raw_value, and OVERWRITE by the default of the deprecated append.
func (m Mutation) append(b []byte) []byte {
	for i, kv := range m.Set {
		if again(m.Set, i) {
			b = appendAdd(b, kv)
			continue
		}
		header := appendBytes(appendBytes(make([]byte, 0, len(kv[0])+len(kv[1])+8), 1, kv[0]), 3, kv[1]) // HeaderValue{key, raw_value}
		b = appendBytes(b, 1, appendBytes(nil, 1, header))                                               // set_headers: HeaderValueOption{header}
	}
	for _, kv := range m.Add {
		b = appendAdd(b, kv)
	}
	for _, name := range m.Remove {
		b = appendBytes(b, 2, name) // remove_headers
	}
	return b
}

// appendBytes appends a field that is bytes, a string or a message.
func appendBytes[T string | []byte](b []byte, num protowire.Number, v T) []byte {
	b = protowire.AppendTag(b, num, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(len(v)))
	return append(b, v...)
}

// AnswerTrailers answers a trailers message: go on, with m applied.
func AnswerTrailers(p Phase, m Mutation) *Outbound {
	tr := &extprocv3.TrailersResponse{HeaderMutation: m.proto()}
	out := &extprocv3.ProcessingResponse{}
	if p == RequestTrailers {
		out.Response = &extprocv3.ProcessingResponse_RequestTrailers{RequestTrailers: tr}
	} else {
		out.Response = &extprocv3.ProcessingResponse_ResponseTrailers{ResponseTrailers: tr}
	}
	return &Outbound{Message: out}
}

// Refuse is an ImmediateResponse: a real answer while no response head has left, a reset after. Envoy honours it whatever
// failure_mode_allow says.
func Refuse(r Refusal) *Outbound {
	im := &extprocv3.ImmediateResponse{
		Status:  &typev3.HttpStatus{Code: typev3.StatusCode(r.Status)}, //nolint:gosec // three digits
		Headers: Mutation{Set: r.Headers}.proto(),
		Body:    r.Body,
		Details: "weir_" + r.Label,
	}
	if r.GRPC {
		im.GrpcStatus = &extprocv3.GrpcStatus{Status: r.Code}
	}
	return &Outbound{Message: &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_ImmediateResponse{ImmediateResponse: im}}}
}

// CleanRequest is the mutation every allowed request gets: what showed us who asks, why, and every inbound weir-* header are stripped.
func CleanRequest(req authz.Request, id authz.Identity) Mutation {
	var m Mutation
	for _, name := range [...]string{id.Carrier, id.Proof} {
		if name != "" {
			m.Remove = append(m.Remove, name)
		}
	}
	path, cut := withoutJustification(req)
	if cut {
		m.Parameters = append(m.Parameters, justificationParameter)
	}
	if rest, values := authn.CutParameter(path, id.Parameter); id.Parameter != "" && len(values) > 0 {
		path, cut, m.Parameters = rest, true, append(m.Parameters, id.Parameter)
	}
	if cut {
		m.Set = append(m.Set, [2]string{":path", path})
	}
	for name := range req.Headers {
		if len(name) > 5 && name[:5] == "weir-" && name != id.Carrier {
			m.Remove = append(m.Remove, name)
		}
	}
	return m
}
