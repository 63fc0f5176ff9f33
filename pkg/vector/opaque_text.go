package vector

// textMask is text that was found to hold a vector, and goes on.
type textMask struct {
	kind     textKind
	inside   bool // of a number
	labelled bool // what is between them may be more than separators
	gap      int  // bytes since the last number
}

// textKind is how a vector is written in text.
type textKind uint8

const (
	noVector     textKind = iota
	inNumberText          // numbers with separators between them
	inCodeText            // base64 or hexadecimal
)

// lookText gives the sniffer what comes before stop and it has not seen yet.
func (o *opaque) lookText(stop int) error {
	for o.seen < stop {
		if o.mask.kind != noVector {
			o.maskOn(stop)
			continue
		}
		if o.seen += o.text.words(o.buf[o.seen:stop]); o.seen == stop {
			break
		}
		c := o.buf[o.seen]
		o.seen++
		if o.text.next(c) {
			if err := o.foundText(); err != nil {
				return err
			}
		}
	}
	return nil
}

// foundText masks the text that the sniffer found a vector in.
func (o *opaque) foundText() error {
	if err := o.undeclared(); err != nil {
		return err
	}
	o.mask = textMask{kind: inCodeText}
	n := o.text.raw
	if o.text.row.all.numbers >= minRun {
		o.mask = textMask{kind: inNumberText, labelled: o.text.row.known > 0}
		n = o.text.row.spread
	}
	o.text.begin()
	found := o.buf[max(0, o.seen-n):o.seen]
	for i := range found {
		o.mask.byte(&found[i])
	}
	return nil
}

// maskOn masks text before stop as far as it goes on, and ends where it does not.
func (o *opaque) maskOn(stop int) {
	for ; o.seen < stop; o.seen++ {
		if !o.mask.byte(&o.buf[o.seen]) {
			o.mask = textMask{}
			return
		}
	}
}

// byte masks a character, and reports whether the vector may go on behind it.
func (t *textMask) byte(c *byte) bool {
	if t.kind == inCodeText {
		if alphabet[*c] == 0 || *c == '-' || *c == '_' {
			*c = 'A'
			return true
		}
		return *c == '\n' || *c == '\r' || *c == '\\' || *c == '='
	}
	switch {
	case isNumberByte(*c) && (t.inside || *c != 'e' && *c != 'E' && (*c != '.' || !t.labelled)):
		if *c, t.gap = ' ', 0; !t.inside {
			*c, t.inside = '0', true
		}
		return true
	case t.labelled || separates(*c):
		t.inside = false
		t.gap++
		return t.gap <= maxGap
	}
	return false
}
