package wire

import (
	"encoding/base64"
	"strconv"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/weirgate/weir/pkg/authz"
)

// IsGRPC reports whether a head is one of gRPC over HTTP/2, whatever its messages are written in: to Envoy and to its clients, gRPC-Web is
// another protocol.
func IsGRPC(h authz.Header) bool {
	types := h["content-type"]
	if len(types) != 1 {
		return false
	}
	rest, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(types[0])), "application/grpc")
	return ok && (rest == "" || rest[0] == '+' || rest[0] == ';' || rest[0] == ' ')
}

// statusDetails is the field in which gRPC carries a google.rpc.Status.
const statusDetails = "grpc-status-details-bin"

// errorDomain is the domain of google.rpc.ErrorInfo.
const errorDomain = "weir"

// speakGRPC makes of the refusal what gRPC's callers read: its reason is the status's message, and what problem+json would tell stands in
// the status's details. Fields that speak of a body go: there is none.
func (r *Refusal) speakGRPC(a answer, p problem) {
	message := p.Detail
	if message == "" {
		message = p.Title
	}
	r.Body = []byte(message)
	info := &errdetails.ErrorInfo{Reason: p.Type[strings.LastIndexByte(p.Type, ':')+1:], Domain: errorDomain, Metadata: map[string]string{}}
	tell := func(key, value string) {
		if value != "" {
			info.Metadata[key] = value
		}
	}
	tell("decision", p.Decision)
	tell("rule", p.Rule)
	tell("alternatives", strings.Join(p.Alternatives, "; "))
	if l := p.Limit; l != nil {
		tell("limit.meter", string(l.Meter))
		tell("limit.unit", string(l.Unit))
		tell("limit.window", l.Window.String())
		if l.Max != nil {
			tell("limit.max", strconv.FormatInt(*l.Max, 10))
			tell("limit.used", strconv.FormatInt(*l.Used, 10))
		}
	}
	details := []proto.Message{info}
	if p.RetryAfter > 0 {
		details = append(details, &errdetails.RetryInfo{RetryDelay: &durationpb.Duration{Seconds: p.RetryAfter}})
	}
	s := &status.Status{Code: int32(a.code), Message: message} //nolint:gosec // one of seventeen
	for _, d := range details {
		packed, err := anypb.New(d)
		if err != nil { // cannot happen: plain strings and numbers
			continue
		}
		s.Details = append(s.Details, packed)
	}
	headers := r.Headers[:0]
	for _, h := range r.Headers {
		if h[0] != "content-type" {
			headers = append(headers, h)
		}
	}
	r.Headers = headers
	if raw, err := proto.Marshal(s); err == nil {
		r.Headers = append(r.Headers, [2]string{statusDetails, base64.RawStdEncoding.EncodeToString(raw)})
	}
}
