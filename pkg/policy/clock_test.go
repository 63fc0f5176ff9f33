package policy_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

// chain is a root and a leaf of it in PEM, both good in the year 2020 and at no other time.
func chain(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "leaf"}, NotBefore: root.NotBefore, NotAfter: root.NotAfter,
		URIs: []*url.URL{{Scheme: "spiffe", Host: "research.example", Path: "/job"}}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	var out bytes.Buffer
	for _, c := range []*x509.Certificate{root, leaf} {
		der, err := x509.CreateCertificate(rand.Reader, c, root, key.Public(), key)
		if err == nil {
			err = pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: der})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return out.String()
}

// TestCertificatesAreVerifiedAtTheInputsTime: whether a certificate has ended is asked of the input's time, not of the machine's clock, so that
// a recorded input decides the same for ever.
func TestCertificatesAreVerifiedAtTheInputsTime(t *testing.T) {
	pemChain := chain(t)
	const now = `{"CurrentTime": time.parse_rfc3339_ns("2020-06-01T00:00:00Z")}`
	for name, tc := range map[string]struct {
		call           string
		in2020, in2030 string // the rule; "" where it is denied
	}{
		"without options":            {call: `crypto.x509.parse_and_verify_certificates(input.justification)`, in2020: "leaf root spiffe://research.example/job"},
		"with options":               {call: `crypto.x509.parse_and_verify_certificates_with_options(input.justification, {})`, in2020: "leaf root"},
		"with an option":             {call: `crypto.x509.parse_and_verify_certificates_with_options(input.justification, {"KeyUsages": ["KeyUsageAny"]})`, in2020: "leaf root"},
		"for another use":            {call: `crypto.x509.parse_and_verify_certificates_with_options(input.justification, {"KeyUsages": ["KeyUsageCodeSigning"]})`},
		"at a time of its own":       {call: `crypto.x509.parse_and_verify_certificates_with_options(input.justification, ` + now + `)`, in2020: "leaf root", in2030: "leaf root"},
		"one certificate is none":    {call: `crypto.x509.parse_and_verify_certificates(split(input.justification, "-----END")[0])`},
		"no certificate is one":      {call: `crypto.x509.parse_and_verify_certificates("nothing")`},
		"the leaf for the root":      {call: `crypto.x509.parse_and_verify_certificates(concat("", array.reverse([concat("", [c, "-----END CERTIFICATE-----\n"]) | some c in array.slice(split(input.justification, "-----END CERTIFICATE-----\n"), 0, 2)])))`},
		"known not to be one at all": {call: `crypto.x509.parse_and_verify_certificates(input.phase)`},
	} {
		t.Run(name, func(t *testing.T) {
			e := engine(t, own(fmt.Sprintf(`decision := {"effect": "allow", "rule": concat(" ", array.concat([c.Subject.CommonName | some c in found[1]], object.get(found[1][0], "URIStrings", [])))} if {
	found := %s
	found[0] == true
}`, tc.call)))
			for year, want := range map[int]string{2020: tc.in2020, 2030: tc.in2030} {
				in := input(func(in *authz.Input) {
					in.Justification = pemChain
					in.Time.UnixNS = time.Date(year, 6, 1, 0, 0, 0, 0, time.UTC).UnixNano()
				})
				d, err := e.Eval(t.Context(), in)
				if err != nil || (d.Effect == authz.Allow) != (want != "") || want != "" && d.Rule != want {
					t.Errorf("in %d: %+v, %v; want %q", year, d, err, want)
				}
				recorded, err := json.Marshal(in)
				if err != nil {
					t.Fatal(err)
				}
				if again, err := e.Explain(t.Context(), recorded, io.Discard); err != nil || again.Effect != d.Effect || again.Rule != d.Rule {
					t.Errorf("in %d, replayed: %+v, %v; was %+v", year, again, err, d)
				}
			}
		})
	}
	e := engine(t, own(`decision := true if crypto.x509.parse_and_verify_certificates_with_options(input.justification, {"CurrentTime": "now"})[0]`))
	if _, err := e.Eval(t.Context(), input(func(in *authz.Input) { in.Justification = pemChain })); err == nil || !strings.Contains(err.Error(), "parse_and_verify_certificates_with_options") {
		t.Errorf("an option that is none: %v", err)
	}
}
