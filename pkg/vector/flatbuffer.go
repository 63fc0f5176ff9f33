package vector

import "encoding/binary"

// flatTable is a table of a FlatBuffers message, as Arrow's metadata is written. What lies outside of the message is as if it were not there,
// and broken says so: nothing that was read is to be believed then.
type flatTable struct {
	buf    []byte
	at     int // of the table; 0 for none
	broken *bool
}

// flatRoot returns the root table of a message.
func flatRoot(buf []byte, broken *bool) flatTable {
	t := flatTable{buf: buf, broken: broken}
	t.at = t.follow(0)
	return t
}

// num reads a little-endian number of so many bytes.
func (t flatTable) num(at, size int) uint64 {
	if at < 0 || at > len(t.buf)-size {
		*t.broken = true
		return 0
	}
	var b [8]byte
	copy(b[:], t.buf[at:at+size])
	return binary.LittleEndian.Uint64(b[:])
}

// follow returns where the offset at a place leads to.
func (t flatTable) follow(at int) int {
	to := at + int(t.num(at, 4)) //nolint:gosec // 32 bits
	if to <= at || to > len(t.buf)-4 {
		*t.broken = true
		return 0
	}
	return to
}

// field returns where a field of the table stands; 0 for one that is not there.
func (t flatTable) field(n int) int {
	if t.at == 0 || *t.broken {
		return 0
	}
	vtable := t.at - int(int32(t.num(t.at, 4))) //nolint:gosec // 32 bits, signed
	size := int(t.num(vtable, 2))               //nolint:gosec // 16 bits
	if 4+2*n+2 > size {
		return 0
	}
	off := int(t.num(vtable+4+2*n, 2)) //nolint:gosec // 16 bits
	if off == 0 {
		return 0
	}
	return t.at + off
}

// number returns a field's number of so many bytes; 0 where it is not there.
func (t flatTable) number(n, size int) uint64 {
	at := t.field(n)
	if at == 0 {
		return 0
	}
	return t.num(at, size)
}

// length returns a field's int64; one that is negative is broken.
func (t flatTable) length(n int) int64 {
	v := int64(t.number(n, 8)) //nolint:gosec // checked
	if v < 0 {
		*t.broken = true
		return 0
	}
	return v
}

// table returns a field's table.
func (t flatTable) table(n int) flatTable {
	at := t.field(n)
	if at == 0 {
		return flatTable{buf: t.buf, broken: t.broken}
	}
	return flatTable{t.buf, t.follow(at), t.broken}
}

// vector returns where the elements of a field's vector of so many bytes each stand, and how many they are.
func (t flatTable) vector(n, size int) (at, count int) {
	at = t.field(n)
	if at == 0 {
		return 0, 0
	}
	at = t.follow(at)
	count = int(t.num(at, 4)) //nolint:gosec // 32 bits
	if at += 4; count > (len(t.buf)-at)/size {
		*t.broken = true
		return 0, 0
	}
	return at, count
}

// text returns a field's string.
func (t flatTable) text(n int) string {
	at, count := t.vector(n, 1)
	return string(t.buf[at : at+count])
}

// exists reports whether the table is there.
func (t flatTable) exists() bool { return t.at != 0 }
