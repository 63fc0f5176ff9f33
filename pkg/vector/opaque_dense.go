package vector

import (
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/weirgate/weir/pkg/scan"
)

// Vectors of 16 or 8 bits a component look much like any bytes. They are found where they stand behind their length, as bytes do in
// protobuf, and strings in tensors of KServe's; it also says how far they go. Of float16 and bfloat16, nearly all values are of an embedding's
// size; of int8, and uint8 with its zero at 128, most are small, of both signs, and none foretells the next. Bits look like noise, and are not
// found.
const (
	// denseHalves and denseBytes are how many components are looked at, and the fewest that are found.
	denseHalves = 64
	denseBytes  = 256
	// maxDense is the longest such field, in bytes.
	maxDense = 1 << 26
)

// denseNote is what is known of 64 bytes, or fewer at the end.
type denseNote struct {
	bytes int
	half  [2]int // how many even ones, and odd ones, may be the upper byte of a half float: see mayBeHalf
	signs int    // how many are 128 or more
	sum   int    // of their sizes as int8; as uint8 around 128 they are 128 less that, each
}

func noteOf(b []byte) denseNote {
	d := denseNote{bytes: len(b)}
	for ; len(b) >= 8; b = b[8:] { // eight bytes at once
		const low, high, even = 0x7f7f7f7f7f7f7f7f, 0x8080808080808080, 0x00ff00ff00ff00ff
		x := binary.LittleEndian.Uint64(b)
		half := ((x & low) + 0x70*(high>>7)) &^ ((x & low) + 0x3c*(high>>7)) & high // from 0x10 on, and not from 0x44 on
		d.half[0] += bits.OnesCount64(half & even)
		d.half[1] += bits.OnesCount64(half &^ even)
		negative := bits.OnesCount64(x & high)
		sizes := x ^ (x & high >> 7 * 0xff) // what is negative is one less
		sums := sizes&even + sizes>>8&even
		d.signs += negative
		d.sum += int(sums*0x0001000100010001>>48) + negative //nolint:gosec // 16 bits
	}
	for i, c := range b {
		if mayBeHalf(c) {
			d.half[i&1]++
		}
		d.signs += int(c >> 7)
		d.sum += size8(c)
	}
	return d
}

// mayBeHalf reports whether c may be the upper byte of a float16 or bfloat16 of an embedding's size: from 2⁻¹¹ to 4.
func mayBeHalf(c byte) bool { return c&0x7f-0x10 <= 0x33 }

// size8 is the size of an int8.
func size8(c byte) int {
	if c < 128 {
		return int(c)
	}
	return 256 - int(c)
}

// denseRun is such a field that was found and goes on: left bytes of it, from next on.
type denseRun struct{ next, left int }

// lookDense looks for a field that reaches into the last word, which ends before stop.
func (o *opaque) lookDense(stop int) error {
	if o.dense.left > 0 || o.run.on {
		return nil
	}
	n := len(o.notes)
	var half [2]int
	for _, d := range o.notes[max(0, n-3):] { // the shortest of halves reaches into three
		half[0], half[1] = half[0]+d.half[0], half[1]+d.half[1]
	}
	if 8*max(half[0], half[1]) >= 7*denseHalves {
		if found, err := o.denseAt(stop, 2*denseHalves, 2, halvesAt); found || err != nil {
			return err
		}
	}
	all, sum, signs := 0, 0, 0
	for _, d := range o.notes[max(0, n-5):] {
		all, sum, signs = all+d.bytes, sum+d.sum, signs+d.signs
	}
	if all < denseBytes || 4*signs < all-128 || 4*signs > 3*all+128 || sum > 52*all && sum < 76*all {
		return nil
	}
	_, err := o.denseAt(stop, denseBytes, 1, bytesAt)
	return err
}

// denseAt looks for a field of which so many bytes, at least, have come, and masks it.
func (o *opaque) denseAt(stop, bytes, width int, is func(b []byte) bool) (bool, error) {
	var found denseRun
	for at := max(2, stop-bytes-2*64); at+bytes <= stop; at++ {
		length := o.lengthBefore(at)
		if length < bytes || length > maxDense || found.left > 0 && length > found.left || !is(o.buf[at:at+bytes]) {
			continue
		}
		if found = (denseRun{at, length}); !o.strings { // of four bytes of length there are some before, too: the least counts
			break
		}
	}
	if found.left == 0 {
		return false, nil
	}
	for run, more := found, !o.strings; more; { // messages around the field have a length, too
		if run, more = within(o.buf[:stop], run); more && run.next+bytes <= stop && run.left >= bytes && is(o.buf[run.next:run.next+bytes]) {
			found = run
		}
	}
	if err := o.undeclared(); err != nil {
		return false, err
	}
	o.read.Dims += int64(found.left / width)
	o.dense = found
	o.followDense(stop)
	return true, nil
}

// followDense masks what goes on of the field that was found, up to end.
func (o *opaque) followDense(end int) {
	d := &o.dense
	n := min(d.left, end-d.next)
	if n <= 0 {
		return
	}
	clear(o.buf[d.next : d.next+n])
	d.next, d.left = d.next+n, d.left-n
}

