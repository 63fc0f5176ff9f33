package artifact_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirgate/weir/pkg/artifact"
)

// prefixes are 64 KiB of each kind of content, the worst of its kind where that is known. raw are those that allocate nothing.
func prefixes(tb testing.TB) (raw, wrapped map[string][]byte) {
	padded := func(name string) []byte {
		return append(read(tb, name), floats(artifact.PrefixLen)...)[:artifact.PrefixLen]
	}
	text := func(line string) []byte {
		return []byte(strings.Repeat(line, 1+artifact.PrefixLen/len(line)))[:artifact.PrefixLen]
	}
	vector := strings.Repeat("0.0123456,", 767) + "1"
	raw = map[string][]byte{
		"safetensors": header(), "floats": floats(artifact.PrefixLen), "noise": random(artifact.PrefixLen), "html": text("<p>some words</p>\n"),
		"jsonl": text(`{"id":1,"text":"` + strings.Repeat("words ", 60) + "\"}\n"), "json log": text(`{"level":"info","msg":"done","path":"/v1/models"}` + "\n"),
		"vectors": text(`{"id":1,"embedding":[` + vector + "]}\n"), "csv": text("2026-01-02,4.25,0.5,north,17,true\n"),
		"script": text("function(a,b){return a|b;c=1,d=2}"), "quotes": text("a,\"b;c|d"), "rows": text("x,y\n1,\"" + strings.Repeat("long text, ", 6000) + "\"\n"),
		"json": text(`{"a":[1,2,3],"b":"words","c":{"d":null}},`), "one member": text(`{"a":"` + strings.Repeat("\\\\", 300) + `"}` + "\n"),
		"array": append([]byte("["), text(`{"id":1,"embedding":[` + vector + "]},\n")[:artifact.PrefixLen-1]...), "rows of json": append([]byte("["), text(`{"a":1,"b":{"c":"d"}},`)[:artifact.PrefixLen-1]...),
		"zeros": make([]byte, artifact.PrefixLen),
	}
	for _, name := range []string{"model.gguf", "model.onnx", "model.5.pkl", "model.joblib", "array.h5", "array.npy", "data.parquet", "data.arrow", "data.arrows", "flat.faiss"} {
		raw[name] = padded(name)
	}
	wrapped = map[string][]byte{}
	for _, name := range []string{"model.safetensors.gz", "model.safetensors.xz", "model.safetensors.zst", "model.safetensors.bz2", "model.tar", "model.pax.tgz", "model.zip", "model.pt", "doc.docx"} {
		wrapped[name] = read(tb, name)
	}
	return raw, wrapped
}

// header is a header of safetensors that fills a prefix.
func header() []byte {
	var b bytes.Buffer
	b.WriteString(`{"__metadata__":{"format":"pt"}`)
	for i, at := 0, 0; b.Len() < artifact.PrefixLen-200; i, at = i+1, at+4096*4096*2 {
		fmt.Fprintf(&b, `,"model.layers.%d.self_attn.q_proj.weight":{"dtype":"BF16","shape":[4096,4096],"data_offsets":[%d,%d]}`, i, at, at+4096*4096*2)
	}
	b.WriteByte('}')
	return append(binary.LittleEndian.AppendUint64(nil, uint64(b.Len())), b.Bytes()...)
}

func BenchmarkRecognise(b *testing.B) {
	raw, wrapped := prefixes(b)
	for _, kind := range []map[string][]byte{raw, wrapped} {
		for name, prefix := range kind {
			b.Run(name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					artifact.Recognise(prefix, large)
				}
			})
		}
	}
}

// BenchmarkSlowestPrefix reports what the slowest kind of content takes that is not wrapped ("make bench" reads it), and the median kind: of each
// the best of ten rounds, since whatever else the machine does only makes a round slower.
func BenchmarkSlowestPrefix(b *testing.B) {
	raw, _ := prefixes(b)
	allocs, micros := 0.0, make([]float64, 0, len(raw))
	for _, prefix := range raw {
		best := time.Duration(math.MaxInt64)
		for range 10 {
			start := time.Now()
			for range b.N {
				artifact.Recognise(prefix, large)
			}
			best = min(best, time.Since(start))
		}
		micros = append(micros, float64(best.Nanoseconds())/float64(b.N)/1e3)
		allocs = max(allocs, testing.AllocsPerRun(10, func() { artifact.Recognise(prefix, large) }))
	}
	slices.Sort(micros)
	b.ReportMetric(micros[len(micros)-1], "slowest-µs")
	b.ReportMetric(micros[len(micros)/2], "median-µs")
	b.ReportMetric(allocs, "slowest-allocs")
}

// TestRecogniseAllocatesNothing: what is not wrapped is recognised without a byte of memory.
func TestRecogniseAllocatesNothing(t *testing.T) {
	raw, _ := prefixes(t)
	for name, prefix := range raw {
		if n := testing.AllocsPerRun(10, func() { artifact.Recognise(prefix, large) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// TestWholeHeaderCounted: a header that fills the prefix is counted to its last tensor.
func TestWholeHeaderCounted(t *testing.T) {
	b := header()
	n := int64(bytes.Count(b, []byte("dtype")))
	expect(t, "header", b, large, counted(checkpoint("safetensors", ""), n, n*4096*4096), artifact.Guarded)
}
