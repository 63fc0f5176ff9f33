package artifact

import (
	"bytes"
	"unicode/utf8"

	"github.com/weirgate/weir/pkg/authz"
)

// textual reports whether content is text in UTF-8. Its last character may be cut.
func (v view) textual() bool {
	b := v.b
	for i := 0; i < utf8.UTFMax-1 && len(b) > 0 && !utf8.FullRune(b[lastRune(b):]); i++ {
		b = b[:lastRune(b)]
	}
	return plain(b) && bytes.IndexByte(b, 0) < 0 && utf8.Valid(b)
}

// lastRune returns where the last character begins.
func lastRune(b []byte) int {
	i := len(b) - 1
	for n := 1; i > 0 && n < utf8.UTFMax && !utf8.RuneStart(b[i]); n++ {
		i--
	}
	return i
}

// text judges text: records with vectors or long texts are a corpus, letters and digits without an end are something that is encoded, all else
// is what people and programs read.
func (v view) text() (authz.Artifact, Verdict) {
	if a, ok := v.records(); ok {
		return a, Guarded
	}
	if v.encoded() {
		return opaque("base64")
	}
	if len(v.b) == PrefixLen {
		return authz.Artifact{}, Harmless
	}
	return authz.Artifact{}, v.unrecognised()
}

// encoded reports whether a large text consists of what base64 and hexadecimal are written with.
func (v view) encoded() bool {
	if len(v.b) < 4096 || !v.large() {
		return false
	}
	var seen [256]bool
	distinct := 0
	for _, c := range v.b[:4096] {
		if !seen[c] {
			seen[c] = true
			distinct++
		}
		if c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' {
			continue
		}
		if c != '+' && c != '/' && c != '-' && c != '_' && c != '=' && c != '\n' && c != '\r' {
			return false
		}
	}
	return distinct >= 16 // lists of whole numbers have fewer
}

// largeOpaque is the size in bytes from which what nobody can read is opaque rather than unknown.
const largeOpaque = 1 << 20

func (v view) large() bool { return v.size == authz.UnknownLength || v.size >= largeOpaque }

// disordered reports whether large content has no order in its bytes: none of their values comes up more often than others, as in what is
// encrypted or compressed well. Weights are not like that: their exponents have few values. A quarter of the bytes is looked at.
func (v view) disordered() bool {
	const block, step = 64, 256
	if !v.large() || len(v.b) < PrefixLen/4 {
		return false
	}
	var counts [4][256]uint32
	n := uint64(0)
	for i := 0; i+block <= len(v.b); i += step {
		for b := v.b[i : i+block]; len(b) >= 4; b = b[4:] {
			counts[0][b[0]]++
			counts[1][b[1]]++
			counts[2][b[2]]++
			counts[3][b[3]]++
		}
		n += block
	}
	var squares uint64
	for i := range 256 {
		c := uint64(counts[0][i] + counts[1][i] + counts[2][i] + counts[3][i])
		squares += c * c
	}
	// Of random bytes the squares add up to n²/256 + n. A quarter more is allowed for, which is an entropy of some 7.8 bits.
	return squares*256 <= n*n*5/4+256*n
}
