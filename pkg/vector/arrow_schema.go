package vector

import (
	"fmt"
	"slices"

	"github.com/weirgate/weir/pkg/scan"
)

// arrowSchema is what the first message says of the columns.
type arrowSchema struct {
	declared []string // names of columns that hold vectors
	fields   []arrowField
	known    bool
	count    int  // fields in all, parts included
	names    int  // bytes of their names
	lists    bool // some column holds lists of numbers
	coded    bool // some column's values are in a dictionary
}

// arrowField is a column, or a part of one.
type arrowField struct {
	name     string
	typ      arrowType
	width    cells // of numbers
	list     int64 // of a list of fixed size
	bytes    int64 // of bytes of fixed size
	coded    bool  // its values are numbers of a dictionary's
	union    bool  // a dense one
	declared bool
	children []arrowField
}

// arrowType is a type of Arrow's (format/Schema.fbs).
type arrowType uint8

const (
	arrowNull          arrowType = 1
	arrowInt           arrowType = 2
	arrowFloat         arrowType = 3
	arrowBinary        arrowType = 4
	arrowUtf8          arrowType = 5
	arrowBool          arrowType = 6
	arrowDecimal       arrowType = 7
	arrowDate          arrowType = 8
	arrowTime          arrowType = 9
	arrowTimestamp     arrowType = 10
	arrowInterval      arrowType = 11
	arrowList          arrowType = 12
	arrowStruct        arrowType = 13
	arrowUnion         arrowType = 14
	arrowFixedBinary   arrowType = 15
	arrowFixedList     arrowType = 16
	arrowMap           arrowType = 17
	arrowDuration      arrowType = 18
	arrowLargeBinary   arrowType = 19
	arrowLargeUtf8     arrowType = 20
	arrowLargeList     arrowType = 21
	arrowRunEnds       arrowType = 22
	arrowBinaryView    arrowType = 23
	arrowUtf8View      arrowType = 24
	arrowListView      arrowType = 25
	arrowLargeListView arrowType = 26
)

// vectors reports whether the field holds lists of numbers.
func (f *arrowField) vectors() bool {
	switch f.typ {
	case arrowList, arrowLargeList, arrowListView, arrowLargeListView, arrowFixedList:
		return len(f.children) == 1 && f.children[0].width != noCells
	}
	return false
}

// message reads a message's metadata: what of its body, size bytes long, is to be looked at.
func (s *arrowSchema) message(meta []byte, a *account) (regions []arrowRegion, size int64, err error) {
	broken := false
	m := flatRoot(meta, &broken)
	kind, header := m.number(1, 1), m.table(2)
	size = m.length(3)
	switch {
	case kind == 1 && !s.known:
		s.known = true
		s.fields = s.read(header, 1, 0)
		if size > 0 || header.number(0, 2) != 0 {
			return nil, 0, malformedArrow("a schema with a body, or of big-endian numbers")
		}
		if !broken {
			err = s.judge(a)
		}
	case kind == 2 && s.known: // DictionaryBatch: data=1
		regions = []arrowRegion{{is: arrowText, to: size}}
		if header.table(1).table(3).exists() && a.masks() {
			err = fmt.Errorf("%w: compressed", ErrUnmaskable)
		}
	case kind == 3 && s.known:
		regions, err = s.batch(header, size, a)
	default:
		return nil, 0, malformedArrow("a message of another kind")
	}
	if broken {
		return nil, 0, malformedArrow("metadata that is none")
	}
	return regions, size, err
}

// read reads the fields of a schema, or of another field.
func (s *arrowSchema) read(t flatTable, n, depth int) []arrowField {
	at, count := t.vector(n, 4)
	if s.count += count; depth > scan.MaxDepth || s.count > maxArrowFields { // one table may be part of many
		*t.broken = true
		return nil
	}
	fields := make([]arrowField, 0, count)
	for i := range count {
		t := flatTable{t.buf, t.follow(at + 4*i), t.broken}
		if *t.broken {
			return nil
		}
		f := arrowField{name: t.text(0), typ: arrowType(t.number(2, 1)), coded: t.table(4).exists()} //nolint:gosec // one byte
		if s.names += len(f.name); s.names > len(t.buf) {                                            // one text may be the name of many
			*t.broken = true
			return nil
		}
		details := t.table(3)
		switch f.typ {
		case arrowInt:
			f.width = map[uint64]cells{8: cellsI8, 16: cellsI16, 32: cellsI32, 64: cellsI64}[details.number(0, 4)]
		case arrowFloat:
			f.width = map[uint64]cells{0: cellsF16, 1: cellsF32, 2: cellsF64}[details.number(0, 2)]
		case arrowFixedList:
			f.list = int64(details.number(0, 4)) //nolint:gosec // 32 bits
		case arrowFixedBinary:
			f.bytes = int64(details.number(0, 4)) //nolint:gosec // 32 bits
		case arrowUnion:
			f.union = details.number(0, 2) == 1
		}
		f.children = s.read(t, 5, depth+1)
		f.declared = depth == 0 && slices.Contains(s.declared, f.name)
		s.lists = s.lists || f.vectors()
		s.coded = s.coded || f.coded && len(f.children) > 0
		fields = append(fields, f)
	}
	return fields
}

// maxArrowFields bounds the columns and their parts, all together.
const maxArrowFields = 1 << 16

// judge refuses columns that cannot be counted or masked.
func (s *arrowSchema) judge(a *account) error {
	for _, f := range s.fields {
		if f.declared && a.treat != opened && !f.vectors() && !nestsVectors(f) && (f.typ != arrowNull) {
			return malformedArrow("a vector column that holds something else")
		}
	}
	switch {
	case s.coded:
		return malformedArrow("a dictionary of lists")
	case !s.lists:
		return nil
	case a.treat == refused:
		return ErrVectorRefused
	case a.treat == emptied:
		return fmt.Errorf("%w: Arrow's lengths stay", ErrUnmaskable)
	}
	return nil
}

// nestsVectors reports whether a column holds lists of vectors.
func nestsVectors(f arrowField) bool {
	for _, c := range f.children {
		if c.vectors() || nestsVectors(c) {
			return true
		}
	}
	return false
}
