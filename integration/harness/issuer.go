package harness

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"strings"
	"time"
)

// Audience is the audience of an Issuer's tokens.
const Audience = "weir-demo"

// Issuer is a development OIDC issuer: discovery, one ES256 key, and GET /token?sub=alice&groups=a,b&for=1h, which gives a token to
// whoever asks. It is safe for concurrent use, and for nothing else.
type Issuer struct {
	URL string // the iss of its tokens

	key    *ecdsa.PrivateKey
	server *http.Server
	ended  chan struct{}
}

// StartIssuer starts an issuer on an address. url is the name it gives itself; by default "http://" and the address.
func StartIssuer(listen, url string) (*Issuer, error) {
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	if url == "" {
		url = "http://" + listener.Addr().String()
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	i := &Issuer{URL: url, key: key, ended: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, map[string]any{
			"issuer": i.URL, "jwks_uri": i.URL + "/jwks", "authorization_endpoint": i.URL + "/token", "token_endpoint": i.URL + "/token",
			"response_types_supported": []string{"id_token"}, "subject_types_supported": []string{"public"},
			"id_token_signing_alg_values_supported": []string{"ES256"},
		})
	})
	mux.HandleFunc("GET /jwks", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, i.keys()) })
	mux.HandleFunc("GET /token", i.serveToken)
	i.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(i.ended)
		_ = i.server.Serve(listener)
	}()
	return i, nil
}

// Close ends the issuer.
func (i *Issuer) Close() error {
	err := i.server.Close()
	<-i.ended
	return err
}

func (i *Issuer) keyID() string {
	public, err := i.key.PublicKey.Bytes()
	if err != nil {
		return "key"
	}
	sum := sha256.Sum256(public)
	return base64.RawURLEncoding.EncodeToString(sum[:8])
}

// keys returns the JWK set (RFC 7517); an uncompressed point is 0x04, X, Y.
func (i *Issuer) keys() map[string]any {
	public, err := i.key.PublicKey.Bytes()
	if err != nil {
		return map[string]any{"keys": []any{}}
	}
	x, y := public[1:33], public[33:]
	return map[string]any{"keys": []any{map[string]string{
		"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": i.keyID(),
		"x": base64.RawURLEncoding.EncodeToString(x), "y": base64.RawURLEncoding.EncodeToString(y),
	}}}
}

// Mint signs a token with these claims. iss, aud, iat, exp (in one hour), and jti are added where they are not among them.
func (i *Issuer) Mint(claims map[string]any) (string, error) {
	now := time.Now()
	all := map[string]any{"iss": i.URL, "aud": Audience, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(), "jti": rand.Text()}
	maps.Copy(all, claims)
	head, err := json.Marshal(map[string]string{"alg": "ES256", "typ": "JWT", "kid": i.keyID()})
	if err != nil {
		return "", fmt.Errorf("mint: %w", err)
	}
	payload, err := json.Marshal(all)
	if err != nil {
		return "", fmt.Errorf("mint: %w", err)
	}
	signed := base64.RawURLEncoding.EncodeToString(head) + "." + base64.RawURLEncoding.EncodeToString(payload)
	digest := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, i.key, digest[:])
	if err != nil {
		return "", fmt.Errorf("mint: %w", err)
	}
	// RFC 7518 §3.4: R and S, 32 bytes each.
	signature := append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

func (i *Issuer) serveToken(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	claims := map[string]any{"sub": query.Get("sub")}
	if groups := query.Get("groups"); groups != "" {
		claims["groups"] = strings.Split(groups, ",")
	}
	if text := query.Get("for"); text != "" {
		life, err := time.ParseDuration(text)
		if err != nil {
			http.Error(w, "for: want a duration such as 1h", http.StatusBadRequest)
			return
		}
		claims["exp"] = time.Now().Add(life).Unix()
	}
	token, err := i.Mint(claims)
	if err != nil || query.Get("sub") == "" {
		http.Error(w, "want /token?sub=NAME&groups=A,B", http.StatusBadRequest)
		return
	}
	_, _ = w.Write([]byte(token))
}
