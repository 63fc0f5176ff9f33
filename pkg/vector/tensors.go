package vector

import (
	"errors"
	"fmt"

	"github.com/weirgate/weir/pkg/scan"
)

// maxDocument bounds the JSON document of an inference answer, which is held until it was read: shapes say how many vectors its numbers are.
const maxDocument = 16 << 20

// tensors is the engine of KServe's inference answers (v2, with the binary tensor extension): a JSON document, and behind it the tensors
// whose output has a parameter binary_data_size, end to end. Every tensor of numbers is vectors, as long as the last number of its shape
// says. Masks but redact leave binary tensors as long as they were; of redacted ones nothing is left, and their size becomes 0.
type tensors struct {
	*account
	length int64 // of the document; 0: everything is the document
	json   []byte
	head   tensorHead
	parts  []documentPart
	part   int          // the next one
	doc    *document    // reads what is between the tensors of the document
	rows   [2]*document // each reads a vector in it: of any numbers, of whole ones
	masked []byte       // what is to leave of the document
	leaves int64        // bytes of it that left
	comma  bool         // before the next vector of a list
	at     tensorsPart

	binary int   // the tensor that runs
	left   int64 // of it
	cells  cellRun
	other  opaque
}

// tensorsPart is what is read.
type tensorsPart uint8

const (
	inDocument tensorsPart = iota
	atDocumentEnd
	inTensors
)

