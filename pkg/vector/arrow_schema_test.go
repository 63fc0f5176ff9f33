package vector_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/vector"
)

// arrowMessage returns a stream of one message: the metadata, and no body.
func arrowMessage(meta []byte) string {
	head := binary.LittleEndian.AppendUint32([]byte("\xff\xff\xff\xff"), uint32(len(meta)))
	return string(append(head, meta...))
}

// sharedSchema returns the metadata of a schema in which tables stand once and are pointed to many times: of so many levels of fields, each
// has the next level's field so often for its part, and a name of so many bytes.
func sharedSchema(levels, times, name int) []byte {
	u16, u32 := binary.LittleEndian.AppendUint16, binary.LittleEndian.AppendUint32
	b := u32(nil, 4+10) // the root table, behind its vtable: Message{version, header_type=1, header}
	for _, v := range []uint16{10, 16, 0, 4, 8} {
		b = u16(b, v)
	}
	b = u32(b, 10)
	b = append(b, 1, 0, 0, 0)
	b = u32(b, 4+8) // header: a Schema, behind the vtable that comes here
	for _, v := range []uint16{8, 8, 0, 4} {
		b = u16(b, v)
	}
	b = u32(b, 8)
	last := len(b) // the place of an offset that is still to be known: of a vector of fields
	b = u32(b, 0)
	names := []int{}
	for range levels {
		at := len(b)
		binary.LittleEndian.PutUint32(b[last:], uint32(at-last))
		b = u32(b, uint32(times))
		vtable := at + 4 + 4*times
		table := vtable + 16
		for i := range times {
			b = u32(b, uint32(table-(at+4+4*i)))
		}
		for _, v := range []uint16{16, 16, 4, 0, 8, 0, 0, 12} { // Field{name=0, type_type=2, children=5}
			b = u16(b, v)
		}
		b = u32(b, 16)
		names = append(names, len(b))
		b = u32(b, 0)
		b = append(b, byte(13), 0, 0, 0) // a struct
		last = len(b)
		b = u32(b, 0)
	}
	binary.LittleEndian.PutUint32(b[last:], uint32(len(b)-last))
	b = u32(b, 0)
	for _, at := range names {
		binary.LittleEndian.PutUint32(b[at:], uint32(len(b)-at))
	}
	b = u32(b, uint32(name))
	return append(b, strings.Repeat("a", name)...)
}

// TestArrowOfSharedTables: metadata in which one table is part of many others costs no more than what it is long.
func TestArrowOfSharedTables(t *testing.T) {
	for name, meta := range map[string][]byte{
		"fields of fields": sharedSchema(40, 2, 1),
		"one long name":    sharedSchema(1, 4096, 1<<20),
	} {
		for _, th := range []through{ofArrow(vector.Options{Mask: authz.MaskNone}), {format: "arrow", opener: twice{}}} {
			t.Run(name, func(t *testing.T) { refuses(t, th, arrowMessage(meta), vector.ErrMalformed) })
		}
	}
	if _, _, err := ofArrow(vector.Options{Mask: authz.MaskNone}).feed([]byte(arrowMessage(sharedSchema(3, 2, 10))), whole); err != nil {
		t.Error(err)
	}
}

// emptyBatch returns a stream of a batch without columns, and with a body.
func emptyBatch(body string) string {
	u16, u32 := binary.LittleEndian.AppendUint16, binary.LittleEndian.AppendUint32
	b := u32(nil, 4+12) // Message{version, header_type=1, header=2, bodyLength=3}
	for _, v := range []uint16{12, 20, 0, 4, 8, 12} {
		b = u16(b, v)
	}
	b = u32(b, 12)
	b = append(b, 3, 0, 0, 0)
	b = u32(b, 12+4)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(body)))
	for _, v := range []uint16{4, 4} { // RecordBatch{}
		b = u16(b, v)
	}
	b = u32(b, 4)
	return arrowMessage(sharedSchema(0, 0, 1)) + arrowMessage(b) + body
}

// TestArrowBetweenBuffers: what stands in a body where no column is leaves as zeros where vectors are masked.
func TestArrowBetweenBuffers(t *testing.T) {
	var body []byte
	for _, f := range sample(64) {
		body = append(body, le(f)...)
	}
	doc, want := emptyBatch(string(body)), emptyBatch(strings.Repeat("\x00", len(body)))
	ofArrow(vector.Options{Mask: authz.MaskNone}).everyCut(t, doc, doc, vector.Reading{})
	for _, mask := range []authz.MaskMode{authz.MaskRedact, authz.MaskZero} {
		ofArrow(vector.Options{Mask: mask}).everyCut(t, doc, want, vector.Reading{})
	}
}
