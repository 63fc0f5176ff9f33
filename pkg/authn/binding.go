package authn

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"

	"github.com/weirgate/weir/pkg/authz"
)

// binding is what a token is tied to (RFC 7800): whoever shows it must hold that too. The zero value: nothing.
type binding struct {
	certificate string // the client certificate of this SHA-256, hexadecimal (RFC 8705 §3.1)
	key         string // the key of this thumbprint, base64url (RFC 9449 §6.1)
	nonce       bool   // proofs of that key must hold a nonce of ours: its issuer's tokens are so
}

// readBinding reads cnf. One that cannot be held to refuses the token: it says that it is worth nothing without it.
func readBinding(claims map[string]any) (binding, error) {
	v, there := claims["cnf"]
	if !there {
		return binding{}, nil
	}
	cnf, ok := v.(map[string]any)
	if !ok || len(cnf) == 0 {
		return binding{}, malformed("cnf", errors.New("not an object, or empty"))
	}
	var b binding
	for name, v := range cnf {
		text, _ := v.(string)
		sum, err := base64.RawURLEncoding.Strict().DecodeString(text)
		if err != nil || len(sum) != sha256.Size {
			return binding{}, malformed("cnf", errors.New("a member is no SHA-256"))
		}
		switch name {
		case "x5t#S256":
			b.certificate = hex.EncodeToString(sum)
		case "jkt":
			b.key = text
		default:
			return binding{}, refuse(labelBinding, errors.New("bound to what is not known here"))
		}
	}
	return b, nil
}

// held checks that whoever shows the token to a target holds what it is tied to.
func (a *Authenticator) held(ctx context.Context, req authz.Request, s shown, b binding, target string) error {
	if b.key != "" {
		b.nonce = b.nonce || a.cfg.Targets[target].Nonce
		if err := a.proven(ctx, req, s, b); err != nil {
			return err
		}
	} else if s.scheme == schemeDPoP {
		return refuse(labelUnbound, nil)
	}
	if b.certificate == "" {
		return nil
	}
	cert, err := a.certificate(req)
	if err != nil {
		return err
	}
	if cert.Digest == "" {
		return refuse(labelBinding, errors.New("bound to a certificate, and there is none"))
	}
	if cert.Digest != b.certificate {
		return refuse(labelBinding, errors.New("bound to another certificate"))
	}
	return nil
}
