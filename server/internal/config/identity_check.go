package config

import (
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/weirgate/weir/pkg/authn"
)

func (c *Config) checkIssuers(r *report) {
	if len(c.Issuers) == 0 && len(c.Certificates) == 0 && c.Policy.Identity != "policy" {
		r.add("issuers", "is missing: without an issuer nobody can say who they are")
	}
	for i, cert := range c.Certificates {
		if uri, ok := strings.CutPrefix(cert.Match, "uri:"); ok {
			r.add(fmt.Sprintf("certificates[%d].match", i), "%q: a URI stands by itself: %s", cert.Match, uri)
		} else if !strings.Contains(cert.Match, "://") && !strings.HasPrefix(cert.Match, "dns:") && !strings.HasPrefix(cert.Match, "subject:") {
			r.add(fmt.Sprintf("certificates[%d].match", i), "%q: want a URI such as spiffe://research.example/ns/rag/*, dns: and a DNS name, or subject: and a subject", cert.Match)
		}
	}
	for i := range c.Issuers {
		c.checkIssuer(r, fmt.Sprintf("issuers[%d]", i), &c.Issuers[i])
		for j := range i {
			if c.Issuers[i].Issuer == c.Issuers[j].Issuer {
				r.add(fmt.Sprintf("issuers[%d].issuer", i), "is there twice, first as issuers[%d]", j)
			}
		}
	}
}

func (c *Config) checkIssuer(r *report, key string, is *Issuer) {
	if is.Issuer == "" {
		r.add(key+".issuer", "is missing: the iss claim of its tokens")
	}
	if len(is.Audiences) == 0 {
		r.add(key+".audiences", "is missing: a token made for another service would do")
	}
	if slices.Contains(is.Audiences, "") {
		r.add(key+".audiences", "holds an empty one")
	}
	checkClaims(r, key, is)
	c.checkIntrospection(r, key, is)
	if is.Introspection.Opaque { // it has no keys
		return
	}
	source, at := is.Issuer, key+".issuer"
	switch {
	case is.JWKSURL != "" && is.JWKSFile != "":
		r.add(key+".jwks_file", "is there beside jwks_url: keys come from one place")
		return
	case is.JWKSFile != "":
		return
	case is.JWKSURL != "":
		source, at = is.JWKSURL, key+".jwks_url"
	}
	u, err := url.Parse(source)
	switch {
	case source == "":
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.Fragment != "":
		r.add(at, "want an https:// URL, because keys are fetched from it")
	case u.Scheme == "http" && !loopbackHost(u.Hostname()):
		r.add(at, "%s: keys over plain HTTP can be replaced on the way, and then anybody can make tokens: use https or jwks_file", source)
	}
}

// checkIntrospection checks where an issuer is asked about its tokens.
func (c *Config) checkIntrospection(r *report, key string, is *Issuer) {
	in := &is.Introspection
	if *in == (Introspection{}) {
		return
	}
	u, err := url.Parse(in.URL)
	switch {
	case in.URL == "":
		r.add(key+".introspection.url", "is missing: where the issuer is asked")
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.Scheme != "https" && (u.Scheme != "http" || !loopbackHost(u.Hostname())):
		r.add(key+".introspection.url", "want an https:// URL: tokens are sent there")
	}
	for i := range c.Issuers {
		if other := &c.Issuers[i]; in.Opaque && other != is && other.Introspection.Opaque {
			r.add(key+".introspection.opaque", "one issuer of opaque tokens at most: nothing in them says whose they are")
		}
	}
	if in.Opaque && (is.JWKSURL != "" || is.JWKSFile != "") {
		r.add(key+".introspection.opaque", "is there beside jwks: opaque tokens have no keys")
	}
}

// checkClaims checks what says who somebody is.
func checkClaims(r *report, key string, is *Issuer) {
	if strings.Trim(is.TrustDomain, "abcdefghijklmnopqrstuvwxyz0123456789.-_") != "" {
		r.add(key+".trust_domain", "%q: want its name alone, in lower case, such as research.example", is.TrustDomain)
	}
	if slices.Contains(is.Claims.Groups, "") {
		r.add(key+".claims.groups", "holds an empty one")
	}
	for i, k := range is.Claims.Kinds {
		key := fmt.Sprintf("%s.claims.kinds[%d]", key, i)
		switch {
		case k.Claim == "":
			r.add(key+".claim", "is missing: the claim that is looked at")
		case k.Kind == "":
			r.add(key+".kind", "is missing: want human, workload or agent")
		case (k.Value == "") == (k.Same == ""):
			r.add(key, "want value or same, and not both")
		}
	}
}

