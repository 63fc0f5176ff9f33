package integration_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/weirgate/weir/integration/harness"
)

// docs returns the documents by their path from the root, and the root.
func docs(t *testing.T) (map[string]string, string) {
	t.Helper()
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, pattern := range []string{"*.md", "envoy/*.md", "rego/*.md", "examples/*/*.md", "integration/bench/*.md", "server/doc.go", "integration/doc.go"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %v, %v", pattern, found, err)
		}
		for _, path := range found {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			name, err := filepath.Rel(root, path)
			if err != nil {
				t.Fatal(err)
			}
			all[name] = string(text)
		}
	}
	return all, root
}

// blocks returns the code blocks of a language.
func blocks(text, language string) (out []string) {
	for _, m := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(text, -1) {
		out = append(out, m[1])
	}
	return out
}

var (
	link    = regexp.MustCompile(`\]\(([^)#:]+)\)`)
	inTicks = regexp.MustCompile("`([^`\n]+)`")
	ourPath = regexp.MustCompile(`^(server|rego|envoy|pkg|examples|integration)/[\w./*-]+$`)
)

// TestDocsNameWhatIsThere follows every link, and every path of this repository that a document names.
func TestDocsNameWhatIsThere(t *testing.T) {
	all, root := docs(t)
	exists := func(doc, path string) {
		if found, err := filepath.Glob(path); err != nil || len(found) == 0 {
			t.Errorf("%s names %s, which is not there", doc, path)
		}
	}
	followed := 0
	for doc, text := range all {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			exists(doc, filepath.Join(root, filepath.Dir(doc), m[1]))
			followed++
		}
		for _, m := range inTicks.FindAllStringSubmatch(text, -1) {
			if ourPath.MatchString(m[1]) {
				exists(doc, filepath.Join(root, m[1]))
				followed++
			}
		}
	}
	if followed < 40 {
		t.Errorf("followed %d links and paths only: the patterns do not fit any more", followed)
	}
}

// TestReadmeIsShort: a README that nobody reads to its end says nothing.
func TestReadmeIsShort(t *testing.T) {
	all, _ := docs(t)
	if n := strings.Count(all["README.md"], "\n"); n > 200 {
		t.Errorf("README.md has %d lines, want 200 at most", n)
	}
}

// TestReadmeConfiguration gives the configuration that README.md shows to weir check.
func TestReadmeConfiguration(t *testing.T) {
	all, _ := docs(t)
	weir, err := harness.WeirBinary()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, block := range blocks(all["README.md"], "yaml") {
		name, _, _ := strings.Cut(strings.TrimPrefix(block, "# "), "\n")
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), []byte(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	check := exec.CommandContext(t.Context(), weir, "check", "--config", "weir.yaml")
	check.Dir = dir
	out, err := check.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "weir.yaml: ok (1 issuers, 3 targets, ") || strings.Contains(string(out), "warning") {
		t.Errorf("weir check of README.md's configuration: %v\n%s", err, out)
	}
}

// TestReadmePolicy runs the commands of README.md's part on policy one after the other. What it shows of their answers stands in them, line by
// line, where … is anything.
func TestReadmePolicy(t *testing.T) {
	all, _ := docs(t)
	weir, err := harness.WeirBinary()
	if err != nil {
		t.Fatal(err)
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	signing := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	if err := os.WriteFile(filepath.Join(dir, "policy.key"), signing, 0o600); err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, block := range blocks(all["README.md"], "console") {
		for _, one := range strings.Split(strings.TrimPrefix(block, "$ "), "\n$ ") {
			command, shown, _ := strings.Cut(strings.TrimSpace(one), "\n")
			run := exec.CommandContext(t.Context(), "sh", "-c", strings.ReplaceAll(command, "weir policy", "'"+weir+"' policy"))
			run.Dir, run.WaitDelay = dir, 10*time.Second
			out, err := run.CombinedOutput()
			if err != nil {
				t.Fatalf("%s: %v\n%s", command, err, out)
			}
			for _, line := range strings.Split(shown, "\n") {
				want := strings.ReplaceAll(regexp.QuoteMeta(line), "…", ".+")
				if line == "" || !regexp.MustCompile("(?m)^"+want+"$").Match(out) {
					t.Errorf("README.md says that %s prints %q; it does not:\n%s", command, line, out)
				}
			}
			ran++
		}
	}
	if ran != 5 {
		t.Errorf("ran %d commands, want the 5 for authors of policies", ran)
	}
}

// TestDocsNameCommandsThatExist asks weir and make for every command that a document names, with the flags it shows.
func TestDocsNameCommandsThatExist(t *testing.T) {
	all, root := docs(t)
	weir, err := harness.WeirBinary()
	if err != nil {
		t.Fatal(err)
	}
	help := exec.CommandContext(t.Context(), "make", "--no-print-directory", "help")
	help.Dir = root
	targets, err := help.Output()
	if err != nil {
		t.Fatal(err)
	}
	makes, weirs := regexp.MustCompile("(?m)(?:`|^    )make ([a-z]+)"), regexp.MustCompile("`weir ([a-z]+(?: [a-z]+)?)((?: [^`]*)?)`")
	flagName, asked := regexp.MustCompile(`(?:^| )--?([a-z]+)`), 0
	for doc, text := range all {
		for _, m := range makes.FindAllStringSubmatch(text, -1) {
			if asked++; !regexp.MustCompile(`(?m)^  `+m[1]+` `).Match(targets) && m[1] != "help" {
				t.Errorf("%s names make %s, which make help does not list", doc, m[1])
			}
		}
		for _, m := range weirs.FindAllStringSubmatch(text, -1) {
			asked++
			out, err := exec.CommandContext(t.Context(), weir, append(strings.Fields(m[1]), "-h")...).CombinedOutput()
			if err != nil {
				t.Errorf("%s names weir %s: %v\n%s", doc, m[1], err, out)
			}
			for _, f := range flagName.FindAllStringSubmatch(m[2], -1) {
				if !regexp.MustCompile(`(?m)^  -` + f[1] + `\b`).Match(out) {
					t.Errorf("%s shows weir %s with -%s, which it does not have:\n%s", doc, m[1], f[1], out)
				}
			}
		}
	}
	if asked < 15 {
		t.Errorf("found %d commands only: the patterns do not fit any more", asked)
	}
}

// TestReadmeMetrics looks up each metric that a document names.
func TestReadmeMetrics(t *testing.T) {
	all, root := docs(t)
	names, err := os.ReadFile(filepath.Join(root, "server", "internal", "telemetry", "names.go"))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for doc, text := range all {
		for _, name := range regexp.MustCompile("`(weir_[a-z_]+)`").FindAllStringSubmatch(text, -1) {
			if found++; !strings.Contains(string(names), `"`+name[1]+`"`) && name[1] != "weir_token" { // a header, in envoy/README.md
				t.Errorf("%s names the metric %s, which there is not", doc, name[1])
			}
		}
	}
	if found < 4 {
		t.Errorf("found %d metrics only: the pattern does not fit any more", found)
	}
}
