// Package scan holds the streaming readers that dialect and vector share: what a field of a document is, and a strict, resumable JSON
// tokenizer.
//
// It owns the grammar of field paths and the reading of JSON byte by byte over any chunking. It trusts nothing: RFC 8259 is enforced more
// strictly than encoding/json does (valid UTF-8, no lone surrogates, no byte order mark, no control characters, bounded depth, nothing
// after the document), because a reader more lenient than the client's parser, or stricter in the wrong place, is a way round the mask.
// It refuses by ErrMalformed, never by guessing. It imports the standard library only.
package scan

import (
	"errors"
	"fmt"
	"strings"
)

// Format is the shape of a body as a whole.
type Format string

// The formats. A reader that does not know one refuses it by name.
const (
	FormatJSON   Format = "json"   // one document
	FormatNDJSON Format = "ndjson" // documents, one a line
	FormatSSE    Format = "sse"    // server-sent events: each event's data is a document, or [DONE]
	FormatGRPC   Format = "grpc"   // protobuf messages, each with gRPC's five bytes before it; field paths are numbers
	FormatKServe Format = "kserve" // a JSON document, then the tensors that it describes (KServe v2, binary extension)
	FormatOctets Format = "octets" // nothing but components, little-endian
	FormatArrow  Format = "arrow"  // Arrow IPC, file or stream
)

// Encoding is how a vector is written.
type Encoding string

// The encodings. The zero value takes whichever is there: a JSON array of numbers, or base64 of little-endian float32.
const (
	EncodingAuto      Encoding = ""
	EncodingFloats    Encoding = "floats"     // JSON: an array of numbers. Protobuf: repeated float, packed or not
	EncodingInts      Encoding = "ints"       // an array of whole numbers: int8, uint8, or bits packed into them
	EncodingBase64    Encoding = "base64"     // of little-endian float32, either alphabet, padded or not
	EncodingBase64F16 Encoding = "base64_f16" // of IEEE float16
	EncodingBase64I8  Encoding = "base64_i8"  // of int8, uint8, or packed bits
	EncodingNested    Encoding = "nested"     // a vector, an array of them (multi-vector), an object of names and either, or a sparse one
	EncodingSparse    Encoding = "sparse"     // {"indices": […], "values": […]}, or [{"index": n, "value": x}, …]
	EncodingText      Encoding = "text"       // a string that holds a vector: "[0.1,…]", "{1:0.5}/1536", "0101…"
	EncodingDoubles   Encoding = "doubles"    // protobuf: repeated double
	EncodingF32       Encoding = "f32"        // protobuf bytes, KServe tensors and octets: float32
	EncodingF16       Encoding = "f16"        // the same: IEEE float16
	EncodingBF16      Encoding = "bf16"       // the same: bfloat16
	EncodingI8        Encoding = "i8"         // the same: int8, uint8, or packed bits
)

// Role says what a field holds.
type Role string

// The roles.
const (
	RoleVector  Role = "vector"  // an embedding
	RoleIndices Role = "indices" // where a sparse vector's values stand: masked with them, counted with them
	RoleScore   Role = "score"   // a similarity or distance to the query
)

// Field names a place in a document.
//
// A path is keys separated by dots; [*] stands for every element of an array, .* for every member of an object, and .** for any depth
// below, zero included; ** is the last step or stands before one last key: "data[*].embedding", "[*]", "vectors.*.values",
// "hits.hits[*]._source.**.embedding". Keys are compared after unescaping and without regard to ASCII case, because clients' parsers
// differ in that. In protobuf, keys are field numbers, and every occurrence of a field is meant: "1.6.101.1".
type Field struct {
	Path     string
	Encoding Encoding
	Role     Role
	Name     string // of the vector, where an object has several ("image"); empty for the only one. A .* of the path gives it too

	// In protobuf, what else is known of a vector stands in fields beside or above it, with lower numbers and so before it.
	Named string // path of the field that holds its name: a map entry's key, "1.6.2.1.1" for "1.6.2.1.2.101.1"; empty where Name says it
	Dims  string // path of the field that holds its length, where one field holds several vectors end to end; empty where it holds one
}

