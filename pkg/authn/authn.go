// Package authn turns a bearer token into a verified subject.
//
// It owns the issuers' keys, the rules for JSON Web Tokens (RFC 7519, RFC 8725, RFC 9068) and a cache of tokens it has verified. It trusts
// its configuration, and what a configured issuer publishes at the place configured for it. It trusts nothing in a token before the
// signature is verified: the unverified iss only selects among the configured issuers; jwk, jku, x5u and x5c are not looked at. It refuses
// unsigned, encrypted and symmetric tokens, critical extensions, JSON with duplicate names, and tokens without an end.
package authn

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

// The headers in which a token may come by default.
const (
	CarrierAuthorization = "authorization"
	CarrierWeirToken     = "weir-token"
)

// Config configures an Authenticator. Issuers is required.
type Config struct {
	Issuers []Issuer
	// Carriers are the lower-case names of the headers in which our token may come; default authorization and weir-token. Every name but
	// authorization is ours alone: where it is present its token is the one, and Authorization is somebody else's.
	Carriers []string
	// Leeway is how far the issuer's clock may be from ours: 0 means the default of 30 s, at most 5 min; negative means none.
	Leeway time.Duration
	// MaxLifetime is the longest exp - iat accepted; default 24 h. MaxLifetimeWorkload and MaxLifetimeAgent bound it further by what the
	// subject is: default MaxLifetime, and 15 min. An agent does many things in little time, and nobody looks at its screen.
	MaxLifetime, MaxLifetimeWorkload, MaxLifetimeAgent time.Duration
	// CacheTTL is how long a verified token is believed without a look at it, never past its exp; default 60 s, negative for no cache.
	// It bounds how late a change of the clock or of a token's standing is noticed; a key that is withdrawn takes effect at once.
	CacheTTL time.Duration
	// CacheSize is how many verified tokens are kept; default 16384. An entry takes a few KiB, and never more than a few times MaxToken.
	CacheSize int
	// Client fetches discovery documents and key sets. Default: a client of its own. Its redirects are limited to the same origin, and its
	// timeout to 5 s, whichever client it is.
	Client *http.Client
	Now    func() time.Time // default time.Now
	Log    *slog.Logger     // default: nothing is logged
}

