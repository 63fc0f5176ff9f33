package wire

import (
	"strconv"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	filterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

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

// Inbound is one ProcessingRequest.
type Inbound struct {
	Phase       Phase
	EndOfStream bool
	Body        mem.BufferSlice // of a body message, by reference; Free it

	head head // of every other message
}

// Free gives the body's buffers back. It may be called more than once.
func (in *Inbound) Free() {
	in.Body.Free()
	in.Body = nil
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
	pc := new(extprocv3.ProtocolConfiguration)
	if err := proto.Unmarshal([]byte(in.head.modes), pc); err != nil {
		return ModesOther, "a protocol_config that cannot be read"
	}
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
func (in *Inbound) Observing() bool { return in.head.observing }

// Ticket returns the hand-over ticket that ext_authz left in dynamic metadata; empty without one.
func (in *Inbound) Ticket() string {
	m := new(corev3.Metadata)
	if err := proto.Unmarshal([]byte(in.head.metadata), m); err != nil {
		return "" // no ticket, so nothing is allowed on its strength
	}
	return m.GetFilterMetadata()[authzNamespace].GetFields()[ticketField].GetStringValue()
}

// Envoy publishes ext_authz's dynamic_metadata under this constant namespace.
const (
	authzNamespace = "envoy.filters.http.ext_authz"
	ticketField    = "weir"
)

// attributesKey is the constant key of ProcessingRequest.attributes.
const attributesKey = "envoy.filters.http.ext_proc"

// Filter names the ext_proc filter of Envoy's that the message comes from, as far as its attributes tell: by listener and filter chain. It
// is the same for two filters of an Envoy that sends neither.
func (in *Inbound) Filter() string {
	return in.head.attributes["destination.address"] + " " + in.head.attributes["xds.filter_chain_name"]
}

// Request returns the request head. route and traceparent come from the stream's gRPC metadata, which a client cannot reach.
func (in *Inbound) Request(route, traceparent string) authz.Request {
	h, p := in.head.split()
	req := authz.Request{
		Method: p.method, Scheme: p.scheme, Host: p.authority, Path: p.path,
		Headers: h, Route: route, EndOfStream: in.EndOfStream,
		Source:      in.head.attributes["source.address"],
		RequestID:   h.Get("x-request-id"),
		TraceParent: traceparent,
	}
	if req.TraceParent == "" {
		req.TraceParent = h.Get("traceparent")
	}
	req.Certificate = authz.Certificate{
		Digest:   in.head.attributes["connection.sha256_peer_certificate_digest"],
		Verified: in.head.attributes["connection.peer_certificate_valid"] == "true",
		URI:      in.head.attributes["connection.uri_san_peer_certificate"],
		DNS:      in.head.attributes["connection.dns_san_peer_certificate"],
		Subject:  in.head.attributes["connection.subject_peer_certificate"],
	}
	if req.Certificate.Verified {
		req.Peer = req.Certificate.URI
	}
	return req
}

// Response returns the response head. An absent response.code_details stays empty: such an answer counts as an upstream's.
func (in *Inbound) Response() authz.Response {
	h, p := in.head.split()
	status, _ := strconv.Atoi(p.status) // 0 is no status that anything lets pass
	r := authz.Response{
		Status: status, ContentType: h.Get("content-type"), ContentEncoding: strings.Join(h["content-encoding"], ", "), Headers: h,
		ContentLength: authz.UnknownLength, EndOfStream: in.EndOfStream, CodeDetails: in.head.attributes["response.code_details"],
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
	h, _ := in.head.split()
	return h
}
