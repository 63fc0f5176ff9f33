package telemetry

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/weirgate/weir/pkg/audit"
	"github.com/weirgate/weir/pkg/authz"
)

// Flags of a span: sampled, because an audit trail is whole; and that its parent is known to be of another process
// (opentelemetry/proto/trace/v1/trace.proto, Span.flags).
const (
	flagsLocal  = 0x001 | 0x100
	flagsRemote = 0x001 | 0x100 | 0x200
)

// newSpan makes the one span of a record. A completion is the exchange: from the request to its end, under the span ID that the record
// states. A decision is a child of that, from the request to the decision: a decision without an end shows as one.
func newSpan(e audit.Entry) (*tracepb.Span, error) {
	f, err := e.Fields()
	if err != nil {
		return nil, err
	}
	trace, err := identifier(f.TraceID, 16)
	if err != nil {
		return nil, fmt.Errorf("trace_id: %w", err)
	}
	id, err := identifier(f.SpanID, 8)
	if err != nil {
		return nil, fmt.Errorf("span_id: %w", err)
	}
	s := &tracepb.Span{TraceId: trace, Kind: tracepb.Span_SPAN_KIND_INTERNAL, StartTimeUnixNano: nanos(f.Started), EndTimeUnixNano: max(nanos(f.Started), nanos(f.Time))}
	switch e.Event {
	case authz.EventCompletion:
		s.SpanId, s.Name, s.Flags = id, spanName(&f), flagsLocal
		if f.ParentSpanID != "" {
			s.Flags = flagsRemote
			if s.ParentSpanId, err = identifier(f.ParentSpanID, 8); err != nil {
				return nil, fmt.Errorf("parent_span_id: %w", err)
			}
		}
		s.Attributes = completionAttributes(&f)
	case authz.EventDecision:
		sum := sha256.Sum256([]byte(f.Decision + "/decide"))
		s.SpanId, s.ParentSpanId, s.Name, s.Flags = sum[:8], id, SpanDecide, flagsLocal
		s.Attributes = decisionAttributes(&f)
	default:
		return nil, fmt.Errorf("event %q", e.Event)
	}
	s.Status = status(&f)
	return s, nil
}

// identifier reads a trace or span ID. One of zeros is none: a collector drops the whole batch that it comes in
// (opentelemetry/proto/trace/v1/trace.proto, Span.trace_id).
func identifier(s string, size int) ([]byte, error) {
	b, err := hex.DecodeString(s)
	switch {
	case err != nil:
		return nil, err
	case len(b) != size:
		return nil, fmt.Errorf("%d bytes, want %d", len(b), size)
	case !slices.ContainsFunc(b, func(x byte) bool { return x != 0 }):
		return nil, errors.New("all zeros")
	}
	return b, nil
}

// nanos is a time as OTLP writes it; what it cannot write is 0, "not known".
func nanos(t time.Time) uint64 {
	if y := t.UTC().Year(); y < 1970 || y > 2261 {
		return 0
	}
	return uint64(t.UnixNano())
}

func spanName(f *audit.Fields) string {
	class, target := string(f.Class), f.Target
	if class == "" {
		class = string(authz.ClassUnknown)
	}
	if target == "" {
		target = nothing
	}
	return SpanPrefix + class + " " + target
}

// status is an error where something went wrong; a refusal is not wrong.
func status(f *audit.Fields) *tracepb.Status {
	failed := f.Outcome == authz.OutcomeFailed
	switch f.Refusal {
	case authz.KindUnavailable.String(), authz.KindBusy.String(), authz.KindInternal.String(), authz.KindBadAnswer.String():
		failed = true
	}
	if !failed {
		return nil
	}
	return &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR, Message: f.ErrorType}
}

// attributes gathers what is not empty.
type attributes []*commonpb.KeyValue

func (a *attributes) text(name, v string) {
	if v != "" {
		*a = append(*a, &commonpb.KeyValue{Key: name, Value: textValue(v)})
	}
}

func textValue(v string) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: v}}
}

func (a *attributes) count(name string, n int64) {
	if n != 0 {
		a.number(name, n)
	}
}

func (a *attributes) share(name string, f float64) {
	if f != 0 {
		*a = append(*a, &commonpb.KeyValue{Key: name, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_DoubleValue{DoubleValue: f}}})
	}
}

func (a *attributes) number(name string, n int64) {
	*a = append(*a, &commonpb.KeyValue{Key: name, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: n}}})
}

func (a *attributes) list(name string, v []string) {
	if len(v) == 0 {
		return
	}
	array := &commonpb.ArrayValue{}
	for _, s := range v {
		array.Values = append(array.Values, textValue(s))
	}
	*a = append(*a, &commonpb.KeyValue{Key: name, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{ArrayValue: array}}})
}

// decisionAttributes are what a decision adds to its exchange.
func decisionAttributes(f *audit.Fields) attributes {
	var a attributes
	a.text(AttrDecision, f.Decision)
	a.verdict(f)
	return a
}

