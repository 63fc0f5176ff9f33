package authn

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
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
	// Claims says where the subject's properties are.
	Claims ClaimPaths
	// Refresh is how often the keys are fetched again, give or take a tenth; default 10 min, a file's 1 min; at least 1 s.
	Refresh time.Duration
}

// fill sets the defaults and checks what is set.
func (i *Issuer) fill() error {
	if i.URL == "" || strings.Contains(i.URL, "|") || control(i.URL) {
		return errors.New("want a URL without | and control characters")
	}
	if i.JWKSURL != "" && i.JWKSFile != "" {
		return errors.New("a JWKS URL and a JWKS file: want one at most")
	}
	if fetched := orDefault(i.JWKSURL, i.URL); i.JWKSFile == "" {
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
	}
	i.Types = slices.Clone(i.Types)
	for n, typ := range i.Types {
		i.Types[n] = strings.TrimPrefix(strings.ToLower(typ), "application/")
	}
	every := 10 * time.Minute
	if i.JWKSFile != "" {
		every = time.Minute
	}
	if i.Refresh = orDefault(i.Refresh, every); i.Refresh < time.Second {
		return fmt.Errorf("refresh %s: at least 1s", i.Refresh)
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

// etag is an entity tag and what it is of.
type etag struct{ url, value string }

// fetch returns the key set as published, or nil when it is the one last loaded.
func (s *source) fetch(ctx context.Context) ([]byte, etag, error) {
	if s.issuer.JWKSFile != "" {
		f, err := os.Open(s.issuer.JWKSFile)
		if err != nil {
			return nil, etag{}, fmt.Errorf("key file: %w", err)
		}
		defer func() { _ = f.Close() }()
		raw, err := readAll(f)
		return raw, etag{}, err
	}
	from := s.issuer.JWKSURL
	if from == "" {
		var err error
		if from, err = s.discover(ctx); err != nil {
			return nil, etag{}, fmt.Errorf("discovery: %w", err)
		}
	}
	raw, tag, err := s.get(ctx, from)
	if err != nil {
		return nil, etag{}, fmt.Errorf("key set: %w", err)
	}
	return raw, tag, nil
}

// discover reads the issuer's metadata (OpenID Connect Discovery 1.0 §4) and returns its jwks_uri.
func (s *source) discover(ctx context.Context) (string, error) {
	raw, _, err := s.get(ctx, strings.TrimSuffix(s.issuer.URL, "/")+"/.well-known/openid-configuration")
	if err != nil {
		return "", err
	}
	var document struct {
		Issuer  string `json:"issuer"`
		JWKSURI string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(raw, &document); err != nil {
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

// get fetches one document; nil when it is still the one of s.tag.
func (s *source) get(ctx context.Context, from string) ([]byte, etag, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, etag{}, err
	}
	r.Header.Set("Accept", "application/json, application/jwk-set+json")
	conditional := s.tag.value != "" && s.tag.url == from && s.set.Load() != nil
	if conditional {
		r.Header.Set("If-None-Match", s.tag.value)
	}
	resp, err := s.cfg.Client.Do(r)
	if err != nil {
		return nil, etag{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	if conditional && resp.StatusCode == http.StatusNotModified {
		return nil, s.tag, nil
	}
	if resp.StatusCode != http.StatusOK {
		return nil, etag{}, fmt.Errorf("status %d", resp.StatusCode)
	}
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind == "text/html" {
		return nil, etag{}, errors.New("an HTML page") // a login or error page
	}
	raw, err := readAll(resp.Body)
	return raw, etag{url: from, value: resp.Header.Get("Etag")}, err
}

// readAll reads what is no longer than a key set may be.
func readAll(r io.Reader) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxKeySet+1))
	if err != nil {
		return nil, err
	}
	if len(raw) > maxKeySet {
		return nil, fmt.Errorf("longer than %d bytes", maxKeySet)
	}
	return raw, nil
}

// Run keeps every issuer's keys fresh until ctx ends, and returns nil then. An issuer that cannot be reached is tried again after 1 s, 2 s, 4 s and so on, at last every 30 s; what
// is known of it is believed for 24 h.
func (a *Authenticator) Run(ctx context.Context) error {
	var all sync.WaitGroup
	for _, s := range a.ordered {
		all.Go(func() { s.run(ctx) })
	}
	all.Wait()
	a.cfg.Client.CloseIdleConnections()
	return nil
}

// Refresh has Run fetch every issuer's keys now, not when their time comes: for whoever knows that they have changed. It does not wait.
func (a *Authenticator) Refresh() {
	for _, s := range a.ordered {
		select {
		case s.again <- struct{}{}:
		default: // asked for already
		}
	}
}

// run fetches at once, and then again and again. It leaves no fetch behind.
func (s *source) run(ctx context.Context) {
	for failed := 0; ; {
		s.mu.Lock()
		f := s.flight
		if f == nil && ctx.Err() == nil {
			f = s.start(ctx)
		}
		s.mu.Unlock()
		if f == nil {
			return
		}
		<-f.done // at most fetchTimeout
		wait := s.issuer.Refresh
		if f.err != nil && ctx.Err() == nil {
			s.cfg.Log.Warn("keys not fetched", "issuer", s.issuer.URL, "cause", f.err)
			wait = min(wait, refetchEvery, time.Second<<min(failed, 10)) // an issuer that starts with us is soon there
			failed++
		} else {
			failed = 0
		}
		wait += time.Duration((rand.Float64() - 0.5) / 5 * float64(wait)) // replicas must not ask all at once
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-s.again:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}
