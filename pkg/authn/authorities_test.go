package authn_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/weirgate/weir/pkg/authn"
	"github.com/weirgate/weir/pkg/authz"
)

// certAuthority signs certificates.
type certAuthority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// signed makes a certificate out of a template, with a key of its own, signed by itself where by is the zero authority.
func (by certAuthority) signed(t *testing.T, template *x509.Certificate) certAuthority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	parent, signer := by.cert, by.key
	if parent == nil {
		parent, signer = template, key
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certAuthority{cert, key}
}

// handed is the certificate as Envoy hands it over by ext_authz.
func (by certAuthority) handed() authz.Certificate {
	sum := sha256.Sum256(by.cert.Raw)
	return authz.Certificate{Digest: hex.EncodeToString(sum[:]), DER: string(by.cert.Raw)}
}

// TestCertificateAuthorities: a certificate that Envoy hands over without a word on whether it is verified is somebody's where our own
// authorities say so, at this time, for clients; and else nobody's.
func TestCertificateAuthorities(t *testing.T) {
	i, now := startIssuer(t), newClock()
	at := now.Now()
	day := 24 * time.Hour
	ca := func(name string) *x509.Certificate {
		return &x509.Certificate{Subject: pkix.Name{CommonName: name}, NotBefore: at.Add(-day), NotAfter: at.Add(10 * day), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	}
	leaf := func(change func(*x509.Certificate)) *x509.Certificate {
		id, err := url.Parse("spiffe://research.example/ns/rag/sa/loader")
		if err != nil {
			t.Fatal(err)
		}
		c := &x509.Certificate{
			Subject: pkix.Name{CommonName: "loader", Organization: []string{"Research"}}, URIs: []*url.URL{id}, DNSNames: []string{"loader.batch.example"},
			NotBefore: at.Add(-time.Hour), NotAfter: at.Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		}
		if change != nil {
			change(c)
		}
		return c
	}
	ours, others := certAuthority{}.signed(t, ca("ours")), certAuthority{}.signed(t, ca("ours"))
	inter := ours.signed(t, ca("intermediate"))
	file := filepath.Join(t.TempDir(), "ca.pem")
	write := func(authorities ...certAuthority) {
		var text []byte
		for _, a := range authorities {
			text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})...)
		}
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(ours)
	a := start(t, i, func(c *authn.Config) {
		c.Targets = map[string]authn.Target{"corpus": {Carriers: []string{"certificate"}}}
		c.Certificates = []authn.CertificateRule{{Match: "spiffe://research.example/ns/rag/sa/*"}, {Match: "dns:*.batch.example"}, {Match: "subject:CN=loader,O=Research"}}
		c.CertificateAuthorities, c.Now = file, now.Now
	})
	ask := func(c authz.Certificate) (string, string) {
		t.Helper()
		id, err := a.Authenticate(t.Context(), authz.Request{Certificate: c}, authz.Target{Name: "corpus"})
		return id.Subject.ID, label(t, err)
	}
	good := ours.signed(t, leaf(nil))
	mixed := good.handed()
	mixed.URI, mixed.Digest = "spiffe://research.example/ns/rag/sa/other", digest(7)
	for name, tc := range map[string]struct {
		cert authz.Certificate
		want string // empty: certificate_refused
	}{
		"good":                     {good.handed(), "spiffe://research.example/ns/rag/sa/loader"},
		"by its DNS name":          {ours.signed(t, leaf(func(c *x509.Certificate) { c.URIs = nil })).handed(), "dns:loader.batch.example"},
		"by its subject":           {ours.signed(t, leaf(func(c *x509.Certificate) { c.URIs, c.DNSNames = nil, nil })).handed(), "subject:CN=loader,O=Research"},
		"for anything":             {ours.signed(t, leaf(func(c *x509.Certificate) { c.ExtKeyUsage = nil })).handed(), "spiffe://research.example/ns/rag/sa/loader"},
		"names from elsewhere":     {mixed, "spiffe://research.example/ns/rag/sa/loader"},
		"another authority's":      {others.signed(t, leaf(nil)).handed(), ""},
		"its own":                  {certAuthority{}.signed(t, leaf(nil)).handed(), ""},
		"an intermediate one's":    {inter.signed(t, leaf(nil)).handed(), ""},
		"of a client":              {good.signed(t, leaf(nil)).handed(), ""},
		"for servers":              {ours.signed(t, leaf(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })).handed(), ""},
		"over":                     {ours.signed(t, leaf(func(c *x509.Certificate) { c.NotAfter = at.Add(-time.Minute) })).handed(), ""},
		"not yet":                  {ours.signed(t, leaf(func(c *x509.Certificate) { c.NotBefore = at.Add(time.Minute) })).handed(), ""},
		"nonsense":                 {authz.Certificate{Digest: digest(1), DER: "x"}, ""},
		"the digest alone":         {authz.Certificate{Digest: good.handed().Digest}, ""},
		"of another name":          {ours.signed(t, leaf(func(c *x509.Certificate) { c.URIs, c.DNSNames, c.Subject = nil, nil, pkix.Name{CommonName: "x"} })).handed(), ""},
		"names, and no DER at all": {authz.Certificate{Digest: digest(2), URI: "spiffe://research.example/ns/rag/sa/x"}, ""},
	} {
		for range 2 { // verified, and remembered
			id, label := ask(tc.cert)
			if id != tc.want || (label == "certificate_refused") != (tc.want == "") {
				t.Errorf("%s: %q, %q; want %q", name, id, label, tc.want)
			}
		}
	}
	now.Add(2 * time.Hour)
	if id, label := ask(good.handed()); label != "certificate_refused" {
		t.Errorf("remembered beyond its end: %q", id)
	}
	now.Add(-2 * time.Hour)

	// Another file: what was remembered by the old one is not, and the intermediate one that is in it is trusted.
	write(inter)
	a.Refresh()
	if id, label := ask(good.handed()); label != "certificate_refused" {
		t.Errorf("of an authority that was taken away: %q", id)
	}
	if id, label := ask(inter.signed(t, leaf(nil)).handed()); id == "" {
		t.Errorf("of an intermediate one that is in the file: %s", label)
	}
	for name, text := range map[string]string{"empty": "", "a client's": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: good.cert.Raw})), "a key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"} {
		if authn.CheckAuthorities([]byte(text)) == nil {
			t.Errorf("%s: taken for authorities", name)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		a.Refresh()
		if id, _ := ask(inter.signed(t, leaf(nil)).handed()); id == "" {
			t.Errorf("%s: the last good ones are gone", name)
		}
	}
}
