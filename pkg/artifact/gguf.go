package artifact

import (
	"encoding/binary"
	"math/bits"

	"github.com/weirgate/weir/pkg/authz"
)

// Bounds of what a header of GGUF may say and still be counted.
const (
	maxGGUFTensors = 1 << 20
	maxGGUFPairs   = 1 << 20
)

// gguf recognises GGUF of versions 1 to 3, in either order of bytes. Whatever its version says, nothing else begins so.
func gguf(v view) (authz.Artifact, bool) {
	if !v.has(0, "GGUF") {
		return authz.Artifact{}, false
	}
	a, _ := checkpoint("gguf")
	r := ggufReader{b: v.b, i: 4, order: binary.LittleEndian, wide: true}
	version := r.u32()
	if version > 1<<16 {
		r.order, version = binary.BigEndian, bits.ReverseBytes32(version)
	}
	if version < 1 || version > 3 {
		return a, true
	}
	r.wide = version > 1
	tensors, pairs := r.length(), r.length()
	if r.bad || tensors > maxGGUFTensors || pairs > maxGGUFPairs {
		return a, true
	}
	a.Tensors, a.Parameters = int64(tensors), r.parameters(tensors, pairs)
	return a, true
}

// ggufReader reads the header of a GGUF file. Whatever lies behind what is seen makes it bad, for good.
type ggufReader struct {
	b     []byte
	i     int
	order binary.ByteOrder
	wide  bool // lengths have 8 bytes: since version 2
	bad   bool
}

// skip passes over n bytes and reports whether they are seen.
func (r *ggufReader) skip(n uint64) bool {
	if r.bad || n > uint64(len(r.b)-r.i) {
		r.bad = true
		return false
	}
	r.i += int(n)
	return true
}

func (r *ggufReader) u32() uint32 {
	if !r.skip(4) {
		return 0
	}
	return r.order.Uint32(r.b[r.i-4:])
}

// length reads a length or a count.
func (r *ggufReader) length() uint64 {
	if !r.wide {
		return uint64(r.u32())
	}
	if !r.skip(8) {
		return 0
	}
	return r.order.Uint64(r.b[r.i-8:])
}

// parameters reads past the metadata and sums what the descriptions of the tensors say; 0 where they lie too far in or say nonsense.
func (r *ggufReader) parameters(tensors, pairs uint64) int64 {
	for range pairs {
		r.skip(r.length())
		if r.value(r.u32(), 0); r.bad {
			return 0
		}
	}
	var sum uint64
	for range tensors {
		r.skip(r.length())
		dims, n := r.u32(), uint64(1)
		if dims > 8 {
			return 0
		}
		for range dims {
			high, low := bits.Mul64(n, r.length())
			if high != 0 {
				return 0
			}
			n = low
		}
		if r.skip(4 + 8); r.bad || n >= 1<<62 {
			return 0
		}
		if sum += n; sum >= 1<<62 {
			return 0
		}
	}
	return int64(sum)
}

// value passes over a value of metadata. Arrays of arrays are written by nobody beyond one level.
func (r *ggufReader) value(kind uint32, depth int) {
	switch kind {
	case 0, 1, 7:
		r.skip(1)
	case 2, 3:
		r.skip(2)
	case 4, 5, 6:
		r.skip(4)
	case 10, 11, 12:
		r.skip(8)
	case 8:
		r.skip(r.length())
	case 9:
		r.array(depth + 1)
	default:
		r.bad = true
	}
}

// array passes over an array: of numbers in one step, of strings one by one, until what is seen ends.
func (r *ggufReader) array(depth int) {
	kind, n := r.u32(), r.length()
	if depth > 2 || n > uint64(len(r.b)) {
		r.bad = true
	}
	for ; n > 0 && !r.bad; n-- {
		r.value(kind, depth)
	}
}
