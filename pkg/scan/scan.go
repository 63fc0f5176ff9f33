// Package scan holds the streaming readers that dialect and vector share: what a field of a document is, and a strict, resumable JSON
// tokenizer.
//
// It owns the grammar of field paths and the reading of JSON over any chunking. It trusts nothing: RFC 8259 is enforced more strictly than
// encoding/json does (valid UTF-8, no lone surrogates, no byte order mark, bounded depth, keys and numbers, nothing after the document),
// because a reader more lenient than the client's parser is a way round the mask. It refuses by ErrMalformed, never by guessing, and no
// error holds any of the document's text. It imports the standard library only.
//
// path.go holds field paths; json.go the Lexer's structure, string.go and number.go its tokens; fast.go what is done eight bytes at a time.
package scan

import "errors"

// Format is the shape of a body as a whole.
type Format string

// The formats. Only FormatJSON can be read by this build.
const (
	FormatJSON   Format = "json"
	FormatNDJSON Format = "ndjson"
	FormatSSE    Format = "sse"
)

// Encoding is how a vector is written. Another one than the field's, at its place, is refused.
type Encoding string

// The encodings. The zero value takes whichever is there: a JSON array of numbers, or base64 of little-endian float32.
const (
	EncodingAuto   Encoding = ""
	EncodingFloats Encoding = "floats"
	EncodingBase64 Encoding = "base64"
)

// Role says what a field holds. The zero value is RoleVector.
type Role string

// The roles.
const (
	// RoleVector marks embeddings.
	RoleVector Role = "vector"
	// RoleScore marks numbers that are no vector however many they are, such as a search's distances. They pass as they are, and what looks
	// for vectors that nobody declared leaves them alone.
	RoleScore Role = "score"
)

// Field names a place in a document.
//
// Path is keys separated by dots; [*] stands for every element of an array; the empty path is the document itself:
//
//	path = [ step { "[*]" | "." key } ]     step = key | "[*]"     key = 1 or more ASCII characters other than . [ ] and controls
//
// as in "data[*].embedding", "[*]", "embeddings[*][*]". Keys are compared after unescaping and without regard to case, as the laxest of the
// clients' parsers does.
type Field struct {
	Path     string
	Encoding Encoding
	Role     Role
}

// ErrMalformed is what every refusal of a document wraps; the text says where, never what was there.
var ErrMalformed = errors.New("malformed document")
