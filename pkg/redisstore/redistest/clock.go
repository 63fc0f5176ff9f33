package redistest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// Clock is the clock of a server, which a test may set.
type Clock struct {
	file *os.File
}

// StartWithClock is Start for a server whose clock can be set while it runs. That takes Linux and a C compiler, and is skipped without.
func StartWithClock(t testing.TB, args ...string) (*Server, *Clock) {
	t.Helper()
	cc, err := exec.LookPath("cc")
	switch {
	case err == nil && runtime.GOOS == "linux":
	case os.Getenv("CI") == "true":
		t.Fatalf("no clock of Redis can be set: %s, %v", runtime.GOOS, err)
	default:
		t.Skipf("no clock of Redis can be set: %s, %v; it takes Linux and a C compiler", runtime.GOOS, err)
	}
	_, here, _, _ := runtime.Caller(0)
	dir := t.TempDir()
	library := filepath.Join(dir, "clock.so")
	build := exec.CommandContext(t.Context(), cc, "-shared", "-fPIC", "-o", library, filepath.Join(filepath.Dir(here), "testdata", "clock.c")) //nolint:gosec // the test's own
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build, err, out)
	}
	c := &Clock{}
	if c.file, err = os.Create(filepath.Join(dir, "moved")); err != nil { //nolint:gosec // a name of ours
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.file.Close() })
	c.Set(t, 0)
	t.Setenv("LD_PRELOAD", library)
	t.Setenv("WEIR_CLOCK", c.file.Name())
	s := Start(t, args...)
	t.Setenv("LD_PRELOAD", "") // for the server alone
	return s, c
}

// Set has the server's clock go wrong by that, in whole seconds; below 0 is slow.
func (c *Clock) Set(t testing.TB, wrong time.Duration) {
	t.Helper()
	if _, err := c.file.WriteAt(fmt.Appendf(nil, "%-20d", int64(wrong/time.Second)), 0); err != nil {
		t.Fatal(err)
	}
}
