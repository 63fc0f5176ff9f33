// Package authn says who asks: by a token, a client certificate, or leave in a URL.
//
// It owns the issuers' keys, the rules for JSON Web Tokens (RFC 7519, RFC 8725, RFC 9068), what a token may be bound to (RFC 8705, RFC 9449), the
// list of what was revoked, and a cache of tokens it has verified. It trusts its configuration, what a configured issuer publishes at the place
// configured for it, and what Envoy says of a connection. It trusts nothing in a token before the signature is verified: the unverified iss
// only selects among the configured issuers; jwk, jku, x5u and x5c are not looked at. It refuses unsigned, encrypted and symmetric tokens,
// critical extensions, JSON with duplicate names, and tokens without an end; and whatever it cannot tell, it does not let pass.
//
//   - token.go, json.go: a token is taken apart and judged; subject.go: whom its claims are about
//   - discovery.go, keys.go, jwk.go, refresh.go: keys, where they are and how long they are believed
//   - carrier.go: where a token comes; challenge.go: how a 401 asks for one; capability.go, redirect.go, certificate.go, authorities.go: what stands for one
//   - binding.go, dpop.go, nonce.go, replay.go: what a token is bound to
//   - revoke.go, introspect.go: what was good and is no more; cache.go: what was good a moment ago
//   - refuse.go: every reason to refuse, by its label
package authn

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

// Authenticator verifies tokens. It is safe for concurrent use.
type Authenticator struct {
	cfg     Config
	sources map[string]*source // by iss
	domains map[string]*source // by SPIFFE trust domain
	ordered []*source          // as configured
	usual   *carriers
	special map[string]*carriers // by target
	cache   *cache               // nil: none

	certificates []certificateRule
	revocations  atomic.Pointer[revocations] // nil: none are configured
	authorities  atomic.Pointer[authorities] // nil: none are configured
	opaque       *source                     // whose tokens are no JWTs; nil: nobody's
	said         *cache                      // tokens that their issuer said no to
	hits         atomic.Int64
	misses       atomic.Int64
}

// Stats counts what an Authenticator did since it was made.
type Stats struct {
	Hits    int64 // tokens found in the cache
	Misses  int64 // tokens that had to be verified, whatever came of it
	Fetches int64 // attempts to fetch or read a key set
	Failed  int64 // attempts that failed
}

// New checks a configuration and returns an Authenticator that knows no keys yet: they come with Run, or with the first token of an issuer.
func New(cfg Config) (*Authenticator, error) {
	if err := cfg.fill(); err != nil {
		return nil, fmt.Errorf("authn: %w", err)
	}
	a := &Authenticator{cfg: cfg, sources: make(map[string]*source, len(cfg.Issuers)), domains: map[string]*source{}}
	var err error
	if a.usual, err = parseCarriers(cfg.Carriers); err != nil {
		return nil, fmt.Errorf("authn: %w", err)
	}
	if a.certificates, err = newCertificateRules(cfg.Certificates); err != nil {
		return nil, fmt.Errorf("authn: %w", err)
	}
	a.special = map[string]*carriers{}
	for name, t := range cfg.Targets {
		if t.Carriers == nil {
			continue
		}
		if a.special[name], err = parseCarriers(t.Carriers); err != nil {
			return nil, fmt.Errorf("authn: target %q: %w", name, err)
		}
	}
	for _, issuer := range cfg.Issuers {
		if err := issuer.fill(); err != nil {
			return nil, fmt.Errorf("authn: issuer %q: %w", issuer.URL, err)
		}
		if a.sources[issuer.URL] != nil {
			return nil, fmt.Errorf("authn: issuer %q: configured twice", issuer.URL)
		}
		s := newSource(issuer, cfg)
		if in := issuer.Introspection; in != nil && in.Opaque {
			if a.opaque != nil {
				return nil, fmt.Errorf("authn: issuer %q: another one has opaque tokens", issuer.URL)
			}
			a.opaque = s
			continue
		}
		a.sources[issuer.URL] = s
		a.ordered = append(a.ordered, s)
		if issuer.TrustDomain != "" {
			if a.domains[issuer.TrustDomain] != nil {
				return nil, fmt.Errorf("authn: issuer %q: another one has its trust domain", issuer.URL)
			}
			a.domains[issuer.TrustDomain] = s
		}
	}
	if cfg.CacheTTL > 0 {
		a.cache = newCache(cfg.CacheSize)
	}
	a.said = newCache(maxInactive)
	if err := errors.Join(a.loadRevocations(), a.loadAuthorities()); err != nil {
		return nil, fmt.Errorf("authn: %w", err)
	}
	return a, nil
}

