package vector

import (
	"bytes"

	"github.com/weirgate/weir/pkg/scan"
)

// lines is the engine of NDJSON: each line is a document of its own, or blank.
type lines struct {
	doc *document
}

func newLines(fields []scan.Field, a *account, empty []string) (*lines, error) {
	doc, err := newDocument(fields, a, empty)
	if err != nil {
		return nil, err
	}
	return &lines{doc: doc}, nil
}

// advance implements engine.
func (l *lines) advance(src []byte) (int, error) {
	n := 0
	for n < len(src) {
		line := src[n:]
		end := bytes.IndexByte(line, '\n')
		if end >= 0 {
			line = line[:end]
		}
		m, err := l.doc.advance(line)
		n += m
		if err != nil {
			return n, err
		}
		if end < 0 {
			return n, nil
		}
		if err := l.doc.next(); err != nil {
			return n, err
		}
		n++
		l.doc.putByte('\n')
	}
	return n, nil
}

// finish implements engine. The last line needs no line end.
func (l *lines) finish() error { return l.doc.next() }

// next says that a document ends, if one began, and makes ready for another.
func (d *document) next() error {
	if d.lex.Fresh() {
		return nil
	}
	if err := d.finish(); err != nil {
		return err
	}
	d.lex.Reset()
	return nil
}
