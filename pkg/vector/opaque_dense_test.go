package vector_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
	"github.com/weirgate/weir/pkg/vector"
)

// denseVectors are real vectors as float16, bfloat16, int8 and uint8, each as a whole.
func denseVectors(t testing.TB, every int) map[string][][]byte {
	t.Helper()
	half, err := os.ReadFile("testdata/minilm-l6-v2.f16")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][][]byte{}
	for at := 0; at+768 <= len(half); at += 768 * every {
		v := halves(half[at : at+768])
		largest := float32(0)
		for _, x := range v {
			largest = max(largest, x, -x)
		}
		var bf16, i8, u8 []byte
		for _, x := range v {
			bf16 = binary.LittleEndian.AppendUint16(bf16, uint16(math.Float32bits(x)>>16)) //nolint:gosec // the upper half
			q := int8(math.Round(float64(x / largest * 127)))
			i8, u8 = append(i8, byte(q)), append(u8, byte(q)^0x80) //nolint:gosec // as it is
		}
		for name, b := range map[string][]byte{"float16": half[at : at+768], "bfloat16": bf16, "int8": i8, "uint8": u8} {
			all[name] = append(all[name], b)
		}
	}
	return all
}

// TestDenseInMessages: vectors of 16 and 8 bits leave as zeros from fields that nobody declared, and all around them stays.
func TestDenseInMessages(t *testing.T) {
	found, tried := map[string]int{}, map[string]int{}
	for name, vectors := range denseVectors(t, 10) {
		for i, b := range vectors {
			dims := int64(len(b))
			if strings.HasSuffix(name, "16") {
				dims /= 2
			}
			doc := func(b []byte) []byte {
				return [...][]byte{
					pb(9, b), join(pb(9, "text-embedding"), pb(6, b), pb(7, 5)), join(pb(5, join(pb(1, "out"), pb(3, []int{1, 384}))), pb(900, b), pb(7, "x")),
					pb(9, pb(8, pb(7, b))), pb(9, join(pb(1, "name"), pb(3, b))),
				}[i%5]
			}
			th := through{format: scan.FormatGRPC, fields: []scan.Field{{Path: "1.1"}}, opts: vector.Options{Mask: authz.MaskZero}}
			got, read, err := th.feed([]byte(sent(doc(b))), whole)
			if err != nil {
				t.Fatal(err)
			}
			tried[name]++
			if got == sent(doc(make([]byte, len(b)))) && read == (vector.Reading{Vectors: 1, Undeclared: 1, Dims: dims}) {
				found[name]++
			} else if i < 50 {
				t.Logf("%s %d: %+v\n%x\n%x", name, i, read, got[:60], sent(doc(b))[:60])
			}
			if i < 5 {
				th.everyCut(t, sent(doc(b)), got, read)
			}
		}
	}
	for name, n := range tried {
		if 100*found[name] < 99*n {
			t.Errorf("%s: %d of %d", name, found[name], n)
		}
	}
}

// TestDenseInTensors: strings of a tensor that are vectors in bytes are masked, those that are text stay.
func TestDenseInTensors(t *testing.T) {
	for name, vectors := range denseVectors(t, 100) {
		for _, b := range vectors {
			body := func(b []byte) []byte {
				var out []byte
				for _, s := range [][]byte{[]byte("a text"), b, []byte(strings.Repeat("lorem ipsum ", 20))} {
					out = append(binary.LittleEndian.AppendUint32(out, uint32(len(s))), s...) //nolint:gosec // short
				}
				return out
			}
			doc := inference(output("BYTES", "3", behind(len(body(b)))))
			th := through{format: scan.FormatKServe, opts: vector.Options{Mask: authz.MaskZero, Document: int64(len(doc))}}
			got, read, err := th.feed([]byte(doc+string(body(b))), whole)
			if err != nil || got != doc+string(body(make([]byte, len(b)))) || read.Undeclared != 1 {
				t.Fatalf("%s: %+v, %v\n%x\n%x", name, read, err, got[len(doc):], body(b))
			}
		}
	}
}

// TestNoDenseVectors: bytes that are something else stay.
func TestNoDenseVectors(t *testing.T) {
	random := rand.NewChaCha8([32]byte{2})
	noise := make([]byte, 1<<20)
	_, _ = random.Read(noise)
	r := rand.New(rand.NewPCG(3, 3)) //nolint:gosec // repeatable
	var sound, image, stamps, ids, small []byte
	for i := range 40_000 {
		sound = binary.LittleEndian.AppendUint16(sound, uint16(int16(12_000*math.Sin(float64(i)/9)+300*r.NormFloat64()))) //nolint:gosec // a wave
		image = append(image, byte(128+90*math.Sin(float64(i%300)/30)+6*r.NormFloat64()))
		stamps = binary.AppendUvarint(stamps, uint64(1_700_000_000_000+i*977))
		ids = binary.AppendUvarint(ids, uint64(r.IntN(3_000_000)))
		small = binary.LittleEndian.AppendUint16(small, uint16(r.IntN(500)))
	}
	utf16 := []byte{}
	for _, c := range strings.Repeat("Wasser findet seinen Weg, 深度学习模型的训练数据。", 300) {
		utf16 = binary.LittleEndian.AppendUint16(utf16, uint16(c)) //nolint:gosec // none beyond
	}
	text, err := os.ReadFile("testdata/messages.golden")
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"noise": noise, "sound": sound, "an image": image, "times": stamps, "IDs": ids, "small numbers": small, "UTF-16": utf16, "text": text,
		"Thai": []byte(strings.Repeat("สวัสดีครับ ผมชื่อวีร์ ยินดีที่ได้รู้จัก ", 200)), "accents": []byte(strings.Repeat("é", 4000)),
		"masked": make([]byte, 100_000), "one half": bytes.Repeat([]byte{0x66, 0x2e}, 5000), "ramp": slices.Concat(sliceOf(256), sliceOf(256), sliceOf(256)),
	} {
		for _, size := range []int{len(b), 20_000, 1000, 130} { // one field, or many
			var doc []byte
			for rest := b; len(rest) > 0; {
				n := min(size, len(rest))
				doc, rest = append(doc, pb(9, rest[:n])...), rest[n:]
			}
			th := through{format: scan.FormatGRPC, opts: vector.Options{Mask: authz.MaskZero}}
			if got, read, err := th.feed([]byte(sent(doc)), whole); err != nil || read != (vector.Reading{}) || got != sent(doc) {
				t.Errorf("%s in pieces of %d: %+v, %v", name, size, read, err)
			}
		}
	}
}

// sliceOf returns 0, 1, 2, …
func sliceOf(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}
