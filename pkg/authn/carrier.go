package authn

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/weirgate/weir/pkg/authz"
)

// The carriers by default.
const (
	CarrierAuthorization = "authorization"
	CarrierWeirToken     = "weir-token"
)

const (
	prefixBase64       = "base64:"
	prefixURL          = "url:"
	carrierCertificate = "certificate"
)

// carriers are the places of a request where a token is looked for.
type carriers struct {
	own     []string // headers that are ours alone
	bearer  bool     // Authorization, with the scheme Bearer
	encoded []string // headers that hold a token in base64, without a scheme

	parameter   string // of the query, with a capability; empty: none
	certificate bool   // where there is no token, the client certificate is the identity
}

// parseCarriers reads where a token may come. Each is one of
//
//	authorization    the header Authorization, with the scheme Bearer (RFC 6750 §2.1)
//	NAME             the header of that lower-case name, with or without that scheme
//	base64:NAME      that header, with the token in base64 and no scheme: authorization as pymilvus sends it, in gRPC metadata
//	url:NAME         the query parameter of that name, with a Capability
//	certificate      the client certificate, where no token came: by Config.Certificates
//
// A header other than Authorization is ours alone, and so is the parameter: where it is present its token is the one, and Authorization is somebody else's.
func parseCarriers(list []string) (*carriers, error) {
	if len(list) == 0 {
		return nil, errors.New("no carrier is configured")
	}
	out := &carriers{}
	for i, text := range list {
		if text == carrierCertificate && !out.certificate {
			out.certificate = true
			continue
		}
		if name, ok := strings.CutPrefix(text, prefixURL); ok && headerName(name) && out.parameter == "" {
			out.parameter = name
			continue
		}
		name, encoded := strings.CutPrefix(text, prefixBase64)
		if !headerName(name) || slices.Contains(list[:i], text) {
			return nil, fmt.Errorf("carrier %q: want distinct ones, each the name of a header in lower case, or base64: and one", text)
		}
		switch {
		case encoded:
			out.encoded = append(out.encoded, name)
		case name == CarrierAuthorization:
			out.bearer = true
		default:
			out.own = append(out.own, name)
		}
	}
	for _, name := range out.encoded {
		if slices.Contains(out.own, name) {
			return nil, fmt.Errorf("carrier %q: plain or in base64, not both", name)
		}
		if name != CarrierAuthorization {
			out.own = append(out.own, name)
		}
	}
	return out, nil
}

// nothing refuses who has shown nothing where a certificate would do: whatever else would is named, too.
func (c *carriers) nothing() *authz.Error {
	out := refuse(labelNoCertificate, nil)
	headers := slices.Clone(c.own)
	if c.bearer || slices.Contains(c.encoded, CarrierAuthorization) {
		headers = append([]string{CarrierAuthorization}, headers...)
	}
	var ways []string
	if len(headers) > 0 {
		ways = append(ways, "a token (header "+strings.Join(headers, " or ")+")")
	}
	if c.parameter != "" {
		ways = append(ways, "a capability in the URL ("+c.parameter+")")
	}
	out.Public = strings.Join(append(ways, out.Public), " or ")
	return out
}

// headerName reports whether name is a lower-case field name (RFC 9110 §5.1).
func headerName(name string) bool {
	return name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}

// shown is a token where it was found: in a header, or as a capability in a parameter.
type shown struct {
	header    string
	scheme    string // schemeBearer, schemeDPoP, or "" without one
	token     string
	parameter string
}

// The schemes of Authorization that are ours, in lower case.
const (
	schemeBearer = "bearer"
	schemeDPoP   = "dpop" // RFC 9449 §7.1
)

