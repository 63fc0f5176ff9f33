package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

// Run writes what Append queues, in one goroutine: all that waits goes out in one write and one fdatasync, and while that runs the next
// batch gathers. A caller who waits never waits for a timer; a record that nobody waits for may gather with those that follow it, so that
// a short exchange costs one sync for both of its records. When ctx ends it writes what is queued and returns nil, and the journal takes no
// more. It returns the error that failed the journal; then the process should end, because what the disk holds is unknown until Open has
// looked.
func (j *Journal) Run(ctx context.Context) error {
	j.mu.Lock()
	if j.running || j.closed {
		j.mu.Unlock()
		return errors.New("audit: Run on a journal that is running or closed")
	}
	j.running = true
	j.mu.Unlock()
	for stop := false; ; {
		if stop {
			j.close(nil)
		}
		if err := j.writePending(); err != nil {
			return err
		}
		if stop {
			j.mu.Lock()
			j.running = false
			j.mu.Unlock()
			return nil
		}
		select {
		case <-j.wake:
		case <-j.late.C:
			j.mu.Lock()
			j.timed = false
			j.mu.Unlock()
		case <-j.again():
			if err := j.conclude(newBatch(), j.rotate()); err != nil {
				return err
			}
		case <-ctx.Done():
			stop = true
		}
	}
}

// lateAfter is how long a record may wait for company while nobody waits for it.
const lateAfter = 2 * time.Millisecond

// roomEvery is how often a journal that is full looks for room by itself, so that Ready is true again before somebody asks.
const roomEvery = time.Second

// again fires when it is time to look for room; never while there is room.
func (j *Journal) again() <-chan time.Time {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.full == nil {
		return nil
	}
	return time.After(roomEvery)
}

// close makes Append refuse from now on.
func (j *Journal) close(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.closed = true
	if j.err == nil {
		j.err = err
	}
}

// writePending writes the batch that has gathered. Its error is sticky.
func (j *Journal) writePending() error {
	runtime.Gosched() // whoever is about to append is first: one sync for all; a lone caller does not notice
	j.mu.Lock()
	b := j.pending
	if len(b.records) == 0 {
		j.mu.Unlock()
		return nil
	}
	j.pending, j.inFlight = newBatch(), len(b.records)
	j.pending.records, j.spare = j.spare, nil
	j.mu.Unlock()

	return j.conclude(b, j.commit(b.records))
}

// conclude tells everyone who waits for b how its writing ended, and keeps what that says of the journal. It returns what failed the journal.
func (j *Journal) conclude(b *batch, err error) error {
	var broken, full *authz.Error
	var waiting *batch
	j.mu.Lock()
	j.inFlight = 0
	was := j.full != nil
	switch {
	case errors.Is(err, errNoRoom):
		full = &authz.Error{Kind: authz.KindBusy, Label: "journal_full", Public: unwritten, Err: err}
		err = full
	case err != nil:
		broken = &authz.Error{Kind: authz.KindUnavailable, Label: "journal_failed", Public: unwritten, Err: err}
		err = broken
		waiting = j.pending
		j.err, j.running, j.pending = broken, false, newBatch()
	}
	j.full = full
	j.mu.Unlock()

	b.finish(err)
	if broken != nil {
		waiting.finish(broken)
		j.cfg.Log.Error("the journal failed: no record can be written, so nothing is released", "dir", j.cfg.Dir, "cause", broken.Err)
		return broken
	}
	if is := full != nil; is != was {
		j.cfg.Log.Error("whether the journal has room has changed: while it is full, nothing is released", "dir", j.cfg.Dir, "full", is, "cause", err)
	}
	j.mu.Lock()
	j.spare = b.records
	j.mu.Unlock()
	return nil
}

// errNoRoom is "not now": no byte of the records was written, and later there may be room.
var errNoRoom = errors.New("no room for another segment")

// commit makes the records durable, in order, over as many segments as they need.
func (j *Journal) commit(records []*encoder) error {
	for len(records) > 0 {
		n, size := 0, j.off
		for n < len(records) && size+int64(len(records[n].b)) <= j.cfg.SegmentBytes {
			size += int64(len(records[n].b))
			n++
		}
		if n == 0 {
			if err := j.rotate(); err != nil {
				return err
			}
			continue
		}
		if err := j.write(records[:n]); err != nil {
			return err
		}
		records = records[n:]
	}
	return nil
}

