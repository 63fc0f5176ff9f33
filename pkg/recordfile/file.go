package recordfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

const (
	// syncEvery is how often what was appended is brought to the disk.
	syncEvery = time.Second
	// slack is how many records more than twice those that it was last written anew with the file may have, before it is again.
	slack = 1 << 16
)

// Config says what a File is of. All fields are required.
type Config struct {
	Form
	Name string
	// Lock is the owner's: it guards what is counted and the file's end. It is held by the caller of Append, and taken by everything else.
	Lock sync.Locker
	// Each takes a record of the file, as at Form.Read. Only Open calls it, without Lock.
	Each func(body []byte) bool
	// Whole appends the records of all that counts now, sealed. It is called with Lock held.
	Whole func(b []byte) []byte
}

// File is an open file of records. Only Run, and Close after it, replace what lies under its name; Config.Lock guards the fields.
type File struct {
	cfg     Config
	file    *os.File
	end     int64 // offset behind the last record
	records int
	least   int // that it was written anew with
	dirty   bool
	lost    error // a sync failed: nobody knows what is on disk, until the file is written anew
}

// Open reads the file, if there is one, and writes it anew with no more in it than counts.
func Open(cfg Config) (*File, error) {
	f, err := os.Open(cfg.Name)
	if err == nil {
		err = cfg.Read(f, cfg.Each)
		_ = f.Close() // it was read
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	out := &File{cfg: cfg}
	return out, out.compact()
}

// Append writes down sealed records, before what they say counts. The caller holds Config.Lock. An error is an *authz.Error of KindUnavailable:
// they are not written, and must not count.
func (f *File) Append(records []byte) error {
	err := f.lost
	if err == nil {
		_, err = f.file.WriteAt(records, f.end) // what is there of it after an error is written over, or tells of more than has left
	}
	if err != nil {
		return &authz.Error{Kind: authz.KindUnavailable, Label: "store_unavailable", Public: "Weir could not note what leaves", Err: fmt.Errorf("%s: %w", f.cfg.What, err)}
	}
	f.end += int64(len(records))
	f.records += len(records) / f.cfg.Length
	f.dirty = true
	return nil
}

// Run brings what was appended to the disk each second until ctx ends, and returns nil. What goes wrong is told by Append, which fails until
// it is mended.
func (f *File) Run(ctx context.Context) error {
	tick := time.NewTicker(syncEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			f.tend()
		case <-ctx.Done():
			f.tend()
			return nil
		}
	}
}

// tend brings what was appended to the disk, and writes the file anew where it is long, or nobody knows what of it is on disk.
func (f *File) tend() {
	f.cfg.Lock.Lock()
	file, dirty, anew := f.file, f.dirty, f.lost != nil || f.records > 2*f.least+slack
	f.dirty = false
	f.cfg.Lock.Unlock()
	var err error
	switch {
	case anew:
		err = f.compact()
	case dirty:
		err = file.Sync()
	}
	if err != nil {
		f.cfg.Lock.Lock()
		f.lost = err
		f.cfg.Lock.Unlock()
	}
}

// Close brings what was appended to the disk. Run has ended by then; what is appended after it is an error.
func (f *File) Close() error {
	f.cfg.Lock.Lock()
	defer f.cfg.Lock.Unlock()
	if f.lost == nil {
		f.lost = fs.ErrClosed
	}
	return errors.Join(f.file.Sync(), f.file.Close())
}

// compact writes the file anew, in place of the last one only when it is whole and on disk. Others append meanwhile, but for the last part.
func (f *File) compact() error {
	f.cfg.Lock.Lock()
	b := f.cfg.Whole([]byte(f.cfg.Magic))
	since := f.end
	f.cfg.Lock.Unlock()
	next, err := os.CreateTemp(filepath.Dir(f.cfg.Name), "."+f.cfg.What+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(next.Name()) // gone already after the rename
	_, err = next.WriteAt(b, 0)
	if err == nil {
		err = next.Sync()
	}
	if err == nil {
		err = f.replace(next, int64(len(b)), since)
	}
	if err != nil {
		_ = next.Close() // it is given up
	}
	return err
}

// replace makes next the file, with what was appended since it was begun.
func (f *File) replace(next *os.File, end, since int64) error {
	f.cfg.Lock.Lock()
	defer f.cfg.Lock.Unlock()
	more := f.end - since
	if more > 0 {
		if _, err := io.Copy(io.NewOffsetWriter(next, end), io.NewSectionReader(f.file, since, more)); err != nil {
			return err
		}
		if err := next.Sync(); err != nil {
			return err
		}
	}
	if err := os.Rename(next.Name(), f.cfg.Name); err != nil {
		return err
	}
	if err := syncDir(filepath.Dir(f.cfg.Name)); err != nil {
		return err
	}
	if f.file != nil {
		_ = f.file.Close() // nothing reads it any more
	}
	f.file, f.end, f.dirty, f.lost = next, end+more, false, nil
	f.records = int(f.end) / f.cfg.Length
	f.least = f.records
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
