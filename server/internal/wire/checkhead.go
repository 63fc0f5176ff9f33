package wire

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"net/url"
	"strings"
	"unicode/utf8"

	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/weirgate/weir/pkg/authz"
)

// TargetExtension is the key under which a route names its target in context_extensions; TargetMetadata the one in
// grpc_initial_metadata. A client can reach neither.
const (
	TargetExtension = "target"
	TargetMetadata  = "x-weir-target"
)

// CheckInbound is one envoy.service.auth.v3.CheckRequest, read by hand like the heads of ext_proc, for the same reason and by the same
// rules: see head.
type CheckInbound struct {
	method, scheme, host, path, protocol string
	route                                string // what context_extensions names
	source, peer, certificate            string
	raw                                  head // header_map
	mapped                               bool // there is a header_map
	joined                               head // headers: one value to a name, joined by commas
	whole                                string
}

// unmarshal reads CheckRequest{attributes}.
func (in *CheckInbound) unmarshal(data mem.BufferSlice) error {
	*in = CheckInbound{whole: text(data)}
	return messages(in.whole, func(num protowire.Number, s string) error {
		if num != 1 {
			return nil
		}
		return messages(s, in.attribute, 1, 4)
	}, 1)
}

// attribute reads a field of AttributeContext.
func (in *CheckInbound) attribute(num protowire.Number, s string) error {
	switch num {
	case 1: // source
		return messages(s, in.readPeer, 1, 4, 5)
	case 4: // request
		return messages(s, func(num protowire.Number, s string) error {
			if num != 2 { // http
				return nil
			}
			return messages(s, in.readHTTP, 2, 4, 5, 6, 10, 13)
		}, 2)
	case 10: // context_extensions
		key, value, err := stringEntry(s)
		if err == nil && key == TargetExtension {
			in.route = value
		}
		return err
	}
	return nil
}

// readPeer reads a field of AttributeContext.Peer.
func (in *CheckInbound) readPeer(num protowire.Number, s string) error {
	switch num {
	case 1: // address: Address{socket_address: SocketAddress{address}}
		return messages(s, func(num protowire.Number, s string) error {
			if num != 1 {
				return nil
			}
			return messages(s, func(num protowire.Number, s string) error {
				if num != 2 {
					return nil
				}
				return set(&in.source, s)
			}, 2)
		}, 1)
	case 4: // principal
		return set(&in.peer, s)
	case 5: // certificate
		return set(&in.certificate, s)
	}
	return nil
}

// readHTTP reads a field of AttributeContext.HttpRequest.
func (in *CheckInbound) readHTTP(num protowire.Number, s string) error {
	switch num {
	case 2:
		return set(&in.method, s)
	case 3: // headers
		key, value, err := stringEntry(s)
		if err != nil {
			return err
		}
		key = strings.ToLower(key)
		for _, f := range in.joined.fields {
			if f.name == key {
				return errTwice
			}
		}
		in.joined.fields = append(in.joined.fields, field{key, value})
	case 4:
		return set(&in.path, s)
	case 5:
		return set(&in.host, s)
	case 6:
		return set(&in.scheme, s)
	case 10:
		return set(&in.protocol, s)
	case 13: // header_map
		in.mapped = true
		return in.raw.readMap(s)
	}
	return nil
}

// set sets a field that is a string.
func set(to *string, s string) error {
	if !utf8.ValidString(s) {
		return errUTF8
	}
	*to = s
	return nil
}

// stringEntry reads an entry of map<string, string>.
func stringEntry(s string) (key, value string, err error) {
	key, value, err = entry(s)
	if err == nil && !utf8.ValidString(value) {
		err = errUTF8
	}
	return key, value, err
}

// messages calls f for every field of a message that is a string or a message. The fields named by once may be there once.
func messages(s string, f func(num protowire.Number, s string) error, once ...protowire.Number) error {
	r := reader{rest: s}
	var seen uint32
	for r.next() {
		for _, num := range once {
			if num != r.num {
				continue
			}
			if seen&(1<<num) != 0 {
				return errTwice
			}
			seen |= 1 << num
			if err := r.want(protowire.BytesType); err != nil {
				return err
			}
		}
		if r.typ != protowire.BytesType {
			continue
		}
		if err := f(r.num, r.text); err != nil {
			return err
		}
	}
	return r.err
}

// certificateOf reads a certificate in PEM, URL-encoded, as include_peer_certificate sends it; the zero value without one. Whether Envoy has
// verified it is not told here, so that its names are worth nothing as yet.
func certificateOf(encoded string) authz.Certificate {
	if encoded == "" {
		return authz.Certificate{}
	}
	text, err := url.PathUnescape(encoded)
	if err != nil {
		return authz.Certificate{}
	}
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return authz.Certificate{}
	}
	sum := sha256.Sum256(block.Bytes)
	return authz.Certificate{Digest: hex.EncodeToString(sum[:]), DER: string(block.Bytes)}
}

// Request returns the request head. With encode_raw_headers (recommended: it keeps duplicate headers apart) the fields come from
// header_map, else from the comma-joined headers.
func (in *CheckInbound) Request(ctx context.Context) authz.Request {
	req := authz.Request{
		Method: in.method, Scheme: in.scheme, Host: in.host, Path: in.path, Protocol: in.protocol,
		Route: in.route, Source: in.source, Peer: in.peer,
		Certificate: certificateOf(in.certificate),
	}
	if in.mapped {
		req.Headers, _ = in.raw.split()
	} else {
		req.Headers, _ = in.joined.split()
	}
	req.RequestID = req.Headers.Get("x-request-id")
	md, _ := metadata.FromIncomingContext(ctx)
	if v := md.Get("traceparent"); len(v) == 1 {
		req.TraceParent = v[0]
	} else {
		req.TraceParent = req.Headers.Get("traceparent")
	}
	// A request without a body says so: no content-length and no transfer-encoding (RFC 9112 §6.3), or a length of 0. On HTTP/2 no length
	// means nothing, but with methods whose content means nothing.
	cl := req.Headers.Get("content-length")
	req.EndOfStream = len(req.Headers["transfer-encoding"]) == 0 &&
		(cl == "0" || cl == "" && (req.Method == "GET" || req.Method == "HEAD" || strings.HasPrefix(req.Protocol, "HTTP/1.")))
	return req
}