// find returns our token; the zero value without one. Errors are *authz.Error.
func (c *carriers) find(req authz.Request) (shown, error) {
	var s shown
	for _, own := range c.own {
		values := req.Headers[own]
		if len(values) == 0 {
			continue
		}
		if s.header != "" || len(values) > 1 {
			return shown{}, refuse(labelDuplicate, errors.New("more than one token in the carriers"))
		}
		s = shown{header: own, token: values[0]}
	}
	if c.parameter != "" && strings.Contains(req.Path, "?") {
		if _, values := CutParameter(req.Path, c.parameter); len(values) > 0 {
			if s.header != "" || len(values) > 1 {
				return shown{}, refuse(labelDuplicate, errors.New("more than one token in the carriers"))
			}
			return shown{token: values[0], parameter: c.parameter}, nil
		}
	}
	if s.header != "" {
		return c.unwrap(s)
	}
	values := req.Headers[CarrierAuthorization]
	if len(values) == 0 {
		return shown{}, nil
	}
	if len(values) > 1 && (c.bearer || len(c.encoded) > 0) {
		return shown{}, refuse(labelDuplicate, errors.New("more than one authorization header"))
	}
	return c.authorization(values[0])
}

// authorization reads an Authorization header: one of a scheme that is not ours holds nothing for us.
func (c *carriers) authorization(value string) (shown, error) {
	if scheme, token := cutScheme(value); scheme != "" && c.bearer {
		if token == "" {
			return shown{}, refuse(labelMissing, nil)
		}
		return shown{header: CarrierAuthorization, scheme: scheme, token: token}, nil
	}
	if value = strings.Trim(value, " \t"); !slices.Contains(c.encoded, CarrierAuthorization) || value == "" || strings.Contains(value, " ") {
		return shown{}, nil
	}
	return c.decode(CarrierAuthorization, value)
}

// unwrap takes the token out of a header that is ours alone.
func (c *carriers) unwrap(s shown) (shown, error) {
	if scheme, rest := cutScheme(s.token); scheme != "" {
		s.scheme, s.token = scheme, rest
	}
	if s.token = strings.Trim(s.token, " \t"); s.token == "" {
		return shown{}, refuse(labelMissing, nil)
	}
	if slices.Contains(c.encoded, s.header) {
		return c.decode(s.header, s.token)
	}
	return s, nil
}

// decode reads a token in base64 (RFC 4648 §4), with padding or without.
func (c *carriers) decode(header, value string) (shown, error) {
	if len(value) > base64.StdEncoding.EncodedLen(MaxToken) {
		return shown{}, refuse(labelTooLarge, nil)
	}
	raw, err := base64.RawStdEncoding.Strict().DecodeString(strings.TrimRight(value, "="))
	if err != nil || strings.ContainsAny(value, "\r\n") {
		return shown{}, refuse(labelMalformed, errors.New("not base64"))
	}
	return shown{header: header, token: string(raw)}, nil
}

// ours returns the header that holds something of ours, though not a good token: a header that is ours alone, or an Authorization with a
// token that names one of our issuers. Whatever else is in Authorization is somebody else's: an upstream's own API key looks like that.
func (a *Authenticator) ours(c *carriers, h authz.Header) string {
	for _, own := range c.own {
		if len(h[own]) > 0 {
			return own
		}
	}
	for _, value := range h[CarrierAuthorization] {
		for one := range strings.SplitSeq(value, ",") { // two that a proxy joined
			s, err := c.authorization(one)
			if err != nil || s.token == "" {
				continue
			}
			if p, err := parse(s.token); err == nil && a.issuerOf(p.claims) != nil {
				return CarrierAuthorization
			}
		}
	}
	return ""
}

// cutScheme takes the scheme off "Bearer x" or "DPoP x" (RFC 6750 §2.1; a scheme's case does not matter, RFC 9110 §11.1). The scheme is empty
// where it is neither.
func cutScheme(value string) (scheme, token string) {
	value = strings.Trim(value, " \t")
	for _, scheme := range [...]string{schemeBearer, schemeDPoP} {
		if len(value) < len(scheme) || !strings.EqualFold(value[:len(scheme)], scheme) {
			continue
		}
		if rest := value[len(scheme):]; rest == "" || rest[0] == ' ' {
			return scheme, strings.TrimLeft(rest, " ")
		}
	}
	return "", ""
}
