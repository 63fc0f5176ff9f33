package authn_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/authn"
	"github.com/weirgate/weir/pkg/authn/authntest"
	"github.com/weirgate/weir/pkg/authz"
)

func TestCarriers(t *testing.T) {
	i := startIssuer(t)
	ours, theirs := mint(t, i, "ES256", nil, nil), "sk-upstream-key"
	for name, tc := range map[string]struct {
		headers   authz.Header
		carriers  []string
		want, err string
	}{
		"bearer":                    {headers: authz.Header{"authorization": {"Bearer " + ours}}, want: "authorization"},
		"bearer in any case":        {headers: authz.Header{"authorization": {"bEARER   " + ours + " "}}, want: "authorization"},
		"weir-token":                {headers: authz.Header{"weir-token": {ours}}, want: "weir-token"},
		"weir-token with a scheme":  {headers: authz.Header{"weir-token": {"Bearer " + ours}}, want: "weir-token"},
		"both":                      {headers: authz.Header{"weir-token": {ours}, "authorization": {"Bearer " + theirs}}, want: "weir-token"},
		"both, SigV4":               {headers: authz.Header{"weir-token": {ours}, "authorization": {"AWS4-HMAC-SHA256 x", "y"}}, want: "weir-token"},
		"bad weir-token wins":       {headers: authz.Header{"weir-token": {theirs}, "authorization": {"Bearer " + ours}}, err: "token_malformed"},
		"empty weir-token wins":     {headers: authz.Header{"weir-token": {""}, "authorization": {"Bearer " + ours}}, err: "token_missing"},
		"nothing":                   {err: "token_missing"},
		"basic":                     {headers: authz.Header{"authorization": {"Basic " + ours}}, err: "token_missing"},
		"no scheme":                 {headers: authz.Header{"authorization": {ours}}, err: "token_missing"},
		"scheme alone":              {headers: authz.Header{"authorization": {"Bearer"}}, err: "token_missing"},
		"bearers":                   {headers: authz.Header{"authorization": {"Bearers " + ours}}, err: "token_missing"},
		"two values":                {headers: authz.Header{"authorization": {"Bearer " + ours, "Bearer " + ours}}, err: "token_duplicate"},
		"two values joined":         {headers: authz.Header{"authorization": {"Bearer " + ours + ", Bearer " + ours}}, err: "token_duplicate"},
		"two weir-tokens":           {headers: authz.Header{"weir-token": {ours, ours}}, err: "token_duplicate"},
		"authorization is not ours": {carriers: []string{"weir-token"}, headers: authz.Header{"authorization": {"Bearer " + ours}}, err: "token_missing"},
		"own carrier":               {carriers: []string{"x-token"}, headers: authz.Header{"x-token": {ours}, "weir-token": {theirs}}, want: "x-token"},
		"two own carriers": {
			carriers: []string{"x-token", "weir-token"},
			headers:  authz.Header{"x-token": {ours}, "weir-token": {ours}}, err: "token_duplicate",
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := start(t, i, func(c *authn.Config) { c.Carriers = tc.carriers })
			id, err := a.Authenticate(context.Background(), authz.Request{Headers: tc.headers}, authz.Target{})
			if got := label(t, err); got != tc.err || id.Carrier != tc.want {
				t.Errorf("got %q in %q, want %q in %q", got, id.Carrier, tc.err, tc.want)
			}
		})
	}
}

// TestObservedCarriers: where a request passes although its token is refused, the upstream does not get to see the token all the same.
func TestObservedCarriers(t *testing.T) {
	i, other := startIssuer(t), startIssuer(t)
	now := time.Now()
	expired := mint(t, i, "ES256", nil, claims{"iat": now.Add(-2 * time.Hour).Unix(), "exp": now.Add(-time.Hour).Unix()})
	foreign := mint(t, other, "ES256", nil, nil)
	for name, tc := range map[string]struct {
		headers authz.Header
		want    string
	}{
		"expired":              {authz.Header{"authorization": {"Bearer " + expired}}, "authorization"},
		"for another audience": {authz.Header{"authorization": {"bearer " + mint(t, i, "ES256", nil, claims{"aud": "x"})}}, "authorization"},
		"twice":                {authz.Header{"authorization": {"Basic eA==", "Bearer " + expired}}, "authorization"},
		"joined":               {authz.Header{"authorization": {"Bearer sk-x, Bearer " + expired}}, "authorization"},
		"weir-token":           {authz.Header{"weir-token": {"sk-x"}, "authorization": {"Bearer " + expired}}, "weir-token"},
		"of another issuer":    {authz.Header{"authorization": {"Bearer " + foreign}}, ""},
		"an API key":           {authz.Header{"authorization": {"Bearer sk-upstream-key"}}, ""},
		"basic":                {authz.Header{"authorization": {"Basic eA=="}}, ""},
		"nothing":              {nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a, req := start(t, i, nil), authz.Request{Headers: tc.headers}
			for mode, want := range map[authz.Mode]string{authz.ModeObserve: tc.want, authz.ModeEnforce: ""} {
				id, err := a.Authenticate(context.Background(), req, authz.Target{Mode: mode})
				if err == nil || id.Carrier != want || id.Subject.Ref() != "" {
					t.Errorf("mode %v: got %q of %q, %v; want a refusal and %q", mode, id.Carrier, id.Subject.Ref(), err, want)
				}
			}
		})
	}
}

