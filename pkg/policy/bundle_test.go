package policy_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/bundle"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/policy"
)

// signer is somebody's key, and bundles under it.
type signer struct{ private, public string }

func newSigner(t *testing.T) signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	block := func(name string, b []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: name, Bytes: b}))
	}
	return signer{block("EC PRIVATE KEY", private), block("PUBLIC KEY", public)}
}

// bundle makes one of a single file; an empty key leaves it unsigned.
func (s signer) bundle(t *testing.T, revision, src string, data map[string]any) []byte {
	t.Helper()
	return s.numbered(t, bundle.Manifest{Revision: revision}, src, data)
}

// numbered is bundle, with more to say in its manifest.
func (s signer) numbered(t *testing.T, manifest bundle.Manifest, src string, data map[string]any) []byte {
	t.Helper()
	if data == nil {
		data = map[string]any{}
	}
	b := bundle.Bundle{Manifest: manifest, Data: data}
	b.Manifest.Init()
	b.Modules = []bundle.ModuleFile{{URL: "/p.rego", Path: "/p.rego", Raw: []byte(src)}}
	if s.private != "" {
		if err := b.GenerateSignature(bundle.NewSigningConfig(s.private, "ES256", ""), "some-key", true); err != nil {
			t.Fatal(err)
		}
	}
	var buf bytes.Buffer
	if err := bundle.NewWriter(&buf).DisableFormat(true).Write(b); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

const says = "package weir.authz\ndecision := {\"effect\": \"allow\", \"rule\": \"%s\"}\n"

// altered replaces text in a file of a bundle, and leaves its signature as it is.
func altered(t *testing.T, b []byte, file, from, to string) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	zw := gzip.NewWriter(&out)
	r, w := tar.NewReader(z), tar.NewWriter(zw)
	for h, err := r.Next(); err == nil; h, err = r.Next() {
		var body bytes.Buffer
		if _, err := body.ReadFrom(r); err != nil {
			t.Fatal(err)
		}
		text := body.Bytes()
		if strings.TrimPrefix(h.Name, "/") == file {
			if to == "" {
				continue
			}
			text = bytes.ReplaceAll(text, []byte(from), []byte(to))
		}
		h.Size = int64(len(text))
		if err := errors.Join(w.WriteHeader(h), func() error { _, err := w.Write(text); return err }()); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), zw.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestBundle(t *testing.T) {
	ours, theirs := newSigner(t), newSigner(t)
	signed := policy.BundleConfig{Key: ours.public, Algorithm: "ES256"}
	good := ours.bundle(t, "v7", fmt.Sprintf(says, "seven"), map[string]any{"weir": map[string]any{"settings": map[string]any{"a": 1}}})
	bomb := ours.bundle(t, "", fmt.Sprintf(says, "x")+"#"+strings.Repeat(" ", 1<<20), nil)
	for name, tc := range map[string]struct {
		b    []byte
		cfg  policy.BundleConfig
		want string // of the error; "" for a good one
	}{
		"signed by us":                {good, signed, ""},
		"by somebody else":            {theirs.bundle(t, "v7", fmt.Sprintf(says, "x"), nil), signed, "verify"},
		"by nobody":                   {signer{}.bundle(t, "v7", fmt.Sprintf(says, "x"), nil), signed, "missing .signatures.json"},
		"by nobody, which is wanted":  {signer{}.bundle(t, "v7", fmt.Sprintf(says, "seven"), nil), policy.BundleConfig{Unsigned: true}, ""},
		"no key to look with":         {good, policy.BundleConfig{}, "no key"},
		"another algorithm":           {good, policy.BundleConfig{Key: ours.public, Algorithm: "RS256"}, "read the bundle"},
		"the public key for a secret": {good, policy.BundleConfig{Key: ours.public, Algorithm: "HS256"}, "verify"},
		"another scope":               {good, policy.BundleConfig{Key: ours.public, Algorithm: "ES256", Scope: "write"}, "scope"},
		"a rule changed since":        {altered(t, good, "p.rego", "seven", "eight"), signed, "p.rego"},
		"data changed since":          {altered(t, good, "data.json", "1", "2"), signed, "data.json"},
		"the signature taken out":     {altered(t, good, ".signatures.json", "", ""), signed, "missing .signatures.json"},
		"a rule taken out":            {altered(t, good, "p.rego", "", ""), signed, "p.rego"},
		"too large":                   {good, policy.BundleConfig{Key: ours.public, Algorithm: "ES256", MaxBytes: 100}, "larger than 100 bytes"},
		"too large unpacked":          {bomb, policy.BundleConfig{Key: ours.public, Algorithm: "ES256", MaxBytes: 100 << 10}, "unpacked it is larger"},
		"no bundle":                   {[]byte("hello, this is no bundle at all"), signed, "gzip"},
		"nothing":                     {nil, signed, "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := policy.ReadBundle(tc.b, tc.cfg)
			if tc.want != "" {
				if err == nil || !strings.Contains(err.Error(), tc.want) {
					t.Errorf("%v; want an error that says %q", err, tc.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			e := engine(t, policy.Config{FS: b.FS, Revision: b.Revision})
			if d, err := e.Eval(t.Context(), input(nil)); err != nil || d.Rule != "seven" || !strings.HasPrefix(d.Revision, "v7@") {
				t.Errorf("%+v, %v", d, err)
			}
		})
	}
}

// TestABundleOfOldRego is read where the policy is one of opa-envoy-plugin's.
func TestABundleOfOldRego(t *testing.T) {
	b := signer{}.bundle(t, "", "package envoy.authz\ndefault allow = false\nallow { data.open }\n", map[string]any{"open": true})
	if _, err := policy.ReadBundle(b, policy.BundleConfig{Unsigned: true}); err == nil {
		t.Error("version 0 was read as version 1")
	}
	read, err := policy.ReadBundle(b, policy.BundleConfig{Unsigned: true, Compat: policy.CompatOPAEnvoy})
	if err != nil {
		t.Fatal(err)
	}
	e := engine(t, policy.Config{FS: read.FS, Compat: policy.CompatOPAEnvoy})
	if d, err := e.Eval(t.Context(), told("GET", "/", nil, "")); err != nil || d.Effect != authz.Allow {
		t.Errorf("%+v, %v", d, err)
	}
}

// TestARevisionIsAName: whatever a bundle calls itself, it cannot break a line, a label or a record.
func TestARevisionIsAName(t *testing.T) {
	for given, want := range map[string]string{"": "", "v1": "v1@", "a b\n\"c\\@d": "abcd@", strings.Repeat("x", 100): strings.Repeat("x", 64) + "@", "é": ""} {
		cfg := own(`decision := true`)
		cfg.Revision = given
		if got := engine(t, cfg).Revision(); got[:len(got)-12] != want {
			t.Errorf("%q: %q", given, got)
		}
	}
}

// TestRemote: fetched once while it stays the same, taken when it changes, and left alone when it is no good.
func TestRemote(t *testing.T) {
	s := newSigner(t)
	var asked []string
	now := struct {
		body   []byte
		etag   string
		status int
	}{s.bundle(t, "one", fmt.Sprintf(says, "one"), nil), `"1"`, 200}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Header.Get("If-None-Match")+" "+r.Header.Get("Authorization"))
		if now.etag != "" {
			w.Header().Set("ETag", now.etag)
		}
		if now.etag != "" && r.Header.Get("If-None-Match") == now.etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.WriteHeader(now.status)
		_, _ = w.Write(now.body)
	}))
	defer srv.Close()
	keep := filepath.Join(t.TempDir(), "kept.tar.gz")
	cfg := policy.RemoteConfig{URL: srv.URL, Header: "Authorization: Bearer b", Keep: keep, Bundle: policy.BundleConfig{Key: s.public, Algorithm: "ES256"}}
	r, err := policy.NewRemote(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var last *policy.Bundle
	next := func(want string) { // a revision, "same", or what the error says
		t.Helper()
		b, err := r.Next(t.Context())
		if err == nil {
			last = b
		}
		switch {
		case errors.Is(err, policy.ErrUnchanged):
			if want != "same" {
				t.Errorf("unchanged, want %s", want)
			}
		case err != nil:
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %s", err, want)
			}
		case b.Revision != want:
			t.Errorf("%s, want %s", b.Revision, want)
		}
	}
	next("one")
	first := last
	next("one")                            // it was not taken
	if err := r.Taken(first); err != nil { // nor is it now: another reading of it is
		t.Fatal(err)
	}
	next("one")
	if err := r.Taken(last); err != nil {
		t.Fatal(err)
	}
	next("same")
	if last := asked[len(asked)-1]; last != `"1" Bearer b` {
		t.Errorf("asked with %q", last)
	}
	now.etag = `"2"` // another tag of the same bytes
	next("same")
	now.etag, now.status = "", 503
	next("the server answers 503")
	now.status, now.body = 200, altered(t, now.body, "p.rego", "one", "two")
	next("p.rego")
	next("p.rego") // still
	now.body = s.bundle(t, "two", fmt.Sprintf(says, "two"), nil)
	next("two")
	if b, err := r.Kept(); err != nil || b.Revision != "one" {
		t.Errorf("kept before it was taken: %v, %v", b, err)
	}
	if err := r.Taken(last); err != nil {
		t.Fatal(err)
	}
	if b, err := r.Kept(); err != nil || b.Revision != "two" {
		t.Errorf("kept: %v, %v", b, err)
	}
	if err := os.WriteFile(keep, altered(t, now.body, "p.rego", "two", "six"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Kept(); err == nil {
		t.Error("what is kept was not verified")
	}
	srv.Close()
	next("fetch the bundle")
}

// TestRedirects: a secret is for one host.
func TestRedirects(t *testing.T) {
	b := signer{}.bundle(t, "one", fmt.Sprintf(says, "one"), nil)
	var got []string
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("X-Key"))
		_, _ = w.Write(b)
	}))
	defer other.Close()
	first := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusFound))
	defer first.Close()
	for header, want := range map[string]string{"": "", "X-Key: secret": "not followed"} {
		r, err := policy.NewRemote(policy.RemoteConfig{URL: first.URL, Header: header, Bundle: policy.BundleConfig{Unsigned: true}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err = r.Next(t.Context()); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", header, err)
		}
	}
	if len(got) != 1 || got[0] != "" {
		t.Errorf("the other host got %q", got)
	}
	if _, err := policy.NewRemote(policy.RemoteConfig{Header: "no colon"}); err == nil {
		t.Error("a header without a value was taken")
	}
}

