package authz

import "time"

// SubjectKind says what sort of actor a subject is.
type SubjectKind string

// The kinds of subject.
const (
	Human    SubjectKind = "human"
	Workload SubjectKind = "workload"
	Agent    SubjectKind = "agent"
)

// Subject is who asks, as a verified token states it. The zero value is nobody: no rule may allow it.
type Subject struct {
	Issuer     string         `json:"issuer"`
	ID         string         `json:"id"` // the token's sub; unique within Issuer only
	Name       string         `json:"name,omitempty"`
	Email      string         `json:"email,omitempty"`
	Groups     []string       `json:"groups,omitempty"`
	Kind       SubjectKind    `json:"kind"`
	Actors     []Actor        `json:"actors,omitempty"`     // RFC 8693 act chain, outermost (the current actor) first
	Owner      string         `json:"owner,omitempty"`      // of an agent: the Ref of the person it acts for; empty where none is known
	Credential string         `json:"credential,omitempty"` // names the token without being it: its jti, else a hash
	Expires    time.Time      `json:"expires,omitzero"`     // zero: its credential does not say (a client certificate)
	Claims     map[string]any `json:"claims,omitempty"`     // the token's other claims, JSON types; never the token itself
	// Justification is what the token says of its use, where a claim for that is configured: the words of who does not state others.
	Justification string `json:"-"`
}

// Ref is the subject's unique name over all issuers; empty for nobody. No issuer that authn accepts has a |, so the first one ends the
// issuer; an ID may have some ("auth0|65a1").
func (s Subject) Ref() string {
	if s.ID == "" {
		return ""
	}
	return s.Issuer + "|" + s.ID
}

// Behind is the Ref of the person behind an agent, where one is known, and the subject's own else. What must not add up to a whole is counted by it:
// one person may have many agents.
func (s Subject) Behind() string {
	if s.Owner != "" {
		return s.Owner
	}
	return s.Ref()
}

// Actor is one link of a delegation chain (RFC 8693 §4.1).
type Actor struct {
	Issuer string `json:"issuer,omitempty"`
	ID     string `json:"id"`
}

// Identity is a verified subject together with where its token was found.
type Identity struct {
	Subject Subject
	// Carrier is the lower-case name of the request header that carried our token. It is stripped before the upstream sees the
	// request; every other header, somebody else's Authorization included, is left alone.
	Carrier string
	// Proof is the lower-case name of a further header that was for us, such as dpop; stripped too. Empty for none.
	Proof string
	// Parameter is the name of the query parameter that was for us; stripped too. Empty for none.
	Parameter string
	// Leave is what a capability in a redirect of ours permits; nil where no such capability showed who asks.
	Leave *Leave
}

// TargetKind says what sort of asset a target guards.
type TargetKind string

// The kinds of target.
const (
	KindInference TargetKind = "inference"
	KindVectorDB  TargetKind = "vectordb"
	KindCorpus    TargetKind = "corpus"
	KindWeights   TargetKind = "weights"
	KindRegistry  TargetKind = "registry"
	KindConfig    TargetKind = "config"
)

// Valid reports whether k is a known kind.
func (k TargetKind) Valid() bool {
	switch k {
	case KindInference, KindVectorDB, KindCorpus, KindWeights, KindRegistry, KindConfig:
		return true
	}
	return false
}

// Target is what is guarded. The zero value is no target and is denied.
type Target struct {
	Name        string            `json:"name"`
	Kind        TargetKind        `json:"kind"`
	Tenant      string            `json:"tenant,omitempty"`
	Sensitivity string            `json:"sensitivity,omitempty"`
	Dialect     string            `json:"dialect,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Vectors     []string          `json:"-"` // names of what holds vectors, where only the operator knows them: fields, columns, properties
	PrimaryKeys []string          `json:"-"` // names of fields of which each value is one document's, where only the operator knows them

	Floors    Floors `json:"-"` // what policy can only tighten
	Unseen    int64  `json:"-"` // bytes of an object that one subject may have in 30 days while nobody can tell what it is; 0: 1 MiB
	Mode      Mode   `json:"-"`
	Upgrades  bool   `json:"-"` // permit WebSocket and other protocol upgrades, whose payload is not inspected
	Slashes   bool   `json:"-"` // its API writes names with slashes in them as one segment of a path: %2F is no way round a rule
	Documents int64  `json:"-"` // how many documents a corpus has; 0: nobody says
}

// Floors are the obligations a target imposes on every decision about it; policy can only tighten them.
type Floors struct {
	Mask   MaskMode   // zero value: policy decides (and what policy does not say is redacted)
	Record RecordMode // the weakest record mode permitted; zero value: durable
}

// Match is a target found for a request, with the canonical form that was matched.
type Match struct {
	Target Target
	Host   string // lower case, without port and trailing dot
	Path   string // canonical: no dot segments, no empty segments, no query, no encoded separators but %2F where Target.Slashes
}
