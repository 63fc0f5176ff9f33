package target_test

import (
	"strings"
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/target"
)

// TestLead: only what surely leads to a target that enforces is guarded; whatever else a redirect says hands out what is there.
func TestLead(t *testing.T) {
	table, err := target.New(target.Config{Default: target.DefaultObserve, Rules: []target.Rule{
		{Target: authz.Target{Name: "hub"}, Hosts: []string{"hub.example"}},
		{Target: authz.Target{Name: "cdn"}, Hosts: []string{"cdn.example", "*.cdn.example"}, Paths: []string{"/blobs"}},
		{Target: authz.Target{Name: "gcs", Slashes: true}, Hosts: []string{"gcs.example"}},
		{Target: authz.Target{Name: "watched", Mode: authz.ModeObserve}, Hosts: []string{"watched.example"}},
		{Target: authz.Target{Name: "anywhere"}, Paths: []string{"/any"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, host, location string
		target               string // "": not guarded
		home                 bool
		absolute             string // "": as location
	}{
		{"another host", "hub.example", "https://cdn.example/blobs/a?X-Amz-Signature=0a%2F1b&x", "cdn", false, ""},
		{"below it", "hub.example", "https://eu.cdn.example/blobs/a", "cdn", false, ""},
		{"in capitals", "hub.example", "HTTPS://CDN.example/blobs/a", "cdn", false, "https://CDN.example/blobs/a"},
		{"with escapes", "hub.example", "https://cdn.example/blobs/a%20b%2a", "cdn", false, ""},
		{"the port that was asked", "hub.example:10000", "http://cdn.example:10000/blobs/a", "cdn", false, ""},
		{"no port", "hub.example:10000", "http://cdn.example/blobs/a", "cdn", false, ""},
		{"another port", "hub.example:10000", "http://cdn.example:10001/blobs/a", "", false, ""},
		{"a port where none was asked", "hub.example", "http://cdn.example:8000/blobs/a", "", false, ""},
		{"another path", "hub.example", "https://cdn.example/other/a", "", false, ""},
		{"a path that goes up", "hub.example", "https://cdn.example/blobs/../other", "", false, ""},
		{"a path that goes up, written otherwise", "hub.example", "https://cdn.example/blobs/%2e%2e/other", "", false, ""},
		{"an encoded slash", "hub.example", "https://cdn.example/blobs/a%2Fb", "", false, ""},
		{"an encoded slash where names have one", "hub.example", "https://gcs.example/b/c/o/a%2Fb?alt=media", "gcs", false, ""},
		{"a host that nobody guards", "hub.example", "https://evil.example/blobs/a", "", false, ""},
		{"a host of that ending", "hub.example", "https://evilcdn.example/blobs/a", "", false, ""},
		{"a target of any host", "hub.example", "https://evil.example/any", "", false, ""},
		{"what is only observed", "hub.example", "https://watched.example/a", "", false, ""},
		{"home", "hub.example:10000", "/blobs/a?b", "hub", true, "http://hub.example:10000/blobs/a?b"},
		{"home, beside it", "hub.example", "c", "hub", true, "http://hub.example/org/c"},
		{"home, a query", "hub.example", "?d", "hub", true, "http://hub.example/org/llm?d"},
		{"home, by its name", "hub.example", "http://hub.example/b", "hub", true, ""},
		{"home, a target of any host", "else.example", "/any/b", "anywhere", true, "http://else.example/any/b"},
		{"home, what no target covers", "else.example", "/b", "", false, ""},
		{"another host, by a scheme of the client's choice", "hub.example", "//cdn.example/blobs/a", "cdn", false, "http://cdn.example/blobs/a"},
		{"a fragment", "hub.example", "https://cdn.example/blobs/a#b", "cdn", false, "https://cdn.example/blobs/a"},
		{"somebody's name", "hub.example", "https://cdn.example@evil.example/blobs/a", "", false, ""},
		{"somebody's name before it", "hub.example", "https://evil@cdn.example/blobs/a", "", false, ""},
		{"a backslash", "hub.example", `https://cdn.example\@evil.example/blobs/a`, "", false, ""},
		{"a backslash for a slash", "hub.example", `/\evil.example/blobs/a`, "", false, ""},
		{"three slashes", "hub.example", "///evil.example/blobs/a", "", false, ""},
		{"a scheme and no host", "hub.example", "https:cdn.example/blobs/a", "", false, ""},
		{"a scheme and one slash", "hub.example", "https:/evil.example/blobs/a", "", false, ""},
		{"another scheme", "hub.example", "ftp://cdn.example/blobs/a", "", false, ""},
		{"a line end", "hub.example", "https://cdn.example/blobs/a\r\nx: y", "", false, ""},
		{"a tab in the scheme", "hub.example", "ht\ttps://evil.example/", "", false, ""},
		{"a space before", "hub.example", " https://cdn.example/blobs/a", "", false, ""},
		{"not ASCII", "hub.example", "https://cdn.example/blobs/ä", "", false, ""},
		{"nothing", "hub.example", "", "", false, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := table.Lead(authz.Request{Scheme: "http", Host: tt.host, Path: "/org/llm?x"}, tt.location)
			if l.Guarded != (tt.target != "") || l.Guarded != (l.Target != nil) || l.Home != tt.home {
				t.Fatalf("guarded %v, target %v, home %v; want target %q, home %v", l.Guarded, l.Target, l.Home, tt.target, tt.home)
			}
			want := tt.absolute
			if want == "" && l.Guarded {
				want = tt.location
			}
			if l.Location != want || l.Guarded && l.Target.Name != tt.target || (l.Fragment == "#b") != (tt.name == "a fragment") {
				t.Errorf("leads to %+v (target %+v); want %q at %q", l, l.Target, want, tt.target)
			}
		})
	}
}

// FuzzLead: what is guarded leads to a host that a target names, or to the one that was asked, and is the same to whoever reads it again.
func FuzzLead(f *testing.F) {
	for _, seed := range []string{"https://cdn.example/a?b", "//cdn.example/a", "/a/../b", `https://cdn.example\@evil.example/`, "a", "https:cdn.example", "#", "http://cdn.example:80/%61"} {
		f.Add(seed)
	}
	table, err := target.New(target.Config{Rules: []target.Rule{
		{Target: authz.Target{Name: "cdn"}, Hosts: []string{"cdn.example"}}, {Target: authz.Target{Name: "any"}, Paths: []string{"/any"}},
	}})
	if err != nil {
		f.Fatal(err)
	}
	req := authz.Request{Scheme: "https", Host: "hub.example", Path: "/any/b"}
	f.Fuzz(func(t *testing.T, location string) {
		l := table.Lead(req, location)
		if !l.Guarded {
			return
		}
		if again := table.Lead(req, l.Location); !again.Guarded || again.Location != l.Location || again.Target.Name != l.Target.Name || again.Home != l.Home {
			t.Errorf("%q leads to %+v, and that to %+v", location, l, again)
		}
		scheme, rest, _ := strings.Cut(l.Location, "://")
		host, path, _ := strings.Cut(rest, "/")
		name, _ := target.CanonicalHost(host)
		if scheme != "http" && scheme != "https" || name != "cdn.example" && (name != "hub.example" || !l.Home) {
			t.Errorf("%q leads to %q", location, l.Location)
		}
		if m, err := table.Resolve(authz.Request{Host: host, Path: "/" + path}); err != nil || m.Target.Name != l.Target.Name {
			t.Errorf("%q leads to %q, which is %q (%v)", location, l.Location, m.Target.Name, err)
		}
	})
}
