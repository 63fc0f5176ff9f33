package vector

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"
	"unicode"
	"unicode/utf8"

	"github.com/weirgate/weir/pkg/scan"
)

// opaque looks for vectors in bytes of which nothing is known: fields of messages that nobody declared. It finds 32 float32 or float64
// values at equal distances, of which nine in ten are of an embedding's size and different from the one before (packed, in bytes, as fields
// of their own, or each in a message of a list), fields of smaller components (opaque_dense.go), and what the sniffer finds in text. Their numbers leave as zeros, all else as it came.
type opaque struct {
	*account
	strings bool // what comes are a tensor's, each behind its length in four bytes

	buf   []byte   // what has not left yet
	words []uint64 // of every 64 bytes of buf, which may be the last of a value; those that were looked at
	run   floatRun
	notes []denseNote // of the same words
	dense denseRun
	text  sniffer
	seen  int // bytes of buf that the sniffer was given
	mask  textMask
}

const (
	// minStride and maxStride are how far apart values may be, in bytes.
	minStride = 4
	maxStride = 16
	// maxBack is how many values of a row are looked at on either side, before it is judged.
	maxBack = 72
	// keepFloats is how much is held for a row of floats that has only begun, in bytes.
	keepFloats = (maxBack + 1) * maxStride
	// minOpaque is the fewest bytes that hold a vector of floats.
	minOpaque = 4 * minRun
	// opaqueBlock is how much is looked at in one go, in bytes.
	opaqueBlock = 8 << 10
)

// floatRun is a row of floats that was found and goes on.
type floatRun struct {
	on            bool
	stride, width int
	next          int // index in buf of the next value's last byte
	misses        int // values in a row that are none
}

// add takes bytes, and lets leave what may.
func (o *opaque) add(src []byte) error {
	for len(src) > 0 {
		n := min(len(src), opaqueBlock)
		o.buf = append(o.buf, src[:n]...)
		src = src[n:]
		if len(o.buf) < minOpaque {
			continue
		}
		if err := o.look(false); err != nil {
			return err
		}
		o.release(min(o.seen-o.text.pending(), 64*len(o.words)-keepFloats) / 64)
	}
	return nil
}

// flush says that something else follows.
func (o *opaque) flush() error {
	switch {
	case len(o.buf) == 0:
		return nil
	case o.hopeless():
		o.put(o.buf)
		o.buf = o.buf[:0]
		return nil
	}
	if err := o.look(true); err != nil {
		return err
	}
	o.put(o.buf)
	o.buf, o.words, o.seen, o.run, o.mask = o.buf[:0], o.words[:0], 0, floatRun{}, textMask{}
	o.notes, o.dense = o.notes[:0], denseRun{}
	o.text.begin()
	return nil
}

// hopeless reports whether there is no room for a vector in all that came: neither for 32 float32 values, nor for as many numbers in text,
// half of them fractions.
func (o *opaque) hopeless() bool {
	const shortest = 16*len(".5,") + 16*len("1,") - 1
	if len(o.buf) >= minOpaque || len(o.buf) < shortest {
		return len(o.buf) < shortest
	}
	digits := 0
	for _, c := range o.buf {
		if c-'0' < 10 {
			digits++
		}
	}
	return digits < minRun
}

// release lets the first words leave.
func (o *opaque) release(words int) {
	if words <= 0 {
		return
	}
	n := 64 * words
	o.put(o.buf[:n])
	o.buf = o.buf[:copy(o.buf, o.buf[n:])]
	o.words = o.words[:copy(o.words, o.words[words:])]
	o.seen -= n
	o.run.next -= n
	o.forget(words)
	o.dense.next -= n
}

