package artifact

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// binaryVersion is the first byte of the binary form of Evidence. Another form gets another number.
const binaryVersion = 1

// ErrEvidence says that bytes are not the binary form of Evidence.
var ErrEvidence = errors.New("artifact: not the binary form of evidence")

// AppendBinary appends the binary form: a version, and for the head and the tail the number of pieces and of each its offset, its length (both
// as uvarints) and its bytes. The same evidence has one form. The error is always nil.
func (e Evidence) AppendBinary(b []byte) ([]byte, error) {
	b = append(b, binaryVersion)
	for _, list := range [][]span{e.head, e.tail} {
		b = binary.AppendUvarint(b, uint64(len(list)))
		for _, s := range list {
			b = binary.AppendUvarint(b, uint64(s.at))
			b = binary.AppendUvarint(b, uint64(len(s.b)))
			b = append(b, s.b...)
		}
	}
	return b, nil
}

// UnmarshalBinary reads the binary form, copying it. It returns ErrEvidence, and changes nothing, for whatever AppendBinary does not write.
func (e *Evidence) UnmarshalBinary(b []byte) error {
	if len(b) == 0 || b[0] != binaryVersion {
		return ErrEvidence
	}
	d := decoder{b: b[1:]}
	head := d.spans(0)
	tail := d.spans(PrefixLen)
	if d.bad || len(d.b) > 0 {
		return ErrEvidence
	}
	if n := len(head); n > 0 && head[n-1].end() > PrefixLen {
		return ErrEvidence
	}
	if n := len(tail); n > 0 && tail[n-1].end()-tail[0].at > PrefixLen {
		return ErrEvidence
	}
	*e = Evidence{head, tail}
	return nil
}

// decoder reads the binary form. What is wrong makes it bad, for good.
type decoder struct {
	b   []byte
	bad bool
}

// number reads a uvarint in its shortest form, up to 2⁶².
func (d *decoder) number() int64 {
	v, n := binary.Uvarint(d.b)
	if d.bad || n <= 0 || v > 1<<62 || n > 1 && d.b[n-1] == 0 {
		d.bad = true
		return 0
	}
	d.b = d.b[n:]
	return int64(v)
}

// spans reads a list of pieces that begin at an offset or behind it.
func (d *decoder) spans(from int64) (list []span) {
	n := d.number()
	if n > maxSpans {
		d.bad = true
	}
	for i := int64(0); i < n && !d.bad; i++ {
		at, size := d.number(), d.number()
		if d.bad || at < from || size < 1 || size > PrefixLen || size > int64(len(d.b)) {
			d.bad = true
			return nil
		}
		list = append(list, span{at, bytes.Clone(d.b[:size])})
		from, d.b = at+size+1, d.b[size:]
	}
	return list
}
