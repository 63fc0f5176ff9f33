package authn

import (
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
	ID          string   // what names the subject, and is the same for ever; default sub
	Groups      []string // groups and roles, each a string or a list of strings; all are joined; default groups
	GroupPrefix string   // put before every group, so that two issuers' groups of one name are not the same
	Name        string   // default name
	Email       string   // default email; not taken where email_verified is false
	Owner       string   // the sub of the person behind an agent that comes in its own name; default: none
	Kind        string   // human, workload or agent; default weir_kind
	// Justification says what the token is used for, in words; default: none.
	Justification string
	Kinds         []KindRule // tell the kind where Kind does not; the first that fits; after them, sub = client_id is a workload (RFC 9068 §5)
}

// KindRule is a sign of what a subject is.
type KindRule struct {
	Claim string            // the path of a string
	Value string            // what it must be; * at its beginning or end stands for anything
	Same  string            // or: the path of a string that it must be equal to
	Kind  authz.SubjectKind // what the subject then is
}

func (c *ClaimPaths) fill() error {
	if c.Groups == nil {
		c.Groups = []string{"groups"}
	}
	c.ID = orDefault(c.ID, "sub")
	c.Name = orDefault(c.Name, "name")
	c.Email = orDefault(c.Email, "email")
	c.Kind = orDefault(c.Kind, "weir_kind")
	if slices.Contains(c.Groups, "") {
		return errors.New("an empty claim path")
	}
	for _, k := range c.Kinds {
		if k.Claim == "" || (k.Value == "") == (k.Same == "") || !known(k.Kind) {
			return errors.New("a rule for kinds wants a claim, a value or another claim, and human, workload or agent")
		}
	}
	c.Kinds = append(slices.Clone(c.Kinds), KindRule{Claim: "sub", Same: "client_id", Kind: authz.Workload})
	return nil
}

func known(k authz.SubjectKind) bool {
	return k == authz.Human || k == authz.Workload || k == authz.Agent
}

