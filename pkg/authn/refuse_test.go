package authn_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

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

func sign(t testing.TB, i *authntest.Issuer, header, payload string) string {
	t.Helper()
	token, err := i.Sign("ES256", []byte(header), []byte(payload))
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

type forgery struct{ name, want, token string }

// forgeries are tokens that must be refused, each for its own reason.
func forgeries(t testing.TB, i, other *authntest.Issuer) []forgery {
	now := time.Now().Unix()
	with := func(alg string, header, c claims) string { return mint(t, i, alg, header, c) }
	body := func(c claims) string { return with("ES256", nil, c) }
	good := body(nil)
	parts := strings.Split(good, ".")
	head := fmt.Sprintf(`{"alg":"ES256","kid":%q}`, i.KeyID("ES256"))
	payload := func(rest string) string {
		return fmt.Sprintf(`{"iss":%q,"aud":"weir-demo","sub":"alice","iat":%d,"exp":%d%s}`, i.URL, now, now+60, rest)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	stolen := mint(t, other, "ES256", claims{"kid": i.KeyID("ES256")}, claims{"iss": i.URL})
	return []forgery{
		{"garbage", "token_malformed", "garbage"},
		{"two parts", "token_malformed", parts[0] + "." + parts[1]},
		{"four parts", "token_malformed", good + "." + parts[2]},
		{"encrypted", "token_encrypted", good + ".a.b"},
		{"enc header", "token_encrypted", with("ES256", claims{"enc": "A128GCM"}, nil)},
		{"no signature", "token_malformed", parts[0] + "." + parts[1] + "."},
		{"padding", "token_malformed", good + "="},
		{"line end inside", "token_malformed", parts[0] + "\n." + parts[1] + "." + parts[2]},
		{"not canonical base64", "token_malformed", good[:len(good)-1] + nextBits(good[len(good)-1])},
		{"too large", "token_too_large", body(claims{"x": strings.Repeat("x", authn.MaxToken)})},
		{"header is no JSON", "token_malformed", b64([]byte("{")) + "." + parts[1] + "." + parts[2]},
		{"header is a list", "token_malformed", sign(t, i, `[]`, payload(""))},
		{"claims are a string", "token_malformed", sign(t, i, head, `"x"`)},
		{"claims followed by more", "token_malformed", sign(t, i, head, payload("")+"{}")},
		{"claims with a trailing comma", "token_malformed", sign(t, i, head, payload(","))},
		{"claims not UTF-8", "token_malformed", sign(t, i, head, payload(",\"x\":\"\xff\""))},
		{"nested deep", "token_malformed", sign(t, i, head, payload(`,"x":`+strings.Repeat("[", 40)+strings.Repeat("]", 40)))},
		{"alg none", "token_malformed", with("none", nil, nil)}, // its third part is empty
		{"alg none, signed", "token_alg_refused", with("ES256", claims{"alg": "none"}, nil)},
		{"alg NONE", "token_alg_refused", with("ES256", claims{"alg": "NoNe"}, nil)},
		{"no alg", "token_alg_refused", with("ES256", claims{"alg": nil}, nil)},
		{"alg is a number", "token_malformed", with("ES256", claims{"alg": 1}, nil)},
		{"HS256 with the public key", "token_alg_refused", with("HS256", nil, nil)},
		{"RS512", "token_alg_refused", with("RS256", claims{"alg": "RS512"}, nil)},
		{"RS256 with an EC key id", "token_alg_refused", with("RS256", claims{"kid": i.KeyID("ES256")}, nil)},
		{"crit", "token_crit", with("ES256", claims{"crit": []string{"b64"}, "b64": false}, nil)},
		{"crit empty", "token_crit", with("ES256", claims{"crit": []string{}}, nil)},
		{"kid unknown", "token_unknown_key", with("ES256", claims{"kid": "../../etc/passwd"}, nil)},
		{"kid is a number", "token_malformed", with("ES256", claims{"kid": 7}, nil)},
		{"kid of a post-quantum key", "token_unknown_key", with("ES256", claims{"kid": "pq-" + i.KeyID("ES256")[3:]}, nil)},
		{"typ logout+jwt", "token_typ", with("ES256", claims{"typ": "logout+jwt"}, nil)},
		{"typ dpop+jwt", "token_typ", with("ES256", claims{"typ": "dpop+jwt"}, nil)},
		{"signed by another", "token_bad_signature", stolen},
		{"own jwk in the header", "token_bad_signature", mint(t, other, "ES256", claims{
			"kid": i.KeyID("ES256"), "jwk": "{}", "jku": other.URL + "/jwks",
		}, claims{"iss": i.URL})},
		{"claims changed", "token_bad_signature", parts[0] + "." + b64([]byte(payload(`,"groups":["admin"]`))) + "." + parts[2]},
		{"signature cut", "token_bad_signature", parts[0] + "." + parts[1] + "." + parts[2][:84]},
		{"signature zero", "token_bad_signature", parts[0] + "." + parts[1] + "." + b64(make([]byte, 64))},
		{"issuer not configured", "token_wrong_issuer", mint(t, other, "ES256", nil, nil)},
		{"issuer with a slash", "token_wrong_issuer", body(claims{"iss": i.URL + "/"})},
		{"no issuer", "token_wrong_issuer", body(claims{"iss": nil})},
		{"issuer is a list", "token_wrong_issuer", body(claims{"iss": []string{i.URL}})},
		{"another audience", "token_wrong_audience", body(claims{"aud": "bank"})},
		{"other audiences", "token_wrong_audience", body(claims{"aud": []string{"bank", "weir-demo "}})},
		{"no audience", "token_wrong_audience", body(claims{"aud": nil})},
		{"audience is an object", "token_malformed", body(claims{"aud": claims{"weir-demo": true}})},
		{"expired", "token_expired", body(claims{"iat": now - 600, "exp": now - 60})},
		{"no exp", "token_lifetime", body(claims{"exp": nil})},
		{"no iat", "token_lifetime", body(claims{"iat": nil})},
		{"lives a year", "token_lifetime", body(claims{"exp": now + 365*86400})},
		{"ends before it begins", "token_lifetime", body(claims{"iat": now, "exp": now - 1})},
		{"exp is a string", "token_malformed", body(claims{"exp": "2099"})},
		{"exp beyond time", "token_malformed", sign(t, i, head, strings.Replace(payload(""), `"exp":`, `"exp":1e300, "e":`, 1))},
		{"not yet valid", "token_not_yet_valid", body(claims{"nbf": now + 600})},
		{"issued in the future", "token_not_yet_valid", body(claims{"iat": now + 600, "exp": now + 900})},
		{"claim twice", "token_duplicate", sign(t, i, head, payload(`,"sub":"root"`))},
		{"claim twice, escaped", "token_duplicate", sign(t, i, head, payload(`,"\u0073ub":"root"`))},
		{"inner name twice", "token_duplicate", sign(t, i, head, payload(`,"act":{"sub":"a","sub":"b"}`))},
		{"header name twice", "token_duplicate", sign(t, i, `{"alg":"none",`+head[1:], payload(""))},
		{"no sub", "token_malformed", body(claims{"sub": nil})},
		{"empty sub", "token_malformed", body(claims{"sub": ""})},
		{"long sub", "token_malformed", body(claims{"sub": strings.Repeat("s", 256)})},
		{"sub with a line end", "token_malformed", body(claims{"sub": "a\nb"})},
		{"sub with a bidi override", "token_malformed", body(claims{"sub": "a\u202eb"})},
		{"groups with a number", "token_malformed", body(claims{"groups": []any{"a", 1}})},
		{"unknown kind", "token_malformed", body(claims{"weir_kind": "god"})},
		{"act without sub", "token_malformed", body(claims{"act": claims{"iss": "x"}})},
		{"act is a string", "token_malformed", body(claims{"act": "bob"})},
	}
}

// nextBits returns the character after c: in the last place of a 64-byte signature it differs in bits that do not count.
func nextBits(c byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(alphabet[strings.IndexByte(alphabet, c)|1])
}

func TestRefuses(t *testing.T) {
	i, other := startIssuer(t), startIssuer(t)
	a := start(t, i, nil)
	if _, err := authenticate(a, mint(t, i, "ES256", nil, nil)); err != nil {
		t.Fatalf("the token that the forgeries are made from: %v", err)
	}
	for _, tc := range forgeries(t, i, other) {
		t.Run(tc.name, func(t *testing.T) {
			subject, err := authenticate(a, tc.token)
			if got := label(t, err); got != tc.want {
				t.Errorf("got %q, want %q (%v)", got, tc.want, err)
			}
			if subject.Ref() != "" {
				t.Errorf("refused, and yet somebody: %q", subject.Ref())
			}
			if err != nil && len(tc.token) > 40 && strings.Contains(err.Error(), tc.token[len(tc.token)-20:]) {
				t.Errorf("the error quotes the token: %v", err)
			}
		})
	}
}