// Ready returns nil once every issuer has keys that can be used and are not too old, and else says which has none and why.
func (a *Authenticator) Ready() error {
	var errs []error
	for _, s := range a.ordered {
		if err := s.ready(a.cfg.Now()); err != nil {
			errs = append(errs, fmt.Errorf("issuer %s: %w", s.issuer.URL, err))
		}
	}
	return errors.Join(errs...)
}

// Stats returns what was counted so far.
func (a *Authenticator) Stats() Stats {
	st := Stats{Hits: a.hits.Load(), Misses: a.misses.Load()}
	for _, s := range a.ordered {
		st.Fetches += s.fetches.Load()
		st.Failed += s.failed.Load()
	}
	return st
}

// Authenticate finds our token in a request and verifies it. Errors are *authz.Error: KindUnauthenticated with a label token_…, or
// KindUnavailable with the label keys_unavailable where the issuer's keys cannot be had, so that nothing can be said of the token.
//
// The subject's Groups, Actors and Claims are shared between all requests that carry the same token: they must not be changed. A token is
// good for all targets or for none. Of a request that is refused, and that passes all the same because its target is only observed, the
// Carrier is told too, and no Subject: what is ours, good or not, is for nobody else.
func (a *Authenticator) Authenticate(ctx context.Context, req authz.Request, target authz.Target) (authz.Identity, error) {
	places := a.usual
	if special := a.special[target.Name]; special != nil {
		places = special
	}
	identity, err := a.identify(ctx, req, places, target.Name)
	if err == nil {
		return identity, nil
	}
	identity = authz.Identity{}
	if target.Mode == authz.ModeObserve {
		identity.Carrier, identity.Parameter = a.ours(places, req.Headers), places.parameter
	}
	return identity, a.challenged(err, req, target.Name)
}

// identify verifies the token in a request.
func (a *Authenticator) identify(ctx context.Context, req authz.Request, places *carriers, target string) (authz.Identity, error) {
	s, err := places.find(req)
	if err != nil {
		return authz.Identity{}, err
	}
	if s == (shown{}) || s.parameter != "" {
		return a.withoutToken(req, s, places, target)
	}
	v, err := a.believe(ctx, s.token)
	if err != nil {
		return authz.Identity{}, err
	}
	if v.binding != (binding{}) || s.scheme == schemeDPoP {
		if err := a.held(ctx, req, s, v.binding, target); err != nil {
			return authz.Identity{}, err
		}
	}
	id := authz.Identity{Subject: v.subject, Carrier: s.header}
	if v.binding.key != "" {
		id.Proof = headerProof
	}
	return id, nil
}

// withoutToken returns who asks by a certificate or a capability.
func (a *Authenticator) withoutToken(req authz.Request, s shown, places *carriers, target string) (authz.Identity, error) {
	var (
		id     authz.Identity
		issued time.Time
		err    error
	)
	switch {
	case s.parameter != "":
		var p Capability
		p, err = a.capable(req, s, target)
		id.Parameter, id.Subject, id.Leave, issued = s.parameter, p.Subject, p.Leave, p.Issued
	case places.certificate:
		if id.Subject, err = a.certified(req); err != nil && authz.AsError(err).Label == labelNoCertificate {
			err = places.nothing()
		}
	default:
		err = refuse(labelMissing, nil)
	}
	if list := a.revocations.Load(); err == nil && (list.revoked(&id.Subject, issued) || id.Leave != nil && list.lists(id.Leave.Credential)) {
		err = refuse(labelRevoked, nil)
	}
	if err != nil {
		return authz.Identity{}, err
	}
	return id, nil
}

// believe returns what a token is worth, from the cache where it was verified lately.
func (a *Authenticator) believe(ctx context.Context, token string) (verified, error) {
	if len(token) > MaxToken {
		return verified{}, refuse(labelTooLarge, nil)
	}
	var room [2048]byte // most tokens are hashed without a copy on the heap
	sum := sha256.Sum256(append(room[:0], token...))
	now, list := a.cfg.Now(), a.revocations.Load()
	if a.cache != nil {
		if v, ok := a.cache.get(&sum, list, now); ok {
			a.hits.Add(1)
			return v, nil
		}
	}
	a.misses.Add(1)
	if _, no := a.said.get(&sum, nil, now); no {
		return verified{}, refuse(labelInactive, nil)
	}
	v, err := a.verify(ctx, token, &sum, now)
	if err != nil {
		if authz.AsError(err).Label == labelInactive { // whoever goes on showing it does not make us ask each time
			a.said.put(&sum, verified{}, now.Add(inactiveFor))
		}
		return verified{}, err
	}
	if a.cache != nil {
		until := now.Add(v.ttl)
		if v.subject.Expires.Before(until) {
			until = v.subject.Expires
		}
		a.cache.put(&sum, v, until)
	}
	return v, nil
}
