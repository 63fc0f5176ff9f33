package inflate_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/weirgate/weir/pkg/inflate"
)

// reference decodes all at once: gzip and deflate by the standard library, br and zstd by the libraries themselves.
func reference(coding string, body []byte) ([]byte, error) {
	var r io.Reader
	var err error
	switch coding {
	case "gzip":
		r, err = gzip.NewReader(bytes.NewReader(body))
	case "deflate":
		r, err = zlib.NewReader(bytes.NewReader(body))
	case "br":
		r = brotli.NewReader(bytes.NewReader(body))
	case "zstd":
		z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(1<<20))
		if err != nil {
			return nil, err
		}
		defer z.Close()
		return z.DecodeAll(body, nil)
	}
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(r, 1<<20))
}

// FuzzDecoder: what is accepted is what the reference reads, byte for byte; what is a whole body of one coding and small is accepted; and
// the way it was cut makes no difference.
func FuzzDecoder(f *testing.F) {
	text := []byte(`{"data":[{"embedding":[0.5,0.25,0.5,0.25]}]}`)
	names := []string{"gzip", "deflate", "br", "zstd"}
	for i, name := range names {
		packed := encode(f, text, name)
		f.Add(uint8(i), packed, uint16(7))
		f.Add(uint8(i), append(packed, packed...), uint16(len(packed)))
		f.Add(uint8(i), packed[:len(packed)-2], uint16(1))
		f.Add(uint8(i), append(packed, 0), uint16(0))
		f.Add(uint8(i), text, uint16(0))
	}
	limits := inflate.Limits{Floor: 1 << 18, Bytes: 1 << 19}
	f.Fuzz(func(t *testing.T, which uint8, body []byte, cut uint16) {
		name := names[int(which)%len(names)]
		whole, err := decode(t, limits, []string{name}, body)
		at := int(cut) % (len(body) + 1)
		parts, err2 := decode(t, limits, []string{name}, body[:at], body[at:])
		if (err == nil) != (err2 == nil) || err == nil && !bytes.Equal(whole, parts) {
			t.Fatalf("%s, at once: %d bytes, %v; cut at %d: %d bytes, %v", name, len(whole), err, at, len(parts), err2)
		}
		if single, err3 := decode(t, limits, []string{name}, slices.Collect(slices.Chunk(body, 1))...); (err == nil) != (err3 == nil) || err == nil && !bytes.Equal(whole, single) {
			t.Fatalf("%s, at once: %d bytes, %v; byte by byte: %d bytes, %v", name, len(whole), err, len(single), err3)
		}
		if err != nil && !errors.Is(err, inflate.ErrMalformed) && !errors.Is(err, inflate.ErrLimit) {
			t.Fatalf("%s: %v is neither", name, err)
		}
		if err == nil {
			want, refused := reference(name, body)
			if refused != nil || !bytes.Equal(whole, want) {
				t.Fatalf("%s: accepted %d bytes; the reference has %d, %v", name, len(whole), len(want), refused)
			}
		}
		if packed := encode(t, body, name); len(body) < 1<<18 {
			if got, err := decode(t, limits, []string{name}, packed); err != nil || !bytes.Equal(got, body) {
				t.Fatalf("%s: there and back: %d bytes of %d, %v", name, len(got), len(body), err)
			}
		}
	})
}
