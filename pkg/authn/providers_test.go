package authn_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/weirgate/weir/pkg/authn"
	"github.com/weirgate/weir/pkg/authz"
)

// provider is a token in the shape that an identity provider gives it, how its issuer is configured, and who it then is. The same shapes run
// through Envoy in examples/04-identity-providers.
type provider struct {
	name   string
	issuer authn.Issuer
	header claims
	claims claims
	alg    string
	want   authz.Subject // without issuer, credential, end and claims
}

func providers() []provider {
	entra := authn.ClaimPaths{ID: "oid", Groups: []string{"roles", "groups"}, Email: "preferred_username", Kinds: []authn.KindRule{{Claim: "idtyp", Value: "app", Kind: authz.Workload}}}
	google := authn.ClaimPaths{Groups: []string{"hd"}, GroupPrefix: "google:", Kinds: []authn.KindRule{{Claim: "email", Value: "*.gserviceaccount.com", Kind: authz.Workload}}}
	keycloak := authn.ClaimPaths{
		Groups: []string{"groups", "realm_access.roles", "resource_access.weir.gate.roles"},
		Kinds:  []authn.KindRule{{Claim: "preferred_username", Value: "service-account-*", Kind: authz.Workload}},
	}
	auth0 := authn.ClaimPaths{
		Groups: []string{"https://research.example/roles", "permissions"}, Name: "https://research.example/name",
		Kinds: []authn.KindRule{{Claim: "gty", Value: "client-credentials", Kind: authz.Workload}},
	}
	okta := authn.ClaimPaths{ID: "uid", Groups: []string{"groups"}, Email: "sub", Kinds: []authn.KindRule{{Claim: "sub", Same: "cid", Kind: authz.Workload}}}
	okta2 := okta
	okta2.ID, okta2.Email = "sub", "email"
	return []provider{
		{
			"keycloak, a person",
			authn.Issuer{Claims: keycloak},
			nil,
			claims{
				"typ": "Bearer", "azp": "notebook", "sub": "b1f6d1d0-6a3e-4f6f-9d61-5b7d6a2a9a11", "realm_access": claims{"roles": []string{"research", "offline_access"}},
				"resource_access":    claims{"weir.gate": claims{"roles": []string{"raw"}}, "account": claims{"roles": []string{"manage-account"}}},
				"preferred_username": "ada", "name": "Ada Lovelace", "email": "ada@research.example", "email_verified": true, "scope": "openid email profile",
			},
			"RS256",
			authz.Subject{ID: "b1f6d1d0-6a3e-4f6f-9d61-5b7d6a2a9a11", Name: "Ada Lovelace", Email: "ada@research.example", Groups: []string{"research", "offline_access", "raw"}, Kind: authz.Human},
		},
		{
			"keycloak, a service account",
			authn.Issuer{Claims: keycloak},
			nil,
			claims{"sub": "0d6f", "azp": "indexer", "client_id": "indexer", "preferred_username": "service-account-indexer", "realm_access": claims{"roles": []string{"indexing"}}},
			"RS256",
			authz.Subject{ID: "0d6f", Groups: []string{"indexing"}, Kind: authz.Workload},
		},
		{
			"okta, a person",
			authn.Issuer{Claims: okta},
			nil,
			claims{"ver": 1, "sub": "ada@research.example", "uid": "00u1a2b3c4", "cid": "0oa5d6e7", "scp": []string{"openid", "embed"}, "groups": []string{"Everyone", "research"}},
			"RS256",
			authz.Subject{ID: "00u1a2b3c4", Email: "ada@research.example", Groups: []string{"Everyone", "research"}, Kind: authz.Human},
		},
		{
			"okta, a service",
			authn.Issuer{Claims: okta2},
			nil,
			claims{"ver": 1, "sub": "0oa5d6e7", "cid": "0oa5d6e7", "scp": []string{"embed"}},
			"RS256",
			authz.Subject{ID: "0oa5d6e7", Kind: authz.Workload},
		},
		{
			"entra, a person",
			authn.Issuer{Claims: entra},
			nil,
			claims{
				"ver": "2.0", "tid": "72f988bf-86f1-41af-91ab-2d7cd011db47", "oid": "690222be-ff1a-4d56-abd1-7e4f7d38e474", "sub": "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ",
				"name": "Ada Lovelace", "preferred_username": "ada@research.example", "roles": []string{"Vectors.Raw"}, "groups": []string{"5d0ba9a1-8c3c-4f1a-9c37-7e1c5b7a1f00"}, "scp": "access_as_user",
			},
			"RS256",
			authz.Subject{
				ID: "690222be-ff1a-4d56-abd1-7e4f7d38e474", Name: "Ada Lovelace", Email: "ada@research.example",
				Groups: []string{"Vectors.Raw", "5d0ba9a1-8c3c-4f1a-9c37-7e1c5b7a1f00"}, Kind: authz.Human,
			},
		},
		{
			"entra, an application",
			authn.Issuer{Claims: entra},
			nil,
			claims{"ver": "2.0", "idtyp": "app", "azp": "11bb", "oid": "22cc", "sub": "22cc", "roles": []string{"Index.Write"}},
			"RS256",
			authz.Subject{ID: "22cc", Groups: []string{"Index.Write"}, Kind: authz.Workload},
		},
		{
			"auth0, a person",
			authn.Issuer{Claims: auth0},
			nil,
			claims{
				"sub": "auth0|65a1", "azp": "web", "scope": "openid", "permissions": []string{"read:vectors"},
				"https://research.example/roles": []string{"research"}, "https://research.example/name": "Ada Lovelace",
			},
			"RS256",
			authz.Subject{ID: "auth0|65a1", Name: "Ada Lovelace", Groups: []string{"research", "read:vectors"}, Kind: authz.Human},
		},
		{
			"auth0, a machine",
			authn.Issuer{Claims: auth0},
			nil,
			claims{"sub": "kX2@clients", "azp": "kX2", "gty": "client-credentials", "permissions": []string{"read:vectors"}},
			"RS256",
			authz.Subject{ID: "kX2@clients", Groups: []string{"read:vectors"}, Kind: authz.Workload},
		},
		{
			"google, a person",
			authn.Issuer{Claims: google},
			nil,
			claims{"azp": "1.apps.googleusercontent.com", "sub": "110169484474386276334", "hd": "research.example", "email": "ada@research.example", "email_verified": true, "name": "Ada Lovelace"},
			"RS256",
			authz.Subject{ID: "110169484474386276334", Name: "Ada Lovelace", Email: "ada@research.example", Groups: []string{"google:research.example"}, Kind: authz.Human},
		},
		{
			"google, somebody with an address that nobody verified",
			authn.Issuer{Claims: google},
			nil,
			claims{"sub": "2", "email": "ada@research.example", "email_verified": false},
			"RS256",
			authz.Subject{ID: "2", Kind: authz.Human},
		},
		{
			"google, a service account",
			authn.Issuer{Claims: google},
			nil,
			claims{"azp": "117", "sub": "117", "email": "indexer@project.iam.gserviceaccount.com", "email_verified": true},
			"RS256",
			authz.Subject{ID: "117", Email: "indexer@project.iam.gserviceaccount.com", Kind: authz.Workload},
		},
		{
			"kubernetes",
			authn.Issuer{Kind: authz.Workload, Claims: authn.ClaimPaths{Groups: []string{"kubernetes.io.namespace"}, GroupPrefix: "ns:", Name: "kubernetes.io.pod.name"}},
			nil,
			claims{"sub": "system:serviceaccount:research:indexer", "nbf": time.Now().Unix(), "kubernetes.io": claims{
				"namespace": "research", "node": claims{"name": "n1", "uid": "u0"}, "pod": claims{"name": "indexer-7d9f", "uid": "u1"}, "serviceaccount": claims{"name": "indexer", "uid": "u2"},
			}},
			"RS256",
			authz.Subject{ID: "system:serviceaccount:research:indexer", Name: "indexer-7d9f", Groups: []string{"ns:research"}, Kind: authz.Workload},
		},
		{
			"spiffe, without iss and jti",
			authn.Issuer{URL: "spiffe://research.example", TrustDomain: "research.example"},
			claims{"typ": nil},
			claims{"iss": nil, "jti": nil, "sub": "spiffe://research.example/ns/rag/sa/retriever"},
			"ES256",
			authz.Subject{ID: "spiffe://research.example/ns/rag/sa/retriever", Kind: authz.Workload},
		},
		{
			"spiffe, with an iss",
			authn.Issuer{TrustDomain: "research.example"},
			claims{"typ": "JOSE"},
			claims{"sub": "spiffe://research.example/ns/rag/sa/retriever"},
			"ES256",
			authz.Subject{ID: "spiffe://research.example/ns/rag/sa/retriever", Kind: authz.Workload},
		},
		{
			"an agent for a person (RFC 8693)",
			authn.Issuer{},
			claims{"typ": "at+jwt"},
			claims{"sub": "ada", "client_id": "notebook", "groups": []string{"research"}, "exp": time.Now().Add(10 * time.Minute).Unix(), "act": claims{"sub": "summariser", "act": claims{"sub": "orchestrator"}}},
			"ES256",
			authz.Subject{ID: "ada", Groups: []string{"research"}, Kind: authz.Agent, Owner: "ISSUER|ada", Actors: []authz.Actor{{ID: "summariser"}, {ID: "orchestrator"}}},
		},
		{
			"an agent in its own name",
			authn.Issuer{Claims: authn.ClaimPaths{Owner: "owner.sub", Kinds: []authn.KindRule{{Claim: "azp", Value: "agent-*", Kind: authz.Agent}}}},
			nil,
			claims{"sub": "summariser", "azp": "agent-platform", "exp": time.Now().Add(10 * time.Minute).Unix(), "owner": claims{"sub": "ada"}},
			"ES256",
			authz.Subject{ID: "summariser", Kind: authz.Agent, Owner: "ISSUER|ada"},
		},
		{
			"an agent for a workload has no owner",
			authn.Issuer{},
			nil,
			claims{"sub": "batch", "client_id": "batch", "exp": time.Now().Add(10 * time.Minute).Unix(), "act": claims{"sub": "summariser"}},
			"ES256",
			authz.Subject{ID: "batch", Kind: authz.Agent, Actors: []authz.Actor{{ID: "summariser"}}},
		},
		{
			"words in justification",
			authn.Issuer{Claims: authn.ClaimPaths{Justification: "use.ticket"}},
			nil,
			claims{"sub": "ada", "use": claims{"ticket": "MODEL-42 nightly"}},
			"ES256",
			authz.Subject{ID: "ada", Kind: authz.Human, Justification: "MODEL-42 nightly"},
		},
		{
			"a client of its own (RFC 9068)",
			authn.Issuer{},
			claims{"typ": "at+jwt"},
			claims{"sub": "batch", "client_id": "batch"},
			"EdDSA",
			authz.Subject{ID: "batch", Kind: authz.Workload},
		},
	}
}

