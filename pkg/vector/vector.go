// Package vector finds, counts and masks embeddings in a byte stream: chunks in, chunks out, cut anywhere.
//
// It owns what a vector looks like in a document (an array of numbers, base64 of floats, a string that holds either, a sparse one) and what
// each mask makes of it. It trusts nothing of the document: what cannot be read strictly is refused, a declared place that holds something
// else than a vector is refused, and while a mask is in force an undeclared array or string that looks like a vector is masked too. Memory
// is bounded: by one vector of 65,536 components where a Masker needs it whole, by the first bytes of what may turn out to be one
// otherwise. Steady state allocates nothing.
//
// One file per format (document.go, lines.go, events.go, messages.go, tensors.go, octets.go, arrow.go: each an engine), one per encoding
// (numbers.go, base64.go, nested.go, sparse.go, text.go; cells.go and varints.go of binary ones), one per mask that makes another vector
// (seal.go, token.go, obfuscate.go). What engines share is in account.go, the detector in detect.go, runs.go, sniff.go, row.go and opaque.go.
package vector

import (
	"errors"
	"fmt"
	"math"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
)

var (
	// ErrGrant says that the next vector is beyond the grant: nothing of it has left. Write or Scan may go on with a larger grant.
	ErrGrant = errors.New("the next vector is beyond the grant")
	// ErrVectorRefused says that the document holds a vector and the mask is refuse. Nothing of the vector has left.
	ErrVectorRefused = errors.New("the document holds a vector")
	// ErrUndeclared says that the document holds what looks like a vector where none was declared, and Options.Strict. Nothing of it has
	// left.
	ErrUndeclared = errors.New("the document holds what looks like a vector that no dialect declares")
	// ErrMalformed says that the document cannot be read strictly. Refuse it: end the answer, or replace it while its head is withheld.
	ErrMalformed = scan.ErrMalformed
)

// Options says what to do with vectors.
type Options struct {
	// Mask is none, zero, redact or refuse, or any other mask with the Masker that makes it; the zero value redacts.
	Mask authz.MaskMode
	// Masker makes what a client may have of one vector; only for a mask that is none of the four above. Where an encoding has no room for
	// what it makes (whole numbers, int8 and float16 in base64, sparse vectors, strings), and beyond 65,536 components, vectors are
	// redacted. In messages, whose lengths stay, zeros leave then.
	Masker Masker
	// Place is what the vectors belong to. Its Name is that of vectors whose field, or place in the document, gives none.
	Place Place
	// Scores is what becomes of the numbers at fields of scan.RoleScore. The zero value leaves them.
	Scores authz.ScoreMask
	// Fields are JSON paths, as at scan.Field, whose values are emptied: a string becomes "", a number 0, an array [], an object {}, true
	// false; null stays. Only their kind is left. In other formats than JSON's they are refused by name.
	Fields []string
	// Strict has undeclared vectors refused by ErrUndeclared instead of masked.
	Strict bool
	// Document is how long the JSON document of a FormatKServe answer is, in bytes, as its Inference-Header-Content-Length says; 0 where it has
	// none, and all of it is the document.
	Document int64
	// Dims is how many components each vector of a FormatOctets body has. One that is not known is refused.
	Dims int64
	// Described says that something else than a FormatOctets body tells how long it is: none can be redacted then, by ErrUnmaskable.
	Described bool
	// Unit has MaskZero write the unit vector 1, 0, 0, …, for databases that refuse a zero one.
	Unit bool
}

// Reading is what a stream has counted, before masking.
type Reading struct {
	Vectors int64 // completed or begun, undeclared ones included; each row of a multi-vector is one
	Dims    int64 // components; of a sparse vector its values

	// Bytes by encoding, as they came: with an array's brackets, without a string's quotes.
	BytesFloat  int64 // arrays of numbers
	BytesInt    int64 // arrays of whole numbers
	BytesBase64 int64
	BytesSparse int64
	BytesText   int64 // strings that hold numbers
	BytesBinary int64 // protobuf, tensors and octets

	Undeclared int64 // of Vectors: those the detector found
	Emptied    int64 // values that were emptied for their place (Options.Empty)

	// Of an opener's Vectors. What is neither is the client's own.
	Sealed int64 // opened: what they hold is authentic
	Forged int64 // of a sealed vector's form, and no vector sealed for this place
}

