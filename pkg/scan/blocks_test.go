package scan

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// oneByOne is what numbersByBlocks must find, by the slow way.
func oneByOne(src []byte) (n, count int) {
	limit := len(src) / blockSize * blockSize
	for i := 0; ; {
		end := number(src, skipSpace(src, i))
		if end < 0 || end-skipSpace(src, i) > maxNumber {
			return n, count
		}
		end = skipSpace(src, end)
		if end >= limit || src[end] != ',' {
			return n, count
		}
		i = end + 1
		n, count = i, count+1
	}
}

func checkBlocks(t *testing.T, src string) {
	t.Helper()
	wantN, want := oneByOne([]byte(src))
	for _, before := range []string{"", "0, "} { // vector instructions look at what comes before
		n, count := numbersByBlocks([]byte(before+src), len(before))
		if n -= len(before); n != wantN || count != want {
			t.Fatalf("%q:\ntook %d bytes, %d numbers; want %d, %d", src, n, count, wantN, want)
		}
	}
}

// numbers makes elements of all sorts, as they come in vectors, with what may stand between them.
func someNumbers(r *rand.Rand, n int, plain bool) string {
	var b strings.Builder
	for range n {
		v := r.NormFloat64() / 30
		switch k := r.IntN(24); {
		case plain || k < 16:
			b.WriteString(strconv.FormatFloat(v, 'f', 1+r.IntN(12), 64))
		case k < 18:
			b.WriteString(strconv.FormatFloat(v/1e6, 'g', -1, 32))
		case k < 20:
			b.WriteString(strconv.Itoa(r.IntN(300) - 100))
		case k < 21:
			b.WriteString(strconv.FormatFloat(v*1e9, 'e', r.IntN(20), 64))
		case k < 22:
			b.WriteString("-0.0E+00")
		case k < 23:
			b.WriteString(strings.Repeat("7", 1+r.IntN(64)))
		default:
			b.WriteString("0." + strings.Repeat("0", r.IntN(62)) + "5")
		}
		space := []string{"", " ", "\n        ", "\r\n\t", strings.Repeat(" ", r.IntN(150))}
		if !plain && r.IntN(4) == 0 {
			b.WriteString(space[r.IntN(len(space))])
		}
		b.WriteString(",")
		if layout := r.IntN(3); layout > 0 {
			b.WriteString(space[layout])
		} else if r.IntN(40) == 0 {
			b.WriteString(space[r.IntN(len(space))])
		}
	}
	return b.String()
}

// TestBlocks: a run of numbers ends at the same byte whether it is read by blocks or one number after the other, wherever it is malformed.
func TestBlocks(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 3000 {
		src := someNumbers(r, 1+r.IntN(60), i%2 == 0)
		checkBlocks(t, src)
		checkBlocks(t, src+"0.5]"+src)
		// One byte is another one, gone, or twice there.
		for range 20 {
			at := r.IntN(len(src))
			c := "0123456789-+.eE, \n\t\r]}[\"x\x00\x80\xb5\xff/:~"[r.IntN(31)]
			checkBlocks(t, src[:at]+string([]byte{c})+src[at+1:])
			checkBlocks(t, src[:at]+string([]byte{c})+src[at:])
			checkBlocks(t, src[:at]+src[at+1:])
		}
	}
}

