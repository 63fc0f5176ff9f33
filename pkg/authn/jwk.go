package authn

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"
)

// parseKeys reads a JWK set (RFC 7517 §5). A key that cannot be used is skipped, with the reason: issuers publish key types that we do not
// know beside those that we do.
func parseKeys(raw []byte, issuer *Issuer) (set *keySet, skipped []error, err error) {
	var document struct {
		Keys *[]json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(raw, &document); err != nil || document.Keys == nil {
		return nil, nil, errors.New("not a JWK set")
	}
	if len(*document.Keys) > maxKeys {
		return nil, nil, fmt.Errorf("%d keys in the set: at most %d", len(*document.Keys), maxKeys)
	}
	set = &keySet{}
	digest := sha256.New()
	for i, item := range *document.Keys {
		k, der, err := parseKey(item, issuer)
		if err != nil {
			skipped = append(skipped, fmt.Errorf("key %d: %w", i, err))
			continue
		}
		set.keys = append(set.keys, k)
		fmt.Fprintf(digest, "%q %q %x\n", k.id, k.alg, der)
	}
	digest.Sum(set.print[:0])
	return set, skipped, nil
}

// errForOthers is of a key that an issuer rightly publishes beside those for us, such as one of a newer type: ignored (RFC 7517 §5), and
// nothing to mend.
var errForOthers = errors.New("it is for others")

// parseKey reads one JWK, and returns its key and the key's DER form.
func parseKey(raw json.RawMessage, issuer *Issuer) (key, []byte, error) {
	var kind struct {
		Type string `json:"kty"`
	}
	if json.Unmarshal(raw, &kind) == nil && kind.Type != "" && !slices.Contains([]string{"RSA", "EC", "OKP", "oct"}, kind.Type) {
		return key{}, nil, fmt.Errorf("its type is %.16q: %w", kind.Type, errForOthers)
	}
	j, err := jwk.ParseKey(bytes.Clone(raw))
	if err != nil {
		return key{}, nil, errors.New("it cannot be read") // the cause may quote it
	}
	if use, ok := j.KeyUsage(); ok && use != "sig" && (use != "jwt-svid" || issuer.TrustDomain == "") { // a SPIFFE bundle names its keys so
		return key{}, nil, fmt.Errorf("its use is %.16q: %w", use, errForOthers)
	}
	if ops, ok := j.KeyOps(); ok && !slices.Contains(ops, jwk.KeyOpVerify) {
		return key{}, nil, errors.New("its key_ops do not permit to verify")
	}
	if private, err := jwk.IsPrivateKey(j); err != nil || private {
		return key{}, nil, errors.New("it is a private or symmetric key, and must be withdrawn")
	}
	k, err := usable(j)
	if err != nil {
		return key{}, nil, err
	}
	if stated, ok := j.Algorithm(); ok && stated.String() != k.alg || !slices.Contains(issuer.Algorithms, k.alg) {
		return key{}, nil, errors.New("it is for an algorithm that is not accepted")
	}
	der, err := x509.MarshalPKIXPublicKey(k.public)
	return k, der, err
}

// usable returns the public key of a JWK with the one algorithm that keys of its type are used with.
func usable(j jwk.Key) (key, error) {
	public, err := export(j)
	if err != nil {
		return key{}, err
	}
	k := key{public: public}
	k.id, _ = j.KeyID()
	var algorithm jwa.SignatureAlgorithm
	switch p := public.(type) {
	case *rsa.PublicKey:
		if bits := p.N.BitLen(); bits < minRSA || bits > maxRSA {
			return key{}, fmt.Errorf("an RSA key of %d bits: want %d to %d", bits, minRSA, maxRSA)
		}
		algorithm = jwa.RS256()
	case *ecdsa.PublicKey:
		if p.Curve != elliptic.P256() {
			return key{}, errors.New("an EC key on another curve than P-256")
		}
		algorithm = jwa.ES256()
	case ed25519.PublicKey:
		algorithm = jwa.EdDSA()
	default:
		return key{}, fmt.Errorf("keys of type %T are not used", public)
	}
	k.alg = algorithm.String()
	k.verifier, err = jws.VerifierFor(algorithm)
	return k, err
}

// export returns the key in the form of Go's crypto packages, its parameters checked (a point is on its curve).
func export(j jwk.Key) (crypto.PublicKey, error) {
	var (
		public crypto.PublicKey
		err    error
	)
	switch j.(type) { // by type: with a target of any, Export fails for RSA (jwx v3.3.0)
	case jwk.RSAPublicKey:
		var p rsa.PublicKey
		err = jwk.Export(j, &p)
		public = &p
	case jwk.ECDSAPublicKey:
		var p ecdsa.PublicKey
		err = jwk.Export(j, &p)
		public = &p
	case jwk.OKPPublicKey:
		var p ed25519.PublicKey
		err = jwk.Export(j, &p)
		public = p
	default:
		err = errors.New("no public key")
	}
	if err != nil {
		return nil, errors.New("it is not a valid public key of a type that is used")
	}
	return public, nil
}

// CheckKeys reports what is wrong with a key set that is to be an issuer's: it is none, or no key in it can be used. Of the issuer it needs
// Algorithms (none: the default ones) and TrustDomain.
func CheckKeys(raw []byte, issuer Issuer) error {
	if len(issuer.Algorithms) == 0 {
		issuer.Algorithms = []string{"RS256", "ES256", "EdDSA"}
	}
	set, skipped, err := parseKeys(raw, &issuer)
	switch {
	case err != nil:
		return err
	case len(set.keys) > 0:
		return nil
	case len(skipped) == 0:
		return errors.New("there is no key in it: no token of this issuer would be believed")
	}
	return fmt.Errorf("no key in it can be used: %w", errors.Join(skipped...))
}
