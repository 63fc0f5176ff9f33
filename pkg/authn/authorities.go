package authn

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

// authorities verify client certificates where Envoy hands them over and does not say that it has: over ext_authz. That the client has the
// certificate's key, Envoy's handshake has shown. Immutable but for what it remembers; safe for concurrent use.
type authorities struct {
	pool *x509.CertPool

	mu   sync.Mutex                  // guards what follows
	seen map[string]knownCertificate // by digest: verifying one takes as long as all else
}

// knownCertificate is a certificate that was good at a time, until when it stays so.
type knownCertificate struct {
	cert          authz.Certificate
	after, before time.Time
}

const (
	maxAuthorities  = 1 << 20 // bytes of the file
	maxCertificates = 4096    // that are remembered
)

// parseAuthorities reads certificates in PEM. Each is one that is trusted, whoever signed it; an intermediate one that clients' are signed by
// must be among them, as Envoy hands over the client's alone.
func parseAuthorities(raw []byte) (*authorities, error) {
	a := &authorities{pool: x509.NewCertPool(), seen: map[string]knownCertificate{}}
	n := 0
	for block, rest := pem.Decode(raw); block != nil; block, rest = pem.Decode(rest) {
		cert, err := x509.ParseCertificate(block.Bytes)
		if block.Type != "CERTIFICATE" || err != nil || !cert.IsCA {
			return nil, fmt.Errorf("block %d is no certificate of an authority", n+1)
		}
		a.pool.AddCert(cert)
		n++
	}
	if n == 0 {
		return nil, errors.New("holds no certificate in PEM")
	}
	return a, nil
}

// CheckAuthorities says what is wrong with a file of authorities; nil for nothing.
func CheckAuthorities(raw []byte) error {
	_, err := parseAuthorities(raw)
	return err
}

// loadAuthorities reads the file again. One that cannot be read leaves the last good one in force.
func (a *Authenticator) loadAuthorities() error {
	if a.cfg.CertificateAuthorities == "" {
		return nil
	}
	f, err := os.Open(a.cfg.CertificateAuthorities)
	if err != nil {
		return fmt.Errorf("certificate authorities: %w", err)
	}
	defer func() { _ = f.Close() }()
	raw, err := readUpTo(f, maxAuthorities)
	if err != nil {
		return fmt.Errorf("certificate authorities: %w", err)
	}
	list, err := parseAuthorities(raw)
	if err != nil {
		return fmt.Errorf("certificate authorities: %s: %w", a.cfg.CertificateAuthorities, err)
	}
	a.authorities.Store(list)
	return nil
}

// verify returns the certificate with its names, if it is one of these authorities' clients at this time; else as it was, its names worth
// nothing.
func (a *authorities) verify(cert authz.Certificate, now time.Time) authz.Certificate {
	a.mu.Lock()
	known, ok := a.seen[cert.Digest]
	a.mu.Unlock()
	if ok && !now.Before(known.after) && !now.After(known.before) {
		return known.cert
	}
	x, err := x509.ParseCertificate([]byte(cert.DER))
	if err != nil {
		return cert
	}
	chains, err := x.Verify(x509.VerifyOptions{Roots: a.pool, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	if err != nil {
		return cert
	}
	known = knownCertificate{authz.Certificate{Digest: cert.Digest, Verified: true}, x.NotBefore, x.NotAfter}
	known.cert.Subject, known.cert.URI, known.cert.DNS = namesOf(x)
	for _, issuer := range chains[0] { // the authority may end before
		if issuer.NotAfter.Before(known.before) {
			known.before = issuer.NotAfter
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.seen) >= maxCertificates {
		clear(a.seen)
	}
	a.seen[cert.Digest] = known
	return known.cert
}

// namesOf returns a certificate's subject and the first of its names of each kind.
func namesOf(x *x509.Certificate) (subject, uri, dns string) {
	if len(x.URIs) > 0 {
		uri = x.URIs[0].String()
	}
	if len(x.DNSNames) > 0 {
		dns = x.DNSNames[0]
	}
	return subjectOf(x), uri, dns
}

// subjectOf is the subject as in RFC 2253; empty where it cannot be written so.
func subjectOf(x *x509.Certificate) string {
	var names pkix.RDNSequence
	if rest, err := asn1.Unmarshal(x.RawSubject, &names); err != nil || len(rest) > 0 {
		return ""
	}
	return names.String()
}
