package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

// Entry is one record read from a journal. Raw and Input share memory and belong to whoever received the Entry.
type Entry struct {
	Seq      uint64          // number of the record in its journal, from 1
	Hash     [32]byte        // chain: SHA-256 of the previous record's Hash and Raw
	Event    authz.Event     // which of an exchange's two records it is
	Time     time.Time       // when the record was made
	Decision string          // decision ID
	Raw      json.RawMessage // the record, one JSON object without a line end
	Input    json.RawMessage // the policy input in it; nil where the record has none
}

// Fields decodes the whole record. Members it does not know are ignored: a newer Weir wrote them.
func (e Entry) Fields() (Fields, error) {
	var f Fields
	if err := json.Unmarshal(e.Raw, &f); err != nil {
		return Fields{}, fmt.Errorf("record %d: %w", e.Seq, err)
	}
	return f, nil
}

// Decode reads a record from its JSON form. Seq and Hash stay zero.
func Decode(raw []byte) (Entry, error) {
	e := Entry{Raw: raw}
	if parseHead(&e) {
		e.Input = parseInput(raw)
		return e, nil
	}
	var head struct {
		Event    authz.Event     `json:"event.name"`
		Time     time.Time       `json:"time"`
		Decision string          `json:"weir.decision.id"`
		Input    json.RawMessage `json:"weir.input"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return e, fmt.Errorf("record: %w", err)
	}
	e.Event, e.Time, e.Decision, e.Input = head.Event, head.Time, head.Decision, head.Input
	return e, nil
}

// headPrefix is how every record that this build writes begins.
var headPrefix = fmt.Appendf(nil, `{"weir.schema":%d,"event.name":"`, Schema)

// parseHead reads the first members without a JSON decoder, so that searching a large journal is bound by the disk. It gives up on
// anything but the form that record writes.
func parseHead(e *Entry) bool {
	rest, ok := bytes.CutPrefix(e.Raw, headPrefix)
	if !ok {
		return false
	}
	event, rest, ok := bytes.Cut(rest, []byte(`","time":"`))
	if !ok {
		return false
	}
	at, rest, ok := bytes.Cut(rest, []byte(`","weir.decision.id":"`))
	if !ok {
		return false
	}
	id, _, ok := bytes.Cut(rest, []byte(`"`))
	if !ok || bytes.IndexByte(event, '\\') >= 0 || bytes.IndexByte(id, '\\') >= 0 || bytes.IndexByte(event, '"') >= 0 {
		return false
	}
	t, err := time.Parse(time.RFC3339Nano, string(at))
	if err != nil {
		return false
	}
	e.Event, e.Time, e.Decision = authz.Event(event), t, string(id)
	return true
}

// parseInput returns the last member of a record that parseHead took, if it is the input. No string before it can contain the mark: its
// quotes would be escaped.
func parseInput(raw []byte) json.RawMessage {
	mark := []byte(`,"weir.input":`)
	i := bytes.Index(raw, mark)
	if i < 0 || raw[len(raw)-1] != '}' {
		return nil
	}
	return json.RawMessage(raw[i+len(mark) : len(raw)-1])
}

// LostLabel is the cause that a completion made by Lost states.
const LostLabel = "completion_lost"

// Lost makes the completion record of a decision that has none, because the process ended first: outcome failed, cause
// LostLabel. What left is not known: the volume is zero and Measured empty, and what the decision had reserved is repeated as its upper
// bound. now is the record's time.
func Lost(decision Entry, now time.Time) (*authz.Record, error) {
	if decision.Event != authz.EventDecision {
		return nil, fmt.Errorf("record %d is a %s, not a decision", decision.Seq, decision.Event)
	}
	f, err := decision.Fields()
	if err != nil {
		return nil, err
	}
	r := &authz.Record{
		Event: authz.EventCompletion, Decision: f.Decision, Replica: f.Replica, Time: now, Started: f.Started, Entry: f.Entry,
		TraceID: f.TraceID, SpanID: f.SpanID, ParentSpanID: f.ParentSpanID, RequestID: f.RequestID,
		Method: f.Method, Host: f.Host, Path: f.Path, Source: f.Source, Peer: f.Peer, Protocol: f.Protocol,
		Target: authz.Target{Name: f.Target, Kind: f.TargetKind, Tenant: f.Tenant, Sensitivity: f.Sensitivity, Dialect: f.Dialect},
		Operation: authz.Operation{
			Class: f.Class, Complete: f.Complete, Model: f.Model, Collection: f.Collection, Object: f.Object, Into: f.Into, Artifact: f.Artifact, Range: f.Range, Part: f.Part,
			Vectors: f.AskedVectors, Dims: f.AskedDims, Documents: f.AskedDocuments, Bytes: f.AskedBytes,
		},
		Verdict: authz.Decision{
			Effect: f.Verdict, Rule: f.Rule, Reason: f.Reason, Limits: f.Limits, Approval: f.Approval, Record: f.RecordMode, Revision: f.Revision,
			Mask: authz.Mask{Vectors: f.MaskVectors, Scores: f.MaskScores, Fields: f.MaskFields}, Exceeded: f.Exceeded, Alternatives: f.Alternatives,
			Flags: f.Flagged(),
		},
		Enforced: f.Enforced, Label: LostLabel, Detail: f.Detail, Reserved: f.Reserved(), Outcome: authz.OutcomeFailed,
	}
	f.stored(r)
	if f.Mode == string(authz.ModeObserve) {
		r.Mode = authz.ModeObserve
	}
	if f.Refusal != "" {
		if err := r.Verdict.Kind.UnmarshalText([]byte(f.Refusal)); err != nil {
			return nil, fmt.Errorf("record %d: %w", decision.Seq, err)
		}
	}
	r.Subject = f.Subject()
	return r, nil
}

// Subject returns who the record is about, without claims, which are in its input only.
func (f *Fields) Subject() authz.Subject {
	s := authz.Subject{Name: f.UserName, Email: f.UserEmail, Groups: f.UserRoles, Kind: f.ActorType, Owner: f.Owner, Credential: f.Credential}
	s.Issuer, s.ID, _ = strings.Cut(f.UserID, "|")
	if f.CredentialEnds != nil {
		s.Expires = *f.CredentialEnds
	}
	for _, a := range f.ActorChain {
		issuer, id, _ := strings.Cut(a, "|")
		s.Actors = append(s.Actors, authz.Actor{Issuer: issuer, ID: id})
	}
	return s
}
