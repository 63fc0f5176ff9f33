package authn

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

// MaxToken is the longest token looked at, in bytes: verification costs time in proportion, and Envoy's own limit for all headers together
// is 60 KiB.
const MaxToken = 16 << 10

// parsed is a token taken apart, nothing of it verified.
type parsed struct {
	signed    string // what the signature is over
	signature []byte
	alg       string
	kid       string
	typ       string // without "application/", lower case; "" when absent
	head      map[string]any
	claims    map[string]any
}

// parse takes a token apart and does every check that needs neither a key nor the configuration.
func parse(token string) (*parsed, error) {
	if len(token) > MaxToken {
		return nil, refuse(labelTooLarge, nil)
	}
	if strings.Contains(token, ",") { // a proxy joined two headers (RFC 9110 §5.3)
		return nil, refuse(labelDuplicate, errors.New("more than one value in the carrier"))
	}
	switch strings.Count(token, ".") {
	case 2:
	case 4: // RFC 7516 §7.1
		return nil, refuse(labelEncrypted, nil)
	default:
		return nil, refuse(labelMalformed, errors.New("not three parts"))
	}
	head, rest, _ := strings.Cut(token, ".")
	body, sig, _ := strings.Cut(rest, ".")
	p := &parsed{signed: token[:len(head)+1+len(body)]}
	if err := p.header(head); err != nil {
		return nil, err
	}
	var err error
	if p.signature, err = decodePart(sig); err != nil {
		return nil, err
	}
	raw, err := decodePart(body)
	if err != nil {
		return nil, err
	}
	if p.claims, err = object(raw); err != nil {
		return nil, err
	}
	return p, nil
}

// header reads the JOSE header (RFC 7515 §4).
func (p *parsed) header(part string) error {
	raw, err := decodePart(part)
	if err != nil {
		return err
	}
	head, err := object(raw)
	if err != nil {
		return err
	}
	p.head = head
	if _, ok := head["crit"]; ok { // RFC 7515 §4.1.11: we understand no extension, so none may be critical
		return refuse(labelCrit, nil)
	}
	if _, ok := head["enc"]; ok {
		return refuse(labelEncrypted, nil)
	}
	for _, f := range [...]struct {
		name string
		to   *string
	}{{"alg", &p.alg}, {"kid", &p.kid}, {"typ", &p.typ}} {
		v, there := head[f.name]
		if !there {
			continue
		}
		text, ok := v.(string)
		if !ok || text == "" || len(text) > 512 {
			return refuse(labelMalformed, errors.New("header "+f.name+" is no usable string"))
		}
		*f.to = text
	}
	if p.alg == "" {
		return refuse(labelAlgorithm, errors.New("no alg"))
	}
	p.typ = strings.TrimPrefix(strings.ToLower(p.typ), "application/") // RFC 7515 §4.1.9
	return nil
}

