package integration_test

import (
	"errors"
	"io/fs"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/weirgate/weir/integration/harness"
)

// TestClients drives the deployments by clients that people use, unmodified, each in a virtual environment of its own. The scripts are in
// testdata/clients/NAME, beside the programs that use the client; PYTHON and CLIENT are the environment's Python and that directory.
func TestClients(t *testing.T) {
	for _, name := range []string{"openai", "s3", "clouds", "chroma", "tei", "milvus", "mlflow"} {
		t.Run(name, func(t *testing.T) {
			dir, err := filepath.Abs(filepath.Join("testdata", "clients", name))
			if err != nil {
				t.Fatal(err)
			}
			python := virtualEnv(t, filepath.Join(dir, "requirements.lock"))
			runScripts(t, dir, map[string]string{"PYTHON": python, "CLIENT": dir, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"})
		})
	}
}

// virtualEnv returns the Python of a virtual environment with exactly these requirements. Where there is no Python, or no package registry,
// the test is skipped, or fails under CI=true; a package whose hash is not the pinned one fails it always.
func virtualEnv(t *testing.T, requirements string) string {
	t.Helper()
	python, err := harness.PythonEnv(t.Context(), requirements)
	if errors.Is(err, harness.ErrPackageHash) || errors.Is(err, fs.ErrNotExist) && !errors.Is(err, exec.ErrNotFound) {
		t.Fatal(err)
	}
	harness.Need(t, err)
	return python
}
