package authn_test

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/authn"
	"github.com/weirgate/weir/pkg/authz"
)

func newCapabilities(t *testing.T, keys ...string) *authn.Capabilities {
	t.Helper()
	raw := make([][]byte, len(keys))
	for i, k := range keys {
		raw[i] = []byte(strings.Repeat(k, 32))
	}
	c, err := authn.NewCapabilities(time.Hour, raw[0], raw[1:]...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestCapabilities: leave in a URL is for what it says and nothing beside it.
func TestCapabilities(t *testing.T) {
	i, clock := startIssuer(t), newClock()
	now := clock.Now()
	ours, old, others := newCapabilities(t, "a", "b"), newCapabilities(t, "b"), newCapabilities(t, "c")
	subject := authz.Subject{Issuer: "https://i", ID: "auth0|alice", Name: "Alice", Kind: authz.Agent, Groups: []string{"research"}, Owner: "https://i|bob"}
	sign := func(c *authn.Capabilities, change func(*authn.Capability)) string {
		t.Helper()
		p := authn.Capability{ID: "c1", Subject: subject, Target: "corpus", Path: "/corpus/a.parquet", Issued: now, Expires: now.Add(10 * time.Minute)}
		if change != nil {
			change(&p)
		}
		text, err := c.Sign(p)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	exact := sign(ours, nil)
	tree := sign(ours, func(p *authn.Capability) { p.Path, p.Methods = "/corpus/", []string{"GET", "PUT"} })
	query := sign(ours, func(p *authn.Capability) { p.Query = "X-Amz-Date=1&list" })
	free := sign(ours, func(p *authn.Capability) { p.Query = "*" })
	payload, seal, _ := strings.Cut(exact, ".")
	swapped := base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(plain(t, payload), "alice", "root!", 1))) + "." + seal
	a := start(t, i, func(c *authn.Config) {
		c.Now, c.Capabilities, c.CacheTTL = clock.Now, ours, time.Minute
		c.Targets = map[string]authn.Target{
			"corpus": {Carriers: []string{"authorization", "weir-token", "url:cap"}},
			"other":  {Carriers: []string{"url:cap"}},
			"none":   {Carriers: []string{"authorization"}},
		}
	})
	token := mint(t, i, "ES256", nil, nil)
	for _, tc := range []struct {
		name, target, method, path string
		headers                    authz.Header
		want                       string
	}{
		{"its request", "corpus", "GET", "/corpus/a.parquet?cap=" + exact, nil, ""},
		{"a HEAD before it", "corpus", "HEAD", "/corpus/a.parquet?cap=" + exact, nil, ""},
		{"written otherwise", "corpus", "GET", "/corpus/a.parquet?%63ap=" + exact, nil, ""},
		{"an Authorization of the upstream's", "corpus", "GET", "/corpus/a.parquet?cap=" + exact, authz.Header{"authorization": {"AWS4-HMAC-SHA256 x"}}, ""},
		{"another method", "corpus", "DELETE", "/corpus/a.parquet?cap=" + exact, nil, "capability_wrong_request"},
		{"another path", "corpus", "GET", "/corpus/b.parquet?cap=" + exact, nil, "capability_wrong_request"},
		{"below it", "corpus", "GET", "/corpus/a.parquet/x?cap=" + exact, nil, "capability_wrong_request"},
		{"another target", "other", "GET", "/corpus/a.parquet?cap=" + exact, nil, "capability_wrong_request"},
		{"another query", "corpus", "GET", "/corpus/a.parquet?versionId=2&cap=" + exact, nil, "capability_wrong_request"},
		{"its query", "corpus", "GET", "/corpus/a.parquet?X-Amz-Date=1&list&cap=" + query, nil, ""},
		{"its query, around", "corpus", "GET", "/corpus/a.parquet?X-Amz-Date=1&cap=" + query + "&list", nil, ""},
		{"its query in another order", "corpus", "GET", "/corpus/a.parquet?list&X-Amz-Date=1&cap=" + query, nil, "capability_wrong_request"},
		{"its query, and a reason", "corpus", "GET", "/corpus/a.parquet?X-Amz-Date=1&list&cap=" + query + "&weir-justification=A-1", nil, ""},
		{"any query", "corpus", "GET", "/corpus/a.parquet?x=y&cap=" + free, nil, ""},
		{"the tree", "corpus", "PUT", "/corpus/x/y%20z.parquet?cap=" + tree, nil, ""},
		{"the tree itself", "corpus", "GET", "/corpus/?cap=" + tree, nil, ""},
		{"beside the tree", "corpus", "GET", "/corpus2/x?cap=" + tree, nil, "capability_wrong_request"},
		{"up and out of it", "corpus", "GET", "/corpus/../secret?cap=" + tree, nil, "capability_wrong_request"},
		{"up, encoded", "corpus", "GET", "/corpus/%2e%2e/secret?cap=" + tree, nil, "capability_wrong_request"},
		{"up, half encoded", "corpus", "GET", "/corpus/.%2E/secret?cap=" + tree, nil, "capability_wrong_request"},
		{"up, encoded twice", "corpus", "GET", "/corpus/%252e%252e/secret?cap=" + tree, nil, "capability_wrong_request"},
		{"an encoded slash", "corpus", "GET", "/corpus/..%2fsecret?cap=" + tree, nil, "capability_wrong_request"},
		{"a backslash", "corpus", "GET", `/corpus/..\secret?cap=` + tree, nil, "capability_wrong_request"},
		{"path parameters", "corpus", "GET", `/corpus/..;/secret?cap=` + tree, nil, "capability_wrong_request"},
		{"empty segments", "corpus", "GET", "/corpus//x?cap=" + tree, nil, "capability_wrong_request"},
		{"a previous key", "corpus", "GET", "/corpus/a.parquet?cap=" + sign(old, nil), nil, ""},
		{"somebody else's key", "corpus", "GET", "/corpus/a.parquet?cap=" + sign(others, nil), nil, "capability_forged"},
		{"somebody else's name", "corpus", "GET", "/corpus/a.parquet?cap=" + swapped, nil, "capability_forged"},
		{"no seal", "corpus", "GET", "/corpus/a.parquet?cap=" + payload, nil, "capability_malformed"},
		{"an empty seal", "corpus", "GET", "/corpus/a.parquet?cap=" + payload + ".", nil, "capability_forged"},
		{"empty", "corpus", "GET", "/corpus/a.parquet?cap=", nil, "capability_malformed"},
		{"no value", "corpus", "GET", "/corpus/a.parquet?cap", nil, "capability_malformed"},
		{"a token in its place", "corpus", "GET", "/corpus/a.parquet?cap=" + token, nil, "capability_malformed"},
		{"too long", "corpus", "GET", "/corpus/a.parquet?cap=" + strings.Repeat("A", 5000) + "." + seal, nil, "capability_malformed"},
		{"twice", "corpus", "GET", "/corpus/a.parquet?cap=" + exact + "&cap=" + exact, nil, "token_duplicate"},
		{"twice, once written otherwise", "corpus", "GET", "/corpus/a.parquet?cap=" + exact + "&%63%61p=" + exact, nil, "token_duplicate"},
		{"and a token of ours", "corpus", "GET", "/corpus/a.parquet?cap=" + exact, authz.Header{"weir-token": {token}}, "token_duplicate"},
		{"where none is taken", "none", "GET", "/corpus/a.parquet?cap=" + exact, nil, "token_missing"},
		{"a capability as a token", "corpus", "GET", "/corpus/a.parquet", authz.Header{"authorization": {"Bearer " + exact}}, "token_malformed"},
		{"expired", "corpus", "GET", "/corpus/a.parquet?cap=" + sign(ours, func(p *authn.Capability) { p.Issued, p.Expires = now.Add(-time.Hour), now }), nil, "capability_expired"},
		{"of the future", "corpus", "GET", "/corpus/a.parquet?cap=" + sign(ours, func(p *authn.Capability) { p.Issued, p.Expires = now.Add(time.Minute), now.Add(time.Hour) }), nil, "capability_expired"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			req := authz.Request{Method: tc.method, Path: tc.path, Headers: tc.headers}
			id, err := a.Authenticate(context.Background(), req, authz.Target{Name: tc.target})
			if got := label(t, err); got != tc.want {
				t.Fatalf("got %q, want %q (%v)", got, tc.want, err)
			}
			if err == nil {
				wanted := subject
				wanted.Credential, wanted.Expires = "capability:c1", now.Add(10*time.Minute).Truncate(time.Second).UTC()
				if diff := cmp.Diff(wanted, id.Subject); diff != "" || id.Parameter != "cap" || id.Carrier != "" {
					t.Errorf("parameter %q, carrier %q; -want +got:\n%s", id.Parameter, id.Carrier, diff)
				}
			}
			var e *authz.Error
			if errors.As(err, &e) && strings.HasPrefix(e.Label, "capability_") && e.Challenge != `Bearer realm="weir"` {
				t.Errorf("challenge %q", e.Challenge)
			}
		})
	}
	clock.Add(10 * time.Minute)
	_, err := a.Authenticate(context.Background(), authz.Request{Method: "GET", Path: "/corpus/a.parquet?cap=" + exact}, authz.Target{Name: "corpus"})
	if got := label(t, err); got != "capability_expired" {
		t.Errorf("ten minutes later: %q", got)
	}
	observed, err := a.Authenticate(context.Background(), authz.Request{Method: "GET", Path: "/x?cap=x"}, authz.Target{Name: "corpus", Mode: authz.ModeObserve})
	if err == nil || observed.Parameter != "cap" {
		t.Errorf("observed: %q, %v; want a refusal, and the parameter", observed.Parameter, err)
	}
}

