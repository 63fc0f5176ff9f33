package artifact

import (
	"bytes"
	"encoding/binary"
	"math/bits"

	"github.com/weirgate/weir/pkg/authz"
)

// What makes records a corpus. Tables and logs have none of it, or have it in few of their lines.
const (
	vectorLen   = 32  // numbers in a row, from which they are a vector
	longText    = 256 // bytes of one string
	toldText    = 64  // bytes of one string in a record with a member that training data has
	fewVectors  = 2   // records, from which vectors count
	fewTexts    = 8   // records, from which texts count
	manyRecords = 32  // looked at
)

// tally counts the records that are looked at.
type tally struct{ all, vectors, texts int }

func (t *tally) add(vector, text bool) {
	t.all++
	if vector {
		t.vectors++
	}
	if vector || text {
		t.texts++
	}
}

// corpus reports whether enough records, and three of four, hold what a corpus holds.
func (t tally) corpus() bool {
	return t.vectors >= fewVectors && 4*t.vectors >= 3*t.all || t.texts >= fewTexts && 4*t.texts >= 3*t.all
}

// records recognises JSON lines and tables whose records hold vectors or long texts.
func (v view) records() (authz.Artifact, bool) {
	b := bytes.TrimLeft(bytes.TrimPrefix(v.b, []byte("\xef\xbb\xbf")), " \r\n")
	if len(b) == 0 {
		return authz.Artifact{}, false
	}
	if b[0] == '{' {
		if jsonLines(b, v.whole()) {
			return corpus("jsonl")
		}
		return authz.Artifact{}, false
	}
	if b[0] == '[' && bytes.HasPrefix(bytes.TrimLeft(b[1:], " \r\n\t"), []byte("{")) {
		if v.large() && jsonArray(b[1:]) { // small ones are what programs answer
			return corpus("json")
		}
		return authz.Artifact{}, false
	}
	first, _, more := bytes.Cut(b, []byte("\n"))
	if !more && !v.whole() { // a table of which not one record is seen
		return authz.Artifact{}, false
	}
	if separator := separatorOf(first); separator != 0 && table(b, separator, v.whole()) {
		return corpus("csv")
	}
	return authz.Artifact{}, false
}

// separatorOf returns what most likely separates the fields of a table; 0 where its first line has one field.
func separatorOf(line []byte) (separator byte) {
	most := 0
	for _, c := range []byte("\t,;|") {
		if n := bytes.Count(line, []byte{c}); n > most {
			separator, most = c, n
		}
	}
	return separator
}

// jsonLines reports whether text is lines of one JSON object each that are a corpus.
func jsonLines(b []byte, whole bool) bool {
	var t tally
	for t.all < manyRecords {
		line, rest, ended := bytes.Cut(b, []byte("\n"))
		if !ended && !whole {
			break
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			if line[0] != '{' || line[len(line)-1] != '}' {
				return false
			}
			t.add(jsonRecord(line))
		}
		if b = rest; !ended {
			break
		}
	}
	return t.corpus()
}

// jsonArray reports whether the elements of an array are objects that are a corpus. The last one may be cut.
func jsonArray(b []byte) bool {
	var t tally
	for t.all < manyRecords {
		if b = bytes.TrimLeft(b, " \r\n\t,"); len(b) == 0 || b[0] != '{' {
			break
		}
		n := objectLen(b)
		if n == 0 {
			break
		}
		t.add(jsonRecord(b[:n]))
		if b = b[n:]; t.vectors == 2*fewVectors {
			break
		}
	}
	return t.corpus()
}

// objectLen returns how long the object is that text begins with; 0 where it is cut.
func objectLen(b []byte) int {
	depth := 0
	for i := skip(b, 0, '{', '}', '"'); i < len(b); i = skip(b, i+1, '{', '}', '"') {
		switch b[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i + 1
			}
		default:
			i += stringLen(b[i+1:]) + 1
		}
	}
	return 0
}

// jsonRecord reports whether a record holds a vector, or a long text. It reads no further than it must.
func jsonRecord(b []byte) (vector, text bool) {
	told, longest := false, 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			n := stringLen(b[i+1:])
			s := b[i+1 : i+1+n]
			if i += n + 1; i+1 < len(b) && b[i+1] == ':' {
				told = told || telling(s)
			} else {
				longest = max(longest, n)
			}
			text = longest >= longText || told && longest >= toldText
		case '[':
			if numbersIn(b[i+1:]) >= vectorLen {
				return true, text
			}
		}
	}
	return false, text
}