func TestProviders(t *testing.T) {
	i := startIssuer(t)
	keys := filepath.Join(t.TempDir(), "jwks.json")
	writeFile(t, keys, i.JWKS())
	for _, p := range providers() {
		t.Run(p.name, func(t *testing.T) {
			a := start(t, i, func(c *authn.Config) {
				audiences := c.Issuers[0].Audiences
				c.Issuers[0] = p.issuer
				c.Issuers[0].Audiences, c.Issuers[0].JWKSFile = audiences, keys
				if p.issuer.URL == "" {
					c.Issuers[0].URL = i.URL
				}
			})
			got, err := authenticate(a, mint(t, i, p.alg, p.header, p.claims))
			if err != nil {
				t.Fatal(err)
			}
			p.want.Issuer = i.URL
			if p.issuer.URL != "" {
				p.want.Issuer = p.issuer.URL
			}
			if p.want.Owner != "" {
				p.want.Owner = i.URL + p.want.Owner[len("ISSUER"):]
			}
			if diff := cmp.Diff(p.want, got, cmpopts.IgnoreFields(authz.Subject{}, "Credential", "Expires", "Claims")); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if got.Credential == "" || got.Expires.IsZero() {
				t.Errorf("credential %q, expires %s", got.Credential, got.Expires)
			}
		})
	}
}

