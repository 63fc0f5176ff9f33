package authn_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirgate/weir/pkg/authn"
	"github.com/weirgate/weir/pkg/authn/authntest"
)

// clock is a time that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Now()} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func rotate(t testing.TB, i *authntest.Issuer) {
	t.Helper()
	if err := i.Rotate(); err != nil {
		t.Fatal(err)
	}
}

func want(t testing.TB, a *authn.Authenticator, token, wantLabel string) {
	t.Helper()
	_, err := authenticate(a, token)
	if got := label(t, err); got != wantLabel {
		t.Errorf("got %q, want %q (%v)", got, wantLabel, err)
	}
}

func TestRotation(t *testing.T) {
	i, now := startIssuer(t), newClock()
	a := start(t, i, func(c *authn.Config) { c.Now = now.Now })
	old := mint(t, i, "RS256", nil, nil)
	want(t, a, old, "")
	rotate(t, i)
	want(t, a, old, "")                           // nobody told us yet
	want(t, a, mint(t, i, "RS256", nil, nil), "") // an unknown key: fetched at once
	want(t, a, old, "token_unknown_key")          // its key is withdrawn, and the cache knows
	want(t, a, mint(t, i, "EdDSA", nil, nil), "") // nothing more to fetch
	if got := a.Stats(); got.Fetches != 2 || got.Hits != 1 {
		t.Errorf("stats %+v: want 2 fetches, 1 hit", got)
	}
}

func TestUnknownKeyFlood(t *testing.T) {
	i, now := startIssuer(t), newClock()
	a := start(t, i, func(c *authn.Config) { c.Now = now.Now })
	want(t, a, mint(t, i, "ES256", nil, nil), "")
	var all sync.WaitGroup
	for n := range 200 {
		token := mint(t, i, "ES256", map[string]any{"kid": fmt.Sprint("junk", n)}, nil)
		all.Go(func() { want(t, a, token, "token_unknown_key") })
	}
	all.Wait()
	if got := a.Stats().Fetches; got > 2 {
		t.Errorf("%d fetches for a flood, want at most 2", got)
	}
	rotate(t, i)
	fresh := mint(t, i, "ES256", nil, nil)
	want(t, a, fresh, "token_unknown_key")
	now.Add(31 * time.Second)
	want(t, a, fresh, "") // the bucket has filled
	before := i.Requests()
	junk := mint(t, i, "ES256", map[string]any{"kid": "junk"}, nil)
	now.Add(5 * time.Minute)
	fetches := a.Stats().Fetches
	for range 10 {
		want(t, a, junk, "token_unknown_key")
	}
	if got := a.Stats().Fetches - fetches; got != 1 || i.Requests()-before != 2 {
		t.Errorf("the same junk again: %d fetches, %d requests, want 1 and 2", got, i.Requests()-before)
	}
}

func TestUnreachableIssuer(t *testing.T) {
	i, now := startIssuer(t), newClock()
	a := start(t, i, func(c *authn.Config) { c.Now = now.Now; c.CacheTTL = -1; c.MaxLifetime = 100 * time.Hour })
	i.Fail(http.StatusBadGateway)
	token := mint(t, i, "ES256", nil, map[string]any{"exp": time.Now().Add(72 * time.Hour).Unix()})
	want(t, a, token, "keys_unavailable")
	if a.Ready() == nil {
		t.Error("ready without keys")
	}
	i.Fail(0)
	want(t, a, token, "")
	if err := a.Ready(); err != nil {
		t.Errorf("not ready: %v", err)
	}
	i.Fail(http.StatusBadGateway)
	now.Add(23 * time.Hour)
	want(t, a, token, "")
	want(t, a, mint(t, i, "ES256", map[string]any{"kid": "new"}, nil), "keys_unavailable")
	now.Add(2 * time.Hour)
	want(t, a, token, "keys_unavailable") // 25 hours unconfirmed
	if a.Ready() == nil {
		t.Error("ready with keys that are too old")
	}
	i.Fail(0)
	now.Add(time.Minute)
	want(t, a, token, "")
}

func TestBadKeySets(t *testing.T) {
	for name, published := range map[string]string{
		"no JSON": `<html>`, "an error": `{"error":"x"}`, "a list": `[]`, "keys null": `{"keys":null}`,
		"too many": `{"keys":[` + manyKeys(101) + `]}`,
		"too long": `{"keys":[],"x":"` + strings.Repeat("x", 300<<10) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			i, now := startIssuer(t), newClock()
			a := start(t, i, func(c *authn.Config) { c.Now = now.Now })
			want(t, a, mint(t, i, "ES256", nil, nil), "")
			i.Publish([]byte(published))
			want(t, a, mint(t, i, "ES256", map[string]any{"kid": "x"}, nil), "keys_unavailable")
			want(t, a, mint(t, i, "ES256", nil, nil), "") // the known keys stay
		})
	}
}

func manyKeys(n int) string {
	out := "{}"
	for range n - 1 {
		out += ",{}"
	}
	return out
}

