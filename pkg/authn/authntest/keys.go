package authntest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
)

// keys is one generation of keys. It is immutable.
type keys struct {
	name string // what their ids end with
	rsa  *rsa.PrivateKey
	ec   *ecdsa.PrivateKey
	ed   ed25519.PrivateKey
}

func newID() string { return rand.Text() }

func newKeys() (keys, error) {
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return keys{}, err
	}
	e, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return keys{}, err
	}
	_, d, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return keys{}, err
	}
	return keys{name: newID()[:8], rsa: r, ec: e, ed: d}, nil
}

// id returns the kid of the key for an algorithm; forgers name the RSA key.
func (k keys) id(alg string) string {
	switch alg {
	case "ES256":
		return "ec-" + k.name
	case "EdDSA":
		return "ed-" + k.name
	}
	return "rsa-" + k.name
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// jwks returns the key set, with one key of a type that few readers know (ML-DSA, kty AKP) as issuers have begun to publish.
func (k keys) jwks() []byte {
	point, err := k.ec.PublicKey.Bytes() // 0x04, X, Y
	if err != nil {
		return []byte(`{"keys":[]}`) // cannot be: the key was made on this curve
	}
	public, ok := k.ed.Public().(ed25519.PublicKey)
	if !ok {
		return []byte(`{"keys":[]}`)
	}
	raw, err := json.Marshal(map[string]any{"keys": []map[string]string{
		{"kty": "AKP", "alg": "ML-DSA-65", "use": "sig", "kid": "pq-" + k.name, "pub": b64(make([]byte, 32))},
		{
			"kty": "RSA", "alg": "RS256", "use": "sig", "kid": k.id("RS256"),
			"n": b64(k.rsa.N.Bytes()), "e": b64(big.NewInt(int64(k.rsa.E)).Bytes()),
		},
		{"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": k.id("ES256"), "x": b64(point[1:33]), "y": b64(point[33:])},
		{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": k.id("EdDSA"), "x": b64(public)},
	}})
	if err != nil {
		return []byte(`{"keys":[]}`)
	}
	return raw
}

// sign makes a compact JWS (RFC 7515 §7.1).
func (k keys) sign(alg string, header, payload []byte) (string, error) {
	signed := b64(header) + "." + b64(payload)
	signature, err := k.signature(alg, []byte(signed))
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	return signed + "." + b64(signature), nil
}

// signature signs as RFC 7518 §3 and RFC 8037 §3.1 say.
func (k keys) signature(alg string, signed []byte) ([]byte, error) {
	digest := sha256.Sum256(signed)
	switch alg {
	case "RS256":
		return rsa.SignPKCS1v15(nil, k.rsa, crypto.SHA256, digest[:])
	case "ES256":
		r, s, err := ecdsa.Sign(rand.Reader, k.ec, digest[:])
		if err != nil {
			return nil, err
		}
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...), nil
	case "EdDSA":
		return ed25519.Sign(k.ed, signed), nil
	case "HS256":
		der, err := x509.MarshalPKIXPublicKey(&k.rsa.PublicKey)
		if err != nil {
			return nil, err
		}
		mac := hmac.New(sha256.New, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
		mac.Write(signed)
		return mac.Sum(nil), nil
	case "none":
		return nil, nil
	}
	return nil, fmt.Errorf("algorithm %q", alg)
}
