package artifact

import (
	"bytes"
	"encoding/binary"
	"math/bits"

	"github.com/weirgate/weir/pkg/authz"
)

// maxSafetensorsHeader is the longest header that readers of safetensors accept, in bytes.
const maxSafetensorsHeader = 100 << 20

// safetensors recognises the length of a header, 8 bytes little-endian, and the JSON object behind it. Where the length alone is seen it
// suffices if the size of the object is known and agrees: that is the first thing a reader asks for.
func safetensors(v view) (authz.Artifact, bool) {
	if len(v.b) < 8 {
		return authz.Artifact{}, false
	}
	n := binary.LittleEndian.Uint64(v.b)
	if n <= 2 || n > maxSafetensorsHeader || !v.fits(8+n) {
		return authz.Artifact{}, false
	}
	a, _ := checkpoint("safetensors")
	if len(v.b) == 8 {
		return a, v.size > int64(8+n)
	}
	if v.b[8] != '{' {
		return authz.Artifact{}, false
	}
	if 8+n <= uint64(len(v.b)) {
		a.Tensors, a.Parameters = tensorsOf(v.b[8 : 8+n])
	}
	return a, true
}

// tensorsOf counts the tensors and parameters of a header; 0, 0 where it is not what a writer of safetensors writes. It is read at a speed
// at which whole headers cost nothing: nothing but the order of the members is relied on, and a header in another order is not counted.
func tensorsOf(header []byte) (tensors, parameters int64) {
	r := jsonReader{b: header}
	if !r.take("{") {
		return 0, 0
	}
	for !r.take("}") {
		name, ok := r.name()
		if !ok {
			return 0, 0
		}
		if string(name) == "__metadata__" {
			if !r.skipObject() {
				return 0, 0
			}
		} else {
			n, ok := r.tensor()
			sum, carry := bits.Add64(uint64(parameters), n, 0)
			if !ok || carry != 0 || sum >= 1<<62 {
				return 0, 0
			}
			tensors, parameters = tensors+1, int64(sum)
		}
		if !r.take(",") && !r.at('}') {
			return 0, 0
		}
	}
	return tensors, parameters
}

// jsonReader reads the compact JSON of a header from left to right.
type jsonReader struct {
	b []byte
	i int
}

func (r *jsonReader) at(c byte) bool { return r.i < len(r.b) && r.b[r.i] == c }

// take passes over a text, where it comes next but for white space.
func (r *jsonReader) take(s string) bool {
	if r.at(s[0]) && len(s) == 1 {
		r.i++
		return true
	}
	start := r.i
	for j := 0; j < len(s); j++ { // python's json puts blanks behind colons and commas
		for r.at(' ') || r.at('\n') {
			r.i++
		}
		if !r.at(s[j]) {
			r.i = start
			return false
		}
		r.i++
	}
	return true
}

// name passes over a member's name and its colon. Names with escapes are none: they may hide anything, and nobody writes them.
func (r *jsonReader) name() ([]byte, bool) {
	if !r.take(`"`) {
		return nil, false
	}
	end := bytes.IndexByte(r.b[r.i:], '"')
	if end < 0 {
		return nil, false
	}
	name := r.b[r.i : r.i+end]
	r.i += end + 1
	return name, r.take(":")
}

// tensor reads the description of one tensor and returns its parameters.
func (r *jsonReader) tensor() (parameters uint64, ok bool) {
	if n, parameters := compactTensor(r.b[r.i:]); n > 0 {
		r.i += n
		return parameters, true
	}
	if !r.take(`{"dtype":"`) || !r.until('"', 16) || !r.take(`,"shape":[`) {
		return 0, false
	}
	parameters = 1
	for !r.take("]") {
		n, ok := r.number()
		high, low := bits.Mul64(parameters, n)
		if !ok || high != 0 {
			return 0, false
		}
		parameters = low
		if !r.take(",") && !r.at(']') {
			return 0, false
		}
	}
	return parameters, r.take(`,"data_offsets":[`) && r.until(']', 64) && r.take("}")
}

// until passes over what ends with a byte, within so many bytes.
func (r *jsonReader) until(c byte, most int) bool {
	end := bytes.IndexByte(r.b[r.i:min(len(r.b), r.i+most)], c)
	r.i += end + 1
	return end >= 0
}

// compactTensor reads a description as the library itself writes it, without a blank: n is how long it is, 0 where it is written otherwise.
// A header that fills the prefix has 600 of them.
func compactTensor(b []byte) (n int, parameters uint64) {
	const dtype, shape, offsets = `{"dtype":"`, `","shape":[`, `],"data_offsets":[`
	if len(b) < 128 || string(b[:len(dtype)]) != dtype {
		return 0, 0
	}
	head := (*[128]byte)(b)
	i := len(dtype)
	for i < 32 && head[i] != '"' {
		i++
	}
	if string(head[i:i+len(shape)]) != shape {
		return 0, 0
	}
	parameters = 1
	for i += len(shape); i < 96; i++ {
		digits, size := i, uint64(0)
		for ; i < 96 && head[i]-'0' <= 9; i++ {
			size = size*10 + uint64(head[i]-'0')
		}
		high, low := bits.Mul64(parameters, size)
		if i == digits || i > digits+18 || high != 0 {
			return 0, 0
		}
		if parameters = low; head[i] != ',' {
			break
		}
	}
	if string(head[i:i+len(offsets)]) != offsets {
		return 0, 0
	}
	i += len(offsets)
	end := bytes.IndexByte(b[i:], ']')
	if end < 0 || end > 64 || i+end+1 >= len(b) || b[i+end+1] != '}' {
		return 0, 0
	}
	return i + end + 2, parameters
}

// number reads digits.
func (r *jsonReader) number() (n uint64, ok bool) {
	for r.at(' ') {
		r.i++
	}
	start := r.i
	for ; r.i < len(r.b) && r.i < start+19; r.i++ {
		c := r.b[r.i] - '0'
		if c > 9 {
			break
		}
		n = n*10 + uint64(c)
	}
	return n, r.i > start
}

// skipObject passes over an object of strings.
func (r *jsonReader) skipObject() bool {
	if !r.take("{") {
		return false
	}
	inside := false
	for ; r.i < len(r.b); r.i++ {
		switch c := r.b[r.i]; {
		case c == '\\' && inside:
			r.i++
		case c == '"':
			inside = !inside
		case c == '}' && !inside:
			r.i++
			return true
		}
	}
	return false
}