// lengthBefore returns the length that stands before at: behind a field's tag or, of strings in tensors, in four bytes; 0 for none.
func (o *opaque) lengthBefore(at int) int {
	if o.strings {
		if at < 4 {
			return 0
		}
		return int(binary.LittleEndian.Uint32(o.buf[at-4:]))
	}
	for head := 3; head <= 6 && head <= at; head++ { // shorter ones have shorter lengths
		if n, length := lengthAt(o.buf[at-head : at]); n == head {
			return length
		}
	}
	return 0
}

// lengthAt reads the tag and the length of a field of bytes that b begins with, and returns how long they are; 0 for none.
func lengthAt(b []byte) (head, length int) {
	tag, n := scan.Uvarint(b)
	if n <= 0 || n > 2 || tag>>3 == 0 || tag&7 != uint64(scan.WireBytes) {
		return 0, 0
	}
	l, m := scan.Uvarint(b[n:])
	if m <= 0 || l > maxDense {
		return 0, 0
	}
	return n + m, int(l)
}

// within returns the field of bytes that nearly all of a message is, if there is one.
func within(b []byte, message denseRun) (field denseRun, ok bool) {
	const rest = 64 // for all other fields
	end := message.next + message.left
	for at := message.next; at < min(message.next+rest, len(b)); {
		if head, length := lengthAt(b[at:]); head > 0 {
			if at += head + length; at <= end && at >= end-rest {
				return denseRun{at - length, length}, true
			}
			continue
		}
		tag, n := scan.Uvarint(b[at:])
		if n <= 0 || tag>>3 == 0 {
			return field, false
		}
		switch at += n; scan.WireKind(tag & 7) { //nolint:gosec // three bits
		case scan.WireVarint:
			_, m := scan.Uvarint(b[at:])
			if m <= 0 {
				return field, false
			}
			at += m
		case scan.WireFixed64:
			at += 8
		case scan.WireFixed32:
			at += 4
		default:
			return field, false
		}
	}
	return field, false
}

// halvesAt reports whether b begins with half floats of a vector: seven in eight of an embedding's size and unlike the one before, of both
// signs.
func halvesAt(b []byte) bool {
	good, signs := 0, 0
	for i := 0; i < 2*denseHalves; i += 2 {
		if mayBeHalf(b[i+1]) && (i == 0 || b[i] != b[i-2] || b[i+1] != b[i-1]) {
			good++
		}
		signs += int(b[i+1] >> 7)
	}
	return 8*good >= 7*denseHalves && 8*signs >= denseHalves && 8*signs <= 7*denseHalves && distinct(b[:2*denseHalves], 2) >= denseHalves/4
}

// bytesAt reports whether b begins with int8 of a vector, or uint8 around 128. What is smooth, be it in every second, third or fourth byte, is
// an image, sound, or larger numbers; what has favourites is code.
func bytesAt(b []byte) bool {
	b = b[:denseBytes]
	var sums [2]int // of every other one
	var counts [256]uint8
	signs := 0
	for i, c := range b {
		sums[i&1] += size8(c)
		signs += int(c >> 7)
		if counts[c]++; counts[c] > denseBytes/16 {
			return false
		}
	}
	sum := sums[0] + sums[1]
	if sum > denseBytes*64 {
		sum, sums = denseBytes*128-sum, [2]int{denseBytes*64 - sums[0], denseBytes*64 - sums[1]}
	}
	if sum > 48*denseBytes || 4*signs < denseBytes || 4*signs > 3*denseBytes || 3*min(sums[0], sums[1]) < 2*max(sums[0], sums[1]) {
		return false
	}
	return repeats(b) < denseBytes/10 && steps(b, 0, 1, 1) >= sum && steps(b, 0, 2, 2) >= sums[0] && steps(b, 1, 2, 2) >= sums[1] && steps(b, 0, 1, 3) >= sum && steps(b, 0, 1, 4) >= sum
}

// repeats returns how many pairs of neighbours in b have been there before, or nearly as many.
func repeats(b []byte) (n int) {
	var seen [1 << 10]uint16
	for i := range len(b) - 1 {
		pair := uint16(b[i])<<8 | uint16(b[i+1])
		at := &seen[(pair*40503)>>6]
		if *at == pair {
			n++
		}
		*at = pair
	}
	return n
}

// steps returns how far every n-th byte of b, from the first on, is in all from the one so much before it.
func steps(b []byte, first, n, before int) (sum int) {
	for i := first + before; i < len(b); i += n {
		sum += size8(b[i] - b[i-before])
	}
	return sum
}

// distinct returns how many values every n-th byte of b has.
func distinct(b []byte, n int) int {
	var have [4]uint64
	for i := 0; i < len(b); i += n {
		have[b[i]>>6] |= 1 << (b[i] & 63)
	}
	return bits.OnesCount64(have[0]) + bits.OnesCount64(have[1]) + bits.OnesCount64(have[2]) + bits.OnesCount64(have[3])
}

// forget drops the notes of the first words.
func (o *opaque) forget(words int) { o.notes = slices.Delete(o.notes, 0, words) }
