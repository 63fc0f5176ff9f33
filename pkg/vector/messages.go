package vector

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/weirgate/weir/pkg/scan"
)

// maxRebuilt bounds what is left of a message whose vectors are redacted, in bytes: it is held until its length is known.
const maxRebuilt = 16 << 20

// ErrTooLarge says that more would have to be held than is, to judge a message. Refuse it.
var ErrTooLarge = errors.New("too large to be judged")

// messages is the engine of gRPC's messages. All masks but redact leave every length as it is, so that what was read may leave at once: a
// client can do nothing with a message whose last byte it has not got, and that leaves when all before it was judged.
type messages struct {
	*account
	numbers scan.Numbers
	wire    scan.Wire
	spots   []wireSpot // by place

	begun uint64                        // messages, the inner ones included
	open  [scan.MaxWireDepth + 1]uint64 // which of them runs at each depth

	rebuilds bool                              // lengths change
	body     []byte                            // of a message whose lengths change, as far as it was read
	lengths  [scan.MaxWireDepth + 1]bodyLength // of those that run

	in    wireInside
	spot  *wireSpot // where the field that runs stands
	cells cellRun
	ints  varintRun
	few   few
	other opaque
	known names
}

// wireInside is what kind of field runs.
type wireInside uint8

const (
	inOther  wireInside = iota // one that no path knows
	inPassed                   // one that is nobody's concern
	inCells
	inVarints
	inPrefix
	inScores
	inWords // about scores: blanks leave
	inNote
)

// bodyLength says where the length of a message stands in the one that is rebuilt, and where its content begins.
type bodyLength struct {
	at, content int
}

// few holds some bytes of a field until they can be read.
type few struct {
	buf [8]byte
	n   int
}

// add takes as many of src as make size of them, and reports whether they are complete.
func (f *few) add(src []byte, size int) (n int, ok bool) {
	n = copy(f.buf[f.n:size], src)
	f.n += n
	return n, f.n == size
}

func newMessages(fields []scan.Field, a *account, empty []string) (*messages, error) {
	if len(empty) > 0 {
		return nil, errors.New("fields of messages cannot be emptied: their paths are those of JSON")
	}
	m := &messages{account: a, rebuilds: a.treat == emptied}
	m.cells.account, m.ints.account, m.other.account = a, a, a
	if err := m.compile(fields); err != nil {
		return nil, err
	}
	m.wire = scan.NewWire(&m.numbers)
	return m, nil
}

// advance implements engine. What leaves of a message that is rebuilt goes to its body, until it is complete.
func (m *messages) advance(src []byte) (n int, err error) {
	out := m.out
	if m.rebuilds {
		m.out = m.body
	}
	for err == nil {
		var k int
		if left := m.wire.Left(); left > 0 {
			if n == len(src) {
				break
			}
			k, err = m.inside(src[n:][:min(left, int64(len(src)-n))])
			n += k
			continue
		}
		var ev scan.WireEvent
		ev, k, err = m.wire.Next(src[n:])
		n += k
		if ev == scan.WireMore {
			break
		}
		if err = m.event(ev); err != nil {
			if errors.Is(err, ErrGrant) {
				n -= m.wire.Unread()
			}
			break
		}
		switch {
		case !m.rebuilds:
		case len(m.out) > maxRebuilt:
			err = fmt.Errorf("%w: a message of more than %d bytes besides its vectors", ErrTooLarge, maxRebuilt)
		case ev == scan.WireEnd:
			out = append(out, m.out...)
			m.out = m.out[:0]
		}
	}
	if m.rebuilds {
		m.body, m.out = m.out, out
	}
	return n, err
}

// finish implements engine.
func (m *messages) finish() error { return m.wire.EndOfInput() }

// event follows what was read up to the end of a field's or message's head, or to a message's end.
func (m *messages) event(ev scan.WireEvent) error {
	if ev == scan.WireOther {
		m.in = inOther
		return m.unknown(m.wire.Head())
	}
	if err := m.other.flush(); err != nil {
		return err
	}
	switch ev {
	case scan.WireFrame, scan.WireOpen:
		m.messageBegins(ev == scan.WireFrame)
	case scan.WireClose:
		m.closeLength(m.lengths[m.wire.Depth()+1])
	case scan.WireEnd:
		if m.rebuilds {
			binary.BigEndian.PutUint32(m.out[1:], uint32(len(m.out)-m.lengths[0].content)) //nolint:gosec // at most maxRebuilt
		}
	case scan.WireValue:
		return m.value()
	case scan.WireMore, scan.WireOther:
	}
	return nil
}

// unknown lets leave what may of a field that no path knows.
func (m *messages) unknown(b []byte) error {
	if !m.masks() {
		m.put(b)
		return nil
	}
	return m.other.add(b)
}

func (m *messages) messageBegins(frame bool) {
	m.begun++
	depth := m.wire.Depth()
	m.open[depth] = m.begun
	head := m.wire.Head()
	size := 4
	if !frame {
		size = sizeUvarint(m.wire.Value())
		m.listed()
	}
	if m.rebuilds {
		content := len(m.out) + len(head)
		m.lengths[depth] = bodyLength{content - size, content}
	}
	m.put(head)
}

// closeLength writes the length that an inner message has in the end. It is never longer than it was.
func (m *messages) closeLength(l bodyLength) {
	if !m.rebuilds {
		return
	}
	var buf [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(buf[:], uint64(len(m.out)-l.content)) //nolint:gosec // not negative
	copy(m.out[l.at:], buf[:n])
	if shorter := l.content - l.at - n; shorter > 0 {
		m.out = m.out[:l.at+n+copy(m.out[l.at+n:], m.out[l.content:])]
	}
}

// putHead lets the head of a field leave whose payload may be emptied.
func (m *messages) putHead() {
	head := m.wire.Head()
	switch {
	case !m.rebuilds:
	case m.wire.Kind() == scan.WireBytes:
		m.put(head[:len(head)-sizeUvarint(m.wire.Value())])
		m.putByte(0)
		return
	default:
		return
	}
	m.put(head)
}

// inside takes a piece of the field that runs.
func (m *messages) inside(src []byte) (n int, err error) {
	ok := true
	switch m.in {
	case inOther:
		n, err = len(src), m.unknown(src)
	case inPassed:
		n = len(src)
		m.put(src)
	case inCells:
		n, err = m.cells.piece(src)
	case inVarints:
		if n, ok, err = m.ints.piece(src); !ok {
			err = m.wire.Fail("numbers that are none")
		}
	case inPrefix:
		n, err = m.prefixPiece(src)
	case inScores:
		n, err = m.scorePiece(src)
	case inWords:
		n = len(src)
		m.out = appendBlanks(m.out, n)
	case inNote:
		n, err = m.notePiece(src)
	}
	m.wire.Skip(n)
	return n, err
}

// value begins a field at a place that a path leads to.
func (m *messages) value() error {
	s := &m.spots[m.wire.Place()]
	m.spot, m.in = s, inPassed
	switch s.kind {
	case wireVector:
		return m.vector(s)
	case wireIndices:
		return m.indices(s)
	case wireScore:
		return m.beginScores(s)
	case wireName, wireLength, wireType:
		return m.beginNote(s)
	case wireRows:
		return m.rowsOf(s)
	case wirePlain:
	}
	m.put(m.wire.Head())
	return nil
}

// odd begins a field that is not what its place is to hold. An opener has no concern with it.
func (m *messages) odd(what string) error {
	if m.treat == opened {
		m.in = inPassed
		m.put(m.wire.Head())
		return nil
	}
	return m.wire.Fail(what)
}
