package artifact

import (
	"bytes"
	"encoding/binary"

	"github.com/weirgate/weir/pkg/authz"
)

const hdf5Mark = "\x89HDF\r\n\x1a\n"

// hdf5 recognises HDF5, whose mark stands at 0, or behind a block of the user's at 512, 1024, 2048, …
func hdf5(v view) (authz.Artifact, bool) {
	for at := 0; at < len(v.b); at = max(512, 2*at) {
		if !v.has(at, hdf5Mark) {
			continue
		}
		head := v.b[:min(len(v.b), 16<<10)]
		for _, name := range [...]string{"keras_version", "layer_names", "model_weights"} {
			if bytes.Contains(head, []byte(name)) {
				return checkpoint("keras")
			}
		}
		return checkpoint("hdf5")
	}
	return authz.Artifact{}, false
}

// faiss recognises what FAISS writes: a name of four letters and the head that all indexes share (index_write.cpp). Binary indexes state a
// dimension and the bytes it takes, others two constants.
func faiss(v view) (authz.Artifact, bool) {
	if len(v.b) < 33 || v.b[0] != 'I' {
		return authz.Artifact{}, false
	}
	for _, c := range v.b[1:4] {
		if c|0x20 < 'a' && (c < '0' || c > '9') || c|0x20 > 'z' {
			return authz.Artifact{}, false
		}
	}
	le := binary.LittleEndian
	dim := le.Uint32(v.b[4:])
	if dim == 0 || dim > 1<<24 {
		return authz.Artifact{}, false
	}
	const constant = 1 << 20
	if le.Uint64(v.b[16:]) == constant && le.Uint64(v.b[24:]) == constant {
		return corpus("faiss")
	}
	if v.b[1] == 'B' && le.Uint32(v.b[8:])*8 == dim && le.Uint64(v.b[12:]) < 1<<40 {
		return corpus("faiss")
	}
	return authz.Artifact{}, false
}

// arrowStream recognises a stream of Arrow: the length of a message, and the table of FlatBuffers that says that it is a schema.
func arrowStream(v view) (authz.Artifact, bool) {
	if !v.has(0, "\xff\xff\xff\xff") || len(v.b) < 16 {
		return authz.Artifact{}, false
	}
	le := binary.LittleEndian
	n := le.Uint32(v.b[4:])
	if n < 16 || n > 1<<28 || !v.fits(8+uint64(n)) {
		return authz.Artifact{}, false
	}
	message := v.b[8:]
	root := le.Uint32(message)
	if root < 4 || root > 1024 || uint64(root)+4 > uint64(len(message)) {
		return authz.Artifact{}, false
	}
	vtable := int64(root) - int64(int32(le.Uint32(message[root:])))
	const headerType = 4 + 2*1 // the second field of Message
	if vtable < 0 || vtable+headerType+2 > int64(len(message)) || le.Uint16(message[vtable:]) < headerType+2 {
		return authz.Artifact{}, false
	}
	at := int64(root) + int64(le.Uint16(message[vtable+headerType:]))
	const schema = 1
	if at >= int64(len(message)) || message[at] != schema {
		return authz.Artifact{}, false
	}
	return corpus("arrow")
}
