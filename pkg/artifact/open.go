package artifact

import (
	"bytes"
	"compress/bzip2"
	"errors"
	"io"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz/lzma"

	"github.com/weirgate/weir/pkg/authz"
)

// Bounds of what is unwrapped of one object, whatever lies in what.
const (
	maxLayers = 2
	maxOpened = 1 << 20 // bytes, all layers and entries together
)

// wrappers are what is opened and has a mark. The numbers of skippable frames of zstd are 0x50 to 0x5f; tools write the first.
var wrappers = []mark{
	{0, "\x1f\x8b\x08", "gzip"},
	{0, "\x28\xb5\x2f\xfd", "zstd"},
	{0, "\x50\x2a\x4d\x18", "zstd"},
	{0, "\xfd7zXZ\x00", "xz"},
	{0, "BZh", "bzip2"},
	{0, "PK\x03\x04", "zip"},
	{0, "PK\x05\x06", "zip"}, // an empty one
}

// opener unwraps, within the bounds. It is used for one object.
type opener struct {
	left  int // bytes that may still be unwrapped
	layer int // how many lie around what is looked at
	flate io.ReadCloser
	out   [maxLayers][]byte
}

// wrapper returns what content is wrapped in, else "".
func (v view) wrapper() string {
	if kind := v.marked(wrappers); kind == "bzip2" && !v.has(4, "1AY&SY") && !v.has(4, "\x17\x72\x45\x38\x50\x90") {
		return ""
	} else if kind != "" {
		return kind
	}
	switch {
	case v.tarred():
		return "tar"
	case v.has(0, "\x78\x01"), v.has(0, "\x78\x5e"), v.has(0, "\x78\x9c"), v.has(0, "\x78\xda"):
		return "zlib"
	}
	return ""
}

// open judges what is wrapped by what lies in it; ok is false where nothing is wrapped.
func (o *opener) open(v view) (a authz.Artifact, verdict Verdict, ok bool) {
	kind := v.wrapper()
	if kind == "" {
		return a, Unknown, false
	}
	if o.layer == maxLayers || o.left <= 0 {
		a, verdict = opaque(kind)
		return a, verdict, kind != "zlib"
	}
	o.layer++
	defer func() { o.layer-- }()
	switch kind {
	case "zip":
		a, verdict = o.zip(v)
		return a, verdict, true
	case "tar":
		a, verdict = o.tar(v)
		return a, verdict, true
	}
	inner, err := o.unwrap(kind, v)
	if len(inner.b) == 0 && inner.size != 0 {
		return o.closed(kind, v)
	}
	a, verdict = o.look(inner)
	if verdict != Guarded && err != nil && kind != "zlib" {
		a, verdict = opaque(kind)
		return a, verdict, true
	}
	return within(kind, a), verdict, true
}

// closed judges a stream of which nothing came out: more of it may tell, unless as much as there ever is has been seen. The two bytes that
// begin zlib's are no mark: of what is none of it nothing comes out.
func (o *opener) closed(kind string, v view) (a authz.Artifact, verdict Verdict, ok bool) {
	if kind == "zlib" {
		return a, Unknown, false
	}
	if len(v.b) < PrefixLen && !v.whole() {
		return a, Unknown, true
	}
	a, verdict = opaque(kind)
	return a, verdict, true
}

// within notes what a guarded artifact lies in. What has no class lies in nothing.
func within(kind string, a authz.Artifact) authz.Artifact {
	switch {
	case a.Class == "":
	case a.Wrapped == "":
		a.Wrapped = kind
	default:
		a.Wrapped = kind + "/" + a.Wrapped
	}
	return a
}

// unwrap returns the beginning of what a stream holds. Its size is known where the stream has ended. err says that the stream is not what it
// seems to be; that it is cut is no error.
func (o *opener) unwrap(kind string, v view) (view, error) {
	compressed := bytes.NewReader(v.b)
	r, cost, err := o.reader(kind, compressed, v.b)
	o.left -= cost
	if err != nil {
		if cut(err) {
			err = nil
		}
		return view{nil, authz.UnknownLength}, err
	}
	inner, err := o.fill(r, authz.UnknownLength)
	const trailer = 96                                                                       // of xz: padding, checksum, index of one block and footer
	if kind == "xz" && (compressed.Len() > trailer || !bytes.HasSuffix(v.b, []byte("YZ"))) { // its reader takes a cut for an end
		inner.size = authz.UnknownLength
	}
	return inner, err
}

// fill reads the beginning of a stream into this layer's buffer.
func (o *opener) fill(r io.Reader, size int64) (view, error) {
	buf := o.out[o.layer-1]
	if buf == nil {
		buf = make([]byte, PrefixLen)
		o.out[o.layer-1] = buf
	}
	n, err := io.ReadFull(r, buf[:max(1, min(len(buf), o.left))])
	o.left -= n
	switch {
	case errors.Is(err, io.EOF) && n == 0: // an empty stream, or one that is cut at once
		if size == authz.UnknownLength {
			size = 0
		}
		return view{buf[:0], size}, nil
	case errors.Is(err, io.ErrUnexpectedEOF) && n > 0 && size == authz.UnknownLength && ended(r):
		return view{buf[:n], int64(n)}, nil
	case cut(err):
		err = nil
	}
	if size < int64(n) {
		size = authz.UnknownLength
	}
	return view{buf[:n], size}, err
}

