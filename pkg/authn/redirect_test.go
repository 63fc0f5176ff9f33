package authn_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/authn"
	"github.com/weirgate/weir/pkg/authz"
)

// redirecting is somebody who was redirected, by an authenticator that takes capabilities at two targets.
func redirecting(t testing.TB, now func() time.Time, change func(*authn.Config)) (*authn.Authenticator, authn.Redirect) {
	keys, err := authn.NewCapabilities(0, []byte(strings.Repeat("a", 32)))
	if err != nil {
		t.Fatal(err)
	}
	a := start(t, startIssuer(t), func(c *authn.Config) {
		c.Now, c.Capabilities = now, keys
		c.Targets = map[string]authn.Target{
			"hub":   {Carriers: []string{"authorization"}},
			"cdn":   {Carriers: []string{"url:weir-cap", "weir-token"}},
			"blobs": {Carriers: []string{"url:weir-cap"}},
		}
		if change != nil {
			change(c)
		}
	})
	return a, authn.Redirect{
		Request: authz.Request{Source: "192.0.2.7:4711"},
		Identity: authz.Identity{Subject: authz.Subject{
			Issuer: "https://i", ID: "alice", Name: "Alice", Email: "a@example", Kind: authz.Agent, Groups: []string{"research"}, Owner: "https://i|bob",
			Actors: []authz.Actor{{ID: "bot"}}, Credential: "j1", Expires: now().Add(time.Hour), Claims: map[string]any{"team": "x"},
		}},
		Location: "https://cdn.example/a/b.bin?X-Amz-Signature=0a%2F1b&x", Target: "cdn", Lifetime: 5 * time.Minute,
		Leave: authz.Leave{Target: "hub", Tenant: "t", Object: "org/llm/b", Version: "v1", Size: 100, Budget: 200, Artifact: "checkpoint", Justification: "M-1", Credential: "j1"},
	}
}

// TestCarry: who follows a redirect is who was redirected, for the object that was redirected, until the capability or the credential ends.
func TestCarry(t *testing.T) {
	clock := newClock()
	a, r := redirecting(t, clock.Now, nil)
	location, credential, err := a.Carry(r)
	if err != nil {
		t.Fatal(err)
	}
	rest, value, _ := strings.Cut(location, "&weir-cap=")
	if rest != r.Location || strings.Trim(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") != "" {
		t.Errorf("%s: want the location, and behind it what needs no escaping", location)
	}
	id, err := a.Authenticate(t.Context(), authz.Request{Method: "GET", Path: strings.TrimPrefix(location, "https://cdn.example"), Source: "192.0.2.7:4712"}, authz.Target{Name: "cdn"})
	if err != nil {
		t.Fatal(err)
	}
	want := authz.Identity{Subject: r.Identity.Subject, Parameter: "weir-cap", Leave: &r.Leave}
	want.Subject.Credential, want.Subject.Claims, want.Subject.Expires = credential, nil, clock.Now().Add(5*time.Minute).Truncate(time.Second).UTC()
	if diff := cmp.Diff(want, id); diff != "" || !strings.HasPrefix(credential, "capability:") {
		t.Errorf("credential %q, -want +got:\n%s", credential, diff)
	}

	// Whoever came so and is redirected again goes on by the same ID, and so by the same budget.
	again := r
	again.Identity, again.Target, again.Location = id, "blobs", "https://blobs.example/c"
	if _, second, err := a.Carry(again); err != nil || second != credential {
		t.Errorf("redirected again: %q, %v; want %q", second, err, credential)
	}
	for name, tt := range map[string]struct {
		change func(*authn.Redirect)
		want   time.Duration
	}{
		"as long as is said":                        {func(*authn.Redirect) {}, 5 * time.Minute},
		"ten minutes at most":                       {func(r *authn.Redirect) { r.Lifetime = time.Hour }, 10 * time.Minute},
		"not longer than the credential":            {func(r *authn.Redirect) { r.Identity.Subject.Expires = clock.Now().Add(time.Minute) }, time.Minute},
		"a credential that does not say (mTLS)":     {func(r *authn.Redirect) { r.Identity.Subject.Expires = time.Time{} }, 5 * time.Minute},
		"a location without a query":                {func(r *authn.Redirect) { r.Location = "https://cdn.example/a" }, 5 * time.Minute},
		"a location with a query that is not there": {func(r *authn.Redirect) { r.Location = "https://cdn.example/a?" }, 5 * time.Minute},
	} {
		r := r
		tt.change(&r)
		location, _, err := a.Carry(r)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		id, err := a.Authenticate(t.Context(), authz.Request{Method: "HEAD", Path: strings.TrimPrefix(location, "https://cdn.example"), Source: r.Request.Source}, authz.Target{Name: "cdn"})
		if left := id.Subject.Expires.Sub(clock.Now()); err != nil || left > tt.want || left < tt.want-time.Second {
			t.Errorf("%s: good for %v, %v; want %v", name, left, err, tt.want)
		}
	}
}

