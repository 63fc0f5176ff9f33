package vector

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/weirgate/weir/pkg/scan"
)

// Unopened returns how many vectors of a sealed one's form (see looksSealed) stand in the body of a request, of whatever format: arrays of
// numbers in text, within strings too, and float32 in bytes. What an Opener has opened is none of them. Where a dialect declares no place
// to open vectors, this tells whether there is something that should have been: it would be stored, or searched by, as if it were one.
func Unopened(body []byte) int64 {
	var u unopened
	u.text(body)
	u.bytes(body)
	return u.found
}

// unopened looks for them.
type unopened struct {
	found  int64
	values []float32
}

// triedNumbers is how many numbers of an array are read before it is given up: of so many of a sealed one nearly all are long words.
const triedNumbers = 16

// text looks at arrays of numbers.
func (u *unopened) text(b []byte) {
	for {
		at := bytes.IndexByte(b, '[')
		if at < 0 {
			return
		}
		b = u.array(b[at+1:])
	}
}

// array reads numbers as far as they are divided by commas and white space, and returns what follows those that it read.
func (u *unopened) array(b []byte) []byte {
	u.values = u.values[:0]
	long := 0
	for {
		b = bytes.TrimLeft(b, " \t\r\n")
		n := 0
		for n < len(b) && isNumberByte(b[n]) {
			n++
		}
		if n == 0 {
			break
		}
		x := scan.Float(b[:n])
		u.values = append(u.values, x)
		if isLong(x) {
			long++
		}
		if len(u.values) == triedNumbers && 2*long < triedNumbers || len(u.values) > maxDims {
			return b[n:]
		}
		b = bytes.TrimLeft(b[n:], " \t\r\n")
		if len(b) == 0 || b[0] != ',' {
			break
		}
		b = b[1:]
	}
	u.judge()
	return b
}

// bytes looks at float32, little-endian, from wherever they begin. Of a sealed vector nearly every component is a long word, and of other
// bytes one in 4,000 at most: it is enough to look at some.
func (u *unopened) bytes(b []byte) {
	const step = minSealDims / 4
	at := func(i int) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b[i:])) }
	for offset := range 4 {
		over := 0 // where the last one ended
		for i := offset; i+4 <= len(b); i += 4 * step {
			if i < over || !isLong(at(i)) {
				continue
			}
			first, last := i, i
			for first-4 >= over && isWord(at(first-4)) {
				first -= 4
			}
			for last+8 <= len(b) && isWord(at(last+4)) {
				last += 4
			}
			u.values = u.values[:0]
			for k := first; k <= last && len(u.values) <= maxDims; k += 4 {
				u.values = append(u.values, at(k))
			}
			over = last + 4
			u.judge()
		}
	}
}

// judge counts what was read, if it is one.
func (u *unopened) judge() {
	if looksSealed(u.values) {
		u.found++
	}
}

func isWord(x float32) bool {
	_, not := word(x)
	return not == 0
}

// isLong reports whether x is a word of many significant bits.
func isLong(x float32) bool {
	k, not := word(x)
	return not == 0 && spread(k) >= 12
}
