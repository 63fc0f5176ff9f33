package wire

import (
	"errors"
	"strings"
	"unicode/utf8"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/weirgate/weir/pkg/authz"
)

// A headers or trailers message is read by hand into what Weir needs of it: protobuf's generated types cost several times as much for the
// same, in reflection and in an allocation per field, twice in every exchange. What is accepted is read as protobuf reads it (FuzzHeads
// compares them). What a message says twice is refused, where protobuf would merge the two or take the last; a known field of another type
// than it has is refused, where protobuf would pass over it.

// head is the fields of a headers or trailers message.
type head struct {
	fields     []field           // in the order of the message, names in lower case
	attributes map[string]string // of the ext_proc filter: the strings, and "true" or "false" for a bool
	metadata   string            // metadata_context, encoded
	modes      string            // protocol_config, encoded
	observing  bool
}

// field is one header, pseudo-headers among them.
type field struct{ name, value string }

// Field numbers of envoy.service.ext_proc.v3.ProcessingRequest.
const (
	fieldRequestHeaders   = 2
	fieldResponseHeaders  = 3
	fieldRequestBody      = 4
	fieldResponseBody     = 5
	fieldRequestTrailers  = 6
	fieldResponseTrailers = 7
	fieldMetadata         = 8
	fieldAttributes       = 9
	fieldObserving        = 10
	fieldProtocolConfig   = 11
)

var (
	errTwice = errors.New("wire: a ProcessingRequest that says one thing twice")
	errType  = errors.New("wire: a field of another type than its message has")
	errUTF8  = errors.New("wire: a string that is not UTF-8")
	errNone  = errors.New("wire: a ProcessingRequest of no known kind")
)

// unmarshalHead reads a message that is no body.
func (in *Inbound) unmarshalHead(data mem.BufferSlice) error {
	r := reader{rest: text(data)}
	var seen uint16 // bit n: field n was there
	for r.next() {
		if r.num > fieldProtocolConfig || r.num < fieldRequestHeaders {
			continue
		}
		bit := uint16(1) << r.num
		if r.num != fieldAttributes && seen&bit != 0 {
			return errTwice
		}
		seen |= bit
		if err := in.take(&r); err != nil {
			return err
		}
	}
	if r.err == nil && in.Phase == 0 {
		return errNone
	}
	return r.err
}

// take reads one field of the message.
func (in *Inbound) take(r *reader) error {
	if r.num == fieldObserving {
		in.head.observing = r.value != 0
		return r.want(protowire.VarintType)
	}
	if err := r.want(protowire.BytesType); err != nil {
		return err
	}
	switch r.num {
	case fieldMetadata:
		in.head.metadata = r.text
	case fieldProtocolConfig:
		in.head.modes = r.text
	case fieldAttributes:
		return in.head.readAttributes(r.text)
	default:
		return in.readKind(r.num, r.text)
	}
	return nil
}

// readKind reads the field that says what kind of message this is.
func (in *Inbound) readKind(num protowire.Number, s string) error {
	if in.Phase != 0 {
		return errTwice
	}
	switch num {
	case fieldRequestHeaders:
		in.Phase = RequestHeaders
	case fieldResponseHeaders:
		in.Phase = ResponseHeaders
	case fieldRequestTrailers:
		in.Phase, in.EndOfStream = RequestTrailers, true
	case fieldResponseTrailers:
		in.Phase, in.EndOfStream = ResponseTrailers, true
	case fieldRequestBody:
		in.Phase = RequestBody
		return in.readBody(s)
	case fieldResponseBody:
		in.Phase = ResponseBody
		return in.readBody(s)
	}
	return in.readHeaders(s)
}

// readBody reads an HttpBody that was not the first field of its message. Envoy writes fields in order; Go writes a oneof last.
func (in *Inbound) readBody(s string) error {
	r := reader{rest: s}
	for r.next() {
		switch r.num {
		case fieldBody:
			if err := r.want(protowire.BytesType); err != nil {
				return err
			}
			if in.Body != nil {
				return errTwice
			}
			in.Body = mem.BufferSlice{mem.SliceBuffer(r.text)}
		case fieldEndOfStream:
			if err := r.want(protowire.VarintType); err != nil {
				return err
			}
			in.EndOfStream = r.value != 0
		}
	}
	return r.err
}