func plain(t *testing.T, part string) string {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// TestSignRefuses: what would be leave for more than was meant is not signed.
func TestSignRefuses(t *testing.T) {
	c, now := newCapabilities(t, "a"), time.Now()
	good := authn.Capability{Subject: authz.Subject{Issuer: "i", ID: "s", Kind: authz.Human}, Target: "t", Path: "/", Issued: now, Expires: now.Add(time.Minute)}
	if _, err := c.Sign(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*authn.Capability){
		"nobody": func(p *authn.Capability) { p.Subject.ID = "" }, "no issuer": func(p *authn.Capability) { p.Subject.Issuer = "" },
		"no kind": func(p *authn.Capability) { p.Subject.Kind = "" }, "a bar in the issuer": func(p *authn.Capability) { p.Subject.Issuer = "a|b" },
		"no target": func(p *authn.Capability) { p.Target = "" }, "no path": func(p *authn.Capability) { p.Path = "" },
		"no time": func(p *authn.Capability) { p.Expires = now }, "too long a time": func(p *authn.Capability) { p.Expires = now.Add(2 * time.Hour) },
		"too large": func(p *authn.Capability) { p.Path = "/" + strings.Repeat("x", 4000) },
	} {
		p := good
		change(&p)
		if text, err := c.Sign(p); err == nil {
			t.Errorf("%s: signed %q", name, text)
		}
	}
	if _, err := authn.NewCapabilities(0, []byte("short")); err == nil {
		t.Error("a short key was taken")
	}
}

func TestCutParameter(t *testing.T) {
	for _, tc := range []struct{ path, want string }{
		{"/a", "/a"},
		{"/a?", "/a?"},
		{"/a?b=c", "/a?b=c"},
		{"/a?cap=x", "/a"},
		{"/a?cap", "/a"},
		{"/a?cap=x&b=%2F;c", "/a?b=%2F;c"},
		{"/a?b&cap=x&&c=", "/a?b&&c="},
		{"/a?ca%70=x&b", "/a?b"},
		{"/a?cap=x&cap=y", "/a"},
		{"/a?caps=x", "/a?caps=x"},
		{"/a?%zz=1&cap=x", "/a?%zz=1"},
		{"/cap=x?b", "/cap=x?b"},
	} {
		if got, _ := authn.CutParameter(tc.path, "cap"); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.path, got, tc.want)
		}
	}
}