// ErrMalformed is what every refusal of a document wraps; the text says where, never what was there.
var ErrMalformed = errors.New("malformed document")

// Path is a compiled field path. The zero value matches the whole document.
type Path struct {
	steps []string // a lower-case key, or "" for [*]
}

// CompilePath reads the grammar described at Field.
func CompilePath(s string) (Path, error) {
	var p Path
	rest := s
	for rest != "" {
		if after, ok := strings.CutPrefix(rest, "[*]"); ok {
			p.steps, rest = append(p.steps, ""), after
			continue
		}
		if len(p.steps) > 0 {
			after, ok := strings.CutPrefix(rest, ".")
			if !ok {
				return Path{}, fmt.Errorf("field path %q: want . or [*] at %q", s, rest)
			}
			if rest = after; rest == "" {
				return Path{}, fmt.Errorf("field path %q: empty key", s)
			}
		}
		end := strings.IndexAny(rest, ".[")
		if end < 0 {
			end = len(rest)
		}
		if end == 0 {
			return Path{}, fmt.Errorf("field path %q: empty key", s)
		}
		p.steps, rest = append(p.steps, strings.ToLower(rest[:end])), rest[end:]
	}
	return p, nil
}

// Paths is a set of compiled paths that are followed together through a document. At most 64.
type Paths struct {
	paths []Path
}

// CompilePaths compiles a set.
func CompilePaths(fields []Field) (Paths, error) {
	if len(fields) > 64 {
		return Paths{}, fmt.Errorf("%d field paths: at most 64", len(fields))
	}
	var ps Paths
	for _, f := range fields {
		p, err := CompilePath(f.Path)
		if err != nil {
			return Paths{}, err
		}
		ps.paths = append(ps.paths, p)
	}
	return ps, nil
}

// Set is a set of paths, one bit each.
type Set uint64

// All returns the set of all paths.
func (ps Paths) All() Set { return Set(1)<<len(ps.paths) - 1 }

// Element narrows s to the paths that go on through an array element at depth d (0: the document itself).
func (ps Paths) Element(s Set, d int) Set {
	var out Set
	for i, p := range ps.paths {
		if s>>i&1 == 1 && d < len(p.steps) && p.steps[d] == "" {
			out |= 1 << i
		}
	}
	return out
}

// Key narrows s to the paths that go on through the object member key, already unescaped, at depth d.
func (ps Paths) Key(s Set, d int, key []byte) Set {
	if s == 0 {
		return 0
	}
	var out Set
	for i, p := range ps.paths {
		if s>>i&1 == 1 && d < len(p.steps) && p.steps[d] != "" && foldEqual(key, p.steps[d]) {
			out |= 1 << i
		}
	}
	return out
}

// Ends reports whether a path of s ends at depth d.
func (ps Paths) Ends(s Set, d int) bool {
	for i, p := range ps.paths {
		if s>>i&1 == 1 && len(p.steps) == d {
			return true
		}
	}
	return false
}

// Goes reports whether a path of s goes on beyond depth d.
func (ps Paths) Goes(s Set, d int) bool {
	for i, p := range ps.paths {
		if s>>i&1 == 1 && len(p.steps) > d {
			return true
		}
	}
	return false
}

// foldEqual compares a key with a lower-case ASCII one as encoding/json's case folding does: ASCII case, and the two non-ASCII letters
// that fold to ASCII (U+017F to s, U+212A to k).
func foldEqual(key []byte, lower string) bool {
	i := 0
	for j := 0; j < len(lower); j++ {
		if i >= len(key) {
			return false
		}
		c := key[i]
		switch {
		case c >= 'A' && c <= 'Z':
			c += 'a' - 'A'
			i++
		case c == 0xc5 && i+1 < len(key) && key[i+1] == 0xbf:
			c, i = 's', i+2
		case c == 0xe2 && i+2 < len(key) && key[i+1] == 0x84 && key[i+2] == 0xaa:
			c, i = 'k', i+3
		default:
			i++
		}
		if c != lower[j] {
			return false
		}
	}
	return i == len(key)
}
