package wire

import (
	"errors"
	"strconv"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	filterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/weirgate/weir/pkg/authz"
)

// Phase names the kind of a processing message.
type Phase uint8

// The phases, as Envoy's oneof has them.
const (
	RequestHeaders Phase = iota + 1
	RequestBody
	RequestTrailers
	ResponseHeaders
	ResponseBody
	ResponseTrailers
)

// Inbound is one ProcessingRequest. A body message has Body and no Message; every other kind has Message.
type Inbound struct {
	Phase       Phase
	EndOfStream bool
	Body        mem.BufferSlice // by reference; Free it
	Message     *extprocv3.ProcessingRequest
}

// Free gives the body's buffers back. It may be called more than once.
func (in *Inbound) Free() {
	in.Body.Free()
	in.Body = nil
}

func (in *Inbound) classify() error {
	switch r := in.Message.GetRequest().(type) {
	case *extprocv3.ProcessingRequest_RequestHeaders:
		in.Phase, in.EndOfStream = RequestHeaders, r.RequestHeaders.GetEndOfStream()
	case *extprocv3.ProcessingRequest_ResponseHeaders:
		in.Phase, in.EndOfStream = ResponseHeaders, r.ResponseHeaders.GetEndOfStream()
	case *extprocv3.ProcessingRequest_RequestTrailers:
		in.Phase, in.EndOfStream = RequestTrailers, true
	case *extprocv3.ProcessingRequest_ResponseTrailers:
		in.Phase, in.EndOfStream = ResponseTrailers, true
	case *extprocv3.ProcessingRequest_RequestBody: // a body that was not the first field
		in.Phase, in.EndOfStream = RequestBody, r.RequestBody.GetEndOfStream()
		in.Body = mem.BufferSlice{mem.SliceBuffer(r.RequestBody.GetBody())}
	case *extprocv3.ProcessingRequest_ResponseBody:
		in.Phase, in.EndOfStream = ResponseBody, r.ResponseBody.GetEndOfStream()
		in.Body = mem.BufferSlice{mem.SliceBuffer(r.ResponseBody.GetBody())}
	default:
		return errors.New("wire: a ProcessingRequest of no known kind")
	}
	return nil
}

// BodyModes is what Envoy says of its body modes in the first message of a stream (protocol_config).
type BodyModes uint8

// The body modes Weir can work with, and the rest.
const (
	ModesNone       BodyModes = iota // NONE both ways: bodies are asked for per exchange
	ModesFullDuplex                  // FULL_DUPLEX_STREAMED both ways, set per route
	ModesOther                       // anything else: refused
)

// Modes returns the body modes of a stream's first message, and the configuration's own words for a message to the operator.
func (in *Inbound) Modes() (BodyModes, string) {
	pc := in.Message.GetProtocolConfig()
	q, s := pc.GetRequestBodyMode(), pc.GetResponseBodyMode()
	text := "request_body_mode " + q.String() + ", response_body_mode " + s.String()
	switch {
	case pc.GetSendBodyWithoutWaitingForHeaderResponse():
		return ModesOther, "send_body_without_waiting_for_header_response"
	case q == filterv3.ProcessingMode_NONE && s == filterv3.ProcessingMode_NONE:
		return ModesNone, text
	case q == filterv3.ProcessingMode_FULL_DUPLEX_STREAMED && s == filterv3.ProcessingMode_FULL_DUPLEX_STREAMED:
		return ModesFullDuplex, text
	}
	return ModesOther, text
}

// Observing reports whether Envoy runs the filter in observability_mode, where it ignores every answer.
func (in *Inbound) Observing() bool { return in.Message.GetObservabilityMode() }

// Ticket returns the hand-over ticket that ext_authz left in dynamic metadata; empty without one.
func (in *Inbound) Ticket() string {
	return in.Message.GetMetadataContext().GetFilterMetadata()[authzNamespace].GetFields()[ticketField].GetStringValue()
}

// Envoy publishes ext_authz's dynamic_metadata under this constant namespace.
const (
	authzNamespace = "envoy.filters.http.ext_authz"
	ticketField    = "weir"
)

// attributesKey is the constant key of ProcessingRequest.attributes.
const attributesKey = "envoy.filters.http.ext_proc"

func (in *Inbound) attribute(name string) *structpb.Value {
	return in.Message.GetAttributes()[attributesKey].GetFields()[name]
}

// Filter names the ext_proc filter of Envoy's that the message comes from, as far as its attributes tell: by listener and filter chain. It
// is the same for two filters of an Envoy that sends neither.
func (in *Inbound) Filter() string {
	return in.attribute("destination.address").GetStringValue() + " " + in.attribute("xds.filter_chain_name").GetStringValue()
}

// Request returns the request head. route and traceparent come from the stream's gRPC metadata, which a client cannot reach.
func (in *Inbound) Request(route, traceparent string) authz.Request {
	h, pseudo := headers(in.Message.GetRequestHeaders().GetHeaders())
	req := authz.Request{
		Method: pseudo[":method"], Scheme: pseudo[":scheme"], Host: pseudo[":authority"], Path: pseudo[":path"],
		Headers: h, Route: route, EndOfStream: in.EndOfStream,
		Source:      in.attribute("source.address").GetStringValue(),
		RequestID:   h.Get("x-request-id"),
		TraceParent: traceparent,
	}
	if req.TraceParent == "" {
		req.TraceParent = h.Get("traceparent")
	}
	if in.attribute("connection.peer_certificate_valid").GetBoolValue() {
		req.Peer = in.attribute("connection.uri_san_peer_certificate").GetStringValue()
	}
	return req
}

// Response returns the response head. An absent response.code_details stays empty: such an answer counts as an upstream's.
func (in *Inbound) Response() authz.Response {
	h, pseudo := headers(in.Message.GetResponseHeaders().GetHeaders())
	status, _ := strconv.Atoi(pseudo[":status"]) // 0 is no status that anything lets pass
	r := authz.Response{
		Status: status, ContentType: h.Get("content-type"), ContentEncoding: strings.Join(h["content-encoding"], ", "), Headers: h,
		ContentLength: authz.UnknownLength, EndOfStream: in.EndOfStream, CodeDetails: in.attribute("response.code_details").GetStringValue(),
	}
	if v := h["content-length"]; len(v) == 1 {
		if n, err := strconv.ParseInt(v[0], 10, 64); err == nil && n >= 0 {
			r.ContentLength = n
		}
	}
	if in.EndOfStream {
		r.ContentLength = 0
	}
	return r
}

// Trailers returns the message's trailers.
func (in *Inbound) Trailers() authz.Header {
	m := in.Message.GetResponseTrailers().GetTrailers()
	if in.Phase == RequestTrailers {
		m = in.Message.GetRequestTrailers().GetTrailers()
	}
	h, _ := headers(m)
	return h
}

// headers splits Envoy's header map into fields and pseudo-headers. ext_proc and ext_authz with encode_raw_headers put values into
// raw_value; value is read where that is empty.
func headers(m *corev3.HeaderMap) (authz.Header, map[string]string) {
	h := make(authz.Header, len(m.GetHeaders()))
	pseudo := make(map[string]string, 4)
	for _, f := range m.GetHeaders() {
		v := f.GetValue()
		if raw := f.GetRawValue(); len(raw) > 0 {
			v = string(raw)
		}
		k := strings.ToLower(f.GetKey())
		if strings.HasPrefix(k, ":") {
			pseudo[k] = v
			continue
		}
		h[k] = append(h[k], v)
	}
	return h, pseudo
}
