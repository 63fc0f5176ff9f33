package vector

import (
	"encoding/binary"
	"math/bits"
)

// alphabetRun returns how many leading bytes of b are characters of standard base64, padding excluded, eight at a time.
func alphabetRun(b []byte) int {
	n := 0
	for len(b)-n >= 8 {
		if out := outsideAlphabet(binary.LittleEndian.Uint64(b[n:])); out != 0 {
			return n + bits.TrailingZeros64(out)/8
		}
		n += 8
	}
	if n == len(b) {
		return n
	}
	var last [8]byte // zeros, which are no characters of it
	copy(last[:], b[n:])
	return n + bits.TrailingZeros64(outsideAlphabet(binary.LittleEndian.Uint64(last[:])))/8
}

// outsideAlphabet returns the high bit of each byte of x that is no character of standard base64. No sum carries from one byte into the
// next: both addends are below 0x80.
func outsideAlphabet(x uint64) uint64 {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	low := x &^ highs
	letter := low | ones*0x20 // 'A' to 'Z' as 'a' to 'z', and nothing else among them
	in := (letter + ones*(0x80-'a')) &^ (letter + ones*(0x7f-'z'))
	in |= (low + ones*(0x80-'/')) &^ (low + ones*(0x7f-'9')) // '/' stands before the digits
	in |= ^((low ^ ones*'+') + ones*0x7f)
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
