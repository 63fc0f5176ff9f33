package authn_test

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/weirgate/weir/pkg/authn"
	"github.com/weirgate/weir/pkg/authz"
)

// TestTargetCarriers: where a token may come is a target's own matter, and nothing is read from elsewhere.
func TestTargetCarriers(t *testing.T) {
	i := startIssuer(t)
	ours := mint(t, i, "ES256", nil, nil)
	encoded := base64.StdEncoding.EncodeToString([]byte(ours))
	a := start(t, i, func(c *authn.Config) {
		c.Targets = map[string]authn.Target{
			"milvus": {Carriers: []string{"base64:authorization"}},
			"either": {Carriers: []string{"authorization", "base64:authorization", "x-token"}},
			"header": {Carriers: []string{"base64:x-token"}},
			"plain":  {Realm: "r"},
		}
	})
	for name, tc := range map[string]struct {
		target  string
		headers authz.Header
		want    string
		err     string
	}{
		"pymilvus":                        {"milvus", authz.Header{"authorization": {encoded}}, "authorization", ""},
		"without padding":                 {"milvus", authz.Header{"authorization": {strings.TrimRight(encoded, "=")}}, "authorization", ""},
		"a user and a password":           {"milvus", authz.Header{"authorization": {base64.StdEncoding.EncodeToString([]byte("root:Milvus"))}}, "", "token_malformed"},
		"not base64":                      {"milvus", authz.Header{"authorization": {ours}}, "", "token_malformed"},
		"a bearer is not asked for":       {"milvus", authz.Header{"authorization": {"Bearer " + ours}}, "", "token_missing"},
		"another header is not looked at": {"milvus", authz.Header{"weir-token": {ours}}, "", "token_missing"},
		"twice":                           {"milvus", authz.Header{"authorization": {encoded, encoded}}, "", "token_duplicate"},
		"joined":                          {"milvus", authz.Header{"authorization": {encoded + "," + encoded}}, "", "token_malformed"},
		"too long":                        {"milvus", authz.Header{"authorization": {strings.Repeat("A", 4*authn.MaxToken)}}, "", "token_too_large"},
		"elsewhere it is no token":        {"other", authz.Header{"authorization": {encoded}}, "", "token_missing"},
		"elsewhere a bearer is":           {"other", authz.Header{"authorization": {"Bearer " + ours}}, "authorization", ""},
		"either, bearer":                  {"either", authz.Header{"authorization": {"Bearer " + ours}}, "authorization", ""},
		"either, base64":                  {"either", authz.Header{"authorization": {encoded}}, "authorization", ""},
		"either, own header first":        {"either", authz.Header{"x-token": {ours}, "authorization": {"Bearer sk"}}, "x-token", ""},
		"base64 in a header of its own":   {"header", authz.Header{"x-token": {encoded}, "authorization": {"Bearer sk"}}, "x-token", ""},
		"plain where base64 is wanted":    {"header", authz.Header{"x-token": {ours}}, "", "token_malformed"},
		"nothing special":                 {"plain", authz.Header{"weir-token": {ours}}, "weir-token", ""},
	} {
		t.Run(name, func(t *testing.T) {
			id, err := a.Authenticate(context.Background(), authz.Request{Headers: tc.headers}, authz.Target{Name: tc.target})
			if got := label(t, err); got != tc.err || id.Carrier != tc.want {
				t.Errorf("got %q in %q, want %q in %q", got, id.Carrier, tc.err, tc.want)
			}
		})
	}
	for _, list := range [][]string{{}, {"base64:"}, {"base64:X"}, {"x-token", "base64:x-token"}, {"a", "a"}, {"A"}} {
		cfg := authn.Config{Issuers: []authn.Issuer{{URL: i.URL, Audiences: []string{"a"}}}, Targets: map[string]authn.Target{"t": {Carriers: list}}}
		if _, err := authn.New(cfg); err == nil {
			t.Errorf("carriers %q: accepted", list)
		}
	}
}

// TestObservedBase64: where a request passes although its token is refused, the token goes no further, in this form either.
func TestObservedBase64(t *testing.T) {
	i := startIssuer(t)
	a := start(t, i, func(c *authn.Config) { c.Carriers = []string{"base64:authorization"} })
	for value, want := range map[string]string{mint(t, i, "ES256", nil, claims{"aud": "x"}): "authorization", "root:Milvus": ""} {
		req := authz.Request{Headers: authz.Header{"authorization": {base64.StdEncoding.EncodeToString([]byte(value))}}}
		if id, err := a.Authenticate(context.Background(), req, authz.Target{Mode: authz.ModeObserve}); err == nil || id.Carrier != want {
			t.Errorf("carrier %q, %v; want a refusal and %q", id.Carrier, err, want)
		}
	}
}

func TestChallenge(t *testing.T) {
	i := startIssuer(t)
	a := start(t, i, func(c *authn.Config) {
		c.Targets = map[string]authn.Target{"registry": {Realm: "https://login.example/token", Service: "registry.example"}}
	})
	const oci = `Bearer realm="https://login.example/token", service="registry.example"`
	for _, tc := range []struct{ target, method, path, token, want string }{
		{"other", "GET", "/v2/models/llm/manifests/latest", "", `Bearer realm="weir"`},
		{"other", "GET", "/", "x", `Bearer realm="weir", error="invalid_token", error_description="the token cannot be read"`},
		{"registry", "GET", "/v2/", "", oci},
		{"registry", "GET", "/v2/models/llm/manifests/latest?x=y", "", oci + `, scope="repository:models/llm:pull"`},
		{"registry", "HEAD", "/v2/models/llm/blobs/sha256:ab", "", oci + `, scope="repository:models/llm:pull"`},
		{"registry", "GET", "/v2/a/blobs/b/tags/list", "", oci + `, scope="repository:a/blobs/b:pull"`},
		{"registry", "PUT", "/v2/models/llm/manifests/latest", "", oci + `, scope="repository:models/llm:pull,push"`},
		{"registry", "POST", "/v2/models/llm/blobs/uploads/", "", oci + `, scope="repository:models/llm:pull,push"`},
		{"registry", "GET", `/v2/a"b/manifests/latest`, "", oci},
		{"registry", "GET", `/v2/a%22b/manifests/latest`, "", oci},
		{"registry", "GET", "/v2/_catalog", "", oci},
		{"registry", "GET", "/v2/models/llm/tags/list", "x", oci + `, scope="repository:models/llm:pull", error="invalid_token", error_description="the token cannot be read"`},
	} {
		req := authz.Request{Method: tc.method, Path: tc.path, Headers: authz.Header{}}
		if tc.token != "" {
			req = bearer(tc.token)
			req.Method, req.Path = tc.method, tc.path
		}
		_, err := a.Authenticate(context.Background(), req, authz.Target{Name: tc.target})
		var e *authz.Error
		if !errors.As(err, &e) || e.Challenge != tc.want {
			t.Errorf("%s %s: %v, challenge\n%s, want\n%s", tc.method, tc.path, err, e.Challenge, tc.want)
		}
	}
}