func (c *Config) checkToken(r *report) {
	if c.Capabilities.Current == "" && len(c.Capabilities.Previous) > 0 {
		r.add("capabilities.current", "is missing: previous keys only know capabilities, they do not sign them")
	}
	c.Capabilities.ring().check(r)
	if len(c.Token.DPoP.NoncePrevious) > maxPrevious {
		r.add("token.dpop.nonce_previous", "%d keys: at most %d", len(c.Token.DPoP.NoncePrevious), maxPrevious)
	}
	c.checkNonces(r)
	c.checkCarriers(r, "token.carriers", c.Token.Carriers)
	for i := range c.Targets {
		key, id := fmt.Sprintf("targets[%d].identity", i), &c.Targets[i].Identity
		c.checkCarriers(r, key+".carriers", id.Carriers)
		for name, text := range map[string]string{".realm": id.Realm, ".service": id.Service} {
			if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
				r.add(key+name, "%q: want plain characters, without quotes and backslashes", text)
			}
		}
	}
}

// checkNonces checks that there is a key for nonces where somebody wants them.
func (c *Config) checkNonces(r *report) {
	if c.Token.DPoP.NonceKeyFile != "" {
		return
	}
	const useless = "is of no use without token.dpop.nonce_key_file"
	for i := range c.Issuers {
		if c.Issuers[i].DPoPNonce {
			r.add(fmt.Sprintf("issuers[%d].dpop_nonce", i), useless)
		}
	}
	for i := range c.Targets {
		if c.Targets[i].Identity.DPoPNonce {
			r.add(fmt.Sprintf("targets[%d].identity.dpop_nonce", i), useless)
		}
	}
}

// checkCarriers checks where tokens may come.
func (c *Config) checkCarriers(r *report, key string, list []string) {
	for i, text := range list {
		key := fmt.Sprintf("%s[%d]", key, i)
		name, encoded := strings.CutPrefix(text, "base64:")
		name, inURL := strings.CutPrefix(name, "url:")
		switch {
		case text == "certificate" && len(c.Certificates) == 0:
			r.add(key, "certificate is of no use without certificates, which say who they are")
		case name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "":
			r.add(key, "%q: want the name of a header in lower case, or base64:, url: and a name", text)
		case slices.Contains(list[:i], text):
			r.add(key, "%q is there twice", text)
		case inURL && encoded:
			r.add(key, "%q: want url: or base64:", text)
		case inURL && c.Capabilities.Current == "":
			r.add(key, "%q is of no use without capabilities.current", text)
		case inURL && slices.ContainsFunc(list[:i], func(s string) bool { return strings.HasPrefix(s, "url:") }):
			r.add(key, "%q: one parameter is enough", text)
		case inURL:
		case name == "host" || name == "cookie" || strings.HasPrefix(name, "weir-") && name != "weir-token":
			r.add(key, "%q cannot carry a token: it means something else", text)
		case encoded && name != "authorization" && slices.Contains(list, name):
			r.add(key, "%q: plain or in base64, not both", text)
		}
	}
}

// secretFiles returns the files of keys and secrets that are read at start.
func (c *Config) secretFiles() []named {
	all := []named{{key: "token.dpop.nonce_key_file", at: &c.Token.DPoP.NonceKeyFile}, {key: "registry.webhook.secret_file", at: &c.Registry.Webhook.SecretFile}}
	for i := range c.Token.DPoP.NoncePrevious {
		all = append(all, named{key: fmt.Sprintf("token.dpop.nonce_previous[%d]", i), at: &c.Token.DPoP.NoncePrevious[i]})
	}
	for i := range c.Issuers {
		all = append(all, named{key: fmt.Sprintf("issuers[%d].introspection.client_secret_file", i), at: &c.Issuers[i].Introspection.ClientSecretFile})
	}
	return all
}

// identityFiles checks what is in the files that say who is believed.
func (c *Config) identityFiles(r *report) {
	for _, n := range c.secretFiles() {
		if info, err := os.Stat(*n.at); !strings.HasPrefix(n.key, "issuers[") && *n.at != "" && err == nil && info.Size() < 32 {
			r.add(n.key, "%s has %d bytes: want at least 32 random ones", *n.at, info.Size())
		}
	}
	for key, file := range map[string]struct {
		path  string
		check func([]byte) error
	}{
		"token.revocations":             {c.Token.Revocations, authn.CheckRevocations},
		"token.certificate_authorities": {c.Token.CertificateAuthorities, authn.CheckAuthorities},
	} {
		raw, err := os.ReadFile(file.path)
		if err != nil {
			continue // there is none, or that was said already
		}
		if err := file.check(raw); err != nil {
			r.add(key, "%s: %v", file.path, err)
		}
	}
}
