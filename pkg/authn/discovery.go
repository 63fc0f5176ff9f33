package authn

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

// Issuer is one issuer whose tokens are accepted. URL and Audiences are required. Its keys come from JWKSFile or JWKSURL or, with neither,
// from OpenID Connect discovery at URL.
type Issuer struct {
	// URL is the iss of its tokens, byte for byte. With discovery it is https, or http on a loopback address.
	URL string
	// JWKSURL is where its key set is; https, or http on a loopback address.
	JWKSURL string
	// JWKSFile is a file with its key set, read again at each refresh.
	JWKSFile string
	// Audiences are the values of aud of which a token must have one.
	Audiences []string
	// Algorithms are the signature algorithms accepted, of RS256, ES256 (P-256) and EdDSA (Ed25519); default all three. Each key is used
	// with the one algorithm that its type is for, whatever a token says.
	Algorithms []string
	// Types are the values of the header typ that are accepted, "" for a token without one; default JWT, at+jwt and "".
	Types []string
	// TrustDomain says that the issuer is that SPIFFE trust domain: its tokens are JWT-SVIDs, whose sub is a SPIFFE ID of the domain and whose
	// iss may be missing, and its key set may be a SPIFFE bundle.
	TrustDomain string
	// Kind is what its subjects are where no claim says so; default human, of a trust domain workload.
	Kind authz.SubjectKind
	// Claims says where the subject's properties are.
	Claims ClaimPaths
	// Introspection is where the issuer is asked about each token besides; nil: nowhere.
	Introspection *Introspection
	// Bound says that its tokens must be tied to a client certificate (RFC 8705) or a key of the client's (RFC 9449), so that a stolen one is of
	// no use. One that is tied is held to that in any case.
	Bound bool
	// Nonce says that proofs of a key (DPoP) for its tokens must hold a nonce: see Config.Nonces.
	Nonce bool
	// Refresh is how often the keys are fetched again, give or take a tenth; at least 1 s. Default: as long as the key set's Cache-Control or
	// Expires says, at least 5 min and at most 1 h; 10 min where they say nothing; a file's 1 min.
	Refresh time.Duration
	// KeepKeys is how long keys are believed that could not be fetched again; default 24 h, at least 1 min, at most 30 days.
	KeepKeys time.Duration
}

// fill sets the defaults and checks what is set.
func (i *Issuer) fill() error {
	if i.URL == issuerX509 {
		return errors.New("is the name of what is known by its certificate")
	}
	if i.URL == "" || strings.Contains(i.URL, "|") || control(i.URL) {
		return errors.New("want a URL without | and control characters")
	}
	if i.JWKSURL != "" && i.JWKSFile != "" {
		return errors.New("a JWKS URL and a JWKS file: want one at most")
	}
	if i.Introspection != nil {
		own := *i.Introspection
		i.Introspection = &own
		if err := own.fill(); err != nil {
			return err
		}
	}
	keyless := i.JWKSFile != "" || i.Introspection != nil && i.Introspection.Opaque
	if fetched := orDefault(i.JWKSURL, i.URL); !keyless {
		if err := fetchable(fetched); err != nil {
			return err
		}
	}
	if len(i.Audiences) == 0 || slices.Contains(i.Audiences, "") {
		return errors.New("want at least one audience, and none empty: a token meant for somebody else must not be accepted")
	}
	if len(i.Algorithms) == 0 {
		i.Algorithms = []string{"RS256", "ES256", "EdDSA"}
	}
	for _, alg := range i.Algorithms {
		if !slices.Contains([]string{"RS256", "ES256", "EdDSA"}, alg) {
			return fmt.Errorf("algorithm %q: want RS256, ES256 or EdDSA", alg)
		}
	}
	if i.Types == nil {
		i.Types = []string{"jwt", "at+jwt", ""}
		if i.TrustDomain != "" {
			i.Types = []string{"jwt", "jose", ""} // JWT-SVID §2.3
		}
	}
	i.Types = slices.Clone(i.Types)
	for n, typ := range i.Types {
		i.Types[n] = strings.TrimPrefix(strings.ToLower(typ), "application/")
	}
	if i.Refresh == 0 && i.JWKSFile != "" {
		i.Refresh = time.Minute
	}
	if i.Refresh != 0 && i.Refresh < time.Second {
		return fmt.Errorf("refresh %s: at least 1s", i.Refresh)
	}
	if i.KeepKeys = orDefault(i.KeepKeys, 24*time.Hour); i.KeepKeys < time.Minute || i.KeepKeys > 30*24*time.Hour {
		return fmt.Errorf("keep keys for %s: want 1m to 720h", i.KeepKeys)
	}
	if i.TrustDomain != "" && strings.Trim(i.TrustDomain, "abcdefghijklmnopqrstuvwxyz0123456789.-_") != "" { // SPIFFE-ID §2.1
		return fmt.Errorf("trust domain %q: want lower-case letters, digits, dots, dashes and underscores", i.TrustDomain)
	}
	if i.Kind == "" {
		i.Kind = authz.Human
		if i.TrustDomain != "" {
			i.Kind = authz.Workload
		}
	}
	if !known(i.Kind) {
		return fmt.Errorf("kind %q: want human, workload or agent", i.Kind)
	}
	return i.Claims.fill()
}