func (a *attributes) verdict(f *audit.Fields) {
	a.text(AttrVerdict, f.Verdict.String())
	a.text(AttrEnforced, f.Enforced.String())
	a.text(AttrMode, f.Mode)
	a.text(AttrRule, f.Rule)
	a.text(AttrReason, f.Reason)
	a.list(AttrFlags, f.Flags)
	a.list(AttrFlagRules, f.FlagRules)
	a.list(AttrFlagReasons, f.FlagReasons)
	a.text(AttrRefusal, f.Refusal)
	a.text(AttrErrorType, f.ErrorType)
	a.text(AttrRevision, f.Revision)
	a.text(AttrDetail, f.Detail)
	a.text(AttrFault, f.Fault)
	a.text(AttrMask, string(f.MaskVectors))
	a.text(AttrRecordMode, string(f.RecordMode))
	reserved := [authz.NumUnits]int64{f.ReservedRequests, f.ReservedDocuments, f.ReservedBytes, f.ReservedVectors, f.ReservedVectorsMasked}
	for i, u := range authz.Units() {
		a.count(AttrReservedPrefix+string(u), reserved[i])
	}
}

func completionAttributes(f *audit.Fields) attributes {
	a := make(attributes, 0, 48)
	a.text(AttrDecision, f.Decision)
	a.text(AttrReplica, f.Replica)
	a.text(AttrEntry, f.Entry)
	a.text(AttrRequestID, f.RequestID)
	a.text(AttrMethod, f.Method)
	a.text(AttrHost, f.Host)
	a.text(AttrPath, f.Path)
	a.text(AttrSource, f.Source)
	a.text(AttrPeer, f.Peer)
	a.text(AttrProtocol, f.Protocol)
	a.text(AttrUserID, f.UserID)
	a.text(AttrUserName, f.UserName)
	a.text(AttrUserEmail, f.UserEmail)
	a.list(AttrUserRoles, f.UserRoles)
	a.text(AttrActorType, string(f.ActorType))
	a.list(AttrActorChain, f.ActorChain)
	a.text(AttrActorOwner, f.Owner)
	a.text(AttrCredential, f.Credential)
	a.what(f)
	a.verdict(f)
	a.text(AttrOutcome, string(f.Outcome))
	a.count(AttrStatus, int64(f.Status))
	a.text(AttrMeasured, f.Measured)
	for i, n := range []*int64{f.VolumeRequests, f.VolumeDocuments, f.VolumeBytes, f.VolumeVectors, f.VolumeVectorsMasked} {
		if n != nil {
			a.number(AttrVolumePrefix+string(authz.Units()[i]), *n)
		}
	}
	if f.VolumeDims != nil {
		a.number(AttrVolumeDims, *f.VolumeDims)
	}
	a.count(AttrUndeclared, f.Undeclared)
	a.count(AttrEmptied, f.Emptied)
	a.count(AttrVectorFloats, f.VectorFloats)
	a.count(AttrVectorInts, f.VectorInts)
	a.count(AttrVectorBase64, f.VectorBase64)
	a.count(AttrVectorSparse, f.VectorSparse)
	a.count(AttrVectorText, f.VectorText)
	a.count(AttrVectorBinary, f.VectorBinary)
	return a
}

func (a *attributes) what(f *audit.Fields) {
	a.text(AttrTarget, f.Target)
	a.text(AttrTargetKind, string(f.TargetKind))
	a.text(AttrTenant, f.Tenant)
	a.text(AttrSensitivity, f.Sensitivity)
	a.text(AttrDialect, f.Dialect)
	a.text(AttrOperation, string(f.Class))
	if f.Class == authz.ClassEmbed {
		a.text(AttrGenAIOperation, genAIEmbeddings)
	}
	a.text(AttrModel, f.Model)
	a.text(AttrCollection, f.Collection)
	a.text(AttrObject, f.Object)
	a.text(AttrRange, f.Range)
	a.text(AttrInto, f.Into)
	a.text(AttrArtifact, f.Artifact)
	a.text(AttrVersion, f.Version)
	a.count(AttrSize, f.Size)
	a.count(AttrOffset, f.Offset)
	a.count(AttrLength, f.Length)
	a.text(AttrRecognised, f.Recognised)
	a.text(AttrFormat, f.Format)
	a.text(AttrCarried, f.Carried)
	a.text(AttrLeaveTarget, f.LeaveTarget)
	a.text(AttrLeaveObject, f.LeaveObject)
	a.share(AttrCoverageSubject, f.SubjectAfter)
	a.share(AttrCoverageGroup, f.GroupAfter)
	a.count(AttrCorpusDocuments, f.CorpusDocuments)
	a.count(AttrCorpusRead, f.CorpusAfter)
	a.count(AttrAttemptsHour, f.AttemptsHour)
	a.count(AttrAttemptsDay, f.AttemptsDay)
	a.text(AttrObjectClass, f.ObjectSensitivity)
	a.text(AttrModelState, string(f.ModelState))
	a.text(AttrModelVersion, f.ModelVersion)
	a.text(AttrPromotedBy, f.PromotedBy)
	a.count(AttrAskedVectors, f.AskedVectors)
	a.count(AttrAskedDims, f.AskedDims)
	a.count(AttrAskedDocuments, f.AskedDocuments)
	a.count(AttrAskedBytes, f.AskedBytes)
}