// TestCarryRefuses: what could not be held to is not made.
func TestCarryRefuses(t *testing.T) {
	clock := newClock()
	a, good := redirecting(t, clock.Now, nil)
	for name, change := range map[string]func(*authn.Redirect){
		"a target that takes none":          func(r *authn.Redirect) { r.Target = "hub" },
		"neither certificate nor address":   func(r *authn.Redirect) { r.Request.Source = "" },
		"an address that is none":           func(r *authn.Redirect) { r.Request.Source = "@unix" },
		"a location that has one":           func(r *authn.Redirect) { r.Location += "&weir-cap=x" },
		"a location that has one otherwise": func(r *authn.Redirect) { r.Location += "&weir%2dcap" },
		"no path":                           func(r *authn.Redirect) { r.Location = "https://cdn.example?x" },
		"nobody":                            func(r *authn.Redirect) { r.Identity.Subject.ID = "" },
		"a credential that has ended":       func(r *authn.Redirect) { r.Identity.Subject.Expires = clock.Now() },
		"no time":                           func(r *authn.Redirect) { r.Lifetime = 0 },
		"more groups than a URL holds":      func(r *authn.Redirect) { r.Identity.Subject.Groups = []string{strings.Repeat("g", 4000)} },
	} {
		r := good
		change(&r)
		location, credential, err := a.Carry(r)
		if e := new(authz.Error); location != "" || credential != "" || !errors.As(err, &e) || e.Label != "capability_unmade" || e.Kind != authz.KindUnavailable {
			t.Errorf("%s: %q, %v", name, location, err)
		} else if strings.Contains(err.Error(), "Signature") {
			t.Errorf("%s: the error holds what was signed: %v", name, err)
		}
	}
}

