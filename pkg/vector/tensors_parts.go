package vector

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
)

// documentPart is a part of an inference answer's document.
type documentPart struct {
	kind     partKind
	from, to int
	whole    bool // of a vector: its numbers are whole ones
}

// partKind is what a part holds.
type partKind uint8

const (
	partText    partKind = iota // no tensor
	partSize                    // the size of a redacted tensor
	partData                    // a tensor begins
	partBetween                 // what is between its vectors
	partRow                     // a vector, with brackets
	partBareRow                 // a vector among others in one list
)

// maxTensorRows bounds the vectors of a tensor in JSON, each of which is remembered: an answer of 8 MB could be four million of one number.
const maxTensorRows = 1 << 18

// parts divides the document, which was read to its end; with redacted, binary tensors leave none of their bytes.
func (h *tensorHead) parts(json []byte, redacted bool) (out []documentPart, err error) {
	at := 0
	text := func(to int) {
		out = append(out, documentPart{kind: partText, from: at, to: to})
	}
	type piece struct {
		span
		o *tensorOutput
	}
	var pieces []piece
	for i := range h.list {
		o := &h.list[i]
		if err := h.check(o); err != nil {
			return nil, err
		}
		if o.data.to > 0 && o.cells != cellsText && o.cells != cellsBool {
			pieces = append(pieces, piece{o.data, o})
		}
		if o.size.to > 0 && redacted && o.cells != cellsText {
			pieces = append(pieces, piece{o.size, nil})
		}
	}
	slices.SortFunc(pieces, func(a, b piece) int { return cmp.Compare(a.from, b.from) })
	for _, p := range pieces {
		text(p.from)
		if at = p.to; p.o == nil {
			out = append(out, documentPart{kind: partSize})
			continue
		}
		out = append(out, documentPart{kind: partData})
		if out, err = h.vectors(out, json, p.span, p.o); err != nil {
			return nil, err
		}
	}
	text(len(json))
	return out, nil
}

// check checks what is said of an output.
func (h *tensorHead) check(o *tensorOutput) error {
	here, behind := o.data.to > 0, o.size.to > 0
	n := o.count()
	switch {
	case !here && !behind:
		return nil // it is in shared memory, or nowhere
	case here && behind:
		return h.lex.Fail("a tensor in two places")
	case o.cells == noCells:
		return h.lex.Fail("a tensor of no known type")
	case o.cells == cellsText:
		return nil
	case !o.shaped || n < 0 || o.row() == 0 && n != 0:
		return h.lex.Fail("a tensor without a shape")
	case behind && o.cells.bytes(n) != o.binary:
		return h.lex.Fail("a tensor that is not of its shape")
	}
	return nil
}

// vectors adds the vectors of a tensor in the document: its numbers in one list, or lists within lists.
func (h *tensorHead) vectors(out []documentPart, json []byte, at span, o *tensorOutput) ([]documentPart, error) {
	if o.count()/max(1, o.row()) > maxTensorRows {
		return nil, fmt.Errorf("%w: a tensor of more than %d vectors", ErrTooLarge, maxTensorRows)
	}
	text := json[at.from:at.to]
	if bytes.ContainsAny(text, "\"{}tfn") {
		return nil, h.lex.Fail("something else than numbers in a tensor")
	}
	if bytes.IndexByte(text[1:], '[') < 0 {
		return h.bareRows(out, text, at, o)
	}
	rows, last := o.count()/max(1, o.row()), 0
	between := func(to int) bool {
		out = append(out, documentPart{kind: partBetween, from: at.from + last, to: at.from + to})
		return len(bytes.Trim(text[last:to], "[], \t\r\n")) == 0
	}
	for i, c := range text {
		if c != ']' {
			continue
		}
		begin := bytes.LastIndexByte(text[:i], '[')
		if begin < last { // the end of a list of lists
			continue
		}
		if !between(begin) || numbersIn(text[begin+1:i]) != o.row() {
			return nil, h.lex.Fail("a tensor that is not of its shape")
		}
		last = i + 1
		out = append(out, documentPart{partRow, at.from + begin, at.from + last, o.cells.whole()})
		rows--
	}
	if !between(len(text)) || rows != 0 && o.count() > 0 {
		return nil, h.lex.Fail("a tensor that is not of its shape")
	}
	return out, nil
}

// bareRows adds the vectors of a tensor whose numbers stand in one list.
func (h *tensorHead) bareRows(out []documentPart, text []byte, at span, o *tensorOutput) ([]documentPart, error) {
	inner := text[1 : len(text)-1]
	n := o.count()
	if numbersIn(inner) != n {
		return nil, h.lex.Fail("a tensor that is not of its shape")
	}
	from := at.from + 1
	out = append(out, documentPart{kind: partBetween, from: at.from, to: from})
	for rows, row := n/max(1, o.row()), o.row(); n > 0 && rows > 0; rows-- {
		end := 0
		for range row {
			next := bytes.IndexByte(inner[end:], ',')
			if next < 0 {
				end = len(inner) + 1
				break
			}
			end += next + 1
		}
		out = append(out, documentPart{partBareRow, from, from + end - 1, o.cells.whole()})
		inner = inner[min(end, len(inner)):]
		from += end
	}
	return append(out, documentPart{kind: partBetween, from: at.to - 1, to: at.to}), nil
}

// numbersIn returns how many numbers stand between commas.
func numbersIn(b []byte) int64 {
	if len(bytes.TrimSpace(b)) == 0 {
		return 0
	}
	return int64(bytes.Count(b, []byte(","))) + 1
}
