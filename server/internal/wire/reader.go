package wire

import (
	"strings"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

// text copies data into one string, of which all that is read is a part.
func text(data mem.BufferSlice) string {
	if len(data) == 1 {
		return string(data[0].ReadOnlyData())
	}
	var b strings.Builder
	b.Grow(data.Len())
	for _, part := range data {
		b.Write(part.ReadOnlyData())
	}
	return b.String()
}

// reader reads the fields of one protobuf message, in order.
type reader struct {
	rest  string
	num   protowire.Number
	typ   protowire.Type
	text  string // of a field of BytesType
	value uint64 // of one of VarintType
	err   error
}

// want returns an error if the field that was read is not of the type t.
func (r *reader) want(t protowire.Type) error {
	if r.typ != t {
		return errType
	}
	return nil
}

// next reads a field; false at the end, or with err set.
func (r *reader) next() bool {
	if r.rest == "" || r.err != nil {
		return false
	}
	num, typ := protowire.DecodeTag(r.varint())
	r.num, r.typ = num, typ
	if num < protowire.MinValidNumber {
		r.fail(errTruncated)
		return false
	}
	switch typ {
	case protowire.VarintType:
		r.value = r.varint()
	case protowire.BytesType:
		r.text = r.cut(r.varint())
	case protowire.Fixed32Type:
		r.cut(4)
	case protowire.Fixed64Type:
		r.cut(8)
	default:
		r.fail(errType)
	}
	return r.err == nil
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *reader) varint() uint64 {
	var v uint64
	for i := range min(len(r.rest), 10) {
		b := r.rest[i]
		if i == 9 && b > 1 {
			break
		}
		v |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			r.rest = r.rest[i+1:]
			return v
		}
	}
	r.fail(errTruncated)
	return 0
}

// cut returns the next n bytes.
func (r *reader) cut(n uint64) string {
	if n > uint64(len(r.rest)) {
		r.fail(errTruncated)
		return ""
	}
	out := r.rest[:n]
	r.rest = r.rest[n:]
	return out
}
