package target

import (
	"net/url"
	"strings"

	"github.com/weirgate/weir/pkg/authz"
)

// Lead is where a redirect leads. The zero Lead leads to nothing that is guarded here.
type Lead struct {
	Location string        // absolute, without a fragment; empty where Guarded is false
	Fragment string        // what was behind it, with its #
	Guarded  bool          // whoever follows asks a target that enforces
	Target   *authz.Target // that one; nil where Guarded is false
	Home     bool          // it is on the very host and port that was asked: the client shows there what it shows here
}

// maxLocation bounds a location that is followed in thought, in bytes.
const maxLocation = 8 << 10

// Lead tells where the location of an answer to a request leads (RFC 9110 §10.2.2). It is guarded where a target names the host, and covers the
// path, or where it is on the host that was asked and some target covers it; and where it leads to the port by which the request came, or names
// none: targets do not compare ports, but behind another one may be anybody. What can be read in two ways, or leads to what is only observed,
// is not guarded: whoever is sent there has what is there.
func (t *Table) Lead(req authz.Request, location string) Lead {
	to, fragment, some := strings.Cut(location, "#")
	u := resolve(req, to)
	if u == nil {
		return Lead{}
	}
	asked, err := CanonicalHost(req.Host)
	port, came := portOf(u.Host), portOf(req.Host)
	if err != nil || port != "" && port != came {
		return Lead{}
	}
	m, err := t.Resolve(authz.Request{Host: u.Host, Path: u.EscapedPath()})
	out := Lead{Guarded: true, Home: m.Host == asked && port == came, Location: u.String(), Target: &m.Target}
	if err != nil || m.Target.Mode == authz.ModeObserve || !out.Home && t.named(m.Host, m.Path) == nil {
		return Lead{}
	}
	if some {
		out.Fragment = "#" + fragment
	}
	return out
}

// resolve returns the absolute form of a location without its fragment; nil where it is none, or clients may differ in what it is.
func resolve(req authz.Request, location string) *url.URL {
	odd := func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("\\\"<>^`{|}", r) }
	if location == "" || len(location) > maxLocation || strings.ContainsFunc(location, odd) {
		return nil
	}
	u, err := url.Parse(location)
	if err != nil || u.User != nil || u.Opaque != "" || (u.Scheme != "" || strings.HasPrefix(location, "//")) && u.Host == "" {
		return nil
	}
	asked, _, _ := strings.Cut(req.Path, "?")
	base := &url.URL{Scheme: "http", Host: req.Host}
	if req.Scheme != "" {
		base.Scheme = req.Scheme
	}
	if u.Host == "" {
		if base, err = base.Parse(asked); err != nil {
			return nil
		}
	}
	if u = base.ResolveReference(u); u.Scheme != "http" && u.Scheme != "https" {
		return nil
	}
	if u.Path == "" {
		u.Path = "/"
	}
	return u
}

// portOf returns the port of an authority; empty where it names none.
func portOf(authority string) string {
	i := strings.LastIndexByte(authority, ':')
	if i < 0 || strings.HasSuffix(authority, "]") {
		return ""
	}
	return authority[i+1:]
}
