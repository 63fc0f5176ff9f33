package vector

import (
	"strconv"

	"github.com/weirgate/weir/pkg/scan"
)

// sparse is the sparse vector that runs, if one does. It is read to its end before anything leaves in its place: indices tell as much as
// values do.
type sparse struct {
	on      bool
	muted   bool // nothing is put while it runs
	open    bool // its bracket has left
	shape   shape
	indices int64
	values  int64
	index   bool // of the entry that runs: its index has come
	value   bool
}

// shape is how a sparse vector's object is written.
type shape uint8

const (
	anyShape shape = iota
	lists          // {"indices": […], "values": […]}
	weights        // {"7": 0.5, …}
)

// memberKey is what a key is to a sparse vector.
type memberKey uint8

const (
	keyOther memberKey = iota
	keyIndices
	keyValues
	keyIndex
	keyValue
)

func memberKeyOf(folded []byte) memberKey {
	switch string(folded) {
	case "indices":
		return keyIndices
	case "values":
		return keyValues
	case "index":
		return keyIndex
	case "value":
		return keyValue
	}
	return keyOther
}

// beginSparse opens a sparse vector.
func (d *document) beginSparse(c byte) (int, error) {
	if err := d.beginVector(); err != nil {
		return 0, err
	}
	kind := sparseObject
	if c == '[' {
		kind = sparseEntries
	}
	d.openSparse(1, false)
	return 1, d.enter(c, scan.Set{}, kind)
}

// openSparse notes that a sparse vector runs, of which some bytes were read already.
func (d *document) openSparse(bytes int64, open bool) {
	d.read.BytesSparse += bytes
	d.sparse = sparse{on: true, open: open, muted: !d.muted && d.treat != asIs}
	d.muted = d.muted || d.sparse.muted
}

// sparseValue begins a child of a sparse vector's array or object.
func (d *document) sparseValue(l *level, src []byte) (int, error) {
	c, s := src[0], &d.sparse
	switch {
	case l.kind == sparseEntries && c == '{':
		s.index, s.value = false, false
		return 1, d.enter(c, scan.Set{}, sparseEntry)
	case l.kind == sparseEntry && d.is == keyIndex && isNumberStart(c):
		s.index = true
		return d.number(src)
	case l.kind == sparseEntry && d.is == keyValue && isNumberStart(c):
		s.value = true
		return d.sparseNumber(src)
	case l.kind == sparseObject && isNumberStart(c) && s.shape != lists:
		s.shape = weights
		return d.sparseNumber(src)
	case l.kind == sparseObject && c == '[' && s.shape != weights && d.is == keyIndices:
		s.shape = lists
		return d.beginNumbers(indices)
	case l.kind == sparseObject && c == '[' && s.shape != weights && d.is == keyValues:
		s.shape = lists
		return d.beginNumbers(entries)
	}
	return 0, d.lex.Fail("something else in a sparse vector")
}

func (d *document) sparseNumber(src []byte) (int, error) {
	d.sparse.values++
	d.read.Dims++
	return d.number(src)
}

// partEnds notes that an array of it ended.
func (s *sparse) partEnds(f form, n int64) {
	if f == indices {
		s.indices += n
	} else {
		s.values += n
	}
}

func (d *document) entryEnds() error {
	if !d.sparse.index || !d.sparse.value {
		return d.lex.Fail("an entry of a sparse vector without index or value")
	}
	return nil
}

// sparseEnds lets leave what stands for the sparse vector that was read.
func (d *document) sparseEnds(l *level) error {
	s := d.sparse
	d.sparse = sparse{}
	if s.shape == lists && s.indices != s.values {
		return d.lex.Fail("a sparse vector with more indices or values than the other")
	}
	if !s.muted {
		return nil
	}
	d.muted = false
	n := s.values
	if d.treat != zeroed || n > maxWhole {
		n = 0
	}
	start := len(d.out)
	switch {
	case l.kind == sparseEntries:
		d.out = appendEntries(d.out, n, d.unit)
	case s.shape == lists:
		d.out = append(d.out, `{"indices":[`...)
		d.out = appendZeros(d.out, indices, 0, n, false)
		d.out = append(d.out, `],"values":[`...)
		d.out = append(appendZeros(d.out, entries, 0, n, d.unit), "]}"...)
	default: // an index that is a key cannot be made up without a weight
		d.out = append(d.out, "{}"...)
	}
	if s.open {
		d.out = append(d.out[:start], d.out[start+1:]...)
	}
	return nil
}

// appendEntries appends n entries of a zeroed sparse vector, in their array.
func appendEntries(out []byte, n int64, unit bool) []byte {
	out = append(out, '[')
	for i := range n {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, `{"index":`...)
		out = strconv.AppendInt(out, i, 10)
		value := byte('0')
		if i == 0 && unit {
			value = '1'
		}
		out = append(out, `,"value":`...)
		out = append(out, value, '}')
	}
	return append(out, ']')
}
