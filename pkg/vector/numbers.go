package vector

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/weirgate/weir/pkg/scan"
)

// run is the vector that runs.
type run struct {
	spot   *spot
	set    scan.Set // of its place: where paths go on, should it turn out to be none
	form   form
	treat  treatment // what becomes of it; not what the account says where it is too long for that, or of an encoding that has no room
	cells  int64     // components, or characters of base64, so far
	values []float32 // of one that is changed as a whole
	text   []byte    // of one that may leave as it came, or that is base64, as a whole
	before Reading   // what was counted before it
	code   base64State
}

// numberText is the text of the number that runs.
type numberText struct {
	buf [64]byte
	n   int
}

func (t *numberText) add(b []byte) { t.n += copy(t.buf[t.n:], b) }

func (t *numberText) text() []byte { return t.buf[:t.n] }

// beginVector asks for a vector, before anything of it is taken.
func (d *document) beginVector() error {
	before := d.read
	if err := d.begin(); err != nil {
		return err
	}
	d.vec.before = before
	d.breakRun()
	return nil
}

// startRun makes ready for the components of a vector, or of one row or part of it.
func (d *document) startRun(f form) {
	v := &d.vec
	v.form, v.treat, v.cells, v.values, v.text, v.code = f, d.treat, 0, v.values[:0], v.text[:0], base64State{}
	if v.treat == replaced && (d.muted || f != floats && f != base64F32) {
		v.treat = emptied
	}
}

// beginNumbers opens an array of numbers: a vector, or a part of a sparse one.
func (d *document) beginNumbers(f form) (int, error) {
	if f == auto {
		f = floats
	}
	if f != entries && f != indices {
		if err := d.beginVector(); err != nil {
			return 0, err
		}
	}
	if d.treat == refused {
		return 0, ErrVectorRefused
	}
	d.breakRun()
	if err := d.enter('[', d.vec.set, plainLevel); err != nil {
		return 0, err
	}
	d.startRun(f)
	d.inside = inNumbers
	d.countNumbers(1)
	return 1, nil
}

// countNumbers counts n bytes of the array.
func (d *document) countNumbers(n int) {
	switch {
	case d.sparse.on: // counted as a whole
	case d.vec.form == floats:
		d.read.BytesFloat += int64(n)
	default:
		d.read.BytesInt += int64(n)
	}
}

// numbers reads inside a vector's array: runs of whole numbers at once, the rest by Next and Number.
func (d *document) numbers(src []byte) (int, error) {
	if _, num, _ := d.lex.InValue(); num {
		return d.component(src)
	}
	ev, n, err := d.lex.Next(src)
	d.between(src[:n])
	if err != nil {
		return n, err
	}
	switch ev {
	case scan.End:
		return n, d.numbersEnd()
	case scan.Value:
		if !isNumberStart(src[n]) {
			return n, d.noNumber()
		}
		m, err := d.components(src[n:])
		return n + m, err
	case scan.Key, scan.More:
	}
	return n, nil
}

// noNumber refuses what stands in a vector and is no number. To an opener it is no vector then.
func (d *document) noNumber() error {
	if d.treat != opened {
		return d.lex.Fail("something else than a number in a vector")
	}
	d.giveUp()
	return nil
}

// giveUp makes an ordinary value of what an opener took for a vector.
func (d *document) giveUp() {
	d.read, d.inside = d.vec.before, outside
	d.put(d.vec.text)
}

// between takes text of the array: all of it, numbers and what is between them.
func (d *document) between(b []byte) {
	d.countNumbers(len(b))
	switch d.vec.treat {
	case asIs:
		d.put(b)
	case opened:
		d.vec.text = append(d.vec.text, b...)
	case refused, zeroed, emptied, replaced:
	}
}

// components reads as many components at once as lie in src as a whole, or a piece of one.
func (d *document) components(src []byte) (int, error) {
	v := &d.vec
	var n, count int
	if v.treat == replaced || v.treat == opened {
		had := len(v.values)
		n, v.values = d.lex.Floats(src, v.values)
		count = len(v.values) - had
	} else {
		n, count = d.lex.Numbers(src)
	}
	if count == 0 {
		return d.component(src)
	}
	if !d.fits(src[:n]) {
		return 0, d.lex.Fail("a fraction or sign where there are whole numbers only")
	}
	d.between(src[:n])
	d.counted(int64(count))
	return n, nil
}

