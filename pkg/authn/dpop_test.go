package authn_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/weirgate/weir/pkg/authn"
	"github.com/weirgate/weir/pkg/authn/authntest"
	"github.com/weirgate/weir/pkg/authn/replaytest"
	"github.com/weirgate/weir/pkg/authz"
)

func newProver(t testing.TB) *authntest.Prover {
	t.Helper()
	p, err := authntest.NewProver()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestProofs holds each proof to RFC 9449 §4.3.
func TestProofs(t *testing.T) {
	i, client, thief := startIssuer(t), newProver(t), newProver(t)
	bound := mint(t, i, "ES256", nil, claims{"cnf": claims{"jkt": client.Thumbprint("ES256")}})
	loose := mint(t, i, "ES256", nil, nil)
	const method, url = "POST", "https://vectors.example/v1/embeddings"
	now := time.Now().Unix()
	proof := func(alg, token string, header, c claims) string {
		t.Helper()
		out, err := client.Proof(alg, method, url, token, header, c)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	good := func() string { return proof("ES256", bound, nil, nil) }
	with := func(c claims) []string { return []string{proof("ES256", bound, nil, c)} }
	head := func(h claims) []string { return []string{proof("ES256", bound, h, nil)} }
	stolen, err := thief.Proof("ES256", method, url, bound, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	posed, err := thief.Proof("ES256", method, url, bound, claims{"jwk": jwkOf(t, good())}, nil)
	if err != nil {
		t.Fatal(err)
	}
	once := good()
	a := start(t, i, nil) // one for all: whoever shows a proof that was used is found out
	for _, tc := range []struct {
		name, scheme string
		proofs       []string
		want         string
		change       func(*authz.Request)
	}{
		{"good", "DPoP ", []string{good()}, "", nil},
		{"good, in any case", "dpop ", []string{good()}, "", nil},
		{"used once", "DPoP ", []string{once}, "", nil},
		{"and again", "DPoP ", []string{once}, "dpop_replayed", nil},
		{"none", "DPoP ", nil, "dpop_missing", nil},
		{"as a bearer", "Bearer ", nil, "dpop_missing", nil},
		{"as a bearer, with a proof", "Bearer ", []string{good()}, "dpop_missing", nil},
		{"two", "DPoP ", []string{good(), good()}, "dpop_malformed", nil},
		{"joined", "DPoP ", []string{good() + "," + good()}, "dpop_malformed", nil},
		{"nonsense", "DPoP ", []string{"x"}, "dpop_malformed", nil},
		{"of a thief's key", "DPoP ", []string{stolen}, "dpop_wrong_key", nil},
		{"of a thief who names the client's key", "DPoP ", []string{posed}, "dpop_malformed", nil},
		{"another method", "DPoP ", with(claims{"htm": "GET"}), "dpop_wrong_request", nil},
		{"method in small letters", "DPoP ", with(claims{"htm": "post"}), "dpop_wrong_request", nil},
		{"another path", "DPoP ", with(claims{"htu": "https://vectors.example/v1/embeddings2"}), "dpop_wrong_request", nil},
		{"another host", "DPoP ", with(claims{"htu": "https://vectors.example.evil/v1/embeddings"}), "dpop_wrong_request", nil},
		{"host in userinfo", "DPoP ", with(claims{"htu": "https://vectors.example@evil/v1/embeddings"}), "dpop_wrong_request", nil},
		{"http", "DPoP ", with(claims{"htu": "http://vectors.example/v1/embeddings"}), "dpop_wrong_request", nil},
		{"another port", "DPoP ", with(claims{"htu": "https://vectors.example:444/v1/embeddings"}), "dpop_wrong_request", nil},
		{"the usual port", "DPoP ", with(claims{"htu": "https://VECTORS.example:443/v1/embeddings"}), "", nil},
		{"with a query", "DPoP ", with(claims{"htu": url + "?a=b#c"}), "", nil},
		{"encoded where it need not be", "DPoP ", with(claims{"htu": "https://vectors.example/v1/%65mbeddings"}), "", nil},
		{"an encoded slash", "DPoP ", with(claims{"htu": "https://vectors.example/v1%2fembeddings"}), "dpop_wrong_request", nil},
		{"no path", "DPoP ", with(claims{"htu": "https://vectors.example"}), "", func(r *authz.Request) { r.Path = "/?x" }},
		{"path alone", "DPoP ", with(claims{"htu": "/v1/embeddings"}), "dpop_wrong_request", nil},
		{"htu is a number", "DPoP ", with(claims{"htu": 1}), "dpop_wrong_request", nil},
		{"no htm", "DPoP ", with(claims{"htm": nil}), "dpop_wrong_request", nil},
		{"for another token", "DPoP ", []string{proof("ES256", loose, nil, nil)}, "dpop_wrong_token", nil},
		{"no ath", "DPoP ", with(claims{"ath": nil}), "dpop_wrong_token", nil},
		{"old", "DPoP ", with(claims{"iat": now - 90}), "dpop_wrong_time", nil},
		{"from the future", "DPoP ", with(claims{"iat": now + 90}), "dpop_wrong_time", nil},
		{"no iat", "DPoP ", with(claims{"iat": nil}), "dpop_malformed", nil},
		{"no jti", "DPoP ", with(claims{"jti": nil}), "dpop_malformed", nil},
		{"jti empty", "DPoP ", with(claims{"jti": ""}), "dpop_malformed", nil},
		{"jti too long", "DPoP ", with(claims{"jti": strings.Repeat("x", 300)}), "dpop_malformed", nil},
		{"typ JWT", "DPoP ", head(claims{"typ": "JWT"}), "dpop_malformed", nil},
		{"no typ", "DPoP ", head(claims{"typ": nil}), "dpop_malformed", nil},
		{"alg none", "DPoP ", head(claims{"alg": "none"}), "dpop_malformed", nil},
		{"alg RS256 of an EC key", "DPoP ", head(claims{"alg": "RS256"}), "dpop_malformed", nil},
		{"no jwk", "DPoP ", head(claims{"jwk": nil}), "dpop_malformed", nil},
		{"jwk is a text", "DPoP ", head(claims{"jwk": "x"}), "dpop_malformed", nil},
		{"a secret as jwk", "DPoP ", head(claims{"jwk": claims{"kty": "oct", "k": "c2VjcmV0"}}), "dpop_malformed", nil},
		{"crit", "DPoP ", head(claims{"crit": []string{"exp"}}), "dpop_malformed", nil},
		{"a token that is not bound", "DPoP " + loose, []string{proof("ES256", loose, nil, nil)}, "token_unbound", nil},
		{"a bearer that is not bound", "Bearer " + loose, nil, "", nil},
		{"in a header of its own", "", []string{good()}, "", func(r *authz.Request) {
			r.Headers["weir-token"], r.Headers["authorization"] = []string{bound}, []string{"Basic eA=="}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			value := tc.scheme
			if !strings.Contains(value, loose) {
				value += bound
			}
			req := authz.Request{Method: method, Scheme: "https", Host: "vectors.example", Path: "/v1/embeddings?q=1", Headers: authz.Header{"authorization": {value}, "dpop": tc.proofs}}
			if tc.change != nil {
				tc.change(&req)
			}
			id, err := a.Authenticate(context.Background(), req, authz.Target{})
			if got := label(t, err); got != tc.want {
				t.Fatalf("got %q, want %q (%v)", got, tc.want, err)
			}
			if bound := err == nil && !strings.Contains(value, loose); (id.Proof == "dpop") != bound {
				t.Errorf("proof to strip: %q", id.Proof)
			}
			var e *authz.Error
			if errors.As(err, &e) && strings.HasPrefix(e.Label, "dpop_") && !strings.HasPrefix(e.Challenge, `DPoP realm="weir", algs="ES256 EdDSA RS256", error="`) {
				t.Errorf("challenge %q", e.Challenge)
			}
		})
	}
	for _, alg := range []string{"RS256", "EdDSA"} {
		token := mint(t, i, "ES256", nil, claims{"cnf": claims{"jkt": client.Thumbprint(alg)}})
		req := authz.Request{Method: method, Scheme: "https", Host: "vectors.example", Path: "/v1/embeddings", Headers: authz.Header{"authorization": {"DPoP " + token}, "dpop": {proof(alg, token, nil, nil)}}}
		if _, err := a.Authenticate(context.Background(), req, authz.Target{}); err != nil {
			t.Errorf("%s: %v", alg, err)
		}
	}
}

// TestNonces: where an issuer or a target wants them, a proof without a nonce of ours, made lately, is told one (RFC 9449 §9), and taken with it.
func TestNonces(t *testing.T) {
	i, client, now := startIssuer(t), newProver(t), newClock()
	key, old, other := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32), bytes.Repeat([]byte{3}, 32)
	nonces := func(current []byte, previous ...[]byte) *authn.Nonces {
		n, err := authn.NewNonces(time.Minute, current, previous...)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	target := authz.Target{Name: "strict"}
	at := func(n *authn.Nonces, issuer bool) *authn.Authenticator {
		return start(t, i, func(c *authn.Config) {
			c.Nonces, c.Now, c.Issuers[0].Nonce = n, now.Now, issuer
			c.Targets = map[string]authn.Target{"strict": {Nonce: true}}
			c.ProofWindow = 10 * time.Minute
		})
	}
	token := mint(t, i, "ES256", nil, claims{"cnf": claims{"jkt": client.Thumbprint("ES256")}})
	ask := func(a *authn.Authenticator, target authz.Target, nonce any) (label, told, challenge string) {
		t.Helper()
		proof, err := client.Proof("ES256", "GET", "https://h/", token, nil, claims{"nonce": nonce, "iat": now.Now().Unix()})
		if err != nil {
			t.Fatal(err)
		}
		req := authz.Request{Method: "GET", Scheme: "https", Host: "h", Path: "/", Headers: authz.Header{"authorization": {"DPoP " + token}, "dpop": {proof}}}
		_, err = a.Authenticate(context.Background(), req, target)
		if err == nil {
			return "", "", ""
		}
		e := authz.AsError(err)
		return e.Label, e.Nonce, e.Challenge
	}
	here, replica := at(nonces(key), false), at(nonces(key), false)
	if label, _, _ := ask(here, authz.Target{}, nil); label != "" {
		t.Errorf("a target that wants none: %s", label)
	}
	label, told, challenge := ask(here, target, nil)
	if label != "dpop_nonce" || told == "" || !strings.HasPrefix(challenge, `DPoP realm="weir", algs="ES256 EdDSA RS256", error="use_dpop_nonce", error_description="`) {
		t.Fatalf("%s, %q, %s", label, told, challenge)
	}
	if label, other, _ := ask(at(nonces(key), true), authz.Target{}, nil); label != "dpop_nonce" || other != told {
		t.Errorf("an issuer that wants them: %s, %q", label, other)
	}
	_, before, _ := ask(at(nonces(old), false), target, nil)
	_, foreign, _ := ask(at(nonces(other), false), target, nil)
	flipped := []byte(told)
	flipped[3] ^= 1
	for name, tc := range map[string]struct {
		a     *authn.Authenticator
		nonce any
		want  string
	}{
		"the one that was told": {here, told, ""}, "at another replica": {replica, told, ""}, "of the key before": {at(nonces(key, old), false), before, ""},
		"of a key that is no more": {here, before, "dpop_nonce"}, "of another key": {here, foreign, "dpop_nonce"}, "another time": {here, string(flipped), "dpop_nonce"},
		"cut": {here, told[:len(told)-1], "dpop_nonce"}, "longer": {here, told + "AAAA", "dpop_nonce"}, "empty": {here, "", "dpop_nonce"}, "a number": {here, 5, "dpop_nonce"},
		"padded": {here, told + "=", "dpop_nonce"},
	} {
		if label, _, _ := ask(tc.a, target, tc.nonce); label != tc.want {
			t.Errorf("%s: %q, want %q", name, label, tc.want)
		}
	}
	now.Add(59 * time.Second)
	if label, _, _ := ask(here, target, told); label != "" {
		t.Errorf("as old as it may be: %s", label)
	}
	now.Add(2 * time.Second)
	label, again, _ := ask(here, target, told)
	if label != "dpop_nonce" || again == told {
		t.Errorf("too old: %s, and told %q", label, again)
	}
	now.Add(-2 * time.Minute)
	if label, _, _ := ask(here, target, again); label != "dpop_nonce" {
		t.Errorf("from the future: %q", label)
	}
	for name, change := range map[string]func(*authn.Config){
		"an issuer": func(c *authn.Config) { c.Issuers[0].Nonce = true }, "a target": func(c *authn.Config) { c.Targets = map[string]authn.Target{"x": {Nonce: true}} },
	} {
		cfg := authn.Config{Issuers: []authn.Issuer{{URL: i.URL, Audiences: []string{"weir"}}}}
		change(&cfg)
		if _, err := authn.New(cfg); err == nil || !strings.Contains(err.Error(), "no key for them") {
			t.Errorf("%s wants nonces, without a key: %v", name, err)
		}
	}
	if _, err := authn.NewNonces(0, make([]byte, 31)); err == nil {
		t.Error("a short key is taken")
	}
	if _, err := authn.NewNonces(2*time.Hour, key); err == nil {
		t.Error("nonces that are good for too long are taken")
	}
}

// jwkOf returns the key in a proof's header.
func jwkOf(t *testing.T, proof string) any {
	t.Helper()
	var head struct {
		JWK any `json:"jwk"`
	}
	if err := json.Unmarshal(decoded(t, proof), &head); err != nil {
		t.Fatal(err)
	}
	return head.JWK
}

// failing are Replays that cannot be asked.
type failing struct{}

func (failing) First(context.Context, string, time.Duration) (bool, error) {
	return true, errors.New("store is away") // true: whoever forgets to look at the error lets it pass
}

// TestReplaysAway: where nobody can tell whether a proof was used, it is not taken.
func TestReplaysAway(t *testing.T) {
	i, client := startIssuer(t), newProver(t)
	a := start(t, i, func(c *authn.Config) { c.Replays, c.PublicScheme = failing{}, "https" })
	token := mint(t, i, "ES256", nil, claims{"cnf": claims{"jkt": client.Thumbprint("ES256")}})
	proof, err := client.Proof("ES256", "GET", "https://h/", token, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	req := authz.Request{Method: "GET", Scheme: "http", Host: "h", Path: "/", Headers: authz.Header{"authorization": {"DPoP " + token}, "dpop": {proof}}}
	_, err = a.Authenticate(context.Background(), req, authz.Target{})
	var e *authz.Error
	if !errors.As(err, &e) || e.Label != "replays_unavailable" || e.Kind != authz.KindUnavailable {
		t.Errorf("got %v, want replays_unavailable, 503", err)
	}
}

func TestMemoryReplays(t *testing.T) {
	replaytest.Run(t, func(*testing.T) (replaytest.Store, func(time.Duration)) {
		now := newClock()
		return authn.NewMemoryReplays(now.Now), now.Add
	})
}

// TestReplaysFull: a memory that is full refuses, and takes again once what it holds has run out.
func TestReplaysFull(t *testing.T) {
	now := newClock()
	m := authn.NewMemoryReplays(now.Now)
	key := make([]byte, 4)
	var err error
	n := 0
	for ; err == nil && n < 1<<21; n++ {
		key[0], key[1], key[2], key[3] = byte(n), byte(n>>8), byte(n>>16), byte(n>>24)
		_, err = m.First(t.Context(), string(key), time.Minute)
	}
	if authz.AsError(err).Kind != authz.KindBusy {
		t.Fatalf("after %d: %v; want busy", n, err)
	}
	now.Add(2 * time.Minute)
	if first, err := m.First(t.Context(), "a", time.Minute); err != nil || !first {
		t.Errorf("once all ran out: %v, %v", first, err)
	}
}
