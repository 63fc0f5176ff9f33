package vector

const (
	// maxToken and maxGap bound a number and what is between two, in bytes, so that a row of fewer than minRun is held in a few KiB.
	maxToken = 64
	maxGap   = 64
	// maxLabel is how much of what is between two numbers may be something else than separators, in bytes: "), np.float32(" has ten.
	maxLabel = 24
	// maxKinds is how many different labels a row may have: one before an index and one behind it, say. With a third it begins anew.
	maxKinds = 2
)

// row looks for numbers in a row in text that is read character by character. Between two of them are separators, or also a label, which is
// short and comes again and again: a name, a constructor, a slash. The zero value is ready.
//
// In text a row of whole numbers is a table, not a vector: half must be fractions. Figures with labels are in half of what people write, so
// that of those half must be small ones.
type row struct {
	spread int    // bytes of text that it stands in
	labels int    // bytes of it before those of plain
	all    counts // of its numbers
	plain  counts // of those since the last label
	number textNumber
	gap    gap
	kinds  [maxKinds]uint32 // of labels: their sums
	known  uint8            // of them
}

// counts is how many numbers were read.
type counts struct {
	numbers   uint8
	fractions uint8 // those that are no whole numbers
	small     uint8 // those of an embedding's size and precision: see textNumber.small
}

func (c *counts) add(n *textNumber) {
	c.numbers++
	if n.fraction() {
		c.fractions++
	}
	if n.small() {
		c.small++
	}
}

// gap is what was read since the last number.
type gap struct {
	sum   uint32 // of what is neither white space nor a digit (FNV-1a)
	bytes uint8
	other uint8 // of them, those that are no separators
	name  bool  // the last one is a letter
	never bool  // one is none of a text's
}

// add takes a character.
func (g *gap) add(c byte) {
	is := betweens[c]
	g.bytes++
	g.other += is & isOther
	g.name = is&isLetter > 0
	g.never = g.never || is&isControl > 0
	if is&isWhite == 0 {
		g.sum = (g.sum ^ uint32(c)) * 16777619
	}
}

// What a byte is between two numbers.
const (
	isOther   = 1 << iota // no separator
	isLetter              // of a name
	isWhite               // white space
	isControl             // of no text
	isBegin               // the first of a row
)

// betweens says what each byte is.
var betweens = func() (t [256]byte) { //nolint:gochecknoglobals // a constant
	for i := range t {
		c := byte(i)
		if !separates(c) {
			t[i] |= isOther
		}
		switch {
		case c == ' ' || c == '\n' || c == '\t' || c == '\r':
			t[i] |= isWhite
		case c < ' ':
			t[i] |= isControl
		case c|0x20 >= 'a' && c|0x20 <= 'z':
			t[i] |= isLetter
		case c-'0' < 10 || c == '-':
			t[i] |= isBegin
		}
	}
	return t
}()

// textNumber is the number that goes on.
type textNumber struct {
	before                  int   // bytes of the row before it
	bytes                   uint8 // 0: none does
	whole, decimals, powers uint8 // digits before the point, behind it, and of the exponent
	points, exponents       uint8
	zero                    bool // the last of whole is one
	inName                  bool // a letter stands before it
	last                    byte // of it
}

// add takes a byte, if the number goes on with it. A sign begins another one.
func (n *textNumber) add(c byte) bool {
	switch {
	case c-'0' < 10:
		n.digits([]byte{c})
		return true
	case c == '.':
		n.points++
	case n.bytes == 0:
		if c != '-' && c != '+' {
			return false
		}
	case c == 'e' || c == 'E':
		n.exponents++
	case c != '-' && c != '+' || n.last|0x20 != 'e':
		return false
	}
	n.last = c
	n.bytes++
	return true
}

// digits adds some.
func (n *textNumber) digits(d []byte) {
	count := uint8(len(d)) //nolint:gosec // maxToken at most
	n.last = d[len(d)-1]
	n.bytes += count
	switch {
	case n.exponents > 0:
		n.powers += count
	case n.points > 0:
		n.decimals += count
	default:
		n.whole += count
		n.zero = n.last == '0'
	}
}

// nothing reports whether it is none: a dash, float32, seg2e8.
func (n *textNumber) nothing() bool { return n.whole+n.decimals == 0 || n.inName && n.decimals == 0 }

func (n *textNumber) fraction() bool { return n.points+n.exponents > 0 }

