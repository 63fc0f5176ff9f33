package coverage

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/weirgate/weir/pkg/authz"
)

// TestSpan compares the slots of pieces of objects of any size with what fractions say.
func TestSpan(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1)) //nolint:gosec // repeatable
	for range 20_000 {
		p := authz.Piece{Object: "o", Size: 1 + r.Int64N(math.MaxInt64>>r.IntN(63))}
		p.Offset = r.Int64N(p.Size)
		p.Length = 1 + r.Int64N(math.MaxInt64>>r.IntN(63))
		end := big.NewInt(p.Offset)
		if end.Add(end, big.NewInt(p.Length)); end.Cmp(big.NewInt(p.Size)) > 0 {
			end.SetInt64(p.Size)
		}
		place := func(offset *big.Int, up int64) int {
			n := new(big.Int).Mul(offset, big.NewInt(Slots))
			n.Add(n, big.NewInt(up*(p.Size-1)))
			return int(n.Div(n, big.NewInt(p.Size)).Int64())
		}
		if first, last := span(p); first != place(big.NewInt(p.Offset), 0) || last != place(end, 1) || first >= last {
			t.Fatalf("%+v: slots %d to %d", p, first, last)
		}
	}
	for _, p := range []authz.Piece{
		{},
		{Size: -1, Length: 1},
		{Size: -2, Length: 1},
		{Size: 9, Length: -1},
		{Size: 9, Length: -2},
		{Size: 9, Offset: -1, Length: 1},
		{Size: 9, Offset: 9, Length: 1},
		{Length: 1},
		{Size: 9, Length: 9},
		{Size: 9, Length: math.MaxInt64},
		{Size: 0, Offset: 1, Length: 0},
	} {
		if first, end := span(p); first != 0 || end != Slots {
			t.Errorf("%+v: slots %d to %d, want all", p, first, end)
		}
	}
	if first, end := span(authz.Piece{Size: 9, Offset: 3}); first != end {
		t.Errorf("no bytes have slots %d to %d", first, end)
	}
}

func TestBitmap(t *testing.T) {
	for first := range Slots + 1 {
		for _, end := range []int{first, first + 1, first + 63, first + 64, first + 65, first + 200, Slots} {
			if end > Slots {
				continue
			}
			var b Bitmap
			b.Mark(first, end)
			if b.Share() != float64(end-first)/Slots || ReadBitmap(b.Append(nil)) != b {
				t.Fatalf("%d to %d: %x", first, end, b)
			}
			for i := range Slots {
				if got := b[i/64]>>(i%64)&1 == 1; got != (i >= first && i < end) {
					t.Fatalf("%d to %d: slot %d is %v", first, end, i, got)
				}
			}
		}
	}
}
