package authn_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/authn"
	"github.com/weirgate/weir/pkg/authz"
)

// digest is the SHA-256 of nothing in particular, as Envoy tells it; thumbprint is it as cnf has it.
func digest(n byte) string { return strings.Repeat(hex.EncodeToString([]byte{n}), 32) }

func thumbprint(t *testing.T, digest string) string {
	t.Helper()
	raw, err := hex.DecodeString(digest)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

// TestCertificateBound: a token that is bound to a certificate is worth nothing without it (RFC 8705 §3), warm or cold.
func TestCertificateBound(t *testing.T) {
	i := startIssuer(t)
	token := mint(t, i, "ES256", nil, claims{"cnf": claims{"x5t#S256": thumbprint(t, digest(1))}})
	loose := mint(t, i, "ES256", nil, nil)
	for name, tc := range map[string]struct {
		token     string
		cert      authz.Certificate
		xfcc      []string
		forwarded bool
		bound     bool
		want      string
	}{
		"its certificate":                   {token: token, cert: authz.Certificate{Digest: digest(1)}},
		"another one":                       {token: token, cert: authz.Certificate{Digest: digest(2)}, want: "token_binding"},
		"none":                              {token: token, want: "token_binding"},
		"forwarded, and nobody asked":       {token: token, xfcc: []string{"Hash=" + digest(1)}, want: "token_binding"},
		"forwarded":                         {token: token, xfcc: []string{"By=x;Hash=" + digest(1) + `;Subject="CN=a\"b,O=c;d";URI=spiffe://x/y`}, forwarded: true},
		"forwarded in capitals":             {token: token, xfcc: []string{"hash=" + strings.ToUpper(digest(1))}, forwarded: true},
		"forwarded, another one":            {token: token, xfcc: []string{"Hash=" + digest(2)}, forwarded: true, want: "token_binding"},
		"nothing forwarded":                 {token: token, cert: authz.Certificate{Digest: digest(1)}, forwarded: true, want: "token_binding"},
		"forwarded by two hops":             {token: token, xfcc: []string{"Hash=" + digest(1) + ",Hash=" + digest(2)}, forwarded: true, want: "certificate_unreadable"},
		"forwarded twice":                   {token: token, xfcc: []string{"Hash=" + digest(1), "Hash=" + digest(1)}, forwarded: true, want: "certificate_unreadable"},
		"two hashes":                        {token: token, xfcc: []string{"Hash=" + digest(2) + ";Hash=" + digest(1)}, forwarded: true, want: "certificate_unreadable"},
		"a hash in a subject":               {token: token, xfcc: []string{`Hash=` + digest(2) + `;Subject="x;Hash=` + digest(1) + `"`}, forwarded: true, want: "token_binding"},
		"a hash behind a name":              {token: token, xfcc: []string{"URI=spiffe://x;Hash=" + digest(1)}, forwarded: true, want: "certificate_unreadable"},
		"a quote that does not end":         {token: token, xfcc: []string{`Hash=` + digest(1) + `;Subject="x`}, forwarded: true, want: "certificate_unreadable"},
		"text behind a quote":               {token: token, xfcc: []string{`Subject="x"y;Hash=` + digest(1)}, forwarded: true, want: "certificate_unreadable"},
		"a short hash":                      {token: token, xfcc: []string{"Hash=ab"}, forwarded: true, want: "certificate_unreadable"},
		"no pairs":                          {token: token, xfcc: []string{"nonsense"}, forwarded: true, want: "certificate_unreadable"},
		"not bound":                         {token: loose},
		"not bound, and it must be":         {token: loose, bound: true, want: "token_unbound"},
		"bound, as it must be":              {token: token, cert: authz.Certificate{Digest: digest(1)}, bound: true},
		"bound to what nobody knows":        {token: mint(t, i, "ES256", nil, claims{"cnf": claims{"kid": thumbprint(t, digest(1))}}), want: "token_binding"},
		"bound to that too":                 {token: mint(t, i, "ES256", nil, claims{"cnf": claims{"kid": thumbprint(t, digest(1)), "x5t#S256": thumbprint(t, digest(1))}}), cert: authz.Certificate{Digest: digest(1)}, want: "token_binding"},
		"bound to nothing":                  {token: mint(t, i, "ES256", nil, claims{"cnf": claims{}}), want: "token_claim"},
		"bound to a text":                   {token: mint(t, i, "ES256", nil, claims{"cnf": "x"}), want: "token_claim"},
		"bound to a hash in another form":   {token: mint(t, i, "ES256", nil, claims{"cnf": claims{"x5t#S256": digest(1)}}), cert: authz.Certificate{Digest: digest(1)}, want: "token_claim"},
		"bound to a hash that is too short": {token: mint(t, i, "ES256", nil, claims{"cnf": claims{"x5t#S256": "AAAA"}}), want: "token_claim"},
	} {
		t.Run(name, func(t *testing.T) {
			a := start(t, i, func(c *authn.Config) { c.ForwardedCertificate, c.Issuers[0].Bound = tc.forwarded, tc.bound })
			for _, when := range []string{"cold", "warm"} {
				req := bearer(tc.token)
				req.Certificate, req.Headers["x-forwarded-client-cert"] = tc.cert, tc.xfcc
				id, err := a.Authenticate(context.Background(), req, authz.Target{})
				if got := label(t, err); got != tc.want || (err == nil) != (id.Subject.ID == "alice") {
					t.Errorf("%s: got %q for %q, want %q (%v)", when, got, id.Subject.ID, tc.want, err)
				}
			}
		})
	}
}

// TestForwardedNames: what Envoy 1.40 forwards of a certificate whose first URI is "spiffe://x/a;DNS=admin.example" and whose common name is
// a"b;c, of O=Research, with that certificate and without it. A URI does not pass for a name of another kind where the certificate is there to
// be read; where it is not, nothing tells the two apart but what follows, and a subject or hash never does.
func TestForwardedNames(t *testing.T) {
	const (
		hash = "Hash=132caa2be919d5f2f5dc49bbbf80787cc67693781483550292e2c5626d7475ca"
		pem  = `;Cert="-----BEGIN%20CERTIFICATE-----%0AMIIB3TCCAYKgAwIBAgIUDZXsmfi4LiO3RnNXsJIoHV0A8%2FYwCgYIKoZIzj0EAwIw%0ADTELMAkGA1UEAwwCY2EwHhcNMjYxMTI1MTgyNzIwWhcNMjYxMTI3MTgyNzIwWjAj%0AMQ4wDAYDVQQDDAVhImI7YzERMA8GA1UECgwIUmVzZWFyY2gwWTATBgcqhkjOPQIB%0ABggqhkjOPQMBBwNCAARhiZSDnnKDAcoosD3PfTfKZHHJbSbGCOLhFl3rkKyc5hdY%0AH%2FwdxZC7b9LWeVwNcd23OPc8WDVdNmakdibRihDAo4GpMIGmMEUGA1UdEQQ%2BMDyG%0AHnNwaWZmZTovL3gvYTtETlM9YWRtaW4uZXhhbXBsZYYMc3BpZmZlOi8veC9iggxy%0AZWFsLmV4YW1wbGUwHQYDVR0lBBYwFAYIKwYBBQUHAwIGCCsGAQUFBwMBMB0GA1Ud%0ADgQWBBTOounHq9fxWqZggrsTQUuDv78AETAfBgNVHSMEGDAWgBT9V86TZsxPhE1O%0Ar%2FE37jL1tPEagDAKBggqhkjOPQQDAgNJADBGAiEA11%2FJiwltoRITcVG0UYuOKRpo%0AsJytaqgkhR9gNn2dIpICIQCz6fEEK%2Bgw0BUnLhetYrvMvlZyJm7oOCQAyf15U%2B%2Fi%0Auw%3D%3D%0A-----END%20CERTIFICATE-----%0A"`
		subj = `;Subject="O=Research,CN=a\"b\;c"`
		uris = ";URI=spiffe://x/a;DNS=admin.example;URI=spiffe://x/b;DNS=real.example"
	)
	rule := func(match string) authn.CertificateRule { return authn.CertificateRule{Match: match} }
	a := func(rules ...authn.CertificateRule) *authn.Authenticator {
		return start(t, startIssuer(t), func(c *authn.Config) {
			c.ForwardedCertificate, c.Certificates = true, rules
			c.Targets = map[string]authn.Target{"corpus": {Carriers: []string{"certificate"}}}
		})
	}
	for name, tc := range map[string]struct {
		xfcc string
		rule authn.CertificateRule
		want string // ID, or the label of the refusal
	}{
		"a URI as a DNS name":        {hash + pem + subj + uris, rule("dns:admin.example"), "certificate_refused"},
		"the DNS name":               {hash + pem + subj + uris, rule("dns:real.example"), "dns:real.example"},
		"the subject":                {hash + pem + subj + uris, rule(`subject:O=Research,CN=a\"b\;c`), `subject:O=Research,CN=a\"b\;c`},
		"another's certificate":      {"Hash=" + digest(1) + pem + subj, rule("dns:real.example"), "certificate_unreadable"},
		"no certificate":             {hash + ";Cert=x", rule("dns:real.example"), "certificate_unreadable"},
		"the subject, as written":    {hash + subj, rule(`subject:O=Research,CN=a\"b\;c`), `subject:O=Research,CN=a\"b\;c`},
		"a name in a subject's name": {hash + `;Subject="O=Research,CN=loader\,OU=ML"`, rule("subject:O=Research,CN=loader,OU=ML"), "certificate_refused"},
		"a subject in a URI":         {hash + `;URI=spiffe://x/a;Subject="CN=admin"`, rule("subject:CN=admin"), "certificate_unreadable"},
		"whose proxy has such a URI": {"By=spiffe://x/a;DNS=admin.example;" + hash, rule("dns:admin.example"), "certificate_unreadable"},
	} {
		t.Run(name, func(t *testing.T) {
			req := authz.Request{Headers: authz.Header{"x-forwarded-client-cert": {tc.xfcc}}}
			id, err := a(tc.rule).Authenticate(t.Context(), req, authz.Target{Name: "corpus"})
			if got := label(t, err) + id.Subject.ID; got != tc.want {
				t.Errorf("got %q, want %q (%v)", got, tc.want, err)
			}
		})
	}
}

// TestCertificateIdentity: where a target takes it, a client certificate is who asks.
func TestCertificateIdentity(t *testing.T) {
	i := startIssuer(t)
	token := mint(t, i, "ES256", nil, nil)
	a := start(t, i, func(c *authn.Config) {
		c.Targets = map[string]authn.Target{
			"corpus": {Carriers: []string{"certificate"}},
			"both":   {Carriers: []string{"authorization", "certificate"}},
			"more":   {Carriers: []string{"x-key", "base64:authorization", "weir-token", "certificate"}},
		}
		c.Certificates = []authn.CertificateRule{
			{Match: "spiffe://research.example/ns/rag/sa/*", Groups: []string{"rag"}},
			{Match: "spiffe://research.example/agents/**", Kind: authz.Agent},
			{Match: "dns:*.batch.example"},
			{Match: "subject:CN=loader,OU=*,O=Research"},
		}
	})
	cert := func(uri, dns, subject string) authz.Certificate {
		return authz.Certificate{Digest: digest(1), Verified: true, URI: uri, DNS: dns, Subject: subject}
	}
	unverified := cert("spiffe://research.example/ns/rag/sa/retriever", "", "")
	unverified.Verified = false
	workload := func(issuer, id string, groups ...string) authz.Subject {
		return authz.Subject{Issuer: issuer, ID: id, Kind: authz.Workload, Groups: groups, Credential: "x5t:" + digest(1)}
	}
	agent := workload("spiffe://research.example", "spiffe://research.example/agents/a/b")
	agent.Kind = authz.Agent
	for name, tc := range map[string]struct {
		target  string
		cert    authz.Certificate
		headers authz.Header
		want    authz.Subject
		err     string
	}{
		"spiffe":                    {target: "corpus", cert: cert("spiffe://research.example/ns/rag/sa/retriever", "x", "CN=x"), want: workload("spiffe://research.example", "spiffe://research.example/ns/rag/sa/retriever", "rag")},
		"an agent":                  {target: "corpus", cert: cert("spiffe://research.example/agents/a/b", "", ""), want: agent},
		"one segment too many":      {target: "corpus", cert: cert("spiffe://research.example/ns/rag/sa/x/y", "", ""), err: "certificate_refused"},
		"another trust domain":      {target: "corpus", cert: cert("spiffe://research.example.evil/ns/rag/sa/x", "", ""), err: "certificate_refused"},
		"behind a line end":         {target: "corpus", cert: cert("spiffe://research.example/ns/rag/sa/x\nspiffe://evil", "", ""), err: "certificate_refused"},
		"dns":                       {target: "corpus", cert: cert("", "loader.batch.example", ""), want: workload("x509", "dns:loader.batch.example")},
		"a dns name in a subject":   {target: "corpus", cert: cert("", "", "dns:loader.batch.example"), err: "certificate_refused"},
		"a spiffe id as a dns name": {target: "corpus", cert: cert("", "spiffe://research.example/ns/rag/sa/x", ""), err: "certificate_refused"},
		"subject":                   {target: "corpus", cert: cert("", "", "CN=loader,OU=ML,O=Research"), want: workload("x509", "subject:CN=loader,OU=ML,O=Research")},
		"a dns name as a URI":       {target: "corpus", cert: cert("dns:loader.batch.example", "", ""), err: "certificate_refused"},
		"a subject as a URI":        {target: "corpus", cert: cert("subject:CN=loader,OU=ML,O=Research", "", ""), err: "certificate_refused"},
		"nobody":                    {target: "corpus", cert: cert("", "", ""), err: "certificate_refused"},
		"not verified":              {target: "corpus", cert: unverified, err: "certificate_refused"},
		"no certificate":            {target: "corpus", err: "certificate_missing"},
		"an API key of the upstream": {
			target: "corpus", cert: cert("", "loader.batch.example", ""), headers: authz.Header{"authorization": {"AWS4-HMAC-SHA256 x", "y"}}, want: workload("x509", "dns:loader.batch.example"),
		},
		"a subject with two units":  {target: "corpus", cert: cert("", "", "CN=loader,OU=ML,O=Evil,O=Research"), err: "certificate_refused"},
		"a unit with a comma":       {target: "corpus", cert: cert("", "", `CN=loader,OU=a\,b,O=Research`), want: workload("x509", `subject:CN=loader,OU=a\,b,O=Research`)},
		"not where it is not taken": {target: "other", cert: cert("", "loader.batch.example", ""), err: "token_missing"},
		"a bad token is no certificate": {
			target: "both", cert: cert("", "loader.batch.example", ""), headers: authz.Header{"authorization": {"Bearer x"}}, err: "token_malformed",
		},
		"no token": {target: "both", cert: cert("", "loader.batch.example", ""), want: workload("x509", "dns:loader.batch.example")},
	} {
		t.Run(name, func(t *testing.T) {
			id, err := a.Authenticate(context.Background(), authz.Request{Headers: tc.headers, Certificate: tc.cert}, authz.Target{Name: tc.target})
			if got := label(t, err); got != tc.err {
				t.Fatalf("got %q, want %q (%v)", got, tc.err, err)
			}
			if diff := cmp.Diff(tc.want, id.Subject); diff != "" || id.Carrier != "" {
				t.Errorf("carrier %q; -want +got:\n%s", id.Carrier, diff)
			}
		})
	}
	for target, want := range map[string]string{
		"corpus": "a client certificate is required", "both": "a token (header authorization) or a client certificate is required",
		"more": "a token (header authorization or x-key or weir-token) or a client certificate is required",
	} {
		_, err := a.Authenticate(context.Background(), authz.Request{}, authz.Target{Name: target})
		if e := authz.AsError(err); e == nil || e.Label != "certificate_missing" || e.Public != want {
			t.Errorf("nothing shown to %s: %v; want %q", target, err, want)
		}
	}
	id, err := a.Authenticate(context.Background(), authz.Request{Headers: bearer(token).Headers, Certificate: cert("", "loader.batch.example", "")}, authz.Target{Name: "both"})
	if err != nil || id.Subject.ID != "alice" || id.Carrier != "authorization" {
		t.Errorf("token and certificate: %q in %q, %v", id.Subject.ID, id.Carrier, err)
	}
	for _, rule := range []authn.CertificateRule{{Match: "alice"}, {Match: ""}, {Match: "dns:x", Kind: "robot"}} {
		if _, err := authn.New(authn.Config{Certificates: []authn.CertificateRule{rule}}); err == nil {
			t.Errorf("rule %+v: accepted", rule)
		}
	}
}
