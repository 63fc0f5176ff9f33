package guard

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"

	"github.com/weirgate/weir/pkg/authz"
)

// trace is where an exchange hangs in the caller's trace.
type trace struct{ id, span, parent string }

// joinTrace continues a W3C traceparent (https://www.w3.org/TR/trace-context/#traceparent-header, version 00 and later ones read as 00),
// and starts a trace of its own where there is none or it is malformed. The sampled flag is ignored: a caller cannot turn its own audit
// off. The span ID is derived from the decision ID, so that deriving the span again from the journal gives the same one.
func joinTrace(parent, decision string) trace {
	sum := sha256.Sum256([]byte(decision))
	t := trace{span: hex.EncodeToString(sum[:8])}
	if len(parent) >= 55 && parent[2] == '-' && parent[35] == '-' && parent[52] == '-' && parent[:2] != "ff" && (parent[:2] != "00" || len(parent) == 55) {
		id, span := parent[3:35], parent[36:52]
		if isHex(parent[:2]) && isHex(id) && isHex(span) && !allZero(id) && !allZero(span) {
			t.id, t.parent = id, span
			return t
		}
	}
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		copy(b[:], sum[8:])
	}
	t.id = hex.EncodeToString(b[:])
	return t
}

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func allZero(s string) bool {
	for i := range len(s) {
		if s[i] != '0' {
			return false
		}
	}
	return true
}

// Record gives the decision record to the journal, once there is a decision, and once: later verdicts of the same exchange are told by its
// completion record. Whatever needs the record calls it (Durable, Queued, Finish); a caller who has just let the request go on calls it
// then, so that the record is made while the upstream works. A journal that cannot take it turns the verdict into a refusal where it
// matters: nothing is released without its record.
func (a *Admission) Record() {
	if a.receipt != nil || !a.decided || a.verdict.Record == authz.RecordOff {
		return
	}
	rec := a.record(authz.EventDecision)
	rec.Reserved = a.granted
	receipt, err := a.g.cfg.Journal.Append(rec)
	if err != nil {
		receipt = refused{err}
	}
	a.receipt = receipt
}

// refused is the receipt of a record that the journal did not take.
type refused struct{ err error }

func (r refused) Wait(context.Context) error { return r.err }

// Durable returns when the decision record is on disk, as far as the record mode asks for that. An error is a refusal, already made the
// verdict: nothing may be released. In observe mode it is counted and nil.
func (a *Admission) Durable(ctx context.Context) error {
	a.Record()
	if a.receipt == nil || a.verdict.Record.Stricter(authz.RecordOff) != authz.RecordDurable {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, a.g.cfg.Timeout)
	defer cancel()
	return a.unwritten(a.wait(ctx, a.receipt))
}

// wait waits for the disk.
func (a *Admission) wait(ctx context.Context, r Receipt) error {
	start := a.g.cfg.Now()
	err := r.Wait(ctx)
	a.g.cfg.Observer.Phase("journal", a.g.cfg.Now().Sub(start))
	return err
}

// Queued reports whether the journal has taken the decision record, and does not wait for the disk. It is Durable for a caller that
// releases nothing before Finish, which waits for both records: one sync for the two of them. An error is a refusal, as with Durable.
func (a *Admission) Queued() error {
	a.Record()
	r, ok := a.receipt.(refused)
	if !ok || a.verdict.Record.Stricter(authz.RecordOff) != authz.RecordDurable {
		return nil
	}
	return a.unwritten(r.err)
}

// unwritten makes the verdict of a decision record that is not written; nil of one that is.
func (a *Admission) unwritten(err error) error {
	if err == nil {
		return nil
	}
	a.fail(errUnwritten(err))
	if a.Observed() {
		return nil
	}
	return authz.AsError(err)
}

// errUnwritten is the refusal of what has no record.
func errUnwritten(err error) *authz.Error {
	return &authz.Error{Kind: authz.KindUnavailable, Label: "journal_unavailable", Public: "Weir could not write its audit record", Err: authz.AsError(err)}
}

// recordCompletion writes the completion record. Where it waits for the disk, the decision record is there too when it returns nil.
func (a *Admission) recordCompletion(ctx context.Context, f Final) error {
	a.Record()
	if a.verdict.Record == authz.RecordOff {
		return nil
	}
	rec := a.record(authz.EventCompletion)
	rec.Input = nil // the decision record holds it, unless the response was judged, or more of the request
	if a.input != nil && (a.extended || a.input.Phase == authz.PhaseResponse) {
		rec.Input = a.recordedInput()
	}
	rec.Outcome, rec.Status, rec.Measured, rec.Found = f.Outcome, f.Status, f.Measured, f.Found
	rec.Reserved = a.granted
	rec.Volume = a.left(f)
	receipt, err := a.g.cfg.Journal.Append(rec)
	if err == nil && a.verdict.Record.Stricter(authz.RecordBestEffort) == authz.RecordDurable {
		if err = a.wait(ctx, receipt); err == nil && a.receipt != nil {
			err = a.receipt.Wait(ctx) // written before it: known by now
		}
	}
	if err != nil {
		return errUnwritten(err)
	}
	return nil
}

// recordedInput is the policy input as the record mode permits it.
func (a *Admission) recordedInput() *authz.Input {
	if a.verdict.Record == authz.RecordMetadata {
		return nil
	}
	return a.input
}

// The bounds on what a client chooses freely and records repeat, in bytes: a few large requests must not push the rest of the journal out.
const (
	maxMethod    = 32
	maxRequestID = 128
	maxStranger  = 256 // of a path, and what is read out of it, where nobody knows who asks
)

// clip returns s, or its beginning and "…" where it is longer than n bytes.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n] + "…"
}

// record fills in what both records of an exchange share.
func (a *Admission) record(event authz.Event) *authz.Record {
	subject := a.identity.Subject
	subject.Claims = nil
	path, op := a.match.Path, a.op
	if !a.known {
		path = clip(path, maxStranger)
		for _, s := range []*string{&op.Object, &op.Into, &op.Collection, &op.Model} {
			*s = clip(*s, maxStranger)
		}
	}
	return &authz.Record{
		Event: event, Decision: a.id, Replica: a.g.cfg.Replica, Time: a.g.cfg.Now(), Started: a.req.Time, Entry: a.g.cfg.Entry,
		TraceID: a.trace.id, SpanID: a.trace.span, ParentSpanID: a.trace.parent, RequestID: clip(a.req.RequestID, maxRequestID),
		Method: clip(a.req.Method, maxMethod), Host: a.match.Host, Path: path, Source: a.req.Source, Peer: a.req.Peer, Protocol: a.req.Protocol,
		Subject: subject, Target: a.match.Target, Operation: op,
		Verdict: a.verdict, Enforced: a.enforced, Label: a.label, Detail: a.detail, Fault: a.fault, Mode: a.match.Target.Mode, Input: a.recordedInput(),
		Object: a.piece, Artifact: a.artifact, Leave: a.identity.Leave, Carried: a.carried,
	}
}