// look looks at what came, word by word, so that what it finds does not depend on how it came; last says that nothing follows.
func (o *opaque) look(last bool) error {
	for end := 64 * (len(o.words) + 1); end <= len(o.buf) || last && end < len(o.buf)+64; end += 64 {
		stop := min(end, len(o.buf))
		if err := o.lookText(stop); err != nil {
			return err
		}
		o.follow(stop)
		o.followDense(stop)
		o.words = append(o.words, lastBytes(o.buf[end-64:stop]))
		o.notes = append(o.notes, noteOf(o.buf[end-64:stop]))
		if err := o.lookDense(stop); err != nil {
			return err
		}
		if err := o.lookFloats(stop); err != nil {
			return err
		}
	}
	if last && o.mask.kind == noVector && o.text.end() {
		return o.foundText()
	}
	return nil
}

// mayEnd says which bytes may be the last of a float32 or float64 value, little-endian, of an embedding's size, or of a zero.
var mayEnd = func() (t [256]bool) { //nolint:gochecknoglobals // a constant
	t[0] = true
	for c := 0x33; c <= 0x44; c++ {
		t[c], t[c|0x80] = true, true
	}
	return t
}()

// lastBytes returns which of up to 64 bytes may be.
func lastBytes(b []byte) (w uint64) {
	for i, c := range b {
		if mayEnd[c] {
			w |= 1 << i
		}
	}
	return w
}

// lookFloats looks for rows that reach into the last word, which ends before stop. Eight values in a row at one distance are looked at more closely.
func (o *opaque) lookFloats(stop int) error {
	const tries = 8 // as many looks a word are enough for all that is no trick
	n := len(o.words)
	var m [3]uint64 // the last three words, the newest last
	copy(m[max(0, 3-n):], o.words[max(0, n-3):])
	if o.run.on || o.dense.left > 0 || m[2] == 0 || bits.OnesCount64(m[0])+bits.OnesCount64(m[1])+bits.OnesCount64(m[2]) < 8 {
		return nil
	}
	tried, text := 0, false
	for p := minStride; p <= maxStride && !text; p++ {
		for r := inARow(m, uint(p)); r != 0 && tried < tries; { //nolint:gosec // not negative
			i := bits.TrailingZeros64(r)
			r &^= everyNth(p) << (i % p)                                  // once for each place within the distance
			if !o.differs(64*(n-1)+i, p) && !o.differs(64*(n-1)+i+p, p) { // every other one may be zero
				continue
			}
			if text = printable(o.buf[max(0, stop-128):stop]); text {
				break
			}
			tried++
			if found, err := o.judge(64*(n-1)+i, p, stop); found || err != nil {
				return err
			}
		}
	}
	return nil
}

// everyNth has every n-th bit set, from the first.
func everyNth(n int) (w uint64) {
	for i := 0; i < 64; i += n {
		w |= 1 << i
	}
	return w
}

// printable reports whether nine tenths of b or more are printable ASCII: most of what looks like a row, at first sight, is digits.
func printable(b []byte) bool {
	n := 0
	for _, c := range b {
		if c >= ' ' && c < 0x7f {
			n++
		}
	}
	return 10*n >= 9*len(b)
}

// differs reports whether the value that ends at i is neither zero nor the one before it again.
func (o *opaque) differs(i, stride int) bool {
	if i < 3+stride || i >= len(o.buf) {
		return false
	}
	v := binary.LittleEndian.Uint32(o.buf[i-3:])
	return v != 0 && v != binary.LittleEndian.Uint32(o.buf[i-3-stride:])
}

// inARow returns the bits of the newest word that end a row of eight at the distance p.
func inARow(m [3]uint64, p uint) uint64 {
	and := func(m [3]uint64, s uint) [3]uint64 {
		return [3]uint64{m[0] & (m[0] << s), m[1] & (m[1]<<s | m[0]>>(64-s)), m[2] & (m[2]<<s | m[1]>>(64-s))}
	}
	return and(and(and(m, p), 2*p), 4*p)[2]
}

