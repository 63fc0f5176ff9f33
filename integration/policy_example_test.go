package integration_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/weirgate/weir/integration/harness"
)

// TestPolicyExample runs examples/09-policy as its README says: a rule of one's own, tried, measured and signed, by the binary alone.
func TestPolicyExample(t *testing.T) {
	weir, err := harness.WeirBinary()
	if err != nil {
		t.Fatal(err)
	}
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	run := exec.CommandContext(t.Context(), filepath.Join(root, "examples", "09-policy", "run.sh"))
	run.Env = append(os.Environ(), "WEIR="+weir)
	run.WaitDelay = 10 * time.Second
	out, err := run.CombinedOutput()
	if err != nil || !regexp.MustCompile(`(?m)^8 passed, 0 failed$`).Match(out) {
		t.Errorf("the example: %v\n%s", err, out)
	}
}
