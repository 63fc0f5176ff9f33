package artifact_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weirgate/weir/pkg/artifact"
	"github.com/weirgate/weir/pkg/authz"
)

func checkpoint(format, wrapped string) authz.Artifact {
	return authz.Artifact{Class: authz.ArtifactCheckpoint, Format: format, Wrapped: wrapped}
}

func corpus(format, wrapped string) authz.Artifact {
	return authz.Artifact{Class: authz.ArtifactCorpus, Format: format, Wrapped: wrapped}
}

func opaque(format string) authz.Artifact {
	return authz.Artifact{Class: authz.ArtifactOpaque, Format: format}
}

// counted adds what a header states.
func counted(a authz.Artifact, tensors, parameters int64) authz.Artifact {
	a.Tensors, a.Parameters = tensors, parameters
	return a
}

// samples are the files of testdata; the zero value is harmless.
var samples = map[string]authz.Artifact{
	"model.safetensors":     counted(checkpoint("safetensors", ""), 2, 30),
	"model.gguf":            counted(checkpoint("gguf", ""), 2, 30),
	"array.npy":             checkpoint("npy", ""),
	"arrays.npz":            checkpoint("npz", ""),
	"arrays.compressed.npz": checkpoint("npz", ""),
	"model.joblib":          checkpoint("joblib", ""),
	"model.zlib.joblib":     checkpoint("joblib", "zlib"),
	"model.gzip.joblib":     checkpoint("joblib", "gzip"),
	"model.xz.joblib":       checkpoint("joblib", "xz"),
	"model.2.pkl":           checkpoint("pickle", ""),
	"model.3.pkl":           checkpoint("pickle", ""),
	"model.4.pkl":           checkpoint("pickle", ""),
	"model.5.pkl":           checkpoint("pickle", ""),
	"array.h5":              checkpoint("hdf5", ""),
	"block.h5":              checkpoint("hdf5", ""),
	"keras.h5":              checkpoint("keras", ""),
	"model.onnx":            checkpoint("onnx", ""),
	"bare.onnx":             checkpoint("onnx", ""),
	"data.parquet":          corpus("parquet", ""),
	"data.arrow":            corpus("arrow", ""),
	"data.arrows":           corpus("arrow", ""),
	"data.orc":              corpus("orc", ""),
	"flat.faiss":            corpus("faiss", ""),
	"hnsw.faiss":            corpus("faiss", ""),
	"ivf.faiss":             corpus("faiss", ""),
	"pq.faiss":              corpus("faiss", ""),
	"pca.faiss":             corpus("faiss", ""),
	"sq.faiss":              corpus("faiss", ""),
	"binary.faiss":          corpus("faiss", ""),
	"ids.faiss":             corpus("faiss", ""),
	"chroma.sqlite3":        corpus("sqlite", ""),
	"model.safetensors.gz":  counted(checkpoint("safetensors", "gzip"), 2, 30),
	"model.safetensors.bz2": counted(checkpoint("safetensors", "bzip2"), 2, 30),
	"model.safetensors.xz":  counted(checkpoint("safetensors", "xz"), 2, 30),
	"model.safetensors.zst": counted(checkpoint("safetensors", "zstd"), 2, 30),
	"model.long.zst":        counted(checkpoint("safetensors", "zstd"), 2, 30),
	"model.tar":             counted(checkpoint("safetensors", "tar"), 2, 30),
	"model.pax.tgz":         counted(checkpoint("safetensors", "gzip/tar"), 2, 30),
	"model.zip":             counted(checkpoint("safetensors", "zip"), 2, 30),
	"stored.zip":            counted(checkpoint("gguf", "zip"), 2, 30),
	"model.keras":           checkpoint("keras", ""),
	"model.pt":              checkpoint("pytorch", ""),
	"doc.docx":              {},
	"lib.jar":               {},
	"pkg.whl":               {},
	"text.bz2":              {},
	"text.xz":               {},
	"make.py":               {},
	"README":                {},
}

