package authn

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwk"

	"github.com/weirgate/weir/pkg/authz"
)

// headerProof is where a DPoP proof comes (RFC 9449 §4.1).
const headerProof = "dpop"

// proofAlgorithms are those of proofs, for the challenge: of the key's type, as with issuers.
const proofAlgorithms = "ES256 EdDSA RS256"

// Replays remembers what may be shown once. Replicas must share one: a proof that was used at one of them is used.
type Replays interface {
	// First reports whether key is shown for the first time, and remembers it for ttl. An error refuses.
	First(ctx context.Context, key string, ttl time.Duration) (bool, error)
}

// proven checks that the request comes with a proof that its sender has the key that the token is bound to (RFC 9449 §4.3).
func (a *Authenticator) proven(ctx context.Context, req authz.Request, s shown, b binding) error {
	values := req.Headers[headerProof]
	if s.scheme == schemeBearer || len(values) == 0 { // §7.1: a bound token is no bearer's
		return refuse(labelNoProof, nil)
	}
	if len(values) > 1 {
		return refuse(labelProof, errors.New("more than one proof"))
	}
	p, err := parse(values[0])
	if err != nil {
		return refuse(labelProof, authz.AsError(err))
	}
	if p.typ != "dpop+jwt" {
		return refuse(labelProof, errors.New("its typ is not dpop+jwt"))
	}
	made, err := proofKey(p)
	if err != nil {
		return refuse(labelProof, err)
	}
	if !made.verify(p.signed, p.signature) {
		return refuse(labelProof, errors.New("its signature is not that of its key"))
	}
	if made.id != b.key {
		return refuse(labelProofKey, nil)
	}
	if err := a.fits(p.claims, req, s.token); err != nil {
		return err
	}
	if nonce, _ := p.claims["nonce"].(string); b.nonce && !a.cfg.Nonces.good(nonce, a.cfg.Now(), a.cfg.Leeway) {
		return refuse(labelNonce, nil)
	}
	return a.fresh(ctx, p.claims, b.key)
}

// proofKey returns the key in a proof's header, its id the thumbprint (RFC 7638).
func proofKey(p *parsed) (key, error) {
	raw, err := json.Marshal(p.head["jwk"])
	if err != nil || p.head["jwk"] == nil {
		return key{}, errors.New("no jwk")
	}
	j, err := jwk.ParseKey(bytes.Clone(raw))
	if err != nil {
		return key{}, errors.New("its jwk cannot be read") // the cause may quote it
	}
	if private, err := jwk.IsPrivateKey(j); err != nil || private {
		return key{}, errors.New("its jwk is a private or symmetric key")
	}
	k, err := usable(j)
	if err != nil {
		return key{}, err
	}
	if k.alg != p.alg {
		return key{}, errors.New("its alg is not that of its key")
	}
	sum, err := j.Thumbprint(crypto.SHA256)
	if err != nil {
		return key{}, errors.New("its jwk has no thumbprint")
	}
	k.id = base64.RawURLEncoding.EncodeToString(sum)
	return k, nil
}

// fits checks that a proof is for this request, as Envoy has it, and for this token.
func (a *Authenticator) fits(claims map[string]any, req authz.Request, token string) error {
	scheme := orDefault(a.cfg.PublicScheme, req.Scheme)
	htu, _ := claims["htu"].(string)
	if claims["htm"] != req.Method || !sameURL(htu, scheme, req.Host, req.Path) {
		return refuse(labelProofRequest, nil)
	}
	sum := sha256.Sum256([]byte(token))
	if claims["ath"] != base64.RawURLEncoding.EncodeToString(sum[:]) {
		return refuse(labelProofToken, nil)
	}
	return nil
}

// fresh checks that a proof was made now, and is shown for the first time.
func (a *Authenticator) fresh(ctx context.Context, claims map[string]any, thumbprint string) error {
	iat, err := date(claims, "iat", true)
	if err != nil {
		return refuse(labelProof, errors.New("no iat, or none that can be read"))
	}
	now := a.cfg.Now()
	if iat.Before(now.Add(-a.cfg.ProofWindow)) || iat.After(now.Add(a.cfg.Leeway)) {
		return refuse(labelProofTime, nil)
	}
	jti, ok := claims["jti"].(string)
	if !ok || jti == "" || len(jti) > maxSub {
		return refuse(labelProof, errors.New("no jti, or too long a one"))
	}
	sum := sha256.Sum256([]byte(thumbprint + "." + jti))
	first, err := a.cfg.Replays.First(ctx, base64.RawURLEncoding.EncodeToString(sum[:]), a.cfg.ProofWindow+a.cfg.Leeway+time.Second)
	if err != nil {
		return refuse(labelReplays, err)
	}
	if !first {
		return refuse(labelProofReplayed, nil)
	}
	return nil
}

// sameURL reports whether a claimed URL is the request's, query and fragment aside: by RFC 3986 §6.2.2 and §6.2.3, but for dot segments, which
// Envoy has taken out.
func sameURL(claimed, scheme, host, path string) bool {
	u, err := url.Parse(claimed)
	if err != nil || u.Scheme == "" || u.Host == "" || u.User != nil || u.Opaque != "" {
		return false
	}
	path, _, _ = strings.Cut(path, "?")
	scheme = strings.ToLower(scheme)
	return strings.ToLower(u.Scheme) == scheme && plainHost(u.Host, scheme) == plainHost(host, scheme) &&
		plainPath(u.EscapedPath()) == plainPath(path)
}

// plainHost is a host in lower case, without the port that its scheme has anyway.
func plainHost(host, scheme string) string {
	host = strings.ToLower(host)
	switch scheme {
	case "https":
		host = strings.TrimSuffix(host, ":443")
	case "http":
		host = strings.TrimSuffix(host, ":80")
	}
	return host
}

// plainPath is a path in which nothing is encoded that need not be, and what is has capitals.
func plainPath(path string) string {
	var b strings.Builder
	for i := 0; i < len(path); i++ {
		if path[i] != '%' || i+2 >= len(path) {
			b.WriteByte(path[i])
			continue
		}
		c, err := url.PathUnescape(path[i : i+3])
		if err == nil && strings.ContainsAny(c, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~") {
			b.WriteString(c)
		} else {
			b.WriteString(strings.ToUpper(path[i : i+3]))
		}
		i += 2
	}
	return orDefault(b.String(), "/")
}
