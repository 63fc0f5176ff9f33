package vector

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/weirgate/weir/pkg/scan"
)

// cells is how the components of a binary vector are written, little-endian.
type cells uint8

const (
	noCells cells = iota
	cellsF32
	cellsF64
	cellsF16
	cellsBF16
	cellsI8 // int8, uint8
	cellsBool
	cellsI16
	cellsI32
	cellsI64
	cellsBits  // eight a byte
	cellsPairs // of a sparse vector: an index and a float32 by turns
	cellsText  // strings, each behind its length: no vectors
)

// width returns how many bytes a component has; of bits, eight have one.
func (c cells) width() int64 {
	switch c {
	case cellsF64, cellsI64, cellsPairs:
		return 8
	case cellsF16, cellsBF16, cellsI16:
		return 2
	case cellsI8, cellsBool, cellsBits:
		return 1
	}
	return 4
}

// one returns how a component is written that is 1.
func (c cells) one() string {
	switch c {
	case cellsF32:
		return "\x00\x00\x80\x3f"
	case cellsF64:
		return "\x00\x00\x00\x00\x00\x00\xf0\x3f"
	case cellsF16:
		return "\x00\x3c"
	case cellsBF16:
		return "\x80\x3f"
	case cellsBits:
		return "\x80"
	case cellsPairs:
		return "\x00\x00\x00\x00\x00\x00\x80\x3f"
	}
	return "\x01\x00\x00\x00\x00\x00\x00\x00"[:c.width()]
}

// whole reports whether components are whole numbers.
func (c cells) whole() bool { return c == cellsI8 || c == cellsI16 || c == cellsI32 || c == cellsI64 }

// dims returns how many components so many bytes hold.
func (c cells) dims(bytes int64) int64 {
	if c == cellsBits {
		return 8 * bytes
	}
	return bytes / c.width()
}

// bytes returns how many bytes so many components take.
func (c cells) bytes(dims int64) int64 {
	if c == cellsBits {
		return (dims + 7) / 8
	}
	return dims * c.width()
}

// cellsOf returns how an encoding of bytes is written.
func cellsOf(e scan.Encoding) cells {
	switch e {
	case scan.EncodingF32, scan.EncodingFloats:
		return cellsF32
	case scan.EncodingDoubles:
		return cellsF64
	case scan.EncodingF16:
		return cellsF16
	case scan.EncodingBF16:
		return cellsBF16
	case scan.EncodingI8:
		return cellsI8
	case scan.EncodingBits:
		return cellsBits
	case scan.EncodingSparse:
		return cellsPairs
	}
	return noCells
}

// cellsNamed returns how a datatype of KServe's is written.
func cellsNamed(datatype []byte) cells {
	switch string(datatype) {
	case "FP32":
		return cellsF32
	case "FP64":
		return cellsF64
	case "FP16":
		return cellsF16
	case "BF16":
		return cellsBF16
	case "INT8", "UINT8":
		return cellsI8
	case "BOOL":
		return cellsBool
	case "INT16", "UINT16":
		return cellsI16
	case "INT32", "UINT32":
		return cellsI32
	case "INT64", "UINT64":
		return cellsI64
	case "BYTES":
		return cellsText
	}
	return noCells
}

// cellRun is vectors in bytes, end to end, on their way through. Only those of float32 and float64 have room for what a Masker makes, or for
// a sealed vector; and what stands in a message cannot become shorter alone: where JSON's would be redacted, zeros leave.
type cellRun struct {
	*account
	cells cells
	names []string // of the vector; several where it may be any of them
	plain bool     // no Masker's, no opener's
	row   int64    // bytes of a vector
	done  int64    // of the one that runs
	begun bool     // one runs
	treat treatment
	dims  int64 // of a vector, where its bytes do not tell: bits

	bytes  []byte // of one that is changed as a whole
	values []float32
}

