package artifact

import (
	"encoding/binary"
	"errors"
)

// Piece is some bytes of an object, and where they lie in it.
type Piece struct {
	Offset int64
	Bytes  []byte
}

// Worth returns those parts of a piece of an object that may tell what it is together with other pieces: of its first PrefixLen bytes, where the
// piece does not hold all of them, and of its last PrefixLen, where the size is known. It is nothing of a piece that holds all of the object, which
// is judged alone, nor of a middle. The parts share the memory of b.
func Worth(size, offset int64, b []byte) (parts []Piece) {
	end := offset + int64(len(b))
	if offset < 0 || len(b) == 0 || end < offset || size >= 0 && offset == 0 && end >= size {
		return nil
	}
	headEnd := int64(0)
	if offset < PrefixLen && (offset > 0 || end < PrefixLen) {
		headEnd = min(end, PrefixLen)
		parts = append(parts, Piece{offset, b[:headEnd-offset]})
	}
	if size < 0 || end > size {
		return parts
	}
	if from := max(offset, headEnd, size-PrefixLen); from < end {
		parts = append(parts, Piece{from, b[from-offset:]})
	}
	return parts
}

// Pieces returns what is kept of the object, in order. The caller does not write to it.
func (e *Evidence) Pieces() []Piece {
	var out []Piece
	for _, list := range [][]span{e.head, e.tail} {
		for _, s := range list {
			out = append(out, Piece{s.at, s.b})
		}
	}
	return out
}

// Forget drops what is kept of the first PrefixLen bytes, and reports whether that was anything: it is for a prefix that was found harmless.
func (e *Evidence) Forget() bool {
	had := len(e.head) > 0
	e.head = nil
	return had
}

// AppendPieces packs pieces: of each the offset (8 bytes, little-endian) and the length (4) before it.
func AppendPieces(to []byte, pieces []Piece) []byte {
	for _, p := range pieces {
		to = binary.LittleEndian.AppendUint64(to, uint64(p.Offset))     //nolint:gosec // not negative
		to = binary.LittleEndian.AppendUint32(to, uint32(len(p.Bytes))) //nolint:gosec // at most PrefixLen
		to = append(to, p.Bytes...)
	}
	return to
}

// errPieces is the error of pieces that cannot be unpacked.
var errPieces = errors.New("artifact: what was seen of an object cannot be read")

// AddPacked adds packed pieces.
func (e *Evidence) AddPacked(from []byte) error {
	for len(from) > 0 {
		if len(from) < 12 {
			return errPieces
		}
		offset, n := int64(binary.LittleEndian.Uint64(from)), int64(binary.LittleEndian.Uint32(from[8:])) //nolint:gosec // Add refuses negative ones
		if from = from[12:]; n > int64(len(from)) {
			return errPieces
		}
		e.Add(offset, from[:n])
		from = from[n:]
	}
	return nil
}
