package vector

import (
	"bytes"
	"fmt"
	"hash/maphash"

	"github.com/weirgate/weir/pkg/scan"
)

// maxWatchedKeys bounds the members of an object on the way to a vector, whose keys must be unique.
const maxWatchedKeys = 1 << 10

// document is the engine of one JSON document (RFC 8259).
type document struct {
	*account
	lex    scan.Lexer
	paths  scan.Paths
	spots  []spot // by path
	vital  uint64 // those paths that lead to a vector or score
	levels [scan.MaxDepth + 1]level
	member scan.Set // of the member whose key was read last
	folded []byte   // a key, as the laxest parser would compare it
	memos  [33]keyMemo
	is     memberKey // that key

	inside  inside
	vec     run
	num     numberText
	sparse  sparse
	text    textState
	score   bool // the number that runs is one, to be changed
	kept    bool // the same, to be left
	hold    hold
	owed    bool // a vector was found that nobody declared, and is not counted yet
	mutedAt int  // depth of the value that is emptied, or -1
	names   names
	keyText []byte // of the key that runs, as it is written
	bytes   []byte // of the base64 that is changed
	chars   int64  // of the last vector in base64, padding included
}

// level is what is known of an open array or object.
type level struct {
	set     scan.Set
	seen    []uint64 // hashes of the keys of an object that is watched
	key     []byte   // the last of its keys, where it names a vector
	kind    levelKind
	array   bool
	wrong   bool  // nothing may be in it: see document.plainOpens
	numbers int64 // in an array that nobody declared
	n       int64 // values that began, where it matters: scores of an array, children of a nested place
	lead    int64 // bytes before the first of those children
}

// levelKind is what an array or object is part of.
type levelKind uint8

const (
	plainLevel    levelKind = iota
	nestedArray             // of a vector's place: rows, or a vector
	nestedObject            // names and vectors
	sparseObject            // indices and values, or weights by index
	sparseEntries           // an array of entries
	sparseEntry             // index and value
)

// inside is what the document is inside of, where that is no plain value.
type inside uint8

const (
	outside inside = iota
	inNumbers
	inBase64
	inText
)

func newDocument(fields []scan.Field, a *account, empty []string) (*document, error) {
	d := &document{account: a, mutedAt: -1}
	all := append([]scan.Field(nil), fields...)
	for _, path := range empty {
		all = append(all, scan.Field{Path: path})
	}
	var err error
	if d.paths, err = scan.CompilePaths(all); err != nil {
		return nil, err
	}
	for i, f := range all {
		s := spot{name: f.Name, star: d.paths.Star(i), empty: i >= len(fields)}
		if len(f.Others) > 0 {
			s.all = append([]string{f.Name}, f.Others...)
		}
		if !s.empty {
			if s.form, err = formOf(f, a); err != nil {
				return nil, fmt.Errorf("field %q: %w", f.Path, err)
			}
		}
		a.changes = a.changes || s.empty || s.form == score
		if s.form != free && s.form != kept && a.treat != opened {
			d.vital |= 1 << i
		}
		d.spots = append(d.spots, s)
	}
	return d, nil
}

// advance implements engine.
func (d *document) advance(src []byte) (int, error) {
	n := 0
	for n < len(src) {
		if err := d.paid(); err != nil {
			return n, err
		}
		sparse := d.sparse.on
		m, err := d.piece(src[n:])
		n += m
		if sparse {
			d.read.BytesSparse += int64(m)
		}
		if err != nil {
			return n, err
		}
		if d.mutedAt >= 0 {
			d.unmute()
		}
		if d.hold.over {
			return n, d.lex.Fail("too much white space")
		}
	}
	return n, nil
}

// finish implements engine.
func (d *document) finish() error {
	if err := d.lex.EndOfInput(); err != nil {
		return err
	}
	if _, num, _ := d.lex.InValue(); num {
		if err := d.numberEnds(); err != nil {
			return err
		}
	}
	d.breakRun()
	d.muted, d.mutedAt = false, -1
	return nil
}

