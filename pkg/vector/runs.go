package vector

import (
	"bytes"
	"encoding/hex"
	"slices"

	"github.com/weirgate/weir/pkg/scan"
)

// maxBetween is how many brackets and nulls may stand between two numbers of a run.
const maxBetween = 2 * scan.MaxDepth

// runKind is where the numbers of a run stand. In arrays a run goes on over brackets and nulls; among the members of one object over keys and
// nulls. Everything else ends it: an object is something of its own, so that the numbers of many small objects (metadata of many documents,
// a usage object) are no vector.
type runKind uint8

const (
	noRun runKind = iota
	arrayRun
	objectRun
)

// runNumberBegins notes that an undeclared number begins inside an array or object.
func (d *document) runNumberBegins() {
	d.runGoesOn()
	if d.hold.masked {
		d.emit([]byte{'0'})
		d.read.Dims++
	}
}

// row notes numbers of an array that nobody declared, where vectors are neither masked nor opened: one that is long enough is a vector, which
// counts as if it were declared. With those of a chunk that it is found in, it has left already.
func (d *document) row(numbers int64) {
	l := &d.levels[d.lex.Depth()]
	if d.treat != asIs || d.muted || !l.array || l.kind != plainLevel {
		return
	}
	before := l.numbers
	switch l.numbers += numbers; {
	case l.numbers < minRun:
	case before < minRun:
		d.owed = true
		d.read.Dims += l.numbers
	default:
		d.read.Dims += numbers
	}
}

// paid counts a vector that was found, and is not counted yet.
func (d *document) paid() error {
	if !d.owed {
		return nil
	}
	if err := d.begin(); err != nil {
		return err
	}
	d.owed = false
	d.read.Undeclared++
	return nil
}

// runGoesOn begins a run, if none goes on, where its next number begins.
func (d *document) runGoesOn() {
	if d.lex.Depth() == 0 {
		return
	}
	h := &d.hold
	h.between = 0
	if h.kind == noRun && !h.on {
		h.on, h.kind, h.numbers, h.row, h.bytes = true, arrayRun, 0, 0, h.bytes[:0]
		if d.lex.InObject() {
			h.kind = objectRun
		}
	}
}

// runNumber notes that one ended.
func (d *document) runNumber() error {
	h := &d.hold
	if h.kind == noRun {
		return nil
	}
	h.row++
	if h.numbers++; h.masked || h.numbers < minRun {
		return nil
	}
	if err := d.undeclared(); err != nil {
		return err
	}
	h.on, h.masked = false, true
	if d.puts() {
		d.out = appendZeroed(d.out, h.bytes, h.kind)
	}
	d.read.Dims += minRun
	return nil
}

// appendZeroed appends the text of a run with 0 for each of its numbers, without regard to how they were written.
func appendZeroed(out, text []byte, kind runKind) []byte {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			end := stringEnd(text, i)
			if kind == objectRun { // a key
				out = append(out, text[i:end]...)
			} else {
				out = append(out, `"0"`...)
			}
			i = end - 1
		case isNumberStart(c):
			for i+1 < len(text) && isNumberByte(text[i+1]) {
				i++
			}
			out = append(out, '0')
		case c != ' ' && c != '\t' && c != '\n' && c != '\r':
			out = append(out, c)
		}
	}
	return out
}

// stringEnd returns where the string that begins at text[i] ends: behind its quote.
func stringEnd(text []byte, i int) int {
	for i++; i < len(text) && text[i] != '"'; i++ {
		if text[i] == '\\' {
			i++
		}
	}
	return min(i+1, len(text))
}

// runGap notes a bracket or null between the numbers of a run. Too many of them end it.
func (d *document) runGap() {
	if d.hold.between++; d.hold.kind == noRun || d.hold.between > maxBetween {
		d.breakRun()
	}
}

// runEntersArray notes that an array begins: it may be one row of a run.
func (d *document) runEntersArray() {
	if d.hold.kind != arrayRun {
		d.breakRun()
		return
	}
	d.hold.row = 0
	d.runGap()
}

