package artifact_test

import (
	"archive/zip"
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/weirgate/weir/pkg/artifact"
	"github.com/weirgate/weir/pkg/authz"
)

// piece is a part of an object.
type piece struct{ from, to int }

// cutting cuts an object of n bytes, some pieces twice or overlapping, and shuffles them.
func cutting(r *rand.Rand, n int) (pieces []piece) {
	for at := 0; at < n; {
		end := min(n, at+1+r.IntN(max(1, n/20)))
		pieces = append(pieces, piece{max(0, at-r.IntN(9)), end})
		at = end
	}
	r.Shuffle(len(pieces), func(i, j int) { pieces[i], pieces[j] = pieces[j], pieces[i] })
	return append(pieces, pieces[0])
}

// TestCuttings: however an object is cut, and in whatever order its pieces come, the same is said of it, and the same bytes are kept.
func TestCuttings(t *testing.T) {
	objects := map[string][]byte{"lance": append(random(200_000), "LANC"...), "noise": random(300_000), "joined": append(random(100_000), "PAR1"...)}
	for name := range samples {
		objects[name] = read(t, name)
		objects["padded "+name] = append(bytes.Clone(objects[name]), random(150_000)...)
	}
	zipped := read(t, "model.pt") // behind what is longer than a prefix, as a program that unpacks itself is
	objects["self-extracting"] = append(random(artifact.PrefixLen+10), zipped...)
	r := rand.New(rand.NewPCG(1, 2))
	for name, b := range objects {
		var straight artifact.Evidence
		straight.Add(0, b)
		want, verdict := straight.Judge(int64(len(b)))
		form, _ := straight.AppendBinary(nil)
		for range 10 {
			var e artifact.Evidence
			for _, p := range cutting(r, len(b)) {
				e.Add(int64(p.from), b[p.from:p.to])
			}
			if got, v := e.Judge(int64(len(b))); got != want || v != verdict {
				t.Fatalf("%s: in pieces %+v, %v; at once %+v, %v", name, got, v, want, verdict)
			}
			if got, _ := e.AppendBinary(nil); !bytes.Equal(got, form) {
				t.Fatalf("%s: other bytes are kept in pieces than at once", name)
			}
		}
	}
}

// TestTails: the end of an object tells what it is where the beginning was not seen.
func TestTails(t *testing.T) {
	for name, want := range map[string]authz.Artifact{
		"data.parquet": corpus("parquet", ""), "data.arrow": corpus("arrow", ""), "model.pt": checkpoint("pytorch", ""),
		"model.keras": checkpoint("keras", ""), "arrays.npz": checkpoint("npz", ""), "model.zip": checkpoint("safetensors", "zip"),
		"stored.zip": checkpoint("gguf", "zip"), "pkg.whl": {}, "README": {},
	} {
		b := read(t, name)
		for _, size := range []int64{int64(len(b)), artifact.PrefixLen + 7, large} {
			var e artifact.Evidence
			tail := b[max(0, len(b)-700):]
			if size == int64(len(b)) && len(tail) == len(b) {
				tail = b[1:]
			}
			e.Add(size-int64(len(tail)), tail)
			got, verdict := e.Judge(size)
			if got != want || verdict == artifact.Guarded != (want.Class != "") {
				t.Errorf("the tail of %s as of %d bytes: %+v, %v; want %+v", name, size, got, verdict, want)
			}
			if got, verdict := e.Judge(size + 1); verdict != artifact.Unknown {
				t.Errorf("not the tail of %s: %+v, %v", name, got, verdict)
			}
			if got, verdict := e.Judge(authz.UnknownLength); verdict != artifact.Unknown {
				t.Errorf("%s, of which nobody knows where it ends: %+v, %v", name, got, verdict)
			}
		}
	}
}