// Raw returns how many of an opener's vectors are the client's own numbers.
func (r Reading) Raw() int64 { return r.Vectors - r.Sealed - r.Forged }

// Stream is one document, or one sequence of documents or messages, on its way through. It belongs to one goroutine.
type Stream struct {
	account *account
	engine  engine
}

// engine reads one format. What may leave it puts into the account, before every vector it asks account.begin, and it never holds more
// than one vector. Each format's is in a file of its own; newEngine knows them.
type engine interface {
	// advance reads src, cut anywhere, and returns how much of it was taken: all of it, or less with an error. At ErrGrant nothing of the
	// vector was taken, and the rest may be given again.
	advance(src []byte) (int, error)
	// finish says that the input ends: what is held is put, and an input that is not complete fails.
	finish() error
}

func newEngine(f scan.Format, fields []scan.Field, a *account, o Options) (engine, error) {
	empty := o.Fields
	switch f {
	case scan.FormatJSON:
		return newDocument(fields, a, empty)
	case scan.FormatNDJSON:
		return newLines(fields, a, empty)
	case scan.FormatSSE:
		return newEvents(fields, a, empty)
	case scan.FormatGRPC:
		return newMessages(fields, a, empty)
	case scan.FormatKServe:
		return newTensors(fields, a, empty, o.Document)
	case scan.FormatArrow:
		return newArrow(fields, a, empty)
	case scan.FormatOctets:
		return newOctets(fields, a, empty, o)
	}
	return nil, fmt.Errorf("format %q cannot be read", f)
}

// NewStream returns a stream for one document of the format, with vectors at the fields.
func NewStream(f scan.Format, fields []scan.Field, o Options) (*Stream, error) {
	a, err := newAccount(o)
	if err == nil {
		var e engine
		if e, err = newEngine(f, fields, a, o); err == nil {
			return &Stream{account: a, engine: e}, nil
		}
	}
	return nil, fmt.Errorf("vector: %w", err)
}

// NewOpener returns a stream for the body of a request: vectors sealed for p are replaced by what they hold, everything else leaves as it
// came. It refuses a body that cannot be read strictly, but not one whose declared place holds something else than a vector: an ID to
// search by, say. Reading tells how many vectors were sealed, forged and raw. No grant stops it: give it math.MaxInt64.
func NewOpener(f scan.Format, fields []scan.Field, o Opener, p Place) (*Stream, error) {
	a := &account{treat: opened, opener: o, place: p, granted: math.MaxInt64}
	e, err := newEngine(f, fields, a, Options{})
	if err != nil {
		return nil, fmt.Errorf("vector: %w", err)
	}
	return &Stream{account: a, engine: e}, nil
}

// Changes reports whether anything of the document may leave changed: Write is needed, Scan will not do.
func (s *Stream) Changes() bool { return !s.account.raw() }

// Reading returns what was counted so far.
func (s *Stream) Reading() Reading { return s.account.read }

// Write takes a piece of the document and appends to dst what may leave of it. grant is how many vectors may have left in all: before the
// first beyond it, Write stops with ErrGrant and says how much of src it consumed; the rest may be given again with a larger grant. After
// any other error the stream is of no use, and what is in out may have left while the rest must not.
func (s *Stream) Write(dst, src []byte, grant int64) (out []byte, consumed int, err error) {
	a := s.account
	a.out, a.granted = dst, grant
	consumed, err = s.engine.advance(src)
	if a.raw() {
		a.out = append(a.out, src[:consumed]...)
	}
	out, a.out = a.out, nil
	return out, consumed, err
}

// Scan is Write for a stream that changes nothing: it only counts, and src[:consumed] may leave as it is. With a mask, or anything else
// that is to be changed, it fails.
func (s *Stream) Scan(src []byte, grant int64) (consumed int, err error) {
	if !s.account.raw() {
		return 0, errors.New("vector: Scan needs mask none, and nothing else to change")
	}
	s.account.granted = grant
	return s.engine.advance(src)
}

// Close says that the document ends, appends what was still held to dst, and fails if the document is not complete.
func (s *Stream) Close(dst []byte) ([]byte, error) {
	a := s.account
	a.out = dst
	err := s.engine.finish()
	dst, a.out = a.out, nil
	return dst, err
}
