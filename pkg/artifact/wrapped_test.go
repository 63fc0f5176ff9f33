package artifact_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/weirgate/weir/pkg/artifact"
	"github.com/weirgate/weir/pkg/authz"
)

func gzipped(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(b); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zstandard(t *testing.T, b []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(b, nil)
}

// file is an entry of an archive.
type file struct {
	name string
	b    []byte
}

func tarred(t *testing.T, files ...file) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range files {
		if err := w.WriteHeader(&tar.Header{Name: f.name, Size: int64(len(f.b)), Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(f.b); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// zipped writes a zip as Go does: with the sizes behind the entries.
func zipped(t *testing.T, method uint16, files ...file) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, f := range files {
		e, err := w.CreateHeader(&zip.FileHeader{Name: f.name, Method: method})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Write(f.b); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func expectWhole(t *testing.T, name string, b []byte, want authz.Artifact, verdict artifact.Verdict) {
	t.Helper()
	expect(t, name, b, int64(len(b)), want, verdict)
}

// TestLayers: two layers are opened, whatever they are; a third is opaque, and so is what does not come out of its wrapper.
func TestLayers(t *testing.T) {
	model, text := read(t, "model.gguf"), []byte("a text\n")
	gguf := func(wrapped string) authz.Artifact { return counted(checkpoint("gguf", wrapped), 2, 30) }
	in := func(wrapped string, a authz.Artifact) authz.Artifact { a.Wrapped = wrapped; return a }
	expectWhole(t, "gzip", gzipped(t, model), gguf("gzip"), artifact.Guarded)
	expectWhole(t, "zstd in gzip", gzipped(t, zstandard(t, model)), gguf("gzip/zstd"), artifact.Guarded)
	expectWhole(t, "zip in zstd", zstandard(t, zipped(t, zip.Deflate, file{"a", text}, file{"b", model})), gguf("zstd/zip"), artifact.Guarded)
	expectWhole(t, "stored zip in tar", tarred(t, file{"a", text}, file{"b", zipped(t, zip.Store, file{"b", model})}), gguf("tar/zip"), artifact.Guarded)
	expectWhole(t, "three layers", gzipped(t, gzipped(t, gzipped(t, model))), in("gzip/gzip", opaque("gzip")), artifact.Guarded)
	expectWhole(t, "texts", gzipped(t, tarred(t, file{"a", text}, file{"b", text})), authz.Artifact{}, artifact.Harmless)
	expectWhole(t, "text", zstandard(t, text), authz.Artifact{}, artifact.Harmless)
	expectWhole(t, "texts in zip", zipped(t, zip.Deflate, file{"a", text}, file{"b/", nil}, file{"c", text}), authz.Artifact{}, artifact.Harmless)
	expectWhole(t, "opaque in tar", tarred(t, file{"a", []byte("Salted__12345678")}, file{"b", text}), in("tar", opaque("openssl")), artifact.Guarded)
	expectWhole(t, "named after opaque", tarred(t, file{"a", []byte("Salted__12345678")}, file{"b", model}), gguf("tar"), artifact.Guarded)
	expect(t, "noise", gzipped(t, random(1<<20)), 1<<20, in("gzip", opaque("")), artifact.Guarded)
}

// TestCutWrappers: what is cut before it tells anything tells nothing; and is opaque where more of it is never looked at.
func TestCutWrappers(t *testing.T) {
	noise := random(1 << 20)
	for name, b := range map[string][]byte{"gzip": gzipped(t, noise), "zstd": zstandard(t, noise), "xz": read(t, "model.safetensors.xz"), "bzip2": read(t, "model.safetensors.bz2")} {
		for n := 6; n < 12; n++ {
			if n == 8 && name == "gzip" { // without a time, that is a length of a header, too
				continue
			}
			if a, verdict := artifact.Recognise(b[:n], large); verdict == artifact.Harmless || verdict == artifact.Guarded && a.Class != authz.ArtifactOpaque {
				t.Errorf("%d bytes of %s: %+v, %v", n, name, a, verdict)
			}
		}
	}
	// Half of the bits of what is compressed here have no order: its first block does not fit a prefix.
	expect(t, "a large block", zstandard(t, floats(1<<20))[:artifact.PrefixLen], 1<<20, opaque("zstd"), artifact.Guarded)
	readme := []byte("# A model\n")
	expect(t, "a text and more", tarred(t, file{"a", readme}, file{"b", noise})[:1500], large, authz.Artifact{}, artifact.Unknown)
	expect(t, "a text and more", zipped(t, zip.Store, file{"a", readme}, file{"b", noise})[:1500], large, authz.Artifact{}, artifact.Unknown)
	broken := gzipped(t, bytes.Repeat(readme, 1000))
	broken[20] ^= 0xff
	if a, verdict := artifact.Recognise(broken, int64(len(broken))); verdict == artifact.Harmless {
		t.Errorf("a broken stream: %+v, %v", a, verdict)
	}
}

// TestCutTexts: a wrapped text that is cut is not harmless, wherever it is cut: what comes behind may be anything.
func TestCutTexts(t *testing.T) {
	text := bytes.Repeat([]byte("a text\n"), 100)
	for name, b := range map[string][]byte{
		"gzip": gzipped(t, text), "zstd": zstandard(t, text), "xz": read(t, "text.xz"), "bzip2": read(t, "text.bz2"),
		"tar": tarred(t, file{"a", text}), "zip": zipped(t, zip.Deflate, file{"a", text}), "tar in gzip": gzipped(t, tarred(t, file{"a", text})),
	} {
		for n := range len(b) {
			if a, verdict := artifact.Recognise(b[:n], large); verdict == artifact.Harmless || a.Class == authz.ArtifactCorpus {
				t.Fatalf("%d of %d bytes of %s: %+v, %v", n, len(b), name, a, verdict)
			}
		}
		expectWhole(t, name, b, authz.Artifact{}, artifact.Harmless)
		more := append(bytes.Clone(b), read(t, "model.gguf")...)
		if _, verdict := artifact.Recognise(more, int64(len(more))); verdict == artifact.Harmless {
			t.Errorf("%s with something behind it is harmless", name)
		}
	}
}

// TestEncryptedZip: what is encrypted in a zip is opaque, whatever its name.
func TestEncryptedZip(t *testing.T) {
	b := zipped(t, zip.Store, file{"a.txt", []byte("a text\n")})
	b[6] |= 1
	expectWhole(t, "encrypted", b, opaque("zip"), artifact.Guarded)
}

// TestLyingSizes: an entry that says it is empty, and is not, is looked at, and what lies between entries and the directory is not passed over.
func TestLyingSizes(t *testing.T) {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	model := read(t, "model.gguf")
	e, err := w.CreateRaw(&zip.FileHeader{Name: "a.txt", Method: zip.Store, CompressedSize64: uint64(len(model))})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Write(model); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	expectWhole(t, "empty", out.Bytes(), counted(checkpoint("gguf", "zip"), 2, 30), artifact.Guarded)
	plain := zipped(t, zip.Deflate, file{"a.txt", []byte("a text\n")})
	at := bytes.Index(plain, []byte("PK\x01\x02"))
	elsewhere := bytes.Clone(plain)
	elsewhere[len(plain)-6]++
	for name, b := range map[string][]byte{
		"elsewhere": elsewhere, "between": slices.Concat(plain[:at], model, plain[at:]), "before the end": slices.Concat(plain[:len(plain)-22], model, plain[len(plain)-22:]),
		"comment": slices.Concat(plain[:len(plain)-2], []byte{0, 2}, random(512)),
	} {
		expectWhole(t, name, b, authz.Artifact{}, artifact.Unknown)
	}
}

// TestBombs: whatever an object is made of, no more is unwrapped than there is room for. The memory is that of the readers: a reader of bzip2
// takes 3.7 MB, and two are opened.
func TestBombs(t *testing.T) {
	zeros := make([]byte, 8<<20)
	bzip2, xz := read(t, "text.bz2"), read(t, "text.xz")
	many := func(b []byte) (files []file) {
		for i := range 60 {
			files = append(files, file{fmt.Sprint(i), b})
		}
		return files
	}
	for name, b := range map[string][]byte{
		"gzip": gzipped(t, zeros), "gzip twice": gzipped(t, gzipped(t, zeros)), "zstd": zstandard(t, zeros),
		"tar of gzip": tarred(t, many(gzipped(t, zeros[:1<<18]))...), "zip of text": zipped(t, zip.Deflate, many(bytes.Repeat([]byte("words\n"), 50_000))...),
		"tar of bzip2": tarred(t, many(bzip2)...), "tar of xz": tarred(t, many(xz)...),
		"tar of zstd": tarred(t, many(zstandard(t, zeros[:1<<18]))...),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		artifact.Recognise(b, large)
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > 10<<20 {
			t.Errorf("%s takes %d bytes", name, took)
		}
	}
}

// TestOpenedTogether: all entries share the room; one for which none is left is opaque.
func TestOpenedTogether(t *testing.T) {
	var files []file
	for i := range 20 {
		files = append(files, file{fmt.Sprint(i), bytes.Repeat([]byte("words\n"), artifact.PrefixLen/6+1)})
	}
	expectWhole(t, "fourteen", zipped(t, zip.Deflate, files[:14]...), authz.Artifact{}, artifact.Harmless)
	expectWhole(t, "twenty", zipped(t, zip.Deflate, files...), opaque("zip"), artifact.Guarded)
}

// TestWindows: a window of terabytes costs what any other does.
func TestWindows(t *testing.T) {
	b := read(t, "model.safetensors.zst")
	if b[4]&0x20 == 0 {
		t.Fatal("the sample has a window")
	}
	// The frame's header states its content's size in one or two bytes; instead of it, a window of the greatest size.
	header := 6
	if b[4]>>6 == 1 {
		header = 7
	}
	frame := append([]byte{0x28, 0xb5, 0x2f, 0xfd, b[4] & 4, 0xff}, b[header:]...)
	expectWhole(t, "window", frame, counted(checkpoint("safetensors", "zstd"), 2, 30), artifact.Guarded)
	skipped := append(binary.LittleEndian.AppendUint32([]byte{0x50, 0x2a, 0x4d, 0x18}, 5), "12345"...)
	expectWhole(t, "skippable", append(skipped, frame...), counted(checkpoint("safetensors", "zstd"), 2, 30), artifact.Guarded)
	if long := read(t, "model.long.zst"); long[4]&0x20 != 0 || long[5] != (27-10)<<3 {
		t.Error("the sample of TestSamples has no window of 128 MiB")
	}
}
