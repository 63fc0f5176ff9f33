package integration_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"

	"github.com/weirgate/weir/integration/harness"
)

// loadCompose loads docker-compose.yml as docker compose would, with an empty environment.
func loadCompose(t *testing.T) (*types.Project, string) {
	t.Helper()
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	options, err := cli.NewProjectOptions([]string{filepath.Join(root, "docker-compose.yml")}, cli.WithWorkingDirectory(root))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatalf("docker-compose.yml does not load: %v", err)
	}
	return project, root
}

// TestComposeFilesExist checks whatever a service takes from this repository: mounts, and the stage of the Dockerfile it is built from.
func TestComposeFilesExist(t *testing.T) {
	project, root := loadCompose(t)
	for _, want := range []string{"envoy", "weir", "redis", "jaeger", "upstream", "issuer"} {
		if _, ok := project.Services[want]; !ok {
			t.Errorf("docker-compose.yml has no service %s", want)
		}
	}
	for name, service := range project.Services {
		for _, volume := range service.Volumes {
			if volume.Type != types.VolumeTypeBind {
				continue
			}
			info, err := os.Stat(volume.Source)
			if err != nil {
				t.Errorf("service %s mounts a file that is not there: %v", name, err)
			} else if info.IsDir() {
				t.Errorf("service %s mounts the directory %s; docker makes one where a file is missing, so mount files", name, volume.Source)
			}
			if !strings.HasPrefix(volume.Source, root+"/") {
				t.Errorf("service %s mounts %s, from outside this repository", name, volume.Source)
			}
		}
		if service.Build == nil {
			continue
		}
		text, err := os.ReadFile(filepath.Join(service.Build.Context, service.Build.Dockerfile))
		if err != nil {
			t.Errorf("service %s is built from: %v", name, err)
			continue
		}
		if !regexp.MustCompile(`(?m)^FROM \S+ AS ` + regexp.QuoteMeta(service.Build.Target) + `$`).Match(text) {
			t.Errorf("service %s is built from stage %q, which %s has not", name, service.Build.Target, service.Build.Dockerfile)
		}
		for _, m := range regexp.MustCompile(`go build .* (\./\S+)`).FindAllSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(root, string(m[1]))); err != nil {
				t.Errorf("%s builds a package that is not there: %v", service.Build.Dockerfile, err)
			}
		}
	}
}

// TestComposeEnvoyConfigs asks Envoy whether it takes each config that a service mounts.
func TestComposeEnvoyConfigs(t *testing.T) {
	binary, err := harness.FindEnvoy()
	harness.Need(t, err)
	project, _ := loadCompose(t)
	checked := 0
	for _, service := range project.Services {
		for _, volume := range service.Volumes {
			if !strings.HasPrefix(volume.Target, "/etc/envoy/") {
				continue
			}
			checked++
			err := harness.ValidateEnvoy(t.Context(), harness.EnvoyConfig{Config: volume.Source, Dir: t.TempDir(), Binary: binary})
			if err != nil {
				t.Error(err)
			}
			if !strings.Contains(strings.Join(service.Command, " "), volume.Target) {
				t.Errorf("Envoy is started with %q and does not read %s", service.Command, volume.Target)
			}
		}
	}
	if checked == 0 {
		t.Error("no service mounts a config under /etc/envoy/")
	}
}

// TestComposeEnvironment looks each key of Weir's environment up in the weir binary: a key that nothing reads is not in it.
func TestComposeEnvironment(t *testing.T) {
	project, _ := loadCompose(t)
	path, err := harness.WeirBinary()
	if err != nil {
		t.Fatal(err)
	}
	binary, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(project.Services["weir"].Environment) == 0 {
		t.Error("Weir's service sets no environment: traces go nowhere")
	}
	for key := range project.Services["weir"].Environment {
		// The SDK joins some names from OTEL_EXPORTER_ and the rest.
		if !bytes.Contains(binary, []byte(key)) && !bytes.Contains(binary, []byte(strings.TrimPrefix(key, "OTEL_EXPORTER_"))) {
			t.Errorf("nothing in weir reads %s", key)
		}
	}
}
