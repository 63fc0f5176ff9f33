package vector

import (
	"math"
	"unicode/utf8"

	"github.com/weirgate/weir/pkg/scan"
)

const (
	// maxNote bounds what says something of a vector (its name, its shape, its datatype), in bytes.
	maxNote = 256
	// maxListed bounds the messages of a list that say something of tensors.
	maxListed = 1 << 10
)

// listed notes that the message that begins is one of a list that says something of tensors.
func (m *messages) listed() {
	s := &m.spots[m.wire.Place()]
	if !s.isList {
		return
	}
	if within := m.open[s.depth-1]; s.within != within {
		s.within, s.list = within, s.list[:0]
	}
	s.list = append(s.list, tensorNote{dims: -1})
}

// beginNote begins a field that says something of vectors.
func (m *messages) beginNote(s *wireSpot) error {
	kind := m.wire.Kind()
	switch {
	case kind == scan.WireVarint && s.kind == wireLength:
		m.put(m.wire.Head())
		return m.noteEnds(s, m.wire.Value())
	case kind != scan.WireBytes:
		return m.wire.Fail("something else in the place of a vector's name, length or type")
	case m.wire.Left() > maxNote:
		return m.wire.Fail("a name, shape or type that is too long")
	}
	m.in = inNote
	s.text = s.text[:0]
	m.put(m.wire.Head())
	if m.wire.Left() == 0 {
		return m.noteRead(s)
	}
	return nil
}

// notePiece takes a piece of it.
func (m *messages) notePiece(src []byte) (int, error) {
	s := m.spot
	s.text = append(s.text, src...)
	if int64(len(src)) < m.wire.Left() {
		return len(src), nil
	}
	return len(src), m.noteRead(s)
}

// noteRead reads what a note says that is text, or packed numbers.
func (m *messages) noteRead(s *wireSpot) error {
	last := uint64(0)
	switch s.kind {
	case wireLength:
		if len(s.text) == 0 {
			m.put(s.text)
			return nil
		}
		for rest := s.text; len(rest) > 0; {
			v, n := scan.Uvarint(rest)
			if n <= 0 {
				return m.wire.Fail("a shape that is none")
			}
			last, rest = v, rest[n:]
		}
	default:
		if !utf8.Valid(s.text) {
			return m.wire.Fail("a name that is not UTF-8")
		}
		if m.masks() && Detect(s.text) {
			return ErrUndeclared
		}
	}
	m.put(s.text)
	return m.noteEnds(s, last)
}

// noteEnds notes what was said. It must have come before whom it concerns.
func (m *messages) noteEnds(s *wireSpot, number uint64) error {
	s.instance = m.open[s.depth-1]
	if s.used == s.instance {
		return m.wire.Fail("a vector's name, length or type after it")
	}
	if number > math.MaxInt32 {
		return m.wire.Fail("a vector that is too long")
	}
	s.number = int64(number)
	s.cells = noCells
	if s.kind == wireType {
		s.cells = cellsNamed(s.text)
	}
	up := &m.spots[m.numbers.Up(m.wire.Place())]
	if !up.isList {
		return nil
	}
	if len(up.list) > maxListed {
		return m.wire.Fail("too many tensors")
	}
	said := &up.list[len(up.list)-1]
	if s.kind == wireType {
		said.cells = s.cells
	} else {
		said.dims = s.number
	}
	return nil
}

// said returns the note at p that concerns the vector that runs; nil for none.
func (m *messages) said(p scan.Place) *wireSpot {
	n := &m.spots[p]
	n.used = m.open[n.depth-1]
	if n.instance != n.used {
		return nil
	}
	return n
}

// tensor returns what the list beside the field says of its occurrence.
func (m *messages) tensor(s *wireSpot) (tensorNote, bool) {
	note := s.dims
	if note == scan.NoPlace {
		note = s.typed
	}
	list := &m.spots[m.numbers.Up(note)]
	if list.within != m.open[list.depth-1] || s.nth >= len(list.list) {
		return tensorNote{}, false
	}
	return list.list[s.nth], true
}

// lengthOf returns how many components each vector of the field has; 0 where the field is one.
func (m *messages) lengthOf(s *wireSpot) (dims int64, ok bool) {
	switch {
	case s.dims == scan.NoPlace:
		return 0, true
	case s.listed:
		t, ok := m.tensor(s)
		return t.dims, ok && t.dims > 0
	}
	n := m.said(s.dims)
	if n == nil {
		return 0, false
	}
	return n.number, n.number > 0
}

// namesOf returns the names that the vector may have.
func (m *messages) namesOf(s *wireSpot) []string {
	if s.named == scan.NoPlace || m.treat != replaced && m.treat != opened {
		return s.names
	}
	n := m.said(s.named)
	if n == nil {
		return nil
	}
	n.names = append(n.names[:0], m.known.of(n.text))
	return n.names
}
