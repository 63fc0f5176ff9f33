package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestKeys: what is in files of keys is looked at, and nothing of it is said; which variables are not set here.
func TestKeys(t *testing.T) {
	dir := t.TempDir()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	own, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	write := func(name, text string) string {
		n++
		path := filepath.Join(dir, strconv.Itoa(n)+name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	inPEM := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	const good = `{"keys":[{"kty":"EC","crv":"P-256","kid":"a","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}`
	t.Setenv("WEIR_TEST_KEY", "x")
	issuer := func(text string) string {
		return strings.Replace(minimal, "audiences: [weir]", "audiences: [weir], jwks_file: "+write("keys.json", text), 1)
	}
	bundle := func(text, algorithm string) string {
		return minimal + "policy: {bundle: {file: w.tar.gz, key: " + write("key.pem", text) + ", algorithm: " + algorithm + "}}\n"
	}
	for name, tc := range map[string]struct{ config, problem, warning string }{
		"no key set":          {issuer("hunter2"), "weir.yaml:3: issuers[0].jwks_file: " + dir + "/1keys.json: not a JWK set", ""},
		"another object":      {issuer("{}"), "keys.json: not a JWK set", ""},
		"no keys":             {issuer(`{"keys":[]}`), "keys.json: there is no key in it", ""},
		"no key of use":       {issuer(`{"keys":[{"kty":"oct","k":"aHVudGVyMg"}]}`), "keys.json: no key in it can be used: key 0: it is a private or symmetric key", ""},
		"a key":               {issuer(good), "", ""},
		"a private key":       {bundle(inPEM("PRIVATE KEY", own), "ES256"), "policy.bundle.key: " + dir + "/6key.pem: it is a private key", ""},
		"no PEM":              {bundle("hunter2", "ES256"), "key.pem: want a public key in PEM", ""},
		"a broken one":        {bundle(inPEM("PUBLIC KEY", []byte("hunter2")), "ES256"), "key.pem: want a public key in PEM, and a PUBLIC KEY in it cannot be read as one", ""},
		"a public key":        {bundle(inPEM("PUBLIC KEY", public), "ES256"), "", ""},
		"a secret":            {bundle("hunter2", "HS256"), "", ""},
		"a variable":          {minimal + "mask_keys: {current: 'env:WEIR_TEST_NOPE'}\n", "", "mask_keys.current: the environment variable WEIR_TEST_NOPE is not set here"},
		"a variable, earlier": {minimal + "mask_keys: {current: 'env:WEIR_TEST_KEY', previous: ['env:WEIR_TEST_NOPE']}\n", "", "mask_keys.previous[0]: the environment"},
		"a variable, set":     {minimal + "mask_keys: {current: 'env:WEIR_TEST_KEY'}\n", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := Parse([]byte(tc.config), "weir.yaml")
			if err != nil {
				t.Fatal(err)
			}
			found, warnings := c.Keys()
			for what, pair := range map[string][2]string{"problems": {found.Error(), tc.problem}, "warnings": {strings.Join(warnings, "\n"), tc.warning}} {
				if got, want := pair[0], pair[1]; (got == "") != (want == "") || !strings.Contains(got, want) || strings.Contains(got, "hunter2") {
					t.Errorf("%s: %q; want %q", what, got, want)
				}
			}
		})
	}
}

// TestCertificateMatches: a URI has no word before it.
func TestCertificateMatches(t *testing.T) {
	for match, want := range map[string]string{
		"spiffe://research.example/ns/*":     "",
		"dns:ci.research.example":            "",
		"uri:spiffe://research.example/ns/*": `certificates[0].match: "uri:spiffe://research.example/ns/*": a URI stands by itself: spiffe://research.example/ns/*`,
	} {
		_, err := Parse([]byte(minimal+"certificates: [{match: '"+match+"', groups: [rag]}]\n"), "weir.yaml")
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", match, err, want)
		}
	}
}

// TestBlame: what is found later has its place in the file, too.
func TestBlame(t *testing.T) {
	c, err := Parse([]byte(minimal+"policy: {observe: [night]}\n"), "weir.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"policy.observe: no rule night": "weir.yaml:7: policy.observe: no rule night",
		"r.rego:3: policy.x":            "r.rego:3: policy.x",
	} {
		if got := c.Blame(errors.New(text)).String(); got != want {
			t.Errorf("%q; want %q", got, want)
		}
	}
}
