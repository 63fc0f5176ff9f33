package artifact

import (
	"bytes"
	"encoding/binary"
	"strings"

	"github.com/weirgate/weir/pkg/authz"
)

// maxEntries bounds how many entries of an archive are looked at.
const maxEntries = 256

// judgement adds up what the entries of an archive are. What can be named goes before what is opaque; one that nobody knows makes all of the
// archive unknown.
type judgement struct {
	a       authz.Artifact
	verdict Verdict
}

// add takes up an entry and reports whether the archive is settled.
func (j *judgement) add(a authz.Artifact, verdict Verdict) (settled bool) {
	switch {
	case verdict == Guarded && (j.verdict != Guarded || a.Class != authz.ArtifactOpaque):
		j.a, j.verdict = a, Guarded
	case verdict == Unknown && j.verdict == Harmless:
		j.verdict = Unknown
	}
	return j.verdict == Guarded && j.a.Class != authz.ArtifactOpaque
}

// cut is for an archive of which not all entries are seen.
func (j *judgement) cut() (authz.Artifact, Verdict) {
	if j.verdict == Harmless {
		j.verdict = Unknown
	}
	return j.a, j.verdict
}

// entryFormat tells weights by the name of an entry of a zip: in files that are zips themselves.
func entryFormat(name string) string {
	base := name[strings.LastIndexByte(name, '/')+1:]
	switch {
	case base == "data.pkl":
		return "pytorch"
	case base == "model.weights.h5":
		return "keras"
	case strings.HasSuffix(base, ".npy"):
		return "npz"
	}
	return ""
}

// entry is a file in a zip, as the header in front of it says.
type entry struct {
	name      string
	encrypted bool
	method    uint16
	content   []byte // as stored, and cut to what is seen
	size      int64  // once inflated
	next      int    // where the next header is; behind what is seen where that is not known
}

// readEntry reads the header of an entry at an offset. ok is false where there is none, or it is cut.
func readEntry(b []byte, at int) (e entry, ok bool) {
	const header = 30
	if at+header > len(b) || string(b[at:at+4]) != "PK\x03\x04" {
		return e, false
	}
	le := binary.LittleEndian
	flags := le.Uint16(b[at+6:])
	packed, size := int64(le.Uint32(b[at+18:])), int64(le.Uint32(b[at+22:]))
	name := at + header
	start := name + int(le.Uint16(b[at+26:]))
	if start > len(b) {
		return e, false
	}
	e.name, e.encrypted, e.method = string(b[name:start]), flags&1 != 0, le.Uint16(b[at+8:])
	start = min(start+int(le.Uint16(b[at+28:])), len(b))
	const zip64 = 1<<32 - 1
	streamed := flags&8 != 0 && packed == 0
	if streamed || packed == zip64 || size == zip64 {
		size = authz.UnknownLength
	}
	e.size, e.next = size, len(b)
	switch {
	case streamed:
		e.content = b[start:]
		if end := bytes.Index(e.content, []byte("PK\x07\x08")); end >= 0 {
			e.content = e.content[:end]
			e.next = nextHeader(b, start+end+4)
		}
	case packed == zip64 || packed > int64(len(b)-start):
		e.content = b[start:]
	default:
		e.content = b[start : start+int(packed)]
		if e.next = start + int(packed); flags&8 != 0 {
			e.next = nextHeader(b, e.next)
		}
	}
	return e, true
}

// nextHeader finds the next header of a zip behind a descriptor of 12 to 24 bytes.
func nextHeader(b []byte, at int) int {
	for i := at; i < min(at+24, len(b)-4); i++ {
		if s := string(b[i : i+4]); s == "PK\x03\x04" || s == "PK\x01\x02" {
			return i
		}
	}
	return len(b)
}

