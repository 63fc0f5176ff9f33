package scan

import (
	"encoding/binary"
	"math/bits"
)

// Eight bytes at a time (SWAR, Hacker's Delight §6-1): every byte of a word is a lane, and a lane's answer is its high bit. (x - ones) &^ x
// marks zero lanes; a borrow can mark a lane above a zero lane wrongly, so only the lowest mark, or whether there is any, is used.
const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// word loads the eight bytes at b[i:], the first in the lowest lane.
func word(b []byte, i int) uint64 { return binary.LittleEndian.Uint64(b[i:]) }

// lane returns the index of the lowest marked lane; 8 when none is.
func lane(marks uint64) int { return bits.TrailingZeros64(marks) >> 3 }

// zeroes marks the lanes of x that are zero.
func zeroes(x uint64) uint64 { return (x - ones) &^ x & highs }

// notDigits marks the lanes of x that are no ASCII digits, each exactly.
func notDigits(x uint64) uint64 {
	t := x ^ (ones * '0') // digits become 0..9
	return ((t&^highs + ones*(0x80-10)) | t) & highs
}

// textLen returns how many leading bytes of b can stand in a JSON string for themselves: all but '"', '\' and controls. ascii tells
// whether all of them are ASCII.
func textLen(b []byte) (n int, ascii bool) {
	var all uint64
	for len(b)-n >= 8 {
		x := word(b, n)
		if bad := zeroes(x^(ones*'"')) | zeroes(x^(ones*'\\')) | (x-ones*' ')&^x&highs; bad != 0 {
			break
		}
		all |= x
		n += 8
	}
	for ; n < len(b); n++ {
		c := b[n]
		if c < ' ' || c == '"' || c == '\\' {
			break
		}
		all |= uint64(c)
	}
	return n, all&highs == 0
}

// Base64Len returns how many leading bytes of b are of the standard base64 alphabet (RFC 4648 §4), '=' not among them.
func Base64Len(b []byte) int {
	n := 0
	for len(b)-n >= 16 {
		if notBase64(word(b, n))|notBase64(word(b, n+8)) != 0 {
			break
		}
		n += 16
	}
	for n < len(b) && isBase64(b[n]) {
		n++
	}
	return n
}

// notBase64 marks the lanes of x that are not of the standard base64 alphabet. Every sum stays within its lane, so each mark is exact.
func notBase64(x uint64) uint64 {
	low := x &^ highs
	y := low | ones*0x20                                   // upper case becomes lower; nothing else becomes a letter
	letter := (y + ones*(0x80-'a')) &^ (y + ones*(0x7f-'z')) // from a to z
	digit := (low + ones*(0x80-'/')) &^ (low + ones*(0x7f-'9')) // from / to 9
	plus := (low ^ ones*'+') + ones*0x7f                   // high bit clear: '+'
	return (^(letter | digit) & plus | x) & highs
}

// isBase64 reports whether c is of the standard base64 alphabet.
func isBase64(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '/' && c <= '9' || c == '+'
}

// isSpace reports whether c is JSON white space.
func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

// skipSpace returns the index of the first byte from b[i] on that is no white space.
func skipSpace(b []byte, i int) int {
	for i < len(b) && isSpace(b[i]) {
		i++
	}
	return i
}

// digits returns the index of the first byte from b[i] on that is no digit.
func digits(b []byte, i int) int {
	for len(b)-i >= 8 {
		if bad := notDigits(word(b, i)); bad != 0 {
			return i + lane(bad)
		}
		i += 8
	}
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	return i
}