// TestSamples: what libraries write is recognised, whole and with the size of something larger, and nothing else is.
func TestSamples(t *testing.T) {
	names, err := filepath.Glob("testdata/*")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, name := range names {
		want, listed := samples[filepath.Base(name)]
		if !listed {
			if filepath.Base(name) != "fuzz" {
				t.Errorf("%s is in no table", name)
			}
			continue
		}
		found++
		b := read(t, filepath.Base(name))
		verdict := artifact.Guarded
		if want == (authz.Artifact{}) {
			verdict = artifact.Harmless
		}
		expect(t, name, b, int64(len(b)), want, verdict)
		if got, v := artifact.Recognise(b, authz.UnknownLength); v == artifact.Guarded != (verdict == artifact.Guarded) || got != want {
			t.Errorf("%s of unknown length: %+v, %v", name, got, v)
		}
	}
	if found != len(samples) {
		t.Errorf("found %d of %d samples", found, len(samples))
	}
}

func read(tb testing.TB, name string) []byte {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func expect(t *testing.T, name string, b []byte, size int64, want authz.Artifact, verdict artifact.Verdict) {
	t.Helper()
	if got, v := artifact.Recognise(b, size); got != want || v != verdict {
		t.Errorf("%s of size %d: %+v, %v; want %+v, %v", name, size, got, v, want, verdict)
	}
}

const large = 1 << 30

// TestMarks: what is recognised by the bytes that its format puts first.
func TestMarks(t *testing.T) {
	for start, want := range map[string]authz.Artifact{
		"lmgg\x00\x00\x00\x00":                              checkpoint("ggml", ""),
		"fmgg\x01\x00\x00\x00":                              checkpoint("ggmf", ""),
		"tjgg\x03\x00\x00\x00":                              checkpoint("ggjt", ""),
		"algg\x01\x00\x00\x00":                              checkpoint("ggla", ""),
		"GGUF\x09\x00\x00\x00":                              checkpoint("gguf", ""),
		"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.":          checkpoint("pytorch", ""),
		"ccopy_reg\n_reconstructor\n":                       checkpoint("pickle", ""),
		"\x1c\x00\x00\x00TFL3\x14\x00\x20\x00":              checkpoint("tflite", ""),
		"(dp0\nS'w'\n":                                      checkpoint("pickle", ""),
		"ftrt\x00\x00\x00\x00":                              checkpoint("tensorrt", ""),
		"XETBLOB\x00\x00":                                   opaque("xet"),
		"ORC\x0a\x03\x00\x00":                               corpus("orc", ""),
		"PARE\x15\x04":                                      corpus("parquet", ""),
		"FEA1\x00\x00\x00\x00":                              corpus("feather", ""),
		"Obj\x01\x04\x16avro.schema":                        corpus("avro", ""),
		"REDIS0011\xfa\x09redis-ver":                        corpus("rdb", ""),
		"PGDMP\x01\x0e\x00":                                 corpus("pgdump", ""),
		"age-encryption.org/v1\n-> X25519 ":                 opaque("age"),
		"Salted__\x01\x02\x03\x04\x05\x06\x07":              opaque("openssl"),
		"-----BEGIN PGP MESSAGE-----\n\nhQEMA":              opaque("pgp"),
		"\x85\x02\x0c\x03\x01\x02\x03\x04":                  opaque("pgp"),
		"\x8c\x0d\x04\x09\x03\x02":                          opaque("pgp"),
		"LUKS\xba\xbe\x00\x02":                              opaque("luks"),
		"7z\xbc\xaf\x27\x1c\x00\x04":                        opaque("7z"),
		"Rar!\x1a\x07\x01\x00":                              opaque("rar"),
		"\x04\x22\x4d\x18\x64\x40\xa7":                      opaque("lz4"),
		"\xff\x06\x00\x00sNaPpY":                            opaque("snappy"),
		"\x08\x01\x12\x20\n\x1e\x12\x08\n\x06\n\x04Add\x62": checkpoint("savedmodel", ""),
	} {
		expect(t, start, []byte(start), large, want, artifact.Guarded)
	}
}

// TestHarmless: what looks like something else is harmless, however large it is.
func TestHarmless(t *testing.T) {
	elf := "\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 9) + "\x03\x00\x3e\x00\x01"
	for _, start := range []string{
		"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "\xff\xd8\xff\xe0\x00\x10JFIF\x00", "GIF89a\x01\x00", "RIFF\x24\x00\x00\x00WEBPVP8 ", "%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
		"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00", "\x1a\x45\xdf\xa3\x9f\x42\x86\x81", "OggS\x00\x02", "ID3\x04\x00\x00", "wOF2\x00\x01\x00\x00",
		"\x00\x01\x00\x00\x00\x11\x01\x00", "OTTO\x00\x0c", "\x00asm\x01\x00\x00\x00", elf, "II*\x00\x08\x00\x00\x00",
		"BC\xc0\xde5\x14\x00\x00", "JM\x01\x00PK\x03\x04",
	} {
		expect(t, start, []byte(start), large, authz.Artifact{}, artifact.Harmless)
	}
}

// TestHarmlessTexts: text that people and programs read is harmless once a whole prefix of it is seen, or all of it.
func TestHarmlessTexts(t *testing.T) {
	for name, line := range map[string]string{
		"html":       "<p class=\"x\">Some words, <a href=\"/a?b=1,2,3\">and a link</a>.</p>\n",
		"prose":      "It was the best of times, it was the worst of times; it was the age of wisdom.\n",
		"log":        "2026-01-02T03:04:05Z INFO server: GET /health 200 1.3ms agent=\"curl/8.0\"\n",
		"json log":   `{"time":"2026-01-02T03:04:05Z","level":"info","msg":"request done","path":"/v1/models","status":200,"agent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"}` + "\n",
		"go":         "func (r *row) field(b []byte) { r.fields++; r.longest = max(r.longest, len(b)) }\n",
		"table":      "2026-01-02,4.25,0.5,north,17,true\n",
		"telemetry":  "1.5,2.5,3.5,4.5,5.5,6.5,7.5,8.5\n",
		"yaml":       "- name: a\n  value: [1, 2, 3]\n",
		"parent":     "PARENT_DIRECTORY is where it lies\n",
		"numbers":    "1\n22\n333\n4444\n",
		"umlauts":    "Über größere Größen läßt sich's schwätzen, ß ü ö ä €.\n",
		"svg":        "<path d=\"M10.5 20.25 C 1.5,2.5 3.5,4.5 5.5,6.5\"/>\n",
		"identities": "7f3e2a10-1b2c-4d5e-8f90-a1b2c3d4e5f6,alice@example.test,active\n",
	} {
		text := []byte(strings.Repeat(line, artifact.PrefixLen/len(line)+2))
		expect(t, name, text, large, authz.Artifact{}, artifact.Harmless)
		expect(t, name, text, authz.UnknownLength, authz.Artifact{}, artifact.Harmless)
		expect(t, name, text[:1000], large, authz.Artifact{}, artifact.Unknown)
		expect(t, name, text[:1000], 1000, authz.Artifact{}, artifact.Harmless)
	}
	answers := []string{
		`{"object":"list","data":[{"id":"m","object":"model","created":1,"owned_by":"x"}]}`, `[{"id":1},{"id":2}]`, `{"error":{"message":"no such model"}}`,
		`{"choices":[{"message":{"role":"assistant","content":"` + strings.Repeat("words ", 200) + `"}}],"usage":{"total_tokens":7}}`, "name,age\nann,3\nbob,4\n", "",
	}
	for _, answer := range answers {
		expect(t, answer, []byte(answer), int64(len(answer)), authz.Artifact{}, artifact.Harmless)
	}
}

// TestRecords: records with vectors or long texts are a corpus.
func TestRecords(t *testing.T) {
	vector := "[" + strings.Repeat("0.125,-3.5e-2,", 64) + "1]"
	long := strings.Repeat("a passage of the corpus ", 20)
	for name, c := range map[string]struct{ head, line, format string }{
		"vectors":      {"", `{"id":1,"embedding":` + vector + "}\n", "jsonl"},
		"texts":        {"", `{"id":1,"body":"` + long + "\"}\n", "jsonl"},
		"instructions": {"", `{"instruction":"Say in one sentence what the text that follows is about.","input":"","output":"` + long[:70] + "\"}\n", "jsonl"},
		"escapes":      {"", `{"text":"he said \"` + long + `\"` + "\"}\n", "jsonl"},
		"csv texts":    {"id,text\n", `1,"` + long + ", with a comma\nand a line\"\n", "csv"},
		"csv vectors":  {"id,vector\n", `1,"` + vector + "\"\n", "csv"},
		"csv columns":  {"", strings.Repeat("0.125,", 383) + "0.5\n", "csv"},
		"tsv texts":    {"id\ttext\n", "1\t" + long + "\n", "csv"},
	} {
		text := []byte(c.head + strings.Repeat(c.line, 12))
		expect(t, name, text, int64(len(text)), corpus(c.format, ""), artifact.Guarded)
		expect(t, name, text, large, corpus(c.format, ""), artifact.Guarded)
		if poor := "{\"id\":1}\n"; c.format == "jsonl" { // a few long lines are in every log
			mixed := []byte(strings.Repeat(c.line, 8) + strings.Repeat(poor, 8))
			expect(t, name+" in a log", mixed, int64(len(mixed)), authz.Artifact{}, artifact.Harmless)
		}
		few := []byte(c.head + c.line)
		expect(t, name+" once", few, int64(len(few)), authz.Artifact{}, artifact.Harmless)
	}
}

// TestJSONArrays: the same records in an array are a corpus where it is large; small ones are answers.
func TestJSONArrays(t *testing.T) {
	record := `{"id":1,"text":"` + strings.Repeat("a passage, {quoted} \\\"so\\\" ", 20) + `","meta":{"n":[1,2]}},` + "\n"
	vector := `{"id":1,"v":[` + strings.Repeat("0.125,", 300) + "1]},"
	for name, line := range map[string]string{"texts": record, "vectors": vector} {
		text := []byte("[" + strings.Repeat(line, 20))
		expect(t, name, text, 1<<20, corpus("json", ""), artifact.Guarded)
		expect(t, name, text, authz.UnknownLength, corpus("json", ""), artifact.Guarded)
		expect(t, name, text, int64(len(text)), authz.Artifact{}, artifact.Harmless)
	}
	rows := []byte(strings.Repeat(`{"id":1,"name":"words","tags":["a","b"],"at":"2026-01-02T03:04:05Z"},`, 1000))
	expect(t, "rows", append([]byte("["), rows...), large, authz.Artifact{}, artifact.Harmless)
}

// TestOpaque: bytes without any order are opaque where there are many of them, or nobody knows how many; raw floats have too much order.
func TestOpaque(t *testing.T) {
	noise := random(artifact.PrefixLen)
	expect(t, "noise", noise, large, opaque(""), artifact.Guarded)
	expect(t, "noise", noise, authz.UnknownLength, opaque(""), artifact.Guarded)
	expect(t, "small noise", noise, 1<<20-1, authz.Artifact{}, artifact.Unknown)
	expect(t, "whole noise", noise, artifact.PrefixLen, authz.Artifact{}, artifact.Harmless)
	expect(t, "short noise", noise[:1000], large, authz.Artifact{}, artifact.Unknown)
	seven := bytes.Clone(noise)
	for i := range seven {
		seven[i] &= 0x7f
	}
	expect(t, "seven bits of eight", seven, large, authz.Artifact{}, artifact.Unknown)
	expect(t, "floats", floats(artifact.PrefixLen), large, authz.Artifact{}, artifact.Unknown)
	expect(t, "zeros", make([]byte, artifact.PrefixLen), large, authz.Artifact{}, artifact.Unknown)
	text := bytes.Repeat([]byte("QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo0NTY3ODkwMTIzNDU2Nzg5\n"), 2000)
	expect(t, "base64", text, large, opaque("base64"), artifact.Guarded)
}

// random returns bytes without order, the same each time. The first is no mark of anything.
func random(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{6})
	_, _ = r.Read(b)
	b[0] = 0xa7
	return b
}

