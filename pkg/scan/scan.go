// Package scan holds the streaming readers that dialect and vector share: what a field of a document is, and a strict, resumable JSON
// tokenizer.
//
// It owns the grammar of field paths and the reading of JSON byte by byte over any chunking. It trusts nothing: RFC 8259 is enforced more
// strictly than encoding/json does (valid UTF-8, no lone surrogates, no byte order mark, no control characters, bounded depth, nothing
// after the document), because a reader more lenient than the client's parser, or stricter in the wrong place, is a way round the mask.
// It refuses by ErrMalformed, never by guessing. It imports the standard library only, and what tells which instructions the CPU has.
package scan

import "errors"

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
	EncodingSparse    Encoding = "sparse"     // {"indices": […], "values": […]}, or [{"index": n, "value": x}, …]. Protobuf: see Field
	EncodingText      Encoding = "text"       // a string that holds a vector: "[0.1,…]", "{1:0.5}/1536", "0101…"
	EncodingDoubles   Encoding = "doubles"    // protobuf: repeated double
	EncodingF32       Encoding = "f32"        // protobuf bytes, KServe tensors and octets: float32
	EncodingF16       Encoding = "f16"        // the same: IEEE float16
	EncodingBF16      Encoding = "bf16"       // the same: bfloat16
	EncodingI8        Encoding = "i8"         // the same: int8, uint8, or packed bits
	EncodingBits      Encoding = "bits"       // the same: one bit a component, where Field.Dims counts components (Milvus)
)

// Role says what a field holds.
type Role string

// The roles.
const (
	RoleVector  Role = "vector"  // an embedding
	RoleIndices Role = "indices" // where a sparse vector's values stand: masked with them, counted with them
	RoleScore   Role = "score"   // a similarity or distance to the query. In EncodingText, one in a string, or anything that tells of one in words
)

// Field names a place in a document.
//
// A path is keys separated by dots; [*] stands for every element of an array, .* for every member of an object, and .** for any depth
// below, zero included; ** is the last step or stands before one last key: "data[*].embedding", "[*]", "vectors.*.values",
// "hits.hits[*]._source.**.embedding". Keys are compared after unescaping and without regard to ASCII case, because clients' parsers
// differ in that.
//
// In protobuf, keys are field numbers, and every occurrence of a field is meant: "1.6.101.1". Numbers of one message are one vector, in one
// occurrence or many; bytes are one vector, or several, by each occurrence. EncodingSparse is, of numbers, one in each of a list's messages,
// which together are the vector; of bytes, an index (uint32) and a value (float32) by turns. EncodingF32 of two bytes more than whole
// numbers is a multi-vector, its rows behind their length in two bytes (Weaviate).
type Field struct {
	Path     string
	Encoding Encoding
	Role     Role
	Name     string // of the vector, where an object has several ("image"); empty for the only one. A .* of the path gives it too

	// Others are names that a vector of a request may have instead of Name, where only the request as a whole says which are in it. What was
	// sealed opens under the one of them that is its own.
	Others []string

	// In protobuf, what else is known of a vector stands in fields of a message that the vector is in too, with lower numbers and so before
	// it. Dims and Type may also stand in a list of messages beside it, of which the first is that of its first occurrence (KServe).
	Named string // path of the field that holds its name: a map entry's key, "1.6.2.1.1" for "1.6.2.1.2.101.1"; empty where Name says it
	Dims  string // path of the field that holds its length (the last number, if it holds several), where one field holds several vectors end to end; empty where it holds one
	Type  string // path of the field that holds its datatype, as KServe names them; empty where Encoding says it
	Rows  string // path of the field that holds how many vectors stand end to end, where that comes after them; empty where there is none
}

// ErrMalformed is what every refusal of a document wraps; the text says where, never what was there.
var ErrMalformed = errors.New("malformed document")
