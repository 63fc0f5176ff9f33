package vector_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
	"github.com/weirgate/weir/pkg/vector"
)

// arrowFile is one of testdata/arrow.golden, which pyarrow made.
type arrowFile struct {
	name          string
	vectors, dims int64
	doc           string
}

func arrowFiles(t testing.TB) (all []arrowFile) {
	t.Helper()
	golden, err := os.ReadFile("testdata/arrow.golden")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(golden)) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		doc, err := hex.DecodeString(f[3])
		if err != nil {
			t.Fatal(err)
		}
		a := arrowFile{name: f[0], doc: string(doc)}
		a.vectors, _ = strconv.ParseInt(f[1], 10, 64)
		a.dims, _ = strconv.ParseInt(f[2], 10, 64)
		all = append(all, a)
	}
	return all
}

func ofArrow(opts vector.Options) through {
	return through{format: scan.FormatArrow, fields: []scan.Field{{Path: "vector"}, {Path: "_distance", Role: scan.RoleScore}}, opts: opts}
}

func TestArrow(t *testing.T) {
	sentinels := [][]byte{le(float32(0.7312)), le(0.7312), {0xd9, 0x39, 0xd9, 0x39}, {57, 57, 57, 57}}
	for _, f := range arrowFiles(t) {
		t.Run(f.name, func(t *testing.T) {
			_, read, err := ofArrow(vector.Options{Mask: authz.MaskNone}).feed([]byte(f.doc), whole)
			if err != nil || read.Vectors != f.vectors || read.Dims != f.dims {
				t.Fatalf("%+v, %v; want %d vectors of %d dims", read, err, f.vectors, f.dims)
			}
			ofArrow(vector.Options{Mask: authz.MaskNone}).everyCut(t, f.doc, f.doc, read)
			arrowGrants(t, f)
			compressed := strings.Contains(f.name, "compressed") && f.vectors > 0
			for _, mask := range []authz.MaskMode{authz.MaskZero, "seal"} {
				th := ofArrow(vector.Options{Mask: mask, Masker: constant{}})
				if compressed {
					refuses(t, th, f.doc, vector.ErrUnmaskable)
					continue
				}
				got, _, err := th.feed([]byte(f.doc), whole)
				if err != nil || len(got) != len(f.doc) {
					t.Fatalf("%s: %v", mask, err)
				}
				th.everyCut(t, f.doc, got, read)
				for _, s := range sentinels {
					if bytes.Contains([]byte(got), s) {
						t.Errorf("%s: %x is left", mask, s)
					}
				}
				changed := 0
				for i := range got {
					if got[i] != f.doc[i] {
						changed++
					}
				}
				if int64(changed) > read.BytesBinary {
					t.Errorf("%s: %d bytes of %d of vectors were changed", mask, changed, read.BytesBinary)
				}
			}
			if f.vectors == 0 && f.name != "no rows" {
				ofArrow(vector.Options{Mask: authz.MaskRedact}).everyCut(t, f.doc, f.doc, read)
				return
			}
			refuses(t, ofArrow(vector.Options{Mask: authz.MaskRedact}), f.doc, vector.ErrUnmaskable)
			refuses(t, ofArrow(vector.Options{Mask: authz.MaskRefuse}), f.doc, vector.ErrVectorRefused)
		})
	}
}

// arrowGrants checks that a document stops before each vector that is not granted.
func arrowGrants(t *testing.T, f arrowFile) {
	t.Helper()
	s, err := ofArrow(vector.Options{Mask: authz.MaskNone}).stream()
	if err != nil {
		t.Fatal(err)
	}
	rest := []byte(f.doc)
	for granted := int64(0); ; granted++ {
		n, err := s.Scan(rest, granted)
		rest = rest[n:]
		if err == nil {
			if granted != f.vectors {
				t.Errorf("all is through with %d vectors granted, not %d", granted, f.vectors)
			}
			return
		}
		if !errors.Is(err, vector.ErrGrant) || s.Reading().Vectors != granted || granted > f.vectors {
			t.Fatalf("%d granted: %v with %d counted", granted, err, s.Reading().Vectors)
		}
	}
}

