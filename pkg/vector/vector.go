// Package vector finds, counts and masks embeddings in a byte stream: chunks in, chunks out, cut anywhere.
//
// It owns what a vector looks like in a document (an array of numbers, base64 of little-endian float32) and what each mask makes of it. It
// trusts nothing of the document: what cannot be read strictly is refused, a declared place that holds something else than a vector is
// refused, and while a mask is in force an undeclared array or string that looks like a vector is masked too. Memory is bounded: a vector
// is never held, only the first bytes of what may turn out to be one. Steady state allocates nothing.
//
// One file per encoding (floats.go, base64.go), the stream in stream.go, the detector in detect.go.
package vector

import (
	"errors"
	"fmt"
	"slices"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
)

var (
	// ErrGrant says that the next vector is beyond the grant: nothing of it has left. Write or Scan may go on with a larger grant.
	ErrGrant = errors.New("the next vector is beyond the grant")
	// ErrVectorRefused says that the document holds a vector and the mask is refuse. Nothing of the vector has left.
	ErrVectorRefused = errors.New("the document holds a vector")
	// ErrMalformed says that the document cannot be read strictly. Refuse it: end the answer, or replace it while its head is withheld.
	ErrMalformed = scan.ErrMalformed
)

// Options says what to do with vectors.
type Options struct {
	// Mask is none, zero, redact or refuse; the zero value redacts.
	Mask authz.MaskMode
}

// Reading is what a stream has counted, before masking.
type Reading struct {
	Vectors     int64 // completed or begun, undeclared ones included
	Dims        int64 // components
	BytesFloat  int64 // of JSON text in arrays, brackets included
	BytesBase64 int64 // of base64 text, quotes excluded
	Undeclared  int64 // of Vectors: those the detector found
}

// Stream is one document on its way through. It belongs to one goroutine.
type Stream struct {
	mask  authz.MaskMode
	paths scan.Paths
	lex   scan.Lexer

	sets   [scan.MaxDepth + 1]scan.Set // paths that go on inside the container at a depth
	key    scan.Set                    // paths that go on through the current member
	seen   [scan.MaxDepth + 1][]uint64 // hashes of the keys of watched objects
	inside place

	out     []byte // output of the call that runs
	copying bool   // the call wants output
	granted int64

	hold  hold
	b64   base64State
	cells int64 // components of the vector that runs
	read  Reading
}

// place is what the stream is inside of.
type place uint8

const (
	outside  place = iota
	inFloats       // an array of numbers that is a vector
	inBase64       // a string that is a vector
)

// NewStream returns a stream for one document of the format, with vectors at the fields. Fields that hold scores are no vectors: they pass.
func NewStream(f scan.Format, fields []scan.Field, o Options) (*Stream, error) {
	if f != scan.FormatJSON {
		return nil, fmt.Errorf("vector: format %q cannot be read", f)
	}
	mask := o.Mask.Stricter(authz.MaskNone)
	if !mask.Valid() {
		return nil, fmt.Errorf("vector: mask %q cannot be applied", o.Mask)
	}
	vectors := slices.DeleteFunc(slices.Clone(fields), func(f scan.Field) bool { return f.Role == scan.RoleScore })
	paths, err := scan.CompilePaths(vectors)
	if err != nil {
		return nil, fmt.Errorf("vector: %w", err)
	}
	return &Stream{mask: mask, paths: paths}, nil
}

// Reading returns what was counted so far.
func (s *Stream) Reading() Reading { return s.read }

// Write takes a piece of the document and appends to dst what may leave of it. grant is how many vectors may have left in all: before the
// first beyond it, Write stops with ErrGrant and says how much of src it consumed; the rest may be given again with a larger grant. After
// any other error the stream is of no use, and what is in out may have left while the rest must not.
func (s *Stream) Write(dst, src []byte, grant int64) (out []byte, consumed int, err error) {
	s.out, s.copying, s.granted = dst, true, grant
	consumed, err = s.advance(src)
	out, s.out = s.out, nil
	return out, consumed, err
}

// Scan is Write for a stream that masks nothing: it only counts, and src[:consumed] may leave as it is. With another mask it fails.
func (s *Stream) Scan(src []byte, grant int64) (consumed int, err error) {
	if s.mask != authz.MaskNone {
		return 0, errors.New("vector: Scan needs mask none")
	}
	s.copying, s.granted = false, grant
	return s.advance(src)
}

// Close says that the document ends, appends what was still held to dst, and fails if the document is not complete.
func (s *Stream) Close(dst []byte) ([]byte, error) {
	if err := s.lex.EndOfInput(); err != nil {
		return dst, err
	}
	s.out, s.copying = dst, s.mask != authz.MaskNone
	s.release()
	out := s.out
	s.out = nil
	return out, nil
}

// emit lets b leave, or keeps it with what is held.
func (s *Stream) emit(b []byte) {
	switch {
	case !s.copying || len(b) == 0:
	case s.hold.on:
		s.hold.bytes = append(s.hold.bytes, b...)
	default:
		s.out = append(s.out, b...)
	}
}
