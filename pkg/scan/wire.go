package scan

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrCompressed says that a gRPC message is compressed. Nobody was asked to compress it.
var ErrCompressed = errors.New("a message is compressed")

// MaxMessage is the longest gRPC message that is read, in bytes: what Milvus sends at most, and more than any client takes unasked.
const MaxMessage = 512 << 20

// WireEvent is what Wire.Next stopped at.
type WireEvent uint8

// The events.
const (
	WireMore  WireEvent = iota // all of the source is consumed; the messages go on, or end here
	WireFrame                  // a message begins, Left bytes long
	WireOpen                   // a message begins in it, Left bytes long, at a Place that paths go through
	WireClose                  // that message is over
	WireValue                  // a field at a Place where a path ends begins: Kind says what follows, of which Left bytes are still to be read
	WireOther                  // a field that no path knows, or of a kind that no path can go on through: the same
	WireEnd                    // the message is over
)

// WireKind is how a field is written (protobuf's "Encoding" page).
type WireKind uint8

// The kinds. Groups are refused: proto3 has none.
const (
	WireVarint  WireKind = 0 // the value is part of Head
	WireFixed64 WireKind = 1
	WireBytes   WireKind = 2 // strings, bytes, messages, packed numbers
	WireFixed32 WireKind = 5
)

// maxHead is the longest that can stand before a field's payload: a tag of five bytes, and a varint of ten.
const maxHead = 15

// Wire reads protobuf messages (protobuf's "Encoding" page), each with the five bytes that gRPC puts before it, over any chunking. It goes
// into the messages that paths go through and passes over everything else. It is strict: field number 0, groups, what ends beyond the
// message that it is in, and varints that are longer than they need be or than ten bytes are ErrMalformed. It belongs to one goroutine and
// allocates nothing.
type Wire struct {
	numbers  *Numbers
	messages int64 // begun
	at       int64 // bytes of the message that runs
	left     int64 // of the field that runs
	depth    int
	framed   bool // a message runs
	open     [MaxWireDepth + 1]opened

	raw   []byte // the head of the last event
	head  [maxHead]byte
	n     int // of head: what came of one in pieces
	took  int // of the last head, in the last call
	place Place
	kind  WireKind
	value uint64
}

// opened is a message that runs.
type opened struct {
	place Place
	end   int64
}

// NewWire returns a reader that follows the paths.
func NewWire(ns *Numbers) Wire { return Wire{numbers: ns} }

// Place returns where the last event was; NoPlace for WireOther.
func (w *Wire) Place() Place { return w.place }

// Kind returns how the last WireValue or WireOther is written.
func (w *Wire) Kind() WireKind { return w.kind }

// Value returns the varint that the last WireValue or WireOther is.
func (w *Wire) Value() uint64 { return w.value }

// Head returns the bytes of the last event: a frame's head, a field's tag and length, or its tag and varint. Valid until Next.
func (w *Wire) Head() []byte { return w.raw }

// Left returns how many bytes of the field that runs are still to be taken by Skip; Next goes on when there are none.
func (w *Wire) Left() int64 { return w.left }

// Length returns how long the message is that the last WireFrame or WireOpen began.
func (w *Wire) Length() int64 { return w.open[w.depth].end - w.at }

// Depth returns how many messages run within the outermost one.
func (w *Wire) Depth() int { return w.depth }

// Done reports whether no message runs, nor the head of one.
func (w *Wire) Done() bool { return !w.framed && w.n == 0 }

// Skip takes n bytes of the field that runs.
func (w *Wire) Skip(n int) {
	w.left -= int64(n)
	w.at += int64(n)
}

// Unread takes back a varint that Next returned last, as far as it stood in that call's source, and returns how many bytes those are: Next
// is to be given them again.
func (w *Wire) Unread() int {
	n := w.took
	w.at -= int64(len(w.raw))
	w.n = copy(w.head[:], w.raw[:len(w.raw)-n])
	w.took, w.raw = 0, nil
	return n
}

// Fail returns an error at the current position that wraps ErrMalformed. It never holds what was read.
func (w *Wire) Fail(what string) error {
	return fmt.Errorf("%w: %s at byte %d of message %d", ErrMalformed, what, w.at, w.messages)
}

// EndOfInput says that nothing follows, and fails if a message is not complete.
func (w *Wire) EndOfInput() error {
	if !w.Done() {
		return w.Fail("the end of the input")
	}
	return nil
}

// Next reads on from the end of the field that ran, up to the next event, and returns how much of src that was.
func (w *Wire) Next(src []byte) (WireEvent, int, error) {
	switch {
	case !w.framed:
		return w.frame(src)
	case w.at == w.open[w.depth].end && w.n == 0:
		w.took, w.raw, w.place = 0, nil, w.open[w.depth].place
		if w.depth == 0 {
			w.framed = false
			return WireEnd, 0, nil
		}
		w.depth--
		return WireClose, 0, nil
	case w.n == 0 && len(src) >= maxHead:
		return w.wholeField(src)
	}
	return w.field(src)
}