// TestArrowRefused: what is cut off, or followed by something, is none; nor is what a field's declaration does not say.
func TestArrowRefused(t *testing.T) {
	for _, f := range arrowFiles(t) {
		th := ofArrow(vector.Options{Mask: authz.MaskNone})
		for n := range len(f.doc) { // a stream may end after any message
			may := f.name != "file" && n > 0 && strings.HasPrefix(f.doc[n:], "\xff\xff\xff\xff")
			if _, _, err := th.feed([]byte(f.doc[:n]), whole); may != (err == nil) {
				t.Fatalf("%s: its first %d of %d bytes: %v", f.name, n, len(f.doc), err)
			}
		}
		if f.name != "file" {
			refuses(t, th, f.doc+"x", vector.ErrMalformed)
		}
	}
	for name, doc := range map[string]string{
		"nothing": "", "no Arrow": "[1,2,3]\n\n\n\n", "an old stream": "\x10\x00\x00\x00aaaaaaaaaaaaaaaa", "no metadata": "\xff\xff\xff\xff\x08\x00\x00\x00aaaaaaaa",
		"metadata of zeros": "\xff\xff\xff\xff\x10\x00\x00\x00" + strings.Repeat("\x00", 16),
	} {
		if _, _, err := ofArrow(vector.Options{Mask: authz.MaskNone}).feed([]byte(doc), bytewise); !errors.Is(err, vector.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	huge := "\xff\xff\xff\xff\x00\x00\x00\x7f"
	if _, _, err := ofArrow(vector.Options{}).feed([]byte(huge), whole); !errors.Is(err, vector.ErrTooLarge) {
		t.Errorf("metadata of two gigabytes: %v", err)
	}
	th := through{format: scan.FormatArrow, fields: []scan.Field{{Path: "text"}}, opts: vector.Options{Mask: authz.MaskNone}}
	refuses(t, th, arrowFiles(t)[0].doc, vector.ErrMalformed)
	for _, opts := range []vector.Options{{Scores: authz.ScoreDrop}, {Fields: []string{"text"}}} {
		if _, err := ofArrow(opts).stream(); err == nil {
			t.Errorf("%+v is taken", opts)
		}
	}
}

// TestArrowNulls: rows that are said to be null count, as their numbers are there.
func TestArrowNulls(t *testing.T) {
	node := func(rows, nulls int64) string { return string(le([]int64{rows, nulls})) }
	for _, f := range arrowFiles(t) {
		if f.name != "any length" && f.name != "half" {
			continue
		}
		doc := strings.Replace(f.doc, node(2, 0), node(2, 2), 1)
		if doc == f.doc {
			t.Fatalf("%s: no node of two rows", f.name)
		}
		_, read, err := ofArrow(vector.Options{Mask: authz.MaskNone}).feed([]byte(doc), whole)
		if err != nil || read.Vectors != f.vectors || read.Dims != f.dims {
			t.Errorf("%s: %+v, %v; want %d vectors of %d dims", f.name, read, err, f.vectors, f.dims)
		}
	}
}

// twice opens every vector, to what is twice as large.
type twice struct{}

func (twice) Open(dst, v []float32, _ vector.Place) ([]float32, vector.Seal, error) {
	dst = append(dst[:0], v...)
	for i := range dst {
		dst[i] *= 2
	}
	return dst, vector.Opened, nil
}

// TestOpenerOfArrow: float32 and float64 in lists of a fixed size are opened where they stand, all else passes, and what cannot be looked into
// is refused.
func TestOpenerOfArrow(t *testing.T) {
	x := float32(0.7312)
	twofold := strings.NewReplacer(string(le(x)), string(le(2*x)), string(le(0.7312)), string(le(float64(2*x))))
	for _, f := range arrowFiles(t) {
		th := through{format: scan.FormatArrow, fields: []scan.Field{{Path: "vector"}}, opener: twice{}}
		if f.name == "compressed" {
			refuses(t, th, f.doc, vector.ErrUnmaskable)
			continue
		}
		want, opened := twofold.Replace(f.doc), f.vectors
		switch f.name {
		case "half", "bytes", "any length": // no room, or they are not told apart
			want, opened = f.doc, 0
		}
		got, read, err := th.feed([]byte(f.doc), whole)
		if err != nil || got != want || read.Vectors != f.vectors || read.Sealed != opened {
			t.Errorf("%s: %+v, %v; want %d opened of %d\n got %x\nwant %x", f.name, read, err, opened, f.vectors, got, want)
			continue
		}
		th.everyCut(t, f.doc, want, read)
	}
}

// FuzzArrow: whatever the metadata says, nothing is read where there is nothing, and what comes out is the same however it was cut.
func FuzzArrow(f *testing.F) {
	for _, a := range arrowFiles(f) {
		f.Add([]byte(a.doc), uint8(7))
	}
	f.Fuzz(func(t *testing.T, doc []byte, size uint8) {
		for _, mask := range []authz.MaskMode{authz.MaskNone, authz.MaskZero, authz.MaskUnset} {
			th := ofArrow(vector.Options{Mask: mask})
			if mask == authz.MaskUnset {
				th = through{format: scan.FormatArrow, opener: twice{}}
			}
			got, read, err := th.feed(doc, whole)
			again, read2, err2 := th.feed(doc, func(int) int { return 1 + int(size) })
			if (err == nil) != (err2 == nil) || err == nil && (got != again || read != read2) {
				t.Fatalf("%s: %x, %+v, %v; in pieces %x, %+v, %v", mask, got, read, err, again, read2, err2)
			}
			if err == nil && (len(got) != len(doc) || mask == authz.MaskNone && got != string(doc)) {
				t.Fatalf("%s: %x became %x", mask, doc, got)
			}
		}
	})
}