// TestProviderTraps are tokens that are good, of a shape that must not be taken for more than it says.
func TestProviderTraps(t *testing.T) {
	i := startIssuer(t)
	keys := filepath.Join(t.TempDir(), "jwks.json")
	writeFile(t, keys, i.JWKS())
	now := time.Now()
	for name, tc := range map[string]struct {
		issuer authn.Issuer
		claims claims
		want   string
	}{
		"entra, more than 200 groups": {
			authn.Issuer{},
			claims{"_claim_names": claims{"groups": "src1"}, "_claim_sources": claims{"src1": claims{"endpoint": "https://graph.windows.net/x"}}},
			"token_groups_elsewhere",
		},
		"entra, hasgroups":         {authn.Issuer{}, claims{"hasgroups": true}, "token_groups_elsewhere"},
		"other claims elsewhere":   {authn.Issuer{}, claims{"_claim_names": claims{"address": "src1"}}, ""},
		"words that are none":      {authn.Issuer{Claims: authn.ClaimPaths{Justification: "ticket"}}, claims{"sub": "ada", "ticket": 42}, "token_claim"},
		"unverified email as name": {authn.Issuer{Claims: authn.ClaimPaths{ID: "email"}}, claims{"email": "ada@research.example", "email_verified": false}, "token_claim"},
		"no word about the email":  {authn.Issuer{Claims: authn.ClaimPaths{ID: "email"}}, claims{"email": "ada@research.example"}, "token_claim"},
		"verified email as name":   {authn.Issuer{Claims: authn.ClaimPaths{ID: "email"}}, claims{"email": "ada@research.example", "email_verified": true}, ""},
		"spiffe id of another domain": {
			authn.Issuer{TrustDomain: "research.example"}, claims{"sub": "spiffe://research.example.evil/ns/rag"}, "token_claim",
		},
		"spiffe, no path":               {authn.Issuer{TrustDomain: "research.example"}, claims{"sub": "spiffe://research.example"}, "token_claim"},
		"a person in a trust domain":    {authn.Issuer{TrustDomain: "research.example"}, claims{"sub": "ada"}, "token_claim"},
		"spiffe, no iss, other domain":  {authn.Issuer{TrustDomain: "research.example"}, claims{"iss": nil, "sub": "spiffe://other.example/x"}, "token_wrong_issuer"},
		"no iss and no trust domain":    {authn.Issuer{}, claims{"iss": nil, "sub": "spiffe://research.example/x"}, "token_wrong_issuer"},
		"an agent for an hour":          {authn.Issuer{}, claims{"weir_kind": "agent"}, "token_lifetime"},
		"an actor for an hour":          {authn.Issuer{}, claims{"act": claims{"sub": "bot"}}, "token_lifetime"},
		"an agent for 15 min":           {authn.Issuer{}, claims{"weir_kind": "agent", "iat": now.Unix(), "exp": now.Add(15 * time.Minute).Unix()}, ""},
		"an agent for 15 min and 1 s":   {authn.Issuer{}, claims{"weir_kind": "agent", "iat": now.Unix(), "exp": now.Add(15*time.Minute + time.Second).Unix()}, "token_lifetime"},
		"a group that forges a line":    {authn.Issuer{}, claims{"groups": []string{"a\nb"}}, "token_claim"},
		"a name with an escape":         {authn.Issuer{}, claims{"name": "a\x1b[2J"}, "token_claim"},
		"a name from right to left":     {authn.Issuer{}, claims{"name": "עדה\u200f (x)"}, ""},
		"an owner that is no string":    {authn.Issuer{Kind: authz.Agent, Claims: authn.ClaimPaths{Owner: "owner"}}, claims{"exp": now.Add(time.Minute).Unix(), "owner": 7}, "token_claim"},
		"an actor's issuer with a bar":  {authn.Issuer{}, claims{"exp": now.Add(time.Minute).Unix(), "act": claims{"sub": "bot", "iss": "https://x|y"}}, "token_claim"},
		"a kind that is not of the set": {authn.Issuer{}, claims{"weir_kind": "Human"}, "token_claim"},
	} {
		t.Run(name, func(t *testing.T) {
			a := start(t, i, func(c *authn.Config) {
				tc.issuer.URL, tc.issuer.Audiences, tc.issuer.JWKSFile = i.URL, c.Issuers[0].Audiences, keys
				c.Issuers[0] = tc.issuer
			})
			want(t, a, mint(t, i, "ES256", nil, tc.claims), tc.want)
		})
	}
}

