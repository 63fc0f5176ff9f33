package audit_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/weirgate/weir/pkg/audit"
)

// disk stands between a journal and its segments. The hooks run before the real call; an error replaces it.
type disk struct {
	mu      sync.Mutex
	onWrite func(p []byte) (int, error) // n ≥ 0 with nil error: only n bytes are written
	onSync  func() error
	synced  atomic.Int64 // syncs that have returned nil
}

func (d *disk) wrap(f audit.File) audit.File { return &diskFile{File: f, d: d} }

func (d *disk) set(write func(p []byte) (int, error), sync func() error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.onWrite, d.onSync = write, sync
}

type diskFile struct {
	audit.File
	d *disk
}

func (f *diskFile) WriteAt(p []byte, off int64) (int, error) {
	f.d.mu.Lock()
	hook := f.d.onWrite
	f.d.mu.Unlock()
	if hook == nil {
		return f.File.WriteAt(p, off)
	}
	n, err := hook(p)
	if n < 0 {
		return f.File.WriteAt(p, off)
	}
	if _, werr := f.File.WriteAt(p[:n], off); werr != nil {
		return 0, werr
	}
	return n, err
}

func (f *diskFile) Sync() error {
	f.d.mu.Lock()
	hook := f.d.onSync
	f.d.mu.Unlock()
	if hook != nil {
		if err := hook(); err != nil {
			return err
		}
	}
	err := f.File.Sync()
	if err == nil {
		f.d.synced.Add(1)
	}
	return err
}

// open opens a journal and runs it; stop ends it, closes it, and returns what Run returned.
func open(t testing.TB, cfg audit.Config) (j *audit.Journal, stop func() error) {
	t.Helper()
	j, err := audit.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return j, run(t, j)
}
