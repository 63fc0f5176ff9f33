package authn_test

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirgate/weir/pkg/authn"
	"github.com/weirgate/weir/pkg/authz"
)

// endpoint is an introspection endpoint that says of every token what it is told to.
type endpoint struct {
	*httptest.Server
	asked atomic.Int64

	mu     sync.Mutex
	status int
	answer string
	form   string // the last one
	auth   string
}

func startEndpoint(t *testing.T) *endpoint {
	t.Helper()
	e := &endpoint{answer: `{"active":true}`}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.asked.Add(1)
		e.mu.Lock()
		defer e.mu.Unlock()
		user, password, _ := r.BasicAuth()
		_ = r.ParseForm()
		e.form, e.auth = r.Method+" "+r.PostForm.Get("token"), user+":"+password
		w.Header().Set("Location", "http://127.0.0.1:1/")
		w.WriteHeader(cmp.Or(e.status, http.StatusOK))
		_, _ = w.Write([]byte(e.answer))
	}))
	t.Cleanup(e.Close)
	return e
}

func (e *endpoint) says(status int, answer string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.status, e.answer = status, answer
}

func unavailable(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	e := authz.AsError(err)
	if wanted := map[bool]authz.Kind{true: authz.KindUnavailable, false: authz.KindUnauthenticated}[e.Label == "introspection_unavailable"]; e.Kind != wanted {
		t.Errorf("%s: kind %s, want %s", e.Label, e.Kind, wanted)
	}
	return e.Label
}

// TestIntrospection: a token that is good by itself is good as long as its issuer says so.
func TestIntrospection(t *testing.T) {
	i, now, e := startIssuer(t), newClock(), startEndpoint(t)
	a := start(t, i, func(c *authn.Config) {
		c.Now = now.Now
		c.Issuers[0].Introspection = &authn.Introspection{URL: e.URL, ClientID: "weir", ClientSecret: "a b", TTL: 5 * time.Second}
	})
	token := mint(t, i, "ES256", nil, nil)
	step := func(wantAsked int64, want string) {
		t.Helper()
		_, err := authenticate(a, token)
		if got := unavailable(t, err); got != want || e.asked.Load() != wantAsked {
			t.Errorf("got %q, asked %d times; want %q, %d (%v)", got, e.asked.Load(), want, wantAsked, err)
		}
	}
	step(1, "")
	if e.form != "POST "+token || e.auth != "weir:a+b" {
		t.Errorf("asked as %q: %q", e.auth, e.form)
	}
	step(1, "") // believed for 5 s
	now.Add(5 * time.Second)
	step(2, "")
	now.Add(5 * time.Second)
	e.says(0, `{"active":false}`)
	step(3, "token_inactive")
	step(3, "token_inactive") // remembered
	now.Add(10 * time.Second)
	step(4, "token_inactive")
	now.Add(10 * time.Second)
	for n, tc := range []struct {
		status int
		answer string
	}{
		{500, `{"active":true}`},
		{302, `{"active":true}`},
		{200, `{}`},
		{200, `{"active":"true"}`},
		{200, `{"active":1}`},
		{200, `[true]`},
		{200, `{"active":true,"active":false}`},
		{200, `{"active":true,"sub":"bob"}`},
		{200, `{"active":true,"iss":"https://elsewhere"}`},
		{200, `{"active":true} {}`},
		{200, `{"active":true,"x":"` + strings.Repeat("x", 300<<10) + `"}`},
	} {
		e.says(tc.status, tc.answer)
		step(int64(5+n), "introspection_unavailable")
	}
	e.says(0, fmt.Sprintf(`{"active":true,"sub":"alice","iss":%q}`, i.URL))
	step(16, "")
	want(t, a, mint(t, i, "ES256", nil, claims{"aud": "x"}), "token_wrong_audience") // not asked: bad by itself
	if e.asked.Load() != 16 {
		t.Error("the issuer was asked about a token that is bad by itself")
	}
	e.Close()
	now.Add(5 * time.Second)
	_, err := authenticate(a, token)
	if got := unavailable(t, err); got != "introspection_unavailable" {
		t.Errorf("with the endpoint gone: %q", got)
	}
}

// held answers every question that its token is active, once it is let go.
type held struct {
	asked atomic.Int64
	let   chan struct{}
}

func (h *held) RoundTrip(r *http.Request) (*http.Response, error) {
	h.asked.Add(1)
	<-h.let
	w := httptest.NewRecorder()
	_, _ = w.WriteString(`{"active":true}`)
	resp := w.Result()
	resp.Request = r
	return resp, nil
}

