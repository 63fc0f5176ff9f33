package extproc

import (
	"errors"
	"slices"

	"google.golang.org/grpc/mem"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
	"github.com/weirgate/weir/server/internal/wire"
)

// requestSide is the state of the request's direction.
type requestSide struct {
	held     bool   // the head is not answered yet
	ended    bool   // the end of the body was seen
	trailers bool   // it ended with trailers, which are not answered yet
	passing  bool   // body messages are passed on as they come
	body     []byte // read so far, while it is wanted
	claimed  int64  // of the body memory budget
	dropped  bool   // observe mode: the body was too large to be read
	opened   bool   // it held sealed vectors, and body holds what was in them
	call     *call  // of gRPC, whose messages are read: body holds one of them
}

// maxMessage is the largest piece of body sent to Envoy in one message, in bytes.
const maxMessage = 1 << 20

// requestHeaders opens the exchange.
func (st *stream) requestHeaders(m *wire.Inbound) error {
	if st.adm != nil {
		return errors.New("extproc: a second request_headers")
	}
	route, traceparent := metadataOf(st.ctx)
	st.req = m.Request(route, traceparent)
	st.req.Time = st.s.cfg.Now()
	st.from = st.conn.filter(m.Filter())
	modes, text := m.Modes()
	st.static = modes == wire.ModesFullDuplex
	if err := st.begin(m); err != nil {
		e := authz.AsError(err)
		st.s.cfg.Observer.AnswerRefused(e.Label)
		st.adm = st.s.cfg.Guard.Refused(st.req, e)
		return st.refuse()
	}
	if modes == wire.ModesOther {
		err := st.deny(&authz.Error{Kind: authz.KindUnavailable, Label: "envoy_modes", Public: "Envoy's ext_proc filter sends bodies in a way Weir cannot enforce (" + text + "): use NONE or FULL_DUPLEX_STREAMED both ways"})
		if err == nil && !st.refused {
			return st.refuse() // nor can it observe them: better a reason than Envoy's timeout
		}
		return err
	}
	if isUpgrade(st.req) && !st.adm.Target().Upgrades {
		err := st.deny(&authz.Error{Kind: authz.KindForbidden, Label: "upgrade_refused", Public: "protocol upgrades are not permitted here"})
		if err != nil || st.refused {
			return err
		}
	}
	st.dialect = dialect.ForTarget(st.adm.Target())
	if err := st.tellAttributes(m); err != nil || st.refused {
		return err
	}
	st.plan = st.planned()
	if !st.attested() && !st.static && st.plan.duplex {
		st.s.cfg.Observer.Unattested()
	}
	if st.plan.standalone { // first of all: it stops Envoy's timer
		st.asked, st.askedAt = true, st.s.cfg.Now()
		if err := st.send(wire.Standalone(wire.Override{Request: true, Response: true})); err != nil {
			return err
		}
	}
	st.adm.Admit(st.ctx)
	if st.adm.Identity().Leave != nil && !st.plan.standalone { // what the object is was known where the redirect came from
		st.plan = st.planned()
	}
	switch {
	case st.adm.Decided() && !st.adm.Allowed():
		return st.refuse()
	case !st.adm.NeedsBody():
		return st.requestDecided()
	}
	st.request.held = st.plan.hold
	st.request.passing = st.adm.Observed()
	if wire.IsGRPC(st.req.Headers) {
		st.request.call = &call{stated: st.adm.Operation().Complete}
	}
	st.arm(alarmBody, st.s.cfg.BodyTimeout)
	if st.plan.hold {
		return nil
	}
	return st.answerRequest(st.plan.override)
}

// begin opens the admission, or goes on with the one that ext_authz opened.
func (st *stream) begin(m *wire.Inbound) error {
	if !st.s.cfg.Handover {
		st.adm = st.s.cfg.Guard.Begin(st.req)
		return nil
	}
	adm, err := st.s.cfg.Guard.Redeem(st.ctx, m.Ticket(), st.req)
	if err != nil {
		return err
	}
	st.adm = adm
	return nil
}

// tellAttributes gives what Envoy said to a policy that is asked about that.
func (st *stream) tellAttributes(m *wire.Inbound) error {
	if !st.adm.AsksEnvoy() {
		return nil
	}
	attributes, err := m.Attributes(st.req)
	if err != nil {
		return st.deny(&authz.Error{Kind: authz.KindUnavailable, Label: "attributes_unreadable", Public: "Weir could not decide about this request", Err: err})
	}
	st.adm.Attributes(attributes)
	return nil
}

