package vector

import (
	"fmt"
	"slices"
)

// arrowRegion is a part of a message's body.
type arrowRegion struct {
	from, to int64
	is       arrowContent
	cells    cells
	row      int64 // bytes of a vector
	more     int64 // vectors besides the first one, where they are not told apart: row is all of them
	dims     int64 // of a row, or of all
	plain    bool
	name     string
}

func (r arrowRegion) ofVectors() bool { return r.is == arrowVectors }

// matters reports whether the region is a column's own.
func (r arrowRegion) matters() bool { return r.is != arrowPadding }

// maxArrowRows bounds the rows of a batch, and the elements of its lists of lists.
const maxArrowRows = 1 << 24

// arrowContent is what a region holds.
type arrowContent uint8

const (
	arrowPlain   arrowContent = iota // nothing that matters
	arrowText                        // text, bytes
	arrowVectors                     // numbers of vectors
	arrowPadding                     // what stands behind them, or between buffers, and is nobody's
)

// arrowBatch reads a record batch, in the order in which its buffers are.
type arrowBatch struct {
	table       flatTable
	node, nodes int // where the next field's is, and how many are left
	buf, bufs   int
	view, views int
	body        int64 // bytes
	end         int64 // of the last buffer
	packed      bool  // buffers are compressed
	regions     []arrowRegion
}

// batch returns what is to be looked at of a record batch's body: RecordBatch has length=0, nodes=1, buffers=2, compression=3,
// variadicBufferCounts=4.
func (s *arrowSchema) batch(t flatTable, size int64, a *account) ([]arrowRegion, error) {
	b := arrowBatch{table: t, body: size}
	b.node, b.nodes = t.vector(1, 16)
	b.buf, b.bufs = t.vector(2, 16)
	b.view, b.views = t.vector(4, 8)
	b.packed = t.table(3).exists()
	for i := range s.fields {
		if err := b.field(&s.fields[i], s.fields[i].name); err != nil {
			return nil, err
		}
	}
	if b.nodes > 0 || b.bufs > 0 {
		return nil, malformedArrow("a batch of more columns than its schema")
	}
	b.gap(size)
	if b.packed && slices.ContainsFunc(b.regions, arrowRegion.matters) && (a.masks() || a.treat == opened && slices.ContainsFunc(b.regions, arrowRegion.ofVectors)) {
		return nil, fmt.Errorf("%w: compressed", ErrUnmaskable)
	}
	return b.regions, nil
}

// field reads what belongs to a field, and to its parts.
func (b *arrowBatch) field(f *arrowField, name string) error {
	if b.nodes == 0 {
		return malformedArrow("a batch of fewer columns than its schema")
	}
	length := int64(b.table.num(b.node, 8))  //nolint:gosec // checked
	nulls := int64(b.table.num(b.node+8, 8)) //nolint:gosec // checked
	b.node, b.nodes = b.node+16, b.nodes-1
	if length < 0 || length > maxArrowRows || nulls < 0 || nulls > length {
		return malformedArrow("a column of no length")
	}
	buffers, content, err := b.layout(f)
	if err != nil {
		return err
	}
	for range buffers {
		if _, err := b.buffer(arrowPlain); err != nil {
			return err
		}
	}
	for range content {
		if _, err := b.buffer(arrowText); err != nil {
			return err
		}
	}
	if f.vectors() {
		return b.vectors(f, name, length)
	}
	if f.coded {
		return nil
	}
	for i := range f.children {
		if err := b.field(&f.children[i], name); err != nil {
			return err
		}
	}
	return nil
}

