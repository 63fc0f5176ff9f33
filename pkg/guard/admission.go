package guard

import (
	"context"
	"errors"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

// Admission is one exchange on its way through the pipeline. It belongs to one goroutine. Its zero effect is Deny: until Admit or Refine
// has allowed, nothing may be released.
type Admission struct {
	g     *Guard
	id    string
	req   authz.Request
	match authz.Match
	op    authz.Operation
	trace trace
	words string // the requester's, in justification of what is asked

	needsBody bool
	identity  authz.Identity
	known     bool // the subject is verified

	decided  bool           // policy was asked, or something refused before it
	verdict  authz.Decision // what policy and limits said
	enforced authz.Effect   // what is done
	label    string         // cause of a refusal that is not policy's
	detail   string         // why a token was refused
	fault    string         // the rule in which the policy failed
	input    *authz.Input   // as evaluated last
	extended bool           // it is another one than the decision record's
	marked   []authz.Flag   // by policy so far: a fault that comes after takes nothing of it away

	carried   string               // the credential that the answer's Location carries
	piece     *authz.Piece         // what the answer hands out of a stored object
	artifact  authz.Artifact       // what that is, by its content
	claimed   *authz.CoverClaim    // of the object's coverage, until it is decided
	unknown   *authz.Reservation   // of bytes of an object that nobody knows
	tried     bool                 // it is counted as an attempt at weights, or goes on with one
	first     bool                 // it does not go on with one
	attempted *authz.Reservation   // of the attempt
	having    *authz.Reservation   // of an object that may be had: further pieces are no attempts
	document  *authz.DocumentClaim // of a corpus, until it is decided

	envoy  *authz.EnvoyRequest // for policies of policy.compat; see Attributes
	bodied bool                // the body in it is whole

	reservation authz.Reservation
	reserved    bool
	granted     authz.Volume // what the store has charged so far
	raised      time.Time    // when it was last told

	took     time.Duration // what Admit and Refine took so far
	receipt  Receipt       // of the decision record; nil when nothing is to be waited for
	finished bool
}

// Begin opens an exchange: it finds the target and describes the operation, without I/O. The Admission is never nil; where the request
// fits no target or cannot be read, it is already refused (see Decision).
func (g *Guard) Begin(req authz.Request) *Admission {
	if req.Time.IsZero() {
		req.Time = g.cfg.Now()
	}
	a := &Admission{g: g, req: req, words: justification(req)}
	id, err := g.newID()
	a.id = id
	a.trace = joinTrace(req.TraceParent, id)
	if err != nil {
		a.fail(err)
		return a
	}
	if a.match, err = g.cfg.Targets.Resolve(req); err != nil {
		a.fail(err)
		return a
	}
	a.op, a.needsBody = g.cfg.Describer.Describe(a.match, req)
	a.needsBody = a.needsBody && !req.EndOfStream || a.wantsBody()
	return a
}

// ID returns the decision ID; it is what the client sees in weir-decision.
func (a *Admission) ID() string { return a.id }

// Target returns what is asked for; the zero Target when nothing matched.
func (a *Admission) Target() authz.Target { return a.match.Target }

// Operation returns what is asked, as far as it is known.
func (a *Admission) Operation() authz.Operation { return a.op }

// NeedsBody reports whether the request's body must be read, and Refine be called with what it holds, before there is a decision.
func (a *Admission) NeedsBody() bool { return a.needsBody && !a.decided }

// Identity returns who asks and what showed it, which is stripped before the upstream; the zero value before Admit, and for nobody.
func (a *Admission) Identity() authz.Identity { return a.identity }

// Words returns what the requester said in justification of what is asked; empty for nothing.
func (a *Admission) Words() string { return a.words }

// Carries notes the capability that the answer's Location carries, by its name as a credential, so that the completion record tells which
// requests follow from this one.
func (a *Admission) Carries(credential string) { a.carried = credential }

// SubjectRef names the subject for per-subject bounds; empty before Admit, and for nobody.
func (a *Admission) SubjectRef() string { return a.identity.Subject.Ref() }

// Decided reports whether there is a decision.
func (a *Admission) Decided() bool { return a.decided }

// Allowed reports whether the exchange may go on. It is false until there is a decision.
func (a *Admission) Allowed() bool { return a.decided && a.enforced == authz.Allow }

// Observed reports whether the target is in observe mode: nothing is masked, withheld or refused.
func (a *Admission) Observed() bool { return a.match.Target.Mode == authz.ModeObserve }

// Decision returns the verdict; the zero Decision (deny) before there is one.
func (a *Admission) Decision() authz.Decision { return a.verdict }

// Mask returns the mask that is in force: what the verdict says, redact where it says nothing, none in observe mode.
func (a *Admission) Mask() authz.MaskMode {
	if a.Observed() {
		return authz.MaskNone
	}
	return a.verdict.Mask.Vectors.Stricter(authz.MaskNone)
}

// Limits reports whether the verdict bounds the unit.
func (a *Admission) Limits(u authz.Unit) bool {
	for _, l := range a.verdict.Limits {
		if l.Unit == u {
			return true
		}
	}
	return false
}

// Admit verifies the subject and, unless the body must be read first, decides. It returns the decision so far: the zero Decision
// when NeedsBody. A refusal is a value; there is no error that a caller could mistake for permission.
func (a *Admission) Admit(ctx context.Context) authz.Decision {
	if a.decided || a.known { // known: ext_authz admitted it, and the body is still to be read
		return a.verdict
	}
	ctx, cancel := context.WithTimeout(ctx, a.g.cfg.Timeout)
	defer cancel()
	start := a.g.cfg.Now()
	defer func() { a.admitted(start) }()
	identity, err := a.g.cfg.Authenticator.Authenticate(ctx, a.req, a.match.Target)
	a.g.cfg.Observer.Phase("authenticate", a.g.cfg.Now().Sub(start))
	a.identity = identity
	if err != nil {
		a.identity.Subject = authz.Subject{}
		a.g.cfg.Observer.AuthFailed(authz.AsError(err).Label)
		a.fail(err)
		return a.verdict
	}
	a.known = true
	a.takeLeave()
	if a.words == "" && !justifies(a.req) {
		a.words = words(identity.Subject.Justification)
	}
	if !a.needsBody {
		a.decide(ctx, authz.PhaseRequest, nil)
	}
	return a.verdict
}

// Refine decides, now that the request's body has been read as op. An op that is not complete is given to policy as such, and the shipped
// policy refuses it.
func (a *Admission) Refine(ctx context.Context, op authz.Operation) authz.Decision {
	if a.decided || !a.known {
		if !a.decided {
			a.fail(&authz.Error{Kind: authz.KindInternal, Label: "refine_before_admit", Public: "Weir could not decide about this request"})
		}
		return a.verdict
	}
	a.op = op
	a.takeLeave()
	start := a.g.cfg.Now()
	defer func() { a.admitted(start) }()
	ctx, cancel := context.WithTimeout(ctx, a.g.cfg.Timeout)
	defer cancel()
	a.decide(ctx, authz.PhaseRequest, nil)
	return a.verdict
}

// Extend decides again, now that more is known of a request that comes in messages: op is what all of them ask for so far. What was refused
// stays so, and the verdict becomes no less strict; what the request states is reserved before its next message may go on. Where it
// refuses, nothing more of the request may be released, nor of the answer.
func (a *Admission) Extend(ctx context.Context, op authz.Operation) authz.Decision {
	if !a.Allowed() || !a.known {
		return a.verdict
	}
	a.Record()
	a.op, a.extended = op, true
	a.takeLeave()
	ctx, cancel := context.WithTimeout(ctx, a.g.cfg.Timeout)
	defer cancel()
	start := a.g.cfg.Now()
	a.decide(ctx, authz.PhaseRequest, nil)
	a.g.cfg.Observer.Phase("extend", a.g.cfg.Now().Sub(start))
	return a.verdict
}

// admitted adds the time since start to what the decision about the request took, and tells it once there is one: the wait for a body
// between Admit and Refine is the client's.
func (a *Admission) admitted(start time.Time) {
	a.took += a.g.cfg.Now().Sub(start)
	if a.decided {
		a.g.cfg.Observer.Phase("admit", a.took)
	}
}

// Respond tells the guard the answer's head, and what it hands out of a stored object. Policy is asked again where one of its rules reads
// what is known only now; its answer can only tighten the first. In observe mode it may be called once more, when the object's first bytes
// have told what it is.
func (a *Admission) Respond(ctx context.Context, resp authz.Response) authz.Decision {
	reads := a.g.cfg.Policy.Reads()
	if a.Allowed() && a.strayed(&resp) {
		return a.Refuse(errLeave("the answer is of no object that is known"))
	}
	if !a.Allowed() || !a.known || !reads.Response && resp.Object == nil {
		return a.verdict
	}
	a.Record()
	ctx, cancel := context.WithTimeout(ctx, a.g.cfg.Timeout)
	defer cancel()
	start := a.g.cfg.Now()
	defer func() { a.g.cfg.Observer.Phase("respond", a.g.cfg.Now().Sub(start)) }()
	named := a.op.Artifact
	if resp.Object != nil {
		if err := a.object(ctx, &resp); err != nil {
			a.fail(err)
			a.letGo(ctx)
			return a.verdict
		}
	}
	if reads.Response || resp.Object != nil && reads.Object || a.op.Artifact != named {
		a.decide(ctx, authz.PhaseResponse, &resp)
	}
	if err := a.commit(ctx, resp.Forwarded); err != nil {
		a.fail(err)
	}
	return a.verdict
}

// commit makes what is claimed one that has left, or gives it back where it is refused. Where it is forwarded it leaves, and is covered, where the
// redirect leads; a document of a corpus counts here, for that may be none.
func (a *Admission) commit(ctx context.Context, forwarded bool) error {
	switch {
	case !a.Allowed():
		a.letGo(ctx)
		return nil
	case forwarded:
		err := a.commitDocument(ctx)
		a.having = nil // it stays one that may be had
		a.letGo(ctx)
		return err
	}
	return errors.Join(a.commitCoverage(ctx), a.commitDocument(ctx))
}

// Refuse turns the exchange into a refusal after the fact: an answer that cannot be judged, a body over its cap. In observe mode it is
// written down and not enforced.
func (a *Admission) Refuse(err *authz.Error) authz.Decision {
	a.fail(err)
	return a.verdict
}

// fail makes err the verdict. The cause goes to the log, the public text to the client.
func (a *Admission) fail(err error) {
	e := authz.AsError(err)
	level := a.g.cfg.Log.Warn
	switch e.Kind {
	case authz.KindUnavailable, authz.KindBusy, authz.KindInternal:
		a.g.cfg.Observer.Undecided(e.Label)
	case authz.KindBadAnswer: // the upstream's doing
	default:
		level = a.g.cfg.Log.Debug // the client's doing; it is in the journal
	}
	said := []any{"decision", a.id, "target", a.match.Target.Name, "label", e.Label, "cause", e}
	if e.Fault != "" {
		said = append(said, "fault", e.Fault)
	}
	level("refused", said...)
	denied := authz.Decision{Effect: authz.Deny, Kind: e.Kind, Rule: "weir." + e.Label, Reason: e.Public, Revision: a.g.cfg.Policy.Revision(), Challenge: e.Challenge, Nonce: e.Nonce, Flags: a.marked}
	if a.decided {
		denied = a.verdict.Tighten(denied)
	}
	a.label, a.detail = e.Label, ""
	if e.Kind == authz.KindUnauthenticated && e.Err != nil {
		a.detail = e.Err.Error()
	}
	if e.Fault != "" {
		a.fault = e.Fault
	}
	a.settleVerdict(denied)
}

// settleVerdict makes d the verdict and derives what is enforced. The decision record is of the first verdict.
func (a *Admission) settleVerdict(d authz.Decision) {
	a.Record()
	a.verdict, a.decided = d, true
	a.enforced = d.Effect
	if a.Observed() {
		a.enforced = authz.Allow
	}
}
