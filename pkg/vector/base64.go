package vector

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"

	"github.com/segmentio/asm/base64"
)

const (
	// base64Block is how many characters are looked at in one go: they stay in the nearest cache.
	base64Block = 16 << 10
	// maxBase64 is the longest text of a vector that is changed as a whole.
	maxBase64 = (maxWhole*4 + 2) / 3 * 4
)

// base64State is how far a base64 vector has been read.
type base64State struct {
	pad      int // '=' seen
	alphabet alphabetKind
}

// beginBase64 opens a declared vector that is a string.
func (d *document) beginBase64(f form) (int, error) {
	if err := d.beginVector(); err != nil {
		return 0, err
	}
	d.lex.BeginString()
	d.startRun(f)
	d.inside = inBase64
	d.putByte('"')
	return 1, nil
}

// width is how many bytes a component of the form has.
func (f form) width() int64 {
	switch f {
	case base64F16:
		return 2
	case base64I8:
		return 1
	}
	return 4
}

// base64Piece reads a piece of a base64 vector (RFC 4648 §4 and §5, padded or not).
func (d *document) base64Piece(src []byte) (int, error) {
	text, ends, ok := d.base64Run(src[:min(len(src), base64Block)])
	if !ok {
		if d.treat == opened {
			d.giveUp()
			return 0, nil
		}
		return 0, d.lex.Fail("not base64")
	}
	d.lex.Plain(len(text))
	d.passBase64(text)
	end := len(text)
	if !ends {
		return end, nil
	}
	if _, _, err := d.lex.String(src[end : end+1]); err != nil {
		return end, err
	}
	return end + 1, d.base64Ends()
}

// base64Run returns what of src is text of the vector, whether the vector ends with it, and whether it is base64. The end is tried first where
// the last vector had it: text that was found to be base64 holds no quotation mark, so one that follows it is the first.
func (d *document) base64Run(src []byte) (text []byte, ends, ok bool) {
	before := d.vec.code
	if rest := d.chars - d.vec.cells; rest > 0 && rest < int64(len(src)) && src[rest] == '"' {
		if d.base64Text(src[:rest]) {
			return src[:rest], true, true
		}
		d.vec.code = before
	}
	end := bytes.IndexByte(src, '"')
	if ends = end >= 0; ends {
		src = src[:end]
	}
	return src, ends, d.base64Text(src)
}

// passBase64 lets leave what may of a piece.
func (d *document) passBase64(text []byte) {
	v := &d.vec
	switch v.treat {
	case asIs:
		d.put(text)
	case zeroed:
		if d.puts() {
			d.out = appendZeroCode(d.out, text, v, d.unit)
		}
	case replaced, opened:
		if v.text = append(v.text, text...); len(v.text) > maxBase64 {
			if v.treat = emptied; d.treat == opened {
				v.treat = asIs
				d.put(v.text)
			}
			v.text = v.text[:0]
		}
	case refused, emptied:
	}
	v.cells += int64(len(text))
	d.read.BytesBase64 += int64(len(text))
}

// base64Text checks a piece of the text: one of the alphabets, '=' only at the end.
func (d *document) base64Text(text []byte) bool {
	st := &d.vec.code
	if i := bytes.IndexByte(text[max(0, len(text)-2):], '='); i >= 0 || st.pad > 0 {
		body := bytes.TrimRight(text, "=")
		padded := st.pad > 0
		st.pad += len(text) - len(body)
		if padded && len(body) > 0 || st.pad > 2 {
			return false
		}
		text = body
	}
	n := 0
	if st.alphabet == eitherAlphabet {
		if n = alphabetRun(text, eitherAlphabet); n < len(text) {
			st.alphabet = alphabetOf(text[n])
		}
	}
	n += d.decodable(text[n:])
	return n+alphabetRun(text[n:], st.alphabet) == len(text)
}

// decodable returns how much of text can be decoded, as far as that is quickly told: nothing written in Go is as fast as the decoder. It
// takes some / for _, and some line ends for nothing.
func (d *document) decodable(text []byte) int {
	kind := d.vec.code.alphabet
	n := len(text) / 4 * 4
	if n < 64 || kind == eitherAlphabet || kind == urlAlphabet && bytes.IndexByte(text, '/') >= 0 {
		return 0
	}
	d.bytes = slices.Grow(d.bytes[:0], base64Block/4*3)
	if m, err := codeOf(kind).Decode(d.bytes[:base64Block/4*3], text[:n]); err != nil || m != n/4*3 {
		return 0
	}
	return n
}

