package extproc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
	"github.com/weirgate/weir/pkg/guard"
	"github.com/weirgate/weir/server/internal/wire"
)

// alarm says what the stream's one timer is for.
type alarm uint8

const (
	alarmIdle   alarm = iota // nothing came from Envoy for too long
	alarmBody                // the request's body did not arrive in time
	alarmAttest              // Envoy has not delivered a body message after an override
)

// received is what the receiving goroutine hands over.
type received struct {
	msg   *wire.Inbound
	err   error
	panic string // what panicked while the message was read, and where; empty for nothing
}

// stream is one exchange. All fields belong to the goroutine that runs run.
type stream struct {
	s    *Server
	ss   grpc.ServerStream
	ctx  context.Context //nolint:containedctx // a stream is its context's lifetime
	conn *conn
	from *filter // the filter of Envoy's that the exchange came through; never attested before that is known
	in   chan received

	timer *time.Timer
	alarm alarm

	adm     *guard.Admission
	req     authz.Request
	dialect dialect.Dialect
	static  bool
	plan    plan
	asked   bool      // an override was sent, and no body message has come since
	askedAt time.Time // of a standalone one
	refused bool      // an ImmediateResponse was sent: nothing more is answered

	request  requestSide
	response responseSide
}

func newStream(s *Server, ss grpc.ServerStream) *stream {
	return &stream{s: s, ss: ss, ctx: ss.Context(), conn: connOf(ss.Context()), from: &filter{}, in: make(chan received), timer: time.NewTimer(s.cfg.IdleTimeout)}
}

// decisionID returns the exchange's decision ID; empty before there is one.
func (st *stream) decisionID() string {
	if st.adm == nil {
		return ""
	}
	return st.adm.ID()
}

// run owns the stream until Envoy ends it or something fails.
func (st *stream) run() error {
	defer st.timer.Stop()
	defer st.releaseBody()
	defer st.dropEarly()
	defer st.stopDecoder()
	go st.receive()
	drain := st.s.drain
	for {
		var err error
		select {
		case r := <-st.in:
			if r.panic != "" {
				panic(r.panic) // here is who catches it
			}
			if r.err != nil {
				return st.closed(r.err)
			}
			if st.alarm == alarmIdle {
				st.timer.Reset(st.s.cfg.IdleTimeout)
			}
			err = st.handle(r.msg)
			r.msg.Free()
		case <-st.timer.C:
			err = st.alarmed()
		case <-drain:
			drain = nil
			if st.request.held && !st.refused {
				err = st.deny(&authz.Error{Kind: authz.KindBusy, Label: "draining", Public: "Weir is restarting"})
			}
		case <-st.ctx.Done():
			return st.closed(st.ctx.Err())
		}
		if err != nil {
			st.end(authz.OutcomeFailed)
			if st.ctx.Err() == nil {
				st.s.cfg.Log.Warn("exchange ended by an error", "decision", st.decisionID(), "cause", err)
			}
			return status.Error(codes.Internal, "weir: internal error")
		}
	}
}

// dropEarly frees what was kept of an answer that was never taken up.
func (st *stream) dropEarly() {
	for _, m := range st.response.queue {
		m.Free()
	}
	st.response.queue = nil
}

// receive pumps messages to run. It ends with the stream's context, which gRPC cancels when run's handler returns.
func (st *stream) receive() {
	for {
		r := st.next()
		select {
		case st.in <- r:
		case <-st.ctx.Done():
			r.msg.Free()
			return
		}
		if r.err != nil || r.panic != "" {
			return
		}
	}
}

// next reads one message. A panic in a goroutine of its own would end the process, and with it every other exchange.
func (st *stream) next() (r received) {
	defer func() {
		if p := recover(); p != nil {
			r = received{msg: new(wire.Inbound), panic: fmt.Sprintf("%v\n%s", p, debug.Stack())}
		}
	}()
	r.msg = new(wire.Inbound)
	r.err = st.ss.RecvMsg(r.msg)
	return r
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
		if m.Message != nil && m.Observing() {
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
	st.alarm = a
	st.timer.Reset(d)
}

// disarm goes back to the idle timer, if a is what is armed.
func (st *stream) disarm(a alarm) {
	if st.alarm == a {
		st.arm(alarmIdle, st.s.cfg.IdleTimeout)
	}
}

// alarmed handles the timer.
func (st *stream) alarmed() error {
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
		return st.send(wire.Refuse(wire.RefusalFor(authz.Decision{Kind: e.Kind, Reason: e.Public, Rule: "weir." + e.Label}, "", st.req.Headers)))
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
	r := wire.RefusalFor(st.adm.Decision(), st.adm.ID(), st.req.Headers)
	outcome := authz.OutcomeRefused
	if st.response.answered {
		outcome = authz.OutcomeCut
	} else {
		st.response.status = r.Status
	}
	st.end(outcome)
	st.arm(alarmIdle, st.s.cfg.IdleTimeout)
	return st.send(wire.Refuse(r))
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
	f := guard.Final{Outcome: o, Status: st.response.status, Head: st.response.answered || st.response.closing, Measured: st.response.measured, Volume: st.response.left}
	if st.response.judge != nil {
		reading := st.response.judge.vectors.Reading()
		f.Dims = reading.Dims
	}
	return st.adm.Finish(st.ctx, f)
}