// zip judges a zip by the entries at its beginning: by their names where the format is a zip of its own, else by what they hold.
func (o *opener) zip(v view) (authz.Artifact, Verdict) {
	j, at := judgement{verdict: Harmless}, 0
	for range maxEntries {
		e, ok := readEntry(v.b, at)
		if !ok {
			break
		}
		if format := entryFormat(e.name); format != "" {
			return authz.Artifact{Class: authz.ArtifactCheckpoint, Format: format}, Guarded
		}
		if at == 0 && document(e.name) && !v.whole() {
			return authz.Artifact{}, Harmless
		}
		if a, verdict := o.entry(e); j.add(a, verdict) {
			return j.a, Guarded
		}
		at = e.next
	}
	if v.whole() && complete(v.b, at) {
		return j.a, j.verdict
	}
	return j.cut()
}

// endLen is how long the end of a zip's directory is without its comment.
const endLen = 22

// complete reports whether nothing lies behind the entries of a zip but its directory: not between them, and not in a long comment.
func complete(b []byte, at int) bool {
	end := bytes.LastIndex(b, []byte("PK\x05\x06"))
	if end < at || end+endLen > len(b) {
		return false
	}
	le := binary.LittleEndian
	const maxComment = 256
	size, offset, comment := le.Uint32(b[end+12:]), le.Uint32(b[end+16:]), int(le.Uint16(b[end+20:]))
	return int64(offset) == int64(at) && int64(size) == int64(end-at) && comment <= maxComment && end+endLen+comment == len(b)
}

// entry judges one entry by what it holds.
func (o *opener) entry(e entry) (authz.Artifact, Verdict) {
	switch {
	case e.size == 0 && len(e.content) <= 2: // nothing, deflated or not; a size alone may be a lie
		return authz.Artifact{}, Harmless
	case o.left <= 0:
		return opaque("zip")
	case e.encrypted, e.method != 0 && e.method != 8:
		return opaque("zip")
	case len(e.content) == 0:
		return authz.Artifact{}, Unknown
	}
	inner := viewOf(e.content, e.size)
	if e.method == 8 {
		var err error
		if inner, err = o.inflate(e.content, e.size); err != nil {
			return opaque("zip")
		}
	}
	a, verdict := o.look(inner)
	return within("zip", a), verdict
}

// document reports whether the first entry of a zip is that of an office document or a book. Archives of Java and packages of Android are not
// among them: models are shipped in those.
func document(first string) bool {
	return first == "[Content_Types].xml" || first == "_rels/.rels" || first == "mimetype"
}

// directory judges a zip by the names in its directory, which stands at its end; false where the tail is not that of a zip.
func directory(tail []byte) (authz.Artifact, bool) {
	at := bytes.LastIndex(tail, []byte("PK\x05\x06"))
	if at < 0 || at+endLen > len(tail) || at+endLen+int(binary.LittleEndian.Uint16(tail[at+20:])) != len(tail) {
		return authz.Artifact{}, false
	}
	names := tail[:at]
	for {
		start := bytes.Index(names, []byte("PK\x01\x02"))
		const header = 46
		if start < 0 || start+header > len(names) {
			return authz.Artifact{}, false
		}
		n, size := int(binary.LittleEndian.Uint16(names[start+28:])), binary.LittleEndian.Uint32(names[start+24:])
		names = names[start+header:]
		if n > len(names) {
			return authz.Artifact{}, false
		}
		if a, ok := named(string(names[:n]), size); ok {
			return a, true
		}
	}
}

// named judges an entry of a zip by its name and size alone: paths of Python's and lists of Portuguese hosts are short.
func named(name string, size uint32) (authz.Artifact, bool) {
	if format := entryFormat(name); format != "" {
		return checkpoint(format)
	}
	a := authz.Artifact{Class: authz.ArtifactCheckpoint, Wrapped: "zip"}
	const model = 1 << 20 // bytes
	switch ext := name[strings.LastIndexByte(name, '.')+1:]; ext {
	case "safetensors", "gguf", "onnx", "tflite", "joblib":
		a.Format = ext
	case "pt", "pth", "ckpt":
		if size < model {
			return authz.Artifact{}, false
		}
		a.Format = "pytorch"
	case "h5", "hdf5", "keras":
		a.Format = "hdf5"
	case "parquet", "arrow", "jsonl":
		a.Class, a.Format = authz.ArtifactCorpus, ext
	default:
		return authz.Artifact{}, false
	}
	return a, true
}
