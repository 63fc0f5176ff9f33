package inflate_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/weirgate/weir/pkg/inflate"
)

// encode applies codings in that order.
func encode(t testing.TB, body []byte, codings ...string) []byte {
	t.Helper()
	for _, name := range codings {
		var out bytes.Buffer
		var w io.WriteCloser
		switch name {
		case "gzip":
			w = gzip.NewWriter(&out)
		case "deflate":
			w = zlib.NewWriter(&out)
		case "br":
			w = brotli.NewWriter(&out)
		case "zstd":
			z, err := zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20))
			if err != nil {
				t.Fatal(err)
			}
			w = z
		}
		if _, err := w.Write(body); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		body = out.Bytes()
	}
	return body
}

// drain appends what comes until more input is wanted. After an error nothing may come any more.
func drain(t testing.TB, d *inflate.Decoder, out []byte) ([]byte, error) {
	t.Helper()
	for {
		piece, err := d.Next()
		if err != nil {
			if again, err2 := d.Next(); len(piece) > 0 || len(again) > 0 || !errors.Is(err2, err) {
				t.Fatalf("after %v: %d bytes, then %d bytes and %v", err, len(piece), len(again), err2)
			}
			return out, err
		}
		if len(piece) == 0 {
			return out, nil
		}
		if len(piece) > 128<<10 {
			t.Fatalf("a piece of %d bytes", len(piece))
		}
		out = append(out, piece...)
	}
}

// decode feeds the parts one by one.
func decode(t testing.TB, l inflate.Limits, codings []string, parts ...[]byte) ([]byte, error) {
	t.Helper()
	d, err := inflate.New(codings, l)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Stop()
	var out []byte
	for _, part := range parts {
		d.Feed(part)
		if out, err = drain(t, d, out); err != nil {
			return out, err
		}
	}
	d.End()
	if out, err = drain(t, d, out); errors.Is(err, io.EOF) {
		return out, nil
	}
	return out, err
}

// each returns every single coding, and every one over every other.
func each() [][]string {
	all := [][]string{}
	names := []string{"gzip", "deflate", "br", "zstd"}
	for _, a := range names {
		all = append(all, []string{a})
		for _, b := range names {
			all = append(all, []string{a, b})
		}
	}
	return all
}

func document(vectors int) []byte {
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a repeatable body
	var b bytes.Buffer
	b.WriteString(`{"data":[`)
	for i := range vectors {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`{"embedding":[0`)
		for range 383 {
			fmt.Fprintf(&b, ",%.8f", r.Float64()*2-1)
		}
		b.WriteString(`]}`)
	}
	b.WriteString(`]}`)
	return b.Bytes()
}

// TestEveryChunking: every cut of a small body into two, single bytes, and all at once give what was encoded.
func TestEveryChunking(t *testing.T) {
	want := []byte(`{"data":[{"embedding":[0.5,0.25,0.5,0.25,0.5,0.25]}],"model":"m"}`)
	for _, codings := range each() {
		packed := encode(t, want, codings...)
		for cut := range len(packed) + 1 {
			if got, err := decode(t, inflate.Limits{}, codings, packed[:cut], packed[cut:]); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%v, cut at %d: %q, %v", codings, cut, got, err)
			}
		}
		if got, err := decode(t, inflate.Limits{}, codings, slices.Collect(slices.Chunk(packed, 1))...); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%v, byte by byte: %q, %v", codings, got, err)
		}
	}
}

func TestLargeBodies(t *testing.T) {
	want := document(40)
	for _, codings := range each() {
		packed := encode(t, want, codings...)
		for _, size := range []int{1000, 64 << 10, len(packed)} {
			if got, err := decode(t, inflate.Limits{}, codings, slices.Collect(slices.Chunk(packed, size))...); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%v, %d bytes at a time: %d bytes of %d, %v", codings, size, len(got), len(want), err)
			}
		}
	}
}