// stringLen returns how long a string is up to its closing quotation mark.
func stringLen(b []byte) int {
	for n := 0; ; {
		end := bytes.IndexByte(b[n:], '"')
		if end < 0 {
			return len(b)
		}
		n += end
		escapes := 0
		for n-escapes > 0 && b[n-escapes-1] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return n
		}
		n++
	}
}

// telling reports whether a member's name is one that training data has.
func telling(name []byte) bool {
	switch string(name) {
	case "text", "prompt", "completion", "messages", "conversations", "instruction", "passage", "document", "chunk", "chosen", "page_content":
		return true
	}
	return false
}

// numbersIn counts the numbers that an array begins with, up to vectorLen. Whole numbers are counted, too: quantised vectors and tokens.
func numbersIn(b []byte) int {
	n, inside := 0, false
	for _, c := range b {
		switch {
		case c >= '0' && c <= '9':
			inside = true
		case c == '.' || c == '-' || c == '+' || c == 'e' || c == 'E' || c == ' ':
		case c == ',' && inside:
			if n++; n == vectorLen {
				return n
			}
			inside = false
		case c == ']' && inside:
			return n + 1
		default:
			return n
		}
	}
	return n
}

// table reports whether text is a table whose records are a corpus: all of them must have the same number of fields.
func table(b []byte, separator byte, whole bool) bool {
	var t tally
	columns := 0
	for t.all < manyRecords && len(b) > 0 {
		r := row{separator: separator}
		n, ended := r.read(b)
		if !ended && !whole {
			break
		}
		if b = b[n:]; columns == 0 {
			columns = r.fields
			if !r.numbers() { // the names of the columns
				continue
			}
		}
		if r.fields != columns || columns < 2 {
			return false
		}
		t.add(r.vector || r.numbers(), r.longest >= longText)
	}
	return t.corpus()
}

// row is what one record of a table holds.
type row struct {
	separator       byte
	fields, longest int
	fractions       int // fields that are numbers with a fraction
	vector          bool
}

// numbers reports whether a record is a vector, one field for each of its numbers.
func (r *row) numbers() bool { return r.fractions >= vectorLen }

// read takes a record off the beginning of text. ended is false where the text ends before the record does.
func (r *row) read(b []byte) (n int, ended bool) {
	start := 0
	for i := skip(b, 0, r.separator, '"', '\n'); i < len(b); i = skip(b, i+1, r.separator, '"', '\n') {
		switch b[i] {
		case '"':
			end := bytes.IndexByte(b[i+1:], '"')
			if end < 0 {
				end = len(b)
			}
			i += end + 1
		case r.separator:
			r.field(b[start:i])
			start = i + 1
		default: // the end of the line
			r.field(bytes.TrimSuffix(b[start:i], []byte("\r")))
			return i + 1, true
		}
	}
	r.field(b[start:])
	return len(b), false
}

// skip passes over the bytes that are none of three, eight at a time.
func skip(b []byte, i int, c, d, e byte) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	cs, ds, es := uint64(c)*ones, uint64(d)*ones, uint64(e)*ones
	for ; i+8 <= len(b); i += 8 {
		word := binary.LittleEndian.Uint64(b[i:])
		x, y, z := word^cs, word^ds, word^es
		if found := ((x-ones)&^x | (y-ones)&^y | (z-ones)&^z) & highs; found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for i < len(b) && b[i] != c && b[i] != d && b[i] != e {
		i++
	}
	return i
}

// field takes up one field.
func (r *row) field(b []byte) {
	r.fields++
	b = bytes.Trim(b, `"`)
	r.longest = max(r.longest, len(b))
	if len(b) > 0 && (b[0] == '[' || b[0] == '{') && numbersIn(b[1:]) >= vectorLen {
		r.vector = true
	}
	if len(b) < 32 && bytes.IndexByte(b, '.') >= 0 && fraction(b) {
		r.fractions++
	}
}

// fraction reports whether a field is a number.
func fraction(b []byte) bool {
	for _, c := range b {
		if (c < '0' || c > '9') && c != '.' && c != '-' && c != '+' && c != 'e' && c != 'E' && c != ' ' {
			return false
		}
	}
	return true
}