// TestUnusableKeys publishes keys that must not be used, and sees that they do not take the good ones with them.
func TestUnusableKeys(t *testing.T) {
	i := startIssuer(t)
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	if err := json.Unmarshal(i.JWKS(), &set); err != nil {
		t.Fatal(err)
	}
	small, err := rsa.GenerateKey(rand.Reader, 1024) //nolint:gosec // refused is what is tested
	if err != nil {
		t.Skip("Go makes no such keys any more:", err)
	}
	huge := make([]byte, 1024) // 8192 bits
	huge[0], huge[1023] = 0xff, 1
	b64 := base64.RawURLEncoding.EncodeToString
	bad := map[string]map[string]any{
		"rsa1024":   {"kty": "RSA", "n": b64(small.N.Bytes()), "e": "AQAB"},
		"rsa8192":   {"kty": "RSA", "n": b64(huge), "e": "AQAB"},
		"symmetric": {"kty": "oct", "k": b64([]byte("secretsecretsecretsecretsecretse"))},
		"broken":    {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
		"unknown":   {"kty": "AKP"},
		"nothing":   {},
	}
	for _, k := range set.Keys { // the right keys, of the wrong use
		for name, change := range map[string]map[string]any{
			"enc": {"use": "enc"}, "ops": {"key_ops": []string{"encrypt"}, "use": nil}, "alg": {"alg": "PS384"},
		} {
			c := map[string]any{}
			for n, v := range k {
				c[n] = v
			}
			for n, v := range change {
				c[n] = v
				if v == nil {
					delete(c, n)
				}
			}
			bad[fmt.Sprint(name, "-", k["kty"])] = c
		}
	}
	for kid, k := range bad {
		k["kid"] = kid
		set.Keys = append([]map[string]any{k}, set.Keys...)
	}
	raw, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	i.Publish(raw)
	a := start(t, i, nil)
	for _, alg := range []string{"RS256", "ES256", "EdDSA"} {
		want(t, a, mint(t, i, alg, nil, nil), "")
	}
	for kid := range bad {
		for _, alg := range []string{"RS256", "ES256", "EdDSA"} {
			want(t, a, mint(t, i, alg, map[string]any{"kid": kid}, nil), "token_unknown_key")
		}
	}
}

// TestKeysForOthers: what an issuer rightly publishes beside our keys is no warning; a key that somebody should mend is.
func TestKeysForOthers(t *testing.T) {
	i := startIssuer(t) // one of its keys is of type AKP
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	if err := json.Unmarshal(i.JWKS(), &set); err != nil {
		t.Fatal(err)
	}
	enc := maps.Clone(set.Keys[1])
	enc["use"] = "enc"
	set.Keys = append(set.Keys, enc, map[string]any{"kty": "EC"})
	raw, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	i.Publish(raw)
	var log bytes.Buffer
	a := start(t, i, func(c *authn.Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	want(t, a, mint(t, i, "ES256", nil, nil), "") // the keys are there, and what was to say of them is said
	for _, line := range []string{
		`level=INFO msg="key not used" issuer=` + i.URL + ` cause="key 0: its type is \"AKP\": it is for others"`,
		`level=INFO msg="key not used" issuer=` + i.URL + ` cause="key 4: its use is \"enc\": it is for others"`,
		`level=WARN msg="key not used" issuer=` + i.URL + ` cause="key 5: it cannot be read"`,
	} {
		if !strings.Contains(log.String(), line+"\n") {
			t.Errorf("want %s in:\n%s", line, &log)
		}
	}
	if n := strings.Count(log.String(), "level=WARN"); n != 1 {
		t.Errorf("%d warnings, want 1:\n%s", n, &log)
	}
}

func TestKeyFile(t *testing.T) {
	i, now := startIssuer(t), newClock()
	file := filepath.Join(t.TempDir(), "jwks.json")
	write := func() {
		if err := os.WriteFile(file, i.JWKS(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a := start(t, i, func(c *authn.Config) { c.Now = now.Now; c.Issuers[0].JWKSFile = file })
	old := mint(t, i, "ES256", nil, nil)
	want(t, a, old, "keys_unavailable")
	write()
	want(t, a, old, "")
	rotate(t, i)
	write()
	now.Add(31 * time.Second)
	want(t, a, mint(t, i, "ES256", nil, nil), "")
	want(t, a, old, "token_unknown_key")
	if i.Requests() != 0 {
		t.Errorf("%d requests, though the keys are in a file", i.Requests())
	}
}

func TestNoKeyID(t *testing.T) {
	i := startIssuer(t)
	a := start(t, i, nil)
	without := map[string]any{"kid": nil}
	want(t, a, mint(t, i, "ES256", without, nil), "") // there is one ES256 key
	forged, err := startIssuer(t).MintWith("ES256", without, map[string]any{"iss": i.URL, "sub": "root"})
	if err != nil {
		t.Fatal(err)
	}
	want(t, a, forged, "token_bad_signature")
}

// TestDiscovery refuses metadata that leads elsewhere.
func TestDiscovery(t *testing.T) {
	i := startIssuer(t)
	for name, tc := range map[string]struct{ issuer, keys, want string }{
		"right":             {"", i.URL + "/jwks", ""},
		"another issuer":    {i.URL, i.URL + "/jwks", "keys_unavailable"},
		"keys in the clear": {"", "http://192.0.2.1/jwks", "keys_unavailable"},
		"keys in a file":    {"", "file:///etc/passwd", "keys_unavailable"},
		"keys nowhere":      {"", "/jwks", "keys_unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			var server *httptest.Server
			server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				iss := tc.issuer
				if iss == "" {
					iss = server.URL
				}
				fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, iss, tc.keys)
			}))
			defer server.Close()
			a := start(t, i, func(c *authn.Config) { c.Issuers[0].URL = server.URL })
			want(t, a, mint(t, i, "ES256", nil, map[string]any{"iss": server.URL}), tc.want)
		})
	}
	t.Run("redirect to another origin", func(t *testing.T) {
		server := httptest.NewServer(http.RedirectHandler(i.URL+"/jwks", http.StatusFound))
		defer server.Close()
		a := start(t, i, func(c *authn.Config) { c.Issuers[0].JWKSURL = server.URL })
		want(t, a, mint(t, i, "ES256", nil, nil), "keys_unavailable")
	})
}
