package extproc

import (
	"errors"
	"io"

	"google.golang.org/grpc/mem"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/inflate"
	"github.com/weirgate/weir/pkg/vector"
	"github.com/weirgate/weir/server/internal/wire"
)

// errEncoded is the refusal of an answer that is compressed in a way that cannot be undone here.
func errEncoded(cause error) *authz.Error {
	return &authz.Error{Kind: authz.KindBadAnswer, Label: "answer_encoded", Public: "the upstream's answer is compressed in a way that cannot be undone here", Err: cause}
}

// encodedHead reports whether the answer's head says that it is compressed, in whatever way.
func encodedHead(resp authz.Response) bool {
	codings, err := inflate.Codings(resp.ContentEncoding)
	return err != nil || len(codings) > 0
}

// beginDecoding has the answer decompressed before it is judged.
func (st *stream) beginDecoding(codings []string) error {
	d, err := inflate.New(codings, inflate.Limits{})
	if err != nil {
		return st.deny(errEncoded(err))
	}
	st.response.judge.decoder = d
	st.response.mutation.Remove = append(st.response.mutation.Remove, "content-encoding")
	return nil
}

// judgeEncoded passes a piece of a compressed answer: it is decompressed, judged, and leaves as it is then. The client may not take the
// upstream's coding at all, for Weir asked for none; compressing again is left to a filter of Envoy's that knows what the client takes.
func (st *stream) judgeEncoded(m *wire.Inbound) error {
	e := encoded{st: st, size: m.Body.Len()}
	defer e.free()
	for _, b := range m.Body {
		st.response.judge.decoder.Feed(b.ReadOnlyData())
		if err := e.drain(); err != nil || st.refused {
			return err
		}
	}
	if !m.EndOfStream {
		return e.flush(false)
	}
	if err := e.finish(); err != nil || st.refused {
		return err
	}
	if st.response.judge.any {
		out, err := st.response.judge.vectors.Close(e.room())
		e.keep(out)
		if err != nil {
			return st.deny(vectorError(err))
		}
	}
	return e.flush(true)
}

// decoderEnds takes what the decoder still holds when trailers end the answer.
func (st *stream) decoderEnds() error {
	e := encoded{st: st}
	defer e.free()
	if err := e.finish(); err != nil || st.refused {
		return err
	}
	return e.flush(false)
}

// stopDecoder ends the decoder, in whatever state it is.
func (st *stream) stopDecoder() {
	if j := st.response.judge; j != nil && j.decoder != nil {
		j.decoder.Stop()
	}
}

// encoded collects what becomes of one message: little of it may be much.
type encoded struct {
	st   *stream
	size int     // of the message
	out  *[]byte // of the server's outputs; nil for none
	cut  bool    // the volume ends there
}

// room returns the buffer to append to.
func (e *encoded) room() []byte {
	if e.out == nil {
		e.out = e.st.s.outputs.Get(min(4*e.size+(1<<10), pieceOut))
	}
	return *e.out
}

// pieceOut is what a decoded piece fits in, most of the time, with what the scanner held back, in bytes.
const pieceOut = 256 << 10

// keep takes the buffer back, which may have moved.
func (e *encoded) keep(out []byte) { *e.out = out }

// free gives the buffer back if it was not sent.
func (e *encoded) free() {
	if e.out != nil {
		e.st.s.outputs.Put(e.out)
		e.out = nil
	}
}

// drain judges what the decoder makes of its input, until it wants more, and sends it on wherever there is enough for a message.
func (e *encoded) drain() error {
	st := e.st
	for {
		piece, err := st.response.judge.decoder.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return st.deny(errEncoded(err))
		}
		if len(piece) == 0 {
			return nil
		}
		out, _, err := st.scan(slice(piece), e.room(), false)
		e.keep(out)
		if e.cut = errors.Is(err, vector.ErrGrant); err != nil && !e.cut {
			return st.deny(vectorError(err))
		}
		if e.cut || len(out) >= maxMessage-pieceOut {
			if err := e.flush(false); err != nil || st.refused {
				return err
			}
		}
	}
}

// finish ends the input: what is still held comes out, and whether the body was whole.
func (e *encoded) finish() error {
	e.st.response.judge.decoder.End()
	return e.drain()
}

// flush sends what was collected.
func (e *encoded) flush(last bool) error {
	var body mem.BufferSlice
	if e.out != nil {
		body = mem.BufferSlice{mem.NewBuffer(e.out, &e.st.s.outputs)}
		e.out = nil
	}
	return e.st.release(body, ending{last: last, said: last, cut: e.cut})
}
