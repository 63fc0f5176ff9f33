package vector

import (
	"fmt"

	"github.com/weirgate/weir/pkg/scan"
)

// form is what a place of a document holds. The zero value is a place that nobody declared.
type form uint8

const (
	free    form = iota
	auto         // an array of numbers, or base64 of float32
	floats       // an array of numbers
	ints         // an array of whole numbers
	indices      // the same, from 0 up, and no vector of its own
	base64F32
	base64F16
	base64I8
	nested
	sparsed
	texts
	score
	scoreWords // a score, in a string or not, or what tells of one in words
	kept       // a score that leaves as it came: many of them are no vector
	entries    // of a sparse vector: its values, or an entry's number
)

// spot is what a field of a document is.
type spot struct {
	form  form
	name  string   // of the vector
	all   []string // names that it may have instead, with that one; empty where there is only one
	star  int      // how many steps deep the object is whose member names it, or -1
	empty bool     // its value is emptied
}

// formOf returns what a field declares. What an opener can do nothing with, it leaves alone.
func formOf(f scan.Field, a *account) (form, error) {
	switch f.Role {
	case scan.RoleScore:
		if a.scores.mode == keepScores {
			return kept, nil
		}
		if a.changes = true; f.Encoding == scan.EncodingText {
			return scoreWords, nil
		}
		return score, nil
	case scan.RoleIndices:
		if a.treat == opened {
			return free, nil
		}
		return indices, nil
	case scan.RoleVector, "":
	default:
		return free, fmt.Errorf("role %q is not known", f.Role)
	}
	out, ok := free, true
	switch f.Encoding {
	case scan.EncodingAuto:
		out = auto
	case scan.EncodingFloats:
		out = floats
	case scan.EncodingBase64:
		out = base64F32
	case scan.EncodingNested:
		out = nested
	default:
		if out, ok = typedForm(f.Encoding); a.treat == opened {
			out = free
		}
	}
	if !ok {
		return free, fmt.Errorf("encoding %q is not one of JSON", f.Encoding)
	}
	return out, nil
}

// typedForm is formOf for the encodings that have no room for a sealed vector.
func typedForm(e scan.Encoding) (form, bool) {
	switch e {
	case scan.EncodingInts:
		return ints, true
	case scan.EncodingBase64F16:
		return base64F16, true
	case scan.EncodingBase64I8:
		return base64I8, true
	case scan.EncodingSparse:
		return sparsed, true
	case scan.EncodingText:
		return texts, true
	}
	return free, false
}

// here returns where the value that comes stands among the paths.
func (d *document) here() scan.Set {
	depth := d.lex.Depth()
	switch {
	case depth == 0:
		return d.paths.Root()
	case d.lex.InObject():
		return d.member
	}
	return d.paths.Element(d.levels[depth].set, depth-1)
}

// value begins the value at src[0].
func (d *document) value(src []byte) (int, error) {
	l := &d.levels[d.lex.Depth()]
	switch l.kind {
	case nestedArray, nestedObject:
		return d.nestedValue(l, src)
	case sparseObject, sparseEntries, sparseEntry:
		return d.sparseValue(l, src)
	case plainLevel:
	}
	set := d.here()
	f := free
	for bits := set; bits.Here != 0; bits.Here &= bits.Here - 1 {
		s := &d.spots[bits.First()]
		if s.empty && !d.muted {
			d.empty(src[0])
			if src[0] != 'n' {
				d.read.Emptied++
			}
		}
		if (f == free || f == kept) && s.form != free {
			f = s.form
			d.vec.spot, d.vec.set = s, set
		}
	}
	n, done, err := d.declared(f, src)
	if done || err != nil {
		return n, err
	}
	return d.plain(set, src)
}

// declared begins a value at a place of form f; done is false where the place may hold anything.
func (d *document) declared(f form, src []byte) (n int, done bool, err error) {
	c := src[0]
	if f == free || c == 'n' { // null: there is no vector
		return 0, false, nil
	}
	if f == kept {
		if isNumberStart(c) {
			d.breakRun()
			d.kept = true
		}
		return 0, false, nil
	}
	switch array, text := c == '[', c == '"'; {
	case (f == score || f == scoreWords) && isNumberStart(c):
		n, err = d.beginScore(src)
	case f == scoreWords && text:
		n = d.beginScoreWords()
	case f == scoreWords:
		if !d.muted {
			d.empty(c)
		}
		return 0, false, nil
	case array && (f == auto || f == floats || f == ints || f == indices):
		n, err = d.beginNumbers(f)
	case text && f == auto:
		n, err = d.beginBase64(base64F32)
	case text && (f == base64F32 || f == base64F16 || f == base64I8):
		n, err = d.beginBase64(f)
	case text && f == texts:
		n, err = d.beginText()
	case f == nested && (array || text || c == '{'):
		n, err = d.beginNested(c)
	case f == sparsed && (array || c == '{'):
		n, err = d.beginSparse(c)
	case d.treat == opened:
		return 0, false, nil
	default:
		return 0, false, d.lex.Fail("something else in a vector's or score's place")
	}
	return n, true, err
}

