package integration_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/weirgate/weir/integration/harness"
)

// TestEnvoyConfigs asks the pinned Envoy whether it takes each config that we ship.
func TestEnvoyConfigs(t *testing.T) {
	binary, err := harness.FindEnvoy()
	harness.Need(t, err)
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	var configs []string
	for _, pattern := range []string{"envoy/*.yaml", "examples/*/envoy*.yaml"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		configs = append(configs, found...)
	}
	if len(configs) < 5 {
		t.Fatalf("found %d configs, want at least the five under envoy/: %q", len(configs), configs)
	}
	tls := writeCertificates(t)
	for _, config := range configs {
		name, err := filepath.Rel(root, config)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) {
			err := harness.ValidateEnvoy(t.Context(), harness.EnvoyConfig{
				Config: config, Dir: t.TempDir(), Binary: binary, Replace: []string{"/etc/weir/tls", tls},
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// writeCertificates makes the files that ext_proc-mtls.yaml names, and Weir's own, for one authority:
// ca.crt, envoy.crt, envoy.key (spiffe://weir.example/envoy), weir.crt, weir.key (spiffe://weir.example/weir).
func writeCertificates(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	authority, authorityKey := certificate(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "weir test authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil, nil, filepath.Join(dir, "ca"))
	for _, name := range []string{"envoy", "weir"} {
		certificate(t, &x509.Certificate{
			Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
			URIs:        []*url.URL{{Scheme: "spiffe", Host: "weir.example", Path: "/" + name}},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		}, authority, authorityKey, filepath.Join(dir, name))
	}
	return dir
}

// certificate makes one certificate and key and writes them to base.crt and base.key. Without a parent it signs itself.
func certificate(t *testing.T, c, parent *x509.Certificate, parentKey *ecdsa.PrivateKey, base string) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.SerialNumber = big.NewInt(time.Now().UnixNano())
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	if parent == nil {
		parent, parentKey = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, parentKey)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		base + ".crt": {Type: "CERTIFICATE", Bytes: der},
		base + ".key": {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return c, key
}
