package extproc

import (
	"errors"
	"mime"
	"slices"
	"strings"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/inflate"
	"github.com/weirgate/weir/pkg/scan"
	"github.com/weirgate/weir/pkg/vector"
	"github.com/weirgate/weir/server/internal/wire"
)

// responseSide is the state of the response's direction.
type responseSide struct {
	seen     bool // the head has come
	answered bool // the head was answered: a refusal is a cut from here on
	closing  bool // the books are closed with the head's answer about to be sent
	ended    bool
	counting bool            // the body is measured and not read
	orphan   bool            // a local reply without a request: Envoy's own, passed on
	early    *authz.Response // came before the request was decided
	queue    []*wire.Inbound // what followed it
	queued   int             // bytes in queue

	head     authz.Response
	mutation wire.Mutation // for the head, when it is answered
	status   int           // answered
	measured string
	most     int64        // bytes that the answer may have in all; 0: no bound
	passed   int64        // bytes of a body that is measured and not read
	left     authz.Volume // what was answered to Envoy: bytes, and vectors under UnitVectors

	sniff *sniff // looks at the first bytes of an object, until it is decided
	judge *judge // reads the answer, where it may hold vectors
	small *small // a small answer that is no document of the dialect: looked at whole
}

// firstIsResponse handles a stream whose first message is not request_headers: an answer that Envoy made before any filter saw the
// request. Anything else means that the request passed unseen.
func (st *stream) firstIsResponse(m *wire.Inbound) error {
	if m.Phase == wire.ResponseHeaders && isLocal(m.Response()) {
		st.response.orphan = true
		st.response.small = &small{}
		if m.EndOfStream {
			return st.send(wire.AnswerHeaders(wire.ResponseHeaders, wire.Mutation{}, nil))
		}
		if modes, _ := m.Modes(); modes == wire.ModesNone {
			return st.send(wire.AnswerHeaders(wire.ResponseHeaders, wire.Mutation{}, nil))
		}
		return nil // its body comes too: look at it first
	}
	return st.deny(&authz.Error{
		Kind: authz.KindUnavailable, Label: "request_unseen",
		Public: "Envoy did not show Weir this request: its ext_proc filter needs processing_mode.request_header_mode: SEND",
	})
}

// responseHeaders takes the answer's head.
func (st *stream) responseHeaders(m *wire.Inbound) error {
	if st.response.seen || st.adm == nil {
		return errors.New("extproc: a second response_headers")
	}
	st.response.seen = true
	resp := m.Response()
	if !st.adm.Decided() { // the upstream answers before it has the whole request
		if isLocal(resp) {
			st.response.head, st.response.status = resp, resp.Status
			return st.localReply(resp)
		}
		if st.adm.Observed() {
			st.adm.Refine(st.ctx, st.adm.Operation())
			return st.responseHead(resp)
		}
		st.response.early = &resp
		st.watchAttestation()
		return nil
	}
	return st.responseHead(resp)
}

// maxQueued bounds an answer that comes before the request is decided, in bytes.
const maxQueued = 1 << 20

// keepEarly keeps a piece of an answer that came before the request was decided.
func (st *stream) keepEarly(m *wire.Inbound) error {
	r := &st.response
	if r.queued += m.Body.Len(); r.queued > maxQueued {
		return st.deny(&authz.Error{Kind: authz.KindBadAnswer, Label: "answer_early", Public: "the upstream answered before it had the request"})
	}
	kept := *m
	m.Body = nil
	r.queue = append(r.queue, &kept)
	return nil
}

// replayEarly goes on with an answer that came before the request was decided.
func (st *stream) replayEarly() error {
	r := &st.response
	if r.early == nil {
		return nil
	}
	resp, queue := *r.early, r.queue
	r.early, r.queue = nil, nil
	err := st.responseHead(resp)
	for _, m := range queue {
		if err == nil && !st.refused {
			err = st.handle(m)
		}
		m.Free()
	}
	return err
}

// watchAttestation bounds the wait for a body message where this Envoy may not send any.
func (st *stream) watchAttestation() {
	if st.asked && !st.attested() {
		st.arm(alarmAttest, st.s.cfg.AttestationTimeout)
	}
}

