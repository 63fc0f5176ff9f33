package vector

import (
	"fmt"

	"github.com/weirgate/weir/pkg/scan"
)

// wireKind is what a place of messages is to hold. The zero value is one on the way to others, or one whose value is nobody's concern.
type wireKind uint8

const (
	wirePlain wireKind = iota
	wireVector
	wireIndices
	wireScore
	wireName   // of vectors
	wireLength // of vectors
	wireType   // of tensors
	wireRows   // how many vectors came
)

// wireSpot is a place of messages, and what is known of the field there.
type wireSpot struct {
	kind     wireKind
	set      bool // a field is declared here
	depth    int
	encoding scan.Encoding
	sparse   bool // the values of a sparse vector
	each     bool // every occurrence is a vector, or several
	group    int  // how deep the message is that one vector, or one list of scores, is spread over

	names              []string // of a vector, as its fields say
	named, dims, typed scan.Place
	listed             bool       // dims and typed are those of the message of the same index in a list beside the field
	of                 scan.Place // of wireRows: the vectors

	// What has come.
	instance uint64 // the message of the group that it stood in
	bytes    int64  // of the vector, or vectors
	rows     int64  // vectors of those bytes
	count    int64  // scores of the list
	nth      int    // which occurrence in its message the last one was
	within   uint64 // that message

	// Of a note: what it says, and who has asked.
	text   []byte
	number int64
	cells  cells
	used   uint64

	// Of a list's messages: what each says.
	isList bool
	list   []tensorNote
}

// tensorNote is what a message of a list says of a tensor.
type tensorNote struct {
	dims  int64 // the last number of its shape; less than 0 for none
	cells cells
}

// opens reports whether an opener has something to do at the field.
func opens(f scan.Field) bool {
	switch f.Encoding {
	case scan.EncodingAuto, scan.EncodingFloats, scan.EncodingDoubles, scan.EncodingF32:
		return (f.Role == scan.RoleVector || f.Role == "") && f.Type == ""
	}
	return false
}

// compile knows the places of the fields.
func (m *messages) compile(fields []scan.Field) error {
	var kept []scan.Field
	for _, f := range fields {
		if m.treat == opened && !opens(f) {
			continue
		}
		kept = append(kept, f)
		for _, path := range [...]string{f.Path, f.Named, f.Dims, f.Type, f.Rows} {
			if path == "" && path != f.Path {
				continue
			}
			if _, err := m.numbers.Add(path); err != nil {
				return err
			}
		}
	}
	m.spots = make([]wireSpot, m.numbers.Len())
	for p := range m.spots {
		s := &m.spots[p]
		s.named, s.dims, s.typed = scan.NoPlace, scan.NoPlace, scan.NoPlace
		if p > 0 {
			s.depth = m.numbers.Depth(scan.Place(p)) //nolint:gosec // bounded by the paths
		}
	}
	for _, f := range kept {
		if err := m.declare(f); err != nil {
			return fmt.Errorf("field %q: %w", f.Path, err)
		}
	}
	for _, f := range kept { // values beside indices
		if f.Role == scan.RoleIndices {
			m.sparseBeside(f)
		}
	}
	return nil
}

// place returns a place that was added.
func (m *messages) place(path string) scan.Place {
	p, _ := m.numbers.Add(path) // it is known
	return p
}

func (m *messages) sparseBeside(f scan.Field) {
	up := m.numbers.Up(m.place(f.Path))
	for p := range m.spots[1:] {
		if at := scan.Place(p + 1); m.numbers.Up(at) == up && m.spots[at].kind == wireVector { //nolint:gosec // bounded by the paths
			m.spots[at].sparse = true
		}
	}
}

// declare notes what a field is.
func (m *messages) declare(f scan.Field) error {
	p := m.place(f.Path)
	s := &m.spots[p]
	kind := wireVector
	switch f.Role {
	case scan.RoleVector, "":
	case scan.RoleIndices:
		kind = wireIndices
	case scan.RoleScore:
		if kind = wireScore; m.scores.mode == keepScores {
			kind = wirePlain
		}
		m.changes = m.changes || kind == wireScore
	default:
		return fmt.Errorf("role %q is not known", f.Role)
	}
	if kind == wireVector && f.Encoding != scan.EncodingAuto && f.Encoding != scan.EncodingInts && cellsOf(f.Encoding) == noCells {
		return fmt.Errorf("encoding %q is not one of protobuf", f.Encoding)
	}
	switch {
	case !m.numbers.Leaf(p):
		return fmt.Errorf("another path goes on below it")
	case s.set && (kind != wireVector || s.kind != kind || s.encoding != f.Encoding):
		return fmt.Errorf("it is declared twice")
	}
	s.kind, s.set, s.encoding, s.names = kind, true, f.Encoding, append(append(s.names, f.Name), f.Others...)
	s.each = f.Type != "" || f.Encoding == scan.EncodingF32 || f.Encoding == scan.EncodingF16 || f.Encoding == scan.EncodingBF16 ||
		f.Encoding == scan.EncodingI8 || f.Encoding == scan.EncodingBits
	s.group = s.depth - 1
	if kind == wireScore || f.Encoding == scan.EncodingSparse {
		s.group = max(0, s.depth-2)
	}
	return m.declareNotes(f, p)
}

// declareNotes notes where else something is said of a field.
func (m *messages) declareNotes(f scan.Field, p scan.Place) error {
	s := &m.spots[p]
	for _, n := range [...]struct {
		path string
		kind wireKind
		to   *scan.Place
	}{{f.Named, wireName, &s.named}, {f.Dims, wireLength, &s.dims}, {f.Type, wireType, &s.typed}} {
		if n.path == "" {
			continue
		}
		at := m.place(n.path)
		*n.to = at
		if err := m.declareNote(at, n.kind); err != nil {
			return err
		}
		up := m.numbers.Up(at)
		if m.numbers.Within(p, up) {
			continue
		}
		if n.kind == wireName || up == 0 || m.numbers.Up(up) != m.numbers.Up(p) {
			return fmt.Errorf("%q is not said of it", n.path)
		}
		s.listed, m.spots[up].isList = true, true
	}
	if f.Rows == "" {
		return nil
	}
	at := m.place(f.Rows)
	if m.numbers.Up(at) != m.numbers.Up(p) {
		return fmt.Errorf("%q is not said of it", f.Rows)
	}
	m.spots[at].of = p
	return m.declareNote(at, wireRows)
}

func (m *messages) declareNote(at scan.Place, kind wireKind) error {
	n := &m.spots[at]
	if !m.numbers.Leaf(at) || n.set && n.kind != kind {
		return fmt.Errorf("what is said of it stands where something else does")
	}
	n.kind, n.set = kind, true
	return nil
}
