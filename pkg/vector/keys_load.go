package vector

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// masterTimeout is how long a command may take to print a master key, where the context does not say less.
const masterTimeout = 10 * time.Second

// LoadMaster reads a master key from where spec says:
//
//	file:PATH        a regular file
//	env:NAME         an environment variable
//	command:ARGV     what a command prints; words are separated by white space, there is no shell. It has ten seconds, or ctx's deadline
//
// One line end after the key is dropped, and that is all: the key is the bytes, whatever they look like (openssl rand -base64 48 makes a
// good one). It has MinMaster to MaxMaster bytes. Errors name the source and never what came out of it.
func LoadMaster(ctx context.Context, spec string) ([]byte, error) {
	kind, where, ok := strings.Cut(spec, ":")
	if !ok || where == "" {
		return nil, errors.New("master key: want file:PATH, env:NAME or command:ARGV") // not spec: it may be the key itself
	}
	var master []byte
	var err error
	switch kind {
	case "file":
		master, err = masterFile(where)
	case "env":
		master, err = masterEnv(where)
	case "command":
		master, err = masterCommand(ctx, strings.Fields(where))
	default:
		return nil, errors.New("master key: want file:PATH, env:NAME or command:ARGV")
	}
	if err != nil {
		return nil, fmt.Errorf("master key: %w", err)
	}
	master = trimLineEnd(master)
	if err := checkMaster(master); err != nil {
		return nil, fmt.Errorf("master key from %s: %w", kind, err)
	}
	return master, nil
}

// masterFile reads a regular file: one that could block, as a pipe does, has no deadline to end it.
func masterFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, MaxMaster+3)) // a line end, and one byte that says too much
}

func masterEnv(name string) ([]byte, error) {
	value, ok := os.LookupEnv(name)
	if !ok {
		return nil, fmt.Errorf("the environment variable %s is not set", name)
	}
	return []byte(value), nil
}

func masterCommand(ctx context.Context, argv []string) ([]byte, error) {
	if len(argv) == 0 {
		return nil, errors.New("no command named")
	}
	ctx, cancel := context.WithTimeout(ctx, masterTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // what it started ends with it
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second // and should some of that have left the group, its hold on the output does not keep us
	out := &atMost{left: MaxMaster + 2}
	cmd.Stdout = out // and nothing else: what it says on stderr may be the key
	if err := cmd.Run(); err != nil {
		if cause := ctx.Err(); cause != nil {
			err = cause
		}
		return nil, fmt.Errorf("command %s: %w", argv[0], err)
	}
	return out.buf.Bytes(), nil
}

// atMost keeps so many bytes and fails beyond them, which ends the command that writes.
type atMost struct {
	buf  bytes.Buffer
	left int
}

func (w *atMost) Write(p []byte) (int, error) {
	if len(p) > w.left {
		return 0, errors.New("it printed too much for a key")
	}
	w.left -= len(p)
	return w.buf.Write(p)
}

func trimLineEnd(b []byte) []byte {
	b = bytes.TrimSuffix(b, []byte("\n"))
	return bytes.TrimSuffix(b, []byte("\r"))
}
