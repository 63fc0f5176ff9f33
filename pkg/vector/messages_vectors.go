package vector

import (
	"encoding/binary"
	"math"
	"strconv"

	"github.com/weirgate/weir/pkg/scan"
)

// occurs notes that a field occurs, and reports whether what it holds goes on with what came before in the same message.
func (m *messages) occurs(s *wireSpot) (goesOn bool) {
	if within := m.open[s.depth-1]; s.within != within {
		s.within, s.nth = within, 0
	} else {
		s.nth++
	}
	pairs := s.encoding == scan.EncodingSparse && m.wire.Kind() == scan.WireBytes
	if in := m.open[s.group]; s.instance != in || s.each || pairs {
		s.instance, s.bytes, s.rows, s.count = in, 0, 0, 0
		return false
	}
	return true
}

// vector begins a field that holds a vector, several end to end, or a part of one.
func (m *messages) vector(s *wireSpot) error {
	goesOn := m.occurs(s)
	if s.encoding == scan.EncodingInts {
		return m.wholeNumbers(s, goesOn)
	}
	c, ok := m.cellsHere(s)
	if c == cellsText {
		m.in = inOther
		return m.unknown(m.wire.Head())
	}
	left := m.wire.Left()
	dims, known := m.lengthOf(s)
	switch rows := m.isRows(s, c); {
	case !ok:
		return m.odd("something else in a vector's place")
	case rows:
		m.few.n = 0
		m.in = inPrefix
		m.putHead()
		return nil
	case left%c.width() != 0:
		return m.odd("bytes that are not whole components")
	case left > 0 && !known:
		return m.odd("vectors before their length")
	}
	row := left
	if dims > 0 {
		row = c.bytes(dims)
	}
	if packed := m.wire.Kind() == scan.WireBytes; packed && row > 0 && (left%row != 0 || dims > 0 && s.bytes%row != 0) {
		return m.odd("bytes that are not whole vectors")
	}
	m.in = inCells
	m.putHead()
	m.startCells(s, c, row, dims, goesOn && s.bytes > 0)
	s.bytes += left
	return nil
}

// startCells makes ready for the bytes of a field.
func (m *messages) startCells(s *wireSpot, c cells, row, dims int64, goesOn bool) {
	left := m.wire.Left()
	single := m.wire.Kind() != scan.WireBytes
	has := s.bytes
	if dims > 0 {
		goesOn = goesOn && has%row != 0
		has %= row
	}
	switch {
	case goesOn:
		m.cells.goOn(c, has, left)
	case single:
		s.rows++
		m.cells.start(c, left, s.names, true)
	default:
		s.rows++
		m.cells.start(c, row, m.namesOf(s), s.sparse)
		if dims > 0 {
			m.cells.dims = dims
		}
	}
}

// cellsHere returns how the field that runs is written; ok is false where it is not as it was declared.
func (m *messages) cellsHere(s *wireSpot) (c cells, ok bool) {
	c = cellsOf(s.encoding)
	kind := m.wire.Kind()
	switch {
	case kind == scan.WireVarint, s.each && kind != scan.WireBytes:
		return noCells, false
	case s.listed && s.typed != scan.NoPlace:
		t, _ := m.tensor(s)
		return t.cells, t.cells != noCells
	case s.typed != scan.NoPlace:
		n := m.said(s.typed)
		if n == nil {
			return noCells, false
		}
		return n.cells, n.cells != noCells
	case s.encoding == scan.EncodingAuto, s.encoding == scan.EncodingSparse && kind != scan.WireBytes:
		if c = cellsF32; kind == scan.WireFixed64 {
			c = cellsF64
		}
	}
	return c, kind == scan.WireBytes || kind == scan.WireFixed32 && c == cellsF32 || kind == scan.WireFixed64 && c == cellsF64
}

// isRows reports whether the field that runs holds rows behind their length.
func (m *messages) isRows(s *wireSpot, c cells) bool {
	return c == cellsF32 && s.encoding == scan.EncodingF32 && s.dims == scan.NoPlace && m.wire.Kind() == scan.WireBytes && m.wire.Left()%4 == 2
}

// prefixPiece takes the length of a multi-vector's rows.
func (m *messages) prefixPiece(src []byte) (int, error) {
	n, complete := m.few.add(src, 2)
	if !m.rebuilds {
		m.put(src[:n])
	}
	if !complete {
		return n, nil
	}
	row := 4 * int64(binary.LittleEndian.Uint16(m.few.buf[:]))
	left := m.wire.Left() - int64(n)
	if row > 0 && left%row == 0 {
		m.in = inCells
		m.cells.start(cellsF32, row, m.namesOf(m.spot), m.spot.sparse)
		return n, nil
	}
	if left == 0 || m.treat == opened {
		m.in = inPassed
		return n, nil
	}
	return n, m.wire.Fail("bytes that are not whole vectors")
}