func codeOf(kind alphabetKind) *base64.Encoding {
	if kind == urlAlphabet {
		return base64.RawURLEncoding
	}
	return base64.RawStdEncoding
}

// filler is what a zeroed base64 vector is made of: 'A' is six zero bits.
var filler = bytes.Repeat([]byte{'A'}, 4096) //nolint:gochecknoglobals // a constant

// appendZeroCode appends as many zero characters as text has, padding kept: the answer keeps its length. With unit, the first component
// is one.
func appendZeroCode(out, text []byte, v *run, unit bool) []byte {
	start := len(out)
	body := len(bytes.TrimRight(text, "="))
	for left := body; left > 0; {
		m := min(left, len(filler))
		out = append(out, filler[:m]...)
		left -= m
	}
	out = append(out, "=="[:len(text)-body]...)
	if one := v.form.one(); unit && v.cells < int64(len(one)) {
		copy(out[start:start+body], one[v.cells:])
	}
	return out
}

// one is how a vector begins whose first component is 1.
func (f form) one() string {
	switch f {
	case base64F16:
		return "ADw"
	case base64I8:
		return "AQ"
	}
	return "AACAPw"
}

// base64Ends checks the length: whole components, padding as it must be or left out.
func (d *document) base64Ends() error {
	v := &d.vec
	d.inside = outside
	d.chars = v.cells
	chars := v.cells - int64(v.code.pad)
	decoded := chars * 3 / 4
	if r := int(chars % 4); r == 1 || v.code.pad > 0 && r+v.code.pad != 4 || decoded%v.form.width() != 0 {
		if d.treat == opened {
			d.read = v.before
			d.put(v.text)
			d.putByte('"')
			return nil
		}
		return d.lex.Fail("base64 that is not whole components")
	}
	d.read.Dims += decoded / v.form.width()
	if v.treat == replaced || v.treat == opened {
		if err := d.changeBase64(); err != nil {
			return err
		}
	}
	d.putByte('"')
	return nil
}

// changeBase64 lets leave what becomes of a vector as a whole, written as it was: in the same alphabet and length.
func (d *document) changeBase64() error {
	v := &d.vec
	body := v.text[:len(v.text)-v.code.pad]
	code := codeOf(v.code.alphabet)
	bytes := slices.Grow(d.bytes[:0], code.DecodedLen(len(body)))[:code.DecodedLen(len(body))]
	d.bytes = bytes
	if _, err := code.Decode(bytes, body); err != nil {
		return d.lex.Fail("not base64")
	}
	v.values = slices.Grow(v.values[:0], len(bytes)/4)[:len(bytes)/4]
	readFloats(v.values, bytes)
	out, is, err := d.changeRun(v.values)
	switch {
	case err != nil || is == withhold:
		return err
	case is == keep:
		d.put(v.text)
		return nil
	}
	writeFloats(bytes, out)
	n := len(d.out)
	d.out = slices.Grow(d.out, len(v.text))[:n+len(body)]
	code.Encode(d.out[n:], bytes)
	d.out = append(d.out, "=="[:v.code.pad]...)
	return nil
}

// readFloats reads dst from so many little-endian float32, four at a time.
func readFloats(dst []float32, src []byte) {
	for len(dst) >= 4 {
		d, s := (*[4]float32)(dst), (*[16]byte)(src)
		d[0] = math.Float32frombits(binary.LittleEndian.Uint32(s[0:]))
		d[1] = math.Float32frombits(binary.LittleEndian.Uint32(s[4:]))
		d[2] = math.Float32frombits(binary.LittleEndian.Uint32(s[8:]))
		d[3] = math.Float32frombits(binary.LittleEndian.Uint32(s[12:]))
		dst, src = dst[4:], src[16:]
	}
	for i := range dst {
		dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
	}
}

// writeFloats is the way back.
func writeFloats(dst []byte, src []float32) {
	for len(src) >= 4 {
		d, s := (*[16]byte)(dst), (*[4]float32)(src)
		binary.LittleEndian.PutUint32(d[0:], math.Float32bits(s[0]))
		binary.LittleEndian.PutUint32(d[4:], math.Float32bits(s[1]))
		binary.LittleEndian.PutUint32(d[8:], math.Float32bits(s[2]))
		binary.LittleEndian.PutUint32(d[12:], math.Float32bits(s[3]))
		dst, src = dst[16:], src[4:]
	}
	for i, f := range src {
		binary.LittleEndian.PutUint32(dst[4*i:], math.Float32bits(f))
	}
}
