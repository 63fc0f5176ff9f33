//go:build unix

package main

import (
	"fmt"
	"syscall"
	"time"
)

// ownTime returns how long this process has been on a CPU, all its threads together: what others do on the same cores does not count.
func ownTime() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, fmt.Errorf("getrusage: %w", err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}