func isNumberStart(c byte) bool { return c == '-' || c >= '0' && c <= '9' }

// plain begins a value at a place that nobody declared.
func (d *document) plain(set scan.Set, src []byte) (int, error) {
	switch c := src[0]; c {
	case '[', '{':
		return 1, d.plainOpens(c, set)
	case '"':
		d.beginUndeclared()
		d.lex.BeginString()
		return 1, nil
	case 'n':
		d.runGap()
		return d.word(src)
	case 't', 'f':
		d.breakRun()
		return d.word(src)
	}
	if d.mutedAt < 0 && !d.watches() && set == (scan.Set{}) {
		if n, count := d.lex.Numbers(src); count > 0 {
			d.emit(src[:n])
			d.row(int64(count))
			return n, nil
		}
	}
	return d.number(src)
}

// plainOpens opens an array or object that is no vector. On the way to a declared place it must be the one that the path goes through, or
// empty: what a lax client finds in the other one would be out of the path's reach. The document itself may be an object all the same, as
// in which an API says what went wrong, or an array of plain values.
func (d *document) plainOpens(c byte, set scan.Set) error {
	array := c == '['
	if array {
		d.runEntersArray()
	} else {
		d.breakRun()
	}
	depth := d.lex.Depth()
	on := set.On & d.vital
	wrong := on != 0 && d.paths.Through(set, depth, array)&on == 0 && (array || depth > 0)
	if err := d.enter(c, set, plainLevel); err != nil {
		return err
	}
	d.levels[depth+1].wrong = wrong
	return nil
}

// enter opens an array or object, and lets its bracket leave.
func (d *document) enter(c byte, set scan.Set, kind levelKind) error {
	if err := d.lex.Enter(c); err != nil {
		return err
	}
	l := &d.levels[d.lex.Depth()]
	*l = level{set: set, seen: l.seen[:0], key: l.key[:0], kind: kind, array: c == '['}
	d.emit([]byte{c})
	return nil
}

// empty lets an empty value of its kind leave, and nothing more until the value is over.
func (d *document) empty(c byte) {
	d.breakRun()
	switch c {
	case 'n':
		return
	case '"':
		d.put([]byte(`""`))
	case '[':
		d.put([]byte("[]"))
	case '{':
		d.put([]byte("{}"))
	case 't', 'f':
		d.put([]byte("false"))
	default:
		d.putByte('0')
	}
	d.muted, d.mutedAt = true, d.lex.Depth()
}

// containerEnds follows up on a closed array or object.
func (d *document) containerEnds() error {
	l := &d.levels[d.lex.Depth()+1]
	switch l.kind {
	case sparseEntry:
		return d.entryEnds()
	case sparseObject, sparseEntries:
		return d.sparseEnds(l)
	case plainLevel, nestedArray, nestedObject:
	}
	return nil
}

// names keeps the names of vectors, so that one that comes again costs no allocation.
type names struct {
	known map[string]string
}

// maxNames bounds what names keeps.
const maxNames = 256

// of returns b as a string.
func (n *names) of(b []byte) string {
	if s, ok := n.known[string(b)]; ok {
		return s
	}
	s := string(b)
	if n.known == nil {
		n.known = make(map[string]string)
	}
	if len(n.known) < maxNames {
		n.known[s] = s
	}
	return s
}

// changeRun returns what becomes of the vector that runs. What is sealed may have been so under any of the names that its field says.
func (d *document) changeRun(v []float32) (out []float32, is verdict, err error) {
	if all := d.vec.spot.all; d.treat == opened && len(all) > 0 {
		return d.changeNamed(v, all)
	}
	return d.change(v, d.name())
}

// name returns the name of the vector that runs: what its field says, the member that a .* of its path stands for, or the one that names it
// at a nested place.
func (d *document) name() string {
	s := d.vec.spot
	if s.name != "" {
		return s.name
	}
	for depth := d.lex.Depth(); depth > 0; depth-- {
		if l := &d.levels[depth]; l.kind == nestedObject {
			return d.names.of(l.key)
		}
	}
	if s.star >= 0 {
		return d.names.of(d.levels[s.star+1].key)
	}
	return ""
}
