package scan

import "math/bits"

const (
	// blockSize is how many bytes are looked at together, a bit each.
	blockSize = 64
	// batchBlocks is how many blocks are classified before they are checked.
	batchBlocks = 8
)

// classes says of each byte of a block what it is; the lowest bit stands for the first byte. Where rest is 0, bytes that have no bit set
// are spaces and line feeds; otherwise some of them have to be looked at one by one.
type classes struct {
	fraction uint64 // digits and points
	signed   uint64 // digits and minus signs
	comma    uint64
	zero     uint64 // the digits 0; looked for only where there is no point
	rest     uint64 // not 0: there are other bytes
}

// numberRun is what is known of a run of array elements that are numbers, after some blocks. Runs of bytes are found by addition: in a sum of
// a bitmap and one bit of one of its runs, the carry goes through to the end of that run (Langdale and Lemire, "Parsing gigabytes of JSON
// per second", §3.1.5). So in
//
//	sum = ^comma + start
//
// the first number that starts after a comma clears its bit on the way, and a second one before the next comma does not.
type numberRun struct {
	at     int    // bytes taken: whole blocks
	count  int    // commas among them
	long   bool   // not the first blocks
	marks  *marks // where numbers begin and end, for a caller that wants to know
	lastAt int    // the block of the last of these
	last   uint64 // the commas of that block

	fraction, signed uint64 // the classes of the block before
	number           uint64 // all bytes of numbers in it
	inside           uint64 // those of them after which a digit may follow a zero
	started          uint64 // 1: a number started after the last comma
	pointed          uint64 // 1: it has a point
	empty            uint64 // 1: no number started after the last comma

	// Of a number that has an exponent, which few have.
	e, plus uint64 // 1: the byte before is an e, or a plus sign
	seen    uint64 // 1: the number after the last comma has an exponent
}

// numbersByBlocks returns how far src, from where an array element may begin on, is a run of numbers with their commas, as far as whole
// blocks tell, and how many numbers that are. What follows the last of those commas is not taken.
func numbersByBlocks(src []byte, from int) (n, count int) {
	r := beginRun(from)
	for r.step(src) {
	}
	return r.end(), r.count
}

// beginRun returns the state where an element may begin: as after a comma.
func beginRun(at int) numberRun {
	return numberRun{at: at, lastAt: at - blockSize, last: 1 << (blockSize - 1), empty: 1}
}

// end returns what was taken: all up to the last comma.
func (r *numberRun) end() int { return r.lastAt + bits.Len64(r.last) }

// step takes some blocks, and reports whether there may be more.
func (r *numberRun) step(src []byte) bool {
	r.skipTypical(src)
	some := 1 // the run may be short; where there are vector instructions, the next block is not typical, and few are
	if r.long && !SIMD() {
		some = batchBlocks
	}
	r.long = true
	var batch [batchBlocks]classes
	blocks := batch[:min((len(src)-r.at)/blockSize, some)]
	if len(blocks) == 0 || !r.marks.room() {
		return len(blocks) != 0
	}
	classifyBlocks(blocks, src[r.at:])
	return r.check(blocks, src)
}

// check takes blocks, which say what there is in src from r.at on, until a byte shows that it is none of such a run. No branch depends on
// what a byte is, as long as all are digits, points, minus signs, commas, spaces and line feeds, and no number has two digits before its
// point.
func (r *numberRun) check(blocks []classes, src []byte) bool {
	fraction, signed, before, inside, started, pointed, empty := r.fraction, r.signed, r.number, r.inside, r.started, r.pointed, r.empty
	for i := range blocks {
		c := &blocks[i]
		if c.rest|r.seen|r.e|r.plus != 0 {
			r.fraction, r.signed, r.number, r.inside, r.started, r.pointed, r.empty = fraction, signed, before, inside, started, pointed, empty
			if !r.checkAll(c, src) {
				return false
			}
			fraction, signed, before, inside, started, pointed, empty = r.fraction, r.signed, r.number, r.inside, r.started, r.pointed, r.empty
			continue
		}
		digit, mark := c.fraction&c.signed, c.fraction^c.signed // a mark is a point or a minus sign
		afterFraction := c.fraction<<1 | fraction>>63
		afterMark := mark<<1 | (fraction^signed)>>63
		number, after := digit|mark, afterFraction|afterMark
		start := number &^ after

		// What follows a mark is a digit. What comes before a point is then a digit, and what comes before a minus sign is none.
		bad := afterMark&^digit | mark&(afterFraction^c.fraction)
		var starts, points, commas uint64
		point := c.fraction &^ digit
		starts, started = bits.Add64(^c.comma, start, started)
		points, pointed = bits.Add64(^c.comma, point, pointed)
		commas, empty = bits.Add64(^start, c.comma, empty)
		bad |= starts&start | points&point | commas&c.comma

		// The second of two digits that come after neither a digit nor a point: the first may not be 0.
		if second := digit & afterFraction &^ afterMark &^ (c.fraction<<2 | inside>>62); second != 0 {
			if point == 0 {
				bad |= second&(c.zero<<1) | zerosLead(second&1, src, r.at)
			} else {
				bad |= zerosLead(second, src, r.at)
			}
		}
		if uint32(number) == 1<<32-1 || before>>32 == 1<<32-1 {
			bad |= tooLong(before, number)
		}
		r.marks.add(start, after&^number)
		if !r.take(c.comma, bad) {
			return false
		}
		fraction, signed, before, inside = c.fraction, c.signed, number, c.fraction
	}
	r.fraction, r.signed, r.number, r.inside, r.started, r.pointed, r.empty = fraction, signed, before, inside, started, pointed, empty
	return true
}

