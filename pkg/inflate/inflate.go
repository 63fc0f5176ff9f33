// Package inflate undoes content codings (RFC 9110 §8.4): gzip, deflate, br and zstd, one over the other too.
//
// It owns the order of the codings, the limits on what becomes of a body, and the checks that a decoder alone does not make: that the body
// is what its label says, that it is whole, and that nothing follows it. It trusts the decoders to be right about their formats, and nothing
// that they read: a kilobyte may claim to be a gigabyte. It refuses unknown codings, more than two, truncated bodies, bytes after the end,
// windows and sizes beyond the limits. It never returns a byte after an error.
//
// It imports the standard library, github.com/klauspost/compress and github.com/andybalholm/brotli; nothing else of ours imports those.
package inflate

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
)

// The errors. All others that a Decoder returns, io.EOF excepted, wrap one of these.
var (
	ErrCoding    = errors.New("inflate: content coding that is not undone here") // not known, or too many
	ErrMalformed = errors.New("inflate: body is not what its content coding says")
	ErrLimit     = errors.New("inflate: body is beyond the limits")

	errStopped = errors.New("inflate: stopped")
)

// maxCodings is how many codings may be one over the other. Nobody compresses three times who means well.
const maxCodings = 2

// Codings reads a Content-Encoding field, several joined by commas, and returns the codings in the order in which they were applied; none
// for identity. It returns ErrCoding for one that is not known, and for more than two.
func Codings(field string) ([]string, error) {
	var out []string
	for name := range strings.SplitSeq(field, ",") {
		switch name = strings.ToLower(strings.Trim(name, " \t")); name {
		case "", "identity":
		case "x-gzip": // RFC 9110 §8.4.1.3: equivalent
			out = append(out, "gzip")
		case "gzip", "deflate", "br", "zstd":
			out = append(out, name)
		default:
			return nil, fmt.Errorf("%w: one is not known", ErrCoding)
		}
	}
	if len(out) > maxCodings {
		return nil, fmt.Errorf("%w: %d, one over the other", ErrCoding, len(out))
	}
	return out, nil
}

// Limits bound what becomes of a body. Zero values mean the stated default; there is no unlimited.
type Limits struct {
	Ratio  int64 // decoded bytes per encoded byte, after each coding; default 100
	Floor  int64 // decoded bytes up to which the ratio is not looked at; default 1 MiB
	Bytes  int64 // decoded bytes in all, after each coding; default 1 GiB
	Window int64 // bytes that a decoder may look back, of br and zstd; default 8 MiB (RFC 8878 §3.1.1.1.2 and RFC 9659)
}

func (l *Limits) defaults() {
	for p, v := range map[*int64]int64{&l.Ratio: 100, &l.Floor: 1 << 20, &l.Bytes: 1 << 30, &l.Window: 8 << 20} {
		if *p <= 0 {
			*p = v
		}
	}
}

// Decoder undoes the codings of one body. Feed gives it input, Next takes what comes of it, and Stop must be called in the end: the decoders
// read, where bodies arrive, so they run in a coroutine that is resumed by Next only. It is not safe for concurrent use.
type Decoder struct {
	limits Limits
	in     []byte // fed, and not read yet
	taken  int64  // bytes fed in all
	ended  bool

	yield  func([]byte) bool // of the coroutine: hands Next a piece, or nil for want of input; false: stop
	resume func() ([]byte, bool)
	stop   func()
	err    error // what ended it; io.EOF when the body was whole
}

// New returns a Decoder of a body to which codings were applied in that order, as Codings returns them. It returns ErrCoding for none, for
// more than two, and for one that is not known.
func New(codings []string, l Limits) (*Decoder, error) {
	if len(codings) == 0 || len(codings) > maxCodings {
		return nil, fmt.Errorf("%w: %d of them", ErrCoding, len(codings))
	}
	for _, name := range codings {
		if _, ok := openers[name]; !ok {
			return nil, fmt.Errorf("%w: one is not known", ErrCoding)
		}
	}
	l.defaults()
	d := &Decoder{limits: l}
	codings = slices.Clone(codings)
	d.resume, d.stop = iter.Pull(func(yield func([]byte) bool) {
		d.yield = yield
		d.err = d.run(codings)
	})
	return d, nil
}

// Feed gives the decoder a piece of the body. src is read by Next, and must not change before that returns nothing.
func (d *Decoder) Feed(src []byte) {
	d.taken += int64(len(src))
	if len(d.in) == 0 {
		d.in = src
		return
	}
	d.in = slices.Concat(d.in, src)
}

// End says that no more input comes.
func (d *Decoder) End() { d.ended = true }

// Next returns the next decoded bytes, 128 KiB at most, valid until it is called again; none when it wants more input. After End it returns
// io.EOF when the body was whole and all of it was returned. Any error is final.
func (d *Decoder) Next() ([]byte, error) {
	if d.err != nil {
		return nil, d.err
	}
	piece, more := d.resume()
	if !more {
		if d.err == nil { // stopped before it ran
			d.err = errStopped
		}
		return nil, d.err
	}
	return piece, nil
}

// Stop ends the decoder wherever it is, and frees what it holds. It may be called more than once.
func (d *Decoder) Stop() {
	d.stop()
	if d.err == nil {
		d.err = errStopped
	}
	d.in = nil
}

// read is how the innermost decoder gets its input: it waits for Feed in the middle of whatever it is doing.
func (d *Decoder) read(p []byte) (int, error) {
	for len(d.in) == 0 {
		if d.ended {
			return 0, io.EOF
		}
		if !d.yield(nil) {
			return 0, errStopped
		}
	}
	n := copy(p, d.in)
	d.in = d.in[n:]
	return n, nil
}

// within returns ErrLimit when out decoded bytes are more than the input may become.
func (d *Decoder) within(out int64) error {
	switch {
	case out > d.limits.Bytes:
		return fmt.Errorf("%w: longer than %d bytes", ErrLimit, d.limits.Bytes)
	case out > d.limits.Floor && out/d.limits.Ratio >= d.taken:
		return fmt.Errorf("%w: more than %d times the bytes that came", ErrLimit, d.limits.Ratio)
	}
	return nil
}