// fetchable checks that keys may be fetched from a URL: who can change the answer on its way can make tokens.
func fetchable(raw string) error {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return errors.New("want an absolute URL without user and fragment")
	}
	switch u.Scheme {
	case "https":
		return nil
	case "http":
		if ip := net.ParseIP(u.Hostname()); u.Hostname() == "localhost" || ip != nil && ip.IsLoopback() {
			return nil
		}
	}
	return errors.New("keys are fetched over https, or over http from a loopback address")
}

// fetchClient returns a client like c that follows redirects to the same origin only, and has a timeout.
func fetchClient(c *http.Client) *http.Client {
	var own http.Client
	if c != nil {
		own = *c
	} else if t, ok := http.DefaultTransport.(*http.Transport); ok {
		own.Transport = t.Clone()
	}
	if own.Timeout == 0 {
		own.Timeout = fetchTimeout
	}
	own.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		if first := via[0].URL; r.URL.Scheme != first.Scheme || r.URL.Host != first.Host || len(via) > 3 {
			return errors.New("redirected to another origin, or too often")
		}
		return nil
	}
	return &own
}

// published is what an issuer answered. raw is nil when it is what was last loaded.
type published struct {
	raw   []byte
	tag   etag
	fresh time.Duration // how long it may be kept; 0: it does not say
}

// etag is an entity tag and what it is of.
type etag struct{ url, value string }

// fetch returns the key set as published.
func (s *source) fetch(ctx context.Context) (published, error) {
	if s.issuer.JWKSFile != "" {
		f, err := os.Open(s.issuer.JWKSFile)
		if err != nil {
			return published{}, fmt.Errorf("key file: %w", err)
		}
		defer func() { _ = f.Close() }()
		raw, err := readAll(f)
		return published{raw: raw}, err
	}
	from := s.issuer.JWKSURL
	if from == "" {
		var err error
		if from, err = s.discover(ctx); err != nil {
			return published{}, fmt.Errorf("discovery: %w", err)
		}
	}
	p, err := s.get(ctx, from)
	if err != nil {
		return published{}, fmt.Errorf("key set: %w", err)
	}
	return p, nil
}

// discover reads the issuer's metadata (OpenID Connect Discovery 1.0 §4) and returns its jwks_uri.
func (s *source) discover(ctx context.Context) (string, error) {
	metadata, err := s.get(ctx, strings.TrimSuffix(s.issuer.URL, "/")+"/.well-known/openid-configuration")
	if err != nil {
		return "", err
	}
	var document struct {
		Issuer  string `json:"issuer"`
		JWKSURI string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(metadata.raw, &document); err != nil {
		return "", errors.New("not a metadata document")
	}
	if document.Issuer != s.issuer.URL { // §4.3: exactly
		return "", fmt.Errorf("it is of issuer %q", document.Issuer)
	}
	if err := fetchable(document.JWKSURI); err != nil {
		return "", fmt.Errorf("jwks_uri: %w", err)
	}
	if strings.HasPrefix(s.issuer.URL, "https:") && !strings.HasPrefix(document.JWKSURI, "https:") {
		return "", errors.New("jwks_uri: an https issuer must have its keys at https too")
	}
	return document.JWKSURI, nil
}

// get fetches one document; one without raw when it is still that of s.tag.
func (s *source) get(ctx context.Context, from string) (published, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return published{}, err
	}
	r.Header.Set("Accept", "application/json, application/jwk-set+json")
	conditional := s.tag.value != "" && s.tag.url == from && s.set.Load() != nil
	if conditional {
		r.Header.Set("If-None-Match", s.tag.value)
	}
	resp, err := s.cfg.Client.Do(r)
	if err != nil {
		return published{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	p := published{tag: etag{url: from, value: resp.Header.Get("Etag")}, fresh: freshness(resp.Header)}
	if conditional && resp.StatusCode == http.StatusNotModified {
		p.tag = s.tag
		return p, nil
	}
	if resp.StatusCode != http.StatusOK {
		return published{}, fmt.Errorf("status %d", resp.StatusCode)
	}
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind == "text/html" {
		return published{}, errors.New("an HTML page") // a login or error page
	}
	p.raw, err = readAll(resp.Body)
	return p, err
}

// readAll reads what is no longer than a key set may be.
func readAll(r io.Reader) ([]byte, error) { return readUpTo(r, maxKeySet) }

// readUpTo reads what is no longer than that.
func readUpTo(r io.Reader, most int64) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(r, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(raw)) > most {
		return nil, fmt.Errorf("longer than %d bytes", most)
	}
	return raw, nil
}
