package vector

import "github.com/weirgate/weir/pkg/scan"

// beginNested opens what a nested place holds. At an array or object it may still be one vector or several, names and vectors, or a sparse
// one: its first child tells.
func (d *document) beginNested(c byte) (int, error) {
	if c == '"' {
		return d.beginBase64(base64F32)
	}
	d.breakRun()
	if c == '[' {
		return 1, d.enter(c, scan.Set{}, nestedArray)
	}
	d.hold.on = d.masks() && !d.muted // of a sparse vector nothing leaves, not even its keys
	return 1, d.enter(c, scan.Set{}, nestedObject)
}

// nestedValue begins a child of a nested place's array or object.
func (d *document) nestedValue(l *level, src []byte) (int, error) {
	c, first := src[0], l.n == 0
	switch {
	case d.treat == opened && (isNumberStart(c) && !(first && l.kind == nestedArray) || c == '{' && l.kind == nestedArray):
		return d.plain(scan.Set{}, src)
	case l.kind == nestedArray && isNumberStart(c) && first:
		return d.beginRow(l, src)
	case l.kind == nestedArray && c == '{' && first:
		return d.nestedSparse(l, sparseEntries, src)
	case l.kind == nestedObject && c == '[' && first && (d.is == keyIndices || d.is == keyValues) && d.treat != opened:
		return d.nestedSparse(l, sparseObject, src)
	}
	d.breakRun()
	switch {
	case c == 'n', d.treat == opened && (c == 't' || c == 'f'):
		l.n++
		return d.word(src)
	case c == '[' || c == '"' || c == '{' && l.kind == nestedObject:
		n, err := d.beginNested(c)
		if n > 0 {
			l.n++
		}
		return n, err
	}
	return 0, d.lex.Fail("something else than vectors in a vector's place")
}

// beginRow makes a vector of the array that was opened: its first child is a number.
func (d *document) beginRow(l *level, src []byte) (int, error) {
	if err := d.beginVector(); err != nil {
		return 0, err
	}
	l.n++
	d.startRun(floats)
	d.inside = inNumbers
	d.countNumbers(1 + int(l.lead))
	return d.components(src)
}

// nestedSparse makes a sparse vector of the array or object that was opened, of which the first child begins.
func (d *document) nestedSparse(l *level, kind levelKind, src []byte) (int, error) {
	before := d.read
	if err := d.begin(); err != nil {
		return 0, err
	}
	d.vec.before = before
	d.hold.discard()
	l.n++
	l.kind = kind
	d.openSparse(1+l.lead, kind == sparseEntries)
	n, err := d.sparseValue(l, src)
	d.read.BytesSparse += int64(n)
	return n, err
}