// TestTruncated: a body that ends early is never a whole one, and what came of it is what was before the cut.
func TestTruncated(t *testing.T) {
	for _, codings := range each() {
		want := document(1)
		if len(codings) > 1 {
			want = want[:300]
		}
		packed := encode(t, want, codings...)
		for cut := range len(packed) {
			got, err := decode(t, inflate.Limits{}, codings, packed[:cut])
			if !errors.Is(err, inflate.ErrMalformed) || !bytes.HasPrefix(want, got) {
				t.Fatalf("%v, %d of %d bytes: %d bytes, %v", codings, cut, len(packed), len(got), err)
			}
		}
	}
}

func TestMembersAndWhatFollows(t *testing.T) {
	one, two := encode(t, []byte("one,"), "gzip"), encode(t, []byte("two"), "gzip")
	tests := map[string]struct {
		coding string
		body   []byte
		want   string
		err    error
	}{
		"two members":                    {"gzip", slices.Concat(one, two), "one,two", nil},
		"an empty member between":        {"gzip", slices.Concat(one, encode(t, nil, "gzip"), two), "one,two", nil},
		"half a member":                  {"gzip", slices.Concat(one, two[:9]), "", inflate.ErrMalformed},
		"half the name of a member":      {"gzip", slices.Concat(one, []byte("\x1f\x8b\x08\x08\x00\x00\x00\x00\x00\xffnam")), "", inflate.ErrMalformed},
		"gzip, then something":           {"gzip", append(slices.Clone(one), "[0.5]"...), "", inflate.ErrMalformed},
		"gzip, then zeros":               {"gzip", append(slices.Clone(one), 0, 0, 0), "", inflate.ErrMalformed},
		"gzip, another checksum":         {"gzip", flip(one, len(one)-6), "", inflate.ErrMalformed},
		"deflate, then something":        {"deflate", append(encode(t, []byte("one"), "deflate"), 0), "", inflate.ErrMalformed},
		"deflate, twice":                 {"deflate", bytes.Repeat(encode(t, []byte("one"), "deflate"), 2), "", inflate.ErrMalformed},
		"deflate, another checksum":      {"deflate", flip(encode(t, []byte("one"), "deflate"), -1), "", inflate.ErrMalformed},
		"deflate without zlib's head":    {"deflate", encode(t, []byte("one"), "deflate")[2:], "", inflate.ErrMalformed},
		"br, then something":             {"br", append(encode(t, []byte("one"), "br"), 'x'), "", inflate.ErrMalformed},
		"zstd, two frames":               {"zstd", slices.Concat(encode(t, []byte("one,"), "zstd"), encode(t, []byte("two"), "zstd")), "one,two", nil},
		"zstd, then something":           {"zstd", append(encode(t, []byte("one"), "zstd"), "[0.5]"...), "", inflate.ErrMalformed},
		"zstd, then a little":            {"zstd", append(encode(t, []byte("one"), "zstd"), 0x28, 0xb5, 0x2f), "", inflate.ErrMalformed},
		"zstd, another checksum":         {"zstd", flip(encode(t, []byte("one"), "zstd"), -1), "", inflate.ErrMalformed},
		"not compressed, said to be":     {"gzip", []byte(`{"data":[]}`), "", inflate.ErrMalformed},
		"not compressed, said to be zst": {"zstd", []byte(`{"data":[]}`), "", inflate.ErrMalformed},
		"not compressed, said to be br":  {"br", []byte(`{"data":[{"embedding":[0.5,0.25]}]}`), "", inflate.ErrMalformed},
		"gzip, said to be deflate":       {"deflate", one, "", inflate.ErrMalformed},
		"gzip, said to be br":            {"br", one, "", inflate.ErrLimit}, // read as one, it asks for a large window
		"gzip, said to be zstd":          {"zstd", one, "", inflate.ErrMalformed},
		"zstd, said to be gzip":          {"gzip", encode(t, []byte("one"), "zstd"), "", inflate.ErrMalformed},
		"nothing":                        {"br", nil, "", inflate.ErrMalformed},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			for _, parts := range [][][]byte{{tc.body}, slices.Collect(slices.Chunk(tc.body, 1))} {
				got, err := decode(t, inflate.Limits{}, []string{tc.coding}, parts...)
				if !errors.Is(err, tc.err) || tc.err == nil && string(got) != tc.want {
					t.Errorf("got %q, %v; want %q, %v", got, err, tc.want, tc.err)
				}
			}
		})
	}
}