// layout returns how many buffers a field has that are passed, and how many, after them, hold text or bytes.
func (b *arrowBatch) layout(f *arrowField) (plain, text int, err error) {
	if f.coded {
		return 2, 0, nil // validity, indices
	}
	switch f.typ {
	case arrowNull, arrowRunEnds:
		return 0, 0, nil
	case arrowInt, arrowFloat, arrowBool, arrowDecimal, arrowDate, arrowTime, arrowTimestamp, arrowInterval, arrowDuration:
		return 2, 0, nil
	case arrowFixedBinary:
		return 1, 1, nil
	case arrowBinary, arrowUtf8, arrowLargeBinary, arrowLargeUtf8:
		return 2, 1, nil
	case arrowBinaryView, arrowUtf8View:
		if b.views == 0 {
			return 0, 0, malformedArrow("views without their number")
		}
		n := b.table.num(b.view, 8)
		if b.view, b.views = b.view+8, b.views-1; n > maxArrowFields {
			return 0, 0, malformedArrow("too many buffers")
		}
		return 1, 1 + int(n), nil //nolint:gosec // checked
	case arrowList, arrowLargeList, arrowMap:
		return 2, 0, nil
	case arrowListView, arrowLargeListView:
		return 3, 0, nil
	case arrowStruct, arrowFixedList:
		return 1, 0, nil
	case arrowUnion:
		if f.union {
			return 2, 0, nil
		}
		return 1, 0, nil
	}
	return 0, 0, malformedArrow("a column of no known type")
}

// buffer reads the next buffer: they follow each other in the body.
func (b *arrowBatch) buffer(is arrowContent) (*arrowRegion, error) {
	if b.bufs == 0 {
		return nil, malformedArrow("a batch of fewer buffers than its columns have")
	}
	from := int64(b.table.num(b.buf, 8))     //nolint:gosec // checked
	length := int64(b.table.num(b.buf+8, 8)) //nolint:gosec // checked
	b.buf, b.bufs = b.buf+16, b.bufs-1
	if length == 0 {
		return &arrowRegion{}, nil
	}
	if from < b.end || length < 0 || length > b.body-from {
		return nil, malformedArrow("a buffer that is somewhere else")
	}
	b.gap(from)
	b.end = from + length
	if is == arrowPlain {
		return &arrowRegion{}, nil
	}
	b.regions = append(b.regions, arrowRegion{from: from, to: b.end, is: is})
	return &b.regions[len(b.regions)-1], nil
}

// gap notes what stands between the last buffer and the next one, or the body's end.
func (b *arrowBatch) gap(to int64) {
	if b.end < to {
		b.regions = append(b.regions, arrowRegion{from: b.end, to: to, is: arrowPadding})
	}
}

// vectors reads the numbers of a list's vectors. How many rows are null is what somebody says: their numbers may be there all the same, and of lists
// of a fixed size always are. They count.
func (b *arrowBatch) vectors(f *arrowField, name string, lists int64) error {
	if b.nodes == 0 {
		return malformedArrow("a batch of fewer columns than its schema")
	}
	numbers := int64(b.table.num(b.node, 8)) //nolint:gosec // checked
	b.node, b.nodes = b.node+16, b.nodes-1
	if _, err := b.buffer(arrowPlain); err != nil { // validity
		return err
	}
	r, err := b.buffer(arrowVectors)
	if err != nil || r.to == 0 {
		return err
	}
	r.cells, r.name, r.row, r.dims = f.children[0].width, name, r.to-r.from, numbers
	fixed := f.typ == arrowFixedList
	switch {
	case numbers < 0 || fixed && (f.list <= 0 || numbers != lists*f.list):
		return malformedArrow("lists of another length")
	case !b.packed && numbers > r.row/r.cells.width():
		return malformedArrow("lists of more numbers than there are")
	case b.packed || !fixed: // how they lie in it is not known here
		r.plain, r.more = true, max(0, lists-1)
		return nil
	}
	to := r.to
	r.dims, r.row, r.to = f.list, r.cells.bytes(f.list), r.from+r.cells.bytes(numbers)
	if r.to < to {
		b.regions = append(b.regions, arrowRegion{from: r.to, to: to, is: arrowPadding})
	}
	return nil
}
