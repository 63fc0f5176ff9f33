package audit

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

// Config configures a Journal. Dir is required; other zero values mean the stated default.
type Config struct {
	Dir          string // made with mode 0700 when it is not there
	SegmentBytes int64  // size of one segment; at least 2 MiB; default 64 MiB
	// MaxBytes bounds all segments together; at least two of them; 0: no bound. Where a new segment would pass it, the oldest go
	// that every shipper has shipped; where none may go, Append's receipts fail with KindBusy "journal_full" until one may.
	MaxBytes int64
	// DropUnshipped lets MaxBytes remove segments that were not shipped. Set it where nothing is to be shipped.
	DropUnshipped bool
	// Keep is how old the newest record of a segment must be before DropUnshipped lets it go; until then the journal is full. Without it,
	// whoever may send requests could push out what they did before. Default 0.
	Keep  time.Duration
	Queue int              // records that may wait for the disk; default 4096
	Now   func() time.Time // default time.Now
	Log   *slog.Logger     // default slog.Default()
	Wrap  func(File) File  // put between the journal and each segment it writes, for tests of failing disks; default nothing
}

// Journal is an append-only, hash-chained file of records. All methods are safe for concurrent use; Run must be running for any record to
// become durable.
type Journal struct {
	cfg    Config
	lock   *os.File
	repair *Repair
	wake   chan struct{} // capacity 1: somebody waits for what is to be written, or there is much of it
	late   *time.Timer   // what nobody waits for has waited long enough

	mu       sync.Mutex // guards what follows
	pending  *batch
	timed    bool         // late is running
	spare    []*encoder   // of a batch that is done
	err      error        // sticky: the disk failed
	full     *authz.Error // the last attempt found no room
	closed   bool
	running  bool
	segments []segmentInfo // the last one is being written
	durable  uint64        // number of the last record on disk
	hash     [sha256.Size]byte
	shippers map[string]*watch
	inFlight int // records being written

	// Only Open and Run's goroutine touch what follows.
	file File
	next uint64            // number of the next record
	off  int64             // where it goes
	prev [sha256.Size]byte // chain before it
	sum  hash.Hash
	out  []byte // frames on their way to the file

	zeroed int64  // the file has zeros up to here, behind the records
	zeros  []byte // to write
}

// segmentInfo is one segment as the writer knows it.
type segmentInfo struct {
	first   uint64
	size    int64
	created time.Time
}

// watch is one shipper's place, for retention, and how it learns of new records.
type watch struct {
	shipped uint64
	changed chan struct{} // capacity 1
}

// batch is the records of one write and sync.
type batch struct {
	records []*encoder
	bytes   int
	wanted  atomic.Bool   // somebody waits
	done    chan struct{} // closed once err is final
	err     error
}

// Receipt stands for one record on its way to the disk. The zero Receipt fails.
type Receipt struct {
	b    *batch
	wake chan<- struct{}
}

// Wait returns nil once the record is durable: after the fdatasync that covers it, never before. It returns an *authz.Error when it never
// will be (KindUnavailable "journal_failed" or "journal_closed", KindBusy "journal_full") or when ctx ended first (KindUnavailable
// "journal_slow"; the record may become durable all the same).
func (r Receipt) Wait(ctx context.Context) error {
	if r.b == nil {
		return errClosed
	}
	select {
	case <-r.b.done:
		return r.b.err
	default:
	}
	if !r.b.wanted.Swap(true) {
		nudge(r.wake)
	}
	select {
	case <-r.b.done:
		return r.b.err
	case <-ctx.Done():
		return &authz.Error{Kind: authz.KindUnavailable, Label: "journal_slow", Public: unwritten, Err: ctx.Err()}
	}
}

const unwritten = "Weir could not write its audit record"

var (
	errClosed = &authz.Error{Kind: authz.KindUnavailable, Label: "journal_closed", Public: unwritten}
	errQueue  = &authz.Error{Kind: authz.KindBusy, Label: "journal_full", Public: unwritten, Err: errors.New("too many records wait for the disk")}
)

// Open opens or creates the journal in cfg.Dir, makes this process its only writer, and cuts a torn tail back to the last whole record
// (see Repaired). It refuses a journal whose damage is no torn tail: then records that were durable would be lost, and a person has to
// look (Verify says where).
func Open(cfg Config) (*Journal, error) {
	if err := cfg.defaults(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make journal: %w", err)
	}
	lock, err := lockDir(cfg.Dir)
	if err != nil {
		return nil, err
	}
	j := &Journal{cfg: cfg, lock: lock, wake: make(chan struct{}, 1), late: time.NewTimer(time.Hour), pending: newBatch(), shippers: map[string]*watch{}, sum: sha256.New(), next: 1}
	if err := j.resume(); err != nil {
		return nil, errors.Join(fmt.Errorf("open journal %s: %w", cfg.Dir, err), lock.Close())
	}
	return j, nil
}

