// Package authntest is a development OIDC issuer: discovery, a key set with an RS256, an ES256 and an EdDSA key, and tokens for whoever asks.
// It is for tests, examples and laptops, and for nothing else. It does not import testing, so that programs may use it.
package authntest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Audience is the aud of tokens that are minted without one.
const Audience = "weir-demo"

// Issuer is a running issuer. It is safe for concurrent use.
type Issuer struct {
	URL string // the iss of its tokens; do not change

	server *http.Server
	ended  chan struct{}

	mu        sync.Mutex // guards what follows
	keys      keys
	published []byte // replaces the key set; nil: the keys
	status    int    // what every request is answered with; 0: properly
	requests  int
	etag      int
	revoked   map[string]bool // tokens
}

// Start starts an issuer on an address such as "127.0.0.1:0". Its URL is "http://" and the address.
func Start(listen string) (*Issuer, error) { return StartAs(listen, "") }

// StartAs starts an issuer that names itself url, for one that others reach by another name.
func StartAs(listen, url string) (*Issuer, error) {
	keys, err := newKeys()
	if err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", listen)
	if err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	if url == "" {
		url = "http://" + listener.Addr().String()
	}
	i := &Issuer{URL: url, keys: keys, ended: make(chan struct{}), revoked: map[string]bool{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", i.serveMetadata)
	mux.HandleFunc("GET /jwks", i.serveKeys)
	mux.HandleFunc("GET /token", i.serveToken)
	mux.HandleFunc("POST /introspect", i.serveIntrospection)
	mux.HandleFunc("GET /registry-token", i.serveRegistryToken)
	i.server = &http.Server{Handler: i.counted(mux), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(i.ended)
		_ = i.server.Serve(listener)
	}()
	return i, nil
}

// Close ends the issuer. Nobody can reach it any more; it still mints.
func (i *Issuer) Close() error {
	err := i.server.Close()
	<-i.ended
	return err
}

// Rotate replaces all keys; the old ones are withdrawn from the key set.
func (i *Issuer) Rotate() error {
	fresh, err := newKeys()
	if err != nil {
		return fmt.Errorf("rotate: %w", err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = fresh
	i.etag++
	return nil
}

// Requests returns how many HTTP requests came so far.
func (i *Issuer) Requests() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.requests
}

// Fail makes every request be answered with an HTTP status; 0 ends that.
func (i *Issuer) Fail(status int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.status = status
}

// Revoke has the introspection endpoint say no of a token from now on.
func (i *Issuer) Revoke(token string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.revoked[token] = true
}

// Publish puts raw in the place of the key set; nil ends that.
func (i *Issuer) Publish(raw []byte) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.published = raw
	i.etag++
}

// JWKS returns the key set (RFC 7517 §5) as it is published.
func (i *Issuer) JWKS() []byte {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.published != nil {
		return i.published
	}
	return i.keys.jwks()
}

// Mint signs a token with the ES256 key. iss, aud, iat, exp (in one hour), and jti are added where they are not among the claims.
func (i *Issuer) Mint(claims map[string]any) (string, error) { return i.MintWith("ES256", nil, claims) }

// MintWith signs a token with an algorithm: RS256, ES256, EdDSA, none, or the forger's HS256, whose secret is the RSA key's public PEM.
// Header and claims are laid over the usual ones; a nil value takes a name away.
func (i *Issuer) MintWith(alg string, header, claims map[string]any) (string, error) {
	now := time.Now()
	i.mu.Lock()
	signer := i.keys
	i.mu.Unlock()
	head := map[string]any{"alg": alg, "typ": "JWT", "kid": signer.id(alg)}
	body := map[string]any{"iss": i.URL, "aud": Audience, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(), "jti": newID()}
	for to, from := range map[*map[string]any]map[string]any{&head: header, &body: claims} {
		maps.Copy(*to, from)
		maps.DeleteFunc(*to, func(_ string, v any) bool { return v == nil })
	}
	rawHead, err := json.Marshal(head)
	if err != nil {
		return "", fmt.Errorf("mint: %w", err)
	}
	rawBody, err := json.Marshal(body)
	if err != nil {
		return "", fmt.Errorf("mint: %w", err)
	}
	return signer.sign(alg, rawHead, rawBody)
}

// Sign signs a header and a payload as they are, whatever they are.
func (i *Issuer) Sign(alg string, header, payload []byte) (string, error) {
	i.mu.Lock()
	signer := i.keys
	i.mu.Unlock()
	return signer.sign(alg, header, payload)
}

// KeyID returns the kid of the key for an algorithm.
func (i *Issuer) KeyID(alg string) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.keys.id(alg)
}

// counted counts requests, and fails them while Fail says so.
func (i *Issuer) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.mu.Lock()
		i.requests++
		status := i.status
		i.mu.Unlock()
		if status != 0 {
			http.Error(w, http.StatusText(status), status)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (i *Issuer) serveMetadata(w http.ResponseWriter, _ *http.Request) {
	raw, err := json.Marshal(map[string]any{
		"issuer": i.URL, "jwks_uri": i.URL + "/jwks", "authorization_endpoint": i.URL + "/token", "token_endpoint": i.URL + "/token",
		"response_types_supported": []string{"id_token"}, "subject_types_supported": []string{"public"},
		"id_token_signing_alg_values_supported": []string{"RS256", "ES256", "EdDSA"},
	})
	if err != nil {
		http.Error(w, "metadata", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(raw)
}

func (i *Issuer) serveKeys(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	tag := fmt.Sprintf("%q", fmt.Sprint("v", i.etag))
	i.mu.Unlock()
	w.Header().Set("Content-Type", "application/jwk-set+json")
	w.Header().Set("Etag", tag)
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write(i.JWKS())
}

// serveIntrospection answers POST /introspect (RFC 7662): every token is active that was not revoked.
func (i *Issuer) serveIntrospection(w http.ResponseWriter, r *http.Request) {
	token := r.PostFormValue("token")
	i.mu.Lock()
	active := token != "" && !i.revoked[token]
	i.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"active":%v}`, active)
}

// serveRegistryToken answers GET /registry-token?service=…&scope=…, where the challenge of a registry sends its clients (the Docker token
// authentication specification): the token of whoever they say they are, in the group "registry", with the scope that they asked for.
func (i *Issuer) serveRegistryToken(w http.ResponseWriter, r *http.Request) {
	user, _, ok := r.BasicAuth()
	if !ok || r.FormValue("service") == "" {
		w.Header().Set("WWW-Authenticate", `Basic realm="issuer"`)
		http.Error(w, "want a user, and a service", http.StatusUnauthorized)
		return
	}
	token, err := i.Mint(map[string]any{"sub": user, "groups": []string{"registry"}, "scope": r.FormValue("scope")})
	if err != nil {
		http.Error(w, "token", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"token":%q,"expires_in":3600}`, token)
}

// serveToken answers GET /token?sub=alice&groups=a,b&for=1h&alg=ES256.
func (i *Issuer) serveToken(w http.ResponseWriter, r *http.Request) {
	token, err := i.asked(r)
	if err != nil {
		http.Error(w, "want /token?sub=NAME&groups=A,B&for=1h&alg=ES256: "+err.Error(), http.StatusBadRequest)
		return
	}
	_, _ = w.Write([]byte(token))
}

func (i *Issuer) asked(r *http.Request) (string, error) {
	query := r.URL.Query()
	if query.Get("sub") == "" {
		return "", errors.New("no sub")
	}
	claims := map[string]any{"sub": query.Get("sub")}
	if groups := query.Get("groups"); groups != "" {
		claims["groups"] = strings.Split(groups, ",")
	}
	if text := query.Get("for"); text != "" {
		life, err := time.ParseDuration(text)
		if err != nil {
			return "", errors.New("for: want a duration such as 1h")
		}
		claims["exp"] = time.Now().Add(life).Unix()
	}
	alg := query.Get("alg")
	if alg == "" {
		alg = "ES256"
	}
	return i.MintWith(alg, nil, claims)
}