func TestSubject(t *testing.T) {
	i := startIssuer(t)
	now := time.Now().Truncate(time.Second).UTC()
	a := start(t, i, func(c *authn.Config) {
		c.Issuers[0].Claims = authn.ClaimPaths{
			Groups: []string{"groups", "realm_access.roles", "https://example.com/teams"}, Name: "profile.name", Kind: "kind",
		}
	})
	token := mint(t, i, "EdDSA", map[string]any{"typ": "application/at+jwt"}, claims{
		"sub": "alice", "jti": "j1", "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(), "aud": []string{"x", authntest.Audience},
		"groups": "staff", "realm_access": claims{"roles": []string{"reader", "staff"}}, "https://example.com/teams": []string{"search"},
		"profile": claims{"name": "Alice Ä."}, "email": "alice@example.com", "kind": "human", "big": json.RawMessage("9007199254740993"),
		"act": claims{"sub": "bot", "iss": "https://bots", "act": claims{"sub": "orchestrator"}},
	})
	wantSubject := authz.Subject{
		Issuer: i.URL, ID: "alice", Name: "Alice Ä.", Email: "alice@example.com", Groups: []string{"staff", "reader", "search"},
		Kind: authz.Agent, Actors: []authz.Actor{{Issuer: "https://bots", ID: "bot"}, {ID: "orchestrator"}}, Owner: i.URL + "|alice",
		Credential: "j1", Expires: now.Add(time.Minute),
		Claims: map[string]any{
			"aud": []any{"x", authntest.Audience}, "iat": json.Number(fmt.Sprint(now.Unix())), "big": json.Number("9007199254740993"),
			"realm_access": claims{"roles": []any{"reader", "staff"}}, "profile": claims{"name": "Alice Ä."},
		},
	}
	for _, when := range []string{"cold", "warm"} {
		got, err := authenticate(a, token)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(wantSubject, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	got, err := authenticate(a, mint(t, i, "EdDSA", nil, claims{"jti": nil, "kind": "workload"}))
	if err != nil || len(got.Credential) != 16 || got.Kind != authz.Workload || got.Groups != nil {
		t.Errorf("without jti: %+v, %v", got, err)
	}
}

func TestCache(t *testing.T) {
	i, now := startIssuer(t), newClock()
	a := start(t, i, func(c *authn.Config) { c.Now = now.Now; c.CacheSize = 32; c.CacheTTL = 10 * time.Second; c.Leeway = -1 })
	token := mint(t, i, "ES256", nil, claims{"exp": now.Now().Add(15 * time.Second).Unix()})
	step := func(wantHits, wantMisses int64, wantLabel string) {
		t.Helper()
		want(t, a, token, wantLabel)
		if got := a.Stats(); got.Hits != wantHits || got.Misses != wantMisses {
			t.Errorf("stats %+v, want %d hits, %d misses", got, wantHits, wantMisses)
		}
	}
	step(0, 1, "")
	step(1, 1, "")
	now.Add(9 * time.Second)
	step(2, 1, "")
	now.Add(time.Second) // the cache's time is up
	step(2, 2, "")
	now.Add(6 * time.Second) // the token's time is up before the cache's
	step(2, 3, "token_expired")

	many := make([]string, 300) // more than the cache holds
	for n := range many {
		many[n] = mint(t, i, "EdDSA", nil, claims{"sub": fmt.Sprint("u", n)})
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for n, token := range many {
				if s, err := authenticate(a, token); err != nil || s.ID != fmt.Sprint("u", n) {
					t.Errorf("token %d: %q, %v", n, s.ID, err)
				}
			}
		})
	}
	all.Wait()
	before := a.Stats().Hits
	for _, token := range many {
		want(t, a, token, "")
	}
	if hits := a.Stats().Hits - before; hits > 63 { // 32, and at most one more for each other shard
		t.Errorf("%d of 300 tokens were kept, in a cache for 32", hits)
	}
}