// frame reads what gRPC puts before a message: a flag, and the length in four bytes.
func (w *Wire) frame(src []byte) (WireEvent, int, error) {
	const size = 5
	n := copy(w.head[w.n:size], src)
	w.n += n
	switch {
	case w.n == 0:
		return WireMore, 0, nil
	case w.head[0] == 1:
		return WireMore, n, fmt.Errorf("%w: message %d", ErrCompressed, w.messages+1)
	case w.head[0] != 0:
		return WireMore, n, fmt.Errorf("%w: message %d begins with no flag of gRPC", ErrMalformed, w.messages+1)
	case w.n < size:
		return WireMore, n, nil
	}
	length := int64(binary.BigEndian.Uint32(w.head[1:]))
	if length > MaxMessage {
		return WireMore, n, fmt.Errorf("%w: message %d is longer than %d bytes", ErrMalformed, w.messages+1, MaxMessage)
	}
	w.messages++
	w.framed, w.depth, w.at, w.place = true, 0, 0, 0
	w.open[0] = opened{end: length}
	w.raw, w.n, w.took = w.head[:size], 0, n
	return WireFrame, n, nil
}

// wholeField reads a field's tag and what belongs to its head, all of which is in src if it is anywhere.
func (w *Wire) wholeField(src []byte) (WireEvent, int, error) {
	room := min(w.open[w.depth].end-w.at, maxHead)
	f, size, ok := parseHead(src[:room])
	if !ok || size == 0 {
		return WireMore, 0, w.Fail("no field")
	}
	w.raw, w.took = src[:size], size
	w.at += int64(size)
	return w.begin(f, size)
}

// field reads a piece of a head.
func (w *Wire) field(src []byte) (WireEvent, int, error) {
	room := w.open[w.depth].end - w.at - int64(w.n) // what its message has for it yet
	n := copy(w.head[w.n:], src[:min(int64(len(src)), room)])
	had := w.n
	f, size, ok := parseHead(w.head[:had+n])
	switch {
	case !ok || size == 0 && int64(n) == room:
		return WireMore, n, w.Fail("no field")
	case size == 0:
		w.n = had + n
		return WireMore, n, nil
	}
	w.raw, w.n, w.took = w.head[:size], 0, size-had
	w.at += int64(size)
	return w.begin(f, w.took)
}

// begin opens a field whose head was read.
func (w *Wire) begin(f wireHead, n int) (WireEvent, int, error) {
	rest := w.open[w.depth].end - w.at
	w.kind, w.value, w.left = f.kind, f.value, 0
	switch f.kind {
	case WireFixed64:
		w.left = 8
	case WireFixed32:
		w.left = 4
	case WireBytes:
		if f.value > uint64(rest) { //nolint:gosec // not negative
			return WireMore, n, w.Fail("a field that goes on beyond its message")
		}
		w.left = int64(f.value) //nolint:gosec // at most rest
	case WireVarint:
	}
	if w.left > rest {
		return WireMore, n, w.Fail("a field that goes on beyond its message")
	}
	w.place = w.numbers.child(w.open[w.depth].place, f.number)
	switch {
	case w.place == NoPlace:
		return WireOther, n, nil
	case w.numbers.Leaf(w.place):
		return WireValue, n, nil
	case f.kind != WireBytes: // to the client's reader a field that it does not know
		w.place = NoPlace
		return WireOther, n, nil
	}
	w.depth++
	w.open[w.depth] = opened{place: w.place, end: w.at + w.left}
	w.left = 0
	return WireOpen, n, nil
}

// wireHead is a field's tag, and the varint after it: its value, or its length.
type wireHead struct {
	number uint32
	kind   WireKind
	value  uint64
}

// parseHead reads a head. size is 0 where b ends before it does; ok is false for what begins none.
func parseHead(b []byte) (f wireHead, size int, ok bool) {
	if len(b) >= 2 && b[0] < 0x80 && b[1] < 0x80 && b[0]&7 == byte(WireBytes) && b[0] > 7 { // most of them
		return wireHead{uint32(b[0] >> 3), WireBytes, uint64(b[1])}, 2, true
	}
	tag, n := Uvarint(b)
	if n <= 0 {
		return f, 0, n == 0 && len(b) < 5 // no tag is longer
	}
	if tag>>3 == 0 || tag>>3 > maxFieldNumber {
		return f, 0, false
	}
	f.number, f.kind = uint32(tag>>3), WireKind(tag&7) //nolint:gosec // 29 bits, 3 bits
	switch f.kind {
	case WireFixed32, WireFixed64:
		return f, n, true
	case WireVarint, WireBytes:
		v, m := Uvarint(b[n:])
		if m <= 0 {
			return f, 0, m == 0
		}
		f.value = v
		return f, n + m, true
	}
	return f, 0, false
}

// Uvarint reads the varint that b begins with, and returns how long it is: 0 where b ends before it does, less for none. One that is longer
// than it need be is none: no encoder writes it, and readers differ in what they make of it.
func Uvarint(b []byte) (uint64, int) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), 1
	}
	v, n := binary.Uvarint(b)
	if n > 1 && b[n-1] == 0 {
		return 0, -n
	}
	return v, n
}
