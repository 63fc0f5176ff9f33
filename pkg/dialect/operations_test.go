package dialect_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
)

// TestOperations reads every operation that the description of a store's API has. A line of testdata/operations/DIALECT.golden is
//
//	NAME | METHOD PATH[?QUERY] [HEADER:VALUE] | CLASS [OBJECT [INTO]]
func TestOperations(t *testing.T) {
	for _, d := range []dialect.Dialect{dialect.S3{}, dialect.GCS{}, dialect.AzureBlob{}, dialect.MLflow{}, dialect.Hub{}, dialect.OCI{}, dialect.GitLFS{}} {
		file := filepath.Join("testdata", "operations", d.Name()+".golden")
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		for line := range strings.Lines(string(want)) {
			if strings.HasPrefix(line, "#") {
				got.WriteString(line)
				continue
			}
			columns := strings.Split(strings.TrimSuffix(line, "\n"), " | ")
			if len(columns) != 3 {
				t.Fatalf("%s: %q: want three columns", file, line)
			}
			got.WriteString(columns[0] + " | " + columns[1] + " | " + readAs(d, columns[1]) + "\n")
		}
		if *update {
			if err := os.WriteFile(file, []byte(got.String()), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", file, diff)
		}
	}
}

// readAs is what a request is, in words.
func readAs(d dialect.Dialect, request string) string {
	line, header, sent := "", authz.Header{}, false
	words := strings.Fields(request)
	line = strings.Join(words[:2], " ")
	for _, w := range words[2:] {
		name, value, _ := strings.Cut(w, ":")
		header[name], sent = []string{value}, true
	}
	method, path, query := cutRequest(line)
	if !sent {
		header = nil
	}
	op := d.Head(method, path, query, header)
	if op.Class == authz.ClassUnknown {
		return "unknown"
	}
	return strings.TrimSpace(strings.Join([]string{string(op.Class), op.Object, op.Into}, " "))
}