func TestIssuersApart(t *testing.T) {
	one, two := startIssuer(t), startIssuer(t)
	a := start(t, one, func(c *authn.Config) {
		c.Issuers = append(c.Issuers, authn.Issuer{URL: two.URL, Audiences: []string{"two"}, Algorithms: []string{"RS256"}, Types: []string{"at+jwt"}})
	})
	want(t, a, mint(t, one, "ES256", nil, nil), "")
	want(t, a, mint(t, two, "RS256", claims{"typ": "at+JWT"}, claims{"aud": "two"}), "")
	want(t, a, mint(t, two, "RS256", claims{"typ": "at+jwt"}, nil), "token_wrong_audience")
	want(t, a, mint(t, two, "RS256", nil, claims{"aud": "two"}), "token_typ")
	want(t, a, mint(t, two, "RS256", claims{"typ": nil}, claims{"aud": "two"}), "token_typ")
	want(t, a, mint(t, two, "ES256", claims{"typ": "at+jwt"}, claims{"aud": "two"}), "token_alg_refused")
	want(t, a, mint(t, one, "ES256", nil, claims{"iss": two.URL}), "token_typ")
	want(t, a, mint(t, one, "RS256", claims{"typ": "at+jwt"}, claims{"iss": two.URL, "aud": "two"}), "token_unknown_key")
	if err := a.Ready(); err != nil {
		t.Errorf("not ready: %v", err)
	}
}

func TestConfig(t *testing.T) {
	good := authn.Issuer{URL: "https://issuer.example", Audiences: []string{"a"}}
	for name, tc := range map[string]struct {
		change func(*authn.Config)
		want   string
	}{
		"right":               {func(*authn.Config) {}, ""},
		"loopback":            {func(c *authn.Config) { c.Issuers[0].URL = "http://[::1]:9" }, ""},
		"name of a file":      {func(c *authn.Config) { c.Issuers[0].URL = "spiffe://td"; c.Issuers[0].JWKSFile = "f" }, ""},
		"no issuer":           {func(c *authn.Config) { c.Issuers = nil }, "no issuer"},
		"twice":               {func(c *authn.Config) { c.Issuers = append(c.Issuers, c.Issuers[0]) }, "configured twice"},
		"in the clear":        {func(c *authn.Config) { c.Issuers[0].URL = "http://issuer.example" }, "over https"},
		"keys in the clear":   {func(c *authn.Config) { c.Issuers[0].JWKSURL = "http://issuer.example/k" }, "over https"},
		"user in the URL":     {func(c *authn.Config) { c.Issuers[0].URL = "https://u:p@issuer.example" }, "absolute URL"},
		"no audience":         {func(c *authn.Config) { c.Issuers[0].Audiences = nil }, "audience"},
		"symmetric":           {func(c *authn.Config) { c.Issuers[0].Algorithms = []string{"HS256"} }, `algorithm "HS256"`},
		"none":                {func(c *authn.Config) { c.Issuers[0].Algorithms = []string{"none"} }, `algorithm "none"`},
		"bar in the issuer":   {func(c *authn.Config) { c.Issuers[0].URL = "https://a|b" }, "without |"},
		"two places for keys": {func(c *authn.Config) { c.Issuers[0].JWKSURL = "https://x/"; c.Issuers[0].JWKSFile = "f" }, "at most"},
		"upper-case carrier":  {func(c *authn.Config) { c.Carriers = []string{"Weir-Token"} }, "carrier"},
		"no carrier":          {func(c *authn.Config) { c.Carriers = []string{} }, "carrier"},
		"leeway of an hour":   {func(c *authn.Config) { c.Leeway = time.Hour }, "leeway"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := authn.Config{Issuers: []authn.Issuer{good}}
			tc.change(&cfg)
			a, err := authn.New(cfg)
			if tc.want == "" {
				if err != nil || a.Ready() == nil {
					t.Errorf("got %v; ready %v before there are keys", err, a != nil && a.Ready() == nil)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}
