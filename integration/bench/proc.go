package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// cpuTime returns how long a process's threads have been on a CPU, in user and kernel mode (Linux). Each thread's schedstat counts
// nanoseconds, where /proc/PID/stat has ticks of 10 ms. A thread that ended takes its time with it; Go's threads stay.
func cpuTime(pid int) (time.Duration, error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err == nil && len(files) == 0 {
		err = os.ErrNotExist
	}
	if err != nil {
		return 0, fmt.Errorf("threads of process %d: %w", pid, err)
	}
	var sum time.Duration
	for _, f := range files {
		ns, err := number(f, 0)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(ns)
	}
	return sum, nil
}

// resident returns a process's resident memory in bytes (Linux).
func resident(pid int) (int64, error) {
	pages, err := number(fmt.Sprintf("/proc/%d/statm", pid), 1)
	return pages * int64(os.Getpagesize()), err
}

// number reads one of a file's numbers.
func number(file string, field int) (int64, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text))
	if len(fields) <= field {
		return 0, fmt.Errorf("%s: no field %d", file, field)
	}
	return strconv.ParseInt(fields[field], 10, 64)
}
