package authn

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/weirgate/weir/pkg/authz"
)

const (
	maxSub    = 255 // bytes (OpenID Connect Core §2)
	maxActors = 16
)

// ClaimPaths says in which claims an issuer puts the subject's properties. A path is a claim's name or, where there is no claim of that
// whole name, names joined with dots: "realm_access.roles". The zero value gives the defaults.
type ClaimPaths struct {
	Groups []string // each a string or a list of strings; all are joined; default groups
	Name   string   // default name
	Email  string   // default email
	Kind   string   // human, workload or agent; default weir_kind; a token without it is a human's
}

func (c *ClaimPaths) fill() error {
	if c.Groups == nil {
		c.Groups = []string{"groups"}
	}
	c.Name = orDefault(c.Name, "name")
	c.Email = orDefault(c.Email, "email")
	c.Kind = orDefault(c.Kind, "weir_kind")
	if slices.Contains(c.Groups, "") {
		return errors.New("an empty claim path")
	}
	return nil
}

// lookup finds the value at a path.
func lookup(claims map[string]any, path string) (any, bool) {
	if v, ok := claims[path]; ok { // names that are URLs have dots
		return v, true
	}
	for i := range len(path) {
		if path[i] != '.' {
			continue
		}
		if inner, ok := claims[path[:i]].(map[string]any); ok {
			if v, ok := lookup(inner, path[i+1:]); ok {
				return v, true
			}
		}
	}
	return nil, false
}

// subject reads the subject from verified claims. A claim of a wrong type refuses the token rather than being passed over: a rule against a
// group must not fail because the group could not be read.
func (i *Issuer) subject(claims map[string]any, sum *[sha256.Size]byte) (authz.Subject, error) {
	s := authz.Subject{Issuer: i.URL, Kind: authz.Human, Credential: hex.EncodeToString(sum[:8])}
	var err error
	if s.ID, err = identifier(claims["sub"]); err != nil {
		return authz.Subject{}, malformed("sub", err)
	}
	if jti, ok := claims["jti"]; ok {
		text, ok := jti.(string)
		if !ok {
			return authz.Subject{}, malformed("jti", errors.New("not a string"))
		}
		if text != "" && len(text) <= maxSub && !control(text) {
			s.Credential = text
		}
	}
	if s.Name, err = text(claims, i.Claims.Name); err != nil {
		return authz.Subject{}, err
	}
	if s.Email, err = text(claims, i.Claims.Email); err != nil {
		return authz.Subject{}, err
	}
	if s.Groups, err = i.Claims.groups(claims); err != nil {
		return authz.Subject{}, err
	}
	kind, err := text(claims, i.Claims.Kind)
	if err != nil {
		return authz.Subject{}, err
	}
	switch k := authz.SubjectKind(kind); k {
	case "":
	case authz.Human, authz.Workload, authz.Agent:
		s.Kind = k
	default:
		return authz.Subject{}, malformed("kind", errors.New("not human, workload or agent"))
	}
	if s.Actors, err = actors(claims); err != nil {
		return authz.Subject{}, malformed("act", err)
	}
	if len(s.Actors) > 0 {
		s.Kind = authz.Agent // whatever the subject is: an actor acts for it
	}
	s.Claims = i.others(claims)
	return s, nil
}

func malformed(claim string, cause error) error {
	return refuse(labelMalformed, fmt.Errorf("claim %s: %w", claim, cause))
}

// text returns the string at a path; absent and null are "".
func text(claims map[string]any, path string) (string, error) {
	v, _ := lookup(claims, path)
	if v == nil {
		return "", nil
	}
	s, ok := v.(string)
	if !ok {
		return "", malformed(path, errors.New("not a string"))
	}
	return s, nil
}

// groups joins what is at the paths, each group once.
func (c *ClaimPaths) groups(claims map[string]any) ([]string, error) {
	var out []string
	seen := map[string]bool{}
	for _, path := range c.Groups {
		var list []string
		switch v, _ := lookup(claims, path); v := v.(type) {
		case nil:
			continue
		case string:
			list = []string{v}
		default:
			var ok bool
			if list, ok = texts(v); !ok {
				return nil, malformed(path, errors.New("not a string or a list of strings"))
			}
		}
		for _, group := range list {
			if group != "" && !seen[group] {
				seen[group] = true
				out = append(out, group)
			}
		}
	}
	return out, nil
}

// actors reads the chain of act claims (RFC 8693 §4.1): the outermost is the current actor.
func actors(claims map[string]any) ([]authz.Actor, error) {
	var out []authz.Actor
	for {
		v, ok := claims["act"]
		if !ok {
			return out, nil
		}
		act, ok := v.(map[string]any)
		if !ok || len(out) == maxActors {
			return nil, errors.New("not an object, or too long a chain")
		}
		id, err := identifier(act["sub"])
		if err != nil {
			return nil, err
		}
		a := authz.Actor{ID: id}
		if iss, there := act["iss"]; there {
			if a.Issuer, ok = iss.(string); !ok || control(a.Issuer) || strings.Contains(a.Issuer, "|") {
				return nil, errors.New("its iss is not one")
			}
		}
		out = append(out, a)
		claims = act
	}
}

// identifier checks a sub. '|' separates issuer and sub in authz.Subject.Ref, and a control character could forge a line of a log.
func identifier(v any) (string, error) {
	s, ok := v.(string)
	if !ok || s == "" || len(s) > maxSub || control(s) || strings.Contains(s, "|") {
		return "", fmt.Errorf("want a string of 1 to %d bytes without | and control characters", maxSub)
	}
	return s, nil
}

// control reports whether s holds a control or format character, or a line end of any kind.
func control(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) || r == utf8.RuneError
	})
}

// others returns the claims that the subject does not hold already.
func (i *Issuer) others(claims map[string]any) map[string]any {
	out := make(map[string]any, len(claims))
	for name, v := range claims {
		switch name {
		case "iss", "sub", "exp", "nbf", "jti", "act", i.Claims.Name, i.Claims.Email, i.Claims.Kind:
			continue
		}
		if !slices.Contains(i.Claims.Groups, name) {
			out[name] = v
		}
	}
	return out
}