// readHeaders reads HttpHeaders or HttpTrailers: both have their HeaderMap first.
func (in *Inbound) readHeaders(s string) error {
	r := reader{rest: s}
	seen := false
	for r.next() {
		switch r.num {
		case 1: // headers, or trailers
			if seen {
				return errTwice
			}
			seen = true
			if err := r.want(protowire.BytesType); err != nil {
				return err
			}
			if err := in.head.readMap(r.text); err != nil {
				return err
			}
		case 3: // end_of_stream
			if in.Phase != RequestHeaders && in.Phase != ResponseHeaders {
				continue
			}
			if err := r.want(protowire.VarintType); err != nil {
				return err
			}
			in.EndOfStream = r.value != 0
		}
	}
	return r.err
}

// readMap reads a HeaderMap.
func (h *head) readMap(s string) error {
	h.fields = make([]field, 0, 24)
	r := reader{rest: s}
	for r.next() {
		if r.num != 1 {
			continue
		}
		if err := r.want(protowire.BytesType); err != nil {
			return err
		}
		f, err := readHeader(r.text)
		if err != nil {
			return err
		}
		h.fields = append(h.fields, f)
	}
	return r.err
}

// readHeader reads a HeaderValue. ext_proc puts values into raw_value; value is read where that is empty.
func readHeader(s string) (field, error) {
	var key, value, raw string
	r := reader{rest: s}
	for r.next() {
		if r.num > 3 {
			continue
		}
		if err := r.want(protowire.BytesType); err != nil {
			return field{}, err
		}
		switch r.num {
		case 1:
			key = r.text
		case 2:
			value = r.text
		case 3:
			raw = r.text
		}
	}
	if !utf8.ValidString(key) || !utf8.ValidString(value) {
		return field{}, errUTF8
	}
	if raw != "" {
		value = raw
	}
	return field{strings.ToLower(key), value}, r.err
}

// readAttributes reads one entry of map<string, Struct>.
func (h *head) readAttributes(s string) error {
	key, value, err := entry(s)
	if err != nil || key != attributesKey {
		return err
	}
	if h.attributes != nil {
		return errTwice
	}
	h.attributes = make(map[string]string, 8)
	r := reader{rest: value}
	for r.next() {
		if r.num != 1 {
			continue
		}
		if err := r.want(protowire.BytesType); err != nil {
			return err
		}
		name, encoded, err := entry(r.text)
		if err != nil {
			return err
		}
		if _, twice := h.attributes[name]; twice {
			return errTwice
		}
		if h.attributes[name], err = readValue(encoded); err != nil {
			return err
		}
	}
	return r.err
}

// entry reads an entry of a map whose keys are strings and whose values are messages.
func entry(s string) (key, value string, err error) {
	r := reader{rest: s}
	for r.next() {
		if r.num > 2 {
			continue
		}
		if err := r.want(protowire.BytesType); err != nil {
			return "", "", err
		}
		if r.num == 1 {
			key = r.text
		} else {
			value = r.text
		}
	}
	if !utf8.ValidString(key) {
		return "", "", errUTF8
	}
	return key, value, r.err
}

// readValue reads a google.protobuf.Value; one that is neither string nor bool reads as "".
func readValue(s string) (string, error) {
	out, seen := "", false
	r := reader{rest: s}
	for r.next() {
		if r.num > 6 {
			continue
		}
		if seen {
			return "", errTwice
		}
		seen = true
		switch r.num {
		case 3: // string_value
			if err := r.want(protowire.BytesType); err != nil {
				return "", err
			}
			if !utf8.ValidString(r.text) {
				return "", errUTF8
			}
			out = r.text
		case 4: // bool_value
			if err := r.want(protowire.VarintType); err != nil {
				return "", err
			}
			out = map[bool]string{true: "true", false: "false"}[r.value != 0]
		}
	}
	return out, r.err
}

// split returns the fields as headers and the pseudo-headers beside them.
func (h *head) split() (authz.Header, pseudo) {
	out := make(authz.Header, len(h.fields))
	values := make([]string, len(h.fields)) // one allocation for the usual case of one value to a name
	var p pseudo
	for i, f := range h.fields {
		if strings.HasPrefix(f.name, ":") {
			p.set(f)
			continue
		}
		if have, ok := out[f.name]; ok {
			out[f.name] = append(have, f.value)
			continue
		}
		values[i] = f.value
		out[f.name] = values[i : i+1 : i+1]
	}
	return out, p
}

// pseudo is the pseudo-headers that are read.
type pseudo struct{ method, scheme, authority, path, status string }

func (p *pseudo) set(f field) {
	switch f.name {
	case ":method":
		p.method = f.value
	case ":scheme":
		p.scheme = f.value
	case ":authority":
		p.authority = f.value
	case ":path":
		p.path = f.value
	case ":status":
		p.status = f.value
	}
}
