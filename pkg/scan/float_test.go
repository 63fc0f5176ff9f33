package scan_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/weirgate/weir/pkg/scan"
)

// parse reads numbers as the elements of an array, by the fast way.
func parse(t *testing.T, numbers []string) []float32 {
	t.Helper()
	doc := []byte("[" + strings.Join(numbers, ",\n        ") + ",0]")
	var lex scan.Lexer
	if _, _, err := lex.Next(doc); err != nil {
		t.Fatal(err)
	}
	if err := lex.Enter('['); err != nil {
		t.Fatal(err)
	}
	n, out := lex.Floats(doc[1:], nil)
	if len(out) != len(numbers) || string(doc[1+n:]) != "0]" {
		t.Fatalf("took %d of %d numbers, %q is left", len(out), len(numbers), doc[1+n:])
	}
	return out
}

// checkFloats holds numbers to strconv.
func checkFloats(t *testing.T, numbers []string) {
	t.Helper()
	got := parse(t, numbers)
	for i, s := range numbers {
		f, _ := strconv.ParseFloat(s, 32)
		want := float32(f)
		if math.Float32bits(got[i]) != math.Float32bits(want) {
			t.Errorf("%s: %v, want %v", s, got[i], want)
		}
		if alone := scan.Float([]byte(s)); math.Float32bits(alone) != math.Float32bits(want) {
			t.Errorf("%s alone: %v, want %v", s, alone, want)
		}
	}
}

func TestFloatsAreStrconvs(t *testing.T) {
	numbers := []string{
		"0", "-0", "0.0", "-0.0", "1", "-1", "10", "0.5", "0.1", "-0.1", "1e0", "1E5", "1e-5", "-1.5e+3", "0.0023064255", "-0.009327292", "1e22", "1e23", "1e-22", "1e-23",
		"16777217", "16777216.000000001", "16777217.0", "0.999999999999999999", "9.999999999999999999", "123456789012345678", "1234567890123456789", "12345678901234567890123",
		"3.4028234663852886e38", "3.4028235677973366e38", "3.4028236e38", "1e39", "-1e39", "1e400", "1.401298464324817e-45", "7e-46", "1e-50", "1e-400", "1.1754943508222875e-38",
		"0.000000059604644775390625", "1.00000005960464477539062", "1.00000005960464477539063", "1.000000059604644775390625", "1.0000000596046447", "0." + strings.Repeat("0", 60) + "1",
		"0.00000000000000000000000000000000000001", "1e" + strings.Repeat("0", 40) + "1", "1.0000001788139343", "5.9604644775390625e-8",
	}
	checkFloats(t, numbers)
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		numbers = numbers[:0]
		for range 1000 {
			f := math.Float32frombits(r.Uint32())
			switch v := float64(f); r.IntN(6) {
			case 0:
				numbers = append(numbers, strconv.FormatFloat(r.NormFloat64()/30, 'f', r.IntN(20), 64))
			case 1:
				numbers = append(numbers, strconv.FormatFloat(r.NormFloat64()/30, 'g', -1, 32))
			case 2:
				numbers = append(numbers, strconv.FormatFloat(r.NormFloat64()/30, 'g', -1, 64))
			case 3: // next to the middle between two
				if next := float64(math.Nextafter32(f, 0)); v == v && !math.IsInf(v, 0) {
					numbers = append(numbers, strconv.FormatFloat((v+next)/2, 'g', 15+r.IntN(6), 64))
				}
			case 4:
				numbers = append(numbers, fmt.Sprintf("%d.%de%d", r.IntN(10), r.Uint64(), r.IntN(80)-40))
			default:
				if v == v && !math.IsInf(v, 0) {
					numbers = append(numbers, strconv.FormatFloat(v, 'g', -1, 32))
				}
			}
		}
		checkFloats(t, numbers)
	}
}

func FuzzFloat(f *testing.F) {
	f.Add("0.0023064255")
	f.Add("-1.5e-7")
	f.Fuzz(func(t *testing.T, s string) {
		var lex scan.Lexer
		if n, _, err := lex.Number([]byte(s)); err != nil || n != len(s) || lex.EndOfInput() != nil {
			return // no number
		}
		checkFloats(t, []string{s})
	})
}

func BenchmarkFloats(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	for layout, sep := range map[string]string{"compact": ",", "indented": ",\n        "} {
		numbers := make([]string, 1537)
		for i := range numbers {
			numbers[i] = strconv.FormatFloat(r.NormFloat64()/39, 'g', -1, 32)
		}
		doc := []byte("[" + strings.Join(numbers, sep) + "]")
		b.Run("layout="+layout+"/dims=1536", func(b *testing.B) {
			b.SetBytes(int64(len(doc)))
			out := make([]float32, 0, 2000)
			for b.Loop() {
				var lex scan.Lexer
				if err := lex.Enter('['); err != nil {
					b.Fatal(err)
				}
				if _, out = lex.Floats(doc[1:], out[:0]); len(out) != 1536 {
					b.Fatal(len(out))
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1536, "ns/number")
		})
	}
}
