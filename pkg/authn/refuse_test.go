package authn_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/weirgate/weir/pkg/authn"
	"github.com/weirgate/weir/pkg/authn/authntest"
	"github.com/weirgate/weir/pkg/authz"
)

// claims is what a case changes of a good token's claims.
type claims = map[string]any

func startIssuer(t testing.TB) *authntest.Issuer {
	t.Helper()
	i, err := authntest.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = i.Close() })
	return i
}

// start returns an authenticator for one issuer, after change.
func start(t testing.TB, i *authntest.Issuer, change func(*authn.Config)) *authn.Authenticator {
	t.Helper()
	cfg := authn.Config{Issuers: []authn.Issuer{{URL: i.URL, Audiences: []string{authntest.Audience}}}}
	if change != nil {
		change(&cfg)
	}
	a, err := authn.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func mint(t testing.TB, i *authntest.Issuer, alg string, header, c claims) string {
	t.Helper()
	all := claims{"sub": "alice"}
	for k, v := range c {
		all[k] = v
	}
	token, err := i.MintWith(alg, header, all)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func bearer(token string) authz.Request {
	return authz.Request{Headers: authz.Header{"authorization": {"Bearer " + token}}}
}

func authenticate(a *authn.Authenticator, token string) (authz.Subject, error) {
	id, err := a.Authenticate(context.Background(), bearer(token), authz.Target{})
	return id.Subject, err
}

// label returns the label of an error, "" for none, and fails the test for an error that is no *authz.Error.
func label(t testing.TB, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	var e *authz.Error
	if !errors.As(err, &e) {
		t.Fatalf("not an *authz.Error: %v", err)
	}
	want := authz.KindUnauthenticated
	if e.Label == "keys_unavailable" {
		want = authz.KindUnavailable
	}
	if e.Kind != want || e.Public == "" {
		t.Errorf("%s: kind %s, public %q", e.Label, e.Kind, e.Public)
	}
	return e.Label
}

// TestRefuses holds every forgery to its reason. The same run through Envoy in integration/testdata/identity_attacks.txtar.
func TestRefuses(t *testing.T) {
	i, other := startIssuer(t), startIssuer(t)
	a := start(t, i, nil)
	if _, err := authenticate(a, mint(t, i, "ES256", nil, nil)); err != nil {
		t.Fatalf("the token that the forgeries are made from: %v", err)
	}
	all, err := authntest.Forgeries(i, other, authn.MaxToken)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range all {
		t.Run(tc.Name, func(t *testing.T) {
			var req authz.Request
			req.Headers = authz.Header{}
			for _, token := range tc.Tokens {
				req.Headers["authorization"] = append(req.Headers["authorization"], "Bearer "+token)
			}
			identity, err := a.Authenticate(context.Background(), req, authz.Target{})
			if got := label(t, err); got != tc.Label {
				t.Errorf("got %q, want %q (%v)", got, tc.Label, err)
			}
			if identity.Subject.Ref() != "" {
				t.Errorf("refused, and yet somebody: %q", identity.Subject.Ref())
			}
			for _, token := range tc.Tokens {
				if err != nil && len(token) > 40 && strings.Contains(err.Error(), token[len(token)-20:]) {
					t.Errorf("the error quotes the token: %v", err)
				}
			}
		})
	}
	if len(all) < 40 {
		t.Errorf("%d forgeries, want 40 or more", len(all))
	}
}

// TestLineEnds: what no header can carry is refused all the same.
func TestLineEnds(t *testing.T) {
	i := startIssuer(t)
	a := start(t, i, nil)
	head, rest, _ := strings.Cut(mint(t, i, "ES256", nil, nil), ".")
	for _, end := range []string{"\n", "\r", "\r\n"} {
		want(t, a, head+end+"."+rest, "token_malformed")
	}
}