// wholeNumbers begins a field of whole numbers.
func (m *messages) wholeNumbers(s *wireSpot, goesOn bool) error {
	dims, known := m.lengthOf(s)
	switch left := m.wire.Left(); {
	case m.wire.Kind() != scan.WireBytes:
		return m.odd("whole numbers that are not packed")
	case left > 0 && (!known || goesOn && s.bytes > 0):
		return m.odd("vectors before their length, or in pieces")
	}
	m.in = inVarints
	m.putHead()
	m.ints.start(false, dims, m.wire.Left())
	s.bytes += m.wire.Left()
	return nil
}

// indices begins a field of a sparse vector's indices.
func (m *messages) indices(s *wireSpot) error {
	if m.treat == refused {
		return ErrVectorRefused
	}
	kind := m.wire.Kind()
	group := s.depth - 1
	if kind == scan.WireVarint { // one in each of a list's messages
		group = max(0, s.depth-2)
	}
	if in := m.open[group]; s.instance != in {
		s.instance = in
		m.ints.forget()
	}
	switch kind {
	case scan.WireVarint:
		m.ints.number(m.wire.Head(), m.wire.Value())
		return nil
	case scan.WireBytes:
		m.in = inVarints
		m.putHead()
		m.ints.start(true, 0, m.wire.Left())
		return nil
	}
	return m.odd("something else in the place of indices")
}

// rowsOf takes the number that says how many vectors the ones were that came before it. They are asked for now; what is read of the message
// is nothing without its end.
func (m *messages) rowsOf(s *wireSpot) error {
	v := &m.spots[s.of]
	if m.wire.Kind() != scan.WireVarint {
		return m.odd("something else in the place of a number of vectors")
	}
	if v.within == m.open[s.depth-1] && v.bytes > 0 {
		n := m.wire.Value()
		if n == 0 || n > math.MaxInt32 || v.bytes%int64(n) != 0 {
			return m.odd("vectors of different lengths")
		}
		for ; v.rows < int64(n); v.rows++ {
			if err := m.begin(); err != nil {
				return err
			}
		}
	}
	if !m.rebuilds {
		m.put(m.wire.Head())
	}
	return nil
}

// appendBlanks appends n of them.
func appendBlanks(out []byte, n int) []byte {
	for range n {
		out = append(out, ' ')
	}
	return out
}

// beginScores begins a field that holds a score, or several, or what tells of one in words.
func (m *messages) beginScores(s *wireSpot) error {
	m.occurs(s)
	kind := m.wire.Kind()
	if s.encoding == scan.EncodingText {
		if kind != scan.WireBytes {
			return m.wire.Fail("something else in the place of words about a score")
		}
		m.in = inWords
		m.put(m.wire.Head())
		return nil
	}
	width := int64(4)
	if kind == scan.WireFixed64 || kind == scan.WireBytes && s.encoding == scan.EncodingDoubles {
		width = 8
	}
	if kind == scan.WireVarint || m.wire.Left()%width != 0 {
		return m.wire.Fail("something else in a score's place")
	}
	m.in = inScores
	m.few.n = 0
	s.bytes = width
	m.put(m.wire.Head())
	return nil
}

// scorePiece takes a piece of a score, and lets leave what becomes of it.
func (m *messages) scorePiece(src []byte) (int, error) {
	s := m.spot
	b := m.few.buf[:s.bytes]
	n, complete := m.few.add(src, len(b))
	if !complete {
		return n, nil
	}
	m.few.n = 0
	s.count++
	var score float64
	if len(b) == 8 {
		score = math.Float64frombits(binary.LittleEndian.Uint64(b))
	} else {
		score = float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
	}
	var text [400]byte // the longest float64 in decimals
	out, ok := m.scores.appendScore(text[:0], score, s.count)
	if score, err := strconv.ParseFloat(string(out), 64); ok && err == nil {
		if len(b) == 8 {
			binary.LittleEndian.PutUint64(b, math.Float64bits(score))
		} else {
			binary.LittleEndian.PutUint32(b, math.Float32bits(float32(score)))
		}
		m.put(b)
		return n, nil
	}
	return n, m.wire.Fail("a score out of range")
}
