package integration_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/weirgate/weir/integration/harness"
)

// TestIdentityProviders runs the example as its run.sh does: every provider's tokens must be who they are.
func TestIdentityProviders(t *testing.T) {
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
	run := exec.CommandContext(ctx, filepath.Join(root, "examples", "04-identity-providers", "run.sh"))
	run.Env = append(os.Environ(), "ENVOY="+envoy, "WEIR="+weir)
	run.WaitDelay = 10 * time.Second
	out, err := run.CombinedOutput()
	if err != nil || !regexp.MustCompile(`(?m)^27 passed, 0 failed$`).Match(out) {
		t.Errorf("the example: %v\n%s", err, out)
	}
}

// TestIdentityProvidersAreWhole checks each configuration as it is, before the example's driver puts other keys in: it is what people copy.
func TestIdentityProvidersAreWhole(t *testing.T) {
	weir, err := harness.WeirBinary()
	if err != nil {
		t.Fatal(err)
	}
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(root, "examples", "04-identity-providers"))); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "bundle.json"), []byte(`{"keys":[{"kty":"EC","kid":"a","use":"jwt-svid","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}`), 0o600); err != nil { // SPIRE's to write; the key is that of RFC 7517, appendix A.1
		t.Fatal(err)
	}
	configs, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil || len(configs) < 11 {
		t.Fatalf("configurations: %q, %v", configs, err)
	}
	for _, config := range configs {
		name := filepath.Base(config)
		if name == "settings.yaml" {
			continue
		}
		if out, err := exec.CommandContext(t.Context(), weir, "check", "--config", config).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
		if _, err := os.Stat(filepath.Join(dir, "tokens", strings.TrimSuffix(name, ".yaml")+".json")); err != nil {
			t.Errorf("%s: nothing is shown to it: %v", name, err)
		}
	}
}
