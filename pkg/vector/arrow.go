package vector

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/weirgate/weir/pkg/scan"
)

// ErrUnmaskable says that the document holds vectors, and is written in a way in which they cannot be masked, or opened. Nothing of them has
// left.
var ErrUnmaskable = errors.New("the document holds vectors that cannot be masked as they are written")

const (
	// maxArrowHead bounds the metadata of an Arrow message, in bytes.
	maxArrowHead = 4 << 20
	// maxArrowFooter bounds what follows the messages of an Arrow file, in bytes.
	maxArrowFooter = 16 << 20
)

// arrow is the engine of Arrow's IPC format (Arrow Columnar Format 1.5), as a stream or a file. Lists of numbers are vectors, one in each row.
// Masks that keep lengths are applied to lists of a fixed size, in place; redact needs other lengths, and compressed buffers cannot be looked
// into: where vectors are in them such a document is refused. Text and bytes are looked at as everything undeclared is. An opener opens lists
// of a fixed size.
type arrow struct {
	*account
	part   arrowPart
	file   bool
	head   []byte // what comes next, as far as it was read
	schema arrowSchema

	parts []arrowRegion // of the body that runs
	at    int64         // bytes of it
	size  int64
	cells cellRun
	other opaque
	left  int64 // bytes that may still follow the messages of a file
}

// arrowPart is what comes next.
type arrowPart uint8

const (
	arrowBegins arrowPart = iota // the file's mark, or the first message
	arrowLength                  // how long a message's metadata is
	arrowHead                    // that
	arrowBody
	arrowEnds // a file's footer, or nothing
)

// arrowMark begins a file, and ends it.
const arrowMark = "ARROW1"

func newArrow(fields []scan.Field, a *account, empty []string) (*arrow, error) {
	switch {
	case len(empty) > 0 || a.scores.mode != keepScores:
		return nil, errors.New("fields and scores in Arrow cannot be changed")
	}
	r := &arrow{account: a}
	r.cells.account, r.other.account = a, a
	for _, f := range fields {
		if f.Role == scan.RoleVector || f.Role == "" {
			r.schema.declared = append(r.schema.declared, f.Path)
		}
	}
	return r, nil
}

func malformedArrow(what string) error { return fmt.Errorf("%w: Arrow: %s", ErrMalformed, what) }

// advance implements engine.
func (r *arrow) advance(src []byte) (n int, err error) {
	for n < len(src) && err == nil {
		var k int
		switch r.part {
		case arrowBody:
			k, err = r.body(src[n:])
		case arrowEnds:
			k, err = r.footer(src[n:])
		case arrowBegins, arrowLength, arrowHead:
			k, err = r.collect(src[n:])
		}
		n += k
	}
	return n, err
}

// collect reads what must be known as a whole.
func (r *arrow) collect(src []byte) (int, error) {
	want := 8 // a file's mark and two zeros; a continuation and a length
	if r.part == arrowHead {
		want = 8 + int(r.size)
	}
	n := min(len(src), want-len(r.head))
	r.head = append(r.head, src[:n]...)
	if len(r.head) < want {
		return n, nil
	}
	return n, r.read()
}

// read reads what was collected.
func (r *arrow) read() error {
	if r.part == arrowBegins && string(r.head) == arrowMark+"\x00\x00" {
		r.file, r.part = true, arrowLength
		r.putHead()
		return nil
	}
	if r.part != arrowHead {
		r.size = int64(binary.LittleEndian.Uint32(r.head[4:]))
		switch {
		case binary.LittleEndian.Uint32(r.head) != 1<<32-1:
			return malformedArrow("no message")
		case r.size > maxArrowHead:
			return fmt.Errorf("%w: metadata of %d bytes", ErrTooLarge, r.size)
		case r.size == 0:
			r.part, r.left = arrowEnds, maxArrowFooter
			r.putHead()
		default:
			r.part = arrowHead
		}
		return nil
	}
	var err error
	if r.parts, r.size, err = r.schema.message(r.head[8:], r.account); err != nil {
		return err
	}
	if err := r.unknown(r.head); err != nil {
		return err
	}
	r.head = r.head[:0]
	if err := r.other.flush(); err != nil {
		return err
	}
	r.part, r.at = arrowBody, 0
	if r.size == 0 {
		r.part = arrowLength
	}
	return nil
}

func (r *arrow) putHead() {
	r.put(r.head)
	r.head = r.head[:0]
}

// body reads a piece of a message's body.
func (r *arrow) body(src []byte) (n int, err error) {
	src = src[:min(int64(len(src)), r.size-r.at)]
	for len(r.parts) > 0 && r.parts[0].to == r.at {
		if r.parts[0].is == arrowText {
			if err := r.other.flush(); err != nil {
				return 0, err
			}
		}
		r.parts = r.parts[1:]
	}
	is := arrowPlain
	if len(r.parts) > 0 {
		p := &r.parts[0]
		if r.at < p.from {
			src = src[:min(int64(len(src)), p.from-r.at)]
		} else {
			src = src[:min(int64(len(src)), p.to-r.at)]
			is = p.is
		}
		if r.at == p.from && is == arrowVectors {
			if err := r.beginVectors(p); err != nil {
				return 0, err
			}
		}
	}
	switch n = len(src); is {
	case arrowVectors:
		n, err = r.cells.piece(src)
	case arrowText:
		err = r.unknown(src)
	case arrowPadding:
		r.padding(src)
	case arrowPlain:
		r.put(src)
	}
	if r.at += int64(n); err == nil && r.at == r.size {
		r.part = arrowLength
		err = r.other.flush()
	}
	return n, err
}

// beginVectors makes ready for a region of vectors. Where they are not told apart, all are asked for at once.
func (r *arrow) beginVectors(p *arrowRegion) error {
	for ; p.more > 0; p.more-- {
		if err := r.begin(); err != nil {
			return err
		}
	}
	r.cells.start(p.cells, p.row, []string{p.name}, p.plain)
	r.cells.dims = p.dims
	return nil
}

// unknown lets leave what may of text and bytes.
func (r *arrow) unknown(b []byte) error {
	if !r.masks() {
		r.put(b)
		return nil
	}
	return r.other.add(b)
}

// padding lets leave what stands behind a column's numbers: zeros, where those are masked.
func (r *arrow) padding(b []byte) {
	if !r.masks() {
		r.put(b)
		return
	}
	for range b {
		r.putByte(0)
	}
}

// footer passes what follows the messages of a file. It says again what they said.
func (r *arrow) footer(src []byte) (int, error) {
	if r.left -= int64(len(src)); !r.file || r.left < 0 {
		return 0, malformedArrow("something after the end")
	}
	if err := r.unknown(src); err != nil {
		return 0, err
	}
	r.head = append(r.head, src[max(0, len(src)-len(arrowMark)):]...)
	r.head = r.head[max(0, len(r.head)-len(arrowMark)):]
	return len(src), nil
}

// finish implements engine.
func (r *arrow) finish() error {
	whole := r.part == arrowEnds || r.part == arrowLength && len(r.head) == 0 && !r.file // a stream may end without saying so
	if !whole || r.file && string(r.head) != arrowMark {
		return malformedArrow("the end comes early")
	}
	return r.other.flush()
}
