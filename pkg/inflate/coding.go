package inflate

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// opener starts one decoder. in has at least one byte.
type opener func(in *bufio.Reader, l Limits) (r io.Reader, done func(), err error)

// openers holds the codings that are undone here, by name. It is never changed.
var openers = map[string]opener{"gzip": openGzip, "deflate": openDeflate, "br": openBrotli, "zstd": openZstd}

func nothing() {}

// openGzip reads all members, one after the other (RFC 1952 §2.2); what follows them must be one more.
func openGzip(in *bufio.Reader, _ Limits) (io.Reader, func(), error) {
	r, err := gzip.NewReader(in)
	if err != nil {
		return nil, nil, err
	}
	r.Multistream(false)
	return &members{r: r, in: in}, nothing, nil
}

// members reads gzip's members itself: the library takes a body that ends within the name of a further member for a whole one.
type members struct {
	r  *gzip.Reader
	in *bufio.Reader
}

func (m *members) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	if !errors.Is(err, io.EOF) {
		return n, err
	}
	if _, err := m.in.Peek(1); err != nil {
		return n, err // io.EOF: that was all
	}
	if err := m.r.Reset(m.in); err != nil {
		return n, reasonOf(notEOF(err))
	}
	m.r.Multistream(false)
	return n, nil
}

// openDeflate reads zlib's format, which is what "deflate" means (RFC 9110 §8.4.1.2); without zlib's head it is refused.
func openDeflate(in *bufio.Reader, _ Limits) (io.Reader, func(), error) {
	r, err := zlib.NewReader(in)
	return &alone{r: r, in: in}, nothing, err
}

// alone is a decoder that stops reading where its format ends: nothing may follow there.
type alone struct {
	r  io.Reader
	in *bufio.Reader
}

func (a *alone) Read(p []byte) (int, error) {
	n, err := a.r.Read(p)
	if !errors.Is(err, io.EOF) {
		return n, err
	}
	switch _, after := a.in.Peek(1); {
	case after == nil:
		return 0, fmt.Errorf("%w: bytes after its end", ErrMalformed)
	case !errors.Is(after, io.EOF):
		return 0, after
	}
	return n, err
}

// openBrotli looks at the window that the stream asks for, in its first byte (RFC 7932 §9.1): the library would give it 16 MiB.
func openBrotli(in *bufio.Reader, l Limits) (io.Reader, func(), error) {
	head, err := in.Peek(1)
	if err != nil {
		return nil, nil, err
	}
	if bits := windowBits(head[0]); bits == 0 || int64(1)<<bits > l.Window {
		return nil, nil, fmt.Errorf("%w: its window is larger than %d bytes", ErrLimit, l.Window)
	}
	return brotli.NewReader(in), nothing, nil
}

// windowBits is the binary logarithm of the window of a brotli stream, whose first byte tells it; 0 for one that RFC 7932 does not define.
func windowBits(head byte) int {
	if head&1 == 0 {
		return 16
	}
	if n := int(head>>1) & 7; n != 0 {
		return 17 + n
	}
	switch n := int(head>>4) & 7; n {
	case 0:
		return 17
	case 1:
		return 0 // the extension for large windows
	default:
		return 8 + n
	}
}

// openZstd reads all frames, one after the other (RFC 8878 §3.1). The decoder runs in the goroutine that reads from it.
func openZstd(in *bufio.Reader, l Limits) (io.Reader, func(), error) {
	r, err := zstd.NewReader(exact{in}, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(uint64(l.Window)))
	if err != nil {
		return nil, nil, err
	}
	return r, r.Close, nil
}

// exact is the input of zstd, which asks for as many bytes as it needs, and takes one to three bytes after its last frame for nothing.
type exact struct{ in *bufio.Reader }

func (e exact) Read(p []byte) (int, error) {
	n, err := io.ReadFull(e.in, p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = reasonOf(err) // zstd takes a bare io.ErrUnexpectedEOF between frames for the end
	}
	return n, err
}

// source is what has come, as a reader.
type source struct{ d *Decoder }

func (s source) Read(p []byte) (int, error) { return s.d.read(p) }

// inner is a decoder below another one. What it makes counts against the limits too: the one above it may make little of much.
type inner struct {
	d   *Decoder
	r   io.Reader
	out int64
}

func (i *inner) Read(p []byte) (int, error) {
	n, err := i.r.Read(p)
	i.out += int64(n)
	if over := i.d.within(i.out); over != nil {
		return 0, over
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = reasonOf(err) // nor may the decoder above take it for an end
	}
	return n, err
}

// sink hands over what the outermost decoder makes.
type sink struct {
	d   *Decoder
	out int64
}

func (s *sink) Write(p []byte) (int, error) {
	s.out += int64(len(p))
	if over := s.d.within(s.out); over != nil {
		return 0, over
	}
	if len(p) > 0 && !s.d.yield(p) {
		return 0, errStopped
	}
	return len(p), nil
}

// pieceBytes is the buffer between a decoder and Next, for decoders that do not write by themselves.
const pieceBytes = 32 << 10

// run is the coroutine: it reads the body to its end.
func (d *Decoder) run(codings []string) error {
	var r io.Reader = source{d}
	for n := len(codings) - 1; n >= 0; n-- { // the last one applied is the first to be undone
		in := bufio.NewReader(r)
		if _, err := in.Peek(1); err != nil {
			return reasonOf(notEOF(err))
		}
		made, done, err := openers[codings[n]](in, d.limits)
		if err != nil {
			return reasonOf(notEOF(err))
		}
		defer done()
		if r = made; n > 0 {
			r = &inner{d: d, r: made}
		}
	}
	if _, err := io.CopyBuffer(&sink{d: d}, r, make([]byte, pieceBytes)); err != nil {
		return reasonOf(err)
	}
	return io.EOF
}

// notEOF says that a body which ends where a coding has to begin is not whole.
func notEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// reasonOf sorts a decoder's error into ours.
func reasonOf(err error) error {
	switch {
	case errors.Is(err, ErrLimit), errors.Is(err, ErrMalformed), errors.Is(err, errStopped):
		return err
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return fmt.Errorf("%w: its window", ErrLimit)
	}
	return fmt.Errorf("%w: %w", ErrMalformed, err)
}
