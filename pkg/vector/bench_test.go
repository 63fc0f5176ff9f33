package vector_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
	"github.com/weirgate/weir/pkg/vector"
)

// answer makes an embeddings answer of n vectors.
func answer(n, dims int, layout string) []byte {
	v, floats := make([]string, dims), make([]float32, dims)
	for i := range v {
		f := float64(i*7919%2000-1000) / 12345
		v[i], floats[i] = fmt.Sprintf("%.9f", f), float32(f)
	}
	sep := ","
	if layout == "pretty" {
		sep = ",\n        "
	}
	text := "[" + strings.Join(v, sep) + "]"
	if layout == "base64" {
		text = `"` + b64(floats...) + `"`
	}
	item := `{"object":"embedding","index":1,"embedding":` + text + `}`
	return []byte(`{"object":"list","data":[` + strings.Repeat(item+",", n-1) + item + `],"model":"m"}`)
}

// BenchmarkStream reads 64 KiB pieces, as gRPC frames come; memcpy is what it is measured against.
func BenchmarkStream(b *testing.B) {
	for _, layout := range []string{"pretty", "compact", "base64"} {
		doc := answer(256, 1536, layout)
		b.Run("baseline=memcpy/encoding="+layout, func(b *testing.B) {
			b.SetBytes(int64(len(doc)))
			dst := make([]byte, len(doc))
			for b.Loop() {
				copy(dst, doc)
			}
		})
		for _, mask := range []authz.MaskMode{authz.MaskNone, authz.MaskZero, authz.MaskRedact} {
			b.Run(fmt.Sprintf("mask=%s/encoding=%s/dims=1536", mask, layout), func(b *testing.B) {
				b.SetBytes(int64(len(doc)))
				b.ReportAllocs()
				out := make([]byte, 0, 1<<17)
				for b.Loop() {
					s, err := vector.NewStream(scan.FormatJSON, []scan.Field{{Path: "data[*].embedding"}}, vector.Options{Mask: mask})
					if err != nil {
						b.Fatal(err)
					}
					for rest := doc; len(rest) > 0; {
						n := min(len(rest), 64<<10)
						if mask == authz.MaskNone {
							_, err = s.Scan(rest[:n], everything)
						} else {
							_, _, err = s.Write(out, rest[:n], everything)
						}
						if err != nil {
							b.Fatal(err)
						}
						rest = rest[n:]
					}
				}
			})
		}
	}
}