// attested reports whether this filter of Envoy's has honoured an override lately.
func (st *stream) attested() bool { return st.from.isAttested(st.s.cfg.Now(), st.s.cfg.AttestationTTL) }

// responseHead decides what becomes of the answer.
func (st *stream) responseHead(resp authz.Response) error {
	r := &st.response
	r.head, r.status = resp, resp.Status
	if isLocal(resp) {
		return st.localReply(resp)
	}
	if st.handsOut(&resp) {
		return st.objectHead(resp)
	}
	return st.respond(resp)
}

// respond decides about an answer, and lets its head go or waits for what must be read of it first.
func (st *stream) respond(resp authz.Response) error {
	r := &st.response
	r.head = resp
	st.adm.Respond(st.ctx, resp)
	if !st.adm.Allowed() {
		return st.refuse()
	}
	r.mutation.Set = append(r.mutation.Set, [2]string{"weir-decision", st.adm.ID()})
	if sharable(st.adm.Identity().Carrier, resp.Headers) && !st.adm.Observed() {
		r.mutation.Set = append(r.mutation.Set, [2]string{"cache-control", "private"})
	}
	answer := st.dialect.Answer(st.adm.Operation(), resp)
	if e := st.undischarged(answer); e != nil {
		return st.deny(e)
	}
	if answer.Judge && st.adm.Mask() != authz.MaskNone && headHoldsVector(resp.Headers) {
		return st.deny(errUndeclared())
	}
	if r.most = answer.MaxBytes; r.most > 0 && resp.ContentLength > r.most {
		if err := st.deny(errTooLong()); err != nil || st.refused {
			return err
		}
	}
	if r.most > 0 && st.sliced(resp) {
		if err := st.deny(errSliced()); err != nil || st.refused {
			return err
		}
	}
	if resp.Object != nil && resp.Status >= 300 {
		if err := st.follow(); err != nil || st.refused {
			return err
		}
	}
	switch {
	case resp.EndOfStream || st.req.Method == "HEAD":
		r.measured = "declared"
		return st.closeWithHead()
	case answer.Judge && (st.plan.duplex || st.adm.Observed()):
		return st.beginJudging(answer.Format, answer.Fields, answer.ContentTypes)
	case answer.Judge: // cannot happen by choose; if it does, nothing of the answer may pass unread
		return st.deny(&authz.Error{Kind: authz.KindInternal, Label: "answer_unread", Public: "Weir could not read the upstream's answer"})
	case st.plan.duplex:
		return st.beginCounting()
	case r.sniff != nil: // observe mode: it is looked at as it passes
		return st.goUp()
	case resp.ContentLength == authz.UnknownLength:
		return st.goUp()
	default:
		return st.declared(resp.ContentLength)
	}
}

// sharable reports whether a cache that several people share might keep the answer and give it to the next one. An answer to a request
// with Authorization it may not (RFC 9111 §3.5); one whose token came elsewhere looks to it as if it were for everybody.
func sharable(carrier string, h authz.Header) bool {
	if carrier == "authorization" {
		return false
	}
	said := strings.ToLower(strings.Join(h["cache-control"], ","))
	return !strings.Contains(said, "no-store") && !strings.Contains(said, "private")
}

// localReply passes an answer that Envoy made itself: at once where its body does not come here, else after a look at it.
func (st *stream) localReply(resp authz.Response) error {
	st.response.mutation.Set = append(st.response.mutation.Set, [2]string{"weir-decision", st.adm.ID()})
	if resp.EndOfStream || !st.plan.duplex {
		st.response.closing = true
		if err := st.finish(authz.OutcomeLocal); err != nil && !st.adm.Observed() {
			st.response.closing = false
			return st.deny(authz.AsError(err))
		}
		return st.answerResponse(nil)
	}
	st.response.small = &small{local: true}
	st.watchAttestation()
	return nil
}