// write makes records that fit into the segment durable with one write and one sync.
func (j *Journal) write(records []*encoder) error {
	j.out = j.out[:0]
	for _, e := range records {
		seal(j.sum, e.b, &j.prev)
		j.out = append(j.out, e.b...)
	}
	n, err := j.file.WriteAt(j.out, j.off)
	if err == nil && n < len(j.out) {
		err = fmt.Errorf("%d of %d bytes written", n, len(j.out))
	}
	if err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	if err := j.zeroAhead(j.off + int64(len(j.out))); err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	if err := j.file.Sync(); err != nil {
		return fmt.Errorf("sync journal: %w", err)
	}
	j.off += int64(len(j.out))
	j.next += uint64(len(records))
	if cap(j.out) > 2*maxRecord {
		j.out = nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.durable, j.hash = j.next-1, j.prev
	for _, w := range j.shippers {
		nudge(w.changed)
	}
	return nil
}

// zeroed is how far ahead of the records zeros are written, in bytes.
const zeroed = 512 << 10

// zeroAhead writes zeros behind end, some hundred records' worth at a time. Blocks that are reserved but were never written cost the
// file system a change of its own books at each sync: measured, 170 µs instead of 110.
func (j *Journal) zeroAhead(end int64) error {
	if end <= j.zeroed {
		return nil
	}
	if j.zeros == nil {
		j.zeros = make([]byte, zeroed)
	}
	n := min(zeroed, j.cfg.SegmentBytes-end)
	if n <= 0 {
		return nil
	}
	_, err := j.file.WriteAt(j.zeros[:n], end)
	j.zeroed = end + n
	return err
}

// rotate begins the next segment. errNoRoom leaves everything as it was.
func (j *Journal) rotate() error {
	if err := j.makeRoom(); err != nil {
		return err
	}
	old, used := j.file, j.off
	if err := j.begin(); err != nil {
		return err
	}
	if old == nil {
		return nil
	}
	j.mu.Lock()
	j.segments[len(j.segments)-2].size = used
	j.mu.Unlock()
	// Cutting the preallocated rest off is tidiness: readers take zeros for the end.
	if err := errors.Join(old.Truncate(used), old.Close()); err != nil {
		j.cfg.Log.Warn("a full segment could not be cut to its length", "dir", j.cfg.Dir, "cause", err)
	}
	return nil
}

// begin creates the segment that starts with record next, whole and durable before any frame is written to it.
func (j *Journal) begin() error {
	path := j.path(j.next)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		if isFull(err) {
			return fmt.Errorf("%w: %w", errNoRoom, err)
		}
		return fmt.Errorf("begin segment: %w", err)
	}
	h := header{first: j.next, prev: j.prev, created: j.cfg.Now()}
	if err = preallocate(f, j.cfg.SegmentBytes); err == nil {
		_, err = f.WriteAt(h.encode(), 0)
	}
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = syncDir(j.cfg.Dir)
	}
	if err != nil {
		full := isFull(err)
		err = errors.Join(err, f.Close())
		if full {
			if rm := os.Remove(path); rm == nil {
				return fmt.Errorf("%w: %w", errNoRoom, err)
			}
		}
		return fmt.Errorf("begin segment: %w", err)
	}
	j.file, j.off, j.zeroed = j.cfg.Wrap(diskFile{f}), headerSize, 0
	j.mu.Lock()
	j.segments = append(j.segments, segmentInfo{first: j.next, size: j.cfg.SegmentBytes, created: h.created})
	j.mu.Unlock()
	return nil
}

// makeRoom removes the oldest segments as far as MaxBytes asks for it before another one is begun.
func (j *Journal) makeRoom() error {
	if j.cfg.MaxBytes == 0 {
		return nil
	}
	for {
		victim, err := j.victim()
		if err != nil || victim == 0 {
			return err
		}
		if err := os.Remove(j.path(victim)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("%w: %w", errNoRoom, err)
		}
		j.mu.Lock()
		j.segments = j.segments[1:]
		j.mu.Unlock()
	}
}

// victim returns the segment that has to go before another one is begun; 0 when there is room.
func (j *Journal) victim() (uint64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	total := j.cfg.SegmentBytes
	for _, s := range j.segments {
		total += s.size
	}
	if n := len(j.segments); n > 0 {
		total += j.off - j.segments[n-1].size // the rest of it is cut off
	}
	if total <= j.cfg.MaxBytes {
		return 0, nil
	}
	if len(j.segments) < 2 || !j.mayGo(j.segments[1]) {
		return 0, fmt.Errorf("%w: the journal has reached its bound of %d bytes and what is in it was not shipped, or is too young to go", errNoRoom, j.cfg.MaxBytes)
	}
	return j.segments[0].first, nil
}

// mayGo reports whether every record before the segment next may go: all of it was shipped, or may go without and is old enough.
func (j *Journal) mayGo(next segmentInfo) bool {
	if j.cfg.DropUnshipped {
		return j.cfg.Now().Sub(next.created) >= j.cfg.Keep
	}
	for _, w := range j.shippers {
		if w.shipped+1 < next.first {
			return false
		}
	}
	return len(j.shippers) > 0
}
