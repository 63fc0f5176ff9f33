package dialect

import (
	"encoding/binary"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/weirgate/weir/pkg/authz"
)

// isGRPC reports whether the request is gRPC with protobuf messages. The frames of gRPC-Web differ and messages of other codecs are not
// read, so neither is meant.
func isGRPC(h authz.Header) bool {
	types := h["content-type"]
	if len(types) != 1 {
		return false
	}
	t, _, _ := strings.Cut(types[0], ";")
	t = strings.TrimSpace(t)
	return strings.EqualFold(t, "application/grpc") || strings.EqualFold(t, "application/grpc+proto")
}

// begun is op with nothing counted yet where no message of the request was read before; later messages of a stream add to it.
func begun(op authz.Operation) authz.Operation {
	if !op.Complete {
		op.Vectors, op.Documents, op.Bytes, op.Complete = 0, 0, 0, true
	}
	return op
}

// sum adds two counts; where one has no bound, or their sum is too large for one, there is none.
func sum(a, b int64) int64 {
	if a < 0 || b < 0 || a > maxBound-b {
		return authz.Unbounded
	}
	return a + b
}

// wireType is how a protobuf field is written (protobuf's "Encoding" page).
type wireType uint8

const (
	wireVarint  wireType = 0
	wireFixed64 wireType = 1
	wireBytes   wireType = 2 // strings, bytes, messages, packed numbers
	wireFixed32 wireType = 5
)

// wireField is one field of a protobuf message, as it stands on the wire.
type wireField struct {
	number int32
	is     wireType
	value  uint64 // of a number
	bytes  []byte // of wireBytes; part of the message
}

// readMessage calls field for every field of a protobuf message, in order. What a reader could take in more than one way is refused:
// groups (not in proto3), varints and lengths that overflow, and a message that ends early.
func readMessage(msg []byte, field func(f *wireField) error) error {
	for at := 0; at < len(msg); {
		f, n := nextField(msg[at:])
		if n <= 0 {
			return badBody("byte %d begins no protobuf field", at)
		}
		at += n
		if err := field(&f); err != nil {
			return err
		}
	}
	return nil
}

// nextField reads the field that b begins with and returns its length; 0 for none.
func nextField(b []byte) (f wireField, n int) {
	tag, n := uvarint(b)
	if n <= 0 || tag>>3 == 0 || tag>>3 > 1<<29-1 {
		return f, 0
	}
	f.number, f.is = int32(tag>>3), wireType(tag&7)
	rest := b[n:]
	switch f.is {
	case wireVarint:
		v, m := uvarint(rest)
		if m <= 0 {
			return f, 0
		}
		f.value, n = v, n+m
	case wireFixed64:
		if len(rest) < 8 {
			return f, 0
		}
		f.value, n = binary.LittleEndian.Uint64(rest), n+8
	case wireFixed32:
		if len(rest) < 4 {
			return f, 0
		}
		f.value, n = uint64(binary.LittleEndian.Uint32(rest)), n+4
	case wireBytes:
		size, m := uvarint(rest)
		if m <= 0 || size > uint64(len(rest)-m) {
			return f, 0
		}
		end := m + int(size)
		f.bytes, n = rest[m:end], n+end
	default:
		return f, 0
	}
	return f, n
}

// message calls field for every field of the message that f holds.
func (f *wireField) message(what string, field func(f *wireField) error) error {
	if f.is != wireBytes {
		return badBody("%s is no message", what)
	}
	return readMessage(f.bytes, field)
}

// text returns the name that f holds.
func (f *wireField) text(what string) (string, error) {
	if f.is != wireBytes || !utf8.Valid(f.bytes) {
		return "", badBody("%s is no string", what)
	}
	s := string(f.bytes)
	if len(s) > maxText || strings.ContainsFunc(s, unicode.IsControl) {
		return "", badBody("%s has more than %d bytes, or control characters", what, maxText)
	}
	return s, nil
}

// whole returns the whole number from 0 up that f holds. Negative ones are ten bytes long in protobuf, and too large here.
func (f *wireField) whole(what string) (int64, error) {
	if f.is != wireVarint || f.value > maxBound {
		return 0, badBody("%s is no whole number", what)
	}
	return int64(f.value), nil
}

// numbers calls number for every whole number of a repeated field, packed or not. Negative ones are passed as they are.
func (f *wireField) numbers(what string, number func(n int64)) error {
	if f.is == wireVarint {
		number(int64(f.value))
		return nil
	}
	if f.is != wireBytes {
		return badBody("%s are no whole numbers", what)
	}
	for rest := f.bytes; len(rest) > 0; {
		v, n := uvarint(rest)
		if n <= 0 {
			return badBody("%s are no whole numbers", what)
		}
		number(int64(v))
		rest = rest[n:]
	}
	return nil
}

// once notes that a field that may stand once was seen; a second one is refused. seen has a bit for each number below 64.
func (f *wireField) once(seen *uint64, what string) error {
	if *seen>>f.number&1 == 1 {
		return badBody("%s stands twice", what)
	}
	*seen |= 1 << f.number
	return nil
}
