package integration_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/weirgate/weir/integration/harness"
)

// TestWhenRedisFails runs the example as its run.sh does: three failures under each of three modes come out as its README says.
func TestWhenRedisFails(t *testing.T) {
	envoy, err := harness.FindEnvoy()
	harness.Need(t, err)
	redis, err := harness.FindRedis()
	harness.Need(t, err)
	weir, err := harness.WeirBinary()
	if err != nil {
		t.Fatal(err)
	}
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	example := filepath.Join(root, "examples", "05-when-redis-fails")
	for _, mode := range []string{"refuse", "local", "allow"} { // as they are: they are what people copy
		if out, err := exec.CommandContext(t.Context(), weir, "check", "--config", filepath.Join(example, mode+".yaml")).CombinedOutput(); err != nil {
			t.Errorf("%s.yaml: %v\n%s", mode, err, out)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	run := exec.CommandContext(ctx, filepath.Join(example, "run.sh"))
	run.Env = append(os.Environ(), "ENVOY="+envoy, "REDIS_SERVER="+redis, "WEIR="+weir)
	run.WaitDelay = 10 * time.Second
	out, err := run.CombinedOutput()
	if err != nil || !regexp.MustCompile(`(?m)^9 passed, 0 failed$`).Match(out) {
		t.Errorf("the example: %v\n%s", err, out)
	}
}
