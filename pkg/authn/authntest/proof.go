package authntest

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"time"
)

// Prover is a client with a key of its own, to which tokens can be bound (RFC 9449). It is safe for concurrent use.
type Prover struct{ keys keys }

// NewProver returns a client with new keys.
func NewProver() (*Prover, error) {
	k, err := newKeys()
	if err != nil {
		return nil, fmt.Errorf("prover: %w", err)
	}
	return &Prover{k}, nil
}

// Thumbprint is what the cnf of a token has as jkt, for the key of an algorithm (RFC 7638).
func (p *Prover) Thumbprint(alg string) string {
	raw, err := json.Marshal(p.jwk(alg)) // members in order, no blanks: as §3.3 wants it
	if err != nil {
		return "" // cannot be: plain strings
	}
	sum := sha256.Sum256(raw)
	return b64(sum[:])
}

// jwk is the public key of an algorithm, with the members that are required.
func (p *Prover) jwk(alg string) map[string]string {
	required := map[string][]string{"RSA": {"e", "kty", "n"}, "EC": {"crv", "kty", "x", "y"}, "OKP": {"crv", "kty", "x"}}
	var set struct {
		Keys []map[string]string `json:"keys"`
	}
	if err := json.Unmarshal(p.keys.jwks(), &set); err != nil {
		return nil
	}
	for _, k := range set.Keys {
		if k["kid"] != p.keys.id(alg) {
			continue
		}
		out := map[string]string{}
		for _, name := range required[k["kty"]] {
			out[name] = k[name]
		}
		return out
	}
	return nil
}

// Proof makes a proof for one request with a token (§4.2). Header and claims are laid over the usual ones; a nil value takes a name away.
func (p *Prover) Proof(alg, method, url, token string, header, claims map[string]any) (string, error) {
	sum := sha256.Sum256([]byte(token))
	head := map[string]any{"typ": "dpop+jwt", "alg": alg, "jwk": p.jwk(alg)}
	body := map[string]any{"jti": newID(), "htm": method, "htu": url, "iat": time.Now().Unix(), "ath": b64(sum[:])}
	for to, from := range map[*map[string]any]map[string]any{&head: header, &body: claims} {
		maps.Copy(*to, from)
		maps.DeleteFunc(*to, func(_ string, v any) bool { return v == nil })
	}
	rawHead, err := json.Marshal(head)
	if err != nil {
		return "", fmt.Errorf("proof: %w", err)
	}
	rawBody, err := json.Marshal(body)
	if err != nil {
		return "", fmt.Errorf("proof: %w", err)
	}
	return p.keys.sign(alg, rawHead, rawBody)
}