// TestRedirectCapabilityAttacks: a stolen one is worth nothing, and an own one nothing but what it says.
func TestRedirectCapabilityAttacks(t *testing.T) {
	clock := newClock()
	revoked := filepath.Join(t.TempDir(), "revoked")
	if err := os.WriteFile(revoked, []byte("jti j2\nsub https://i|eve\nsub https://i|bot2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a, good := redirecting(t, clock.Now, func(c *authn.Config) { c.Revocations = revoked })
	carry := func(change func(*authn.Redirect)) string {
		t.Helper()
		r := good
		if change != nil {
			change(&r)
		}
		location, _, err := a.Carry(r)
		if err != nil {
			t.Fatal(err)
		}
		return location[strings.Index(location[8:], "/")+8:]
	}
	path := carry(nil)
	bare, value, _ := strings.Cut(path, "&weir-cap=")
	cert := authz.Certificate{Digest: strings.Repeat("ab", 32)}
	byCert := carry(func(r *authn.Redirect) { r.Request.Certificate = cert })
	payload, seal, _ := strings.Cut(value, ".")
	flipped := func(at int) string {
		b := []byte(value)
		if b[at]++; !strings.ContainsRune("BCDEFGHIJKLMNOPQRSTUVWXYZbcdefghijklmnopqrstuvwxyz123456789", rune(b[at])) {
			b[at] = 'k' // base64url, still: what came before an A, an a or a 0, and 9, Z, z, - and _ are no k
		}
		return bare + "&weir-cap=" + string(b)
	}
	get := func(path string) authz.Request {
		return authz.Request{Method: "GET", Path: path, Source: "192.0.2.7:1"}
	}
	with := func(r authz.Request, change func(*authz.Request)) authz.Request { change(&r); return r }
	for _, tt := range []struct {
		name   string
		target string
		req    authz.Request
		want   string
	}{
		{"its request", "cdn", get(path), ""},
		{"another port of the address", "cdn", with(get(path), func(r *authz.Request) { r.Source = "192.0.2.7:9" }), ""},
		{"the address alone", "cdn", with(get(path), func(r *authz.Request) { r.Source = "192.0.2.7" }), ""},
		{"the address as an IPv6 one", "cdn", with(get(path), func(r *authz.Request) { r.Source = "[::ffff:192.0.2.7]:9" }), ""},
		{"with a certificate besides", "cdn", with(get(path), func(r *authz.Request) { r.Certificate = cert }), ""},
		{"an Authorization of the upstream's", "cdn", with(get(path), func(r *authz.Request) { r.Headers = authz.Header{"authorization": {"AWS4-HMAC-SHA256 x"}} }), ""},
		{"escapes written out", "cdn", get("/%61/b%2Ebin?X-Amz-Signature=0a%2f1b&x&weir-cap=" + value), ""},
		{"before the rest", "cdn", get("/a/b.bin?weir-cap=" + value + "&X-Amz-Signature=0a%2F1b&x"), ""},
		{"another address", "cdn", with(get(path), func(r *authz.Request) { r.Source = "192.0.2.8:4711" }), "capability_wrong_holder"},
		{"no address", "cdn", with(get(path), func(r *authz.Request) { r.Source = "" }), "capability_wrong_holder"},
		{"its certificate", "cdn", with(get(byCert), func(r *authz.Request) { r.Certificate = cert }), ""},
		{"its certificate, from elsewhere", "cdn", with(get(byCert), func(r *authz.Request) { r.Certificate, r.Source = cert, "198.51.100.1:2" }), ""},
		{"another certificate", "cdn", with(get(byCert), func(r *authz.Request) { r.Certificate.Digest = strings.Repeat("cd", 32) }), "capability_wrong_holder"},
		{"no certificate", "cdn", get(byCert), "capability_wrong_holder"},
		{"another object", "cdn", get("/a/c.bin?X-Amz-Signature=0a%2F1b&x&weir-cap=" + value), "capability_wrong_request"},
		{"below it", "cdn", get("/a/b.bin/c?X-Amz-Signature=0a%2F1b&x&weir-cap=" + value), "capability_wrong_request"},
		{"another version", "cdn", get("/a/b.bin?versionId=2&X-Amz-Signature=0a%2F1b&x&weir-cap=" + value), "capability_wrong_request"},
		{"an encoded slash", "cdn", get("/a%2Fb.bin?X-Amz-Signature=0a%2F1b&x&weir-cap=" + value), "capability_wrong_request"},
		{"a query in the path", "cdn", get("/a/b.bin%3FX-Amz-Signature=0a%2F1b&x?weir-cap=" + value), "capability_wrong_request"},
		{"an encoded ampersand", "cdn", get("/a/b.bin?X-Amz-Signature=0a%2F1b%26x&weir-cap=" + value), "capability_wrong_request"},
		{"without the rest", "cdn", get("/a/b.bin?weir-cap=" + value), "capability_wrong_request"},
		{"another method", "cdn", with(get(path), func(r *authz.Request) { r.Method = "DELETE" }), "capability_wrong_request"},
		{"another target", "blobs", get(path), "capability_wrong_request"},
		{"a target that takes none", "hub", get(path), "token_missing"},
		{"twice", "cdn", get(path + "&weir-cap=" + value), "token_duplicate"},
		{"twice, once written otherwise", "cdn", get(path + "&weir-c%61p=" + value), "token_duplicate"},
		{"in a header as well", "cdn", with(get(path), func(r *authz.Request) { r.Headers = authz.Header{"weir-token": {value}} }), "token_duplicate"},
		{"in a header", "cdn", with(get(bare), func(r *authz.Request) { r.Headers = authz.Header{"weir-token": {value}} }), "token_malformed"},
		{"as a bearer", "hub", with(get(bare), func(r *authz.Request) { r.Headers = authz.Header{"authorization": {"Bearer " + value}} }), "token_malformed"},
		{"none", "cdn", get(bare), "token_missing"},
		{"an empty one", "cdn", get(bare + "&weir-cap="), "capability_malformed"},
		{"without its seal", "cdn", get(bare + "&weir-cap=" + payload), "capability_malformed"},
		{"with half its seal", "cdn", get(bare + "&weir-cap=" + payload + "." + seal[:20]), "capability_forged"},
		{"a flipped bit at its beginning", "cdn", get(flipped(0)), "capability_forged"},
		{"a flipped bit in its middle", "cdn", get(flipped(len(payload) / 2)), "capability_forged"},
		{"a flipped bit in its seal", "cdn", get(flipped(len(payload) + 5)), "capability_forged"},
		{"more behind it", "cdn", get(path + "AAAA"), "capability_forged"},
		{"bits that no byte has", "cdn", get(path[:len(path)-1] + "_"), "capability_malformed"},
		{"got by a token that is revoked", "cdn", get(carry(func(r *authn.Redirect) { r.Leave.Credential = "j2" })), "token_revoked"},
		{"of somebody who is revoked", "cdn", get(carry(func(r *authn.Redirect) { r.Identity.Subject.ID = "eve" })), "token_revoked"},
		{"through an agent that is revoked", "cdn", get(carry(func(r *authn.Redirect) { r.Identity.Subject.Actors = []authz.Actor{{ID: "bot2"}} })), "token_revoked"},
	} {
		id, err := a.Authenticate(context.Background(), tt.req, authz.Target{Name: tt.target})
		if got := label(t, err); got != tt.want || err == nil && id.Leave == nil {
			t.Errorf("%s: %q (%v), want %q", tt.name, got, err, tt.want)
		}
	}
	for _, tt := range []struct {
		after time.Duration
		want  string
	}{{298 * time.Second, ""}, {5 * time.Minute, "capability_expired"}, {-time.Hour, "capability_expired"}} {
		clock.Add(tt.after)
		if _, err := a.Authenticate(t.Context(), get(path), authz.Target{Name: "cdn"}); label(t, err) != tt.want {
			t.Errorf("%v after it was made: %v, want %q", tt.after, err, tt.want)
		}
		clock.Add(-tt.after)
	}
}

// FuzzRedirect: whatever a location says, who follows it has leave for it and for no other one.
func FuzzRedirect(f *testing.F) {
	f.Add("/a/b.bin?X-Amz-Signature=0a%2F1b", "/a/b.bin?X-Amz-Signature=0a%2f1b")
	f.Add("/a%20b", "/a b")
	f.Add("/a%2Fb", "/a/b")
	f.Add("/a?b=%2B", "/a?b=+")
	f.Add("/%%325", "/%25")
	f.Add("/a?b%26c", "/a?b&c")
	f.Add("/~%27", "/%7e'")
	now := time.Now()
	a, r := redirecting(f, func() time.Time { return now }, nil)
	f.Fuzz(func(t *testing.T, to, asked string) {
		if !strings.HasPrefix(to, "/") || strings.ContainsAny(to+asked, "#") || len(to) > 4096 {
			return
		}
		r := r
		r.Location = "https://cdn.example" + to
		location, _, err := a.Carry(r)
		if err != nil {
			if _, values := authn.CutParameter(to, "weir-cap"); len(values) == 0 {
				t.Fatal(err)
			}
			return
		}
		follows := func(path string) bool {
			_, err := a.Authenticate(t.Context(), authz.Request{Method: "GET", Path: path, Source: r.Request.Source}, authz.Target{Name: "cdn"})
			return err == nil
		}
		mine := strings.TrimPrefix(location, "https://cdn.example")
		if !follows(mine) {
			t.Fatalf("%q leads nowhere", mine)
		}
		with := "?"
		if strings.Contains(asked, "?") {
			with = "&"
		}
		if _, values := authn.CutParameter(asked, "weir-cap"); len(values) == 0 && follows(asked+with+mine[strings.LastIndex(mine, "weir-cap="):]) && !same(to, asked) {
			t.Errorf("leave for %q is leave for %q", to, asked)
		}
	})
}

// same reports whether two paths with their queries mean the same: what separates is in the same places, and what is between them reads the same.
func same(a, b string) bool {
	separators := func(s string) string {
		return strings.Map(func(r rune) rune {
			if strings.ContainsRune("/?&=+;", r) {
				return r
			}
			return -1
		}, s)
	}
	trim := func(s string) string { return strings.TrimRight(s, "?") } // an empty query is none
	a, b = trim(a), trim(b)
	return separators(a) == separators(b) && unescaped(a) == unescaped(b)
}

// unescaped writes every escape out, and leaves what is none as it is.
func unescaped(s string) string {
	var out []byte
	digit := func(c byte) int { return strings.IndexByte("0123456789abcdef", c|0x20) }
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && digit(s[i+1]) >= 0 && digit(s[i+2]) >= 0 {
			out = append(out, byte(digit(s[i+1])<<4|digit(s[i+2])))
			i += 2
			continue
		}
		out = append(out, s[i])
	}
	return string(out)
}

// FuzzCapability: nothing but what was signed here, byte for byte, is a capability.
func FuzzCapability(f *testing.F) {
	now := time.Now()
	a, r := redirecting(f, func() time.Time { return now }, nil)
	location, _, err := a.Carry(r)
	if err != nil {
		f.Fatal(err)
	}
	path, good, _ := strings.Cut(strings.TrimPrefix(location, "https://cdn.example"), "&weir-cap=") // another one in each process that fuzzes
	f.Add(uint16(0), uint16(0), "")
	f.Add(uint16(0), uint16(4096), "")
	f.Add(uint16(0), uint16(4096), "e30.e30")
	f.Add(uint16(len(good)), uint16(0), "=")
	f.Add(uint16(len(good)-1), uint16(1), "")
	f.Add(uint16(len(good)-44), uint16(0), ".")
	f.Fuzz(func(t *testing.T, at, less uint16, more string) {
		from := min(int(at), len(good))
		text := good[:from] + more + good[min(from+int(less), len(good)):]
		if strings.ContainsAny(text, "&#") {
			return
		}
		id, err := a.Authenticate(t.Context(), authz.Request{Method: "GET", Path: path + "&weir-cap=" + text, Source: "192.0.2.7:1"}, authz.Target{Name: "cdn"})
		if (err == nil) != (text == good) || (id.Leave != nil) != (text == good) {
			t.Errorf("%q: %+v, %v", text, id, err)
		}
		if err != nil && len(text) > 20 && strings.Contains(err.Error(), text[:20]) {
			t.Errorf("the error holds it: %v", err)
		}
	})
}