// TestIntrospectionShared: those who show one token at a time share one question, and whoever leaves waits no longer.
func TestIntrospectionShared(t *testing.T) {
	i := startIssuer(t)
	keys := filepath.Join(t.TempDir(), "jwks.json")
	writeFile(t, keys, i.JWKS())
	synctest.Test(t, func(t *testing.T) {
		h := &held{let: make(chan struct{})}
		a := start(t, i, func(c *authn.Config) {
			c.CacheTTL, c.Client = -1, &http.Client{Transport: h}
			c.Issuers[0].JWKSFile, c.Issuers[0].Introspection = keys, &authn.Introspection{URL: i.URL}
		})
		token := mint(t, i, "ES256", nil, nil)
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if _, err := authenticate(a, token); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait() // all wait
		if n := h.asked.Load(); n != 1 {
			t.Errorf("asked %d times for one token, want once", n)
		}
		leaves, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := a.Authenticate(leaves, bearer(token), authz.Target{})
		if got := unavailable(t, err); got != "introspection_unavailable" {
			t.Errorf("whoever left: %q", got)
		}
		close(h.let)
		all.Wait()
	})
}

// TestOpaque: of a token that says nothing its issuer's answer is held to what a token would be.
func TestOpaque(t *testing.T) {
	i, e := startIssuer(t), startEndpoint(t)
	now := time.Now().Unix()
	answer := func(change string) string {
		all := map[string]string{"iss": `"https://opaque"`, "sub": `"alice"`, "aud": `["weir-demo"]`, "iat": fmt.Sprint(now), "exp": fmt.Sprint(now + 60), "groups": `["a"]`}
		name, value, _ := strings.Cut(change, "=")
		if all[name] = value; value == "" {
			delete(all, name)
		}
		out := `{"active":true`
		for k, v := range all {
			out += fmt.Sprintf(",%q:%s", k, v)
		}
		return out + "}"
	}
	for name, tc := range map[string]struct{ token, answer, want string }{
		"good":                 {"2YotnFZFEjr1zCsicMWpAA", answer("x=1"), ""},
		"without an iss":       {"2YotnFZFEjr1zCsicMWpAA", answer("iss="), ""},
		"of another issuer":    {"2YotnFZFEjr1zCsicMWpAA", answer(`iss="https://x"`), "token_wrong_issuer"},
		"another audience":     {"2YotnFZFEjr1zCsicMWpAA", answer(`aud="bank"`), "token_wrong_audience"},
		"no audience":          {"2YotnFZFEjr1zCsicMWpAA", answer("aud="), "token_wrong_audience"},
		"no end":               {"2YotnFZFEjr1zCsicMWpAA", answer("exp="), "token_lifetime"},
		"no beginning":         {"2YotnFZFEjr1zCsicMWpAA", answer("iat="), "token_lifetime"},
		"over":                 {"2YotnFZFEjr1zCsicMWpAA", answer(fmt.Sprint("exp=", now-100)), "token_lifetime"},
		"nobody":               {"2YotnFZFEjr1zCsicMWpAA", answer("sub="), "token_claim"},
		"an agent for long":    {"2YotnFZFEjr1zCsicMWpAA", answer(fmt.Sprint(`weir_kind="agent","exp":`, now+7200, `,"x"=`)), "introspection_unavailable"}, // exp is there twice
		"not active":           {"2YotnFZFEjr1zCsicMWpAA", `{"active":false,"sub":"alice"}`, "token_inactive"},
		"two that were joined": {"2YotnFZFEjr1zCsicMWpAA, Bearer x", answer("x=1"), "token_malformed"},
		"too long":             {strings.Repeat("x", 5000), answer("x=1"), "token_malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			e.says(0, tc.answer)
			a := start(t, i, func(c *authn.Config) {
				c.Issuers = append(c.Issuers, authn.Issuer{URL: "https://opaque", Audiences: c.Issuers[0].Audiences, Introspection: &authn.Introspection{URL: e.URL, Opaque: true}})
			})
			s, err := authenticate(a, tc.token)
			if got := unavailable(t, err); got != tc.want {
				t.Fatalf("got %q, want %q (%v)", got, tc.want, err)
			}
			if err == nil && (s.Ref() != "https://opaque|alice" || len(s.Groups) != 1 || len(s.Credential) != 16) {
				t.Errorf("subject %+v", s)
			}
			want(t, a, mint(t, i, "ES256", nil, nil), "") // JWTs are judged as ever
			before := e.asked.Load()
			if _, err := authenticate(a, tc.token); (err == nil) != (tc.want == "") || tc.want == "" && e.asked.Load() != before {
				t.Errorf("again: %v, asked %d times more", err, e.asked.Load()-before)
			}
			want(t, a, mint(t, i, "ES256", nil, claims{"iss": "https://opaque"}), "token_wrong_issuer")
		})
	}
	two := authn.Config{Issuers: []authn.Issuer{
		{URL: "a", Audiences: []string{"x"}, Introspection: &authn.Introspection{URL: e.URL, Opaque: true}},
		{URL: "b", Audiences: []string{"x"}, Introspection: &authn.Introspection{URL: e.URL, Opaque: true}},
	}}
	if _, err := authn.New(two); err == nil {
		t.Error("two issuers of opaque tokens were taken")
	}
	for _, in := range []authn.Introspection{{}, {URL: "http://example.com"}, {URL: e.URL, TTL: 2 * time.Hour}} {
		if _, err := authn.New(authn.Config{Issuers: []authn.Issuer{{URL: i.URL, Audiences: []string{"x"}, Introspection: &in}}}); err == nil {
			t.Errorf("%+v: taken", in)
		}
	}
}