// fits reports whether the claims bear the sign.
func (k *KindRule) fits(claims map[string]any) bool {
	v, _ := lookup(claims, k.Claim)
	s, ok := v.(string)
	if !ok || s == "" {
		return false
	}
	if k.Same != "" {
		same, _ := lookup(claims, k.Same)
		return same == s
	}
	begins, anyBefore := strings.CutPrefix(k.Value, "*")
	ends, anyBehind := strings.CutSuffix(begins, "*")
	switch {
	case anyBefore && anyBehind:
		return strings.Contains(s, ends)
	case anyBefore:
		return strings.HasSuffix(s, begins)
	case anyBehind:
		return strings.HasPrefix(s, ends)
	}
	return s == k.Value
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

// subject reads the subject from verified claims; sum is of the token. A claim of a wrong type refuses the token rather than being passed
// over: a rule against a group must not fail because the group could not be read.
func (i *Issuer) subject(claims map[string]any, sum []byte) (authz.Subject, error) {
	s := authz.Subject{Issuer: i.URL, Credential: hex.EncodeToString(sum[:8])}
	var err error
	if s.ID, err = i.id(claims); err != nil {
		return authz.Subject{}, err
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
	if !emailVerified(claims) {
		s.Email = ""
	}
	if s.Groups, err = i.Claims.groups(claims); err != nil {
		return authz.Subject{}, err
	}
	if s.Kind, err = i.kind(claims); err != nil {
		return authz.Subject{}, err
	}
	if s.Actors, err = actors(claims); err != nil {
		return authz.Subject{}, malformed("act", err)
	}
	if err := i.owned(&s, claims); err != nil {
		return authz.Subject{}, err
	}
	if i.Claims.Justification != "" {
		if s.Justification, err = text(claims, i.Claims.Justification); err != nil {
			return authz.Subject{}, err
		}
	}
	s.Claims = i.others(claims)
	return s, nil
}

// id reads what names the subject.
func (i *Issuer) id(claims map[string]any) (string, error) {
	v, _ := lookup(claims, i.Claims.ID)
	id, err := identifier(v)
	if err != nil {
		return "", malformed(i.Claims.ID, err)
	}
	if i.Claims.ID == "email" && claims["email_verified"] != true {
		return "", malformed("email", errors.New("it names the subject and is not verified"))
	}
	if i.TrustDomain != "" && !strings.HasPrefix(id, "spiffe://"+i.TrustDomain+"/") {
		return "", malformed(i.Claims.ID, errors.New("not a SPIFFE ID of the trust domain"))
	}
	return id, nil
}

// emailVerified reports whether the e-mail address may be the subject's: anybody can claim one that was not verified.
func emailVerified(claims map[string]any) bool {
	v, there := claims["email_verified"]
	return !there || v == true || v == "true" // some issuers write it as text
}

// kind tells what the subject is.
func (i *Issuer) kind(claims map[string]any) (authz.SubjectKind, error) {
	stated, err := text(claims, i.Claims.Kind)
	if err != nil {
		return "", err
	}
	if stated != "" {
		if k := authz.SubjectKind(stated); known(k) {
			return k, nil
		}
		return "", malformed("kind", errors.New("not human, workload or agent"))
	}
	for _, rule := range i.Claims.Kinds {
		if rule.fits(claims) {
			return rule.Kind, nil
		}
	}
	return i.Kind, nil
}

// owned says who is behind an agent. Whoever somebody acts for is a person's agent, whatever else it is (RFC 8693 §4.1): the subject is that
// person. An agent in its own name has the owner that its issuer knows.
func (i *Issuer) owned(s *authz.Subject, claims map[string]any) error {
	if len(s.Actors) > 0 {
		if s.Kind == authz.Human {
			s.Owner = s.Ref()
		}
		s.Kind = authz.Agent
	}
	if s.Kind != authz.Agent || s.Owner != "" || i.Claims.Owner == "" {
		return nil
	}
	v, there := lookup(claims, i.Claims.Owner)
	if !there {
		return nil
	}
	owner, err := identifier(v)
	if err != nil {
		return malformed(i.Claims.Owner, err)
	}
	s.Owner = i.URL + "|" + owner
	return nil
}

func malformed(claim string, cause error) error {
	return refuse(labelClaim, fmt.Errorf("claim %s: %w", claim, cause))
}

// text returns the string at a path; absent and null are "".
func text(claims map[string]any, path string) (string, error) {
	v, _ := lookup(claims, path)
	if v == nil {
		return "", nil
	}
	s, ok := v.(string)
	if !ok || strings.ContainsFunc(s, unicode.IsControl) { // marks of direction are part of some names
		return "", malformed(path, errors.New("not a string, or with control characters"))
	}
	return s, nil
}

// groups joins what is at the paths, each group once.
func (c *ClaimPaths) groups(claims map[string]any) ([]string, error) {
	var out []string
	seen := map[string]bool{}
	for _, path := range c.Groups {
		if elsewhere(claims, path) {
			return nil, refuse(labelGroups, nil)
		}
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
			if control(group) {
				return nil, malformed(path, errors.New("control characters"))
			}
			if group != "" && !seen[group] {
				seen[group] = true
				out = append(out, c.GroupPrefix+group)
			}
		}
	}
	return out, nil
}

// elsewhere reports whether a claim was too long for the token, which says instead where to ask for it (OpenID Connect Core §5.6.2; Entra
// does so beyond 200 groups). A rule against a group would not know of it.
func elsewhere(claims map[string]any, path string) bool {
	if path == "groups" && claims["hasgroups"] == true {
		return true
	}
	names, _ := claims["_claim_names"].(map[string]any)
	outer, _, _ := strings.Cut(path, ".")
	return names[path] != nil || names[outer] != nil
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

// identifier checks a sub: a control character could forge a line of a log.
func identifier(v any) (string, error) {
	s, ok := v.(string)
	if !ok || s == "" || len(s) > maxSub || control(s) {
		return "", fmt.Errorf("want a string of 1 to %d bytes without control characters", maxSub)
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
		case "iss", "exp", "nbf", "jti", "act", i.Claims.ID, i.Claims.Name, i.Claims.Email, i.Claims.Kind:
			continue
		}
		if !slices.Contains(i.Claims.Groups, name) {
			out[name] = v
		}
	}
	return out
}
