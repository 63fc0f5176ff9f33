package vector

import (
	"hash/maphash"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
)

// maxWatchedKeys bounds the members of an object on the way to a vector, whose keys must be unique.
const maxWatchedKeys = 1 << 10

// advance reads src. It stops early on an error only.
func (s *Stream) advance(src []byte) (int, error) {
	n := 0
	for n < len(src) {
		m, err := s.piece(src[n:])
		n += m
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// piece reads some of src: a piece of the value that runs, or what lies before the next one.
func (s *Stream) piece(src []byte) (int, error) {
	str, num, word := s.lex.InValue()
	switch {
	case s.inside == inBase64:
		return s.base64Piece(src)
	case str:
		return s.stringPiece(src)
	case num:
		return s.number(src)
	case word:
		n, _, err := s.lex.Word(src)
		s.emit(src[:n])
		return n, err
	case s.inside == inFloats:
		return s.floats(src)
	}
	ev, n, err := s.lex.Next(src)
	s.emit(src[:n])
	if err != nil {
		return n, err
	}
	switch ev {
	case scan.Key:
		return n, s.member()
	case scan.End:
		s.breakRun()
	case scan.Value:
		m, err := s.value(src[n:])
		return n + m, err
	case scan.More:
	}
	return n, nil
}

// member notes which paths go on through the key that was read. Keys of objects on the way to a vector must be unique: parsers differ in
// which of two they take. They are told apart as the laxest parser would, without regard to case.
func (s *Stream) member() error {
	d := s.lex.Depth()
	set := s.sets[d]
	s.key = s.paths.Member(set, d-1, s.lex.Key())
	if set.On == 0 {
		return nil
	}
	h := foldHash(s.lex.Key())
	for _, have := range s.seen[d] {
		if have == h {
			return s.lex.Fail("duplicate key")
		}
	}
	if len(s.seen[d]) == maxWatchedKeys {
		return s.lex.Fail("too many keys")
	}
	s.seen[d] = append(s.seen[d], h)
	return nil
}

// hashSeed makes key hashes unpredictable to whoever writes the document.
var hashSeed = maphash.MakeSeed() //nolint:gochecknoglobals // one seed a process, never written

func foldHash(key []byte) uint64 {
	var buf [scan.MaxKey]byte
	folded := buf[:0]
	for _, c := range key {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		folded = append(folded, c)
	}
	return maphash.Bytes(hashSeed, folded)
}

// set returns where the value that comes stands among the paths.
func (s *Stream) set() scan.Set {
	d := s.lex.Depth()
	switch {
	case d == 0:
		return s.paths.Root()
	case s.lex.InObject():
		return s.key
	}
	return s.paths.Element(s.sets[d], d-1)
}

// value begins the value at src[0].
func (s *Stream) value(src []byte) (int, error) {
	set := s.set()
	c := src[0]
	if set.Here != 0 {
		switch {
		case c == '[':
			return s.beginFloats()
		case c == '"':
			return s.beginBase64()
		case c != 'n':
			return 0, s.lex.Fail("no vector in a vector's place")
		}
	}
	switch c {
	case '[', '{':
		return s.enter(c, set)
	case '"':
		s.beginUndeclared()
		s.lex.BeginString()
		s.emit(src[:1])
		return 1, nil
	case 't', 'f', 'n':
		s.breakRun()
		n, _, err := s.lex.Word(src)
		s.emit(src[:n])
		return n, err
	}
	return s.number(src)
}

// enter opens a container that is no declared vector.
func (s *Stream) enter(c byte, set scan.Set) (int, error) {
	s.breakRun()
	if err := s.lex.Enter(c); err != nil {
		return 0, err
	}
	d := s.lex.Depth()
	s.sets[d] = set
	s.seen[d] = s.seen[d][:0]
	s.emit([]byte{c})
	return 1, nil
}

// begin opens a vector: it is granted, or nothing of it leaves.
func (s *Stream) begin() error {
	if s.mask == authz.MaskRefuse {
		return ErrVectorRefused
	}
	if s.read.Vectors >= s.granted {
		return ErrGrant
	}
	s.read.Vectors++
	s.cells = 0
	return nil
}