// piece reads some of src: a piece of the value that runs, or what lies before the next one.
func (d *document) piece(src []byte) (int, error) {
	switch d.inside {
	case inNumbers:
		return d.numbers(src)
	case inBase64:
		return d.base64Piece(src)
	case inText:
		return d.textPiece(src)
	case outside:
	}
	switch str, num, word := d.lex.InValue(); {
	case str:
		return d.stringPiece(src)
	case num:
		return d.number(src)
	case word:
		return d.word(src)
	}
	l := &d.levels[d.lex.Depth()]
	ev, n, err := d.lex.Next(src)
	if err := d.beforeValue(src[:n], ev); err != nil {
		return n, err
	}
	if l.n == 0 {
		l.lead += int64(n)
	}
	if err != nil {
		return n, err
	}
	if l.wrong && (ev == scan.Key || ev == scan.Value && (d.lex.Depth() > 1 || src[n] == '{' || src[n] == '[')) {
		return n, d.lex.Fail("an array or object where no vector's path goes through one")
	}
	switch ev {
	case scan.Key:
		return n, d.keyRead()
	case scan.End:
		d.runLeaves(&d.levels[d.lex.Depth()+1])
		return n, d.containerEnds()
	case scan.Value:
		m, err := d.value(src[n:])
		return n + m, err
	case scan.More:
	}
	return n, nil
}

// beforeValue lets leave what lies before a value: punctuation, and a key. While a mask is in force a key is kept until it is clear that it
// is no vector: the lexer bounds it.
func (d *document) beforeValue(b []byte, ev scan.Event) error {
	if !d.watches() || ev != scan.Key && !d.lex.InKey() {
		d.emit(b)
		return nil
	}
	if key := d.lex.Key(); ev == scan.Key && len(key) >= shortestText && Detect(key) {
		return d.lex.Fail("a key that looks like a vector")
	}
	if len(d.keyText) == 0 {
		begins := len(b)
		if ev != scan.Key {
			begins = max(0, bytes.IndexByte(b, '"'))
		}
		d.emit(b[:begins])
		b = b[begins:]
	}
	if d.keyText = append(d.keyText, b...); ev == scan.Key {
		d.emit(d.keyText)
		d.keyText = d.keyText[:0]
	}
	return nil
}

func (d *document) word(src []byte) (int, error) {
	n, _, err := d.lex.Word(src)
	d.emit(src[:n])
	return n, err
}

// keyRead notes which paths go on through the key that was read. Keys of objects on the way to a vector must be unique: parsers differ in
// which of two they take. They are told apart as the laxest parser would, without regard to case.
func (d *document) keyRead() error {
	depth := d.lex.Depth()
	l := &d.levels[depth]
	if d.hold.kind == arrayRun {
		d.breakRun()
	}
	if l.kind == plainLevel && l.set.On == 0 {
		d.member = scan.Set{}
		return nil
	}
	k := d.keyOf(l.set, depth)
	d.member, d.is = k.member, k.is
	if l.kind == nestedObject || k.named {
		l.key = append(l.key[:0], d.lex.Key()...)
	}
	for _, have := range l.seen {
		if have == k.hash {
			return d.lex.Fail("duplicate key")
		}
	}
	if len(l.seen) == maxWatchedKeys {
		return d.lex.Fail("too many keys")
	}
	l.seen = append(l.seen, k.hash)
	return nil
}

// keyMemo is what is known of a key in a certain kind of object. Documents are lists of things that have the same ones.
type keyMemo struct {
	key    []byte
	set    scan.Set // of the object
	depth  int
	member scan.Set
	is     memberKey
	hash   uint64
	named  bool // it names the vectors in it
}

// maxMemo is the longest key that is remembered.
const maxMemo = 64

// keyOf returns what is known of the key that was read, in an object of the set.
func (d *document) keyOf(set scan.Set, depth int) *keyMemo {
	key := d.lex.Key()
	m := &d.memos[len(d.memos)-1] // for what is not remembered
	if n := len(key); n > 0 && n <= maxMemo {
		m = &d.memos[(n*7+int(key[0])+depth)%(len(d.memos)-1)]
	}
	if m.set == set && m.depth == depth && string(m.key) == string(key) && len(key) > 0 {
		return m
	}
	d.folded = scan.AppendFold(d.folded[:0], key)
	*m = keyMemo{
		key: append(m.key[:0], key...), set: set, depth: depth,
		member: d.paths.Member(set, depth-1, key), named: d.paths.Named(set, depth-1), is: memberKeyOf(d.folded), hash: maphash.Bytes(hashSeed, d.folded),
	}
	return m
}

// hashSeed makes key hashes unpredictable to whoever writes the document.
var hashSeed = maphash.MakeSeed() //nolint:gochecknoglobals // one seed a process, never written

// emit lets b leave, or keeps it with what is held.
func (d *document) emit(b []byte) {
	if d.hold.on {
		d.hold.add(b)
		return
	}
	d.put(b)
}

// unmute ends what mute began, once the value is over.
func (d *document) unmute() {
	if str, num, word := d.lex.InValue(); !str && !num && !word && d.lex.Depth() == d.mutedAt {
		d.muted, d.mutedAt = false, -1
	}
}
