package target_test

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/target"
)

func rule(name, hosts string, paths ...string) target.Rule {
	return target.Rule{Target: authz.Target{Name: name}, Hosts: strings.Fields(hosts), Paths: paths}
}

func table(t testing.TB, cfg target.Config) *target.Table {
	t.Helper()
	tab, err := target.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

func TestResolve(t *testing.T) {
	tab := table(t, target.Config{Rules: []target.Rule{
		rule("embeddings", "", "/v1/embeddings", "/openai/deployments/*/embeddings"),
		rule("models", "", "=/v1/models"),
		rule("v1", "", "/v1"),
		rule("corpus", "files.example.com", "/corpus"),
		rule("secret", "files.example.com", "/corpus/secret", "/corpus/s*.bin"),
		rule("wild", "*.example.com", "/"),
		rule("wilder", "*.eu.example.com"),
		rule("six", "[2001:db8::1]"),
		rule("slash", "", "=/dir/"),
		rule("routed", ""),
		rule("star", "*", "/star/**"),
	}})
	for _, tt := range []struct{ host, path, route, want string }{
		{"a", "/v1/embeddings", "", "embeddings"},
		{"A:80", "/v1/embeddings?x=1", "", "embeddings"},
		{"a", "/v1/embeddings/", "", "embeddings"},
		{"a", "/v1/embeddings/x/y", "", "embeddings"},
		{"a", "/v1/embeddingsx", "", "v1"},
		{"a", "/v1/%65mbeddings", "", "embeddings"},
		{"a", "/v1//embeddings", "", "path_ambiguous"},
		{"a", "/v1/x/../embeddings", "", "path_ambiguous"},
		{"a", "/openai/deployments/ada/embeddings", "", "embeddings"},
		{"a", "/openai/deployments//embeddings", "", "path_ambiguous"},
		{"a", "/openai/deployments/ada/chat", "", "target_unmatched"},
		{"a", "/v1/models", "", "models"},
		{"a", "/v1/models/", "", "v1"},
		{"a", "/v1/models/x", "", "v1"},
		{"a", "/v1", "", "v1"},
		{"a", "/v12", "", "target_unmatched"},
		{"a", "/dir/", "", "slash"},
		{"a", "/dir", "", "target_unmatched"},
		{"a", "/star/x/y", "", "star"},
		{"a", "/star", "", "star"},
		{"a", "/star2", "", "target_unmatched"},
		{"a", "/", "", "target_unmatched"},
		{"files.example.com", "/corpus/a", "", "corpus"},
		{"FILES.example.com.", "/corpus/a", "", "corpus"},
		{"files.example.com", "/corpus/secret/a", "", "secret"},
		{"files.example.com", "/corpus/secrets", "", "corpus"},
		{"files.example.com", "/corpus/snow.bin", "", "secret"},
		{"files.example.com", "/corpus/s.bin.gz", "", "corpus"},
		{"files.example.com", "/v1/embeddings", "", "wild"},
		{"example.com", "/v1/embeddings", "", "embeddings"},
		{"evilexample.com", "/x", "", "target_unmatched"},
		{"x.eu.example.com", "/x", "", "wilder"},
		{"[2001:DB8::0:1]:443", "/x", "", "six"},
		{"bad host", "/v1", "", "host_ambiguous"},
		{"a", "/v1/embeddings", "embeddings", "embeddings"},
		{"a", "/anything", "embeddings", "embeddings"},
		{"a", "/anything", "routed", "routed"},
		{"a", "/v1/embeddings", "routed", "target_conflict"},
		{"a", "/v1/embeddings", "models", "target_conflict"},
		{"a", "/v1/embeddings", "nobody", "target_conflict"},
		{"a", "/v1/..", "routed", "path_ambiguous"},
	} {
		m, err := tab.Resolve(authz.Request{Host: tt.host, Path: tt.path, Route: tt.route})
		got := m.Target.Name
		if err != nil {
			e, ok := err.(*authz.Error)
			if !ok || got != "" {
				t.Fatalf("%v: error %v with target %q", tt, err, got)
			}
			got = e.Label
		}
		if got != tt.want {
			t.Errorf("%s%s (route %q): got %s, want %s", tt.host, tt.path, tt.route, got, tt.want)
		}
	}
}

func TestResolveKinds(t *testing.T) {
	tab := table(t, target.Config{Rules: []target.Rule{rule("a", "", "/a")}})
	for _, tt := range []struct {
		req  authz.Request
		want authz.Kind
	}{
		{authz.Request{Host: "h", Path: "/b"}, authz.KindForbidden},
		{authz.Request{Host: "h", Path: "/a", Route: "b"}, authz.KindForbidden},
		{authz.Request{Host: "h", Path: "/a/.."}, authz.KindBadRequest},
		{authz.Request{Path: "/a"}, authz.KindBadRequest},
	} {
		_, err := tab.Resolve(tt.req)
		var e *authz.Error
		if !errors.As(err, &e) || e.Kind != tt.want || e.Public == "" {
			t.Errorf("%+v: got %v, want kind %v", tt.req, err, tt.want)
		}
	}
}

func TestResolveObserve(t *testing.T) {
	tab := table(t, target.Config{Default: target.DefaultObserve, Rules: []target.Rule{rule("a", "", "/a")}})
	got, err := tab.Resolve(authz.Request{Host: "H", Path: "/b/%63?q"})
	want := authz.Match{Target: authz.Target{Name: "unmatched", Mode: authz.ModeObserve}, Host: "h", Path: "/b/c"}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	if _, err := tab.Resolve(authz.Request{Host: "H", Path: "/b/../a"}); err == nil {
		t.Error("an ambiguous path was let through as unmatched")
	}
	if _, err := tab.Resolve(authz.Request{Host: "H", Path: "/b", Route: "nobody"}); err == nil {
		t.Error("an unknown route name was let through as unmatched")
	}
}

func TestNewRefuses(t *testing.T) {
	for _, tt := range []struct {
		name  string
		rules []target.Rule
		want  string
	}{
		{"no name", []target.Rule{rule("", "", "/a")}, "a target needs a name"},
		{"reserved", []target.Rule{rule("unmatched", "", "/a")}, `target "unmatched": this name stands for what no target covers`},
		{"characters", []target.Rule{rule("a b", "", "/a")}, `target "a b": a name has letters, digits, '.', '_' and '-' only`},
		{"twice", []target.Rule{rule("a", "", "/a"), rule("a", "", "/b")}, `target "a" is there twice`},
		{"host", []target.Rule{rule("a", "A")}, `target "a": host "A": write "a" (lower case, no port, no trailing dot)`},
		{"path", []target.Rule{rule("a", "", "a")}, `target "a": path "a": a path starts with /`},
		{
			"tie",
			[]target.Rule{rule("a", "", "/x/"), rule("b", "", "/x")},
			`targets "a" and "b" both cover /x/ on any host and /x is no more specific: make one of the paths longer, or name the target in the Envoy route`,
		},
		{
			"tie on host",
			[]target.Rule{rule("a", "*.h"), rule("b", "*.h", "/")},
			`targets "a" and "b" both cover / on *.h and / is no more specific: make one of the paths longer, or name the target in the Envoy route`,
		},
		{
			"tie of stars",
			[]target.Rule{rule("a", "", "/a*/x"), rule("b", "", "/*b/x")},
			`targets "a" and "b" both cover /a*/x on any host and /*b/x is no more specific: make one of the paths longer, or name the target in the Envoy route`,
		},
		{"disjoint stars", []target.Rule{rule("a", "", "/a*"), rule("b", "", "/b*")}, ""},
		{"disjoint inside", []target.Rule{rule("a", "", "/x*ay"), rule("b", "", "/x*by")}, ""},
		{"different hosts", []target.Rule{rule("a", "h", "/x"), rule("b", "i", "/x"), rule("c", "", "/x"), rule("d", "*.h", "/x")}, ""},
		{"exact and prefix", []target.Rule{rule("a", "", "=/x"), rule("b", "", "/x"), rule("c", "", "=/x/")}, ""},
		{"star and literal", []target.Rule{rule("a", "", "/*"), rule("b", "", "/x")}, ""},
		{"same target twice", []target.Rule{rule("a", "", "/x", "/x")}, ""},
		{"route only", []target.Rule{rule("a", ""), rule("b", "")}, ""},
	} {
		got := ""
		if _, err := target.New(target.Config{Rules: tt.rules}); err != nil {
			got = err.Error()
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
	if _, err := target.New(target.Config{Default: "allow"}); err == nil {
		t.Error("default allow was accepted")
	}
}

// TestEncodedSlash: a slash in a name is one where the API has such names, and no way from one target into another.
func TestEncodedSlash(t *testing.T) {
	slashes := func(r target.Rule) target.Rule { r.Target.Slashes = true; return r }
	tab := table(t, target.Config{Default: target.DefaultObserve, Rules: []target.Rule{
		slashes(rule("store", "store", "/b/models/o")), slashes(rule("secret", "store", "/b/models/o/secret")), rule("plain", "store", "/plain"),
		slashes(rule("routed", "")), slashes(rule("all", "all")), rule("part", "all", "/part/x"),
	}})
	for _, tt := range []struct{ host, path, route, want, canonical string }{
		{"store", "/b/models/o/llm%2fw.pt?x", "", "store", "/b/models/o/llm%2Fw.pt"},
		{"store", "/b/models/o/llm%2F%77.pt", "", "store", "/b/models/o/llm%2Fw.pt"},
		{"store", "/b/models/o%2Fw.pt", "", "store", "/b/models/o%2Fw.pt"},
		{"store", "/b/models/o/secret/w%2Fx", "", "secret", "/b/models/o/secret/w%2Fx"},
		{"store", "/b/models/o/secret%2Fw.pt", "", "path_ambiguous", ""},
		{"store", "/b/models/o/llm%2F..%2Fsecret", "", "path_ambiguous", ""},
		{"store", "/b/models/o/llm%2F%2Fw.pt", "", "path_ambiguous", ""},
		{"store", "/b/models/o/%2Fw.pt", "", "path_ambiguous", ""},
		{"store", "/b/models/o/llm%252Fw.pt", "", "path_ambiguous", ""},
		{"store", "/b/models/o/llm%5Cw.pt", "", "path_ambiguous", ""},
		{"store", "/plain/a%2Fb", "", "path_ambiguous", ""},
		{"store", "/plain%2Fa", "", "path_ambiguous", ""},
		{"store", "/else/a%2Fb", "", "path_ambiguous", ""},
		{"all", "/any/a%2Fb", "", "all", "/any/a%2Fb"},
		{"all", "/part%2Fx", "", "path_ambiguous", ""},
		{"h", "/any/a%2Fb", "routed", "routed", "/any/a%2Fb"},
		{"store", "/plain%2Fa", "routed", "target_conflict", ""},
	} {
		m, err := tab.Resolve(authz.Request{Host: tt.host, Path: tt.path, Route: tt.route})
		got := m.Target.Name
		if err != nil {
			got, m.Path = authz.AsError(err).Label, ""
		}
		if got != tt.want || m.Path != tt.canonical {
			t.Errorf("%s%s (route %q) is %s, %q; want %s, %q", tt.host, tt.path, tt.route, got, m.Path, tt.want, tt.canonical)
		}
	}
}

// guarded is a table in which everything under /guarded and nothing else belongs to a target.
func guarded(t testing.TB) *target.Table {
	return table(t, target.Config{Rules: []target.Rule{rule("guarded", "", "/guarded/a")}})
}

func FuzzPath(f *testing.F) {
	for _, s := range []string{
		"/guarded/a", "/guarded/ab", "/guarded/a/b?c", "/guarded/%61", "/guarded%2fa", "/x/../guarded/a", "/guarded/./a", "/guarded//a",
		"/guarded/a%2f..%2fb", "/%67uarded/a;x", "/guarded/%25%36%31", "/caf%c3%a9", "/guarded\\a", "/a%", "/\xff",
	} {
		f.Add(s)
	}
	tab := guarded(f)
	named := target.Rule{Target: authz.Target{Name: "guarded", Slashes: true}, Paths: []string{"/guarded/a"}}
	slashes := table(f, target.Config{Rules: []target.Rule{named, {Target: authz.Target{Name: "else", Slashes: true}, Paths: []string{"/"}}}})
	f.Fuzz(func(t *testing.T, s string) {
		if m, err := slashes.Resolve(authz.Request{Host: "h", Path: s}); err == nil { // both readings of it are of that target
			served, err := url.PathUnescape(m.Path)
			inside := served == "/guarded/a" || strings.HasPrefix(served, "/guarded/a/")
			if err != nil || inside != (m.Target.Name == "guarded") || path.Clean(served) != strings.TrimSuffix(served, "/") && served != "/" {
				t.Fatalf("%q belongs to %s as %q", s, m.Target.Name, m.Path)
			}
		}
		c, err := target.CanonicalPath(s)
		m, rerr := tab.Resolve(authz.Request{Host: "h", Path: s})
		if err != nil {
			if rerr == nil {
				t.Fatalf("Resolve(%q) matched %q, an ambiguous path", s, m.Target.Name)
			}
			return
		}
		again, err := target.CanonicalPath(c)
		if err != nil || again != c {
			t.Fatalf("canonical form of %q is %q, whose canonical form is %q (%v)", s, c, again, err)
		}
		// What an upstream that decodes once and cleans would serve must be what was matched.
		raw, _, _ := strings.Cut(s, "?")
		served, err := url.PathUnescape(raw)
		if err != nil {
			t.Fatalf("%q was accepted, a URL parser refuses it: %v", s, err)
		}
		clean := path.Clean(served)
		inside := clean == "/guarded/a" || strings.HasPrefix(clean, "/guarded/a/")
		if matched := rerr == nil; matched != inside {
			t.Fatalf("%q: an upstream serves %q, matched %v", s, clean, matched)
		}
	})
}

func FuzzHost(f *testing.F) {
	for _, s := range []string{"a", "A.b:80", "[::1]:1", "a.", "..", "[::ffff:1.2.3.4]", "a:b", "xn--a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := target.CanonicalHost(s)
		if err != nil {
			return
		}
		if again, err := target.CanonicalHost(c); err != nil || again != c {
			t.Fatalf("canonical form of %q is %q, whose canonical form is %q (%v)", s, c, again, err)
		}
	})
}

// FuzzGlob checks that a tie is reported wherever two patterns share a path that a search can find.
func FuzzGlob(f *testing.F) {
	f.Add("a*", "*b", "ab")
	f.Add("*a*", "b*b", "bab")
	f.Fuzz(func(t *testing.T, a, b, s string) {
		one, err1 := target.New(target.Config{Rules: []target.Rule{rule("a", "", "/"+a)}})
		two, err2 := target.New(target.Config{Rules: []target.Rule{rule("b", "", "/"+b)}})
		if err1 != nil || err2 != nil || strings.Contains(a+b+s, "/") {
			return
		}
		req := authz.Request{Host: "h", Path: "/" + s}
		_, err1 = one.Resolve(req)
		_, err2 = two.Resolve(req)
		if err1 != nil || err2 != nil {
			return
		}
		both, err := target.New(target.Config{Rules: []target.Rule{rule("a", "", "/"+a), rule("b", "", "/"+b)}})
		if err != nil {
			return // reported
		}
		flipped := table(t, target.Config{Rules: []target.Rule{rule("b", "", "/"+b), rule("a", "", "/"+a)}})
		m1, _ := both.Resolve(req)
		m2, _ := flipped.Resolve(req)
		if m1.Target.Name != m2.Target.Name {
			t.Fatalf("/%s and /%s both cover /%s and the order of rules decides", a, b, s)
		}
	})
}

func BenchmarkResolve(b *testing.B) {
	for _, n := range []int{4, 200} {
		var rules []target.Rule
		for i := range n {
			rules = append(rules, rule(fmt.Sprintf("t%d", i), "", fmt.Sprintf("/t%d/v1/*/embeddings", i)))
		}
		tab := table(b, target.Config{Rules: append(rules, rule("host", "embed.example.com", "/v1/embeddings"))})
		for _, req := range []authz.Request{{Host: "embed.example.com:443", Path: "/v1/embeddings"}, {Host: "other.example.com", Path: "/t3/v1/ada/%65mbeddings"}} {
			b.Run(fmt.Sprintf("targets=%d/path=%s", n, strings.ReplaceAll(strings.Trim(req.Path, "/"), "/", "_")), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := tab.Resolve(req); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
