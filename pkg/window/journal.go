package window

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

// The journal holds the changes since the snapshot. A change is handed to the operating system before it counts, so that a killed process
// has forgotten nothing, and is on disk a second later, so that a machine without power has forgotten no more than that. It is a row of
// files, snapshot.journal.1 and so on, each a row of records: length of the body (4 bytes, little-endian), its CRC-32C (4 bytes), body. The
// body begins with what it is; numbers are unsigned varints, text is a length and bytes. Keys and tenants are numbered from 0 in each file.

// The kinds of record.
const (
	recordTenant = 't' // name
	recordKey    = 'k' // meter, key
	recordChange = 'c' // tenant, its seq, ns since 1970, flags, claim, keys, volume more, volume less
)

// The flags of a change.
const (
	flagCloses = 1 << iota
	flagResets
)

const (
	syncEvery     = time.Second
	maxRecord     = 1 << 20 // bytes; a claim has some 500
	journalSuffix = ".journal."
)

// journal is the file that changes go to. Safe for concurrent use.
type journal struct {
	base string // the snapshot's name

	mu     sync.Mutex // guards what follows
	file   *os.File
	number uint64
	end    int64 // offset behind the last whole record
	dirty  bool  // something is not on disk yet
	err    error // why the last write or sync failed; nil again once one succeeds
	lost   bool  // a sync failed: nobody knows what is on disk, until there is a new snapshot
	names  map[string]uint64
	keys   map[authz.MeterKey]uint64
	buf    []byte

	turning sync.Mutex // held while file is synced, or gives way to the next; taken before mu
}

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// unwritable is the error of a change that cannot be written down: it is not made.
func unwritable(err error) error {
	return &authz.Error{Kind: authz.KindUnavailable, Label: "store_unavailable", Public: "Weir could not count this request", Err: fmt.Errorf("counters.snapshot: %w", err)}
}

// append writes a change down. Nothing of it remains where that fails.
func (j *journal) append(t *tenant, c *change) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.lost {
		return unwritable(j.err)
	}
	j.buf = j.buf[:0]
	names, keys := len(j.names), len(j.keys)
	j.change(t, c)
	if _, j.err = j.file.WriteAt(j.buf, j.end); j.err != nil {
		j.forget(names, keys)
		return unwritable(j.err)
	}
	j.end += int64(len(j.buf))
	j.dirty = true
	t.seq++
	return nil
}

// forget takes back the numbers that were given since.
func (j *journal) forget(names, keys int) {
	for name, n := range j.names {
		if n >= uint64(names) { //nolint:gosec // a length
			delete(j.names, name)
		}
	}
	for key, n := range j.keys {
		if n >= uint64(keys) { //nolint:gosec // a length
			delete(j.keys, key)
		}
	}
}

// change encodes a change, and before it what it names for the first time in this file.
func (j *journal) change(t *tenant, c *change) {
	name, ok := j.names[t.name]
	if !ok {
		name = uint64(len(j.names))
		j.names[t.name] = name
		at := j.begin(recordTenant)
		j.text(t.name)
		j.finish(at)
	}
	var room [16]uint64
	numbers := room[:0]
	for _, k := range c.keys {
		n, ok := j.keys[k]
		if !ok {
			n = uint64(len(j.keys))
			j.keys[k] = n
			at := j.begin(recordKey)
			j.text(string(k.Meter))
			j.text(k.Key)
			j.finish(at)
		}
		numbers = append(numbers, n)
	}
	at := j.begin(recordChange)
	flags := uint64(0)
	if c.closes {
		flags |= flagCloses
	}
	if c.resets {
		flags |= flagResets
	}
	j.count(name, t.seq+1, uint64(t.now), flags) //nolint:gosec // a time after 1970
	j.text(c.id)
	j.count(uint64(len(numbers)))
	j.count(numbers...)
	for u := range c.more {
		j.count(uint64(c.more[u])) //nolint:gosec // never negative
	}
	for u := range c.less {
		j.count(uint64(c.less[u])) //nolint:gosec // never negative
	}
	j.finish(at)
}

func (j *journal) begin(kind byte) int {
	at := len(j.buf)
	j.buf = append(j.buf, 0, 0, 0, 0, 0, 0, 0, 0, kind)
	return at
}

func (j *journal) finish(at int) {
	body := j.buf[at+8:]
	binary.LittleEndian.PutUint32(j.buf[at:], uint32(len(body))) //nolint:gosec // far below maxRecord
	binary.LittleEndian.PutUint32(j.buf[at+4:], crc32.Checksum(body, castagnoli()))
}

func (j *journal) count(n ...uint64) {
	for _, n := range n {
		j.buf = binary.AppendUvarint(j.buf, n)
	}
}

func (j *journal) text(s string) {
	j.count(uint64(len(s)))
	j.buf = append(j.buf, s...)
}

// turn begins the next file and returns its number. What is in the one before is on disk then.
func (j *journal) turn() (uint64, error) {
	j.turning.Lock()
	defer j.turning.Unlock()
	f, err := os.OpenFile(j.path(j.number+1), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600) // number changes under turning only
	if err != nil {
		return 0, err
	}
	j.mu.Lock()
	old := j.file
	j.file, j.number, j.end, j.dirty = f, j.number+1, 0, false
	j.names, j.keys = map[string]uint64{}, map[authz.MeterKey]uint64{}
	number := j.number
	j.mu.Unlock()
	if old == nil {
		return number, nil
	}
	err = old.Sync()
	if err2 := old.Close(); err == nil {
		err = err2
	}
	return number, err
}

// drop removes the files before first: the snapshot holds what was in them.
func (j *journal) drop(first uint64) error {
	j.mu.Lock()
	j.lost, j.err = false, nil
	j.mu.Unlock()
	numbers, err := j.list()
	if err != nil {
		return err
	}
	for _, n := range numbers {
		if n < first {
			err = errors.Join(err, os.Remove(j.path(n)))
		}
	}
	return err
}

// sync brings what was written to the disk.
func (m *Memory) sync() {
	if m.journal == nil {
		return
	}
	if err := m.journal.sync(); err != nil {
		m.cfg.Log.Error("the counters' journal may not be on disk: counting is refused until the next snapshot", "file", m.cfg.Snapshot, "cause", err)
	}
}

func (j *journal) sync() error {
	j.turning.Lock()
	defer j.turning.Unlock()
	j.mu.Lock()
	f, dirty := j.file, j.dirty
	j.dirty = false
	j.mu.Unlock()
	if !dirty {
		return nil
	}
	err := f.Sync()
	if err != nil {
		j.mu.Lock()
		j.err, j.lost = err, true
		j.mu.Unlock()
	}
	return err
}

func (j *journal) healthy() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err == nil {
		return nil
	}
	return unwritable(j.err)
}

func (j *journal) close() error {
	err := j.sync()
	if err2 := j.file.Close(); err == nil {
		err = err2
	}
	return err
}

func (j *journal) path(number uint64) string {
	return j.base + journalSuffix + strconv.FormatUint(number, 10)
}

// list returns the numbers of the files that there are, in order.
func (j *journal) list() ([]uint64, error) {
	entries, err := os.ReadDir(filepath.Dir(j.base))
	if err != nil {
		return nil, err
	}
	var numbers []uint64
	for _, e := range entries {
		text, ok := strings.CutPrefix(e.Name(), filepath.Base(j.base)+journalSuffix)
		if n, err := strconv.ParseUint(text, 10, 63); ok && err == nil {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}
