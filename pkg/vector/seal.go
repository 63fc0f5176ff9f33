package vector

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
)

// What a sealed vector is. Its d components are d words of 20 bits, each a whole number k of [-2¹⁹, 2¹⁹) written as k/2¹⁹: exact in float32,
// float64 and decimal, and so in JSON, numpy and base64. The words' 20·d bits, most significant first, hold
//
//	1 byte      header: the key's ID (7 bits), and whether the vector is bfloat16 (1 bit)
//	16 bytes    tag
//	2·d bytes   the vector in float16 or bfloat16, little-endian, encrypted
//	4·d-136 bits filler
//
// Tag and encryption are AES-SIV's (RFC 5297, AES-SIV-CMAC-512), with sealLabel, header, place and d as associated data: the same vector in
// the same place seals to the same floats, and nothing but that equality shows. Filler, and what the header is masked with, come from a
// public generator seeded by the tag: they hide nothing, but every bit of a sealed vector is checked and every word of it is uniform.
const (
	sealLabel  = "weir seal 1"
	sealHeader = 1
	sealTag    = 16
	wordBits   = 20
	wordOne    = 1 << (wordBits - 1) // 1.0, which is one more than the largest word

	// minSealDims is how many words a header, a tag and the vector itself need at least: 20·d ≥ 8·(17 + 2·d). A shorter vector cannot be
	// sealed: the mask gives none, and it is redacted.
	minSealDims = 34
	// maxDims bounds what one call of any mask works on.
	maxDims = 1 << 20

	headerBF16 = 0x80
)

// Sealer masks vectors by sealing them, and opens them again. NewSealer makes one; the zero value has no keys and fails with ErrNoKeys.
type Sealer struct {
	ring    *Keyring
	scratch sync.Pool // of *sealScratch
}

// sealScratch is what one call works in.
type sealScratch struct {
	data   []byte // plaintext while sealing, associated data after
	packed []byte
}

// NewSealer returns a Sealer for the ring: its current master seals, all of them open.
func NewSealer(ring *Keyring) *Sealer { return &Sealer{ring: ring} }

var errLong = errors.New("the vector is longer than any mask works on")

func (s *Sealer) borrow() *sealScratch {
	if sc, ok := s.scratch.Get().(*sealScratch); ok {
		return sc
	}
	return &sealScratch{}
}

// Mask seals v, rounded to float16, for p. Where the largest component is out of float16's normal range (65504 and more when rounded, or a
// vector wholly below 2⁻¹⁴), v is rounded to bfloat16 instead, and that much shows. It gives no vector where v has fewer than 34
// components, or one that is NaN, infinite, or becomes so when rounded. -0 stays -0.
func (s *Sealer) Mask(dst, v []float32, p Place) ([]float32, error) {
	k, err := s.ring.current()
	if err != nil {
		return nil, err
	}
	d := len(v)
	if d > maxDims {
		return nil, errLong
	}
	half, ok := halfFor(v)
	if d < minSealDims || !ok {
		return dst[:0], nil
	}
	header := k.id
	if half == bfloat16 {
		header |= headerBF16
	}
	sc := s.borrow()
	defer s.scratch.Put(sc)
	sc.data = half.appendTo(sc.data[:0], v)
	plain := len(sc.data)
	sc.data = appendSealed(sc.data, header, p, d)
	ct, err := k.seal.EncryptDeterministically(sc.data[:plain], sc.data[plain:])
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	fill := newSealFill(ct[:sealTag], d)
	sc.packed = append(sc.packed[:0], header^fill.mask)
	sc.packed = append(sc.packed, ct...)
	sc.packed = fill.appendTo(sc.packed, d)
	dst = slices.Grow(dst[:0], d)[:d]
	unpackWords(dst, sc.packed)
	return dst, nil
}

// appendSealed appends the associated data.
func appendSealed(b []byte, header byte, p Place, d int) []byte {
	b = append(b, sealLabel...)
	b = append(b, header)
	return appendPlace(b, p, d)
}

// Open opens what Mask made for p under any key of the ring. A vector of the form that does not open is Forged: changed on the way, or of
// another key, place or length. What is not of the form (see looksSealed) is NotSealed. What lies within 1/128 of a word's step is that
// word: eight decimals, or more, keep a sealed vector whole.
func (s *Sealer) Open(dst, v []float32, p Place) ([]float32, Seal, error) {
	if _, err := s.ring.current(); err != nil {
		return nil, NotSealed, err
	}
	d := len(v)
	if d > maxDims {
		return nil, NotSealed, errLong
	}
	if d < minSealDims {
		return dst[:0], NotSealed, nil
	}
	sc := s.borrow()
	defer s.scratch.Put(sc)
	sc.packed = slices.Grow(sc.packed[:0], packedLen(d)+packSlack)[:packedLen(d)+packSlack]
	if packWords(sc.packed, v) {
		out, ok := s.unseal(sc, dst, d, p)
		if ok {
			return out, Opened, nil
		}
	}
	if looksSealed(v) {
		return dst[:0], Forged, nil
	}
	return dst[:0], NotSealed, nil
}

// unseal opens the packed words, if they are what Mask made.
func (s *Sealer) unseal(sc *sealScratch, dst []float32, d int, p Place) ([]float32, bool) {
	packed := sc.packed[:packedLen(d)]
	ct := packed[sealHeader : sealHeader+sealTag+2*d]
	fill := newSealFill(ct[:sealTag], d)
	header := packed[0] ^ fill.mask
	sc.data = appendSealed(sc.data[:0], header, p, d)
	ad := len(sc.data)
	if sc.data = fill.appendTo(sc.data, d); string(sc.data[ad:]) != string(packed[sealHeader+len(ct):]) {
		return nil, false // of public bits: nothing is told by when this is found
	}
	for _, k := range s.ring.keys {
		if k.id != header&^headerBF16 {
			continue
		}
		plain, err := k.seal.DecryptDeterministically(ct, sc.data[:ad])
		if err != nil {
			continue
		}
		half := float16
		if header&headerBF16 != 0 {
			half = bfloat16
		}
		dst = slices.Grow(dst[:0], d)[:d]
		half.read(dst, plain)
		return dst, true
	}
	return nil, false
}

// sealFill makes the bits of a sealed vector that are neither tag nor ciphertext: PCG-DXSM, of math/rand/v2, seeded by the tag.
type sealFill struct {
	gen  rand.PCG
	mask byte // of the header
}

func newSealFill(tag []byte, d int) sealFill {
	var f sealFill
	f.gen.Seed(binary.BigEndian.Uint64(tag), binary.BigEndian.Uint64(tag[8:])^uint64(d))
	f.mask = byte(f.gen.Uint64())
	return f
}

// appendTo appends the filler for d words to b. Where d is odd, the last byte has four bits of it only: the upper ones.
func (f *sealFill) appendTo(b []byte, d int) []byte {
	n := packedLen(d) - (sealHeader + sealTag + 2*d)
	for ; n >= 8; n -= 8 {
		b = binary.BigEndian.AppendUint64(b, f.gen.Uint64())
	}
	if n > 0 {
		last := binary.BigEndian.AppendUint64(nil, f.gen.Uint64())
		b = append(b, last[:n]...)
	}
	if d%2 == 1 {
		b[len(b)-1] &= 0xf0
	}
	return b
}
