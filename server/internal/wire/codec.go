package wire

import (
	"errors"
	"fmt"

	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // the codec that Codec falls back to
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

// Codec is a gRPC codec that carries *Inbound and *Outbound without copying body bytes, and leaves every other message to the standard
// protobuf codec. Give it to the server by grpc.ForceServerCodecV2.
type Codec struct{ std encoding.CodecV2 }

// NewCodec returns the codec.
func NewCodec() Codec { return Codec{std: encoding.GetCodecV2("proto")} }

// Name returns "proto": on the wire it is protobuf.
func (Codec) Name() string { return "proto" }

// Marshal encodes an *Outbound, whose body it hands over to gRPC, or any protobuf message.
func (c Codec) Marshal(v any) (mem.BufferSlice, error) {
	o, ok := v.(*Outbound)
	if !ok {
		return c.std.Marshal(v)
	}
	switch {
	case o.Message != nil:
		return c.std.Marshal(o.Message)
	case o.encoded != nil:
		return mem.BufferSlice{mem.SliceBuffer(o.encoded)}, nil
	}
	return o.marshalBody(), nil
}

// Unmarshal decodes into an *Inbound, whose body refers to data's buffers until Free, or into any protobuf message.
func (c Codec) Unmarshal(data mem.BufferSlice, v any) error {
	switch in := v.(type) {
	case *Inbound:
		return in.unmarshal(data)
	case *CheckInbound:
		return in.unmarshal(data)
	}
	return c.std.Unmarshal(data, v)
}

// Field numbers of envoy.service.ext_proc.v3.HttpBody.
const (
	fieldBody        = 1
	fieldEndOfStream = 2
)

var errTwoBodies = errors.New("wire: a ProcessingRequest with more than one body")

// unmarshal reads the kind of message off its first field. Envoy writes fields in order, so a body message starts with its body.
func (in *Inbound) unmarshal(data mem.BufferSlice) error {
	*in = Inbound{}
	c := cursor{data: data}
	num, typ, err := c.tag()
	if err != nil && !c.done() {
		return err
	}
	if num != fieldRequestBody && num != fieldResponseBody || typ != protowire.BytesType {
		return in.unmarshalHead(data)
	}
	in.Phase = RequestBody
	if num == fieldResponseBody {
		in.Phase = ResponseBody
	}
	n, err := c.varint()
	if err != nil {
		return err
	}
	if err := in.unmarshalBody(&c, int(n)); err != nil { //nolint:gosec // bounded by the message size
		in.Free()
		return err
	}
	for !c.done() { // metadata_context and the like; another body would be merged by a protobuf decoder: refused
		num, typ, err := c.tag()
		if err == nil && num >= 2 && num <= 7 {
			err = errTwoBodies
		}
		if err == nil {
			err = c.skip(typ)
		}
		if err != nil {
			in.Free()
			return err
		}
	}
	return nil
}

func (in *Inbound) unmarshalBody(c *cursor, n int) error {
	end := c.read + n
	seen := false
	for c.read < end {
		num, typ, err := c.tag()
		if err != nil {
			return err
		}
		switch {
		case num == fieldBody && typ == protowire.BytesType:
			if seen {
				return errTwoBodies
			}
			seen = true
			size, err := c.varint()
			if err != nil {
				return err
			}
			if in.Body, err = c.take(int(size)); err != nil { //nolint:gosec // bounded by the message size
				return err
			}
		case num == fieldEndOfStream && typ == protowire.VarintType:
			v, err := c.varint()
			if err != nil {
				return err
			}
			in.EndOfStream = v != 0
		default:
			if err := c.skip(typ); err != nil {
				return err
			}
		}
	}
	if c.read != end {
		return fmt.Errorf("wire: HttpBody ends %d bytes beyond its length", c.read-end)
	}
	return nil
}

// cursor reads protobuf out of a list of buffers without joining them.
type cursor struct {
	data mem.BufferSlice
	at   int // index of the current buffer
	off  int // offset in it
	read int // bytes read in all
}

var errTruncated = errors.New("wire: truncated protobuf")

func (c *cursor) done() bool {
	for c.at < len(c.data) && c.off == c.data[c.at].Len() {
		c.at, c.off = c.at+1, 0
	}
	return c.at == len(c.data)
}

func (c *cursor) varint() (uint64, error) {
	var v uint64
	for shift := 0; shift < 64; shift += 7 {
		if c.done() {
			return 0, errTruncated
		}
		b := c.data[c.at].ReadOnlyData()[c.off]
		c.off++
		c.read++
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v, nil
		}
	}
	return 0, errors.New("wire: varint over 10 bytes")
}

func (c *cursor) tag() (protowire.Number, protowire.Type, error) {
	v, err := c.varint()
	if err != nil {
		return 0, 0, err
	}
	num, typ := protowire.DecodeTag(v)
	if num < 1 {
		return 0, 0, errors.New("wire: field number 0")
	}
	return num, typ, nil
}

func (c *cursor) skip(t protowire.Type) error {
	switch t {
	case protowire.VarintType:
		_, err := c.varint()
		return err
	case protowire.Fixed32Type:
		return c.advance(4, nil)
	case protowire.Fixed64Type:
		return c.advance(8, nil)
	case protowire.BytesType:
		n, err := c.varint()
		if err != nil {
			return err
		}
		return c.advance(int(n), nil) //nolint:gosec // checked by advance
	}
	return errors.New("wire: group in a ProcessingRequest")
}

// take returns the next n bytes by reference; the caller frees them.
func (c *cursor) take(n int) (mem.BufferSlice, error) {
	var out mem.BufferSlice
	err := c.advance(n, func(b mem.Buffer, from, to int) {
		if from == 0 && to == b.Len() {
			b.Ref()
			out = append(out, b)
			return
		}
		out = append(out, b.Slice(from, to))
	})
	if err != nil {
		out.Free()
		return nil, err
	}
	return out, nil
}

func (c *cursor) advance(n int, part func(b mem.Buffer, from, to int)) error {
	if n < 0 {
		return errTruncated
	}
	for n > 0 {
		if c.done() {
			return errTruncated
		}
		step := min(n, c.data[c.at].Len()-c.off)
		if part != nil {
			part(c.data[c.at], c.off, c.off+step)
		}
		c.off += step
		c.read += step
		n -= step
	}
	return nil
}
