package extproc_test

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/guard"
	"github.com/weirgate/weir/server/internal/extproc"
	"github.com/weirgate/weir/server/internal/wire"
)

// jumpy panics while a switch of it is on: in the journal at every record, or in the codec at every message.
type jumpy struct {
	*parts
	wire.Codec
	append, unmarshal atomic.Bool
	panics            atomic.Int64
}

func (j *jumpy) Append(r *authz.Record) (guard.Receipt, error) {
	if j.append.Load() {
		panic("boom in the journal")
	}
	return j.parts.Append(r)
}

func (j *jumpy) Unmarshal(data mem.BufferSlice, v any) error {
	if j.unmarshal.Load() {
		panic("boom in the codec")
	}
	return j.Codec.Unmarshal(data, v)
}

func (j *jumpy) Panicked() { j.panics.Add(1) }

// serve starts the service with j behind and before it.
func (j *jumpy) serve(t *testing.T) *grpc.ClientConn {
	t.Helper()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	g, err := guard.New(guard.Config{Authenticator: j, Targets: j, Describer: j, Policy: j, Store: j, Journal: j, Observer: j, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	s, err := extproc.New(extproc.Config{Guard: g, Observer: j, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	srv := grpc.NewServer(grpc.ForceServerCodecV2(j))
	s.Register(srv)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = srv.Serve(extproc.Track(l)) }()
	t.Cleanup(srv.Stop)
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// TestPanicsStayInTheirExchange: one that comes again while the books are closed, and one outside the goroutine that owns the stream, end
// their own exchange with an error and leave the others alone.
func TestPanicsStayInTheirExchange(t *testing.T) {
	j := &jumpy{parts: newParts(), Codec: wire.NewCodec()}
	conn := j.serve(t)
	attest(t, conn)
	beside := open(t, conn)
	beside.send(embeddings())
	beside.want("standalone {FULL_DUPLEX_STREAMED,FULL_DUPLEX_STREAMED}")

	j.append.Store(true)
	e := open(t, conn)
	e.send(embeddings())
	e.want("standalone {FULL_DUPLEX_STREAMED,FULL_DUPLEX_STREAMED}")
	e.send(requestBody(true, ask))
	e.want("request head {FULL_DUPLEX_STREAMED,FULL_DUPLEX_STREAMED}", fmt.Sprintf("request body %q eos=true", ask), "end: Internal")
	j.append.Store(false)

	late := open(t, conn)
	late.send(embeddings())
	late.want("standalone {FULL_DUPLEX_STREAMED,FULL_DUPLEX_STREAMED}")
	late.send(requestBody(true, ask))
	late.want("request head {FULL_DUPLEX_STREAMED,FULL_DUPLEX_STREAMED}", fmt.Sprintf("request body %q eos=true", ask))
	j.unmarshal.Store(true)
	late.send(ok())
	late.want("end: Internal")
	first := open(t, conn)
	first.send(embeddings())
	first.want("end: Internal")
	j.unmarshal.Store(false)

	if n := j.panics.Load(); n != 3 {
		t.Errorf("%d panics were counted, want 3", n)
	}
	beside.send(requestBody(true, ask))
	beside.want("request head {FULL_DUPLEX_STREAMED,FULL_DUPLEX_STREAMED}", fmt.Sprintf("request body %q eos=true", ask))
	beside.send(ok(), responseBody(true, answer))
	beside.want("response head", fmt.Sprintf("response body %q eos=true", masked))
	failed := 0
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, r := range j.parts.records {
		if r.Event == authz.EventCompletion && r.Outcome == authz.OutcomeFailed {
			failed++
		}
	}
	if failed != 1 { // of the one that was decided; the journal itself, or nothing known yet, of the others
		t.Errorf("%d completions say failed, want 1", failed)
	}
}
