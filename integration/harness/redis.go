package harness

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// FindRedis returns the redis-server to test with: REDIS_SERVER, or the one on PATH.
func FindRedis() (string, error) {
	if path := os.Getenv("REDIS_SERVER"); path != "" {
		return path, nil
	}
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return "", errors.New("no redis-server: run envoy/redis.sh, or set REDIS_SERVER=/path/to/redis-server")
	}
	return path, nil
}

// Redis is one running redis-server that keeps nothing on disk and evicts nothing.
type Redis struct {
	*Process
	Port int
}

// StartRedis starts a redis-server on a loopback port, with dir to work in, and returns once it answers.
func StartRedis(ctx context.Context, dir string, port int) (*Redis, error) {
	path, err := FindRedis()
	if err != nil {
		return nil, err
	}
	p, err := StartProcess(ProcessConfig{Name: "redis", Path: path, Dir: dir, Args: []string{
		"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction",
	}})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := p.WaitLog(ctx, "Ready to accept connections"); err != nil {
		p.Kill()
		return nil, err
	}
	return &Redis{p, port}, nil
}

// Command runs one command, its words separated by spaces, that is answered by OK.
func (r *Redis) Command(text string) error {
	c, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", r.Port), 10*time.Second)
	if err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	if _, err := fmt.Fprintf(c, "%s\r\n", text); err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	reply, err := bufio.NewReader(c).ReadString('\n')
	if err == nil && !strings.HasPrefix(reply, "+OK") {
		err = errors.New(strings.TrimSpace(reply))
	}
	if err != nil {
		return fmt.Errorf("redis: %s: %w", text, err)
	}
	return nil
}
