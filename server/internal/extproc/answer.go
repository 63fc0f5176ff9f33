package extproc

import (
	"errors"

	"google.golang.org/grpc/mem"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/inflate"
	"github.com/weirgate/weir/pkg/scan"
	"github.com/weirgate/weir/pkg/vector"
	"github.com/weirgate/weir/server/internal/wire"
)

// judge reads an answer that may hold vectors: it masks and counts them, and stops before the first that was not granted.
type judge struct {
	vectors *vector.Stream
	decoder *inflate.Decoder // of a compressed answer; else nil
	granted int64            // vectors that may have left in all
	any     bool             // body bytes were seen
	closed  bool             // the document has ended
	taken   int64            // bytes of the body
}

// small collects an answer that must be looked at whole: Envoy's own replies, and an upstream's errors that are no document of its API.
type small struct {
	local bool
	body  []byte
}

func slice(b []byte) mem.BufferSlice { return mem.BufferSlice{mem.SliceBuffer(b)} }

// vectorLease is how many vectors beyond the next one are asked for at a time, beyond those that the request said it wants.
const vectorLease = 64

// beginJudging sets the scanner up. The head waits for the first body message, so that a refusal is a real status.
func (st *stream) beginJudging(f scan.Format, fields []scan.Field, types []string) error {
	r := &st.response
	if e := acceptable(r.head, types); e != nil {
		if r.head.Status >= 400 && e.Label == "answer_type" && !encodedHead(r.head) && !st.adm.Observed() {
			r.small = &small{}
			st.watchAttestation()
			return nil
		}
		if err := st.deny(e); err != nil || st.refused {
			return err
		}
		return st.goUp() // observe mode: counted in bytes only
	}
	opts := st.maskOptions()
	unmet := documentLength(f, r.head.Headers, &opts)
	vs, err := vector.NewStream(f, fields, opts)
	if err != nil && unmet == nil {
		unmet = errUnmet(err)
	}
	if unmet != nil {
		if err := st.deny(unmet); err != nil || st.refused {
			return err
		}
		return st.goUp()
	}
	codings, err := inflate.Codings(r.head.ContentEncoding)
	if err != nil { // cannot happen: acceptable has looked
		return st.deny(errEncoded(err))
	}
	if st.adm.Observed() && len(codings) > 0 {
		return st.goUp() // nothing is changed there, the coding neither: counted in bytes only
	}
	r.judge, r.measured = &judge{vectors: vs}, "counted"
	if st.adm.Observed() {
		if st.plan.duplex { // static: the body comes anyway
			return st.answerResponse(nil)
		}
		return st.goUp()
	}
	if len(codings) > 0 {
		if err := st.beginDecoding(codings); err != nil || st.refused {
			return err
		}
	}
	if vs.Changes() {
		r.mutation.Set = append(r.mutation.Set, [2]string{"cache-control", "no-store"})
	}
	if vs.Changes() || len(codings) > 0 {
		r.mutation.Remove = append(r.mutation.Remove, staleHeaders(r.head.Headers)...)
	}
	st.watchAttestation()
	return nil
}

// judgeBody passes a piece of the answer through the scanner.
func (st *stream) judgeBody(m *wire.Inbound) error {
	r := &st.response
	if r.judge.decoder != nil {
		return st.judgeEncoded(m)
	}
	raw := !r.judge.vectors.Changes()
	var out []byte
	if !raw {
		out = *st.s.outputs.Get(m.Body.Len() + 64)
	}
	// Envoy often says that a body has ended in a message of its own. Where its length was stated, it has ended with its last byte: the books
	// are closed with that, and both records of a short exchange go to disk together.
	r.judge.taken += int64(m.Body.Len())
	if stated := r.head.ContentLength; stated >= 0 && r.judge.taken > stated && !st.adm.Observed() {
		return st.deny(errLonger())
	}
	last := m.EndOfStream || r.judge.taken == r.head.ContentLength
	out, passed, err := st.scan(m.Body, out, raw)
	if err == nil && last && r.judge.any && !r.judge.closed {
		r.judge.closed = true
		out, err = r.judge.vectors.Close(out)
	}
	cut := errors.Is(err, vector.ErrGrant)
	if err != nil && !cut {
		if st.adm.Observed() {
			st.adm.Refuse(vectorError(err))
			r.judge, r.counting = nil, true
			return st.countBody(m)
		}
		return st.deny(vectorError(err))
	}
	body := m.Body
	m.Body = nil
	if raw {
		body = prefix(body, passed)
		if len(out) > 0 {
			body = append(body, mem.SliceBuffer(out))
		}
	} else {
		body.Free()
		body = mem.BufferSlice{mem.NewBuffer(&out, &st.s.outputs)}
	}
	return st.release(body, ending{last: last, said: m.EndOfStream, cut: cut})
}