// floats returns numbers as weights are, in bytes.
func floats(n int) []byte {
	b, r := make([]byte, 0, n), rand.New(rand.NewPCG(6, 6))
	for len(b) < n {
		b, _ = binary.Append(b, binary.LittleEndian, float32(r.NormFloat64()*0.02))
	}
	return b
}

// TestHeaderLengthAlone: the length of a header of safetensors suffices where the object's size is known and agrees.
func TestHeaderLengthAlone(t *testing.T) {
	word := binary.LittleEndian.AppendUint64(nil, 5000)
	expect(t, "length", word, large, checkpoint("safetensors", ""), artifact.Guarded)
	expect(t, "length", word, authz.UnknownLength, authz.Artifact{}, artifact.Unknown)
	expect(t, "length", word, 5008, authz.Artifact{}, artifact.Unknown)
	expect(t, "length", append(word, '{'), authz.UnknownLength, checkpoint("safetensors", ""), artifact.Guarded)
	expect(t, "length", append(word, 'x'), large, authz.Artifact{}, artifact.Unknown)
	expect(t, "two", binary.LittleEndian.AppendUint64(nil, 2), large, authz.Artifact{}, artifact.Unknown)
	expect(t, "101 MiB", binary.LittleEndian.AppendUint64(nil, 101<<20), large, authz.Artifact{}, artifact.Unknown)
}
