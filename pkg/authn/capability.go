package authn

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

// Capability is leave to make some requests in somebody's name, in the URL: for clients that have no place for a token (s3fs, pyarrow), and
// for the URL that a redirect leads to. Whoever has the URL has it, so it is for little and for a short time. Policy decides about its
// requests as about any other.
type Capability struct {
	ID      string        // of its own; Sign makes one up where it is empty
	Subject authz.Subject // who asks: Issuer, ID, Name, Kind, Groups, Owner
	Target  string        // the one target that it is for
	Methods []string      // default GET and HEAD
	// Path is the path that it is for, as requests have it, or, where it ends in /, everything below.
	Path string
	// Query is the query that requests must have, but for the capability itself; "*" for any. Default: none.
	Query string
	// Exact is the digest of the only path and query that it is for (see exactly), in place of Path and Query: a presigned URL would not fit.
	Exact string
	// Certificate is the client certificate that it is for, and Source the address, where it is for one of them only: whoever else has it
	// has nothing.
	Certificate, Source string
	// Leave is what it is for, where it is one of a redirect's; else nil.
	Leave   *authz.Leave
	Issued  time.Time
	Expires time.Time
}

// Capabilities signs capabilities, and knows its own. It is safe for concurrent use.
type Capabilities struct {
	keys [][]byte
	most time.Duration
}

// The bounds of capabilities.
const (
	maxCapability = 4 << 10 // bytes
	minKey        = 32      // bytes of a key
)

// NewCapabilities returns what signs with current, and knows what was signed with previous keys too. Each key is 32 random bytes or more, the
// same on all replicas. most is the longest life of a capability; 0 is 1 h.
func NewCapabilities(most time.Duration, current []byte, previous ...[]byte) (*Capabilities, error) {
	c := &Capabilities{keys: append([][]byte{current}, previous...), most: orDefault(most, time.Hour)}
	for _, k := range c.keys {
		if len(k) < minKey {
			return nil, fmt.Errorf("a key of %d bytes: want %d random ones or more", len(k), minKey)
		}
	}
	return c, nil
}

// capabilityJSON is a capability as it is signed.
type capabilityJSON struct {
	ID      string   `json:"id"`
	Issuer  string   `json:"iss"`
	Sub     string   `json:"sub"`
	Name    string   `json:"name,omitempty"`
	Kind    string   `json:"kind"`
	Groups  []string `json:"groups,omitempty"`
	Owner   string   `json:"owner,omitempty"`
	Target  string   `json:"target"`
	Methods []string `json:"methods"`
	Path    string   `json:"path,omitempty"`
	Query   string   `json:"query,omitempty"`
	Issued  int64    `json:"iat"`
	Expires int64    `json:"exp"`

	// Of a redirect's.
	Email       string        `json:"email,omitempty"`
	Actors      []authz.Actor `json:"act,omitempty"`
	Exact       string        `json:"exact,omitempty"`
	Certificate string        `json:"x5t,omitempty"`
	Source      string        `json:"source,omitempty"`
	Leave       *authz.Leave  `json:"leave,omitempty"`
}

// Sign returns the text of a capability, for the value of a query parameter: it needs no escaping.
func (c *Capabilities) Sign(p Capability) (string, error) {
	p.ID = orDefault(p.ID, rand.Text())
	if len(p.Methods) == 0 {
		p.Methods = []string{"GET", "HEAD"}
	}
	if _, err := identifier(p.Subject.ID); err != nil || p.Subject.Issuer == "" || strings.Contains(p.Subject.Issuer, "|") || !known(p.Subject.Kind) {
		return "", errors.New("capability: want a subject with issuer, ID and kind")
	}
	if p.Target == "" || (p.Exact == "") != strings.HasPrefix(p.Path, "/") {
		return "", errors.New("capability: want a target and a path")
	}
	if p.Leave != nil && (p.Exact == "" || (p.Certificate == "") == (p.Source == "")) {
		return "", errors.New("capability: one of a redirect's is for one URL, and one certificate or address")
	}
	most := c.most
	if p.Leave != nil {
		most = min(most, MaxRedirectLifetime)
	}
	if life := p.Expires.Sub(p.Issued); life <= 0 || life > most {
		return "", fmt.Errorf("capability: lives %s: want more than nothing, and at most %s", life, most)
	}
	var raw bytes.Buffer
	encoder := json.NewEncoder(&raw)
	encoder.SetEscapeHTML(false) // & is what queries are full of
	err := encoder.Encode(capabilityJSON{
		ID: p.ID, Issuer: p.Subject.Issuer, Sub: p.Subject.ID, Name: p.Subject.Name, Kind: string(p.Subject.Kind), Groups: p.Subject.Groups,
		Owner: p.Subject.Owner, Target: p.Target, Methods: p.Methods, Path: p.Path, Query: p.Query, Issued: p.Issued.Unix(), Expires: p.Expires.Unix(),
		Email: p.Subject.Email, Actors: p.Subject.Actors, Exact: p.Exact, Certificate: p.Certificate, Source: p.Source, Leave: p.Leave,
	})
	if err != nil {
		return "", fmt.Errorf("capability: %w", err)
	}
	payload := base64.RawURLEncoding.EncodeToString(bytes.TrimSpace(raw.Bytes()))
	if len(payload) > maxCapability-64 {
		return "", errors.New("capability: longer than URLs can carry: fewer groups, or a shorter path")
	}
	return payload + "." + base64.RawURLEncoding.EncodeToString(sealOf(c.keys[0], payload)), nil
}