// start makes ready for vectors of so many bytes each.
func (r *cellRun) start(c cells, row int64, names []string, plain bool) {
	r.cells, r.row, r.names, r.done, r.begun = c, row, names, 0, false
	r.plain = plain || c != cellsF32 && c != cellsF64 || c.dims(row) > maxWhole
	r.dims = c.dims(row)
}

// goOn makes ready for more of a vector of which so many bytes were read already.
func (r *cellRun) goOn(c cells, has, more int64) {
	r.start(c, has+more, nil, true)
	r.done, r.begun = has, true
	r.setTreat()
	r.read.Dims += c.dims(more)
}

func (r *cellRun) setTreat() {
	switch r.treat = r.account.treat; {
	case r.treat == replaced && r.plain:
		r.treat = zeroed
	case r.treat == opened && r.plain:
		r.treat = asIs
	}
}

// piece takes some of src, of one vector at most.
func (r *cellRun) piece(src []byte) (int, error) {
	if !r.begun {
		if err := r.begin(); err != nil {
			return 0, err
		}
		r.begun, r.done = true, 0
		r.setTreat()
		r.read.Dims += r.dims
	}
	n := int(min(int64(len(src)), r.row-r.done))
	r.read.BytesBinary += int64(n)
	switch r.treat {
	case asIs:
		r.put(src[:n])
	case zeroed:
		r.putZeros(n)
	case replaced, opened:
		if r.done == 0 {
			r.bytes = r.bytes[:0]
		}
		r.bytes = append(r.bytes, src[:n]...)
	case refused, emptied:
	}
	if r.done += int64(n); r.done < r.row {
		return n, nil
	}
	r.begun = false
	if r.treat == replaced || r.treat == opened {
		return n, r.putChanged()
	}
	return n, nil
}

// putZeros lets n bytes of a zeroed vector leave. The indices of a sparse one are made up: 0, 1, 2, …
func (r *cellRun) putZeros(n int) {
	if !r.puts() {
		return
	}
	start := len(r.out)
	r.out = slices.Grow(r.out, n)[:start+n]
	out := r.out[start:]
	clear(out)
	if one := r.cells.one(); r.unit && r.done < int64(len(one)) {
		copy(out, one[r.done:])
	}
	if r.cells != cellsPairs {
		return
	}
	for i := range out {
		if at := r.done + int64(i); at&7 < 4 {
			out[i] = byte(at >> 3 >> (8 * (at & 7)))
		}
	}
}

// putChanged lets leave what becomes of a vector as a whole.
func (r *cellRun) putChanged() error {
	r.read32()
	out, is, err := r.changeNamed(r.values, r.names)
	switch {
	case err != nil:
		return err
	case is == keep:
		r.put(r.bytes)
		return nil
	case is == withhold:
		r.done = 0
		r.putZeros(len(r.bytes))
		return nil
	}
	for i, f := range out {
		if r.cells == cellsF64 {
			binary.LittleEndian.PutUint64(r.bytes[8*i:], math.Float64bits(float64(f)))
			continue
		}
		binary.LittleEndian.PutUint32(r.bytes[4*i:], math.Float32bits(f))
	}
	r.put(r.bytes)
	return nil
}

// read32 makes numbers of the bytes.
func (r *cellRun) read32() {
	n := len(r.bytes) / int(r.cells.width())
	r.values = slices.Grow(r.values[:0], n)[:n]
	for i := range r.values {
		if r.cells == cellsF64 {
			r.values[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(r.bytes[8*i:])))
			continue
		}
		r.values[i] = math.Float32frombits(binary.LittleEndian.Uint32(r.bytes[4*i:]))
	}
}

// changeNamed is change for a vector that may have any of several names: the one that opens it counts.
func (a *account) changeNamed(v []float32, names []string) (out []float32, is verdict, err error) {
	before := a.read
	for i, name := range names {
		if out, is, err = a.change(v, name); err != nil || is != keep || i == len(names)-1 {
			return out, is, err
		}
		if a.read.Forged > before.Forged { // it may be of another name
			a.read.Forged = before.Forged
		}
	}
	return a.change(v, "")
}