// added are the headers that the policy adds to the answer.
func (st *stream) added() [][2]string {
	if st.adm == nil || st.adm.Edits() == nil {
		return nil
	}
	return st.adm.Edits().ResponseAdd
}

// planned chooses what Envoy is asked for.
func (st *stream) planned() plan {
	_, counted := st.s.unsized.Load(st.adm.Target().Name)
	attested := st.attested()
	answer := st.dialect.Answer(st.adm.Operation(), authz.Response{Status: 200})
	f := facts{
		needsBody: st.adm.NeedsBody(), observe: st.adm.Observed(), static: st.static, attested: attested, head: st.req.Method == "HEAD",
		judge:   answer.Judge,
		counted: counted && !attested || answer.MaxBytes > 0 || st.recognises(),
	}
	return choose(f)
}

// requestDecided answers the head of an exchange that was decided without its body.
func (st *stream) requestDecided() error {
	if err := st.obliged(); err != nil || st.refused {
		return err
	}
	if !st.adm.Operation().Harmless() {
		if err := st.adm.Durable(st.ctx); err != nil {
			return st.refuse()
		}
	}
	if st.static && !st.req.EndOfStream {
		st.request.passing = true
	}
	if o := st.plan.override; o != nil && o.Request {
		st.plan.override = nil // observe mode, and refused at the head: nobody waits for the body any more
	}
	return st.answerRequest(st.plan.override)
}

// answerRequest lets the request's head go on to the upstream.
func (st *stream) answerRequest(o *wire.Override) error {
	m := wire.CleanRequest(st.req, st.adm.Identity())
	if st.plan.duplex || st.adm.Observed() {
		// The answer will be read: it must come whole, and best uncompressed.
		for _, name := range [...]string{"accept-encoding", "range", "if-range", "if-none-match", "if-modified-since"} {
			if _, ok := st.req.Headers[name]; ok && st.reading() {
				m.Remove = append(m.Remove, name)
			}
		}
	}
	if st.recognises() && !st.adm.Observed() && plainer(st.req) { // its bytes are looked at, best as they are
		m.Remove = append(m.Remove, "accept-encoding")
	}
	if st.request.opened || !st.plan.hold && st.carries() { // its length, and whatever was computed of it, may be another
		m.Remove = append(m.Remove, staleRequest(st.req.Headers)...)
	}
	st.plainCall(&m)
	edits := st.adm.Edits()
	if err := wire.SignedBy(st.req, append(wire.Touched(edits), m.Remove...)); err != nil && !st.adm.Observed() {
		return st.deny(err)
	}
	m.Edit(st.req.Path, edits)
	if o != nil && !st.plan.standalone { // after a standalone one, this stream has seen a body already
		st.asked = o.Request || o.Response
	}
	st.request.held = false
	return st.send(wire.AnswerHeaders(wire.RequestHeaders, m, o).Metadata(edits))
}

// plainer reports whether the client takes codings that it can be kept from: where it has signed that it does, it stays so.
func plainer(r authz.Request) bool {
	codings, asks := r.Headers["accept-encoding"]
	return asks && !slices.Equal(codings, []string{"identity"}) && wire.SignedBy(r, []string{"accept-encoding"}) == nil
}

// reading reports whether the answer to this operation is read, not only measured.
func (st *stream) reading() bool {
	return st.dialect.Answer(st.adm.Operation(), authz.Response{Status: 200}).Judge
}

// requestBody takes a piece of the request's body.
func (st *stream) requestBody(m *wire.Inbound) error {
	if st.request.ended { // Envoy has sent the end twice before (envoyproxy/envoy#46237)
		return nil
	}
	if st.request.call != nil {
		return st.callBody(m)
	}
	if st.adm.NeedsBody() {
		if err := st.keep(m.Body); err != nil {
			e := authz.AsError(err)
			if !st.adm.Observed() {
				return st.deny(e)
			}
			st.releaseBody()
			st.request.dropped = true
		}
	}
	st.request.ended = m.EndOfStream
	if st.request.passing {
		if m.EndOfStream {
			if err := st.requestRead(); err != nil || st.refused {
				return err
			}
		}
		body := m.Body
		m.Body = nil
		return st.send(&wire.Outbound{Phase: wire.RequestBody, Body: body, EndOfStream: m.EndOfStream})
	}
	if !m.EndOfStream {
		return nil
	}
	return st.requestComplete()
}

