package integration_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/weirgate/weir/integration/harness"
)

// findRedis returns the redis-server to test with: REDIS_SERVER, or the one on PATH.
func findRedis() (string, error) {
	if path := os.Getenv("REDIS_SERVER"); path != "" {
		return path, nil
	}
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return "", errors.New("no redis-server: run envoy/redis.sh, or set REDIS_SERVER=/path/to/redis-server")
	}
	return path, nil
}

// cmdRedis starts a Redis on a free port (REDIS_PORT, REDIS_URL); a second call starts it again on the same port, empty.
func cmdRedis(ts *testscript.TestScript, neg bool, args []string) {
	refuseNeg(ts, "redis", neg)
	path, err := findRedis()
	ts.Check(err)
	port := ts.Getenv("REDIS_PORT")
	if port == "" {
		free, err := harness.FreePort()
		ts.Check(err)
		port = strconv.Itoa(free)
		ts.Setenv("REDIS_PORT", port)
		ts.Setenv("REDIS_URL", fmt.Sprintf("redis://127.0.0.1:%s", port))
	}
	w := the(ts)
	if w.redis != nil {
		w.redis.Kill()
	}
	w.redis, err = harness.StartProcess(harness.ProcessConfig{Name: "redis", Path: path, Dir: ts.MkAbs("."), Args: []string{
		"--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction",
	}})
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	ts.Check(w.redis.WaitLog(ctx, "Ready to accept connections"))
}
