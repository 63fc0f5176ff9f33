package artifact

import (
	"encoding/binary"

	"github.com/weirgate/weir/pkg/authz"
)

// Wire types of protobuf.
const (
	wireVarint = 0
	wireBytes  = 2
)

// protobuf recognises ONNX and SavedModel. Neither has a mark: both begin with a small number, and what follows must be what they say it is.
func protobuf(v view) (authz.Artifact, bool) {
	if len(v.b) < 8 || v.b[0] != 0x08 {
		return authz.Artifact{}, false
	}
	if savedModel(v) {
		return checkpoint("savedmodel")
	}
	if onnx(v) {
		return checkpoint("onnx")
	}
	return authz.Artifact{}, false
}

// message reads the fields of a message of protobuf that may end behind what is seen.
type message struct {
	b    []byte
	left uint64 // of the message, seen or not
}

// next returns the next field. The content of bytes is cut to what is seen.
func (m *message) next() (field, wire uint64, content message, ok bool) {
	tag, n := binary.Uvarint(m.b)
	if n <= 0 || uint64(n) > m.left {
		return 0, 0, message{}, false
	}
	m.skip(uint64(n))
	field, wire = tag>>3, tag&7
	value, n := binary.Uvarint(m.b)
	if n <= 0 || uint64(n) > m.left || field == 0 || wire != wireVarint && wire != wireBytes {
		return 0, 0, message{}, false
	}
	m.skip(uint64(n))
	if wire == wireVarint {
		return field, wire, message{}, true
	}
	if value > m.left {
		return 0, 0, message{}, false
	}
	content = message{m.b[:min(value, uint64(len(m.b)))], value}
	m.skip(value)
	return field, wire, content, true
}

func (m *message) skip(n uint64) {
	m.b, m.left = m.b[min(n, uint64(len(m.b))):], m.left-n
}

// messageOf is content as one message.
func messageOf(v view) message {
	if v.size == authz.UnknownLength {
		return message{v.b, 1 << 40}
	}
	return message{v.b, uint64(v.size)}
}

// onnx recognises a ModelProto of ONNX: its version (3 to 15) first, then only fields that a model has, up to a graph that begins with nodes,
// or with a name.
func onnx(v view) bool {
	if v.b[1] < 3 || v.b[1] > 15 {
		return false
	}
	m := messageOf(v)
	for range 64 {
		field, wire, content, ok := m.next()
		if !ok {
			return false
		}
		switch {
		case field == 7 && wire == wireBytes:
			return onnxGraph(content)
		case field == 1 || field == 5:
			ok = wire == wireVarint
		case field == 2 || field == 3 || field == 4 || field == 6:
			ok = wire == wireBytes && plain(content.b)
		default:
			ok = wire == wireBytes && (field == 8 || field == 14 || field == 20 || field == 25 || field == 26)
		}
		if !ok {
			return false
		}
	}
	return false
}

// onnxGraph recognises a GraphProto by its first field.
func onnxGraph(m message) bool {
	field, wire, content, ok := m.next()
	if !ok || wire != wireBytes {
		return false
	}
	switch field {
	case 1: // a node: inputs, outputs, a name, an operator, all of them texts
		field, wire, content, ok = content.next()
		return ok && wire == wireBytes && field <= 4 && plain(content.b)
	case 2, 10: // its name or documentation
		return content.left > 0 && plain(content.b)
	case 5: // a tensor: dimensions, or a type
		field, _, _, ok = content.next()
		return ok && field <= 2
	}
	return false
}

// savedModel recognises a SavedModel of TensorFlow: version 1, and a MetaGraphDef that begins with a MetaInfoDef, of which the first field is
// a version, the operators (each a name), or a tag.
func savedModel(v view) bool {
	if v.b[1] != 1 {
		return false
	}
	m := messageOf(v)
	m.skip(2)
	field, wire, graph, ok := m.next()
	if !ok || field != 2 || wire != wireBytes {
		return false
	}
	field, wire, info, ok := graph.next()
	if !ok || field != 1 || wire != wireBytes {
		return false
	}
	field, wire, first, ok := info.next()
	switch {
	case !ok || wire != wireBytes:
		return false
	case field == 1, field == 4, field == 5, field == 6:
		return first.left > 0 && plain(first.b)
	case field == 2:
		field, wire, operator, ok := first.next()
		if !ok || field != 1 || wire != wireBytes {
			return false
		}
		field, wire, name, ok := operator.next()
		return ok && field == 1 && wire == wireBytes && plain(name.b)
	}
	return false
}

// plain reports whether bytes are of a text: of what is long the beginning is looked at.
func plain(b []byte) bool {
	for _, c := range b[:min(len(b), 256)] {
		if c < ' ' && c != '\n' && c != '\t' && c != '\r' || c == 0x7f {
			return false
		}
	}
	return true
}