func newTensors(fields []scan.Field, a *account, empty []string, length int64) (*tensors, error) {
	if a.treat == opened {
		return nil, errors.New("tensors are not opened")
	}
	if length < 0 || length > maxDocument {
		return nil, fmt.Errorf("%w: a document of %d bytes before its tensors", ErrTooLarge, length)
	}
	for _, path := range empty {
		if path == tensorData {
			return nil, fmt.Errorf("%s cannot be emptied: a mask says what becomes of vectors", path)
		}
	}
	a.changes = true // what is held cannot pass by reference
	t := &tensors{account: a, length: length}
	t.cells.account, t.other.account, t.other.strings = a, a, true
	var others []scan.Field
	for _, f := range fields {
		if f.Path != tensorData {
			others = append(others, f)
		}
	}
	var err error
	if t.doc, err = newDocument(others, a, empty); err != nil {
		return nil, err
	}
	for i, e := range [...]scan.Encoding{scan.EncodingFloats, scan.EncodingInts} {
		if t.rows[i], err = newDocument([]scan.Field{{Encoding: e}}, a, nil); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// tensorData is where a document holds the numbers of its tensors.
const tensorData = "outputs[*].data"

// advance implements engine.
func (t *tensors) advance(src []byte) (n int, err error) {
	for err == nil && n < len(src) {
		var k int
		switch t.at {
		case inDocument:
			k, err = t.document(src[n:])
		case atDocumentEnd:
			if err = t.judge(); err == nil {
				k = 1
			}
		case inTensors:
			k, err = t.tensor(src[n:])
		}
		n += k
	}
	return n, err
}

// document reads the document, all but its last byte.
func (t *tensors) document(src []byte) (int, error) {
	if t.length > 0 {
		src = src[:min(int64(len(src)), t.length-int64(len(t.json)))]
	}
	n, err := t.head.read(src)
	if err != nil {
		return n, err
	}
	t.json = append(t.json, src[:n]...)
	switch over := t.head.lex.Done(); {
	case len(t.json) > maxDocument:
		return n, fmt.Errorf("%w: a document of more than %d bytes", ErrTooLarge, maxDocument)
	case t.length == 0 && over, int64(len(t.json)) == t.length:
		if err := t.head.lex.EndOfInput(); err != nil {
			return n, err
		}
		t.at = atDocumentEnd
		t.parts, err = t.head.parts(t.json, t.treat == emptied)
		return n - 1, err
	}
	return n, nil
}

// judge lets the document leave, once all its vectors are granted.
func (t *tensors) judge() error {
	out := t.out
	t.out = t.masked
	err := t.judgeParts()
	t.masked, t.out = t.out, out
	if err != nil {
		return err
	}
	t.at = inTensors
	t.put(t.masked)
	t.leaves, t.json, t.masked, t.parts = int64(len(t.masked)), nil, nil, nil
	return nil
}

// judgeParts reads the parts of the document, from where it stopped.
func (t *tensors) judgeParts() error {
	for ; t.part < len(t.parts); t.part++ {
		p := t.parts[t.part]
		text := t.json[p.from:p.to]
		var err error
		switch p.kind {
		case partText:
			_, err = t.doc.advance(text)
		case partSize:
			_, err = t.doc.advance([]byte("0"))
		case partData:
			t.comma = false
			err = t.instead()
		case partBetween:
			t.put(text)
		case partRow, partBareRow:
			err = t.vector(p, text)
		}
		if err != nil {
			return err
		}
	}
	return t.doc.finish()
}

// instead has the document read null where a tensor's numbers stand: what leaves of those is put beside it.
func (t *tensors) instead() error {
	muted := t.muted
	t.muted = true
	_, err := t.doc.advance([]byte("null"))
	t.muted = muted
	return err
}

// vector reads one vector of the document; a bare one has no brackets of its own.
func (t *tensors) vector(p documentPart, text []byte) error {
	bare := p.kind == partBareRow
	start := len(t.out)
	row := t.rows[0]
	if p.whole {
		row = t.rows[1]
	}
	if bare {
		if _, err := row.advance([]byte("[")); err != nil {
			return err
		}
	}
	if _, err := row.advance(text); err != nil {
		return err
	}
	if bare {
		if _, err := row.advance([]byte("]")); err != nil {
			return err
		}
	}
	if err := row.next(); err != nil || !bare || !t.puts() {
		return err
	}
	inner := t.out[start+1 : len(t.out)-1]
	t.out = t.out[:start]
	if len(inner) > 0 {
		if t.comma {
			t.out = append(t.out, ',') // where the bracket was
		}
		t.out = append(t.out, inner...)
		t.comma = true
	}
	return nil
}

// tensor reads a piece of the tensors behind the document.
func (t *tensors) tensor(src []byte) (int, error) {
	for t.left == 0 {
		if t.binary == len(t.head.list) {
			return t.behind(src)
		}
		o := &t.head.list[t.binary]
		t.binary++
		if t.left = o.binary; o.cells != cellsText && t.left > 0 {
			t.cells.start(o.cells, o.cells.bytes(o.row()), nil, false)
		}
	}
	o := &t.head.list[t.binary-1]
	src = src[:min(int64(len(src)), t.left)]
	var n int
	var err error
	if o.cells == cellsText {
		n, err = len(src), t.text(src)
	} else {
		n, err = t.cells.piece(src)
	}
	t.left -= int64(n)
	return n, err
}

// text reads a piece of a tensor of strings.
func (t *tensors) text(src []byte) error {
	if !t.masks() {
		t.put(src)
		return nil
	}
	if err := t.other.add(src); err != nil || int64(len(src)) < t.left {
		return err
	}
	return t.other.flush()
}

// behind takes what follows all that the document announces: white space, where there is no more than the document.
func (t *tensors) behind(src []byte) (int, error) {
	if t.length > 0 {
		return 0, fmt.Errorf("%w: more than the tensors that its document announces", ErrMalformed)
	}
	n, err := t.head.read(src)
	t.put(src[:n])
	return n, err
}

// finish implements engine.
func (t *tensors) finish() error {
	if t.at != inTensors {
		return t.head.lex.Fail("the document ends early")
	}
	for _, o := range t.head.list[t.binary:] {
		t.left += o.binary
	}
	if t.left > 0 {
		return fmt.Errorf("%w: fewer tensors than its document announces", ErrMalformed)
	}
	return nil
}

// DocumentLength returns how long the JSON document of a FormatKServe answer is as it leaves; less than 0 until that is known, which it is
// before anything leaves. An answer with tensors behind it must say so in its Inference-Header-Content-Length.
func (s *Stream) DocumentLength() int64 {
	if t, ok := s.engine.(*tensors); ok && t.at == inTensors {
		return t.leaves
	}
	return -1
}
