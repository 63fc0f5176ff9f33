package integration_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/weirgate/weir/integration/harness"
)

// cmdRedis starts a Redis on a free port (REDIS_PORT, REDIS_URL); a second call starts it again on the same port, empty. With words behind
// it, it is a command to the Redis that runs.
func cmdRedis(ts *testscript.TestScript, neg bool, args []string) {
	refuseNeg(ts, "redis", neg)
	w := the(ts)
	if len(args) > 0 {
		ts.Check(w.redis.Command(strings.Join(args, " ")))
		return
	}
	if ts.Getenv("REDIS_PORT") == "" {
		free, err := harness.FreePort()
		ts.Check(err)
		ts.Setenv("REDIS_PORT", strconv.Itoa(free))
		ts.Setenv("REDIS_URL", fmt.Sprintf("redis://127.0.0.1:%d", free))
	}
	port, err := strconv.Atoi(ts.Getenv("REDIS_PORT"))
	ts.Check(err)
	if w.redis != nil {
		w.redis.Kill()
	}
	w.redis, err = harness.StartRedis(context.Background(), ts.MkAbs("."), port)
	ts.Check(err)
}
