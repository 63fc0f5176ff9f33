package vector

import (
	"encoding/binary"
)

// maxVarint is the longest varint, in bytes.
const maxVarint = 10

// varintBlock is how many numbers are replaced at a time.
const varintBlock = 4 << 10

// varintRun is whole numbers in packed varints, on their way through: vectors end to end, or the indices of sparse ones.
//
// Numbers leave that are as long together, by the block, as those that came: of a vector's zeros, in more bytes than they need; of indices,
// made-up ones, each another where there are enough of that length. How long each was is told by neither.
type varintRun struct {
	*account
	indices bool
	row     int64 // numbers of a vector; 0: all of them
	left    int64 // bytes
	cells   int64 // numbers that began
	size    int   // bytes of the one that runs

	block, bytes int64                // numbers and bytes that nothing has left for yet
	made         [maxVarint + 1]int64 // indices made up, by their length
}

// start makes ready for so many bytes.
func (r *varintRun) start(indices bool, row, bytes int64) {
	r.indices, r.row, r.left = indices, row, bytes
	r.cells, r.size, r.block, r.bytes = 0, 0, 0, 0
}

// forget makes indices begin anew.
func (r *varintRun) forget() { r.made = [maxVarint + 1]int64{} }

// piece takes src, which holds no more than the run does. ok is false for what is no number.
func (r *varintRun) piece(src []byte) (n int, ok bool, err error) {
	for n < len(src) {
		c := src[n]
		if r.size == 0 {
			if err := r.next(); err != nil {
				r.took(src[:n])
				return n, true, err
			}
		}
		r.size++
		r.bytes++
		n++
		if c < 0x80 {
			if c == 0 && r.size > 1 || r.size == maxVarint && c > 1 {
				return n, false, nil
			}
			r.size = 0
			if r.block == varintBlock {
				r.putBlock()
			}
		} else if r.size == maxVarint {
			return n, false, nil
		}
	}
	r.took(src)
	if r.left > 0 {
		return n, true, nil
	}
	r.putBlock()
	return n, r.size == 0 && (r.row == 0 || r.cells%r.row == 0), nil
}

// next begins a number, and a vector where one begins with it.
func (r *varintRun) next() error {
	if !r.indices {
		if first := r.cells == 0 || r.row > 0 && r.cells%r.row == 0; first {
			if err := r.begin(); err != nil {
				return err
			}
		}
		r.read.Dims++
	}
	r.cells++
	r.block++
	return nil
}

// took counts what was read.
func (r *varintRun) took(b []byte) {
	r.left -= int64(len(b))
	r.read.BytesBinary += int64(len(b))
	if r.treat == asIs || r.treat == opened {
		r.put(b)
	}
}

// putBlock lets leave what stands for the numbers that were read.
func (r *varintRun) putBlock() {
	if r.block > 0 && r.puts() && (r.treat == zeroed || r.treat == replaced) {
		size, longer := int(r.bytes/r.block), r.bytes%r.block
		for i := range r.block {
			if i == r.block-longer {
				size++
			}
			at := r.cells - r.block + i
			r.out = r.appendMasked(r.out, size, at == 0 || r.row > 0 && at%r.row == 0)
		}
	}
	r.block, r.bytes = 0, 0
}

// appendMasked appends a number of so many bytes.
func (r *varintRun) appendMasked(out []byte, size int, first bool) []byte {
	if r.indices {
		return r.appendIndex(out, size)
	}
	c := byte(0)
	if first && r.unit {
		c = 1
	}
	for range size - 1 {
		out = append(out, c|0x80)
		c = 0
	}
	return append(out, c)
}

// appendIndex appends an index of so many bytes.
func (r *varintRun) appendIndex(out []byte, size int) []byte {
	lowest, room := uint64(0), int64(1)<<7
	switch {
	case size == maxVarint:
		lowest, room = 1<<63, 1<<62
	case size > 1:
		lowest = 1 << (7 * (size - 1))
		room = 127 * int64(lowest) //nolint:gosec // 63 bits at most
	}
	v := lowest + uint64(r.made[size]%room) //nolint:gosec // not negative
	r.made[size]++
	return binary.AppendUvarint(out, v)
}

// number lets leave what stands for an index that is a field of its own.
func (r *varintRun) number(head []byte, value uint64) {
	r.read.BytesBinary += int64(sizeUvarint(value))
	switch r.treat {
	case asIs, opened:
		r.put(head)
	case zeroed, replaced:
		size := sizeUvarint(value)
		r.put(head[:len(head)-size])
		if r.puts() {
			r.out = r.appendIndex(r.out, size)
		}
	case refused, emptied:
	}
}

// sizeUvarint returns how many bytes a varint has.
func sizeUvarint(v uint64) int {
	n := 1
	for ; v >= 0x80; v >>= 7 {
		n++
	}
	return n
}
