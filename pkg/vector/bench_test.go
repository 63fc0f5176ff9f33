package vector_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
	"github.com/weirgate/weir/pkg/vector"
)

// answer makes an OpenAI embeddings answer of n vectors: of normally distributed components, as float32 prints them.
func answer(n, dims int, layout string) []byte {
	r := rand.New(rand.NewPCG(uint64(n), uint64(dims))) //nolint:gosec // repeatable
	var out bytes.Buffer
	out.WriteString(`{"object":"list","data":[`)
	for i := range n {
		if i > 0 {
			out.WriteByte(',')
		}
		v := make([]float32, dims)
		for j := range v {
			v[j] = float32(r.NormFloat64() / 39)
		}
		fmt.Fprintf(&out, `{"object":"embedding","index":%d,"embedding":`, i)
		if layout == "base64" {
			out.WriteString(`"` + b64(v...) + `"}`)
			continue
		}
		for j, f := range v {
			out.WriteByte("[,"[min(j, 1)])
			if layout == "pretty" {
				out.WriteString("\n        ")
			}
			out.Write(strconv.AppendFloat(nil, float64(f), 'g', -1, 32))
		}
		out.WriteString("]}")
	}
	out.WriteString(`],"model":"m","usage":{"prompt_tokens":5,"total_tokens":5}}`)
	return out.Bytes()
}

const piece = 64 << 10

// stopwatch times a document piece by piece, in turns with copying it. On a machine that others use too, the fastest tenth of many short
// times says how the two compare, where sums do not.
type stopwatch struct {
	doc, dst   []byte
	copies, op []float64 // MB/s
}

func newStopwatch(doc []byte) *stopwatch { return &stopwatch{doc: doc, dst: make([]byte, len(doc))} }

func speed(bytes int, since time.Time) float64 {
	return float64(bytes) / time.Since(since).Seconds() / 1e6
}

// pieces passes the document to f, and times it.
func (w *stopwatch) pieces(b *testing.B, f func(piece []byte) error) {
	b.Helper()
	b.StopTimer()
	for range 2 { // the first finds what it needs elsewhere
		start := time.Now()
		copy(w.dst, w.doc)
		w.copies = append(w.copies, speed(len(w.doc), start))
	}
	b.StartTimer()
	for i := 0; i < len(w.doc); i += piece {
		p := w.doc[i:min(i+piece, len(w.doc))]
		start := time.Now()
		if err := f(p); err != nil {
			b.Fatal(err)
		}
		if len(p) == piece {
			w.op = append(w.op, speed(piece, start))
		}
	}
}

// report says how fast f was, as a part of the speed of copying.
func (w *stopwatch) report(b *testing.B) {
	b.Helper()
	slices.Sort(w.copies)
	slices.Sort(w.op)
	op := w.op[len(w.op)*9/10]
	b.ReportMetric(op/w.copies[len(w.copies)*9/10], "x-copy")
	b.ReportMetric(op, "best-MB/s")
}

// BenchmarkStream reads an answer of 256 vectors in 64 KiB pieces, as gRPC frames come. x-copy is the part of the speed of copying the same
// buffer that it reaches. The goals are held by medians, and of whole answers: integration/bench.
func BenchmarkStream(b *testing.B) {
	keys := ring(b, master(1))
	maskers := map[authz.MaskMode]vector.Masker{"seal": vector.NewSealer(keys), "token": vector.NewTokener(keys)}
	for _, layout := range []string{"pretty", "compact", "base64"} {
		doc := answer(256, 1536, layout)
		for _, mask := range []authz.MaskMode{authz.MaskNone, authz.MaskRedact, authz.MaskZero, "seal", "token"} {
			b.Run(fmt.Sprintf("mask=%s/encoding=%s/dims=1536", mask, layout), func(b *testing.B) {
				b.SetBytes(int64(len(doc)))
				b.ReportAllocs()
				w, out := newStopwatch(doc), make([]byte, 0, 1<<20)
				for b.Loop() {
					s, err := vector.NewStream(scan.FormatJSON, at("data[*].embedding"), vector.Options{Mask: mask, Masker: maskers[mask]})
					if err != nil {
						b.Fatal(err)
					}
					w.pieces(b, func(p []byte) error {
						if mask == authz.MaskNone {
							_, err = s.Scan(p, everything)
						} else {
							_, _, err = s.Write(out, p, everything)
						}
						return err
					})
				}
				w.report(b)
			})
		}
	}
}