// scan feeds every buffer to the scanner. With raw the source passes by reference, up to passed bytes; else what is to pass is in out.
// ErrGrant says that the volume ends there.
func (st *stream) scan(body mem.BufferSlice, out []byte, raw bool) (_ []byte, passed int, err error) {
	j := st.response.judge
	for _, b := range body {
		src := b.ReadOnlyData()
		j.any = j.any || len(src) > 0
		for len(src) > 0 {
			var n int
			if raw {
				n, err = j.vectors.Scan(src, j.granted)
			} else {
				out, n, err = j.vectors.Write(out, src, j.granted)
			}
			src = src[n:]
			passed += n
			if err == nil {
				continue
			}
			if !errors.Is(err, vector.ErrGrant) {
				return out, passed, err
			}
			more, err2 := st.moreVectors()
			if err2 != nil {
				return out, passed, err2
			}
			if !more {
				return out, passed, err
			}
		}
	}
	return out, passed, nil
}

// moreVectors asks for the next vectors; false when not one more may leave.
func (st *stream) moreVectors() (bool, error) {
	j := st.response.judge
	seen := j.vectors.Reading().Vectors
	want := seen + vectorLease
	if stated := st.adm.Operation().Vectors; stated > seen {
		want = stated // reserved at the request: more, if only for a moment, would be missing elsewhere
	}
	got, err := st.adm.Spend(st.ctx, st.response.left.With(authz.UnitVectors, want))
	if err != nil {
		return false, err
	}
	j.granted = got.Of(authz.UnitVectors)
	return j.granted > seen, nil
}

// ending says how a piece of the answer ends. The zero value: more follows.
type ending struct {
	last bool // nothing of the body follows
	said bool // Envoy has said so, and is told so
	cut  bool // the answer ends here, because the next vector was not granted
}

// end is the ending of a piece with which Envoy says that the body ends, or not.
func end(said bool) ending { return ending{last: said, said: said} }

// release sends a piece of the answer as far as bytes are granted, with its head before it if that still waits. The last piece waits for the
// completion record.
func (st *stream) release(body mem.BufferSlice, e ending) error {
	last, cut := e.last, e.cut
	r := &st.response
	want := r.left.With(authz.UnitBytes, r.left.Of(authz.UnitBytes)+int64(body.Len()))
	if r.judge != nil {
		want = want.With(authz.UnitVectors, r.judge.vectors.Reading().Vectors)
	}
	got, err := st.adm.Spend(st.ctx, want)
	if err != nil {
		body.Free()
		return st.deny(authz.AsError(err))
	}
	if short := want.Of(authz.UnitBytes) - got.Of(authz.UnitBytes); short > 0 {
		body, cut = prefix(body, body.Len()-int(short)), true
		want = want.With(authz.UnitBytes, got.Of(authz.UnitBytes))
	}
	if cut && !r.answered {
		body.Free()
		return st.refuse() // nothing has left: a real status
	}
	r.left = want
	if last && !cut {
		if err := st.finishLast(); err != nil || st.refused {
			body.Free()
			return err
		}
	}
	if !r.answered && (body.Len() > 0 || last) {
		if err := st.answerResponse(nil); err != nil || st.refused {
			body.Free()
			return err
		}
	}
	if body.Len() > 0 || e.said && !cut {
		if err := st.send(&wire.Outbound{Phase: wire.ResponseBody, Body: body, EndOfStream: e.said && !cut}); err != nil {
			return err
		}
	}
	if cut {
		return st.refuse()
	}
	return nil
}

