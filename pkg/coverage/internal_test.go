package coverage

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
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

// TestCompact: the file is written anew while commits go on, and has all of them.
func TestCompact(t *testing.T) {
	file := filepath.Join(t.TempDir(), "coverage")
	m, err := New(Config{File: file})
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for holder := range 2 {
		wait.Go(func() {
			for i := range int64(Slots) {
				if err := m.Commit(context.Background(), piece(holder, i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 30 {
		if err := m.compact(); err != nil {
			t.Error(err)
		}
	}
	wait.Wait()
	again, err := New(Config{File: file})
	if err != nil {
		t.Fatal(err)
	}
	for holder := range 2 {
		if got, err := again.Claim(t.Context(), piece(holder, 0)); err != nil || got[0].Before != 1 {
			t.Errorf("holder %d: %v, %v", holder, got, err)
		}
	}
}

// TestReplace: a file that was begun before some commits has them when it takes the other's place, and takes those that follow.
func TestReplace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "coverage")
	m, err := New(Config{File: file})
	if err != nil {
		t.Fatal(err)
	}
	since := m.disk.end
	f, err := os.Create(file + ".new")
	if err == nil {
		_, err = f.WriteString(fileMagic)
	}
	for i := range int64(6) {
		if i == 4 && err == nil {
			err = m.replace(f, int64(len(fileMagic)), since)
		}
		if err == nil {
			err = m.Commit(t.Context(), piece(int(i), i))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	again, err := New(Config{File: file})
	if err != nil {
		t.Fatal(err)
	}
	if len(again.objects) != 6 {
		t.Errorf("%d objects are known, want 6", len(again.objects))
	}
}

// TestTend: a file that has grown is written anew, and so is one of which nobody knows what is on disk; until then commits fail.
func TestTend(t *testing.T) {
	file := filepath.Join(t.TempDir(), "coverage")
	m, err := New(Config{File: file})
	if err != nil {
		t.Fatal(err)
	}
	for range slack + 3 {
		if err := m.Commit(t.Context(), piece(0, 1)); err != nil {
			t.Fatal(err)
		}
	}
	m.tend()
	if info, err := os.Stat(file); err != nil || info.Size() != int64(len(fileMagic)+recordLen) {
		t.Errorf("the file has %v (%v)", info.Size(), err)
	}
	_ = m.disk.file.Close() // a disk that fails once
	m.disk.dirty = true
	m.tend()
	if m.disk.file, err = os.OpenFile(file, os.O_RDWR, 0); err != nil {
		t.Fatal(err)
	}
	if err := m.Commit(t.Context(), piece(0, 2)); err == nil {
		t.Error("a commit counts though nobody knows what is on disk")
	}
	m.tend()
	if err := m.Commit(t.Context(), piece(0, 2)); err != nil {
		t.Errorf("after the file was written anew: %v", err)
	}
}

func piece(holder int, i int64) authz.CoverClaim {
	return authz.CoverClaim{
		ID: fmt.Sprint(holder, "-", i), Holders: []string{fmt.Sprint(holder)},
		Piece: authz.Piece{Object: "o", Version: "v", Size: Slots, Offset: i, Length: 1},
	}
}

// FuzzReadFile: whatever a file holds, reading it ends, hands out no more than the file has, and what was handed out reads back the same.
func FuzzReadFile(f *testing.F) {
	o := object{key: Key{1}, last: 7}
	o.left.Mark(3, 200)
	whole := appendRecord(appendRecord([]byte(fileMagic), &o), &object{key: Key{2}, last: -1})
	f.Add(whole)
	f.Add(whole[:len(whole)-3])
	f.Add([]byte(fileMagic))
	f.Add([]byte("weir"))
	f.Add(append(bytes.Clone(whole[:len(whole)-1]), 1, 2, 3))
	f.Fuzz(func(t *testing.T, b []byte) {
		out := []byte(fileMagic)
		err := readFile(bytes.NewReader(b), func(o object) { out = appendRecord(out, &o) })
		if err == nil && !bytes.HasPrefix(b, out) {
			t.Fatalf("%d bytes read as %x", len(b), out)
		}
		if ours := bytes.HasPrefix(b, []byte(fileMagic)); !ours && err == nil {
			t.Fatal("a file of something else is read")
		}
	})
}
