package vector

import (
	"math"
	"strconv"

	"github.com/weirgate/weir/pkg/scan"
)

const (
	// maxTensors bounds the outputs of an inference answer, and maxRank the dimensions of each.
	maxTensors = 1 << 10
	maxRank    = 32
)

// tensorHead reads what the JSON document of an inference answer says of its tensors, over any chunking. Of the members that say it, none
// may stand twice, or be written in another case: readers differ in what they make of that.
type tensorHead struct {
	lex  scan.Lexer
	open [scan.MaxDepth + 1]tensorLevel
	list []tensorOutput
	is   tensorMember // of the key that was read last
	runs tensorMember // of the value that runs
	text []byte       // of that, where it is a number or a datatype
}

// tensorLevel is an open array or object.
type tensorLevel struct {
	is   tensorMember
	seen uint16 // the members that were seen
}

// tensorMember is a place of the document that matters.
type tensorMember uint8

const (
	noMember tensorMember = iota
	anyMember
	rootMember
	outputsMember
	outputMember
	datatypeMember
	shapeMember
	parametersMember
	dataMember
	sizeMember
	dimMember
)

// tensorOutput is an output of the document.
type tensorOutput struct {
	cells  cells
	shape  []int64
	shaped bool
	binary int64 // bytes behind the document
	size   span  // where that stands
	data   span  // its numbers, in the document
}

// span is where something stands in the document; the zero value is nowhere.
type span struct{ from, to int }

// row returns how long its vectors are.
func (o *tensorOutput) row() int64 {
	if len(o.shape) == 0 {
		return 1
	}
	return o.shape[len(o.shape)-1]
}

// count returns how many numbers it has; less than 0 where no answer has so many.
func (o *tensorOutput) count() int64 {
	n := int64(1)
	for _, d := range o.shape {
		if d > 0 && n > math.MaxInt32/d {
			return -1
		}
		n *= d
	}
	return n
}

// read reads src up to the end of the document; behind it, white space.
func (h *tensorHead) read(src []byte) (n int, err error) {
	over := h.lex.Done()
	for n < len(src) && err == nil && h.lex.Done() == over {
		var k int
		if str, num, word := h.lex.InValue(); str || num || word {
			k, err = h.value(src[n:])
		} else {
			k, err = h.next(src[n:])
		}
		n += k
	}
	return n, err
}

// next reads up to the next value, and begins it.
func (h *tensorHead) next(src []byte) (int, error) {
	ev, n, err := h.lex.Next(src)
	if err != nil {
		return n, err
	}
	switch ev {
	case scan.Key:
		err = h.key()
	case scan.End:
		h.ended()
	case scan.Value:
		var k int
		k, err = h.begin(src[n:])
		n += k
	case scan.More:
	}
	return n, err
}

// key notes the member that begins.
func (h *tensorHead) key() error {
	l := &h.open[h.lex.Depth()]
	var buf [scan.MaxKey]byte
	folded := scan.AppendFold(buf[:0], h.lex.Key())
	if h.is = memberOf(l.is, string(folded)); h.is == anyMember {
		return nil
	}
	bit := uint16(1) << h.is
	if l.seen&bit != 0 || string(h.lex.Key()) != string(folded) {
		return h.lex.Fail("a key that stands twice, or in capitals")
	}
	l.seen |= bit
	return nil
}

// memberOf returns what the member of an object is.
func memberOf(object tensorMember, key string) tensorMember {
	switch {
	case object == rootMember && key == "outputs":
		return outputsMember
	case object == outputMember && key == "datatype":
		return datatypeMember
	case object == outputMember && key == "shape":
		return shapeMember
	case object == outputMember && key == "parameters":
		return parametersMember
	case object == outputMember && key == "data":
		return dataMember
	case object == parametersMember && key == "binary_data_size":
		return sizeMember
	}
	return anyMember
}

// begin begins the value at src[0].
func (h *tensorHead) begin(src []byte) (int, error) {
	c, is := src[0], h.is
	if !h.lex.InObject() {
		is = elementOf(h.open[h.lex.Depth()].is)
	}
	if !is.begins(c) {
		return 0, h.lex.Fail("something else in the place of an output, or of what is said of it")
	}
	h.runs, h.text = is, h.text[:0]
	switch c {
	case '[', '{':
		return 1, h.enter(c)
	case '"':
		h.lex.BeginString()
		return 1, nil
	}
	if is == sizeMember {
		h.last().size.from = int(h.lex.Pos())
	}
	return h.value(src)
}

// elementOf returns what is in an array, or the document itself.
func elementOf(array tensorMember) tensorMember {
	switch array {
	case noMember:
		return rootMember
	case outputsMember:
		return outputMember
	case shapeMember:
		return dimMember
	}
	return anyMember
}

// begins reports whether what is there may begin with c.
func (is tensorMember) begins(c byte) bool {
	switch is {
	case rootMember, outputMember:
		return c == '{'
	case outputsMember, shapeMember, dataMember:
		return c == '['
	case parametersMember:
		return c == '{' || c == 'n'
	case datatypeMember:
		return c == '"'
	case dimMember, sizeMember:
		return c >= '0' && c <= '9'
	}
	return true
}

// enter opens an array or object.
func (h *tensorHead) enter(c byte) error {
	switch h.runs {
	case outputMember:
		if len(h.list) == maxTensors {
			return h.lex.Fail("too many outputs")
		}
		h.list = append(h.list, tensorOutput{})
	case shapeMember:
		h.last().shaped = true
	case dataMember:
		h.last().data.from = int(h.lex.Pos())
	}
	if err := h.lex.Enter(c); err != nil {
		return err
	}
	h.open[h.lex.Depth()] = tensorLevel{is: h.runs}
	return nil
}

// ended follows up on a closed array or object.
func (h *tensorHead) ended() {
	if h.open[h.lex.Depth()+1].is == dataMember {
		h.last().data.to = int(h.lex.Pos())
	}
}

// last returns the output that runs.
func (h *tensorHead) last() *tensorOutput { return &h.list[len(h.list)-1] }

// value reads a piece of a string, number or word, and notes what it says.
func (h *tensorHead) value(src []byte) (n int, err error) {
	const longest = 20 // of a number, or a datatype
	var done bool
	switch str, num, _ := h.lex.InValue(); {
	case str:
		n, done, err = h.lex.String(src)
	case num || isNumberStart(src[0]):
		n, done, err = h.lex.Number(src)
	default:
		n, done, err = h.lex.Word(src)
	}
	if err != nil || h.runs != datatypeMember && h.runs != dimMember && h.runs != sizeMember {
		return n, err
	}
	if h.text = append(h.text, src[:n]...); len(h.text) > longest {
		return n, h.lex.Fail("a number or datatype that is too long")
	}
	if !done {
		return n, nil
	}
	return n, h.said()
}

// said notes what was said of a tensor.
func (h *tensorHead) said() error {
	o := h.last()
	if h.runs == datatypeMember {
		o.cells = cellsNamed(h.text[:len(h.text)-1]) // without the quote
		return nil
	}
	v, err := strconv.ParseInt(string(h.text), 10, 64)
	switch {
	case err != nil || v > math.MaxInt32:
		return h.lex.Fail("a size that is none")
	case h.runs == sizeMember:
		o.binary, o.size.to = v, int(h.lex.Pos())
	case len(o.shape) == maxRank:
		return h.lex.Fail("too many dimensions")
	default:
		o.shape = append(o.shape, v)
	}
	return nil
}