// take counts the commas of a block, up to the first bad byte, if there is one: then the run ends.
func (r *numberRun) take(commas, bad uint64) bool {
	if bad != 0 {
		commas &= bad&-bad - 1
	}
	if commas != 0 {
		r.lastAt, r.last = r.at, commas
		r.count += bits.OnesCount64(commas)
	}
	r.at += blockSize
	return bad == 0
}

// zerosLead returns those of the second digits whose first is 0.
func zerosLead(second uint64, src []byte, at int) (bad uint64) {
	for ; second != 0; second &= second - 1 {
		if i := bits.TrailingZeros64(second); src[at+i-1] == '0' {
			bad |= 1 << i
		}
	}
	return bad
}

// tooLong returns the byte by which a number is too long that began in the block before, if it is.
func tooLong(before, number uint64) uint64 {
	length := bits.LeadingZeros64(^before)
	if length == 0 || length+bits.TrailingZeros64(^number) <= maxNumber {
		return 0
	}
	return 1 << (maxNumber - length)
}

// checkAll is check for one block and all that a number may be.
func (r *numberRun) checkAll(c *classes, src []byte) bool {
	var e, plus, bad uint64
	for rest := c.rest; rest != 0; rest &= rest - 1 {
		i := bits.TrailingZeros64(rest)
		switch src[r.at+i] {
		case 'e', 'E':
			e |= 1 << i
		case '+':
			plus |= 1 << i
		case '\t', '\r':
		default:
			bad |= 1 << i
		}
	}
	digit, sign := c.fraction&c.signed, c.signed&^c.fraction|plus
	point := c.fraction &^ digit
	afterFraction := c.fraction<<1 | r.fraction>>63
	afterDigit := digit<<1 | (r.fraction&r.signed)>>63
	afterSign := sign<<1 | (r.signed&^r.fraction)>>63 | r.plus
	afterE := e<<1 | r.e
	number := c.fraction | sign | e
	after := afterFraction | afterSign | afterE
	start := number &^ after

	bad |= (afterFraction&^afterDigit|afterSign)&^digit | (point|e)&^afterDigit | afterE&^(digit|sign) | sign&(afterFraction|afterSign) | plus&^afterE
	starts, started := bits.Add64(^c.comma, start, r.started)
	points, pointed := bits.Add64(^c.comma, point, r.pointed)
	es, seen := bits.Add64(^c.comma, e, r.seen)
	commas, empty := bits.Add64(^start, c.comma, r.empty)
	bad |= starts&start | points&point | commas&c.comma | es&e | point&^es // a point behind an e: the carry cleared its bit

	inside := c.fraction | e | sign&afterE // an exponent may begin with zeros
	bad |= zerosLead(digit&afterDigit&^(inside<<2|r.inside>>62), src, r.at) | tooLong(r.number, number)

	r.fraction, r.signed, r.number, r.inside, r.started, r.pointed, r.empty = c.fraction, c.signed, number, inside, started, pointed, empty
	r.e, r.plus, r.seen = e>>63, plus>>63, seen
	r.marks.add(start, after&^number)
	return r.take(c.comma, bad)
}
