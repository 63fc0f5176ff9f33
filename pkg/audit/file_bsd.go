//go:build darwin || freebsd

package audit

import (
	"os"
	"syscall"
)

// datasync makes what was written durable.
func datasync(f *os.File) error { return f.Sync() }

// preallocate makes the file as long as size; the space is not reserved here.
func preallocate(f *os.File, size int64) error { return f.Truncate(size) }

// freeBytes returns what an unprivileged writer can still use of dir's file system; -1 when it cannot be told.
func freeBytes(dir string) int64 {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return -1
	}
	return int64(s.Bavail) * int64(s.Bsize)
}