func (cfg *Config) defaults() error {
	if cfg.Dir == "" {
		return errors.New("audit: Config.Dir is required")
	}
	if cfg.SegmentBytes == 0 {
		cfg.SegmentBytes = 64 << 20
	}
	if cfg.SegmentBytes < 2*maxRecord {
		return fmt.Errorf("audit: Config.SegmentBytes is %d, want at least %d", cfg.SegmentBytes, 2*maxRecord)
	}
	if cfg.MaxBytes != 0 && cfg.MaxBytes < 2*cfg.SegmentBytes {
		return fmt.Errorf("audit: Config.MaxBytes is %d, want at least two segments of %d", cfg.MaxBytes, cfg.SegmentBytes)
	}
	if cfg.Queue <= 0 {
		cfg.Queue = 4096
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Wrap == nil {
		cfg.Wrap = func(f File) File { return f }
	}
	return nil
}

func newBatch() *batch { return &batch{done: make(chan struct{})} }

// Append encodes rec and queues it; it does not keep rec, and does not wait for the disk. It is written when somebody waits for it or for a
// later one, and 2 ms later at the latest. Errors are *authz.Error: KindBusy
// "journal_full" when too much waits, KindUnavailable "journal_failed", "journal_closed", or "record_unwritable" for a record that is over
// 1 MiB or holds a number that JSON cannot write.
func (j *Journal) Append(rec *authz.Record) (Receipt, error) {
	e := encoders.Get().(*encoder)
	e.b = append(e.b[:0], make([]byte, frameHead)...)
	e.record(rec)
	if len(e.b)-frameHead > maxRecord {
		e.fail(fmt.Errorf("the record has %d bytes, %d are allowed", len(e.b)-frameHead, maxRecord))
	}
	if e.err != nil {
		err := &authz.Error{Kind: authz.KindUnavailable, Label: "record_unwritable", Public: unwritten, Err: e.err}
		recycle(e)
		return Receipt{}, err
	}
	b, err := j.queue(e)
	if err != nil {
		recycle(e)
		return Receipt{}, err
	}
	return Receipt{b, j.wake}, nil
}

func (j *Journal) queue(e *encoder) (*batch, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch b := j.pending; {
	case j.err != nil:
		return nil, j.err
	case j.closed:
		return nil, errClosed
	case len(b.records) >= j.cfg.Queue, b.bytes+len(e.b) > maxQueued:
		return nil, errQueue
	default:
		b.records = append(b.records, e)
		b.bytes += len(e.b)
		switch {
		case len(b.records) > j.cfg.Queue/2 || b.bytes > maxQueued/2:
			nudge(j.wake)
		case !j.timed:
			j.timed = true
			j.late.Reset(lateAfter)
		}
		return b, nil
	}
}

// nudge wakes whoever reads c, once for all who nudge before it looks.
func nudge(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Err returns why the journal can take no more records: an *authz.Error "journal_failed" once a write or sync has failed, "journal_closed"
// after Run has returned or Close; nil while it is well.
func (j *Journal) Err() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err == nil && j.closed {
		return errClosed
	}
	return j.err
}

// Ready returns Err, or an *authz.Error "journal_full" while there is no room for more records.
func (j *Journal) Ready() error {
	if err := j.Err(); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.full != nil {
		return j.full
	}
	return nil
}

// Close gives the directory free for another writer. Records that were queued and never written fail. Call it after Run has returned, or
// where Run was never started.
func (j *Journal) Close() error {
	j.mu.Lock()
	if j.running {
		j.mu.Unlock()
		return errors.New("audit: Close while Run is running")
	}
	if j.lock == nil {
		j.mu.Unlock()
		return nil
	}
	b, lock := j.pending, j.lock
	j.closed, j.pending, j.lock = true, newBatch(), nil
	j.mu.Unlock()
	b.finish(errClosed)
	return errors.Join(j.file.Close(), lock.Close())
}

// finish tells everyone who waits for the batch.
func (b *batch) finish(err error) {
	b.err = err
	close(b.done)
	for i, e := range b.records {
		recycle(e)
		b.records[i] = nil
	}
	b.records = b.records[:0]
}

// Dir returns the journal's directory.
func (j *Journal) Dir() string { return j.cfg.Dir }

// Stats is a journal's state at one moment.
type Stats struct {
	Last      uint64 // number of the last durable record; 0 for an empty journal
	Queued    int    // records that wait for the disk, those being written included
	Segments  int
	Bytes     int64 // size of all segments, the preallocated rest of the last one included
	FreeBytes int64 // free space of the file system; -1 when it cannot be told
	Failed    bool  // Ready is not nil
}

// Stats returns the journal's state. It asks the file system; call it for a metrics page, not for every request.
func (j *Journal) Stats() Stats {
	free := freeBytes(j.cfg.Dir)
	j.mu.Lock()
	defer j.mu.Unlock()
	s := Stats{Last: j.durable, Queued: len(j.pending.records) + j.inFlight, Segments: len(j.segments), FreeBytes: free, Failed: j.err != nil || j.closed || j.full != nil}
	for _, seg := range j.segments {
		s.Bytes += seg.size
	}
	return s
}

// path is the file of the segment that begins with record first.
func (j *Journal) path(first uint64) string { return filepath.Join(j.cfg.Dir, segmentName(first)) }