// flip returns b with one bit of byte i changed; i below zero counts from the end.
func flip(b []byte, i int) []byte {
	b = slices.Clone(b)
	if i < 0 {
		i += len(b)
	}
	b[i] ^= 1
	return b
}

// TestBombs: what swells is stopped soon after the floor, also where only the inner coding swells.
func TestBombs(t *testing.T) {
	zeros := make([]byte, 10<<20)
	for _, first := range []string{"gzip", "deflate", "br", "zstd"} {
		once := encode(t, zeros, first)
		bombs := map[string][]byte{"": once}
		for _, second := range []string{"gzip", "deflate", "br", "zstd"} {
			bombs[second] = encode(t, once, second)
		}
		for second, packed := range bombs {
			codings := []string{first}
			if second != "" {
				codings = append(codings, second)
			}
			got, err := decode(t, inflate.Limits{}, codings, packed)
			if !errors.Is(err, inflate.ErrLimit) || len(got) > 2<<20 {
				t.Errorf("%v: %d bytes left, %v", codings, len(got), err)
			}
		}
	}
	empty := bytes.Repeat(encode(t, nil, "gzip"), 1<<17)
	if got, err := decode(t, inflate.Limits{}, []string{"gzip", "zstd"}, encode(t, empty, "zstd")); !errors.Is(err, inflate.ErrLimit) || len(got) > 0 {
		t.Errorf("very many empty members: %d bytes, %v", len(got), err)
	}
}

func TestLimits(t *testing.T) {
	text := []byte(strings.Repeat("0123456789", 100))
	tests := map[string]struct {
		limits  inflate.Limits
		codings []string
		body    []byte
		err     error
	}{
		"a ratio that is not reached":   {inflate.Limits{Floor: 1, Ratio: 100}, []string{"gzip"}, encode(t, text, "gzip"), nil},
		"a ratio that is":               {inflate.Limits{Floor: 1, Ratio: 10}, []string{"gzip"}, encode(t, text, "gzip"), inflate.ErrLimit},
		"below the floor":               {inflate.Limits{Floor: 1000, Ratio: 10}, []string{"gzip"}, encode(t, text, "gzip"), nil},
		"as long as allowed":            {inflate.Limits{Bytes: 1000}, []string{"br"}, encode(t, text, "br"), nil},
		"a byte longer":                 {inflate.Limits{Bytes: 999}, []string{"br"}, encode(t, text, "br"), inflate.ErrLimit},
		"a large window, zstd":          {inflate.Limits{Window: 1 << 18}, []string{"zstd"}, encode(t, document(100), "zstd"), inflate.ErrLimit},
		"a window as large as may be":   {inflate.Limits{}, []string{"br"}, windowed(t, text, 23), nil},
		"a large window, br":            {inflate.Limits{}, []string{"br"}, windowed(t, text, 24), inflate.ErrLimit},
		"a window that is none":         {inflate.Limits{}, []string{"br"}, []byte{0x11, 0x03}, inflate.ErrLimit},
		"a small window, br":            {inflate.Limits{Window: 1 << 10}, []string{"br"}, windowed(t, text, 10), nil},
		"a window of the least, br":     {inflate.Limits{Window: 1<<16 - 1}, []string{"br"}, windowed(t, text, 16), inflate.ErrLimit},
		"a window in between, br":       {inflate.Limits{Window: 1<<17 - 1}, []string{"br"}, windowed(t, text, 17), inflate.ErrLimit},
		"a window that is enough, br":   {inflate.Limits{Window: 1 << 17}, []string{"br"}, windowed(t, text, 17), nil},
		"a window of fifteen bits, br":  {inflate.Limits{Window: 1 << 15}, []string{"br"}, windowed(t, text, 15), nil},
		"a window beyond that, br":      {inflate.Limits{Window: 1<<15 - 1}, []string{"br"}, windowed(t, text, 15), inflate.ErrLimit},
		"the window of an inner coding": {inflate.Limits{}, []string{"br", "gzip"}, encode(t, windowed(t, text, 24), "gzip"), inflate.ErrLimit},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := decode(t, tc.limits, tc.codings, tc.body); !errors.Is(err, tc.err) {
				t.Errorf("got %v, want %v", err, tc.err)
			}
		})
	}
}