// sealOf is the MAC over a capability; the first line keeps it from being taken for anything else that the key is used for.
func sealOf(key []byte, payload string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte("weir capability 1\n" + payload))
	return m.Sum(nil)
}

// open returns a capability that is good now.
func (c *Capabilities) open(text string, now time.Time, leeway time.Duration) (Capability, error) {
	payload, seal, ok := strings.Cut(text, ".")
	got, err := base64.RawURLEncoding.Strict().DecodeString(seal)
	if !ok || err != nil || len(text) > maxCapability || strings.ContainsAny(seal, "\r\n") { // which base64 passes over
		return Capability{}, refuse(labelCapability, errors.New("not two parts in base64url, or too long"))
	}
	if !slices.ContainsFunc(c.keys, func(key []byte) bool { return hmac.Equal(got, sealOf(key, payload)) }) {
		return Capability{}, refuse(labelCapabilityForged, nil)
	}
	raw, err := decodePart(payload)
	if err != nil {
		return Capability{}, refuse(labelCapability, authz.AsError(err))
	}
	var p capabilityJSON
	if err := json.Unmarshal(raw, &p); err != nil { // cannot be: we have signed it
		return Capability{}, refuse(labelCapability, errors.New("not a capability"))
	}
	out := Capability{
		ID: p.ID, Target: p.Target, Methods: p.Methods, Path: p.Path, Query: p.Query, Issued: time.Unix(p.Issued, 0).UTC(), Expires: time.Unix(p.Expires, 0).UTC(),
		Exact: p.Exact, Certificate: p.Certificate, Source: p.Source, Leave: p.Leave,
		Subject: authz.Subject{
			Issuer: p.Issuer, ID: p.Sub, Name: p.Name, Email: p.Email, Kind: authz.SubjectKind(p.Kind), Groups: p.Groups, Owner: p.Owner, Actors: p.Actors,
		},
	}
	if !out.Expires.After(now) || out.Expires.Sub(out.Issued) > c.most || out.Issued.After(now.Add(leeway)) {
		return Capability{}, refuse(labelCapabilityExpired, nil)
	}
	out.Subject.Expires, out.Subject.Credential = out.Expires, authz.CredentialCapability+p.ID
	return out, nil
}

// covers reports whether the capability is for a request to a target.
func (p *Capability) covers(req authz.Request, target, query string) bool {
	path, _, _ := strings.Cut(req.Path, "?")
	if p.Exact != "" {
		return target == p.Target && slices.Contains(p.Methods, req.Method) && p.Exact == exactly(path, query)
	}
	below := strings.HasSuffix(p.Path, "/") && strings.HasPrefix(path, p.Path) && plainTree(path)
	return target == p.Target && slices.Contains(p.Methods, req.Method) && (path == p.Path || below) && (p.Query == "*" || query == p.Query)
}

// plainTree reports whether a path is below what it begins with, whoever reads it: no segment that leads up or may be read as two.
func plainTree(path string) bool {
	for segment := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		plain, err := url.PathUnescape(segment)
		if err != nil || segment == "" && path != "/" || strings.HasPrefix(plain, ".") && strings.Trim(plain, ".") == "" || strings.ContainsAny(plain, "/\\;\x00%") {
			return false
		}
	}
	return true
}

// justification is the query parameter in which who follows a link says why: no part of what the link is for.
const justification = "weir-justification"

// CutParameter takes a query parameter out of a path with its query, leaving everything else byte for byte. values are what it was, as sent.
func CutParameter(path, name string) (rest string, values []string) {
	before, query, there := strings.Cut(path, "?")
	if !there {
		return path, nil
	}
	var kept []string
	for pair := range strings.SplitSeq(query, "&") {
		key, value, _ := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(key); err == nil {
			key = plain
		}
		if key == name {
			values = append(values, value)
		} else {
			kept = append(kept, pair)
		}
	}
	if values == nil {
		return path, nil
	}
	if len(kept) == 0 {
		return before, values
	}
	return before + "?" + strings.Join(kept, "&"), values
}

// capable returns the capability by which somebody asks.
func (a *Authenticator) capable(req authz.Request, s shown, target string) (Capability, error) {
	if a.cfg.Capabilities == nil {
		return Capability{}, refuse(labelCapability, errors.New("no keys for capabilities are configured"))
	}
	p, err := a.cfg.Capabilities.open(s.token, a.cfg.Now(), a.cfg.Leeway)
	if err != nil {
		return Capability{}, err
	}
	rest, _ := CutParameter(req.Path, s.parameter)
	rest, _ = CutParameter(rest, justification)
	_, query, _ := strings.Cut(rest, "?")
	if !p.covers(req, target, query) {
		return Capability{}, refuse(labelCapabilityRequest, nil)
	}
	return p, a.holds(req, &p)
}
