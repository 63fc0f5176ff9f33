package vector

import (
	"bytes"

	"github.com/weirgate/weir/pkg/scan"
)

// textState is how far a string that holds a vector has been read: pgvector's "[0.1,…]", sparsevec's "{1:0.5,…}/1536", and bit's "0101…".
type textState struct {
	kind  byte // '[', '{', '0' for bits; 0 before the first character
	at    textPart
	token numberText
	dims  []byte // of a sparsevec, as it came
}

// textPart is what comes next.
type textPart uint8

const (
	textStart textPart = iota
	textFirst          // a component, or the closing bracket
	textNext           // a component
	textIndex          // in an index
	textValue          // in a component
	textSlash          // after a sparsevec's }
	textDims
	textBits
	textOver
)

// maxDimsText is how long the number of dimensions of a sparsevec may be.
const maxDimsText = 10

func (d *document) beginText() (int, error) {
	if err := d.beginVector(); err != nil {
		return 0, err
	}
	d.lex.BeginString()
	d.startRun(texts)
	d.text = textState{dims: d.text.dims[:0]}
	d.inside = inText
	d.putByte('"')
	return 1, nil
}

// textPiece reads a piece of the string. No such string needs an escape, so none may have one.
func (d *document) textPiece(src []byte) (int, error) {
	n, done, err := d.lex.String(src)
	if err != nil {
		return n, err
	}
	text := src[:n]
	if done {
		text = src[:n-1]
	}
	if d.vec.form == scoreWords {
		return n, d.scoreWordsPiece(text, done)
	}
	for _, c := range text {
		if !d.textByte(c) {
			return 0, d.lex.Fail("a string that is no vector")
		}
	}
	d.read.BytesText += int64(len(text))
	if d.vec.treat == asIs {
		d.put(text)
	}
	if done {
		return n, d.textEnds()
	}
	return n, nil
}

// textByte takes a character.
func (d *document) textByte(c byte) bool {
	t := &d.text
	switch t.at {
	case textStart:
		return d.textBegins(c)
	case textBits:
		d.textComponent()
		return c == '0' || c == '1'
	case textFirst, textNext, textIndex, textValue:
		return d.textInside(c)
	case textSlash:
		t.at = textDims
		return c == '/'
	case textDims:
		t.dims = append(t.dims, c)
		return c >= '0' && c <= '9' && len(t.dims) <= maxDimsText
	case textOver:
	}
	return c == ' '
}

func (d *document) textBegins(c byte) bool {
	t := &d.text
	switch c {
	case ' ':
		return true
	case '[', '{':
		t.kind, t.at = c, textFirst
		return true
	case '0', '1':
		t.kind, t.at = '0', textBits
		d.textComponent()
		return true
	}
	return false
}

// textInside takes a character between the brackets.
func (d *document) textInside(c byte) bool {
	t := &d.text
	closing := byte(']')
	if t.kind == '{' {
		closing = '}'
	}
	switch {
	case c == ' ' && t.token.n == 0:
		return true
	case c == closing && t.at == textFirst, c == closing && t.at == textValue && d.textToken():
		if t.at = textOver; t.kind == '{' {
			t.at = textSlash
		}
		return true
	case c == ',' && t.at == textValue && d.textToken():
		t.at = textNext
		return true
	case c == ':' && t.at == textIndex && wholeNumbers(t.token.text()) && bytes.IndexByte(t.token.text(), '-') < 0 && scan.IsNumber(t.token.text()):
		t.at, t.token.n = textValue, 0
		return true
	case isNumberByte(c) && t.token.n < len(t.token.buf):
		if t.at == textFirst || t.at == textNext {
			if t.at = textValue; t.kind == '{' {
				t.at = textIndex
			}
		}
		t.token.buf[t.token.n] = c
		t.token.n++
		return true
	}
	return false
}

// textToken ends a component.
func (d *document) textToken() bool {
	ok := scan.IsNumber(d.text.token.text())
	d.text.token.n = 0
	d.textComponent()
	return ok
}

func (d *document) textComponent() {
	d.vec.cells++
	d.read.Dims++
}

// textEnds lets leave what becomes of it.
func (d *document) textEnds() error {
	t, v := &d.text, &d.vec
	d.inside = outside
	if t.at != textOver && t.at != textBits && (t.at != textDims || len(t.dims) == 0) {
		return d.lex.Fail("a string that is no vector")
	}
	if v.treat != asIs && d.puts() {
		n := v.cells
		if v.treat != zeroed || n > maxWhole {
			n = 0
		}
		d.out = t.appendMasked(d.out, n, d.unit)
	}
	d.putByte('"')
	return nil
}

// appendMasked appends a string's vector of n zeros. A sparse one has no components then.
func (t *textState) appendMasked(out []byte, n int64, unit bool) []byte {
	switch t.kind {
	case '[':
		return append(appendZeros(append(out, '['), texts, 0, n, unit), ']')
	case '{':
		out = append(out, '{')
		if unit && n > 0 {
			out = append(out, "1:1"...)
		}
		return append(append(out, "}/"...), t.dims...)
	}
	for i := range n {
		bit := byte('0')
		if unit && i == 0 {
			bit = '1'
		}
		out = append(out, bit)
	}
	return out
}
