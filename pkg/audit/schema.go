package audit

import (
	"encoding/json"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

// Schema is the version of the form that Append writes. Fields are added without a new version; a field is never renamed or given
// another meaning under the same one.
const Schema = 1

// Fields is a record as it stands in the journal, for tools: flat, with the names that spans carry too. Names without the prefix
// "weir." are those of the OpenTelemetry semantic conventions. What is empty is left out of the JSON form, with the exceptions noted.
//
// The hand-written encoder in encode.go writes exactly this; a test holds the two together.
type Fields struct {
	Schema   int         `json:"weir.schema"`      // always
	Event    authz.Event `json:"event.name"`       // always: weir.decision or weir.completion
	Time     time.Time   `json:"time"`             // always: when the record was made, UTC
	Decision string      `json:"weir.decision.id"` // always: shared by both records of an exchange
	Replica  string      `json:"weir.replica,omitempty"`
	Entry    string      `json:"weir.entry,omitempty"` // ext_proc, ext_authz or both
	Started  time.Time   `json:"weir.started"`         // always: when Weir saw the request, UTC

	TraceID      string `json:"trace_id,omitempty"`       // 32 hex digits
	SpanID       string `json:"span_id,omitempty"`        // 16 hex digits
	ParentSpanID string `json:"parent_span_id,omitempty"` // 16 hex digits; empty for a root
	RequestID    string `json:"weir.envoy.request_id,omitempty"`

	Method   string `json:"http.request.method,omitempty"`
	Host     string `json:"server.address,omitempty"` // canonical
	Path     string `json:"url.path,omitempty"`       // canonical, no query
	Source   string `json:"client.address,omitempty"` // ip:port of Envoy's peer
	Peer     string `json:"weir.peer,omitempty"`      // name in the client certificate that Envoy verified
	Protocol string `json:"weir.protocol,omitempty"`  // such as HTTP/2

	UserID           string            `json:"user.id,omitempty"` // issuer|sub
	UserName         string            `json:"user.name,omitempty"`
	UserEmail        string            `json:"user.email,omitempty"`
	UserRoles        []string          `json:"user.roles,omitempty"`      // groups
	ActorType        authz.SubjectKind `json:"weir.actor.type,omitempty"` // human, workload or agent
	ActorChain       []string          `json:"weir.actor.chain,omitempty"`
	Owner            string            `json:"weir.actor.owner,omitempty"`   // issuer|sub of the person an agent acts for
	Credential       string            `json:"weir.credential.id,omitempty"` // never the token
	CredentialIssuer string            `json:"weir.credential.issuer,omitempty"`
	CredentialEnds   *time.Time        `json:"weir.credential.expires,omitempty"`

	Target      string           `json:"weir.target,omitempty"`
	TargetKind  authz.TargetKind `json:"weir.target.kind,omitempty"`
	Tenant      string           `json:"weir.target.tenant,omitempty"`
	Sensitivity string           `json:"weir.target.sensitivity,omitempty"`
	Dialect     string           `json:"weir.target.dialect,omitempty"`

	Class      authz.Class `json:"weir.operation,omitempty"`
	Complete   bool        `json:"weir.operation.complete,omitempty"`
	Model      string      `json:"gen_ai.request.model,omitempty"`
	Collection string      `json:"weir.collection,omitempty"`
	Object     string      `json:"weir.object,omitempty"`
	Into       string      `json:"weir.object.into,omitempty"`
	Range      string      `json:"weir.object.range,omitempty"`
	Artifact   string      `json:"weir.object.artifact,omitempty"`
	Part       int64       `json:"weir.object.part,omitempty"`

	// Of a stored object that the answer hands out, or a part of it.
	Version       string  `json:"weir.object.version,omitempty"`
	Size          int64   `json:"weir.object.size,omitempty"` // of all of it, in bytes; -1 where nobody says
	Offset        int64   `json:"weir.object.offset,omitempty"`
	Length        int64   `json:"weir.object.length,omitempty"` // -1 where nobody says
	Format        string  `json:"weir.object.format,omitempty"` // by its content, as the four that follow
	Wrapped       string  `json:"weir.object.wrapped,omitempty"`
	Recognised    string  `json:"weir.object.recognised,omitempty"` // checkpoint, corpus or opaque
	Tensors       int64   `json:"weir.object.tensors,omitempty"`
	Parameters    int64   `json:"weir.object.parameters,omitempty"`
	Carried       string  `json:"weir.redirect.capability,omitempty"` // that the answer's Location carries: the weir.credential.id of what follows it
	LeaveTarget   string  `json:"weir.capability.target,omitempty"`   // that redirected here, and what to
	LeaveObject   string  `json:"weir.capability.object,omitempty"`
	LeaveVersion  string  `json:"weir.capability.version,omitempty"`
	SubjectBefore float64 `json:"weir.coverage.subject.before,omitempty"` // shares of the object, 0 to 1
	SubjectAfter  float64 `json:"weir.coverage.subject.after,omitempty"`
	GroupBefore   float64 `json:"weir.coverage.group.before,omitempty"`
	GroupAfter    float64 `json:"weir.coverage.group.after,omitempty"`
	// Of a corpus: documents in it, as its target states, and distinct ones that the subject has had in 30 days, before and with this one.
	CorpusDocuments int64 `json:"weir.corpus.documents,omitempty"`
	CorpusBefore    int64 `json:"weir.corpus.read.before,omitempty"`
	CorpusAfter     int64 `json:"weir.corpus.read.after,omitempty"`
	AttemptsHour    int64 `json:"weir.attempts.hour,omitempty"` // at models' weights, by the subject, this one among them
	AttemptsDay     int64 `json:"weir.attempts.day,omitempty"`
	// What the registry of model versions says of it; absent where it was not asked.
	ObjectSensitivity string           `json:"weir.object.sensitivity,omitempty"`
	ModelState        authz.ModelState `json:"weir.object.state,omitempty"`       // unknown, active or retired
	ModelVersion      string           `json:"weir.object.model,omitempty"`       // such as churn/7
	PromotedBy        string           `json:"weir.object.promoted_by,omitempty"` // issuer|sub, webhook or file
	// What the request asks for, upper bounds; -1 unbounded.
	AskedVectors   int64 `json:"weir.asked.vectors,omitempty"`
	AskedDims      int64 `json:"weir.asked.dims,omitempty"`
	AskedDocuments int64 `json:"weir.asked.documents,omitempty"`
	AskedBytes     int64 `json:"weir.asked.bytes,omitempty"`

	Verdict  authz.Effect `json:"weir.verdict"`  // always: what policy and limits said
	Enforced authz.Effect `json:"weir.enforced"` // always: what was done
	Mode     string       `json:"weir.mode"`     // always: enforce or observe
	// What was not done, because target or rule is only observed: would_deny, would_hold, would_mask, would_allow or would_fail; and the rule of
	// the latter, with its reason.
	Observed       string           `json:"weir.observed,omitempty"`
	ObservedRule   string           `json:"weir.observed.rule,omitempty"`
	ObservedReason string           `json:"weir.observed.reason,omitempty"`
	Rule           string           `json:"weir.rule.id,omitempty"`
	Reason         string           `json:"weir.reason,omitempty"`
	Refusal        string           `json:"weir.refusal.kind,omitempty"` // authz.Kind; only where the verdict is not allow
	ErrorType      string           `json:"error.type,omitempty"`        // cause of a refusal that is not policy's
	Revision       string           `json:"weir.policy.version,omitempty"`
	Detail         string           `json:"weir.refusal.detail,omitempty"` // why a token was refused; the client is not told
	Fault          string           `json:"weir.policy.fault,omitempty"`   // the rule in which evaluation failed, with file and line; the client is not told
	Limits         []authz.Limit    `json:"weir.limits,omitempty"`
	Exceeded       []authz.Exceeded `json:"weir.exceeded,omitempty"`
	MaskVectors    authz.MaskMode   `json:"weir.mask.vectors,omitempty"`
	MaskScores     authz.ScoreMask  `json:"weir.mask.scores,omitempty"`
	MaskFields     []string         `json:"weir.mask.fields,omitempty"`
	MaskStrict     bool             `json:"weir.mask.strict,omitempty"`
	Approval       *authz.Approval  `json:"weir.approval,omitempty"`
	Alternatives   []string         `json:"weir.alternatives,omitempty"`
	RecordMode     authz.RecordMode `json:"weir.record.mode,omitempty"`

	// What rules have marked: names, and at the same places which rule did and why. They changed nothing.
	Flags       []string `json:"weir.flags,omitempty"`
	FlagRules   []string `json:"weir.flags.rules,omitempty"`
	FlagReasons []string `json:"weir.flags.reasons,omitempty"`

	ReservedRequests      int64 `json:"weir.reserved.requests,omitempty"`
	ReservedDocuments     int64 `json:"weir.reserved.documents,omitempty"`
	ReservedBytes         int64 `json:"weir.reserved.bytes,omitempty"`
	ReservedVectors       int64 `json:"weir.reserved.vectors,omitempty"`
	ReservedVectorsMasked int64 `json:"weir.reserved.vectors_masked,omitempty"`

	// Completion only, and there always, but for Status and Measured, which are left out where there is none.
	Outcome             authz.Outcome `json:"weir.outcome,omitempty"`
	Status              int           `json:"http.response.status_code,omitempty"`
	Measured            string        `json:"weir.measured,omitempty"` // counted or declared
	VolumeRequests      *int64        `json:"weir.volume.requests,omitempty"`
	VolumeDocuments     *int64        `json:"weir.volume.documents,omitempty"`
	VolumeBytes         *int64        `json:"weir.volume.bytes,omitempty"`
	VolumeVectors       *int64        `json:"weir.volume.vectors,omitempty"`
	VolumeVectorsMasked *int64        `json:"weir.volume.vectors_masked,omitempty"`
	VolumeDims          *int64        `json:"weir.volume.dims,omitempty"`        // components of the vectors that left, before masking
	Undeclared          int64         `json:"weir.vectors.undeclared,omitempty"` // vectors where the API has none
	Emptied             int64         `json:"weir.fields.emptied,omitempty"`     // values that the mask's fields emptied
	// Bytes of vectors as they came, by how they were written.
	VectorFloats int64 `json:"weir.vectors.bytes.floats,omitempty"`
	VectorInts   int64 `json:"weir.vectors.bytes.ints,omitempty"`
	VectorBase64 int64 `json:"weir.vectors.bytes.base64,omitempty"`
	VectorSparse int64 `json:"weir.vectors.bytes.sparse,omitempty"`
	VectorText   int64 `json:"weir.vectors.bytes.text,omitempty"`
	VectorBinary int64 `json:"weir.vectors.bytes.binary,omitempty"`

	// Replayable is false, and there, where the input is not recorded, because the policy (policy.compat) may read a token or a body in it.
	// InputHash is then its HMAC-SHA256 in hexadecimal, under a key of the process that decided: equal inputs to one process have equal ones.
	Replayable *bool  `json:"weir.replayable,omitempty"`
	InputHash  string `json:"weir.input.hash,omitempty"`

	// Input is the policy input as evaluated last, in the JSON form of authz.Input, or with policy.compat as much of Envoy's as the policy
	// reads; always the last field of a record.
	Input json.RawMessage `json:"weir.input,omitempty"`
}

// Left returns what left, or is taken to have left, as it was charged in the end; nothing of a decision.
func (f *Fields) Left() authz.Volume {
	var v authz.Volume
	for i, n := range [...]*int64{f.VolumeRequests, f.VolumeDocuments, f.VolumeBytes, f.VolumeVectors, f.VolumeVectorsMasked} {
		if n != nil {
			v[i] = *n
		}
	}
	return v
}

// Flagged returns what rules have marked. Of lists that are not of one length, which Append does not write, it returns what all have.
func (f *Fields) Flagged() []authz.Flag {
	var out []authz.Flag
	for i := range min(len(f.Flags), len(f.FlagRules), len(f.FlagReasons)) {
		out = append(out, authz.Flag{Name: f.Flags[i], Rule: f.FlagRules[i], Reason: f.FlagReasons[i]})
	}
	return out
}

// Reserved returns what was reserved.
func (f *Fields) Reserved() authz.Volume {
	return authz.Volume{f.ReservedRequests, f.ReservedDocuments, f.ReservedBytes, f.ReservedVectors, f.ReservedVectorsMasked}
}
