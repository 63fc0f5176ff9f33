package audit

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Repair tells what Open cut off: bytes behind the last whole record that a crash left half written. No record whose Wait returned nil
// was among them, unless the disk has changed what it held; Saved has the bytes.
type Repair struct {
	Segment string // file name
	Offset  int64  // where the journal goes on
	Bytes   int64  // how many were cut off
	Saved   string // file name of the copy that was set aside; empty where there was nothing but a torn header
}

// Repaired returns what Open cut off; nil when the journal was whole.
func (j *Journal) Repaired() *Repair { return j.repair }

// resume finds where the journal goes on.
func (j *Journal) resume() error {
	firsts, err := listSegments(j.cfg.Dir)
	if err != nil {
		return err
	}
	for len(firsts) > 0 {
		last := firsts[len(firsts)-1]
		r, err := openSegment(j.cfg.Dir, last)
		var damage *Damage
		if errors.As(err, &damage) {
			if err := j.dropTornHeader(last, damage); err != nil {
				return err
			}
			firsts = firsts[:len(firsts)-1]
			continue
		}
		if err != nil {
			return err
		}
		defer r.close()
		if err := j.takeStock(firsts); err != nil {
			return err
		}
		return j.reopen(r)
	}
	return j.rotate()
}

// dropTornHeader removes a segment that a crash kept from coming into being: its header is not whole and there is nothing behind it. Frames
// are written only after the header is durable, so anything behind it means something else has happened.
func (j *Journal) dropTornHeader(first uint64, damage *Damage) error {
	b, err := readUpTo(j.path(first), headerSize+1)
	if err != nil {
		return err
	}
	if len(b) > headerSize {
		f, err := os.Open(j.path(first))
		if err != nil {
			return err
		}
		defer f.Close()
		if end, err := (&segmentReader{f: f}).lastByte(headerSize); err != nil || end > headerSize {
			return errors.Join(fmt.Errorf("%w; there are records behind it: move the file aside once you know why", damage), err)
		}
	}
	j.repair = &Repair{Segment: segmentName(first), Bytes: int64(min(len(b), headerSize))}
	j.cfg.Log.Warn("the journal's last segment was never finished being created; it is removed", "segment", damage.Segment)
	if err := os.Remove(j.path(first)); err != nil {
		return err
	}
	return syncDir(j.cfg.Dir)
}

func readUpTo(path string, n int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, n))
}

// takeStock notes the segments, their sizes and when they were begun.
func (j *Journal) takeStock(firsts []uint64) error {
	for _, first := range firsts {
		info, err := os.Stat(j.path(first))
		if err != nil {
			return err
		}
		created := info.ModTime() // later than it was begun: a segment whose header cannot be read stays longer
		b, err := readUpTo(j.path(first), headerSize)
		if err != nil {
			return err
		}
		if h, ok := decodeHeader(b); ok {
			created = h.created
		}
		j.segments = append(j.segments, segmentInfo{first: first, size: info.Size(), created: created})
	}
	return nil
}

// reopen reads the last segment to its last whole frame, cuts off what is behind, and goes on there.
func (j *Journal) reopen(r *segmentReader) error {
	r.verify = true
	var err error
	for err == nil {
		_, err = r.next()
	}
	var damage *Damage
	if !errors.Is(err, io.EOF) && !errors.As(err, &damage) {
		return err
	}
	end, err := r.lastByte(r.off)
	if err != nil {
		return err
	}
	if end > r.off {
		if damage == nil {
			damage = r.damage("bytes behind the last record")
		}
		if name, shipped := furthestCursor(j.cfg.Dir); shipped >= r.seq {
			return fmt.Errorf("%w; records up to %d were there once and have been shipped (%s). "+
				"Move the directory aside and keep it; a new journal then begins", damage, shipped, name)
		}
		if end-r.off > maxQueued+maxRecord {
			return fmt.Errorf("%w; %d bytes follow, more than a crash leaves half written: records that were durable are damaged. "+
				"Move the directory aside and keep it; a new journal then begins", damage, end-r.off)
		}
	}
	f, err := os.OpenFile(j.path(r.header.first), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err := j.cut(r, f, end); err != nil {
		return errors.Join(err, f.Close())
	}
	j.file, j.off, j.next, j.prev = j.cfg.Wrap(diskFile{f}), r.off, r.seq, r.prev
	j.durable, j.hash = r.seq-1, r.prev
	j.segments[len(j.segments)-1].size = max(j.cfg.SegmentBytes, r.off)
	return nil
}

// cut sets the torn tail aside and makes the segment zero behind its last whole frame, durable.
func (j *Journal) cut(r *segmentReader, f *os.File, end int64) error {
	if end > r.off {
		saved, err := j.setAside(r, end)
		if err != nil {
			return err
		}
		j.repair = &Repair{Segment: r.name, Offset: r.off, Bytes: end - r.off, Saved: saved}
		j.cfg.Log.Warn("the journal's tail was torn by a crash and is cut back to the last whole record",
			"segment", r.name, "offset", r.off, "bytes", end-r.off, "saved", saved)
	}
	if err := f.Truncate(r.off); err != nil {
		return err
	}
	if err := preallocate(f, max(j.cfg.SegmentBytes, r.off)); err != nil {
		return err
	}
	return f.Sync()
}

// setAside copies the torn bytes to a file of their own: they are evidence.
func (j *Journal) setAside(r *segmentReader, end int64) (string, error) {
	torn := make([]byte, end-r.off)
	if _, err := r.f.ReadAt(torn, r.off); err != nil {
		return "", err
	}
	name := fmt.Sprintf("%s.torn-%d-%d", r.name, r.off, j.cfg.Now().UnixNano())
	return name, writeFile(filepath.Join(j.cfg.Dir, name), torn)
}