// finishLast closes the books before the last piece leaves.
func (st *stream) finishLast() error {
	st.response.closing = true
	err := st.finish(authz.OutcomeComplete)
	if err == nil || st.adm.Observed() {
		return nil
	}
	st.response.closing = false
	return st.deny(authz.AsError(err))
}

// judgeEnds closes the scanner at trailers and returns what it still held.
func (st *stream) judgeEnds() ([]byte, error) {
	r := &st.response
	if !r.judge.any || r.judge.closed {
		return nil, nil
	}
	tail, err := r.judge.vectors.Close(nil)
	if err != nil && !st.adm.Observed() {
		return nil, st.deny(vectorError(err))
	}
	r.left = r.left.With(authz.UnitBytes, r.left.Of(authz.UnitBytes)+int64(len(tail))).With(authz.UnitVectors, r.judge.vectors.Reading().Vectors)
	return tail, nil
}

// countBody passes a piece of an answer that is measured and not read.
func (st *stream) countBody(m *wire.Inbound) error {
	r := &st.response
	if r.sniff != nil {
		st.glimpse(m)
	}
	r.passed += int64(m.Body.Len())
	if stated := st.stated(); stated >= 0 && r.passed > stated && !st.adm.Observed() {
		return st.deny(errLonger())
	}
	if r.most > 0 && r.left.Of(authz.UnitBytes)+int64(m.Body.Len()) > r.most {
		r.most = 0 // said once
		if err := st.deny(errTooLong()); err != nil || st.refused {
			return err
		}
	}
	body := m.Body
	m.Body = nil
	return st.release(body, end(m.EndOfStream))
}

// errLonger is the refusal of an answer that goes on beyond its stated length: what follows is in no books.
func errLonger() *authz.Error {
	return &authz.Error{Kind: authz.KindBadAnswer, Label: "answer_malformed", Public: "the upstream's answer is longer than it says"}
}

// errTooLong is the refusal of an answer that is longer than what was asked for ever is.
func errTooLong() *authz.Error {
	return &authz.Error{Kind: authz.KindBadAnswer, Label: "answer_too_long", Public: "the upstream's answer is longer than one to this request may be"}
}

// lookAtSmall collects a small answer; one that is not small is refused.
func (st *stream) lookAtSmall(m *wire.Inbound) error {
	s := st.response.small
	for _, b := range m.Body {
		s.body = append(s.body, b.ReadOnlyData()...)
	}
	if len(s.body) > maxLocal {
		err := st.deny(&authz.Error{Kind: authz.KindBadAnswer, Label: "answer_type", Public: "the upstream's answer is of a type that cannot be judged here"})
		if err != nil || st.refused {
			return err
		}
		st.response.small, st.response.counting, st.response.measured = nil, true, "counted" // observe mode
		return st.release(slice(s.body), end(m.EndOfStream))
	}
	if !m.EndOfStream {
		return nil
	}
	return st.smallEnds(false)
}

// smallEnds passes a small answer that is text and in which the detector finds no vector.
func (st *stream) smallEnds(trailers bool) error {
	r := &st.response
	if suspicious(r.small.body) {
		err := st.deny(errUndeclared())
		if err != nil || st.refused {
			return err
		}
	}
	r.left = r.left.With(authz.UnitBytes, int64(len(r.small.body)))
	if st.adm != nil {
		r.closing, r.measured = true, "counted"
		outcome := authz.OutcomeComplete
		if r.small.local {
			outcome = authz.OutcomeLocal
		}
		if err := st.finish(outcome); err != nil && !st.adm.Observed() {
			r.closing = false
			return st.deny(authz.AsError(err))
		}
	}
	if err := st.answerResponse(nil); err != nil || st.refused {
		return err
	}
	if len(r.small.body) == 0 && trailers {
		return nil
	}
	return st.send(&wire.Outbound{Phase: wire.ResponseBody, Body: slice(r.small.body), EndOfStream: !trailers})
}

// prefix keeps the first n bytes of b, and frees the rest.
func prefix(b mem.BufferSlice, n int) mem.BufferSlice {
	n = max(0, n)
	for i, part := range b {
		if n >= part.Len() {
			n -= part.Len()
			continue
		}
		rest := b[i:]
		out := b[:i:i]
		if n > 0 {
			out = append(out, part.Slice(0, n))
		}
		rest.Free()
		return out
	}
	return b
}