// Authenticator verifies tokens. It is safe for concurrent use.
type Authenticator struct {
	cfg     Config
	sources map[string]*source // by iss
	domains map[string]*source // by SPIFFE trust domain
	ordered []*source          // as configured
	own     []string           // carriers but authorization
	bearer  bool               // authorization is a carrier
	cache   *cache             // nil: none
	hits    atomic.Int64
	misses  atomic.Int64
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
	for _, name := range cfg.Carriers {
		if name == CarrierAuthorization {
			a.bearer = true
		} else {
			a.own = append(a.own, name)
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
	return a, nil
}

// fill sets the defaults and checks what is set.
func (c *Config) fill() error {
	if len(c.Issuers) == 0 {
		return errors.New("no issuer is configured")
	}
	if c.Carriers == nil {
		c.Carriers = []string{CarrierAuthorization, CarrierWeirToken}
	}
	if len(c.Carriers) == 0 {
		return errors.New("no carrier is configured")
	}
	for i, name := range c.Carriers {
		if !headerName(name) || slices.Contains(c.Carriers[:i], name) {
			return fmt.Errorf("carrier %q: want distinct lower-case header names", name)
		}
	}
	if c.Leeway > 5*time.Minute {
		return fmt.Errorf("leeway %s: at most 5m", c.Leeway)
	}
	if c.CacheSize < 0 || c.MaxLifetime < 0 || c.MaxLifetimeWorkload < 0 || c.MaxLifetimeAgent < 0 {
		return errors.New("cache size and lifetime cannot be negative")
	}
	c.Leeway = max(0, orDefault(c.Leeway, 30*time.Second))
	c.MaxLifetime = orDefault(c.MaxLifetime, 24*time.Hour)
	c.MaxLifetimeWorkload = orDefault(c.MaxLifetimeWorkload, c.MaxLifetime)
	c.MaxLifetimeAgent = orDefault(c.MaxLifetimeAgent, 15*time.Minute)
	c.CacheTTL = orDefault(c.CacheTTL, time.Minute)
	c.CacheSize = orDefault(c.CacheSize, 16384)
	c.Client = fetchClient(c.Client)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	return nil
}

// lifetime is how long a subject's token may live.
func (c *Config) lifetime(k authz.SubjectKind) time.Duration {
	switch k {
	case authz.Human:
		return c.MaxLifetime
	case authz.Workload:
		return min(c.MaxLifetime, c.MaxLifetimeWorkload)
	}
	return min(c.MaxLifetime, c.MaxLifetimeAgent)
}

func orDefault[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// headerName reports whether name is a lower-case field name (RFC 9110 §5.1).
func headerName(name string) bool {
	return name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") == ""
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
	identity, err := a.identify(ctx, req.Headers)
	if err != nil {
		identity = authz.Identity{}
		if target.Mode == authz.ModeObserve {
			identity.Carrier = a.ours(req.Headers)
		}
	}
	return identity, err
}

// identify verifies the token in a request's headers.
func (a *Authenticator) identify(ctx context.Context, h authz.Header) (authz.Identity, error) {
	carrier, token, err := a.carrier(h)
	if err != nil {
		return authz.Identity{}, err
	}
	if len(token) > MaxToken {
		return authz.Identity{}, refuse(labelTooLarge, nil)
	}
	var room [2048]byte // most tokens are hashed without a copy on the heap
	sum := sha256.Sum256(append(room[:0], token...))
	now := a.cfg.Now()
	if a.cache != nil {
		if subject, ok := a.cache.get(&sum, now); ok {
			a.hits.Add(1)
			return authz.Identity{Subject: subject, Carrier: carrier}, nil
		}
	}
	a.misses.Add(1)
	subject, set, err := a.verify(ctx, token, now)
	if err != nil {
		return authz.Identity{}, err
	}
	if a.cache != nil {
		until := now.Add(a.cfg.CacheTTL)
		if subject.Expires.Before(until) {
			until = subject.Expires
		}
		a.cache.put(&sum, subject, set, until)
	}
	return authz.Identity{Subject: subject, Carrier: carrier}, nil
}

// carrier returns the header that carries our token, and the token.
func (a *Authenticator) carrier(h authz.Header) (name, token string, err error) {
	for _, own := range a.own {
		if len(h[own]) == 0 {
			continue
		}
		if name != "" || len(h[own]) > 1 {
			return "", "", refuse(labelDuplicate, errors.New("more than one token in the carriers"))
		}
		name, token = own, h[own][0]
	}
	if name != "" {
		if rest, ok := cutBearer(token); ok {
			token = rest
		}
		if token = strings.Trim(token, " \t"); token == "" {
			return "", "", refuse(labelMissing, nil)
		}
		return name, token, nil
	}
	values := h[CarrierAuthorization]
	if !a.bearer || len(values) == 0 {
		return "", "", refuse(labelMissing, nil)
	}
	if len(values) > 1 {
		return "", "", refuse(labelDuplicate, errors.New("more than one authorization header"))
	}
	token, ok := cutBearer(values[0])
	if !ok || token == "" {
		return "", "", refuse(labelMissing, nil)
	}
	return CarrierAuthorization, token, nil
}

// ours returns the header that holds something of ours, though not a good token: a header that is ours alone, or an Authorization with a
// token that names one of our issuers. Whatever else is in Authorization is somebody else's: an upstream's own API key looks like that.
func (a *Authenticator) ours(h authz.Header) string {
	for _, own := range a.own {
		if len(h[own]) > 0 {
			return own
		}
	}
	if !a.bearer {
		return ""
	}
	for _, value := range h[CarrierAuthorization] {
		for one := range strings.SplitSeq(value, ",") { // two that a proxy joined
			token, _ := cutBearer(one)
			if p, err := parse(token); err == nil && a.issuerOf(p.claims) != nil {
				return CarrierAuthorization
			}
		}
	}
	return ""
}

// cutBearer takes the scheme off "Bearer x" (RFC 6750 §2.1; a scheme's case does not matter, RFC 9110 §11.1).
func cutBearer(value string) (string, bool) {
	value = strings.Trim(value, " \t")
	const scheme = "bearer"
	if len(value) < len(scheme) || !strings.EqualFold(value[:len(scheme)], scheme) {
		return "", false
	}
	rest := value[len(scheme):]
	if rest != "" && rest[0] != ' ' {
		return "", false
	}
	return strings.TrimLeft(rest, " "), true
}
