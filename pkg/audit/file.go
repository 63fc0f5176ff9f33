package audit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// File is what the journal writes a segment through. The default is a file of the operating system; tests put one between that fails.
type File interface {
	// WriteAt writes all of p, or returns an error.
	WriteAt(p []byte, off int64) (int, error)
	// Sync returns once everything written is on disk (fdatasync). After an error it is unknown what is.
	Sync() error
	Truncate(size int64) error
	Close() error
}

// diskFile is a segment on disk.
type diskFile struct{ *os.File }

// Sync is an error too where the segment was removed: what is in it is gone with this process, so it is not durable.
func (f diskFile) Sync() error {
	if err := datasync(f.File); err != nil {
		return err
	}
	var st syscall.Stat_t
	if err := syscall.Fstat(int(f.Fd()), &st); err != nil {
		return fmt.Errorf("fstat: %w", err)
	}
	if st.Nlink == 0 {
		return errRemoved
	}
	return nil
}

var errRemoved = errors.New("the segment that is being written was removed")

// syncDir makes the creation, renaming or removal of a file in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// writeFile replaces a small file, all or nothing, also across a loss of power.
func writeFile(path string, data []byte) error {
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return syncDir(filepath.Dir(path))
}

// A directory that is locked is tried so often, at such intervals.
const (
	lockTries = 5
	lockPause = 20 * time.Millisecond
)

// ErrLocked is in the error of Open for a journal that another process has open.
var ErrLocked = errors.New("written by another process")

// lockDir makes this process the only writer of dir until the returned file is closed, by it or by the process's end.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	for tries := 0; errors.Is(err, syscall.EWOULDBLOCK) && tries < lockTries; tries++ {
		time.Sleep(lockPause) // a reader may be looking whether there is a writer
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	}
	if err != nil {
		pid := make([]byte, 20)
		n, _ := f.ReadAt(pid, 0)
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("journal %s is being %w (%q)", dir, ErrLocked, pid[:n])
		}
		return nil, fmt.Errorf("lock journal %s: %w", dir, err)
	}
	if err := f.Truncate(0); err == nil {
		_, _ = f.WriteAt(strconv.AppendInt(nil, int64(os.Getpid()), 10), 0) // a hint for whoever finds it locked
	}
	return f, nil
}

// isFull reports whether err says that there is no room, rather than that something broke.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
