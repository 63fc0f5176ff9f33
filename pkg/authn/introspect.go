package authn

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"
)

// Introspection is where an issuer is asked about each of its tokens (RFC 7662). URL is required.
type Introspection struct {
	URL          string // https, or http on a loopback address
	ClientID     string // HTTP Basic, with ClientSecret
	ClientSecret string
	// TTL is how long an answer is believed; default 10 s. A token that its issuer revokes works for so long.
	TTL time.Duration
	// Opaque says that the issuer's tokens are no JWTs: the answer is all that is known of them, and it has no keys. One issuer may be so. Whatever
	// is no JWT is then sent to it.
	Opaque bool
}

// The bounds on asking.
const (
	introspectTimeout = 2 * time.Second
	maxIntrospections = 64 // at once, of one issuer
	maxOpaque         = 4096
	b64token          = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/="
	maxInactive       = 4096
	inactiveFor       = 10 * time.Second
)

func (i *Introspection) fill() error {
	if err := fetchable(i.URL); err != nil {
		return fmt.Errorf("introspection: %w", err)
	}
	if i.TTL = orDefault(i.TTL, 10*time.Second); i.TTL < 0 || i.TTL > time.Hour {
		return fmt.Errorf("introspection: TTL %s: at most 1h", i.TTL)
	}
	return nil
}

// introspector asks one issuer about tokens. Those who ask about one token at a time share the answer.
type introspector struct {
	cfg    Introspection
	client *http.Client
	asking singleflight.Group
	room   chan struct{}
}

func newIntrospector(cfg Introspection, client *http.Client) *introspector {
	own := *client
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse } // the token is for nobody else
	return &introspector{cfg: cfg, client: &own, room: make(chan struct{}, maxIntrospections)}
}

// ask returns what the issuer says of a token: its claims, or a refusal. Where it cannot be asked nothing can be said of the token.
func (i *introspector) ask(ctx context.Context, token string, sum *[sha256.Size]byte) (map[string]any, error) {
	answer := i.asking.DoChan(string(sum[:]), func() (any, error) {
		// Whoever asked first may leave; the others still wait.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), introspectTimeout)
		defer cancel()
		return i.post(ctx, token)
	})
	select {
	case r := <-answer:
		claims, _ := r.Val.(map[string]any)
		return claims, r.Err
	case <-ctx.Done():
		return nil, refuse(labelIntrospection, ctx.Err())
	}
}

// post asks once.
func (i *introspector) post(ctx context.Context, token string) (map[string]any, error) {
	select {
	case i.room <- struct{}{}:
		defer func() { <-i.room }()
	default:
		return nil, refuse(labelIntrospection, errors.New("too many are asking"))
	}
	form := url.Values{"token": {token}, "token_type_hint": {"access_token"}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, i.cfg.URL, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, refuse(labelIntrospection, errors.New("the request cannot be made"))
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	if i.cfg.ClientID != "" {
		r.SetBasicAuth(url.QueryEscape(i.cfg.ClientID), url.QueryEscape(i.cfg.ClientSecret)) // RFC 6749 §2.3.1
	}
	resp, err := i.client.Do(r)
	if err != nil {
		return nil, refuse(labelIntrospection, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, refuse(labelIntrospection, fmt.Errorf("status %d", resp.StatusCode))
	}
	raw, err := readAll(resp.Body)
	if err != nil {
		return nil, refuse(labelIntrospection, err)
	}
	claims, err := object(raw)
	if err != nil {
		return nil, refuse(labelIntrospection, errors.New("the answer is not a JSON object, or says something twice"))
	}
	switch claims["active"] {
	case true:
		return claims, nil
	case false:
		return nil, refuse(labelInactive, nil)
	}
	return nil, refuse(labelIntrospection, errors.New("the answer does not say whether the token is active"))
}

// active asks the issuer about a JWT that is good by all that can be told here. Where the answer is about somebody else, it is none.
func (a *Authenticator) active(ctx context.Context, s *source, token string, sum *[sha256.Size]byte, own map[string]any) error {
	claims, err := s.introspector.ask(ctx, token, sum)
	if err != nil {
		return err
	}
	for _, name := range [...]string{"iss", "sub", "jti"} {
		if said, there := claims[name]; there && own[name] != nil && said != own[name] {
			return refuse(labelIntrospection, errors.New("the answer is about another token"))
		}
	}
	return nil
}

// opaqueToken decides about a token of which only its issuer can say anything.
func (a *Authenticator) opaqueToken(ctx context.Context, token string, sum *[sha256.Size]byte, now time.Time) (verified, error) {
	if len(token) > maxOpaque || strings.Trim(token, b64token) != "" {
		return verified{}, refuse(labelMalformed, errors.New("no token by its form (RFC 6750 §2.1)"))
	}
	s := a.opaque
	claims, err := s.introspector.ask(ctx, token, sum)
	if err != nil {
		return verified{}, err
	}
	if iss, there := claims["iss"]; there && iss != s.issuer.URL {
		return verified{}, refuse(labelIssuer, errors.New("the answer names another issuer"))
	}
	delete(claims, "active")
	return a.standing(s, claims, sum[:], now)
}

// isOpaque reports whether a token has not the form of a JWT, or of an encrypted one.
func isOpaque(token string) bool {
	dots := strings.Count(token, ".")
	return dots != 2 && dots != 4
}
