package distinct

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

const (
	// syncEvery is how often what was committed is brought to the disk.
	syncEvery = time.Second
	// slack is how many records more than twice those that it was last written anew with the file may have, before it is again.
	slack = 1 << 16
)

// disk is the file that commits go to. Memory.mu guards it; only Run, and Close after it, replace the file.
type disk struct {
	name    string
	file    *os.File
	end     int64 // offset behind the last record
	records int
	least   int // that it was written anew with
	dirty   bool
	lost    error // a sync failed: nobody knows what is on disk, until the file is written anew
	buf     []byte
}

// unwritable is the error of a commit that cannot be written down: it is not made.
func unwritable(err error) error {
	return &authz.Error{Kind: authz.KindUnavailable, Label: "store_unavailable", Public: "Weir could not note what leaves", Err: fmt.Errorf("documents: %w", err)}
}

// append writes down a cell. The caller holds Memory.mu.
func (d *disk) append(holder Key, day int64, c cell) error {
	if d.lost != nil {
		return unwritable(d.lost)
	}
	d.buf = appendRecord(d.buf[:0], holder, day, c)
	if _, err := d.file.WriteAt(d.buf, d.end); err != nil {
		return unwritable(err) // what is there of it is written over, or tells of more than has left
	}
	d.end += int64(recordLen)
	d.records++
	d.dirty = true
	return nil
}

// begin reads the file, if there is one, and writes it anew with no more in it than counts.
func (m *Memory) begin() error {
	f, err := os.Open(m.cfg.File)
	if err == nil {
		err = readFile(f, m.restore)
		_ = f.Close() // it was read
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	m.disk = &disk{name: m.cfg.File}
	return m.compact()
}

// restore counts what a record says, as far as it counts still.
func (m *Memory) restore(r record) {
	h := m.find(r.holder, r.day)
	for _, c := range r.cells {
		if r.day > h.today-Days {
			m.add(h, r.day, c)
		}
	}
}

// Run brings what was committed to the disk each second until ctx ends, and returns nil. What goes wrong is told by the commits after it,
// which fail until it is mended.
func (m *Memory) Run(ctx context.Context) error {
	if m.disk == nil {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(syncEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			m.tend()
		case <-ctx.Done():
			m.tend()
			return nil
		}
	}
}

// tend brings what was committed to the disk, and writes the file anew where it is long, or nobody knows what of it is on disk.
func (m *Memory) tend() {
	m.mu.Lock()
	d := m.disk
	file, dirty, anew := d.file, d.dirty, d.lost != nil || d.records > 2*d.least+slack
	d.dirty = false
	m.mu.Unlock()
	var err error
	switch {
	case anew:
		err = m.compact()
	case dirty:
		err = file.Sync()
	}
	if err != nil {
		m.mu.Lock()
		d.lost = err
		m.mu.Unlock()
	}
}

// Close brings what was committed to the disk. Run has ended by then, and nothing is committed after it.
func (m *Memory) Close() error {
	if m.disk == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.disk.lost == nil {
		m.disk.lost = fs.ErrClosed
	}
	return errors.Join(m.disk.file.Sync(), m.disk.file.Close())
}

// compact writes the file anew, in place of the last one only when it is whole and on disk. Commits go on meanwhile, but for the last part.
func (m *Memory) compact() error {
	m.mu.Lock()
	d := m.disk
	b := m.written(Day(m.cfg.Now()))
	since := d.end
	m.mu.Unlock()
	f, err := os.CreateTemp(filepath.Dir(d.name), ".documents-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone already after the rename
	_, err = f.WriteAt(b, 0)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = m.replace(f, int64(len(b)), since)
	}
	if err != nil {
		_ = f.Close() // it is given up
	}
	return err
}

// written is the whole file as it is to be. Who has had nothing that counts is forgotten.
func (m *Memory) written(today int64) []byte {
	b := []byte(fileMagic)
	var before *list.Element
	for e := m.recent.Back(); e != nil; e = before {
		before = e.Prev()
		h := e.Value.(*holder) //nolint:errcheck,forcetypeassert // there is nothing else in it
		m.roll(h, today)
		kept := len(h.open)
		for i := range h.days {
			if h.days[i].of != nil {
				b = appendSketch(b, h.key, h.days[i])
				kept++
			}
		}
		if kept == 0 {
			m.recent.Remove(e)
			delete(m.holders, h.key)
			m.sketches--
		}
	}
	return b
}

// replace makes f the file, with what was committed since it was begun.
func (m *Memory) replace(f *os.File, end, since int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.disk
	more := d.end - since
	if more > 0 {
		if _, err := io.Copy(io.NewOffsetWriter(f, end), io.NewSectionReader(d.file, since, more)); err != nil {
			return err
		}
		if err := f.Sync(); err != nil {
			return err
		}
	}
	if err := os.Rename(f.Name(), d.name); err != nil {
		return err
	}
	if err := syncDir(filepath.Dir(d.name)); err != nil {
		return err
	}
	if d.file != nil {
		_ = d.file.Close() // nothing reads it any more
	}
	d.file, d.end, d.dirty, d.lost = f, end+more, false, nil
	d.records = int(d.end) / recordLen
	d.least = d.records
	return nil
}

// syncDir makes what became of a directory's files durable.
func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
