package integration_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"net/url"
	"os"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdCerts writes what mutual TLS needs: ca.crt; NAME.crt and NAME.key of it for weir, envoy and stranger, each with the URI
// spiffe://weir.example/NAME; and outsider, who says he is envoy by an authority of his own. Each call makes all of them anew.
func cmdCerts(ts *testscript.TestScript, neg bool, args []string) {
	refuseNeg(ts, "certs", neg)
	if len(args) != 0 {
		ts.Fatalf("usage: certs")
	}
	ca, other := newAuthority(ts), newAuthority(ts)
	writePEM(ts, "ca.crt", "CERTIFICATE", ca.cert.Raw)
	for _, name := range []string{"weir", "envoy", "stranger"} {
		ca.issue(ts, name, "spiffe://weir.example/"+name)
	}
	other.issue(ts, "outsider", "spiffe://weir.example/envoy")
}

// clientTLS is the TLS of a client who has NAME.crt and NAME.key, or no certificate by the name "none". Who the server is does not matter.
func clientTLS(ts *testscript.TestScript, name string) *tls.Config {
	c := &tls.Config{InsecureSkipVerify: true} //nolint:gosec // the client is what is tested
	if name == "none" {
		return c
	}
	pair, err := tls.LoadX509KeyPair(ts.MkAbs(name+".crt"), ts.MkAbs(name+".key"))
	ts.Check(err)
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil } // whether it is wanted or not
	return c
}

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func newAuthority(ts *testscript.TestScript) authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority " + rand.Text()},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	ts.Check(err)
	cert, err := x509.ParseCertificate(der)
	ts.Check(err)
	return authority{cert, key}
}

// issue writes name.crt and name.key: a certificate for both ends of a connection, with one URI.
func (a authority) issue(ts *testscript.TestScript, name, uri string) {
	id, err := url.Parse(uri)
	ts.Check(err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	ts.Check(err)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: serial, URIs: []*url.URL{id}, Subject: pkix.Name{CommonName: name, Organization: []string{"Weir, Example"}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.cert, key.Public(), a.key)
	ts.Check(err)
	writePEM(ts, name+".crt", "CERTIFICATE", der)
	sum := sha256.Sum256(der)
	ts.Setenv("x5t_"+name, base64.RawURLEncoding.EncodeToString(sum[:]))
	private, err := x509.MarshalPKCS8PrivateKey(key)
	ts.Check(err)
	writePEM(ts, name+".key", "PRIVATE KEY", private)
}

func writePEM(ts *testscript.TestScript, name, kind string, der []byte) {
	ts.Check(os.WriteFile(ts.MkAbs(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}
