// Package redistest runs a real redis-server for tests. It owns the process, its socket and its directory, all of which end with the test.
// It trusts the redis-server that REDIS_SERVER or PATH names. Without one it skips the test on a laptop and fails it under CI=true.
// StartWithClock wants a C compiler, too.
package redistest

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait: for the server to answer, and for one command.
const patience = 10 * time.Second

// Server is one redis-server that keeps nothing on disk and evicts nothing. Its methods belong to the test's goroutine.
type Server struct {
	t      testing.TB
	args   []string
	socket string
	port   int // 0: none
	log    *os.File
	cmd    *exec.Cmd // nil while stopped
}

// Start starts a redis-server on a unix socket and waits until it answers. The args are added to its command line, such as
// "--requirepass", "x". The server ends with the test.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	// A socket's path may have some 100 bytes, fewer than t.TempDir takes for a test with a long name.
	dir, err := os.MkdirTemp("", "redis")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	log, err := os.Create(filepath.Join(dir, "log")) //nolint:gosec // a name of ours
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	s := &Server{t: t, socket: filepath.Join(dir, "s"), log: log, args: append([]string{
		"--port", "0", "--unixsocket", filepath.Join(dir, "s"), "--dir", dir, "--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction",
	}, args...)}
	t.Cleanup(s.Stop)
	s.Restart()
	return s
}

// StartTCP starts a redis-server that listens on a port of 127.0.0.1, too, as others find it.
func StartTCP(t testing.TB, args ...string) *Server {
	t.Helper()
	port := freePort(t)
	s := Start(t, append([]string{"--port", strconv.Itoa(port), "--bind", "127.0.0.1"}, args...)...)
	s.port = port
	return s
}

// Addr returns the host and port of a server that StartTCP started.
func (s *Server) Addr() string { return "127.0.0.1:" + strconv.Itoa(s.port) }

// freePort returns a free port whose cluster bus port, 10000 above it, is one too.
func freePort(t testing.TB) int {
	t.Helper()
	for range 1000 {
		port := 20000 + rand.IntN(30000) //nolint:gosec // any will do
		l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err != nil {
			continue
		}
		bus, err2 := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port+10000))
		if err2 == nil {
			err2 = bus.Close()
		}
		if err := l.Close(); err == nil && err2 == nil {
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

// binary returns the redis-server to run.
func binary(t testing.TB) string {
	t.Helper()
	name := os.Getenv("REDIS_SERVER")
	if name == "" {
		name = "redis-server"
	}
	path, err := exec.LookPath(name)
	switch {
	case err == nil:
		return path
	case os.Getenv("CI") == "true":
		t.Fatalf("redis-server missing: %v", err)
	default:
		t.Skipf("redis-server missing: %v; install it or set REDIS_SERVER to have this tested", err)
	}
	return ""
}

// URL returns the server's address in the form that redisstore.Config takes. It stays the same over a Restart.
func (s *Server) URL() string { return "unix://" + s.socket }

// Stop kills the server, as a crash does. What it held is gone.
func (s *Server) Stop() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	s.cmd = nil
}

// Restart stops the server if it runs, starts it empty at the same address, and waits until it answers.
func (s *Server) Restart() {
	s.t.Helper()
	s.Stop()
	_ = os.Remove(s.socket)
	s.cmd = exec.Command(binary(s.t), s.args...) //nolint:gosec // the test's own server
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		s.cmd = nil
		s.t.Fatal(err)
	}
	s.until("PING", "PONG", "NOAUTH")
}

// until repeats a command until its reply contains one of the texts.
func (s *Server) until(command string, texts ...string) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		reply, err := s.do(command)
		if err == nil && slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(reply, text) }) {
			return
		}
		if time.Now().After(deadline) {
			out, _ := os.ReadFile(s.log.Name())
			s.t.Fatalf("%s: %q, %v; want %q\n%s", command, reply, err, texts, out)
		}
	}
}

// Pause stops the server's process where it stands: connections stay open and nothing is answered, as on a host that hangs.
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Resume lets a paused server go on. It then runs the commands that were sent to it meanwhile.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig os.Signal) {
	s.t.Helper()
	if s.cmd == nil {
		s.t.Fatal("the redis-server is stopped")
	}
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// Flush empties the server.
func (s *Server) Flush(t testing.TB) {
	t.Helper()
	if reply := s.Do(t, "FLUSHALL"); reply != "OK" {
		t.Fatalf("FLUSHALL: %s", reply)
	}
}

// Do runs one command, its words separated by spaces, and returns its reply: a status, a number or a string as text, of an array the
// number of its elements. An error reply is returned as its text, a connection that fails ends the test.
func (s *Server) Do(t testing.TB, command string) string {
	t.Helper()
	reply, err := s.do(command)
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	return reply
}

// Answers reports whether the server answers within the time.
func (s *Server) Answers(within time.Duration) bool {
	reply, err := s.within("PING", within)
	return err == nil && reply == "PONG"
}

// do makes a command.
func (s *Server) do(command string) (string, error) { return s.within(command, patience) }

// within speaks RESP 2 (https://redis.io/docs/latest/develop/reference/protocol-spec/): an inline command and the head of its reply.
func (s *Server) within(command string, within time.Duration) (string, error) {
	c, err := net.DialTimeout("unix", s.socket, within)
	if err != nil {
		return "", err
	}
	defer c.Close() //nolint:errcheck // nothing is left to lose
	if err := c.SetDeadline(time.Now().Add(within)); err != nil {
		return "", err
	}
	if _, err := fmt.Fprintf(c, "%s\r\n", command); err != nil {
		return "", err
	}
	r := bufio.NewReader(c)
	line, err := r.ReadString('\n')
	if err != nil {
		return "", err
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" || line == "$-1" {
		return "", nil
	}
	if line[0] != '$' {
		return line[1:], nil
	}
	n, err := strconv.Atoi(line[1:])
	if err != nil {
		return "", err
	}
	b := make([]byte, n)
	for i := range b {
		if b[i], err = r.ReadByte(); err != nil {
			return "", err
		}
	}
	return string(b), nil
}