// TestBlocksAtEveryPlace: what is malformed is found at every place of a block.
func TestBlocksAtEveryPlace(t *testing.T) {
	for _, element := range []string{
		"0", "-0", "10", "01", "-01", "00", "0.5", "0.5.5", "1.", ".5", "-.5", "-", "--1", "1-1", "1e5", "1E-05", "1e+00", "1e", "1e+", "1e5.5", "1e5e5", "1.e5", "1.5e", "e5", "+1", "1+1", "1e1-1", "1e--1", "1 2", "1. 5",
		"1 .5", "1e 5", "", " ", "1,", "1, ", "1 ,", ",1", "1,,2", "1, ,2", "1\t", "\t1", "1\r\n", "0e0", "0.0", "1.01e01", "1.5e00", "0e00", "-0e-00", strings.Repeat("1", 64), strings.Repeat("1", 65),
		"0." + strings.Repeat("1", 62), "0." + strings.Repeat("1", 63), "1e" + strings.Repeat("1", 62), "1e" + strings.Repeat("1", 63), "1\x00", "\xb51", "1\xac2", strings.Repeat(" ", 130) + "1", "1" + strings.Repeat(" ", 130), "NaN",
	} {
		for before := range 2 * blockSize {
			for _, fill := range []string{strings.Repeat("1,", before/2) + strings.Repeat(" ", before%2), strings.Repeat(" ", before), strings.Repeat("0.5,     ", before/9) + strings.Repeat(" ", before%9)} {
				checkBlocks(t, fill+element+","+strings.Repeat("0.25,", 40))
			}
		}
	}
}

// TestBlocksAreClassifiedAlike: with vector instructions, where the CPU has them, and without.
func TestBlocksAreClassifiedAlike(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 2000 {
		src := make([]byte, blockSize*(i%(batchBlocks+1)))
		for j := range src {
			if src[j] = byte(r.Uint32()); i%2 == 0 {
				src[j] = "0123456789-.,\n 0e/:+"[r.IntN(20)]
			}
		}
		got, want := make([]classes, len(src)/blockSize), make([]classes, len(src)/blockSize)
		classifyBlocks(got, src)
		classifyWords(want, src)
		for j := range want {
			if want[j].fraction&^want[j].signed != 0 { // zeros are not looked for beside points
				got[j].zero, want[j].zero = 0, 0
			}
			if got[j] != want[j] {
				t.Fatalf("%q: %+v, want %+v", src[j*blockSize:][:blockSize], got[j], want[j])
			}
		}
	}
}

// TestNumbersAreReadAlike: with vector instructions, where the CPU has them, and without.
func TestNumbersAreReadAlike(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	read := 0
	for i := range 5000 {
		src := someNumbers(r, 60, i%2 == 0)
		var w window
		copy(w[:], src)
		some := run{begin: blockSize}
		for begin := 0; begin >= 0 && begin < len(w); begin = element([]byte(src), begin) {
			end := number([]byte(src), begin)
			switch {
			case end < ahead || end >= len(w):
				continue
			case some.begin == blockSize:
				some.begin = begin - ahead
			default:
				some.start |= 1 << (begin - ahead)
			}
			some.end |= 1 << (end - ahead)
		}
		got, want := some, some
		gotFloats, wantFloats := make([]float32, bits.OnesCount64(some.end)), make([]float32, bits.OnesCount64(some.end))
		n, m := w.floats(gotFloats, &got), w.floatsByWords(wantFloats, &want)
		if n != m || got != want || !slices.Equal(gotFloats, wantFloats) {
			t.Fatalf("%q %+v: read %d, %v, %+v; want %d, %v, %+v", w, some, n, gotFloats, got, m, wantFloats, want)
		}
		read += n
	}
	if read < 5000 {
		t.Errorf("%d numbers were read", read)
	}
}

func FuzzBlocks(f *testing.F) {
	f.Add([]byte("0.0023064255,\n        -0.009327292,\n        1.5e-05,\n        -0,\n        12.5,\n        7,\n        0.1,"), uint8(3))
	f.Fuzz(func(t *testing.T, src []byte, repeat uint8) {
		checkBlocks(t, strings.Repeat(string(src), 1+int(repeat)%16))
	})
}

func BenchmarkNumbers(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	for layout, sep := range map[string]string{"compact": ",", "indented": ",\n        "} {
		var text strings.Builder
		for range 1536 {
			text.WriteString(strconv.FormatFloat(r.NormFloat64()/39, 'g', -1, 32) + sep)
		}
		doc := []byte(text.String())
		b.Run(fmt.Sprintf("layout=%s/simd=%v", layout, SIMD()), func(b *testing.B) {
			b.SetBytes(int64(len(doc)))
			for b.Loop() {
				if _, count := numbersByBlocks(doc, 0); count < 1500 {
					b.Fatal(count)
				}
			}
		})
	}
}