// TestAwait: before there is a policy nothing is allowed.
func TestAwait(t *testing.T) {
	e, err := policy.Await(slog.New(slog.DiscardHandler), "")
	if err != nil {
		t.Fatal(err)
	}
	if d, err := e.Eval(t.Context(), input(nil)); err == nil || d.Effect != authz.Deny || authz.AsError(err).Label != "policy_missing" || !e.Missing() {
		t.Errorf("%+v, %v", d, err)
	}
	if err := e.Reload(t.Context(), own(`decision := true`)); err != nil || e.Missing() {
		t.Fatal(err)
	}
	if d, err := e.Eval(t.Context(), input(nil)); err != nil || d.Effect != authz.Allow {
		t.Errorf("%+v, %v", d, err)
	}
}

// TestBuild: what a directory holds, as a bundle: the same rules, numbers and tests.
func TestBuild(t *testing.T) {
	s := newSigner(t)
	dir := with(t, copied(t), "slow_drip")
	dir["staff/data.json"] = &fstest.MapFile{Data: []byte(`{"a": 1}`)}
	b, err := policy.Build(t.Context(), policy.BuildConfig{FS: dir, Revision: "v3", Key: s.private, Algorithm: "ES256"})
	if err != nil {
		t.Fatal(err)
	}
	read, err := policy.ReadBundle(b, policy.BundleConfig{Key: s.public, Algorithm: "ES256"})
	if err != nil {
		t.Fatal(err)
	}
	settings := []byte("slow_drip: {per_person: {vectors: 7}}\n")
	e := engine(t, policy.Config{FS: read.FS, Revision: read.Revision, Settings: settings, RunTests: true})
	d, err := e.Eval(t.Context(), input(nil))
	if err != nil || d.Effect != authz.Allow || !strings.HasPrefix(d.Revision, "v3@") {
		t.Fatalf("%+v, %v", d, err)
	}
	want, err := engine(t, policy.Config{FS: dir, Settings: settings}).Eval(t.Context(), input(nil))
	want.Revision = d.Revision
	if diff := cmp.Diff(want, d); err != nil || diff != "" {
		t.Errorf("%v (-directory +bundle):\n%s", err, diff)
	}
	_, err = policy.New(t.Context(), policy.Config{FS: read.FS, Settings: []byte("slow_drop: {}\n")})
	if err == nil || !strings.Contains(err.Error(), `no setting "slow_drop"; nearest: slow_drip`) {
		t.Errorf("a setting that the bundle does not have: %v", err)
	}
	if _, err := policy.Build(t.Context(), policy.BuildConfig{FS: own("decision := ").FS}); err == nil {
		t.Error("a bundle was made of what does not compile")
	}
}
