package authz

import (
	"slices"
	"time"
)

// Approval is the obligation to have a person agree.
type Approval struct {
	Reviewers     []string       `json:"reviewers"`
	Votes         int            `json:"votes"`
	Budget        map[Unit]int64 `json:"budget,omitempty"`
	TTL           string         `json:"ttl,omitempty"`
	Justification string         `json:"justification,omitempty"` // pattern the requester's words must match
}

// Decision is policy's answer about one exchange. The zero value denies.
type Decision struct {
	Effect   Effect     `json:"effect"`
	Rule     string     `json:"rule,omitempty"`   // the rule that decided, such as "weir.rules.checkpoint"
	Reason   string     `json:"reason,omitempty"` // shown to the requester: never a secret, never an internal error
	Limits   []Limit    `json:"limits,omitempty"`
	Mask     Mask       `json:"mask,omitzero"`
	Approval *Approval  `json:"approval,omitempty"`
	Record   RecordMode `json:"record,omitempty"`
	// Alternatives says what would pass, in plain words.
	Alternatives []string `json:"alternatives,omitempty"`

	Kind     Kind       `json:"kind,omitempty"` // how a refusal is answered; zero: Forbidden
	Revision string     `json:"revision,omitempty"`
	Exceeded []Exceeded `json:"exceeded,omitempty"` // for a refusal by volume: the limits in the way
	// Challenge is the WWW-Authenticate value of a refusal for want of a token; empty for the usual one.
	Challenge string `json:"-"`
	// Nonce is what goes with it as DPoP-Nonce; empty for none.
	Nonce string `json:"-"`
	// Edits are nil but for policies of policy.compat.
	Edits *Edits `json:"-"`
	// Would is what rules that are only observed would have made of it; nil where they would have changed nothing.
	Would *Would `json:"would,omitempty"`
	// Flags are what rules have marked, those that are only observed too. They change nothing of what becomes of the exchange.
	Flags []Flag `json:"flags,omitempty"`
}

// Would is a decision that was not made, because the rule that asks for it is only observed.
type Would struct {
	Effect Effect `json:"effect"`
	Rule   string `json:"rule,omitempty"`
	Reason string `json:"reason,omitempty"`
	Mask   Mask   `json:"mask,omitzero"`
	Failed bool   `json:"failed,omitempty"` // it could not be evaluated
	// Limits are those of an allow that are only observed: once one of them is reached, Effect, Rule and Reason say so.
	Limits []Limit `json:"limits,omitempty"`
}

// Differs reports whether it is another decision than d.
func (w *Would) Differs(d *Decision) bool {
	return w != nil && (w.Failed || w.Effect != d.Effect || !w.Mask.Equal(d.Mask))
}

// Watched are the limits that are only observed, and not reached as yet.
func (w *Would) Watched() []Limit {
	if w == nil || w.Failed || w.Effect != Allow {
		return nil
	}
	return w.Limits
}

// Tighten joins a later decision to d and returns the stricter of both: nothing refused is handed out again, and a mask once due stays.
// Limits and flags are joined; the rule and reason of the stricter effect are kept, d's on a tie.
func (d Decision) Tighten(later Decision) Decision {
	out := d
	if later.Effect < d.Effect {
		out.Effect, out.Rule, out.Reason, out.Kind = later.Effect, later.Rule, later.Reason, later.Kind
		out.Exceeded, out.Alternatives, out.Challenge, out.Nonce = later.Exceeded, later.Alternatives, later.Challenge, later.Nonce
		out.Edits = later.Edits
	}
	out.Mask = d.Mask.Tighten(later.Mask)
	out.Record = d.Record.Stricter(later.Record)
	out.Limits = slices.Clip(d.Limits)
	for _, l := range later.Limits {
		if !slices.Contains(out.Limits, l) {
			out.Limits = append(out.Limits, l)
		}
	}
	if out.Approval == nil {
		out.Approval = later.Approval
	}
	if later.Revision != "" {
		out.Revision = later.Revision
	}
	out.Flags = JoinFlags(d.Flags, later.Flags)
	switch had := d.Would; {
	case later.Would != nil && (had == nil || !had.Failed && had.Effect >= later.Would.Effect):
		out.Would = later.Would
	case had != nil && !had.Failed && had.Effect > later.Effect: // what is refused now would have been too
		out.Would = nil
	}
	return out
}

// Input is everything policy may know, and the whole of it: a recorded Input decides the same for ever. It never holds vectors, bodies
// or tokens. Its JSON form is `input` in Rego and what rego/schemas/input.json describes.
type Input struct {
	Phase         string       `json:"phase"` // PhaseRequest or PhaseResponse
	Final         bool         `json:"final"` // nothing more will be known before release
	Subject       Subject      `json:"subject"`
	Target        Target       `json:"target"`
	Operation     Operation    `json:"operation"`
	Usage         *UsageInput  `json:"usage,omitempty"`         // only where the policy reads it
	Risk          *Risk        `json:"risk,omitempty"`          // only where the policy reads it
	Grant         *Grant       `json:"grant,omitempty"`         // a person's yes, when there is one
	Justification string       `json:"justification,omitempty"` // the requester's words (weir-justification in a header or the query, or a claim)
	Response      *Response    `json:"response,omitempty"`      // phase response only
	Time          InputTime    `json:"time"`
	Request       InputRequest `json:"request"`

	// Envoy is what a policy of policy.compat is asked about instead of all of the above; nil otherwise.
	Envoy *EnvoyRequest `json:"-"`
}

// The phases of an Input.
const (
	PhaseRequest  = "request"
	PhaseResponse = "response"
)

// InputTime is the one clock that policy sees. The policy engine's own clock built-ins answer from it too.
type InputTime struct {
	UnixNS  int64  `json:"unix_ns"`
	RFC3339 string `json:"rfc3339"`
}

// InputRequest is what policy sees of the request head: no headers, no query.
type InputRequest struct {
	Method string `json:"method"`
	Host   string `json:"host"` // canonical
	Path   string `json:"path"` // canonical
}

// UsageInput is usage[meter][unit][window] before this request, and the same per group. Absent counts are zero.
type UsageInput struct {
	Subject       map[Unit]map[string]int64            `json:"subject,omitempty"`
	SubjectTarget map[Unit]map[string]int64            `json:"subject_target,omitempty"`
	Target        map[Unit]map[string]int64            `json:"target,omitempty"`
	Credential    map[Unit]map[string]int64            `json:"credential,omitempty"`
	Group         map[string]map[Unit]map[string]int64 `json:"group,omitempty"`
}

// Risk is the decayed score of a subject's findings.
type Risk struct {
	Score   float64  `json:"score"`
	Signals []string `json:"signals,omitempty"`
}

// Grant is a person's yes: scope, budget, expiry.
type Grant struct {
	ID            string         `json:"id"`
	Budget        map[Unit]int64 `json:"budget,omitempty"`
	Expires       time.Time      `json:"expires"`
	Justification string         `json:"justification,omitempty"`
}

// Reads tells which parts of the input a policy can reach, so that nothing is fetched which no rule reads.
type Reads struct {
	Usage      bool
	Groups     bool // the counts of groups among it
	Risk       bool
	Response   bool // evaluate again at the response head
	Object     bool // evaluate again at the response head of an answer that hands out a stored object
	Attempts   bool // Operation.Attempts
	Corpus     bool // Operation.Corpus
	Content    bool // some rule has a word about what that is: where answers are not seen, it could not have it
	Registered bool // what the registry of model versions says
	Envoy      bool // Input.Envoy: the policy is one of policy.compat
	Body       bool // Input.Envoy.Body
}
