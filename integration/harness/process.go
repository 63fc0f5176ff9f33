package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Process is one running child. It is safe for concurrent use.
type Process struct {
	Name string
	Log  *Log // standard error and, unless ProcessConfig.Stdout said otherwise, standard output

	cmd  *exec.Cmd
	done chan struct{} // closed when the child has ended
	err  error         // how it ended; readable once done is closed
}

// ProcessConfig says what to start.
type ProcessConfig struct {
	Name string // for messages; default the base name of Path
	Path string
	Args []string
	Dir  string
	Env  []string // added to this process's environment
}

// StartProcess starts a child and returns at once.
//
// The child is started from an OS thread that stays until the child ends: Envoy asks the kernel to end it when the thread that started it
// goes away, and Go ends idle threads as it likes.
func StartProcess(c ProcessConfig) (*Process, error) {
	if c.Name == "" {
		c.Name = filepath.Base(c.Path)
	}
	p := &Process{Name: c.Name, Log: NewLog(), done: make(chan struct{})}
	p.cmd = exec.Command(c.Path, c.Args...)
	p.cmd.Dir = c.Dir
	p.cmd.Env = append(os.Environ(), c.Env...)
	p.cmd.Stdout, p.cmd.Stderr = p.Log, p.Log
	p.cmd.SysProcAttr = attributes()
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.err = p.cmd.Wait()
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Name, err)
	}
	return p, nil
}

// Done is closed when the child has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// ExitCode waits until the child has ended and returns its exit code; -1 when a signal ended it.
func (p *Process) ExitCode() int {
	<-p.done
	return p.cmd.ProcessState.ExitCode()
}

// PID returns the child's process ID.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Signal sends a signal; a child that has ended already is no error.
func (p *Process) Signal(sig os.Signal) error {
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal %s: %w", p.Name, err)
	}
	return nil
}

// Stop asks the child to end (SIGTERM) and waits; after grace it is killed, which is an error.
func (p *Process) Stop(grace time.Duration) error {
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
		return p.err
	case <-timer.C:
		p.Kill()
		return fmt.Errorf("%s did not end within %v of SIGTERM", p.Name, grace)
	}
}

// Kill ends the child at once and waits until it is gone.
func (p *Process) Kill() {
	_ = p.Signal(syscall.SIGKILL)
	<-p.done
}

// WaitLog waits until the child's output holds text. It fails when the child ends first or ctx does, with the output so far.
func (p *Process) WaitLog(ctx context.Context, text string) error {
	for {
		found, changed := p.Log.contains(text)
		if found {
			return nil
		}
		select {
		case <-changed:
		case <-p.done:
			if found, _ := p.Log.contains(text); found {
				return nil
			}
			return fmt.Errorf("%s ended (%v) before it said %q:\n%s", p.Name, p.err, text, p.Log)
		case <-ctx.Done():
			return fmt.Errorf("%s did not say %q: %w\n%s", p.Name, text, ctx.Err(), p.Log)
		}
	}
}

// Log keeps what a child writes. It is safe for concurrent use.
type Log struct {
	mu      sync.Mutex
	buf     bytes.Buffer
	changed chan struct{} // closed and replaced at each write
}

// NewLog returns an empty Log.
func NewLog() *Log { return &Log{changed: make(chan struct{})} }

// Write implements io.Writer.
func (l *Log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.changed)
	l.changed = make(chan struct{})
	return l.buf.Write(b)
}

// String returns all that was written so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *Log) contains(text string) (bool, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Contains(l.buf.Bytes(), []byte(text)), l.changed
}

// FreePort returns a TCP port of the loopback interface that was free a moment ago, below those that systems give to outgoing connections:
// one of these would be taken again by the next client.
func FreePort() (int, error) {
	var err error
	for range 100 {
		var l net.Listener
		port := 10_000 + rand.IntN(20_000) //nolint:gosec // nobody is to be surprised
		if l, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("find a free port: %w", err)
}

// Root returns the top directory of this module's source, found from the working directory upwards.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("no go.mod in the working directory or above")
		}
		dir = up
	}
}

// Need ends a test that cannot run because something is missing here: it fails under CI=true and is skipped, with the reason, elsewhere.
// A nil error does nothing.
func Need(t testing.TB, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("needed under CI=true: %v", err)
	}
	t.Skipf("SKIPPED, not tested here: %v", err)
}
