package vector

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"github.com/weirgate/weir/pkg/scan"
)

// maxFieldLine bounds a line of an event stream that is no data, in bytes.
const maxFieldLine = 4 << 10

// events is the engine of server-sent events (WHATWG HTML §9.2.5): lines end in LF, CR or CRLF, an event's data lines are joined by LF, and
// each event's data is a document of its own, or [DONE], or nothing.
//
// It is stricter than the standard, which has readers skip what they do not know, because not all of them do: fields are data, event, id
// and retry, and comments; a byte order mark, invalid UTF-8 and the line ends that only some know are refused outside of data, too.
type events struct {
	*account
	doc *document

	at      eventPart
	line    []byte // of a line that is not known to be data, or is not
	lead    []byte // of an event's data, as long as it may turn out to be [DONE]
	begun   bool   // some of the event's data has gone to the document: it is not [DONE]
	done    bool   // the event's data is [DONE]
	data    int    // data lines of the event
	ending  bool   // the last data line's end has not left yet
	afterCR bool   // an LF now belongs to the line end before it
}

// eventPart is where in a line the stream is.
type eventPart uint8

const (
	inField eventPart = iota // of a line that may be data, or is not
	inSpace                  // after data and its colon: one space belongs to them
	inData
)

const doneData = "[DONE]"

func newEvents(fields []scan.Field, a *account, empty []string) (*events, error) {
	doc, err := newDocument(fields, a, empty)
	if err != nil {
		return nil, err
	}
	return &events{account: a, doc: doc}, nil
}

func malformedEvent(what string) error { return fmt.Errorf("%w: %s", ErrMalformed, what) }

// advance implements engine.
func (e *events) advance(src []byte) (int, error) {
	n := 0
	for n < len(src) {
		c := src[n]
		if e.afterCR {
			if e.afterCR = false; c == '\n' {
				n++
				continue
			}
		}
		if c == '\r' || c == '\n' {
			if err := e.lineEnds(); err != nil {
				return n, err
			}
			e.afterCR = c == '\r'
			n++
			continue
		}
		line := src[n:]
		if end := bytes.IndexAny(line[:min(len(line), maxFieldLine)], "\r\n"); end >= 0 {
			line = line[:end]
		}
		m, err := e.piece(line)
		n += m
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// piece reads some of a line.
func (e *events) piece(line []byte) (int, error) {
	switch e.at {
	case inField:
		return e.field(line)
	case inSpace:
		e.at = inData
		if line[0] == ' ' {
			e.prefix(" ")
			return 1, nil
		}
	case inData:
	}
	if e.data == 1 && !e.begun && !e.done {
		if line[0] == doneData[min(len(e.lead), len(doneData)-1)] && len(e.lead) < len(doneData) {
			e.lead = append(e.lead, line[0])
			return 1, nil
		}
	}
	if err := e.noDone(); err != nil {
		return 0, err
	}
	return e.feed(line)
}

// field reads a piece of the name of a line's field, or of a line that is no data.
func (e *events) field(line []byte) (int, error) {
	for i, c := range line {
		if len(e.line) == maxFieldLine {
			return i, malformedEvent("a line that is too long")
		}
		e.line = append(e.line, c)
		if len(e.line) == len("data:") && string(e.line) == "data:" {
			e.line, e.at = e.line[:0], inSpace
			return i + 1, e.dataBegins()
		}
	}
	return len(line), nil
}

// dataBegins begins a data line.
func (e *events) dataBegins() error {
	if e.done {
		return malformedEvent("data after " + doneData)
	}
	if e.data++; e.data == 1 {
		e.putEnding()
		e.prefix("data:")
		return nil
	}
	if err := e.noDone(); err != nil {
		return err
	}
	e.ending = false
	_, err := e.feed([]byte{'\n'}) // what leaves of it comes out as the end of a line and the beginning of the next
	return err
}

// prefix lets the beginning of an event's first data line leave. Those of the others leave with the line ends before them.
func (e *events) prefix(s string) {
	if e.data == 1 {
		e.put([]byte(s))
	}
}

// noDone gives what may have been [DONE], and is not, to the document.
func (e *events) noDone() error {
	if len(e.lead) == 0 {
		return nil
	}
	lead := e.lead
	e.lead = e.lead[:0]
	_, err := e.feed(lead)
	return err
}

// feed gives text to the document. In data of several lines, what leaves of their ends becomes line ends of the stream.
func (e *events) feed(text []byte) (int, error) {
	e.begun = e.begun || len(text) > 0
	start := len(e.out)
	n, err := e.doc.advance(text)
	e.joined(start)
	return n, err
}

// joined makes lines of what the document put.
func (e *events) joined(start int) {
	if e.data < 2 || bytes.IndexByte(e.out[start:], '\n') < 0 {
		return
	}
	text := bytes.Clone(e.out[start:])
	e.out = append(e.out[:start], bytes.ReplaceAll(text, []byte("\n"), []byte("\ndata: "))...)
}

// putEnding lets the end of the last data line leave.
func (e *events) putEnding() {
	if e.ending {
		e.putByte('\n')
		e.ending = false
	}
}

// lineEnds handles the end of a line.
func (e *events) lineEnds() error {
	if e.at != inField {
		e.at, e.ending = inField, true
		if len(e.lead) == len(doneData) {
			e.put(e.lead)
			e.lead, e.done = e.lead[:0], true
		}
		return e.noDone()
	}
	switch {
	case len(e.line) == 0:
		if err := e.eventEnds(); err != nil {
			return err
		}
		e.putByte('\n')
	case string(e.line) == "data": // the same as with a colon
		e.line = e.line[:0]
		if err := e.dataBegins(); err != nil {
			return err
		}
		e.ending = true
	default:
		return e.otherLine()
	}
	return nil
}

// eventEnds handles the blank line after an event.
func (e *events) eventEnds() error {
	start := len(e.out)
	if err := e.doc.next(); err != nil {
		return err
	}
	e.joined(start)
	e.putEnding()
	e.data, e.begun, e.done = 0, false, false
	return nil
}

// otherLine handles a line that is no data. It may not stand within a document.
func (e *events) otherLine() error {
	line := e.line
	e.line = e.line[:0]
	name, _, _ := bytes.Cut(line, []byte(":"))
	switch string(name) {
	case "", "event", "id", "retry":
	default:
		return malformedEvent("a field that is not known")
	}
	if !utf8.Valid(line) || bytes.IndexFunc(line, splitsLines) >= 0 {
		return malformedEvent("a line that some would split")
	}
	if !e.doc.lex.Fresh() && !e.doc.lex.Done() {
		return malformedEvent("a field within an event's data")
	}
	e.putEnding()
	if e.masks() && Detect(line) {
		return e.undeclared()
	}
	e.put(line)
	e.putByte('\n')
	return nil
}

// splitsLines reports whether some readers take r for the end of a line, or may not show it at all.
func splitsLines(r rune) bool {
	return r < ' ' && r != '\t' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 || r == 0xfeff
}

// finish implements engine. An event that no blank line ends is one to some readers, and is taken if its data is complete.
func (e *events) finish() error {
	if e.at != inField || len(e.line) > 0 {
		if err := e.lineEnds(); err != nil {
			return err
		}
		e.ending = false // it had none
	}
	start := len(e.out)
	if err := e.doc.next(); err != nil {
		return err
	}
	e.joined(start)
	e.putEnding()
	return nil
}
