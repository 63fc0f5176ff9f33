package coverage

import (
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
	// slack is how many records more than twice what is kept the file may have, before it is written anew.
	slack = 1 << 16
)

// disk is the file that commits go to. Memory.mu guards it; only Run, and Close after it, replace the file.
type disk struct {
	name    string
	file    *os.File
	end     int64 // offset behind the last record
	records int
	dirty   bool
	lost    error // a sync failed: nobody knows what is on disk, until the file is written anew
	buf     []byte
}

// unwritable is the error of a commit that cannot be written down: it is not made.
func unwritable(err error) error {
	return &authz.Error{Kind: authz.KindUnavailable, Label: "store_unavailable", Public: "Weir could not note what leaves", Err: fmt.Errorf("coverage: %w", err)}
}

// append writes down what has left. The caller holds Memory.mu.
func (d *disk) append(all []object) error {
	if d.lost != nil {
		return unwritable(d.lost)
	}
	d.buf = d.buf[:0]
	for i := range all {
		d.buf = appendRecord(d.buf, &all[i])
	}
	if _, err := d.file.WriteAt(d.buf, d.end); err != nil {
		return unwritable(err) // what is there of it is written over, or tells of more than has left
	}
	d.end += int64(len(d.buf))
	d.records += len(all)
	d.dirty = true
	return nil
}

// begin reads the file, if there is one, and writes it anew with no more in it than counts.
func (m *Memory) begin() error {
	f, err := os.Open(m.cfg.File)
	if err == nil {
		err = readFile(f, m.put)
		_ = f.Close() // it was read
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	m.disk = &disk{name: m.cfg.File}
	return m.compact()
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
	file, dirty, anew := d.file, d.dirty, d.lost != nil || d.records > 2*m.recent.Len()+slack
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
	now, d := m.cfg.Now(), m.disk
	b := []byte(fileMagic)
	for e := m.recent.Back(); e != nil; e = e.Prev() {
		if o := e.Value.(*object); !m.expired(o, now) { //nolint:errcheck,forcetypeassert // there is nothing else in it
			b = appendRecord(b, o)
		}
	}
	since := d.end
	m.mu.Unlock()
	f, err := os.CreateTemp(filepath.Dir(d.name), ".coverage-*")
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
