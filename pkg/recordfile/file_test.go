package recordfile

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/weirgate/weir/pkg/authz"
)

// form is of records of a number each.
var form = Form{Magic: "numbers1", Length: 8, What: "numbers"} //nolint:gochecknoglobals // a constant

func appendNumber(b []byte, n uint32) []byte {
	return form.Seal(binary.LittleEndian.AppendUint32(b, n), len(b))
}

// numbers is an owner of a file: a set of numbers.
type numbers struct {
	mu   sync.Mutex
	set  map[uint32]bool
	file *File
}

func open(t *testing.T, name string) *numbers {
	t.Helper()
	n := &numbers{set: map[uint32]bool{}}
	var err error
	n.file, err = Open(Config{
		Form: form, Name: name, Lock: &n.mu,
		Each: func(body []byte) bool { n.set[binary.LittleEndian.Uint32(body)] = true; return true },
		Whole: func(b []byte) []byte {
			for k := range n.set {
				b = appendNumber(b, k)
			}
			return b
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (n *numbers) add(k uint32) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.file.Append(appendNumber(nil, k)); err != nil {
		return err
	}
	n.set[k] = true
	return nil
}

// TestCompact: the file is written anew while others append, and has all of it.
func TestCompact(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	n := open(t, name)
	const each = 1000
	var wait sync.WaitGroup
	for who := range uint32(2) {
		wait.Go(func() {
			for i := range uint32(each) {
				if err := n.add(who*each + i); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 30 {
		if err := n.file.compact(); err != nil {
			t.Error(err)
		}
	}
	wait.Wait()
	if again := open(t, name); len(again.set) != 2*each {
		t.Errorf("%d numbers, want %d", len(again.set), 2*each)
	}
}

// TestReplace: a file that was begun before some were appended has them when it takes the other's place, and takes those that follow.
func TestReplace(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	n := open(t, name)
	since := n.file.end
	next, err := os.Create(name + ".new")
	if err == nil {
		_, err = next.WriteString(form.Magic)
	}
	for i := range uint32(6) {
		if i == 4 && err == nil {
			err = n.file.replace(next, int64(len(form.Magic)), since)
		}
		if err == nil {
			err = n.add(i)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	if again := open(t, name); len(again.set) != 6 {
		t.Errorf("%d numbers are known, want 6", len(again.set))
	}
}

// TestTend: a file that has grown is written anew, and so is one of which nobody knows what is on disk; until then nothing is appended.
func TestTend(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	n := open(t, name)
	for range slack + 3 {
		if err := n.add(1); err != nil {
			t.Fatal(err)
		}
	}
	n.file.tend()
	if info, err := os.Stat(name); err != nil || info.Size() != int64(len(form.Magic)+form.Length) {
		t.Errorf("the file has %v (%v)", info.Size(), err)
	}
	_ = n.file.file.Close() // a disk that fails once
	n.file.dirty = true
	n.file.tend()
	var err error
	if n.file.file, err = os.OpenFile(name, os.O_RDWR, 0); err != nil {
		t.Fatal(err)
	}
	if err := n.add(2); authz.AsError(err).Label != "store_unavailable" || n.set[2] {
		t.Errorf("a number counts though nobody knows what is on disk: %v", err)
	}
	n.file.tend()
	if err := n.add(2); err != nil {
		t.Errorf("after the file was written anew: %v", err)
	}
}

// TestClosed: nothing is appended to a file that is closed.
func TestClosed(t *testing.T) {
	n := open(t, filepath.Join(t.TempDir(), "file"))
	if err := n.file.Close(); err != nil {
		t.Fatal(err)
	}
	if err := n.add(1); authz.AsError(err).Kind != authz.KindUnavailable {
		t.Errorf("%v", err)
	}
}

// TestRefused: a record that its owner does not take is none: no harm at the end, and damage before it.
func TestRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		all  []uint32
		want []uint32
		err  bool
	}{
		"at the end": {[]uint32{1, 2, 666}, []uint32{1, 2}, false},
		"two there":  {[]uint32{1, 666, 666}, []uint32{1}, true},
		"within":     {[]uint32{1, 666, 2}, []uint32{1}, true},
		"none":       {[]uint32{1, 2}, []uint32{1, 2}, false},
	} {
		b := []byte(form.Magic)
		for _, k := range tc.all {
			b = appendNumber(b, k)
		}
		var got []uint32
		err := form.Read(bytes.NewReader(b), func(body []byte) bool {
			k := binary.LittleEndian.Uint32(body)
			if k == 666 {
				return false
			}
			got = append(got, k)
			return true
		})
		if !slices.Equal(got, tc.want) || (err != nil) != tc.err {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// FuzzRead: whatever a file holds, reading it ends, hands out no more than the file has, and what was handed out reads back the same.
func FuzzRead(f *testing.F) {
	whole := appendNumber(appendNumber([]byte(form.Magic), 7), 1<<31)
	f.Add(whole)
	f.Add(whole[:len(whole)-3])
	f.Add([]byte(form.Magic))
	f.Add([]byte("numb"))
	f.Add(append(bytes.Clone(whole[:len(whole)-1]), 1, 2, 3))
	f.Fuzz(func(t *testing.T, b []byte) {
		out := []byte(form.Magic)
		err := form.Read(bytes.NewReader(b), func(body []byte) bool {
			out = form.Seal(append(out, body...), len(out))
			return true
		})
		if err == nil && !bytes.HasPrefix(b, out) {
			t.Fatalf("%d bytes read as %x", len(b), out)
		}
		if ours := bytes.HasPrefix(b, []byte(form.Magic)); !ours && err == nil {
			t.Fatal("a file of something else is read")
		}
	})
}
