package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	headerSize = 64
	frameHead  = 4 + 4 + sha256.Size // CRC32C, length, hash
	magic      = "weirjrn1"
	suffix     = ".weir"
	// maxRecord bounds one record, in bytes: policy input and all.
	maxRecord = 1 << 20
	// readAhead is how much of a segment is read at a time.
	readAhead = 64 << 10
	// maxQueued bounds the bytes that wait for the disk, and so what one write holds and what a crash can leave half written.
	maxQueued = 8 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Damage is a place where a journal is not what was written: a record that was changed, cut off, removed or put in.
type Damage struct {
	Segment string // file name
	Offset  int64  // of the frame, in bytes from the start of the file
	Seq     uint64 // number of the record that should be there
	Reason  string
}

// Error says where and what.
func (d *Damage) Error() string {
	return fmt.Sprintf("%s at byte %d (record %d): %s", d.Segment, d.Offset, d.Seq, d.Reason)
}

// extend says that the records up to last are lost with the damaged one.
func (d *Damage) extend(last uint64) {
	if last > d.Seq {
		d.Reason += fmt.Sprintf("; the records up to %d are not read", last)
	}
}

// header is the start of a segment.
type header struct {
	first   uint64            // number of its first record
	prev    [sha256.Size]byte // hash of the record before that; zero in a journal's first segment
	created time.Time
}

func (h *header) encode() []byte {
	b := make([]byte, 0, headerSize)
	b = append(b, magic...)
	b = binary.LittleEndian.AppendUint64(b, h.first)
	b = append(b, h.prev[:]...)
	b = binary.LittleEndian.AppendUint64(b, uint64(h.created.UnixNano()))
	return append(binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli)), 0, 0, 0, 0)
}

func decodeHeader(b []byte) (header, bool) {
	if len(b) < headerSize || string(b[:8]) != magic || binary.LittleEndian.Uint32(b[56:]) != crc32.Checksum(b[:56], castagnoli) || !zeros(b[60:headerSize]) {
		return header{}, false
	}
	h := header{first: binary.LittleEndian.Uint64(b[8:]), created: time.Unix(0, int64(binary.LittleEndian.Uint64(b[48:])))}
	copy(h.prev[:], b[16:])
	return h, true
}

func zeros(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// chain appends the hash of prev and payload to dst; h is reused.
func chain(h hash.Hash, dst []byte, prev *[sha256.Size]byte, payload []byte) []byte {
	h.Reset()
	h.Write(prev[:])
	h.Write(payload)
	return h.Sum(dst)
}

// seal fills in the head of a frame whose payload begins at frameHead, and moves the chain on.
func seal(h hash.Hash, frame []byte, prev *[sha256.Size]byte) {
	binary.LittleEndian.PutUint32(frame[4:], uint32(len(frame)-frameHead))
	chain(h, frame[8:8], prev, frame[frameHead:])
	copy(prev[:], frame[8:])
	binary.LittleEndian.PutUint32(frame, crc32.Checksum(frame[4:], castagnoli))
}

// segmentName is the file name of the segment that begins with record first.
func segmentName(first uint64) string { return fmt.Sprintf("%020d%s", first, suffix) }

// listSegments returns the numbers of the first records of dir's segments, in order.
func listSegments(dir string) ([]uint64, error) {
	names, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	var firsts []uint64
	for _, n := range names {
		digits, ok := strings.CutSuffix(n.Name(), suffix)
		if !ok || len(digits) != 20 {
			continue
		}
		first, err := strconv.ParseUint(digits, 10, 64)
		if err == nil && first > 0 {
			firsts = append(firsts, first)
		}
	}
	slices.Sort(firsts)
	return firsts, nil
}

// segmentReader reads the frames of one segment in order. After io.EOF or a *Damage, next may be called again: a segment that is being
// written goes on.
type segmentReader struct {
	f      *os.File
	name   string
	header header
	seq    uint64 // of the next frame
	off    int64  // of the next frame
	prev   [sha256.Size]byte
	window []byte // bytes of the file from off on
	verify bool   // recompute the chain
	hash   hash.Hash
}

// openSegment opens dir's segment that begins with record first. The error is a *Damage where the header is not whole.
func openSegment(dir string, first uint64) (*segmentReader, error) {
	r := &segmentReader{name: segmentName(first), off: headerSize, seq: first, hash: sha256.New()}
	f, err := os.Open(filepath.Join(dir, r.name))
	if err != nil {
		return nil, err
	}
	b := make([]byte, headerSize)
	if _, err := f.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		f.Close()
		return nil, err
	}
	h, ok := decodeHeader(b)
	if !ok || h.first != first {
		f.Close()
		return nil, &Damage{Segment: r.name, Seq: first, Reason: "the segment's header is not whole"}
	}
	r.f, r.header, r.prev = f, h, h.prev
	return r, nil
}

