package config

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/target"
)

const minimal = `
issuers:
- {issuer: https://login.example.com, audiences: [weir]}
targets:
- {name: files, kind: corpus, paths: [/corpus]}
audit: {dir: journal}
`

func TestDefaults(t *testing.T) {
	got, err := Parse([]byte(minimal), "/etc/weir/weir.yaml")
	if err != nil {
		t.Fatal(err)
	}
	host, _ := os.Hostname()
	window := func(s string) authz.Window { w, _ := authz.ParseWindow(s); return w }
	want := &Config{
		Listen: Listen{GRPC: "127.0.0.1:9001", Admin: "127.0.0.1:9002"}, Entry: "ext_proc", Mode: "enforce", Default: "deny", Replica: host,
		Issuers: []Issuer{{
			Issuer: "https://login.example.com", Audiences: []string{"weir"}, Algorithms: []string{"RS256", "ES256", "EdDSA"}, KeepKeys: 24 * time.Hour,
			Claims: Claims{ID: "sub", Groups: []string{"groups"}, Name: "name", Email: "email", Kind: "weir_kind"},
		}},
		Capabilities: Capabilities{MaxLifetime: time.Hour, RedirectLifetime: 5 * time.Minute, RedirectBudget: 200},
		Token:        Token{Carriers: []string{"authorization", "weir-token"}, Leeway: 30 * time.Second, MaxLifetime: 24 * time.Hour, MaxLifetimeAgent: 15 * time.Minute, DPoP: DPoP{Window: time.Minute, NonceTTL: 5 * time.Minute}, CacheSize: 10000, CacheTTL: time.Minute},
		Targets: []Target{{
			Name: "files", Kind: authz.KindCorpus, Dialect: "files", Paths: []string{"/corpus"}, Mode: "enforce", UnseenBytes: 1 << 20, Floors: Floors{Record: authz.RecordDurable},
		}},
		Policy: Policy{
			Compat: "weir", BuiltinErrors: "refuse", Identity: "token", Timeout: 250 * time.Millisecond, Memory: 512 << 20,
			Bundle: Bundle{Algorithm: "RS256", Poll: time.Minute, Serial: "auto", MaxBytes: 64 << 20},
		},
		Counters: Counters{Windows: []authz.Window{window("1m"), window("1h"), window("24h"), window("30d")}, Timeout: 500 * time.Millisecond, Away: authz.AwayRefuse},
		Audit:    Audit{Dir: "/etc/weir/journal", SegmentBytes: 64 << 20, MaxBytes: 10 << 30, Keep: 24 * time.Hour, Queue: 4096},
		Registry: Registry{Classes: []string{"public", "internal", "confidential", "restricted"}, Webhook: Webhook{Window: 5 * time.Minute}},
		Handover: Handover{TTL: 10 * time.Second},
		Limits: Limits{
			RequestBodyBytes: 8 << 20, RequestBodyBytesPerSubject: 32 << 20, RequestBodyBytesTotal: 512 << 20, DecisionTimeout: 1500 * time.Millisecond,
			BodyTimeout: 30 * time.Second, StreamIdleTimeout: 10 * time.Minute, AttestationTTL: time.Minute, AttestationTimeout: time.Second,
			DrainTimeout: 20 * time.Second,
		},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Config{})); diff != "" {
		t.Error(diff)
	}
}

// TestFull keeps testdata/full.yaml complete: the operator's example mentions every key, and loads.
func TestFull(t *testing.T) {
	b, err := os.ReadFile("testdata/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c, err := Parse(b, "testdata/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	mentioned := map[string]bool{}
	for key := range c.lines {
		mentioned[withoutIndex(key)] = true
	}
	for _, key := range allKeys(reflect.TypeFor[Config](), "") {
		if !mentioned[key] {
			t.Errorf("testdata/full.yaml does not mention %s", key)
		}
	}
	want := target.Rule{
		Target: authz.Target{
			Name: "embeddings", Kind: authz.KindInference, Tenant: "search", Sensitivity: "internal", Dialect: "openai",
			Labels: map[string]string{"owner": "search-team"}, Floors: authz.Floors{Mask: authz.MaskZero, Record: authz.RecordDurable}, Unseen: 1 << 20,
		},
		Hosts: []string{"embed.example.com", "*.embed.example.com"}, Paths: []string{"/v1", "=/healthz", "/openai/deployments/*/embeddings"},
	}
	if diff := cmp.Diff(want, c.TargetTable().Rules[0]); diff != "" {
		t.Error(diff)
	}
	wantPaths := []string{"testdata/tls/weir.crt", "testdata/tls/weir.key", "testdata/tls/mesh-ca.crt", "testdata/policy", "testdata/settings.yaml", "testdata/models.yaml", "testdata/keys/batch.json", "testdata/revoked.txt", "testdata/clients.crt"}
	if diff := cmp.Diff(wantPaths, c.Paths()); diff != "" {
		t.Error(diff)
	}
}

func allKeys(t reflect.Type, key string) []string {
	var out []string
	for name, f := range fieldsOf(t) {
		path, ft := join(key, name), f.Type
		out = append(out, path)
		if ft.Kind() == reflect.Slice {
			ft = ft.Elem()
		}
		if ft.Kind() == reflect.Struct {
			out = append(out, allKeys(ft, path)...)
		}
	}
	return out
}

func withoutIndex(key string) string {
	for {
		open := strings.IndexByte(key, '[')
		if open < 0 {
			return key
		}
		key = key[:open] + key[strings.IndexByte(key, ']')+1:]
	}
}

// TestManual keeps the reference manual whole: every field is documented, and says its default, range and choices as the tags have them.
func TestManual(t *testing.T) {
	for _, file := range []string{"config.go", "policy.go", "registry.go", "target.go"} {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			f, ok := n.(*ast.Field)
			if !ok || f.Tag == nil {
				return true
			}
			name, tag := f.Names[0].Name, reflect.StructTag(strings.Trim(f.Tag.Value, "`"))
			doc := strings.Join(strings.Fields(f.Doc.Text()), " ")
			if !strings.HasPrefix(doc, name+" ") {
				t.Errorf("%s: %s has no manual", file, name)
			}
			says := append([]string{}, strings.Fields(tag.Get("default"))...)
			says = append(says, strings.Fields(tag.Get("oneof"))...)
			for _, word := range append(says, strings.Fields(tag.Get("min")+" "+tag.Get("max"))...) {
				if name != "Kind" && !strings.Contains(doc, word) {
					t.Errorf("%s: the manual of %s does not say %s", file, name, word)
				}
			}
			if tag.Get("default") != "" && !strings.Contains(doc, "Default ") {
				t.Errorf("%s: the manual of %s does not say the default", file, name)
			}
			return true
		})
	}
}

