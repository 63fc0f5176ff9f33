package artifact

import (
	"bytes"
	"encoding/binary"

	"github.com/weirgate/weir/pkg/authz"
)

const tarBlock = 512

// tarred reports whether content begins with the header of a tar: the sum of its bytes stands in it, in every variant of the format.
func (v view) tarred() bool {
	_, ok := readTar(v.b)
	return ok
}

// tarEntry is what a header of tar says.
type tarEntry struct {
	kind byte
	size int64
}

// readTar reads the header of an entry; ok is false where there is none.
func readTar(b []byte) (e tarEntry, ok bool) {
	if len(b) < tarBlock || b[0] == 0 {
		return e, false
	}
	want, ok := octal(b[148:156])
	if !ok || want == 0 {
		return e, false
	}
	sum := int64(8 * ' ')
	for i, c := range b[:tarBlock] {
		if i < 148 || i >= 156 {
			sum += int64(c)
		}
	}
	if sum != want {
		return e, false
	}
	e.kind = b[156]
	if b[124]&0x80 != 0 { // base 256, for what has 8 GiB or more
		e.size = int64(binary.BigEndian.Uint64(b[128:136]) &^ (1 << 63))
		return e, true
	}
	e.size, ok = octal(b[124:136])
	return e, ok
}

// octal reads a number of a header, which ends at its end, at a NUL or at a blank.
func octal(b []byte) (n int64, ok bool) {
	for _, c := range bytes.Trim(b, " \x00") {
		if c < '0' || c > '7' {
			return 0, false
		}
		n = n<<3 | int64(c-'0')
	}
	return n, true
}

// tar judges a tar by the files at its beginning.
func (o *opener) tar(v view) (authz.Artifact, Verdict) {
	j, b := judgement{verdict: Harmless}, v.b
	for range maxEntries {
		if v.whole() && len(bytes.TrimLeft(b, "\x00")) == 0 { // nothing follows, not even behind the blocks that end it
			return j.a, j.verdict
		}
		e, ok := readTar(b)
		if !ok {
			break
		}
		b = b[tarBlock:]
		switch e.kind {
		case 'x', 'g', 'L', 'K': // what is said of the next entry
		case 0, '0', '7':
			content := b[:min(int64(len(b)), e.size)]
			a, verdict := o.look(viewOf(content, e.size))
			if j.add(within("tar", a), verdict) {
				return j.a, Guarded
			}
		case '1', '2', '3', '4', '5', '6':
			e.size = 0
		default: // sparse files, and what else there may be
			j.add(authz.Artifact{}, Unknown)
		}
		if e.size > int64(len(b)) {
			break
		}
		b = b[min(int64(len(b)), (e.size+tarBlock-1)/tarBlock*tarBlock):]
	}
	return j.cut()
}
