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

// TestModelWeights runs the example as its run.sh does: an unmodified boto3 and a real S3 server, and every step of it must pass.
func TestModelWeights(t *testing.T) {
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	virtualEnv(t, filepath.Join(root, "integration", "testdata", "clients", "s3", "requirements.lock")) // or skips
	_, err = harness.GoTool(t.Context(), filepath.Join(root, "integration", "testdata", "servers", "versitygw"), "github.com/versity/versitygw/cmd/versitygw")
	harness.Need(t, err)
	runExample(t, "06-model-weights", "10 passed, 0 failed")
}

// TestHuggingFace runs the example as its run.sh does: an unmodified huggingface_hub, and every step of it must pass.
func TestHuggingFace(t *testing.T) {
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	virtualEnv(t, filepath.Join(root, "integration", "testdata", "clients", "hub", "requirements.lock")) // or skips
	runExample(t, "07-hugging-face", "12 passed, 0 failed")
}

// TestMLflow runs the example as its run.sh does: an unmodified mlflow and its own tracking server, and every step of it must pass.
func TestMLflow(t *testing.T) {
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	virtualEnv(t, filepath.Join(root, "integration", "testdata", "servers", "mlflow", "requirements.lock")) // or skips
	runExample(t, "08-mlflow", "8 passed, 0 failed")
}

// runExample runs an example as its run.sh does, with Weir as it is, and wants its last line.
func runExample(t *testing.T, name, last string) {
	t.Helper()
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
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	run := exec.CommandContext(ctx, filepath.Join(root, "examples", name, "run.sh"))
	run.Env = append(os.Environ(), "ENVOY="+envoy, "WEIR="+weir)
	run.WaitDelay = 10 * time.Second
	out, err := run.CombinedOutput()
	if err != nil || !regexp.MustCompile(`(?m)^`+last+`$`).Match(out) {
		t.Errorf("the example: %v\n%s", err, out)
	}
}

// TestModelVersions runs the example as its run.sh does: a model version from unknown to retired, and every step of it must pass.
func TestModelVersions(t *testing.T) {
	for _, tool := range []string{"curl", "openssl"} {
		_, err := exec.LookPath(tool)
		harness.Need(t, err)
	}
	runExample(t, "10-model-versions", "17 passed, 0 failed")
}
