package integration_test

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/weirgate/weir/integration/harness"
)

// TestRegistryClients has oras and crane pull from a registry behind Envoy. They are in a module of their own, testdata/clients/oci; where that
// cannot be built, for want of the module proxy, the test is skipped, or fails under CI=true.
func TestRegistryClients(t *testing.T) {
	dir, err := filepath.Abs(filepath.Join("testdata", "clients", "oci"))
	if err != nil {
		t.Fatal(err)
	}
	client := filepath.Join(t.TempDir(), "oci")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", client, ".")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Logf("%s", out)
		harness.Need(t, err)
	}
	runScripts(t, dir, map[string]string{"OCI": client})
}