// ended reports whether a reader that gave less than was asked of it has come to its end, and was not cut.
func ended(r io.Reader) bool {
	var one [1]byte
	n, err := r.Read(one[:])
	return n == 0 && err == io.EOF
}

// cut reports whether an error says only that what is seen ends before the stream does.
func cut(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) }

// reader opens a stream. cost is what that takes besides the bytes that are read, in bytes: it bounds how many streams one object can make
// Weir open.
func (o *opener) reader(kind string, r *bytes.Reader, b []byte) (io.Reader, int, error) {
	switch kind {
	case "gzip":
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, 32 << 10, err
		}
		return z, 32 << 10, nil
	case "zlib":
		z, err := zlib.NewReader(r)
		if err != nil {
			return nil, 1 << 10, err
		}
		return z, 32 << 10, nil
	case "bzip2": // a block of 900 kB is undone before its first byte comes out
		return bzip2.NewReader(r), maxOpened / 2, nil
	case "xz":
		z, err := xzReader(r, b)
		return z, maxOpened / 8, err
	}
	z, err := zstdReader(r, b)
	return z, maxOpened / 8, err
}

// inflate opens a deflated entry of a zip.
func (o *opener) inflate(b []byte, size int64) (view, error) {
	o.left -= 4 << 10
	r := bytes.NewReader(b)
	if o.flate == nil {
		o.flate = flate.NewReader(r)
	} else if err := o.flate.(flate.Resetter).Reset(r, nil); err != nil {
		return view{nil, authz.UnknownLength}, err
	}
	return o.fill(o.flate, size)
}

// errUnopened says that a stream is written in a way that is not read here.
var errUnopened = errors.New("artifact: a stream that is not opened")

// xzReader reads the first block of xz. The dictionary that it asks for may have 4 GiB; what is read is shorter than the one it gets.
func xzReader(r *bytes.Reader, b []byte) (io.Reader, error) {
	const streamHeader = 12
	if len(b) < streamHeader+12 {
		return nil, io.ErrUnexpectedEOF
	}
	block := b[streamHeader:]
	size, flags := 4*(int(block[0])+1), block[1]
	if block[0] == 0 { // the index: no block
		return nil, errUnopened
	}
	if size > len(block) {
		return nil, io.ErrUnexpectedEOF
	}
	at := 2
	for _, present := range []byte{0x40, 0x80} { // compressed and uncompressed size
		for more := flags&present != 0; more && at < size; at++ {
			more = block[at]&0x80 != 0
		}
	}
	const lzma2 = "\x21\x01"
	if flags&0x3f != 0 || at+3 > size || string(block[at:at+2]) != lzma2 {
		return nil, errUnopened
	}
	if _, err := r.Seek(int64(streamHeader+size), io.SeekStart); err != nil {
		return nil, err
	}
	return lzma.Reader2Config{DictCap: 2 * PrefixLen}.NewReader2(r)
}

// zstdReader reads zstd. The window that a frame asks for may have terabytes: its header is replaced by one that asks for 128 KiB, as
// much as a block has, which reaches further back than is ever read. What needs a dictionary nobody can read.
func zstdReader(r *bytes.Reader, b []byte) (io.Reader, error) {
	at := 0
	for n := 0; at+8 <= len(b) && b[at]&0xf0 == 0x50; n++ { // skippable frames
		at += 8 + int(min(uint64(b[at+4])|uint64(b[at+5])<<8|uint64(b[at+6])<<16|uint64(b[at+7])<<24, PrefixLen))
		if n == 8 {
			return nil, errUnopened
		}
	}
	if at+9 > len(b) {
		return nil, io.ErrUnexpectedEOF
	}
	descriptor := b[at+4]
	single := descriptor&0x20 != 0
	if descriptor&3 != 0 || string(b[at:at+4]) != "\x28\xb5\x2f\xfd" {
		return nil, errUnopened
	}
	header := 5
	if !single {
		header++
	}
	switch size := descriptor >> 6; {
	case size > 0:
		header += 1 << size
	case single:
		header++
	}
	if at+header > len(b) {
		return nil, io.ErrUnexpectedEOF
	}
	if _, err := r.Seek(int64(at+header), io.SeekStart); err != nil {
		return nil, err
	}
	const window = 7 << 3 // 2^(10+7) bytes
	ours := []byte{0x28, 0xb5, 0x2f, 0xfd, descriptor & 4, window}
	return zstd.NewReader(io.MultiReader(bytes.NewReader(ours), r), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(2*PrefixLen), zstd.IgnoreChecksum(true))
}
