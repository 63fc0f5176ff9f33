package integration_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/weirgate/weir/integration/harness"
)

// TestDemoEndsQuietly runs "make demo KEEP=1" on a terminal and presses Ctrl-C: that is how it is meant to end.
func TestDemoEndsQuietly(t *testing.T) {
	envoy, err := harness.FindEnvoy()
	harness.Need(t, err)
	weir, err := harness.WeirBinary()
	if err != nil {
		t.Fatal(err)
	}
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs, err := terminal()
	harness.Need(t, err)
	run := exec.CommandContext(t.Context(), "make", "--no-print-directory", "-o", "build", "demo", "KEEP=1", "WEIR="+weir)
	run.Dir, run.Env = root, append(os.Environ(), "ENVOY="+envoy)
	run.Stdin, run.Stdout, run.Stderr = theirs, theirs, theirs
	run.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true} // the terminal is its file 0
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	stuck := time.AfterFunc(3*time.Minute, func() { _ = run.Process.Kill() })
	defer stuck.Stop()
	_ = theirs.Close() // so that reading ends with the last that has it open
	said := until(ours, "audit tail --config weir.yaml)\r\n")
	if _, err := ours.WriteString("\x03"); err != nil {
		t.Error(err)
	}
	rest := until(ours, "")
	_ = ours.Close()
	if err := run.Wait(); err != nil {
		t.Errorf("make demo KEEP=1: %v", err)
	}
	if got := strings.TrimSpace(strings.ReplaceAll(rest, "^C", "")); got != "" || !strings.Contains(said, " passed, 0 failed") {
		t.Errorf("after Ctrl-C it says %q; before:\n%s", got, said)
	}
}

// until reads until the text has come, or all of it for "".
func until(f *os.File, text string) string {
	var out bytes.Buffer
	part := make([]byte, 4096)
	for text == "" || !strings.Contains(out.String(), text) {
		n, err := f.Read(part)
		out.Write(part[:n])
		if err != nil { // EIO once nobody has the other side open
			break
		}
	}
	return out.String()
}

// terminal makes a pseudo-terminal (pty(7)) and returns both sides.
func terminal() (ours, theirs *os.File, err error) {
	if ours, err = os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0); err != nil {
		return nil, nil, err
	}
	var number, locked uint32
	for _, call := range []struct {
		request uintptr
		value   *uint32
	}{{syscall.TIOCGPTN, &number}, {syscall.TIOCSPTLCK, &locked}} {
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, ours.Fd(), call.request, uintptr(unsafe.Pointer(call.value))); errno != 0 {
			return nil, nil, fmt.Errorf("pseudo-terminal: %w", errno)
		}
	}
	theirs, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	return ours, theirs, err
}