// small reports whether it is below 1, or below 10 with three decimals, or has an exponent. With more digits before the point and fewer
// behind it, it may be a price, a percentage, a time.
func (n *textNumber) small() bool {
	return n.powers > 0 || n.points > 0 && n.whole <= 1 && (n.decimals >= 3 || n.whole == 0 || n.zero)
}

// next takes a character and reports whether the text so far ends in a vector.
func (r *row) next(c byte) bool {
	return (r.spread > 0 || betweens[c]&isBegin > 0) && r.take(c)
}

func (r *row) take(c byte) bool {
	n := &r.number
	if n.bytes > 0 {
		if n.add(c) {
			if r.spread++; n.bytes > maxToken {
				*r = row{}
			}
			return false
		}
		if r.numberEnds() {
			r.spread++ // c belongs to it
			return true
		}
	}
	switch {
	case n.add(c):
		n.before, n.inName = r.spread, r.gap.name
		r.spread++
	case r.spread > 0:
		r.spread++
		r.gap.add(c)
		r.bound()
	}
	return false
}

// bound ends a row that cannot become one.
func (r *row) bound() {
	if g := &r.gap; g.never || g.bytes > maxGap || g.other > r.mostOther() {
		*r = row{}
	}
}

// mostOther is how much of a label may follow: none where no fraction stands before it, so that most text is let go at once.
func (r *row) mostOther() uint8 {
	if r.all.fractions == 0 {
		return 0
	}
	return maxLabel
}

// numberEnds ends the number that goes on.
func (r *row) numberEnds() bool {
	n := r.number
	r.number = textNumber{}
	switch {
	case n.points > 1 || n.exponents > 1: // a date, an address
		*r = row{}
		return false
	case n.nothing():
		if n.whole == 0 {
			r.gap.add(n.last)
		}
		r.gap.name = n.whole > 0
		r.gap.bytes += n.bytes
		r.gap.other += n.bytes
		r.bound()
		return false
	}
	if r.gap.other > 0 {
		r.plain, r.labels = counts{}, n.before
		if !r.knows(r.gap.sum) {
			*r = row{spread: r.spread - n.before}
		}
	}
	r.gap = gap{}
	r.all.add(&n)
	r.plain.add(&n)
	return r.judge()
}

// knows reports whether labels of that sum belong to the row.
func (r *row) knows(sum uint32) bool {
	for _, kind := range r.kinds[:r.known] {
		if kind == sum {
			return true
		}
	}
	if int(r.known) == maxKinds {
		return false
	}
	r.kinds[r.known] = sum
	r.known++
	return true
}

// judge reports whether there are enough numbers. If they are no vector, they are let go; of a row with labels, those are kept that have none.
func (r *row) judge() bool {
	switch {
	case r.plain.numbers == minRun:
		if 2*r.plain.fractions >= minRun {
			return true
		}
		*r = row{}
	case r.all.numbers == minRun:
		if 2*r.all.small >= minRun {
			return true
		}
		*r = row{all: r.plain, plain: r.plain, spread: r.spread - r.labels}
	}
	return false
}

// end says that the text ends, and reports whether it ends in a vector.
func (r *row) end() bool { return r.number.bytes > 0 && r.numberEnds() }

// labelOf reports whether text is one number of an embedding's size and precision, with a label, and returns the label's sum.
func labelOf(text []byte) (sum uint32, ok bool) {
	if len(text) > maxLabelled {
		return 0, false
	}
	var g gap
	var n, one textNumber
	for i := 0; i <= len(text); i++ {
		if i < len(text) && n.add(text[i]) {
			if n.bytes == 1 {
				n.inName = g.name
			}
			continue
		}
		switch {
		case n.bytes == 0:
		case n.nothing():
			g.other += n.bytes
		case one.bytes > 0:
			return 0, false
		default:
			one = n
		}
		if n = (textNumber{}); i < len(text) && n.add(text[i]) {
			n.inName = g.name
		} else if i < len(text) {
			g.add(text[i])
		}
	}
	fine := one.points == 1 && one.exponents <= 1 && (one.decimals >= 3 || one.powers > 0)
	return g.sum, fine && one.small() && g.other <= maxLabel && !g.never
}

// separates reports whether c may stand between two numbers of a row without being a label.
func separates(c byte) bool {
	switch c {
	case ',', ' ', '\n', '\t', '\r', '[', ']', '(', ')', ';', '|':
		return true
	}
	return false
}