// TestNamesInDirectories: weights are told by their name in the directory of a zip, but no small file for a name that others have, too.
func TestNamesInDirectories(t *testing.T) {
	for name, want := range map[string]authz.Artifact{
		"distutils-precedence.pth": {}, "public_suffix_list.com.pt": {}, "README.md": {}, "weights/model.gguf": checkpoint("gguf", "zip"),
		"a/model.safetensors": checkpoint("safetensors", "zip"), "train.parquet": corpus("parquet", "zip"), "x.npy": checkpoint("npz", ""),
		"archive/data.pkl": checkpoint("pytorch", ""), "large.pth": checkpoint("pytorch", "zip"),
	} {
		content := []byte("a text\n")
		if name == "large.pth" {
			content = make([]byte, 1<<20)
		}
		b := zipped(t, zip.Deflate, file{name, content})
		var e artifact.Evidence
		e.Add(large-int64(len(b)-1), b[1:])
		if got, verdict := e.Judge(large); got != want || verdict == artifact.Guarded != (want.Class != "") {
			t.Errorf("%s: %+v, %v; want %+v", name, got, verdict, want)
		}
	}
	var nothing artifact.Evidence
	if a, verdict := nothing.Judge(0); a != (authz.Artifact{}) || verdict != artifact.Harmless {
		t.Errorf("an empty object: %+v, %v", a, verdict)
	}
}

// TestStricterEvidence: a picture that ends as weights do is weights.
func TestStricterEvidence(t *testing.T) {
	var e artifact.Evidence
	e.Add(0, []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"))
	if a, verdict := e.Judge(large); verdict != artifact.Harmless {
		t.Fatalf("a picture: %+v, %v", a, verdict)
	}
	zip := read(t, "model.pt")
	e.Add(large-int64(len(zip)), zip)
	if a, verdict := e.Judge(large); a != checkpoint("pytorch", "") || verdict != artifact.Guarded {
		t.Fatalf("a picture that ends with a model: %+v, %v", a, verdict)
	}
}

// TestEvidenceBounded: whatever is added, no more is kept than a prefix and a tail.
func TestEvidenceBounded(t *testing.T) {
	var e artifact.Evidence
	b := random(500_000)
	for i := range 5000 {
		at := i * 7919 % len(b)
		e.Add(int64(at), b[at:min(len(b), at+3)])
		e.Add(int64(at)<<20, b[at:min(len(b), at+20_000)])
	}
	for i := range int64(5000) {
		e.Add(1<<41+9*i, b[:3])
	}
	e.Add(-5, b)
	e.Add(1<<63-2, b)
	form, err := e.AppendBinary(nil)
	if err != nil || len(form) > 2*artifact.PrefixLen+2000 {
		t.Fatalf("%d bytes are kept, %v", len(form), err)
	}
	if err := new(artifact.Evidence).UnmarshalBinary(form); err != nil {
		t.Fatalf("more pieces are kept than are read: %v", err)
	}
}

// TestBinary: the binary form is read back as it was, and nothing else is read.
func TestBinary(t *testing.T) {
	var e artifact.Evidence
	e.Add(0, []byte("abc"))
	e.Add(10, []byte("def"))
	e.Add(1<<40, []byte("ghi"))
	form, err := e.AppendBinary([]byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	form = form[1:]
	var again artifact.Evidence
	if err := again.UnmarshalBinary(form); err != nil {
		t.Fatal(err)
	}
	if twice, _ := again.AppendBinary(nil); !bytes.Equal(twice, form) {
		t.Fatalf("%q became %q", form, twice)
	}
	touching := "\x01\x02\x00\x01a\x01\x01b\x00"
	for _, bad := range []string{
		"", "\x02\x00\x00", "\x01\x00", "\x01\x00\x00\x00", "\x01\x01\x00\x00\x00", touching, "\x01\x80\x00\x00", "\x01\x00\x01\x05\x01a", "\x01\x41",
		"\x01\x01\xff\xff\x03\x02ab\x00", string(form[:len(form)-1]),
	} {
		if err := again.UnmarshalBinary([]byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
	if twice, _ := again.AppendBinary(nil); !bytes.Equal(twice, form) {
		t.Error("what could not be read changed the evidence")
	}
}