func windowed(t *testing.T, body []byte, bits int) []byte {
	t.Helper()
	var out bytes.Buffer
	w := brotli.NewWriterOptions(&out, brotli.WriterOptions{Quality: 5, LGWin: bits})
	_, err := w.Write(body)
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestCodings(t *testing.T) {
	tests := map[string]struct {
		want []string
		err  error
	}{
		"":                   {},
		"identity":           {},
		" GZip ":             {want: []string{"gzip"}},
		"x-gzip":             {want: []string{"gzip"}},
		"br,\tzstd":          {want: []string{"br", "zstd"}},
		"identity, deflate,": {want: []string{"deflate"}},
		"gzip, gzip, gzip":   {err: inflate.ErrCoding},
		"compress":           {err: inflate.ErrCoding},
		"gzip, dcb":          {err: inflate.ErrCoding},
		"gzip;q=1":           {err: inflate.ErrCoding},
		"gzip\v":             {err: inflate.ErrCoding},
	}
	for field, tc := range tests {
		if got, err := inflate.Codings(field); !errors.Is(err, tc.err) || !slices.Equal(got, tc.want) {
			t.Errorf("%q: %v, %v; want %v, %v", field, got, err, tc.want, tc.err)
		}
	}
	for _, codings := range [][]string{nil, {"gzip", "gzip", "gzip"}, {"identity"}, {"GZIP"}} {
		if _, err := inflate.New(codings, inflate.Limits{}); !errors.Is(err, inflate.ErrCoding) {
			t.Errorf("New of %v: %v", codings, err)
		}
	}
}

// TestStop: whatever a decoder is in the middle of, nothing of it stays, and nothing comes of it any more.
func TestStop(t *testing.T) {
	body := document(20)
	before := runtime.NumGoroutine()
	for _, codings := range each() {
		packed := encode(t, body, codings...)
		for _, n := range []int{-1, 0, 1, 3, 20, len(packed) / 2, len(packed)} {
			d, err := inflate.New(codings, inflate.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if n >= 0 {
				d.Feed(packed[:n])
				if _, err := d.Next(); err != nil {
					t.Fatal(err)
				}
			}
			d.Stop()
			d.Stop()
			if piece, err := d.Next(); len(piece) > 0 || err == nil || errors.Is(err, io.EOF) {
				t.Errorf("%v, %d bytes: after Stop %d bytes, %v", codings, n, len(piece), err)
			}
		}
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines before, %d after", before, after)
	}
}

// TestFlushed: what an encoder flushed comes out before more goes in; an answer of events is not held back.
func TestFlushed(t *testing.T) {
	for _, name := range []string{"gzip", "deflate", "br", "zstd"} {
		var sent bytes.Buffer
		var w interface {
			io.WriteCloser
			Flush() error
		}
		switch name {
		case "gzip":
			w = gzip.NewWriter(&sent)
		case "deflate":
			w = zlib.NewWriter(&sent)
		case "br":
			w = brotli.NewWriter(&sent)
		case "zstd":
			w, _ = zstd.NewWriter(&sent, zstd.WithEncoderConcurrency(1))
		}
		d, err := inflate.New([]string{name}, inflate.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 10 {
			event := fmt.Sprintf("data: {\"n\":%d}\n\n", i)
			_, err := io.WriteString(w, event)
			if err = errors.Join(err, w.Flush()); err != nil {
				t.Fatal(err)
			}
			d.Feed(bytes.Clone(sent.Bytes()))
			sent.Reset()
			if got, err := drain(t, d, nil); err != nil || string(got) != event {
				t.Errorf("%s: event %d: %q, %v", name, i, got, err)
			}
		}
		d.Stop()
	}
}