// fits reports whether the text holds what the vector's form allows.
func (d *document) fits(b []byte) bool {
	switch d.vec.form {
	case indices:
		return wholeNumbers(b) && bytes.IndexByte(b, '-') < 0
	case ints:
		return wholeNumbers(b)
	}
	return true
}

func wholeNumbers(b []byte) bool {
	return bytes.IndexByte(b, '.') < 0 && bytes.IndexByte(b, 'e') < 0 && bytes.IndexByte(b, 'E') < 0
}

// component reads a piece of a component. It is counted when it begins: its first byte cannot be taken back.
func (d *document) component(src []byte) (int, error) {
	_, running, _ := d.lex.InValue()
	if !running {
		d.num.n = 0
	}
	n, done, err := d.lex.Number(src)
	d.num.add(src[:n])
	d.between(src[:n])
	if err != nil {
		return n, err
	}
	if !d.fits(src[:n]) {
		return n, d.lex.Fail("a fraction or sign where there are whole numbers only")
	}
	if done && (d.vec.treat == replaced || d.vec.treat == opened) {
		d.vec.values = append(d.vec.values, scan.Float(d.num.text()))
	}
	if !running {
		d.counted(1)
	}
	return n, nil
}

// counted counts n components, and lets the zeros leave that stand for them. Zeros are written without regard to how the numbers were:
// neither a sign nor a number of digits is left.
func (d *document) counted(n int64) {
	v := &d.vec
	if v.treat == zeroed && d.puts() {
		d.out = appendZeros(d.out, v.form, v.cells, n, d.unit)
	}
	v.cells += n
	if v.form != indices {
		d.read.Dims += n
	}
	if len(v.values) <= maxWhole {
		return
	}
	v.values = v.values[:0]
	if v.treat == opened { // too long to have been sealed
		d.put(v.text)
		v.text, v.treat = v.text[:0], asIs
		return
	}
	v.treat = emptied
}

// zeros is what a zeroed vector is made of.
var zeros = bytes.Repeat([]byte(",0"), 2048) //nolint:gochecknoglobals // a constant

// appendZeros appends n components of a zeroed vector that has some already. Indices are made up: 0, 1, 2, …
func appendZeros(out []byte, f form, has, n int64, unit bool) []byte {
	if f == indices {
		for i := has; i < has+n; i++ {
			if i > 0 {
				out = append(out, ',')
			}
			out = strconv.AppendInt(out, i, 10)
		}
		return out
	}
	if has == 0 && n > 0 {
		first := byte('0')
		if unit {
			first = '1'
		}
		out = append(out, first)
		n--
	}
	for n > 0 {
		some := min(n, int64(len(zeros)/2))
		out = append(out, zeros[:2*some]...)
		n -= some
	}
	return out
}

// numbersEnd closes the array.
func (d *document) numbersEnd() error {
	v := &d.vec
	d.inside = outside
	if d.sparse.on {
		d.sparse.partEnds(v.form, v.cells)
	}
	switch v.treat {
	case zeroed, emptied:
		d.putByte(']')
	case replaced, opened:
		out, is, err := d.changeRun(v.values)
		if err != nil {
			return err
		}
		switch {
		case is == keep:
			d.put(v.text)
			return nil
		case is == swap && v.treat == opened:
			d.out = appendExact(d.out, out)
		case is == swap:
			d.out = appendFixed(d.out, out)
		}
		d.putByte(']')
	case refused, asIs:
	}
	return nil
}

// appendExact appends the components by the fewest digits that tell them exactly.
func appendExact(dst []byte, v []float32) []byte {
	dst = slices.Grow(dst, 14*len(v))
	for i, f := range v {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendFloat(dst, float64(f), 'g', -1, 32)
	}
	return dst
}
