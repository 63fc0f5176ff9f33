package audit_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/weirgate/weir/pkg/audit"
)

// TestRemovedWhileWritten: a segment that somebody removes takes what is in it along when the process ends. Nothing that is written to it is
// durable, so the journal fails, as it does where the disk does.
func TestRemovedWhileWritten(t *testing.T) {
	for name, remove := range map[string]func(dir string) error{
		"the directory": os.RemoveAll,
		"the segment": func(dir string) error {
			segments, err := filepath.Glob(filepath.Join(dir, "*.weir"))
			if err != nil || len(segments) != 1 {
				return errors.Join(err, errors.New("want one segment"))
			}
			return os.Remove(segments[0])
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "journal")
			j, stop := open(t, audit.Config{Dir: dir, Log: quiet})
			write(t, j, decision("before"))
			if err := remove(dir); err != nil {
				t.Fatal(err)
			}
			receipt, err := j.Append(decision("after"))
			if err == nil {
				err = receipt.Wait(t.Context())
			}
			if label(err) != "journal_failed" {
				t.Errorf("a record of a segment that is gone: %v, want journal_failed", err)
			}
			if err := stop(); label(err) != "journal_failed" {
				t.Errorf("Run: %v, want journal_failed", err)
			}
		})
	}
}

// TestMovedWhileWritten: moved, it is as durable as it was.
func TestMovedWhileWritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	j, stop := open(t, audit.Config{Dir: dir, Log: quiet})
	write(t, j, decision("before"))
	if err := os.Rename(dir, dir+".moved"); err != nil {
		t.Fatal(err)
	}
	write(t, j, decision("after"))
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if got := decisions(t, dir+".moved"); len(got) != 2 {
		t.Errorf("records %v, want two", got)
	}
}
