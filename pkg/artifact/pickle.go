package artifact

import (
	"bytes"
	"encoding/binary"

	"github.com/weirgate/weir/pkg/authz"
)

// torchMagic is how PyTorch before 1.6 begins a file: a pickle of protocol 2 with a long integer.
const torchMagic = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"

// torch recognises the legacy files of PyTorch.
func torch(v view) (authz.Artifact, bool) {
	if v.has(0, torchMagic) {
		return checkpoint("pytorch")
	}
	return authz.Artifact{}, false
}

// pickled recognises pickles, and those that joblib has written. What a pickle holds nobody can say without running it: all are guarded.
func pickled(v view) (authz.Artifact, bool) {
	if !binaryPickle(v) && !textPickle(v.b) {
		return authz.Artifact{}, false
	}
	if bytes.Contains(v.b, []byte("joblib.numpy_pickle")) {
		return checkpoint("joblib")
	}
	return checkpoint("pickle")
}

// pickleOpcodes are the opcodes of protocols 2 to 5 that can come first behind the protocol.
const pickleOpcodes = "}](){[N\x8f\x88\x89KMJGXUBCTV\x8a\x8b\x8c\x8d\x8e\x95\x96cI"

// binaryPickle recognises protocols 2 to 5. Protocols 4 and 5 put what they write into a frame unless it is shorter than 4 bytes, and of
// what is framed the length must be possible; what is not, must run through its first opcodes.
func binaryPickle(v view) bool {
	if len(v.b) < 3 || v.b[0] != 0x80 || v.b[1] < 2 || v.b[1] > 5 {
		return false
	}
	if v.b[2] == 0x95 && v.b[1] >= 4 {
		if len(v.b) < 11 {
			return true
		}
		n := binary.LittleEndian.Uint64(v.b[3:])
		return n >= 4 && v.fits(11+n)
	}
	return bytes.IndexByte([]byte(pickleOpcodes), v.b[2]) >= 0 && pickleRuns(v.b[2:])
}

// pickleRuns passes over the first opcodes and reports whether they are some.
func pickleRuns(b []byte) bool {
	for range 6 {
		if len(b) == 0 || b[0] == '.' {
			return true
		}
		n, ok := opcodeLen(b)
		if !ok {
			return false
		}
		b = b[min(n, len(b)):]
	}
	return true
}

// opcodeLen returns how long the first opcode is with its argument, which may end behind what is seen.
func opcodeLen(b []byte) (n int, ok bool) {
	long := func(width int) (int, bool) {
		if len(b) < 1+width {
			return len(b), true
		}
		var word [8]byte
		copy(word[:], b[1:1+width])
		n := binary.LittleEndian.Uint64(word[:])
		return 1 + width + int(min(n, PrefixLen)), true
	}
	switch b[0] {
	case 'K', 'q', 'h', 0x80:
		return 2, true
	case 'M':
		return 3, true
	case 'J', 'r', 'j':
		return 5, true
	case 'G', 0x95:
		return 9, true
	case 'U', 'C', 0x8a, 0x8c:
		return long(1)
	case 'X', 'T', 'B', 0x8b:
		return long(4)
	case 0x8d, 0x8e, 0x96:
		return long(8)
	case 'c': // two lines
		first := bytes.IndexByte(b, '\n')
		if first < 0 {
			return len(b), word(b[1:min(len(b), 200)])
		}
		second := bytes.IndexByte(b[first+1:], '\n')
		return first + 1 + second + 1, second >= 0 && word(b[1:first])
	}
	return 1, bytes.IndexByte([]byte("}])({[N\x8f\x88\x89\x85\x86\x87\x81\x93\x94\x90\x91\x92RbsuaeltQ012od"), b[0]) >= 0
}

// word reports whether the bytes are the name of a module of Python.
func word(b []byte) bool {
	for _, c := range b {
		if c|0x20 < 'a' && (c < '0' || c > '9') && c != '.' && c != '_' || c|0x20 > 'z' && c != '_' {
			return false
		}
	}
	return len(b) > 0
}

// textPickle recognises protocols 0 and 1 where they begin with an object of a library that the models of are pickled.
func textPickle(b []byte) bool {
	for _, start := range [...]string{"ccopy_reg\n_reconstructor\n", "ccopyreg\n_reconstructor\n", "cnumpy", "csklearn.", "ctorch.", "ccollections\nOrderedDict\n", "(dp0\n", "(lp0\n", "(dp1\n", "(lp1\n"} {
		if len(b) >= len(start) && string(b[:len(start)]) == start {
			return bytes.IndexByte(b[:min(len(b), 200)], '\n') > 0
		}
	}
	return false
}
