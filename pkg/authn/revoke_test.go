package authn_test

import (
	"bytes"
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirgate/weir/pkg/authn"
	"github.com/weirgate/weir/pkg/authz"
)

// TestRevocations: what is on the list is not believed, whether it was verified lately or not, and whoever shows it.
func TestRevocations(t *testing.T) {
	i := startIssuer(t)
	file := filepath.Join(t.TempDir(), "revoked.txt")
	writeFile(t, file, []byte("# nobody yet\n\n"))
	var log bytes.Buffer
	a := start(t, i, func(c *authn.Config) {
		c.Revocations, c.Log = file, slog.New(slog.NewTextHandler(&log, nil))
		c.Capabilities = newCapabilities(t, "a")
		c.Certificates = []authn.CertificateRule{{Match: "spiffe://td/**"}}
		c.Targets = map[string]authn.Target{"t": {Carriers: []string{"url:cap", "certificate"}}}
		c.Issuers[0].Claims.Owner = "owner"
	})
	now := time.Now()
	exp := now.Add(10 * time.Minute).Unix()
	text, err := newCapabilities(t, "a").Sign(authn.Capability{
		ID: "c1", Subject: authz.Subject{Issuer: i.URL, ID: "loader", Kind: authz.Workload}, Target: "t", Path: "/x", Issued: now, Expires: now.Add(time.Minute),
	})
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]authz.Request{
		"one":         bearer(mint(t, i, "ES256", nil, claims{"jti": "j1"})),
		"another":     bearer(mint(t, i, "ES256", nil, claims{"jti": "j2"})),
		"old":         bearer(mint(t, i, "ES256", nil, claims{"jti": "j3", "iat": now.Add(-time.Hour).Unix()})),
		"bob":         bearer(mint(t, i, "ES256", nil, claims{"sub": "bob"})),
		"bot":         bearer(mint(t, i, "ES256", nil, claims{"exp": exp, "act": claims{"sub": "bot"}})),
		"bots":        bearer(mint(t, i, "ES256", nil, claims{"sub": "eve", "exp": exp, "act": claims{"sub": "x", "act": claims{"sub": "bot", "iss": "https://bots"}}})),
		"own":         bearer(mint(t, i, "ES256", nil, claims{"sub": "bot", "weir_kind": "agent", "exp": exp, "owner": "alice"})),
		"capability":  {Method: "GET", Path: "/x?cap=" + text},
		"certificate": {Certificate: authz.Certificate{Digest: digest(1), Verified: true, URI: "spiffe://td/x"}},
	}
	check := func(list string, revoked ...string) {
		t.Helper()
		writeFile(t, file, []byte(list))
		a.Refresh()
		for name, req := range shown {
			wanted := ""
			for _, r := range revoked {
				if r == name {
					wanted = "token_revoked"
				}
			}
			for range 2 {
				target := authz.Target{}
				if len(req.Headers) == 0 {
					target.Name = "t"
				}
				_, err := a.Authenticate(context.Background(), req, target)
				if got := label(t, err); got != wanted {
					t.Errorf("list %q: %s: got %q, want %q (%v)", list, name, got, wanted, err)
				}
			}
		}
	}
	check("")
	check("jti j1\n", "one")
	check("jti j1\njti  capability:c1\r\njti x5t:"+digest(1), "one", "capability", "certificate")
	check("sub "+i.URL+"|alice", "one", "another", "old", "bot", "own")
	check("sub "+i.URL+"|bot", "bot", "own")
	check("sub https://bots|bot", "bots")
	check("sub spiffe://td|spiffe://td/x", "certificate")
	check("sub "+i.URL+"|alice before "+now.Add(-30*time.Minute).Format(time.RFC3339), "old")
	check("sub "+i.URL+"|alice before "+now.Add(-30*time.Minute).Format(time.RFC3339)+"\nsub "+i.URL+"|alice\n", "one", "another", "old", "bot", "own")
	check("sub "+i.URL+"|alice\nsub "+i.URL+"|alice before "+now.Add(-30*time.Minute).Format(time.RFC3339), "one", "another", "old", "bot", "own")
	check("jti j2", "another")

	// What cannot be read leaves what was.
	for _, bad := range []string{"jti", "sub alice", "JTI j1", "jti j2\nsubject x|y", "sub a|b before soon", strings.Repeat("# x\n", 5<<20)} {
		log.Reset()
		check(bad, "another")
		if !strings.Contains(log.String(), "the revocation list was not taken") {
			t.Errorf("list %.20q: nothing is said of it: %s", bad, &log)
		}
	}
	if _, err := authn.New(authn.Config{Issuers: []authn.Issuer{{URL: i.URL, Audiences: []string{"a"}}}, Revocations: file}); err == nil {
		t.Error("started with a list that cannot be read")
	}
}