// decodePart decodes base64url without padding, in its one canonical form: Go's decoder skips line ends, and a second spelling of a token
// would be a second entry in the cache and pass whoever compares tokens.
func decodePart(part string) ([]byte, error) {
	if part == "" || strings.ContainsAny(part, "\r\n") {
		return nil, refuse(labelMalformed, errors.New("a part is empty or not base64url"))
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(part)
	if err != nil {
		return nil, refuse(labelMalformed, errors.New("a part is not base64url"))
	}
	return raw, nil
}

// issuerOf returns the issuer that a token says it is of; nil for one that is not configured. A SPIFFE JWT-SVID need not have an iss: the trust
// domain in its sub stands for one.
func (a *Authenticator) issuerOf(claims map[string]any) *source {
	if iss, there := claims["iss"]; there {
		name, _ := iss.(string)
		return a.sources[name]
	}
	sub, _ := claims["sub"].(string)
	domain, ok := strings.CutPrefix(sub, "spiffe://")
	if !ok {
		return nil
	}
	domain, _, _ = strings.Cut(domain, "/")
	return a.domains[domain]
}

// verified is what was found out about a token.
type verified struct {
	subject authz.Subject
	binding binding
	set     *keySet       // that its signature was verified with; nil: its issuer was asked
	list    *revocations  // that it was not on
	ttl     time.Duration // how long that may be believed
}

// verify decides about a token.
func (a *Authenticator) verify(ctx context.Context, token string, sum *[sha256.Size]byte, now time.Time) (verified, error) {
	if a.opaque != nil && isOpaque(token) {
		return a.opaqueToken(ctx, token, sum, now)
	}
	p, err := parse(token)
	if err != nil {
		return verified{}, err
	}
	s := a.issuerOf(p.claims)
	if s == nil {
		return verified{}, refuse(labelIssuer, errors.New("the issuer is not configured"))
	}
	set, err := s.signed(ctx, p, now)
	if err != nil {
		return verified{}, err
	}
	// Of what is signed: an ECDSA signature has two forms that are both good, and a token must not have two names.
	own := sha256.Sum256([]byte(p.signed))
	v, err := a.standing(s, p.claims, own[:], now)
	if err != nil {
		return verified{}, err
	}
	v.set = set
	if s.introspector != nil {
		if err := a.active(ctx, s, token, sum, p.claims); err != nil {
			return verified{}, err
		}
	}
	return v, nil
}

// standing decides by a token's claims, which are its issuer's word; sum names the token where the claims do not.
func (a *Authenticator) standing(s *source, claims map[string]any, sum []byte, now time.Time) (verified, error) {
	iat, exp, err := a.times(claims, now)
	if err != nil {
		return verified{}, err
	}
	if err := audience(claims["aud"], s.issuer.Audiences); err != nil {
		return verified{}, err
	}
	subject, err := s.issuer.subject(claims, sum)
	if err != nil {
		return verified{}, err
	}
	if most := a.cfg.lifetime(subject.Kind); exp.Sub(iat) > most {
		return verified{}, refuse(labelLifetime, fmt.Errorf("exp - iat is %v, more than the %v of a token of kind %s (token.max_lifetime)", exp.Sub(iat), most, subject.Kind))
	}
	subject.Expires = exp
	bound, err := readBinding(claims)
	if err != nil {
		return verified{}, err
	}
	if s.issuer.Bound && bound == (binding{}) {
		return verified{}, refuse(labelUnbound, nil)
	}
	bound.nonce = s.issuer.Nonce && bound.key != ""
	list := a.revocations.Load()
	if list.revoked(&subject, iat) {
		return verified{}, refuse(labelRevoked, nil)
	}
	v := verified{subject: subject, binding: bound, list: list, ttl: a.cfg.CacheTTL}
	if s.introspector != nil {
		v.ttl = min(v.ttl, s.introspector.cfg.TTL)
	}
	return v, nil
}

// signed verifies a token's signature, and returns the key set that it was verified with. Type and algorithm are what the configuration
// says, never only what the token does.
func (s *source) signed(ctx context.Context, p *parsed, now time.Time) (*keySet, error) {
	if !slices.Contains(s.issuer.Types, p.typ) {
		return nil, refuse(labelTyp, nil)
	}
	if !slices.Contains(s.issuer.Algorithms, p.alg) {
		return nil, refuse(labelAlgorithm, nil)
	}
	set, keys, err := s.find(ctx, p.kid, p.alg, now)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(keys, func(k key) bool { return k.verify(p.signed, p.signature) }) {
		return nil, refuse(labelSignature, nil)
	}
	return set, nil
}

// times checks exp, nbf and iat (RFC 7519 §4.1.4-6). exp and iat are required: a token without an end cannot be waited out.
func (a *Authenticator) times(claims map[string]any, now time.Time) (iat, exp time.Time, err error) {
	if exp, err = date(claims, "exp", true); err != nil {
		return iat, exp, err
	}
	if iat, err = date(claims, "iat", true); err != nil {
		return iat, exp, err
	}
	nbf, err := date(claims, "nbf", false)
	if err != nil {
		return iat, exp, err
	}
	switch latest := now.Add(a.cfg.Leeway); {
	case !exp.After(iat) || exp.Sub(iat) > a.cfg.MaxLifetime:
		return iat, exp, refuse(labelLifetime, fmt.Errorf("exp - iat is %v: want more than 0s and at most %v (token.max_lifetime)", exp.Sub(iat), a.cfg.MaxLifetime))
	case !exp.After(now.Add(-a.cfg.Leeway)):
		return iat, exp, refuse(labelExpired, nil)
	case iat.After(latest) || nbf.After(latest):
		return iat, exp, refuse(labelNotYetValid, nil)
	}
	return iat, exp, nil
}

// date reads a NumericDate (RFC 7519 §2), which may have a fraction. An absent one that is not required is the zero time.
func date(claims map[string]any, name string, required bool) (time.Time, error) {
	v, there := claims[name]
	if !there {
		if required {
			return time.Time{}, refuse(labelLifetime, errors.New("no "+name))
		}
		return time.Time{}, nil
	}
	number, ok := v.(json.Number)
	if !ok {
		return time.Time{}, malformed(name, errors.New("not a number"))
	}
	f, err := number.Float64()
	const year9999 = 253402300799
	if err != nil || f < 0 || f > year9999 {
		return time.Time{}, malformed(name, errors.New("out of range"))
	}
	whole, fraction := math.Modf(f)
	return time.Unix(int64(whole), int64(fraction*1e9)).UTC(), nil
}

// audience checks aud, a string or a list of strings (RFC 7519 §4.1.3).
func audience(aud any, want []string) error {
	switch v := aud.(type) {
	case nil:
		return refuse(labelAudience, errors.New("no aud"))
	case string:
		if slices.Contains(want, v) {
			return nil
		}
	default:
		list, ok := texts(v)
		if !ok {
			return malformed("aud", errors.New("not a string or a list of strings"))
		}
		if slices.ContainsFunc(list, func(s string) bool { return slices.Contains(want, s) }) {
			return nil
		}
	}
	return refuse(labelAudience, nil)
}
