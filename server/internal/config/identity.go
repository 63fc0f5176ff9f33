package config

import (
	"slices"
	"strings"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

// Issuer is an OpenID Connect issuer. Its keys come from JWKSFile, else JWKSURL, else discovery (issuer + /.well-known/openid-configuration).
type Issuer struct {
	// Issuer is the iss claim, byte for byte (OpenID Connect Core §2). Required.
	Issuer string `yaml:"issuer"`
	// Audiences are the values of aud of which a token must have one. At least one: without it, a token made for another service would do.
	Audiences []string `yaml:"audiences"`
	// Algorithms are the signature algorithms taken (RFC 7518, RFC 8037). Default [RS256, ES256, EdDSA], which are all there are.
	Algorithms []string `yaml:"algorithms" default:"RS256 ES256 EdDSA" oneof:"RS256 ES256 EdDSA"`
	// JWKSURL is where the keys are (RFC 7517 §5), for issuers without discovery.
	JWKSURL string `yaml:"jwks_url"`
	// JWKSFile is a file that holds the keys, for issuers that Weir cannot reach. Read again when it changes.
	JWKSFile string `yaml:"jwks_file"`
	// Introspection is where the issuer is asked about each of its tokens, besides what can be told here. Default: nowhere.
	Introspection Introspection `yaml:"introspection"`
	// Bound says that its tokens must be bound to a client certificate (RFC 8705), or to a key of the client's (DPoP, RFC 9449), so that a
	// stolen one is of no use. One that is bound is held to it in any case. Default false.
	Bound bool `yaml:"bound"`
	// DPoPNonce says that proofs for its tokens must hold a nonce of Weir's (RFC 9449 §9; token.dpop.nonce_key_file): a client gets one with
	// the 401 to its first request, and one more each time that it has become old. Default false.
	DPoPNonce bool `yaml:"dpop_nonce"`
	// Refresh is how often keys are fetched again, give or take a tenth, besides at once for a token with a key ID that is not known (at most
	// twice, then every 30 seconds), and on SIGHUP. 1s to 24h. Default: as long as the issuer's Cache-Control or Expires says, from 5m to 1h;
	// 10m where they say nothing; 1m for a file.
	Refresh time.Duration `yaml:"refresh" min:"1s" max:"24h"`
	// KeepKeys is how long keys are believed while the issuer cannot be reached. A key that a reachable issuer does not publish any more is of
	// no use at once. 1m to 720h. Default 24h.
	KeepKeys time.Duration `yaml:"keep_keys" default:"24h" min:"1m" max:"720h"`
	// TrustDomain says that the issuer is that SPIFFE trust domain (research.example): its tokens are JWT-SVIDs, whose sub is a SPIFFE ID of it
	// and whose iss may be missing; its keys may be a SPIFFE bundle. Default: none.
	TrustDomain string `yaml:"trust_domain"`
	// Kind is what its subjects are where no claim says so: human, workload or agent. Default human, of a trust domain workload.
	Kind authz.SubjectKind `yaml:"kind" oneof:"human workload agent"`
	// Claims tell which claims say what.
	Claims Claims `yaml:"claims"`
	// Types are the values of the typ header taken (RFC 8725 §3.11), without regard to case. Default: JWT, at+jwt, and none at all; of a trust
	// domain JWT, JOSE, and none at all.
	Types []string `yaml:"types"`
}

// Introspection is an endpoint as in RFC 7662. Where it cannot be asked, nothing is decided: 503.
type Introspection struct {
	// URL is the endpoint; https, or http on a loopback address. Required with the other keys.
	URL string `yaml:"url"`
	// ClientID is who asks, by HTTP Basic. Default: nobody.
	ClientID string `yaml:"client_id"`
	// ClientSecretFile holds the client's secret; read at start. Default: none.
	ClientSecretFile string `yaml:"client_secret_file"`
	// TTL is how long an answer is believed: a token that its issuer revokes works for so long. 1s to 1h. Default 10s.
	TTL time.Duration `yaml:"ttl" min:"1s" max:"1h"`
	// Opaque says that the issuer's tokens are no JWTs: the answer is all that is known of them, with exp, iat, aud and sub as a token would
	// have them, and the issuer has no keys. At most one issuer. Whatever has not the form of a JWT is then sent to it. Default false.
	Opaque bool `yaml:"opaque"`
}

// Certificate says who a client certificate is that Envoy has verified. Its subject's name is the matched one; the issuer is the SPIFFE trust
// domain (spiffe://research.example), else x509.
type Certificate struct {
	// Match is the name it must have: a URI such as spiffe://research.example/ns/rag/*, dns: and a DNS name, or subject: and a subject as in
	// RFC 2253. * stands for anything but /, ** for anything. Required.
	Match string `yaml:"match"`
	// Kind is what it is. Default workload.
	Kind authz.SubjectKind `yaml:"kind" default:"workload" oneof:"human workload agent"`
	// Groups are its groups. Default: none.
	Groups []string `yaml:"groups"`
}

// Claims tell which claims say what about a subject. A dot goes into an object: realm_access.roles.
type Claims struct {
	// ID is the claim that names the subject, and stays the same for ever; email only where email_verified is true. Default sub.
	ID string `yaml:"id" default:"sub"`
	// Groups are the claims that list groups and roles; what they hold is joined. Default [groups].
	Groups []string `yaml:"groups" default:"groups"`
	// GroupPrefix is put before each of these groups: where there are several issuers, a group of one must not be taken for another's of the
	// same name. Default: none.
	GroupPrefix string `yaml:"group_prefix"`
	// Name is the claim of the display name. Default name.
	Name string `yaml:"name" default:"name"`
	// Email is the claim of the e-mail address, which is not taken where email_verified is false. Default email.
	Email string `yaml:"email" default:"email"`
	// Owner is the claim that has the sub of the person behind an agent, where the agent comes in its own name. Where it comes in the person's
	// (act, RFC 8693), that person is the owner. Default: none.
	Owner string `yaml:"owner"`
	// Kind is the claim that says human, workload or agent. Default weir_kind.
	Kind string `yaml:"kind" default:"weir_kind"`
	// Justification is the claim of the words by which policies let go what needs a reason, for clients that can send neither the header
	// weir-justification nor the query parameter of that name; where one of the two comes, it counts. Default: none.
	Justification string `yaml:"justification"`
	// Kinds are signs of what a subject is, for tokens without that claim; the first that fits. After them: an act claim makes it an agent,
	// sub = client_id a workload (RFC 9068 §5); else it is what the issuer's kind says. Default: none.
	Kinds []KindRule `yaml:"kinds"`
}

// KindRule is one sign.
type KindRule struct {
	// Claim is the claim that is looked at. Required.
	Claim string `yaml:"claim"`
	// Value is what it must be; a * at its beginning or end stands for anything. This or Same.
	Value string `yaml:"value"`
	// Same is the claim that it must be equal to. This or Value.
	Same string `yaml:"same"`
	// Kind is what the subject then is. Required.
	Kind authz.SubjectKind `yaml:"kind" oneof:"human workload agent"`
}

// Identity says how subjects show a target who they are.
type Identity struct {
	// Carriers say where a token for this target may come, in place of token.carriers. Default: those.
	Carriers []string `yaml:"carriers"`
	// Realm is what a 401 of this target names as the realm of its challenge. An OCI client (oras, docker, containerd) takes it for the URL
	// where it gets a token, and asks there for Service and for the scope of what it wanted, which then is in the challenge too; crane goes no
	// further where it is no URL, even with a token. Default weir.
	Realm string `yaml:"realm"`
	// Service is what a 401 of this target names as its service. Default: none.
	Service string `yaml:"service"`
	// DPoPNonce says that proofs for requests to this target must hold a nonce of Weir's, whichever issuer's token they are for. Default false.
	DPoPNonce bool `yaml:"dpop_nonce"`
}

// Capabilities are leave to make some requests in somebody's name, in a URL: for clients that have no place for a token (weir sign makes them), and for
// those who are told to go on elsewhere. Whoever has the key can make them for anybody; whoever has a URL has its leave, until it ends, and access logs
// have URLs, Envoy's too. Policy decides as about any request.
//
// Where a store of objects redirects to another host that a target names, and that target takes capabilities (carrier url:NAME), the answer's Location
// carries one: so that a client that takes its token along to no other host (huggingface_hub) is known there. It is for that one URL, and for the
// client certificate of who asked, or where there was none the address; for the object and its size, and for so many bytes of it in all, which are
// counted where the counters are, whoever uses it how often; and it ends with the credential that it was got by, at the latest. The port must be the one
// that was asked, or none. The target redirected to counts what leaves; its records have what showed who asks as capability:ID, those of the redirect
// have the same as weir.redirect.capability. To end one early: weir revoke, or token.revocations. Claims of the token are not known
// there. A redirect to a host that no target names, or that is only observed, counts as the release of the object. To name a host is to say that
// nobody reaches it but through Envoy. A target that redirects lead to had best take nothing else: some clients take weir-token along (curl -H),
// and two are refused.
type Capabilities struct {
	// Current is the key that signs, the same on every replica, named by where it is and never written here: file:PATH, env:NAME, or
	// command:PROGRAM ARG… (no shell). It is 32 bytes or more of any kind; make one with: openssl rand -base64 48 > capability.key. Read at
	// start. Required where a target takes capabilities.
	Current string `yaml:"current"`
	// Previous are keys that were current: what was signed with them is good until it ends. At most 7. Default: none.
	Previous []string `yaml:"previous"`
	// MaxLifetime bounds how long a capability is good for. 1m to 720h. Default 1h.
	MaxLifetime time.Duration `yaml:"max_lifetime" default:"1h" min:"1m" max:"720h"`
	// RedirectLifetime is how long one in a redirect is good for. What has begun goes on beyond it; a client that fetches an object in
	// ranges must ask for the last of them before. 1s to 10m. Default 5m.
	RedirectLifetime time.Duration `yaml:"redirect_lifetime" default:"5m" min:"1s" max:"10m"`
	// RedirectBudget is how much may leave by one in a redirect, in percent of the object's size. 100 is each byte once; what is cut off is
	// charged as it was stated, so that more is needed for it to be resumed, and for ranges to be asked for again. 100 to 500. Default 200.
	RedirectBudget int `yaml:"redirect_budget" default:"200" min:"100" max:"500"`
}

// TakesCapabilities returns the names of the targets that take capabilities.
func (c *Config) TakesCapabilities() []string {
	takes := func(carriers []string) bool {
		return slices.ContainsFunc(carriers, func(s string) bool { return strings.HasPrefix(s, "url:") })
	}
	var out []string
	for i := range c.Targets {
		if own := c.Targets[i].Identity.Carriers; takes(own) || len(own) == 0 && takes(c.Token.Carriers) {
			out = append(out, c.Targets[i].Name)
		}
	}
	return out
}

func (c *Capabilities) ring() keyring { return keyring{"capabilities", &c.Current, c.Previous} }

// Token says where tokens are found and how they are judged.
type Token struct {
	// Carriers say where a token may come; what carried it is stripped before the upstream. Each is one of
	//   authorization   the header Authorization, with the scheme Bearer
	//   NAME            the header of that name, in lower case, with or without the scheme. It is ours alone: where it is present its token
	//                   is the one, and Authorization is the upstream's
	//   base64:NAME     that header, with the token in base64 and no scheme: base64:authorization is what pymilvus sends
	//   url:NAME        the query parameter of that name, with a capability: see capabilities. It is stripped from the URL. Let NAME begin
	//                   with weir-, such as weir-cap: stores of objects take any other parameter for one of theirs
	//   certificate     the client certificate, where no token came: see certificates
	// Default [authorization, weir-token].
	Carriers []string `yaml:"carriers" default:"authorization weir-token"`
	// ForwardedCertificate says that the client's certificate is what the header x-forwarded-client-cert tells, of one hop, in place of what
	// Envoy tells of its own connection. Only where Envoy sets that header itself, of certificates that it has verified, or a proxy before it
	// does and nobody else reaches Envoy: whoever can send it is whoever he says. Where rules name certificates, have it forward the certificate
	// too (set_current_client_cert_details: {cert: true, …}): its names are then read from there, because Envoy does not quote those of the
	// kinds URI and DNS, and one with a semicolon in it passes for another. Default false.
	ForwardedCertificate bool `yaml:"forwarded_certificate"`
	// CertificateAuthorities is a file of certificates in PEM, by which client certificates are verified where Envoy hands them over without a word
	// on whether it has: over ext_authz, with include_peer_certificate. An intermediate one that signs clients' must be in it. Read again
	// when it changes. Default: none; by ext_authz a certificate is then nobody's, and only what a token is bound to.
	CertificateAuthorities string `yaml:"certificate_authorities"`
	// DPoP is how proofs are judged that a client has the key which its token is bound to (RFC 9449). Where counters are in Redis the proofs
	// that were used are too; else this process knows of those that came to it.
	DPoP DPoP `yaml:"dpop"`
	// Revocations is a file of what is not believed any more, read again when it changes; one that then cannot be read leaves the last good one
	// in force. Each line is one of
	//   jti ID                      the credential of that ID: a token's jti, or weir.credential.id of the audit trail
	//   sub ISSUER|SUB              whatever a subject shows, and whatever an agent shows that acts for it or through it
	//   sub ISSUER|SUB before TIME  the same, of what was issued before then (2026-11-02T10:00:00Z)
	//   # a comment
	// Default: none.
	Revocations string `yaml:"revocations"`
	// Leeway is how far the issuer's clock and ours may differ. 1s to 5m. Default 30s.
	Leeway time.Duration `yaml:"leeway" default:"30s" min:"1s" max:"5m"`
	// MaxLifetime bounds exp - iat of a token; a longer-lived one is refused. 1m to 8760h. Default 24h.
	MaxLifetime time.Duration `yaml:"max_lifetime" default:"24h" min:"1m" max:"8760h"`
	// MaxLifetimeWorkload bounds it further for workloads. 1m to 8760h. Default: max_lifetime.
	MaxLifetimeWorkload time.Duration `yaml:"max_lifetime_workload" min:"1m" max:"8760h"`
	// MaxLifetimeAgent bounds it further for agents, whose tokens nobody watches. 1m to 8760h. Default 15m.
	MaxLifetimeAgent time.Duration `yaml:"max_lifetime_agent" default:"15m" min:"1m" max:"8760h"`
	// CacheSize is how many verified tokens are remembered. 1 to 10000000. Default 10000.
	CacheSize int `yaml:"cache_size" default:"10000" min:"1" max:"10000000"`
	// CacheTTL is how long a verified token is remembered; never beyond its exp, nor beyond its key. 1s to 1h. Default 1m.
	CacheTTL time.Duration `yaml:"cache_ttl" default:"1m" min:"1s" max:"1h"`
}

// DPoP is how proofs of a client's key are judged. Each must be for the request, as Envoy has it, for its token, new, and used once.
type DPoP struct {
	// Window is how old a proof may be. 1s to 10m. Default 1m.
	Window time.Duration `yaml:"window" default:"1m" min:"1s" max:"10m"`
	// Scheme is the scheme by which clients reach Envoy, which they put into their proofs: http or https. For an Envoy behind something that
	// ends TLS. Default: the one that Envoy tells.
	Scheme string `yaml:"scheme" oneof:"http https"`
	// NonceKeyFile holds at least 32 random bytes, the same on every replica, by which nonces are known; make one with: head -c 32
	// /dev/urandom > nonce.key. Read at start. Required where issuers or targets want nonces.
	NonceKeyFile string `yaml:"nonce_key_file"`
	// NoncePrevious are files of keys that were it before. At most 7. Default: none; clients are then told a new nonce once more.
	NoncePrevious []string `yaml:"nonce_previous"`
	// NonceTTL is how long a nonce is good for. 10s to 1h. Default 5m.
	NonceTTL time.Duration `yaml:"nonce_ttl" default:"5m" min:"10s" max:"1h"`
}
