package main

import (
	"strings"
	"testing"

	"github.com/weirgate/weir/server/internal/config"
)

// TestStrangers: what the configuration has not is named, with the nearest that it has; what it cannot know is not.
func TestStrangers(t *testing.T) {
	named := func(key, match string) config.Config {
		c := config.Config{
			Issuers:      []config.Issuer{{Issuer: "https://login.example.com"}, {Issuer: "https://ci.example.com"}},
			Certificates: []config.Certificate{{Match: match}},
			Targets:      []config.Target{{Name: "docs", Tenant: "a"}, {Name: "embeddings", Tenant: "b"}},
		}
		c.Capabilities.Current = key
		return c
	}
	const all = `there is https://ci.example.com, https://login.example.com, spiffe://research.example`
	for name, tc := range map[string]struct {
		subject, tenant, meter, key string
		capabilities, match         string
		want                        string
	}{
		"a slip in the issuer":  {subject: "https://logn.example.com|alice", want: `the configuration has no issuer "https://logn.example.com"; ` + all + "; did you mean https://login.example.com?"},
		"no issuer":             {subject: "x|alice", want: `the configuration has no issuer "x"; ` + all},
		"an issuer":             {subject: "https://ci.example.com|alice"},
		"a trust domain":        {subject: "spiffe://research.example|spiffe://research.example/a"},
		"a certificate's name":  {subject: "x509|dns:a", match: "dns:a"},
		"any trust domain":      {subject: "spiffe://other|a", match: "spiffe://*/a"},
		"any name":              {subject: "spiffe://other|a", match: "**"},
		"whom a capability has": {subject: "https://old.example.com|alice", capabilities: "key"},
		"a slip in the target":  {meter: "target", key: "embedings", want: `the configuration has no target "embedings"; there is docs, embeddings; did you mean embeddings?`},
		"a group":               {meter: "group", key: "embedings"},
		"a tenant":              {subject: "x|a", tenant: "c", want: `no target has the tenant "c"; there is a, b; did you mean a?`},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.match == "" {
				tc.match = "spiffe://research.example/*"
			}
			c := named(tc.capabilities, tc.match)
			w := whose{tenant: &tc.tenant, meter: &tc.meter, key: &tc.key, subject: tc.subject}
			if got := w.strangers(&c); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			if hint := w.hint(&c); tc.want == "" && (hint == "" || strings.Contains(hint, "no issuer")) {
				t.Errorf("hint %q", hint)
			}
		})
	}
}