func (r *segmentReader) close() error { return r.f.Close() }

// fill makes the window hold n bytes; io.EOF when the file ends before.
func (r *segmentReader) fill(n int) error {
	if len(r.window) >= n {
		return nil
	}
	buf := make([]byte, max(n, readAhead))
	have := copy(buf, r.window)
	m, err := r.f.ReadAt(buf[have:], r.off+int64(have))
	r.window = buf[:have+m]
	if len(r.window) >= n {
		return nil
	}
	if err == nil {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// next returns the next frame's payload, which stays valid, or io.EOF where nothing was written yet, or a *Damage.
func (r *segmentReader) next() ([]byte, error) {
	stale := len(r.window) > 0
	payload, err := r.frame()
	if err != nil && stale { // read before the frame was written
		r.window = nil
		payload, err = r.frame()
	}
	if err != nil {
		r.window = nil // the next attempt reads the file again
	}
	return payload, err
}

func (r *segmentReader) frame() ([]byte, error) {
	if err := r.fill(frameHead); err != nil {
		if !errors.Is(err, io.EOF) {
			return nil, err
		}
		if zeros(r.window) {
			return nil, io.EOF
		}
		return nil, r.damage("the file ends within a frame")
	}
	head := r.window[:frameHead]
	if zeros(head) {
		return nil, io.EOF
	}
	size := binary.LittleEndian.Uint32(head[4:])
	if size == 0 || size > maxRecord {
		return nil, r.damage(fmt.Sprintf("the frame states a length of %d bytes", size))
	}
	if err := r.fill(frameHead + int(size)); err != nil {
		if !errors.Is(err, io.EOF) {
			return nil, err
		}
		return nil, r.damage("the file ends within a frame")
	}
	frame := r.window[:frameHead+int(size)]
	if crc32.Checksum(frame[4:], castagnoli) != binary.LittleEndian.Uint32(frame) {
		return nil, r.damage("the checksum does not fit")
	}
	payload := frame[frameHead:len(frame):len(frame)]
	if r.verify {
		var sum [sha256.Size]byte
		if chain(r.hash, sum[:0], &r.prev, payload); !bytes.Equal(sum[:], frame[8:frameHead]) {
			return nil, r.damage("the chain is broken: this record, or one before it, is not the one that was written")
		}
	}
	copy(r.prev[:], frame[8:])
	r.window = r.window[len(frame):]
	r.off += int64(len(frame))
	r.seq++
	return payload, nil
}

// pass moves on from damaged frames to the next whole one, if the lengths that they state lead there, and reports whether they do. A damage
// that covers more than one record then says so.
func (r *segmentReader) pass(d *Damage) bool {
	at := *r
	for { // each frame is longer than nothing: the file ends it
		at.window = nil
		if at.fill(frameHead) != nil {
			return false
		}
		size := binary.LittleEndian.Uint32(at.window[4:])
		if size == 0 || size > maxRecord {
			return false
		}
		at.off, at.seq, at.window = at.off+frameHead+int64(size), at.seq+1, nil
		there := at
		if _, err := there.frame(); err == nil {
			r.off, r.seq, r.window = at.off, at.seq, nil
			d.extend(at.seq - 1)
			return true
		}
	}
}

func (r *segmentReader) damage(reason string) *Damage {
	return &Damage{Segment: r.name, Offset: r.off, Seq: r.seq, Reason: reason}
}

// lastByte returns the offset behind the file's last byte that is not zero, looking from off on; off when there is none.
func (r *segmentReader) lastByte(off int64) (int64, error) {
	last := off
	buf, blank := make([]byte, readAhead), make([]byte, readAhead)
	for at := off; ; {
		n, err := r.f.ReadAt(buf, at)
		if !bytes.Equal(buf[:n], blank[:n]) {
			last = at + int64(len(bytes.TrimRight(buf[:n], "\x00")))
		}
		at += int64(n)
		if errors.Is(err, io.EOF) {
			return last, nil
		}
		if err != nil {
			return last, err
		}
	}
}