// keep copies a piece of body into memory: many small messages would pin a buffer each.
func (st *stream) keep(b mem.BufferSlice) error {
	if st.request.dropped {
		return nil
	}
	n := int64(b.Len())
	if err := st.s.bodies.take(st.adm.SubjectRef(), st.request.claimed, n); err != nil {
		return err
	}
	st.request.claimed += n
	for _, part := range b {
		st.request.body = append(st.request.body, part.ReadOnlyData()...)
	}
	return nil
}

// releaseBody gives the body's memory back.
func (st *stream) releaseBody() {
	if st.request.claimed > 0 {
		st.s.bodies.give(st.adm.SubjectRef(), st.request.claimed)
	}
	st.request.body, st.request.claimed = nil, 0
}

// requestTrailers ends the request's body.
func (st *stream) requestTrailers(*wire.Inbound) error {
	if st.request.call != nil {
		return st.callTrailers()
	}
	st.request.ended, st.request.trailers = true, true
	if st.request.passing || !st.adm.NeedsBody() {
		if err := st.requestRead(); err != nil || st.refused {
			return err
		}
		return st.send(wire.AnswerTrailers(wire.RequestTrailers, wire.Mutation{}))
	}
	return st.requestComplete()
}

// requestRead decides, where the body is what the decision waited for.
func (st *stream) requestRead() error {
	if !st.adm.NeedsBody() {
		return nil
	}
	st.disarm(alarmBody)
	op, err := st.adm.Operation(), error(nil)
	if !st.request.dropped {
		op, err = st.readBody(op)
	}
	if err != nil {
		st.adm.Refuse(authz.AsError(err))
	} else {
		st.adm.Body(st.request.body, !st.request.dropped)
		st.adm.Refine(st.ctx, op)
	}
	if !st.adm.Allowed() {
		return st.refuse()
	}
	return st.obliged()
}

// obliged refuses what is allowed and tied to something that cannot be done here, before the upstream works for it.
func (st *stream) obliged() error {
	e := st.unprotected()
	if e == nil {
		answer := st.dialect.Answer(st.adm.Operation(), authz.Response{Status: 200})
		e = st.undischarged(answer)
	}
	if e == nil {
		return nil
	}
	return st.deny(e)
}

// readBody completes the operation by the request's body. One that its head states in full is read for the vectors in it only.
func (st *stream) readBody(op authz.Operation) (authz.Operation, error) {
	if op.Complete {
		op.Bytes = int64(len(st.request.body))
	} else {
		var err error
		if op, err = st.dialect.Body(op, st.request.body); err != nil {
			return op, err
		}
	}
	return st.unseal(op)
}

// staleRequest lists the headers that describe the body's bytes as the client sent them.
func staleRequest(h authz.Header) []string {
	var out []string
	for _, name := range [...]string{"content-length", "content-md5", "digest", "content-digest", "repr-digest"} {
		if _, ok := h[name]; ok {
			out = append(out, name)
		}
	}
	return out
}

// requestComplete decides about a request whose body was withheld, and lets it go on.
func (st *stream) requestComplete() error {
	if err := st.requestRead(); err != nil || st.refused {
		return err
	}
	if !st.adm.Operation().Harmless() {
		if err := st.adm.Durable(st.ctx); err != nil {
			return st.refuse()
		}
	}
	if st.request.held {
		if err := st.answerRequest(st.lastOverride()); err != nil || st.refused {
			return err
		}
	}
	if err := st.forwardRequest(); err != nil {
		return err
	}
	return st.replayEarly()
}

// lastOverride is the last word on the response mode, now that the operation is known; nil where there is none to say.
func (st *stream) lastOverride() *wire.Override {
	if !st.plan.standalone {
		return nil
	}
	o := &wire.Override{Request: true, Response: st.reading() || st.adm.Limits(authz.UnitBytes)}
	st.plan.duplex = o.Response
	return o
}

// forwardRequest sends the body that was withheld.
func (st *stream) forwardRequest() error {
	body := st.request.body
	for {
		n := min(len(body), maxMessage)
		last := n == len(body)
		if n > 0 || !st.request.trailers {
			o := &wire.Outbound{Phase: wire.RequestBody, Body: mem.BufferSlice{mem.SliceBuffer(body[:n])}, EndOfStream: last && !st.request.trailers}
			if err := st.send(o); err != nil {
				return err
			}
		}
		if body = body[n:]; last {
			break
		}
	}
	st.releaseBody()
	if st.request.trailers {
		return st.send(wire.AnswerTrailers(wire.RequestTrailers, wire.Mutation{}))
	}
	return nil
}
