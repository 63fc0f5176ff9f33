package authn

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/weirgate/weir/pkg/authz"
)

// CertificateRule says who a client certificate is, where a target takes one for an identity (the carrier "certificate").
type CertificateRule struct {
	// Match is the name that the certificate must have: a URI such as spiffe://research.example/ns/rag/*, "dns:" and a DNS name, or "subject:"
	// and its subject as in RFC 2253. * stands for anything but /, and in a subject for anything within one value; ** for anything.
	Match  string
	Kind   authz.SubjectKind // default workload
	Groups []string
}

// The kinds of name besides a URI.
const (
	prefixDNS     = "dns:"
	prefixSubject = "subject:"
)

// issuerX509 is the issuer of subjects that are known by a certificate without a SPIFFE ID: whoever Envoy's authorities are.
const issuerX509 = "x509"

// headerXFCC is where a proxy before Envoy, or Envoy itself, says what certificate the client had.
const headerXFCC = "x-forwarded-client-cert"

// certificateRule is a rule made ready.
type certificateRule struct {
	CertificateRule
	match *regexp.Regexp
}

func newCertificateRules(rules []CertificateRule) ([]certificateRule, error) {
	out := make([]certificateRule, len(rules))
	for i, r := range rules {
		if !strings.Contains(r.Match, "://") && !strings.HasPrefix(r.Match, prefixDNS) && !strings.HasPrefix(r.Match, prefixSubject) {
			return nil, fmt.Errorf("certificate %q: want a URI, dns: and a name, or subject: and one", r.Match)
		}
		if r.Kind = orDefault(r.Kind, authz.Workload); !known(r.Kind) {
			return nil, fmt.Errorf("certificate %q: kind %q: want human, workload or agent", r.Match, r.Kind)
		}
		one := `[^/]*`
		if strings.HasPrefix(r.Match, prefixSubject) {
			one = `(?:[^,+\\/]|\\.)*` // a comma or plus that is not escaped begins another name
		}
		pattern := regexp.QuoteMeta(r.Match)
		pattern = strings.ReplaceAll(pattern, `\*\*`, `.*`)
		pattern = strings.ReplaceAll(pattern, `\*`, one)
		match, err := regexp.Compile(`^` + pattern + `$`)
		if err != nil {
			return nil, fmt.Errorf("certificate %q: %w", r.Match, err)
		}
		out[i] = certificateRule{r, match}
	}
	return out, nil
}

// certified returns who the client certificate is.
func (a *Authenticator) certified(req authz.Request) (authz.Subject, error) {
	cert, err := a.certificate(req)
	switch {
	case err != nil:
		return authz.Subject{}, err
	case cert.Digest == "":
		return authz.Subject{}, refuse(labelNoCertificate, nil)
	case !cert.Verified:
		return authz.Subject{}, refuse(labelCertificate, errors.New("neither Envoy nor any certificate authority of ours says that it is verified"))
	}
	if strings.HasPrefix(cert.URI, prefixDNS) || strings.HasPrefix(cert.URI, prefixSubject) {
		cert.URI = "" // a URI of that scheme (RFC 4501) is none of the names that we call so: whoever may choose one may not choose those
	}
	for _, rule := range a.certificates {
		for _, name := range [...]string{cert.URI, prefixDNS + cert.DNS, prefixSubject + cert.Subject} {
			if name == "" || strings.HasSuffix(name, ":") || !rule.match.MatchString(name) {
				continue
			}
			if id, err := identifier(name); err == nil {
				return authz.Subject{
					Issuer: domainOf(id), ID: id, Kind: rule.Kind, Groups: slices.Clone(rule.Groups), Credential: "x5t:" + cert.Digest,
				}, nil
			}
		}
	}
	return authz.Subject{}, refuse(labelCertificate, errors.New("no rule is about a certificate of this name"))
}

// domainOf returns the issuer of a certificate's name: the SPIFFE trust domain, where it has one.
func domainOf(id string) string {
	rest, ok := strings.CutPrefix(id, "spiffe://")
	if !ok {
		return issuerX509
	}
	domain, _, _ := strings.Cut(rest, "/")
	return "spiffe://" + domain
}

