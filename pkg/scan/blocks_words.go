package scan

import "encoding/binary"

// classifyWords classifies blocks without vector instructions.
func classifyWords(out []classes, src []byte) {
	for i := range out {
		classifyWord(&out[i], (*[blockSize]byte)(src[i*blockSize:]))
	}
}

// classifyWord transposes 64 bytes to eight words that hold one bit of each byte; what a byte is follows from those by logic on all 64 at once.
func classifyWord(out *classes, b *[blockSize]byte) {
	w0, w1, w2, w3 := binary.LittleEndian.Uint64(b[0:]), binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b[16:]), binary.LittleEndian.Uint64(b[24:])
	w4, w5, w6, w7 := binary.LittleEndian.Uint64(b[32:]), binary.LittleEndian.Uint64(b[40:]), binary.LittleEndian.Uint64(b[48:]), binary.LittleEndian.Uint64(b[56:])
	const top = 0xc0c0c0c0c0c0c0c0
	if (w0|w1|w2|w3|w4|w5|w6|w7)&top != 0 { // letters: no number begins with one
		w0, w1, w2, w3, w4, w5, w6, w7 = below64(w0), below64(w1), below64(w2), below64(w3), below64(w4), below64(w5), below64(w6), below64(w7)
	}
	// The upper half of each byte goes to the words from w4 on and the lower half to the others; then quarters, then bits.
	const nibble, pair, odd = 0x0f0f0f0f0f0f0f0f, 0x3333333333333333, 0x5555555555555555
	t := (w0>>4 ^ w4) & nibble
	w0, w4 = w0^t<<4, w4^t
	t = (w1>>4 ^ w5) & nibble
	w1, w5 = w1^t<<4, w5^t
	t = (w2>>4 ^ w6) & nibble
	w2, w6 = w2^t<<4, w6^t
	t = (w3>>4 ^ w7) & nibble
	w3, w7 = w3^t<<4, w7^t

	t = (w0>>2 ^ w2) & pair
	w0, w2 = w0^t<<2, w2^t
	t = (w1>>2 ^ w3) & pair
	w1, w3 = w1^t<<2, w3^t
	w4 = w4&pair | w6&pair<<2
	w5 = w5&pair | w7&pair<<2

	t = (w0>>1 ^ w1) & odd
	w0, w1 = w0^t<<1, w1^t
	t = (w2>>1 ^ w3) & odd
	w2, w3 = w2^t<<1, w3^t
	t = (w4>>1 ^ w5) & odd
	w4, w5 = w4^t<<1, w5^t

	digit := w5 & w4 &^ (w3 & (w2 | w1)) // 0x30 to 0x39
	mark := w5 &^ w4 & w3 & w2           // 0x2c to 0x2f
	comma := mark &^ (w1 | w0)           // 0x2c
	minus := mark &^ w1 & w0             // 0x2d
	point := mark & w1 &^ w0             // 0x2e
	high := w3 &^ w2 & w1 &^ w0          // 0x?a
	space := w5&^(w4|w3|w2|w1|w0) | high&^(w5|w4)
	if out.rest = ^(digit | comma | minus | point | space); out.rest != 0 {
		out.rest = transpose(out.rest)
	}
	if out.zero = 0; point == 0 { // whole numbers, most of which have a second digit
		out.zero = transpose(digit &^ (w3 | w2 | w1 | w0))
	}
	out.fraction = transpose(digit | point)
	out.signed = transpose(digit | minus)
	out.comma = transpose(comma)
}

// below64 makes those bytes 0 that are above 63.
func below64(x uint64) uint64 {
	high := (x | x<<1) & highs
	return x &^ (high | (high - high>>7))
}

// transpose exchanges bit 8·i+j with bit 8·j+i (Warren, Hacker's Delight, §7-3).
func transpose(x uint64) uint64 {
	t := (x ^ x>>7) & 0x00aa00aa00aa00aa
	x ^= t ^ t<<7
	t = (x ^ x>>14) & 0x0000cccc0000cccc
	x ^= t ^ t<<14
	t = (x ^ x>>28) & 0x00000000f0f0f0f0
	return x ^ t ^ t<<28
}
