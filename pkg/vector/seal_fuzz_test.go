package vector_test

import (
	"encoding/binary"
	"math"
	"slices"
	"testing"

	"github.com/weirgate/weir/pkg/vector"
)

// floats reads b as little-endian float32, whatever they are.
func floats(b []byte) []float32 {
	v := make([]float32, len(b)/4)
	for i := range v {
		v[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return v
}

func bytesOf(v []float32) []byte {
	var b []byte
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return b
}

// seeds are a sealed vector, and raw ones of several kinds.
func seeds(t testing.TB, s *vector.Sealer) [][]float32 {
	t.Helper()
	odd := vec(40, 1)
	odd[0], odd[1], odd[2], odd[3] = float32(math.NaN()), float32(math.Inf(1)), math.MaxFloat32, 1e-45
	return [][]float32{
		seal(t, s, vec(34, 1), place), seal(t, s, vec(35, 1), place), seal(t, s, vec(64, 1), place),
		vec(34, 1), vec(65, 1), make([]float32, 40), slices.Repeat([]float32{65520}, 34), slices.Repeat([]float32{-1}, 36), odd, nil,
	}
}

// words are the 20-bit words that v's components are near to.
func words(v []float32) []float64 {
	k := make([]float64, len(v))
	for i, x := range v {
		k[i] = math.RoundToEven(float64(x) * (1 << 19))
	}
	return k
}

// FuzzOpen gives Open any floats. What opens is exactly what sealing the result gives, so nothing opens that was not sealed.
func FuzzOpen(f *testing.F) {
	s := vector.NewSealer(ring(f, master(1), master(2)))
	for i, v := range seeds(f, s) {
		f.Add(bytesOf(v), uint16(i*7), uint8(i*5))
	}
	f.Fuzz(func(t *testing.T, data []byte, at uint16, bit uint8) {
		v := floats(data)
		if len(v) > 4096 {
			return
		}
		checkOpen(t, s, v)
		sealed, err := s.Mask(nil, v, place)
		if err != nil {
			t.Fatal(err)
		}
		if len(sealed) == 0 {
			return // too short, or not finite
		}
		if is := checkOpen(t, s, sealed); is != vector.Opened {
			t.Fatalf("what was sealed is %v", is)
		}
		i := int(at) % len(sealed)
		sealed[i] = math.Float32frombits(math.Float32bits(sealed[i]) ^ 1<<(bit%32))
		checkOpen(t, s, sealed)
	})
}

func checkOpen(t *testing.T, s *vector.Sealer, v []float32) vector.Seal {
	t.Helper()
	got, is := open(t, s, v, place)
	if is == vector.Opened {
		if again := seal(t, s, got, place); !slices.Equal(words(again), words(v)) {
			t.Fatal("it opened, and sealing what it held gives another vector")
		}
	}
	return is
}

// FuzzSealTravels seals any floats and sends them through every carrier: strconv at 32 and 64 bits, base64, float64.
func FuzzSealTravels(f *testing.F) {
	s := vector.NewSealer(ring(f, master(1)))
	for _, v := range seeds(f, s) {
		f.Add(bytesOf(v))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v := floats(data)
		if len(v) > 4096 {
			return
		}
		sealed, err := s.Mask(nil, v, place)
		if err != nil {
			t.Fatal(err)
		}
		if len(sealed) == 0 {
			return
		}
		want, _ := open(t, s, sealed, place)
		for name, through := range carry {
			back := make([]float32, len(sealed))
			for i, x := range sealed {
				back[i] = through(x)
			}
			if got, is := open(t, s, back, place); is != vector.Opened || !sameBits(got, want) {
				t.Fatalf("%s: %v", name, is)
			}
		}
	})
}