// declared charges an answer by its length, before its head leaves (treatment headers).
func (st *stream) declared(n int64) error {
	want := st.response.left.With(authz.UnitBytes, st.response.left.Of(authz.UnitBytes)+n)
	got, err := st.adm.Spend(st.ctx, want)
	if err != nil {
		return st.deny(authz.AsError(err))
	}
	if !got.Covers(want) {
		return st.refuse()
	}
	st.response.left, st.response.measured = want, "declared"
	return st.closeWithHead()
}

// closeWithHead writes the completion record, then answers the head: nothing more of the answer passes here, or nothing more is in it.
func (st *stream) closeWithHead() error {
	if err := st.finishLast(); err != nil || st.refused {
		return err
	}
	return st.answerResponse(nil)
}

// goUp asks for the body of an answer whose length is unknown, so that it is counted.
func (st *stream) goUp() error {
	if st.response.judge == nil && st.response.head.ContentLength == authz.UnknownLength {
		st.s.unsized.Store(st.adm.Target().Name, true)
	}
	if !st.attested() && st.adm.Limits(authz.UnitBytes) && !st.adm.Observed() {
		// An Envoy that ignores the override would let the answer pass uncounted. The next request to this target asks for the body
		// from its head on, and waits for it.
		return st.deny(&authz.Error{Kind: authz.KindBusy, Label: "length_unknown", Public: "the answer states no length and this Envoy connection is new: ask again"})
	}
	st.asked = true
	st.response.measured, st.response.counting = "counted", st.response.judge == nil
	return st.answerResponse(&wire.Override{Request: st.requestDuplex(), Response: true})
}

// requestDuplex reports whether the request's direction is in FULL_DUPLEX_STREAMED: an override must repeat it.
func (st *stream) requestDuplex() bool {
	return st.plan.standalone || st.static || st.plan.override != nil && st.plan.override.Request
}

// beginCounting passes an answer that is not read and whose body comes all the same.
func (st *stream) beginCounting() error {
	st.response.measured, st.response.counting = "counted", true
	if err := st.chargeAhead(); err != nil || st.refused {
		return err
	}
	if st.asked && !st.attested() {
		st.watchAttestation()
		return nil // the head waits for the first body message
	}
	return st.answerResponse(nil)
}

// answerResponse lets the answer's head go on to the client, once the decision's record is durable: nothing of an answer leaves before its
// head. Whoever sends more after it looks at refused first.
func (st *stream) answerResponse(o *wire.Override) error {
	if st.adm != nil {
		if err := st.adm.Durable(st.ctx); err != nil {
			return st.refuse()
		}
	}
	st.response.answered = true
	st.tellDocument()
	st.disarm(alarmAttest)
	st.response.mutation.Add = st.added()
	return st.send(wire.AnswerHeaders(wire.ResponseHeaders, st.response.mutation, o))
}

// responseBody takes a piece of the answer.
func (st *stream) responseBody(m *wire.Inbound) error {
	r := &st.response
	if r.ended {
		return nil
	}
	r.ended = m.EndOfStream
	st.disarm(alarmAttest)
	switch {
	case r.small != nil:
		return st.lookAtSmall(m)
	case r.sniff != nil && !r.answered:
		return st.sniffBody(m)
	case r.judge != nil:
		return st.judgeBody(m)
	case r.counting:
		return st.countBody(m)
	}
	// Nobody asked for this body, so nobody has said that it may pass.
	return st.deny(&authz.Error{Kind: authz.KindUnavailable, Label: "body_unexpected", Public: "Envoy sent a body that Weir did not ask for"})
}

// responseTrailers ends the answer. Trailers could carry anything: on an answer that is read, only gRPC's and timing pass.
func (st *stream) responseTrailers(m *wire.Inbound) error {
	r := &st.response
	if r.ended {
		return nil
	}
	r.ended = true
	st.disarm(alarmAttest)
	if err := st.endOfBody(); err != nil || st.refused {
		return err
	}
	var mutation wire.Mutation
	if (r.judge != nil || r.small != nil) && st.adm != nil && !st.adm.Observed() {
		for name, values := range m.Trailers() {
			if !strings.HasPrefix(name, "grpc-") && name != "server-timing" || holdsVector(name, values) {
				mutation.Remove = append(mutation.Remove, name)
			}
		}
	}
	return st.send(wire.AnswerTrailers(wire.ResponseTrailers, mutation))
}

