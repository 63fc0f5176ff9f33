package authn

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

// MaxRedirectLifetime is the longest life of a capability in a redirect.
const MaxRedirectLifetime = 10 * time.Minute

// Redirect is an answer to somebody who was told to go on elsewhere.
type Redirect struct {
	Request  authz.Request  // that is answered so
	Identity authz.Identity // who made it
	Location string         // where to: an absolute URL without a fragment
	Target   string         // whose that is
	Leave    authz.Leave    // what may be had there
	Lifetime time.Duration  // at most MaxRedirectLifetime, and never beyond the credential that Identity was shown by
}

// Parameter returns the query parameter in which a target takes capabilities; empty where it takes none.
func (a *Authenticator) Parameter(target string) string {
	places := a.usual
	if special := a.special[target]; special != nil {
		places = special
	}
	if a.cfg.Capabilities == nil {
		return ""
	}
	return places.parameter
}

// Carry returns the redirect's Location with a capability in it, and the name that this has as a credential. It is a bearer's secret, but for what
// it is bound to: the client certificate of the request, or where it had none the address that it came from. Somebody who came by a redirect's
// capability goes on by one of the same ID, and shares its budget. Errors are *authz.Error, and hold nothing of the Location.
func (a *Authenticator) Carry(r Redirect) (location, credential string, err error) {
	parameter, now := a.Parameter(r.Target), a.cfg.Now()
	if parameter == "" {
		return "", "", uncarried(errors.New("the target takes none"))
	}
	at := strings.Index(r.Location, "://") + len("://")
	slash := strings.IndexByte(r.Location[at:], '/')
	if at < len("://") || slash < 0 {
		return "", "", uncarried(errors.New("the location has no path"))
	}
	if _, values := CutParameter(r.Location, parameter); len(values) > 0 { // whose ever it is, there would be two
		return "", "", uncarried(errors.New("the location has such a parameter"))
	}
	path, query, some := strings.Cut(r.Location[at+slash:], "?")
	p := Capability{
		Subject: r.Identity.Subject, Target: r.Target, Exact: exactly(path, query), Issued: now, Expires: now.Add(min(r.Lifetime, MaxRedirectLifetime, a.cfg.Capabilities.most)),
		Leave: &r.Leave,
	}
	if came := r.Identity.Subject.Expires; !came.IsZero() && came.Before(p.Expires) {
		p.Expires = came
	}
	if r.Identity.Leave != nil {
		p.ID = strings.TrimPrefix(r.Identity.Subject.Credential, authz.CredentialCapability)
	} else {
		p.ID = rand.Text()
	}
	cert, err := a.certificate(r.Request)
	if err != nil {
		return "", "", err
	}
	if p.Certificate = cert.Digest; p.Certificate == "" {
		if p.Source = addressOf(r.Request.Source); p.Source == "" {
			return "", "", uncarried(errors.New("neither the client's certificate nor its address is known: request_attributes of Envoy's filter need source.address"))
		}
	}
	text, err := a.cfg.Capabilities.Sign(p)
	if err != nil {
		return "", "", uncarried(err)
	}
	with := "?"
	switch {
	case query != "":
		with = "&"
	case some:
		with = ""
	}
	return r.Location + with + parameter + "=" + text, authz.CredentialCapability + p.ID, nil
}

// uncarried is the refusal of a redirect that cannot carry what it must.
func uncarried(cause error) *authz.Error {
	return &authz.Error{
		Kind: authz.KindUnavailable, Label: "capability_unmade", Public: "Weir could not give you leave to follow the upstream's redirect",
		Err: fmt.Errorf("a capability for a redirect: %w", cause),
	}
}

// holds checks that whoever shows a capability is whom it was given to.
func (a *Authenticator) holds(req authz.Request, p *Capability) error {
	if p.Certificate == "" && p.Source == "" {
		return nil
	}
	cert, err := a.certificate(req)
	switch {
	case err != nil:
		return err
	case p.Certificate != "" && p.Certificate != cert.Digest:
		return refuse(labelCapabilityHolder, errors.New("another client certificate, or none"))
	case p.Source != "" && p.Source != addressOf(req.Source):
		return refuse(labelCapabilityHolder, errors.New("another address"))
	}
	return nil
}

// addressOf returns the address of "ip:port", as ext_proc has it, or of "ip", as ext_authz does, in one spelling; empty where it is none.
func addressOf(source string) string {
	if a, err := netip.ParseAddrPort(source); err == nil {
		source = a.Addr().String()
	}
	a, err := netip.ParseAddr(source)
	if err != nil {
		return ""
	}
	return a.Unmap().WithZone("").String()
}

// exactly is the digest of a path with its query, the same for every way to write it that means the same (RFC 3986 §6.2.2): a client may write
// out an escape, or escape what need not be.
func exactly(path, query string) string {
	if query != "" {
		path += "?" + query
	}
	sum := sha256.Sum256([]byte(plainly(path)))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// plainly writes escapes of what needs none out, escapes what must not stand in a URL, and has the other escapes in upper case. What separates
// or may be read as something else stays as it is: / ? # & = + and ;.
func plainly(path string) string {
	const hex, plain = "0123456789ABCDEF", "-._~!$'()*,:@"
	var out strings.Builder
	for i := 0; i < len(path); i++ {
		c, escaped := path[i], false
		if c == '%' && i+2 < len(path) {
			hi, lo := strings.IndexByte(hex, upper(path[i+1])), strings.IndexByte(hex, upper(path[i+2]))
			if hi >= 0 && lo >= 0 {
				c, escaped, i = byte(hi<<4|lo), true, i+2 //nolint:gosec // two digits
			}
		}
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte(plain, c) >= 0, !escaped && strings.IndexByte("/?#&=+;", c) >= 0:
			out.WriteByte(c)
		default:
			out.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return out.String()
}

func upper(c byte) byte {
	if c >= 'a' && c <= 'z' {
		return c - 'a' + 'A'
	}
	return c
}
