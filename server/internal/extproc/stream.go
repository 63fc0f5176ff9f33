package extproc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
	"github.com/weirgate/weir/pkg/guard"
	"github.com/weirgate/weir/pkg/target"
	"github.com/weirgate/weir/server/internal/wire"
)

// alarm says what the stream's one timer is for.
type alarm uint8

const (
	alarmIdle   alarm = iota // nothing came from Envoy for too long
	alarmBody                // the request's body did not arrive in time
	alarmAttest              // Envoy has not delivered a body message after an override
)

// stream is one exchange. Two goroutines work on it, one at a time: receive handles what Envoy sends where it has read it, and run what
// comes of time.
type stream struct {
	s    *Server
	ss   grpc.ServerStream
	ctx  context.Context //nolint:containedctx // a stream is its context's lifetime
	conn *conn
	from *filter      // the filter of Envoy's that the exchange came through; never attested before that is known
	over chan outcome // capacity 1: how receive has ended

	mu    sync.Mutex // guards what follows
	left  bool       // run has returned: nothing may be sent any more
	timer *time.Timer
	due   time.Time // when timer fires
	alarm alarm

	adm     *guard.Admission
	req     authz.Request
	dialect dialect.Dialect
	lead    *target.Lead // to the other guarded host that the answer redirects to; nil: it does not
	static  bool
	plan    plan
	asked   bool      // an override was sent, and no body message has come since
	askedAt time.Time // of a standalone one
	refused bool      // an ImmediateResponse was sent: nothing more is answered

	request  requestSide
	response responseSide
}

func newStream(s *Server, ss grpc.ServerStream) *stream {
	return &stream{s: s, ss: ss, ctx: ss.Context(), conn: connOf(ss.Context()), from: &filter{}, over: make(chan outcome, 1), timer: time.NewTimer(s.cfg.IdleTimeout), due: time.Now().Add(s.cfg.IdleTimeout)}
}

// decisionID returns the exchange's decision ID; empty before there is one.
func (st *stream) decisionID() string {
	if st.adm == nil {
		return ""
	}
	return st.adm.ID()
}

// outcome is how an exchange ended: with an error or none, or with a panic.
type outcome struct {
	err   error
	panic string // what panicked and where; empty for nothing
}

// run owns the stream until Envoy ends it or something fails.
func (st *stream) run() error {
	defer st.leave()
	go st.receive()
	drain := st.s.drain
	for {
		var err error
		select {
		case o := <-st.over:
			if o.panic != "" {
				panic(o.panic) // here is who catches it
			}
			return o.err
		case <-st.timer.C:
			err = st.locked(st.alarmed)
		case <-drain:
			drain = nil
			err = st.locked(st.drained)
		case <-st.ctx.Done():
			return st.locked(func() error { return st.closed(st.ctx.Err()) })
		}
		if err != nil {
			return st.locked(func() error { return st.failed(err) })
		}
	}
}

// locked calls f while nobody else works on the stream.
func (st *stream) locked(f func() error) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	return f()
}

// leave frees what the stream holds; receive touches nothing after it.
func (st *stream) leave() {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.left = true
	st.timer.Stop()
	st.releaseBody()
	st.dropEarly()
	st.dropSniffed()
	st.stopDecoder()
}

// failed ends the exchange by an error.
func (st *stream) failed(err error) error {
	st.end(authz.OutcomeFailed)
	if st.ctx.Err() == nil {
		st.s.cfg.Log.Warn("exchange ended by an error", "decision", st.decisionID(), "cause", err)
	}
	return status.Error(codes.Internal, "weir: internal error")
}

// drained refuses an exchange that waits for its request's body when Weir is about to end.
func (st *stream) drained() error {
	if !st.request.held || st.refused {
		return nil
	}
	return st.deny(&authz.Error{Kind: authz.KindBusy, Label: "draining", Public: "Weir is restarting"})
}

