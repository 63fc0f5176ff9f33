package extproc

import (
	"encoding/binary"
	"slices"

	"google.golang.org/grpc/mem"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/server/internal/wire"
)

// call is what is known of a gRPC request whose messages are read. Each is judged before it goes on, and the head with the first: a client
// may wait for an answer before it sends another, and so nothing waits for the end.
type call struct {
	stated bool // its head states the operation: messages are read for the vectors in them only
	unread bool // observe mode: what follows is not read any more
}

// frameHead is what gRPC puts before a message: a flag, and the length in four bytes.
const frameHead = 5

// callBody takes a piece of a call's messages.
func (st *stream) callBody(m *wire.Inbound) error {
	st.request.ended = m.EndOfStream
	for _, b := range m.Body {
		if err := st.callMessages(b.ReadOnlyData()); err != nil || st.refused {
			return err
		}
	}
	if m.EndOfStream {
		if err := st.callEnds(); err != nil || st.refused {
			return err
		}
	}
	if !st.request.passing {
		if !m.EndOfStream {
			return nil
		}
		return st.send(&wire.Outbound{Phase: wire.RequestBody, EndOfStream: true})
	}
	body := m.Body
	m.Body = nil
	return st.send(&wire.Outbound{Phase: wire.RequestBody, Body: body, EndOfStream: m.EndOfStream})
}

// callTrailers ends a call whose request ends with trailers.
func (st *stream) callTrailers() error {
	st.request.ended, st.request.trailers = true, true
	if err := st.callEnds(); err != nil || st.refused {
		return err
	}
	return st.send(wire.AnswerTrailers(wire.RequestTrailers, wire.Mutation{}))
}

// callMessages collects messages, and judges those that are complete.
func (st *stream) callMessages(src []byte) error {
	for len(src) > 0 && !st.request.call.unread {
		n, complete, e := st.collect(src)
		src = src[n:]
		var err error
		switch {
		case e != nil:
			err = st.callRefused(e)
		case complete:
			err = st.callMessage()
		}
		if err != nil || st.refused {
			return err
		}
	}
	return nil
}

// collect takes as much of src as belongs to the message that runs.
func (st *stream) collect(src []byte) (n int, complete bool, e *authz.Error) {
	r := &st.request
	if len(r.body) == 0 && st.adm.Decided() && st.alarm == alarmIdle { // the first one has its deadline from the head on
		st.arm(alarmBody, st.s.cfg.BodyTimeout)
	}
	size := int64(frameHead)
	if len(r.body) >= frameHead {
		size += int64(binary.BigEndian.Uint32(r.body[1:]))
	}
	n = int(min(int64(len(src)), size-int64(len(r.body))))
	if err := st.keep(mem.BufferSlice{mem.SliceBuffer(src[:n])}); err != nil {
		return n, false, authz.AsError(err)
	}
	if len(r.body) != frameHead || size > frameHead {
		return n, int64(len(r.body)) == size, nil
	}
	switch length := int64(binary.BigEndian.Uint32(r.body[1:])); {
	case r.body[0] == 1:
		return n, false, badCall("message_compressed", "messages must not be compressed: nobody could see what is in them")
	case r.body[0] != 0:
		return n, false, badCall("request_body_malformed", "the request body is no message of gRPC")
	case frameHead+length > st.s.bodies.each:
		return n, false, &authz.Error{Kind: authz.KindTooLarge, Label: "request_body_too_large", Public: "the message is larger than Weir reads here"}
	default:
		return n, length == 0, nil
	}
}

func badCall(label, public string) *authz.Error {
	return &authz.Error{Kind: authz.KindBadRequest, Label: label, Public: public}
}

// callRefused refuses a call for e. In observe mode it goes on, and nothing more of it is read.
func (st *stream) callRefused(e *authz.Error) error {
	st.disarm(alarmBody)
	if err := st.deny(e); err != nil || st.refused {
		return err
	}
	st.request.call.unread = true
	st.releaseBody()
	return nil
}

// callMessage judges a message, and lets it go on.
func (st *stream) callMessage() error {
	st.disarm(alarmBody)
	first := !st.adm.Decided()
	before := st.adm.Decision().Mask
	op, err := st.readMessage()
	switch {
	case err != nil:
		return st.callRefused(authz.AsError(err))
	case first:
		st.adm.Refine(st.ctx, op)
	default:
		st.adm.Extend(st.ctx, op)
	}
	if !st.adm.Allowed() {
		return st.refuse()
	}
	if err := st.obliged(); err != nil || st.refused {
		return err
	}
	if !first && st.response.judge != nil && !sameMask(before, st.adm.Decision().Mask) { // the answer has begun under another one
		if err := st.deny(errUnmet(nil)); err != nil || st.refused {
			return err
		}
	}
	if st.request.passing {
		st.releaseBody()
		return nil
	}
	if first {
		if err := st.callDecided(); err != nil || st.refused {
			return err
		}
	}
	return st.forwardMessage(first)
}

// readMessage returns the operation with what the message adds to it.
func (st *stream) readMessage() (authz.Operation, error) {
	op := st.adm.Operation()
	sealed, forged := op.Sealed, op.Forged
	if st.request.call.stated {
		op.Bytes += int64(len(st.request.body) - frameHead)
	} else {
		var err error
		if op, err = st.dialect.Body(op, st.request.body[frameHead:]); err != nil {
			return op, err
		}
	}
	op, err := st.unseal(op)
	op.Sealed, op.Forged = op.Sealed || sealed, op.Forged || forged
	return op, err
}

// callDecided answers the head of a call, where that waited for its first message.
func (st *stream) callDecided() error {
	if !st.adm.Operation().Harmless() {
		if err := st.adm.Durable(st.ctx); err != nil {
			return st.refuse()
		}
	}
	if !st.request.held {
		return nil
	}
	return st.answerRequest(st.lastOverride())
}

// forwardMessage sends the message that was judged.
func (st *stream) forwardMessage(first bool) error {
	for body := st.request.body; len(body) > 0; {
		n := min(len(body), maxMessage)
		if err := st.send(&wire.Outbound{Phase: wire.RequestBody, Body: slice(body[:n])}); err != nil {
			return err
		}
		body = body[n:]
	}
	st.releaseBody()
	if !first {
		return nil
	}
	return st.replayEarly()
}

// callEnds says that no message follows. A call without any is none: nobody could say what it asks for.
func (st *stream) callEnds() error {
	switch {
	case st.request.call.unread:
	case len(st.request.body) > 0:
		return st.callRefused(badCall("request_body_malformed", "the request ends within a message"))
	case !st.adm.Decided():
		return st.callRefused(badCall("request_body_malformed", "the request has no message"))
	}
	return nil
}

func sameMask(a, b authz.Mask) bool {
	return a.Vectors == b.Vectors && a.Scores == b.Scores && a.Strict == b.Strict && slices.Equal(a.Fields, b.Fields)
}

// plainCall asks the upstream of a call for messages that are not compressed: in others no vector can be seen.
func (st *stream) plainCall(m *wire.Mutation) {
	if !wire.IsGRPC(st.req.Headers) {
		return
	}
	if st.request.call != nil && len(st.req.Headers["grpc-encoding"]) > 0 {
		m.Remove = append(m.Remove, "grpc-encoding") // no message is compressed that goes on
	}
	if st.reading() {
		m.Set = append(m.Set, [2]string{"grpc-accept-encoding", "identity"})
	}
}

// compressedCall reports whether an answer's head says that its messages may be compressed.
func compressedCall(h authz.Header) bool {
	return slices.ContainsFunc(h["grpc-encoding"], func(v string) bool { return v != "identity" })
}
