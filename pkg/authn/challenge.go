package authn

import (
	"net/url"
	"strings"

	"github.com/weirgate/weir/pkg/authz"
)

// challenged puts the challenge into a refusal that wants one (RFC 9110 §11.6.1): how to come back, in the words that the clients of this
// target understand. Of the token it says the class of the problem (RFC 6750 §3), and without one no error at all.
func (a *Authenticator) challenged(err error, req authz.Request, target string) error {
	e := authz.AsError(err)
	if e.Kind != authz.KindUnauthenticated {
		return e
	}
	out := *e
	t := a.cfg.Targets[target]
	parts := []string{`realm="` + orDefault(t.Realm, "weir") + `"`}
	if t.Service != "" {
		parts = append(parts, `service="`+t.Service+`"`)
	}
	if scope := ociScope(req); t.Realm != "" && scope != "" {
		parts = append(parts, `scope="`+scope+`"`)
	}
	scheme, code := "Bearer ", "invalid_token"
	if strings.HasPrefix(out.Label, "dpop_") { // RFC 9449 §7.1
		scheme = "DPoP "
		parts = append(parts, `algs="`+proofAlgorithms+`"`)
		switch out.Label {
		case labelNoProof:
		case labelNonce: // §9
			code, out.Nonce = "use_dpop_nonce", a.cfg.Nonces.next(a.cfg.Now())
		default:
			code = "invalid_dpop_proof"
		}
	}
	if !strings.HasPrefix(out.Label, "certificate_") && !strings.HasPrefix(out.Label, "capability_") && out.Label != labelMissing {
		parts = append(parts, `error="`+code+`"`, `error_description="`+out.Public+`"`)
	}
	out.Challenge = scheme + strings.Join(parts, ", ")
	return &out
}

// ociScope is the scope that an OCI client is to ask its token for, out of the path of its request (the Docker token authentication
// specification): repository:NAME:pull, with push where something is written. It is empty for every other path.
func ociScope(req authz.Request) string {
	path, _, _ := strings.Cut(req.Path, "?")
	rest, ok := strings.CutPrefix(path, "/v2/")
	if !ok || strings.ContainsFunc(rest, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) {
		return ""
	}
	end := 0 // of the name, which may hold these words too
	for _, part := range [...]string{"/manifests/", "/blobs/", "/tags/", "/referrers/"} {
		end = max(end, strings.LastIndex(rest, part))
	}
	name := rest[:end]
	if plain, err := url.PathUnescape(name); err != nil || plain != name || name == "" || len(name) > 255 {
		return ""
	}
	if req.Method == "GET" || req.Method == "HEAD" {
		return "repository:" + name + ":pull"
	}
	return "repository:" + name + ":pull,push"
}