// TestLifetimes bounds a token's life by what its subject is.
func TestLifetimes(t *testing.T) {
	i, now := startIssuer(t), time.Now()
	a := start(t, i, func(c *authn.Config) {
		c.MaxLifetime, c.MaxLifetimeWorkload, c.MaxLifetimeAgent = 8*time.Hour, time.Hour, 5*time.Minute
	})
	for kind, longest := range map[string]time.Duration{"human": 8 * time.Hour, "workload": time.Hour, "agent": 5 * time.Minute} {
		for beyond, wanted := range map[time.Duration]string{0: "", time.Second: "token_lifetime"} {
			want(t, a, mint(t, i, "ES256", nil, claims{"weir_kind": kind, "iat": now.Unix(), "exp": now.Add(longest + beyond).Unix()}), wanted)
		}
	}
}

// TestOneName: the two good forms of an ECDSA signature are one token, not two credentials.
func TestOneName(t *testing.T) {
	i := startIssuer(t)
	a := start(t, i, nil)
	token := mint(t, i, "ES256", nil, claims{"jti": nil})
	one, err := authenticate(a, token)
	if err != nil {
		t.Fatal(err)
	}
	other, err := authenticate(a, otherForm(t, token))
	if err != nil || other.Credential != one.Credential {
		t.Errorf("%q and %q, %v: want the same", one.Credential, other.Credential, err)
	}
}

// TestSPIFFEBundle reads a trust bundle, whose keys are for their own use.
func TestSPIFFEBundle(t *testing.T) {
	i := startIssuer(t)
	for use, wanted := range map[string]string{"jwt-svid": "", "x509-svid": "token_unknown_key", "sig": ""} {
		file := filepath.Join(t.TempDir(), "bundle.json")
		writeFile(t, file, withUse(t, i.JWKS(), use))
		a := start(t, i, func(c *authn.Config) {
			c.Issuers[0].JWKSFile, c.Issuers[0].TrustDomain = file, "research.example"
		})
		want(t, a, mint(t, i, "ES256", nil, claims{"iss": nil, "sub": "spiffe://research.example/x"}), wanted)
	}
	file := filepath.Join(t.TempDir(), "bundle.json")
	writeFile(t, file, withUse(t, i.JWKS(), "jwt-svid"))
	a := start(t, i, func(c *authn.Config) { c.Issuers[0].JWKSFile = file })
	want(t, a, mint(t, i, "ES256", nil, nil), "token_unknown_key") // not of a trust domain
}