// certificate returns the client's certificate: that of Envoy's connection, or what a proxy before Envoy says of it.
func (a *Authenticator) certificate(req authz.Request) (authz.Certificate, error) {
	if !a.cfg.ForwardedCertificate {
		if list := a.authorities.Load(); list != nil && req.Certificate.DER != "" {
			return list.verify(req.Certificate, a.cfg.Now()), nil
		}
		return req.Certificate, nil
	}
	values := req.Headers[headerXFCC]
	if len(values) == 0 || values[0] == "" {
		return authz.Certificate{}, nil
	}
	if len(values) > 1 {
		return authz.Certificate{}, refuse(labelForwarded, errors.New("more than one x-forwarded-client-cert"))
	}
	return parseXFCC(values[0])
}

// parseXFCC reads one element of x-forwarded-client-cert: pairs of a key and a value, which may be in double quotes. Two elements are refused:
// the second is of another hop, and which one is the client's depends on who was configured to append. Envoy does not quote names of the kinds
// URI and DNS (envoyproxy/envoy issue 32945), so one that has a semicolon in it goes on as if it were another pair: nothing but such names may
// follow one, as Envoy writes them. Where the certificate itself is forwarded, its names are taken from there.
func parseXFCC(value string) (authz.Certificate, error) {
	cert := authz.Certificate{Verified: true}
	var whole string
	named := false
	bad := refuse(labelForwarded, errors.New("x-forwarded-client-cert is not one element"))
	for rest := value; rest != ""; {
		key, after, ok := strings.Cut(rest, "=")
		if !ok {
			return authz.Certificate{}, bad
		}
		var v string
		if v, rest, ok = xfccValue(after); !ok {
			return authz.Certificate{}, bad
		}
		switch strings.ToLower(key) {
		case "uri":
			cert.URI, named = orDefault(cert.URI, v), true
			continue
		case "dns":
			cert.DNS, named = orDefault(cert.DNS, v), true
			continue
		case "hash":
			ok = cert.Digest == ""
			cert.Digest = strings.ToLower(v)
		case "subject":
			ok = cert.Subject == ""
			cert.Subject = v
		case "cert":
			ok = whole == ""
			whole = v
		}
		if !ok || named {
			return authz.Certificate{}, bad
		}
	}
	if len(cert.Digest) != 64 || strings.Trim(cert.Digest, "0123456789abcdef") != "" {
		return authz.Certificate{}, bad
	}
	if whole != "" {
		if err := nameFrom(&cert, whole); err != nil {
			return authz.Certificate{}, refuse(labelForwarded, err)
		}
	}
	return cert, nil
}

// nameFrom takes the names from the certificate itself, which Envoy writes as PEM that is escaped for URLs.
func nameFrom(cert *authz.Certificate, escaped string) error {
	text, err := url.PathUnescape(escaped)
	if err != nil {
		return errors.New("the Cert of x-forwarded-client-cert is not escaped as it should be")
	}
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return errors.New("the Cert of x-forwarded-client-cert is not PEM")
	}
	if sum := sha256.Sum256(block.Bytes); hex.EncodeToString(sum[:]) != cert.Digest {
		return errors.New("the Cert of x-forwarded-client-cert is not that of its Hash")
	}
	x, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return fmt.Errorf("the Cert of x-forwarded-client-cert: %w", err)
	}
	cert.Subject, cert.URI, cert.DNS = namesOf(x)
	return nil
}

// xfccValue reads a value up to the semicolon behind it, or the end. What is escaped in quotes stays so: Envoy writes a subject as RFC 2253 has
// it, whose own escapes tell a comma in a name from one between names.
func xfccValue(s string) (value, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		value, rest, _ = strings.Cut(s, ";")
		return value, rest, !strings.ContainsAny(value, `,"`)
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			if i++; i == len(s) {
				return "", "", false
			}
			b.WriteString(s[i-1 : i+1])
		case '"':
			rest = s[i+1:]
			if rest != "" && rest[0] != ';' {
				return "", "", false
			}
			return b.String(), strings.TrimPrefix(rest, ";"), true
		default:
			b.WriteByte(s[i])
		}
	}
	return "", "", false
}