// dropEarly frees what was kept of an answer that was never taken up.
func (st *stream) dropEarly() {
	for _, m := range st.response.queue {
		m.Free()
	}
	st.response.queue = nil
}

// receive reads and handles messages until the exchange ends. RecvMsg ends with the stream's context, which gRPC cancels when run returns.
// A panic here would end the process, and with it every other exchange: it goes to run.
func (st *stream) receive() {
	var o outcome
	defer func() {
		if p := recover(); p != nil {
			o = outcome{panic: fmt.Sprintf("%v\n%s", p, debug.Stack())}
		}
		st.over <- o
	}()
	for more := true; more; {
		m := new(wire.Inbound)
		err := st.ss.RecvMsg(m)
		more, o.err = st.take(m, err)
	}
}

// take handles what RecvMsg returned. It reports whether there is more to receive, and else how the exchange ended.
func (st *stream) take(m *wire.Inbound, err error) (bool, error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	defer m.Free()
	if st.left {
		return false, nil
	}
	if err != nil {
		return false, st.closed(err)
	}
	if st.alarm == alarmIdle {
		st.arm(alarmIdle, st.s.cfg.IdleTimeout)
	}
	if err := st.handle(m); err != nil {
		return false, st.failed(err)
	}
	if st.adm != nil {
		st.adm.Record() // now that the request has gone on, and before anything of its answer comes
	}
	return true, nil
}

// closed ends an exchange that Envoy ended. Envoy's normal end and a client that left look the same on the stream: what counts is
// whether the ends of both directions were seen. nil is returned only where Envoy half-closed first, so nothing can pass on its strength.
func (st *stream) closed(cause error) error {
	if st.asked && st.plan.standalone && st.request.held {
		st.overrideIgnored()
		if st.s.cfg.Now().Sub(st.askedAt) < refusesWithin {
			st.s.ignored.Add(1)
		}
	}
	st.end(authz.OutcomeAborted)
	if errors.Is(cause, io.EOF) {
		return nil
	}
	return status.Error(codes.Canceled, "weir: the stream was ended")
}

// overrideIgnored notes that this Envoy did not heed an override, or that a client left right after one.
func (st *stream) overrideIgnored() {
	st.asked = false
	st.from.revoke()
	st.s.cfg.Observer.OverrideIgnored()
	st.s.cfg.Log.Warn("no body came after a mode override: a client that left, or an Envoy without allow_mode_override: true", "decision", st.decisionID())
}

// bodySeen notes that a body message came.
func (st *stream) bodySeen() {
	if !st.asked {
		return
	}
	st.asked = false
	st.s.ignored.Store(0)
	st.from.attest(st.s.cfg.Now())
}

// handle takes one message.
func (st *stream) handle(m *wire.Inbound) error {
	if st.refused {
		return nil // Envoy may have sent it before it saw our refusal
	}
	if st.adm == nil {
		if m.Observing() {
			st.observability()
			return nil
		}
		if m.Phase != wire.RequestHeaders && !st.response.orphan {
			return st.firstIsResponse(m)
		}
	}
	if st.response.early != nil && (m.Phase == wire.ResponseBody || m.Phase == wire.ResponseTrailers) {
		st.bodySeen()
		return st.keepEarly(m)
	}
	switch m.Phase {
	case wire.RequestHeaders:
		return st.requestHeaders(m)
	case wire.RequestBody:
		st.bodySeen()
		return st.requestBody(m)
	case wire.RequestTrailers:
		st.bodySeen()
		return st.requestTrailers(m)
	case wire.ResponseHeaders:
		return st.responseHeaders(m)
	case wire.ResponseBody:
		st.bodySeen()
		return st.responseBody(m)
	case wire.ResponseTrailers:
		st.bodySeen()
		return st.responseTrailers(m)
	}
	return errors.New("extproc: message of no known phase")
}

// observability notes a filter whose answers Envoy ignores.
func (st *stream) observability() {
	if !st.s.observing.Swap(true) {
		st.s.cfg.Log.Error("an Envoy runs ext_proc in observability_mode: nothing is enforced; set observability_mode: false")
	}
	st.s.cfg.Observer.Observability()
}