// endOfBody closes the books of an answer that ends with trailers, and answers its head if that still waits.
func (st *stream) endOfBody() error {
	r := &st.response
	if r.small != nil {
		if r.answered {
			return nil
		}
		return st.smallEnds(true)
	}
	if r.orphan {
		return nil
	}
	if r.sniff != nil && !r.answered {
		if err := st.sniffed(ending{last: true}); err != nil || st.refused {
			return err
		}
	}
	var tail []byte
	if r.judge != nil && r.judge.decoder != nil {
		if err := st.decoderEnds(); err != nil || st.refused {
			return err
		}
	}
	if r.judge != nil {
		var err error
		if tail, err = st.judgeEnds(); err != nil || st.refused {
			return err
		}
	}
	if err := st.finishLast(); err != nil || st.refused {
		return err
	}
	if !r.answered {
		if err := st.answerResponse(nil); err != nil || st.refused {
			return err
		}
	}
	if len(tail) > 0 {
		return st.send(&wire.Outbound{Phase: wire.ResponseBody, Body: slice(tail)})
	}
	return nil
}

// acceptable reports whether the answer's head is that of a document that can be judged, and says why not.
func acceptable(resp authz.Response, types []string) *authz.Error {
	if _, err := inflate.Codings(resp.ContentEncoding); err != nil {
		return errEncoded(err)
	}
	if compressedCall(resp.Headers) {
		return errEncoded(nil)
	}
	if resp.Status == 206 || len(resp.Headers["content-range"]) > 0 {
		return &authz.Error{Kind: authz.KindBadAnswer, Label: "answer_partial", Public: "the upstream sent a part of an answer that must be judged whole"}
	}
	mediaType, params, err := mime.ParseMediaType(resp.ContentType)
	if err != nil || len(types) > 0 && !slices.Contains(types, mediaType) {
		return &authz.Error{Kind: authz.KindBadAnswer, Label: "answer_type", Public: "the upstream's answer is of a type that cannot be judged here"}
	}
	if cs := strings.ToLower(params["charset"]); cs != "" && cs != "utf-8" && cs != "us-ascii" {
		return &authz.Error{Kind: authz.KindBadAnswer, Label: "answer_charset", Public: "the upstream's answer is not in UTF-8"}
	}
	return nil
}

// staleHeaders describe the answer's bytes as the upstream sent them; a mask makes them untrue.
func staleHeaders(h authz.Header) []string {
	var out []string
	for name := range h {
		switch name {
		case "content-length", "etag", "content-md5", "digest", "content-digest", "repr-digest", "accept-ranges", "last-modified":
			out = append(out, name)
		default:
			if strings.HasPrefix(name, "x-amz-checksum-") {
				out = append(out, name)
			}
		}
	}
	return out
}

// vectorError turns what ended the scanner into a refusal: what it found, or that the store could not tell how much more may leave.
func vectorError(err error) *authz.Error {
	var undecided *authz.Error
	if errors.As(err, &undecided) {
		return undecided
	}
	if errors.Is(err, vector.ErrVectorRefused) {
		return &authz.Error{Kind: authz.KindForbidden, Label: "vectors_refused", Public: "the answer holds vectors, which you may not have"}
	}
	if errors.Is(err, vector.ErrUndeclared) {
		return errUndeclared()
	}
	if errors.Is(err, scan.ErrCompressed) {
		return errEncoded(err)
	}
	if errors.Is(err, vector.ErrUnmaskable) {
		return errUnmet(err)
	}
	if errors.Is(err, vector.ErrTooLarge) {
		return &authz.Error{Kind: authz.KindBadAnswer, Label: "answer_too_large", Public: "the upstream's answer is larger than Weir can judge", Err: err}
	}
	return &authz.Error{Kind: authz.KindBadAnswer, Label: "answer_malformed", Public: "the upstream's answer is not what its API answers", Err: err}
}