// runLeaves notes that the array or object l ended. A row that is a vector by itself ends the run with it: the next one is another vector.
func (d *document) runLeaves(l *level) {
	h := &d.hold
	if h.kind != arrayRun || !l.array || l.kind != plainLevel || d.lex.Depth() == 0 || h.masked && h.row >= minRun {
		d.breakRun()
		return
	}
	h.row = 0
	d.runGap()
}

// maxWord is how much of a string in an array may be a number, in bytes: each character may be an escape.
const maxWord = len(`\u0000`) * maxToken

// wordPiece takes a piece of a string in an array, with its closing quote if it is done. As long as it may be a number it is kept.
func (d *document) wordPiece(piece []byte, done bool) error {
	h := &d.hold
	text := piece
	if done {
		text = piece[:len(piece)-1]
	}
	length := len(h.word) + len(text)
	number := length <= maxLabelled || length <= maxWord && !slices.ContainsFunc(h.word, notInWord) && !slices.ContainsFunc(text, notInWord)
	if number && !done {
		h.word = append(h.word, text...)
		return nil
	}
	h.wording = false
	h.word = append(h.word, piece...)
	if number {
		h.plain = appendPlain(h.plain[:0], h.word[:len(h.word)-1])
		number = fine(h.plain) || d.hasLabel(h.plain)
	}
	if !number {
		d.beginLooking()
		return d.lookAt(h.word, done)
	}
	d.runGoesOn()
	if h.masked {
		d.emit([]byte(`"0"`))
		d.read.Dims++
	} else {
		d.emit([]byte{'"'})
		d.emit(h.word)
	}
	return d.runNumber()
}

// maxLabelled is how much of one may be a number with a label.
const maxLabelled = maxToken + maxLabel

// notInWord reports whether no number in a string is written with c: with escapes too, and white space around it.
func notInWord(c byte) bool {
	return !isNumberByte(c) && !isHex(rune(c)) && bytes.IndexByte([]byte(`\utnr `), c) < 0
}

// hasLabel reports whether text is a fine number with the label that all of a run have. With another one the run begins anew.
func (d *document) hasLabel(text []byte) bool {
	h := &d.hold
	sum, ok := labelOf(text)
	if ok && h.label != sum {
		d.breakRun()
		h.label = sum
	}
	return ok
}

// appendPlain appends text without its escapes, as far as what they say is ASCII, and without white space around it.
func appendPlain(out, text []byte) []byte {
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '\\' && i+1 < len(text) {
			i++
			switch c = text[i]; c {
			case 't', 'n', 'r':
				c = ' '
			case 'u':
				code, err := hex.DecodeString(string(text[i+1 : min(i+5, len(text))]))
				if err != nil || len(code) != 2 || code[0] != 0 {
					return nil
				}
				i += 4
				c = code[1]
			}
		}
		out = append(out, c)
	}
	return bytes.TrimSpace(out)
}

// fine reports whether text is a number of any sign with three decimals or more, or an exponent: with fewer it may be a price, a version, or the number
// of a chapter.
func fine(text []byte) bool {
	rest := bytes.TrimPrefix(bytes.TrimPrefix(text, []byte{'+'}), []byte{'-'})
	whole := digits(rest)
	rest = rest[whole:]
	decimals := 0
	if len(rest) > 0 && rest[0] == '.' {
		decimals = digits(rest[1:])
		rest = rest[1+decimals:]
	}
	if len(rest) == 0 {
		return decimals >= 3
	}
	if whole+decimals == 0 || rest[0] != 'e' && rest[0] != 'E' {
		return false
	}
	if rest = rest[1:]; len(rest) > 0 && (rest[0] == '+' || rest[0] == '-') {
		rest = rest[1:]
	}
	return len(rest) > 0 && digits(rest) == len(rest)
}

// digits returns how many digits text begins with.
func digits(text []byte) int {
	for i, c := range text {
		if c < '0' || c > '9' {
			return i
		}
	}
	return len(text)
}

// breakRun ends a run of numbers; one that was too short to be a vector leaves.
func (d *document) breakRun() {
	h := &d.hold
	if h.on {
		h.on = false
		d.put(h.bytes)
	}
	h.bytes = h.bytes[:0]
	h.kind, h.masked, h.numbers, h.row, h.between = noRun, false, 0, 0, 0
}
