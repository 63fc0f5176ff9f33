package integration_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/weirgate/weir/integration/harness"
)

const module = "github.com/weirgate/weir/"

// goPackage is what go list tells of a package.
type goPackage struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

// listPackages lists this module's packages, named without the module's path.
func listPackages(t *testing.T) []goPackage {
	t.Helper()
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	list := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=ImportPath,Imports,TestImports,XTestImports", "./...")
	list.Dir = root
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []goPackage
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		p.ImportPath = strings.TrimPrefix(p.ImportPath, module)
		all = append(all, p)
	}
	return all
}

// within reports whether a package path is one of the trees or below it.
func within(path string, trees ...string) bool {
	for _, tree := range trees {
		if path == tree || strings.HasPrefix(path, tree+"/") {
			return true
		}
	}
	return false
}

// bans are the rules about who may import what from outside. The tests of a package may use more than the package.
var bans = []struct {
	imports []string // these trees …
	only    []string // … may be imported only under these
	why     string
}{
	{
		[]string{"github.com/envoyproxy/go-control-plane", "google.golang.org/grpc"},
		[]string{"server", "integration", "examples"},
		"wire types stop at the server: features must be testable without Envoy, and a change of protocol must stay in one place",
	},
	{
		[]string{"github.com/open-policy-agent/opa"},
		[]string{"pkg/policy", "rego"},
		"one engine evaluates policy, with one set of built-ins, one clock and strict errors",
	},
	{
		[]string{"github.com/redis/go-redis"},
		[]string{"pkg/redisstore"},
		"every key, its TTL and its hash tag are in one table",
	},
	{
		[]string{"github.com/lestrrat-go/jwx"},
		[]string{"pkg/authn"},
		"tokens are verified in one place, with the algorithms pinned",
	},
	{
		[]string{"github.com/tink-crypto"},
		[]string{"pkg/vector"},
		"vectors are sealed in one place, with one construction",
	},
	{
		[]string{"go.opentelemetry.io/otel/sdk", "go.opentelemetry.io/otel/exporters"},
		[]string{"server/internal/telemetry"},
		"what is exported, and under which name, is in one file",
	},
	{
		[]string{"compress", "github.com/klauspost/compress", "github.com/andybalholm/brotli", "github.com/ulikunitz/xz"},
		// policy: an OPA bundle is a tar.gz, unpacked to nowhere first. artifact: only ever the beginning of a stream, cut anywhere.
		[]string{"pkg/inflate", "pkg/policy", "pkg/artifact", "integration"},
		"what came compressed is read in one place, with its limits",
	},
	{
		[]string{"github.com/stretchr/testify"},
		nil,
		"got, want and cmp.Diff say more",
	},
}

// exceptions are feature → feature imports that are meant.
var exceptions = map[string][]string{
	"pkg/redisstore": {"pkg/window", "pkg/coverage", "pkg/artifact", "pkg/distinct", "pkg/registry", "pkg/approval", "pkg/signal"}, // stores implement what their feature declares, and pass its suite
}

// shared are the packages that every feature may import.
var shared = []string{"pkg/authz", "pkg/scan", "pkg/recordfile"}

func TestLayering(t *testing.T) {
	for _, p := range listPackages(t) {
		for _, imported := range p.Imports {
			path, ours := strings.CutPrefix(imported, module)
			if ours {
				if why := insideBan(p.ImportPath, path); why != "" {
					t.Errorf("%s imports %s: %s", p.ImportPath, path, why)
				}
				continue
			}
			checkOutside(t, p.ImportPath, imported)
		}
		// A test helper that slips into a test of another layer is allowed; OPA, Redis and the rest are not.
		for _, imported := range append(p.TestImports, p.XTestImports...) {
			if !strings.HasPrefix(imported, module) && within(p.ImportPath, "pkg") {
				checkOutside(t, p.ImportPath, imported)
			}
		}
	}
}

func checkOutside(t *testing.T, importer, imported string) {
	t.Helper()
	for _, ban := range bans {
		if within(imported, ban.imports...) && !within(importer, ban.only...) {
			t.Errorf("%s imports %s, which belongs under %s only: %s", importer, imported, strings.Join(ban.only, ", "), ban.why)
		}
	}
	if within(importer, "pkg/authz") && strings.Contains(strings.Split(imported, "/")[0], ".") && imported != "github.com/google/go-cmp/cmp" {
		t.Errorf("%s imports %s: the vocabulary is imported by everything and so imports the standard library only", importer, imported)
	}
}

// insideBan says why one package of this module must not import another, or "".
func insideBan(importer, imported string) string {
	switch {
	case within(importer, "server/cmd"):
		return ""
	case within(importer, "pkg/authz"):
		return "the vocabulary imports nothing of ours"
	case within(importer, "pkg") && !within(imported, "pkg", "rego"):
		return "what lies under pkg must not know the server or the tests"
	case within(importer, "pkg/guard") && !within(imported, "pkg/authz", "pkg/guard"):
		return "the guard declares the interfaces it needs; who implements them is the server's business"
	case within(importer, "pkg") && within(imported, "rego"):
		if within(importer, "pkg/policy") {
			return ""
		}
		return "only the policy engine knows the shipped policies"
	case within(importer, "pkg"):
		return sidewaysBan(importer, imported)
	case within(importer, "server/internal") && imported == "server":
		return "the server wires its parts; a part must not know the whole"
	case within(importer, "server") && within(imported, "integration", "examples"):
		return "the program must not depend on its tests"
	case within(importer, "rego"):
		return "the shipped policies are data: they import nothing"
	}
	return ""
}

// sidewaysBan keeps features from importing each other.
func sidewaysBan(importer, imported string) string {
	feature := func(path string) string {
		parts := strings.Split(path, "/")
		return strings.Join(parts[:min(2, len(parts))], "/")
	}
	from, to := feature(importer), feature(imported)
	if from == to || within(imported, shared...) {
		return ""
	}
	for _, allowed := range exceptions[from] {
		if to == allowed {
			return ""
		}
	}
	return "features do not import each other: what two of them share belongs in pkg/authz, or the server brings them together"
}

// TestEveryPackageSaysWhatItIs keeps the documentation of packages from being forgotten.
func TestEveryPackageSaysWhatItIs(t *testing.T) {
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	list := exec.CommandContext(t.Context(), "go", "list", "-e", "-f", "{{if and (not .Doc) .GoFiles}}{{.ImportPath}}{{end}}", "./...")
	list.Dir = root
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for _, undocumented := range strings.Fields(string(out)) {
		t.Errorf("package %s has no package comment: what does it own, trust and refuse?", strings.TrimPrefix(undocumented, module))
	}
}
