package authz

import "time"

// Event names a kind of audit record.
type Event string

// The events of an exchange: each has one decision record and, when it is over, one completion record.
const (
	EventDecision   Event = "weir.decision"
	EventCompletion Event = "weir.completion"
)

// Outcome is how an exchange ended.
type Outcome string

// The outcomes.
const (
	OutcomeComplete   Outcome = "complete"   // all of the answer was handed to Envoy
	OutcomeRefused    Outcome = "refused"    // the client got a refusal of ours
	OutcomeCut        Outcome = "cut"        // the answer ended early by our doing
	OutcomeAborted    Outcome = "aborted"    // client or upstream left before the end
	OutcomeUnobserved Outcome = "unobserved" // the answer never passes Weir (ext_authz alone)
	OutcomeLocal      Outcome = "local"      // Envoy answered by itself
	OutcomeFailed     Outcome = "failed"     // a fault of ours ended it
)

// Would is Decision.Unenforced of the record's verdict.
func (r *Record) Would() string { return r.Verdict.Unenforced(r.Mode) }

// Unenforced says in one word what is not done in a mode because it is only observed: would_deny, would_hold, would_mask, would_allow, or
// would_fail where it could not even be decided; empty where nothing differs.
func (d *Decision) Unenforced(m Mode) string {
	switch {
	case m == ModeObserve && d.Effect != Allow:
		if d.Kind == KindUnavailable || d.Kind == KindBusy || d.Kind == KindInternal {
			return "would_fail"
		}
		return "would_" + d.Effect.String()
	case m == ModeObserve && d.Mask.Vectors.Stricter(MaskNone) != MaskNone:
		return "would_mask"
	case !d.Would.Differs(d):
		return ""
	case d.Would.Failed:
		return "would_fail"
	case d.Would.Effect == d.Effect:
		return "would_mask"
	}
	return "would_" + d.Would.Effect.String()
}

// Record is one audit record. A completion repeats who, what and the verdict, so that each record can be read alone. It never holds
// vectors, tokens, bodies, query strings or raw text: counts, sizes and names only.
type Record struct {
	Event    Event
	Decision string // decision ID: shared by both records of an exchange
	Replica  string
	Time     time.Time // when the record was made
	Started  time.Time // when Weir saw the request
	Entry    string    // ext_proc, ext_authz or both

	TraceID      string // 32 hex digits
	SpanID       string // 16 hex digits: this exchange's span, derived from the decision ID
	ParentSpanID string // 16 hex digits, empty for a root
	RequestID    string // Envoy's, as a hint

	Method   string
	Host     string // canonical
	Path     string // canonical, no query
	Source   string
	Peer     string
	Protocol string

	Subject   Subject // Claims are in Input only
	Target    Target
	Operation Operation

	Verdict  Decision // what policy and limits said
	Enforced Effect   // what was done; differs from Verdict.Effect in observe mode
	Label    string   // cause of a refusal that is not policy's, such as "token_expired"
	Detail   string   // why a token was refused, in words that hold nothing of it; the client is not told
	Fault    string   // the rule of the policy in which evaluation failed; the client is not told
	Mode     Mode
	Reserved Volume

	// Input is the policy input as evaluated last; nil when policy was not asked or the record mode forbids it.
	Input *Input

	Object   *Piece   // what part of a stored object the answer hands out; nil where it is none, and before its head has come
	Artifact Artifact // what its content is recognised as

	Leave *Leave // by which the subject came; nil without

	// Completion only.
	Carried  string // the capability that the answer's Location carries, by its name as a credential; empty for none
	Outcome  Outcome
	Status   int    // HTTP status answered; 0 when none was
	Measured string // "counted" (seen passing) or "declared" (by content-length)
	Volume   Volume // what left: counted before masking, charged to vectors or vectors_masked by what left
	Found           // what was read in the answer
}

// Found is what was read in an answer, as it came, before any mask. Of an answer that ended early it is what was read until then.
type Found struct {
	Dims       int64 // components of the vectors that left
	Undeclared int64 // vectors where the API has none, which the detector found
	Emptied    int64 // values that the mask's fields emptied

	// Bytes of vectors, by how they were written: arrays of numbers, of whole numbers, base64, sparse, numbers in strings, and binary forms
	// (protobuf, tensors, octets, Arrow).
	Floats, Ints, Base64, Sparse, Text, Binary int64
}