// judge looks more closely at a row with a value that ends at i, and masks it if it is a vector.
func (o *opaque) judge(i, stride, stop int) (bool, error) {
	for _, width := range [...]int{8, 4} {
		if width > stride || i < width-1 {
			continue
		}
		first := o.reach(i, stop, -stride, width)
		last := o.reach(i, stop, stride, width)
		if !o.isVector(first, last, stride, width) {
			continue
		}
		if err := o.undeclared(); err != nil {
			return false, err
		}
		for at := first; at <= last; at += stride {
			o.zero(at, width)
		}
		o.run = floatRun{on: true, stride: stride, width: width, next: last + stride}
		o.follow(stop)
		return true, nil
	}
	return false, nil
}

// reach returns where the farthest value of the row ends, maxBack of them away at most, and before stop. Two in a row that are none end it.
func (o *opaque) reach(i, stop, step, width int) int {
	far, misses := i, 0
	for range maxBack {
		i += step
		if i-width+1 < 0 || i >= stop {
			break
		}
		if o.size(i, max(step, -step), width) != sizeOdd {
			far, misses = i, 0
		} else if misses++; misses == 2 {
			break
		}
	}
	return far
}

// isVector reports whether the row is one.
func (o *opaque) isVector(first, last, stride, width int) bool {
	all, good, bad := 0, 0, 0
	var before []byte
	for at := first; at <= last; at += stride {
		value := o.buf[at-width+1 : at+1]
		all++
		switch o.size(at, stride, width) {
		case sizeOdd:
			bad++
		case sizeUsual:
			if !bytes.Equal(value, before) {
				good++
			}
		}
		before = value
	}
	return good >= minRun && 10*bad < all && !mostlyText(o.buf[first-width+1:last+1])
}

// valueSize is what a value is to a vector.
type valueSize uint8

const (
	sizeOdd   valueSize = iota
	sizeZero            // nothing
	sizeUsual           // an embedding's
)

// size returns what the value is that ends at i. Values that do not stand next to each other have a tag before them.
func (o *opaque) size(i, stride, width int) valueSize {
	if stride > width && !o.tagged(i-width, width) {
		return sizeOdd
	}
	var v float64
	if width == 4 {
		v = float64(math.Float32frombits(binary.LittleEndian.Uint32(o.buf[i-3:])))
	} else {
		v = math.Float64frombits(binary.LittleEndian.Uint64(o.buf[i-7:]))
	}
	switch v = math.Abs(v); {
	case v == 0:
		return sizeZero
	case v > 1e-7 && v < 1e3:
		return sizeUsual
	}
	return sizeOdd
}

// tagged reports whether the tag of a field of so many bytes ends at i: one or two bytes, the kind in the first.
func (o *opaque) tagged(i, width int) bool {
	kind := byte(scan.WireFixed32)
	if width == 8 {
		kind = byte(scan.WireFixed64)
	}
	if i < 0 || o.buf[i] >= 0x80 {
		return false
	}
	return o.buf[i]&7 == kind || i > 0 && o.buf[i-1] >= 0x80 && o.buf[i-1]&7 == kind
}

// zero masks the value that ends at i.
func (o *opaque) zero(i, width int) {
	clear(o.buf[i-width+1 : i+1])
	o.read.Dims++
}

// follow masks what goes on of the row that was found, up to end. What looks like none is left if three in a row do.
func (o *opaque) follow(end int) {
	r := &o.run
	for ; r.on && r.next < end; r.next += r.stride {
		if o.size(r.next, r.stride, r.width) == sizeOdd {
			r.misses++
			r.on = r.misses < 3
			continue
		}
		for ; r.misses > 0; r.misses-- {
			o.zero(r.next-r.misses*r.stride, r.width)
		}
		o.zero(r.next, r.width)
	}
}

// mostlyText reports whether nine tenths of b or more are text: letters and digits, four by four, may look like floats.
func mostlyText(b []byte) bool {
	text := 0
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r != utf8.RuneError && !unicode.IsControl(r) {
			text += n
		}
		i += n
	}
	return 10*text >= 9*len(b)
}
