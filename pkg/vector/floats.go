package vector

import (
	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
)

// beginFloats opens a declared vector that is an array.
func (s *Stream) beginFloats() (int, error) {
	if err := s.begin(); err != nil {
		return 0, err
	}
	s.breakRun()
	if err := s.lex.Enter('['); err != nil {
		return 0, err
	}
	s.inside = inFloats
	s.read.BytesFloat++
	s.emit([]byte{'['})
	return 1, nil
}

// floats reads inside a vector's array: runs of whole numbers at once, the rest by Next and Number.
func (s *Stream) floats(src []byte) (int, error) {
	ev, n, err := s.lex.Next(src)
	s.rawFloats(src[:n])
	if err != nil {
		return n, err
	}
	switch ev {
	case scan.End:
		s.endFloats()
	case scan.Value:
		if c := src[n]; c != '-' && (c < '0' || c > '9') {
			return n, s.lex.Fail("something else than a number in a vector")
		}
		m, count := s.lex.Numbers(src[n:])
		if count == 0 {
			k, err := s.number(src[n:])
			return n + k, err
		}
		s.rawFloats(src[n : n+m])
		s.components(int64(count))
		return n + m, nil
	case scan.Key, scan.More:
	}
	return n, nil
}

// rawFloats passes text of a vector, where nothing is masked, and counts it.
func (s *Stream) rawFloats(b []byte) {
	s.read.BytesFloat += int64(len(b))
	if s.mask == authz.MaskNone {
		s.emit(b)
	}
}

// components counts n numbers of the vector that runs, and writes the zeros that stand for them. Zeros are written without regard to how
// the numbers were: neither a sign nor a number of digits is left.
func (s *Stream) components(n int64) {
	if s.mask == authz.MaskZero && s.copying {
		for i := range n {
			if s.cells+i > 0 {
				s.out = append(s.out, ',')
			}
			s.out = append(s.out, '0')
		}
	}
	s.cells += n
	s.read.Dims += n
}

// endFloats closes the vector.
func (s *Stream) endFloats() {
	s.inside = outside
	if s.mask != authz.MaskNone {
		s.emit([]byte{']'})
	}
}

// number reads a piece of a number, in a vector or elsewhere.
func (s *Stream) number(src []byte) (int, error) {
	_, running, _ := s.lex.InValue()
	n, done, err := s.lex.Number(src)
	if s.inside == inFloats {
		s.rawFloats(src[:n])
		if !running && n > 0 { // counted when it begins: its first byte cannot be taken back
			s.components(1)
		}
		return n, err
	}
	if !running {
		s.runNumberBegins()
	}
	if !s.hold.masked {
		s.emit(src[:n])
	}
	if err == nil && done {
		return n, s.runNumber()
	}
	return n, err
}
