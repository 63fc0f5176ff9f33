package vector

import (
	"encoding/binary"
	"math/bits"
)

// alphabetKind says which of RFC 4648's alphabets a text is written in: of two readers, one may refuse what mixes them, the other not.
type alphabetKind uint8

const (
	eitherAlphabet alphabetKind = iota // no character has told yet: letters and digits
	stdAlphabet                        // + and /
	urlAlphabet                        // - and _
)

// alphabetOf returns the alphabet that tells itself by c.
func alphabetOf(c byte) alphabetKind {
	switch c {
	case '+', '/':
		return stdAlphabet
	case '-', '_':
		return urlAlphabet
	}
	return eitherAlphabet
}

// ones has a one in each byte: ones*c is eight times c.
const ones = 0x0101010101010101

// alphabetRun returns how many leading bytes of b are characters of the alphabet, padding excluded, eight at a time.
func alphabetRun(b []byte, kind alphabetKind) int {
	var more, other uint64 = ones * 'A', ones * 'A'
	switch kind {
	case eitherAlphabet:
	case stdAlphabet:
		more, other = ones*'+', ones*'/'
	case urlAlphabet:
		more, other = ones*'-', ones*'_'
	}
	n := 0
	for len(b)-n >= 8 {
		if out := outsideAlphabet(binary.LittleEndian.Uint64(b[n:]), more, other); out != 0 {
			return n + bits.TrailingZeros64(out)/8
		}
		n += 8
	}
	if n == len(b) {
		return n
	}
	var last [8]byte // zeros, which are no characters of it
	copy(last[:], b[n:])
	return n + bits.TrailingZeros64(outsideAlphabet(binary.LittleEndian.Uint64(last[:]), more, other))/8
}

// outsideAlphabet returns the high bit of each byte of x that is no letter, no digit, and not the character that fills more or other. No
// sum carries from one byte into the next: both addends are below 0x80.
func outsideAlphabet(x, more, other uint64) uint64 {
	const highs = ones * 0x80
	low := x &^ highs
	letter := low | ones*0x20 // 'A' to 'Z' as 'a' to 'z', and nothing else among them
	in := (letter + ones*(0x80-'a')) &^ (letter + ones*(0x7f-'z'))
	in |= (low + ones*(0x80-'0')) &^ (low + ones*(0x7f-'9'))
	in |= ^((low ^ more) + ones*0x7f) | ^((low ^ other) + ones*0x7f)
	return (x | ^in) & highs
}

// alphabet marks the characters of standard base64 with 0 and all others with 0x80.
var alphabet = func() (t [256]byte) { //nolint:gochecknoglobals // a constant
	for i := range t {
		t[i] = 0x80
	}
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/" {
		t[c] = 0
	}
	return t
}()