// send answers Envoy.
func (st *stream) send(o *wire.Outbound) error { return st.ss.SendMsg(o) }

// arm sets the stream's timer.
func (st *stream) arm(a alarm, d time.Duration) {
	st.alarm, st.due = a, time.Now().Add(d)
	st.timer.Reset(d)
}

// disarm goes back to the idle timer, if a is what is armed.
func (st *stream) disarm(a alarm) {
	if st.alarm == a {
		st.arm(alarmIdle, st.s.cfg.IdleTimeout)
	}
}

// alarmed handles the timer. It may have been set anew since it fired.
func (st *stream) alarmed() error {
	if time.Now().Before(st.due) {
		return nil
	}
	why := st.alarm
	st.arm(alarmIdle, st.s.cfg.IdleTimeout)
	if st.refused {
		return errors.New("extproc: Envoy did not end a refused stream")
	}
	switch why {
	case alarmBody:
		return st.deny(&authz.Error{Kind: authz.KindUnavailable, Label: "request_body_timeout", Public: "the request body did not arrive in time"})
	case alarmAttest:
		st.overrideIgnored()
		st.s.ignored.Store(maxIgnored) // no doubt left: the head is here, the body is not
		return st.deny(&authz.Error{
			Kind: authz.KindUnavailable, Label: "override_ignored",
			Public: "Envoy did not send the body that Weir asked for: its ext_proc filter needs allow_mode_override: true and failure_mode_allow: false",
		})
	case alarmIdle:
	}
	return errors.New("extproc: no message within the idle timeout")
}

// deny refuses the exchange for e. In observe mode it only writes that down, and reports true.
func (st *stream) deny(e *authz.Error) error {
	st.s.cfg.Observer.AnswerRefused(e.Label)
	if st.adm == nil {
		st.refused = true
		return st.send(wire.Refuse(wire.RefusalFor(authz.Decision{Kind: e.Kind, Reason: e.Public, Rule: "weir." + e.Label}, "", st.req.Headers, wire.FormProblem)))
	}
	st.adm.Refuse(e)
	if st.adm.Allowed() {
		return nil
	}
	return st.refuse()
}

// refuse answers with the verdict: a real status while no response head has left, a cut after. The completion record is written first.
func (st *stream) refuse() error {
	st.refused = true
	st.request.held = false
	r := wire.RefusalFor(st.adm.Decision(), st.adm.ID(), st.req.Headers, wire.FormOf(st.adm.Target(), st.req.Path))
	outcome := authz.OutcomeRefused
	if st.response.answered {
		outcome = authz.OutcomeCut
	} else {
		st.response.status = r.Status
	}
	st.end(outcome)
	st.arm(alarmIdle, st.s.cfg.IdleTimeout)
	return st.send(wire.Refuse(r).Metadata(st.adm.Edits()))
}

// end finishes the exchange's books, once. A client that left after all was answered left a complete exchange.
func (st *stream) end(o authz.Outcome) {
	if st.adm == nil {
		return
	}
	if err := st.finish(o); err != nil {
		st.s.cfg.Log.Error("completion", "decision", st.adm.ID(), "cause", err)
	}
}

func (st *stream) finish(o authz.Outcome) error {
	f := guard.Final{Outcome: o, Status: st.response.status, Head: st.response.answered || st.response.closing, Waits: !st.response.answered, Measured: st.response.measured, Volume: st.response.left}
	if st.response.judge != nil {
		r := st.response.judge.vectors.Reading()
		f.Found = authz.Found{
			Dims: r.Dims, Undeclared: r.Undeclared, Emptied: r.Emptied,
			Floats: r.BytesFloat, Ints: r.BytesInt, Base64: r.BytesBase64, Sparse: r.BytesSparse, Text: r.BytesText, Binary: r.BytesBinary,
		}
	}
	return st.adm.Finish(st.ctx, f)
}