func TestSecretsDoNotShow(t *testing.T) {
	c, err := Parse([]byte(minimal+"counters: {url: 'redis://user:hunter2@redis:6379/0'}\n"), "weir.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if s := fmt.Sprintf(verb, c.Counters) + fmt.Sprintf(verb, c.Counters.URL); strings.Contains(s, "hunter2") {
			t.Errorf("%s shows the password: %s", verb, s)
		}
	}
	if !strings.Contains(c.Counters.URL.Reveal(), "hunter2") {
		t.Error("the password is lost")
	}
	for _, url := range []string{"redis:hunter2", "redis://user:hunter2@red is:6379", "ftp://user:hunter2@redis", "unix://hunter2"} {
		_, err := Parse([]byte(minimal+"counters: {url: '"+url+"'}\n"), "weir.yaml")
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	path := write("weir.yaml", minimal+"policy:\n  settings: settings.yaml\n  dir: settings.yaml\nhandover:\n  key_file: short.key\n")
	write("short.key", "0123456789")
	_, err := Load(path)
	want := strings.NewReplacer("DIR", dir).Replace(`DIR/weir.yaml:8: policy.settings: cannot read DIR/settings.yaml: no such file or directory
DIR/weir.yaml:9: policy.dir: cannot read DIR/settings.yaml: no such file or directory
DIR/weir.yaml:11: handover.key_file: DIR/short.key has 10 bytes: want at least 32 random ones`)
	if err == nil || err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
	write("settings.yaml", "")
	if _, err = Load(path); err == nil || !strings.Contains(err.Error(), "policy.dir: "+dir+"/settings.yaml is no directory") {
		t.Errorf("got %v", err)
	}
	write("models.yaml", "models:\n- {model: churn, names: []}\n")
	write("mlflow.secret", "short\n")
	_, err = Load(write("registry.yaml", minimal+"registry:\n  file: models.yaml\n  webhook: {secret_file: mlflow.secret}\n"))
	if want := dir + `/models.yaml:2: churn: model "churn": want NAME/VERSION, such as churn/7`; err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "mlflow.secret has 6 bytes") {
		t.Errorf("got:\n%v\nwant in it:\n%s", err, want)
	}
	if _, err = Load(write("good.yaml", minimal)); err != nil {
		t.Error(err)
	}
	if _, err = Load(filepath.Join(dir, "none.yaml")); err == nil {
		t.Error("a missing file was loaded")
	}
}

// TestValidateByHand: a Config made in code is checked by the same rules.
func TestValidateByHand(t *testing.T) {
	c := &Config{Audit: Audit{Dir: "journal"}, Default: "observe", Limits: Limits{BodyTimeout: time.Nanosecond}}
	err := c.Validate()
	want := "limits.body_timeout: want at least 100ms\nissuers: is missing: without an issuer nobody can say who they are"
	if err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]Size{"0": 0, "1": 1, "65536": 65536, "64KiB": 65536, "8MiB": 8 << 20, "1GiB": 1 << 30, "2TiB": 2 << 40} {
		if got, err := parseSize(text); err != nil || got != want {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "KiB", "-1", "+1", "1.5MiB", "8MB", "8 MiB", "9000000TiB", "99999999999999999999"} {
		if got, err := parseSize(text); err == nil {
			t.Errorf("%q was taken as %d", text, got)
		}
	}
	if got := Size(8<<20).String() + " " + Size(1).String() + " " + Size(0).String(); got != "8MiB 1 0" {
		t.Error(got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(minimal))
	b, err := os.ReadFile("testdata/full.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte("a: &a [*a]\n---\nb"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := Parse(b, "weir.yaml")
		if (c == nil) != (err != nil) {
			t.Fatalf("%v, %v", c, err)
		}
	})
}
