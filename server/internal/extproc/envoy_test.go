package extproc_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
	"github.com/weirgate/weir/pkg/guard"
	"github.com/weirgate/weir/server/internal/extproc"
	"github.com/weirgate/weir/server/internal/wire"
)

// parts stands in for everything behind the guard; what a test does not set allows, without limits, and masks.
type parts struct {
	mu       sync.Mutex
	target   authz.Target
	decision authz.Decision
	panicOn  string
	granted  int64 // vectors; 0: everything
	settled  []authz.Volume
	raised   []authz.Volume
	cancels  int
	records  []authz.Record
}

func (p *parts) Authenticate(_ context.Context, req authz.Request, _ authz.Target) (authz.Identity, error) {
	if p.panicOn == "authenticate" {
		panic("boom")
	}
	if req.Headers.Get("authorization") == "" {
		return authz.Identity{}, &authz.Error{Kind: authz.KindUnauthenticated, Label: "token_missing", Public: "no token"}
	}
	return authz.Identity{Subject: authz.Subject{Issuer: "i", ID: "ada", Credential: "c"}, Carrier: "authorization"}, nil
}

func (p *parts) Resolve(req authz.Request) (authz.Match, error) {
	path, _, _ := strings.Cut(req.Path, "?")
	return authz.Match{Target: p.target, Host: "h", Path: path}, nil
}

func (p *parts) Describe(m authz.Match, req authz.Request) (authz.Operation, bool) {
	d, _ := dialect.ByName(m.Target.Dialect)
	op := d.Head(req.Method, m.Path, "", req.Headers)
	return op, !op.Complete && d.NeedsBody(req.Method, m.Path)
}

func (p *parts) Eval(context.Context, *authz.Input) (authz.Decision, error) { return p.decision, nil }
func (p *parts) Reads() authz.Reads                                         { return authz.Reads{} }
func (p *parts) Revision() string                                           { return "r" }

func (p *parts) Reserve(_ context.Context, r authz.Reservation) (authz.Quota, error) {
	return authz.Quota{Granted: r.Volume}, nil
}

func (p *parts) Raise(_ context.Context, r authz.Reservation) (authz.Quota, error) {
	q := authz.Quota{Granted: r.Volume}
	p.mu.Lock()
	p.raised = append(p.raised, r.Volume)
	p.mu.Unlock()
	if n := r.Volume.Of(authz.UnitVectors); p.granted > 0 && n > p.granted {
		q.Granted = q.Granted.With(authz.UnitVectors, p.granted)
		q.Over = []authz.Exceeded{{Limit: r.Limits[0], RetryAfter: time.Minute}}
	}
	return q, nil
}

func (p *parts) Settle(_ context.Context, r authz.Reservation) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settled = append(p.settled, r.Volume)
	return nil
}

func (p *parts) Cancel(context.Context, authz.Reservation) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cancels++
	return nil
}

func (p *parts) Usage(context.Context, string, []authz.MeterKey) (authz.Usage, error) {
	return nil, nil
}

type onDisk struct{}

func (onDisk) Wait(context.Context) error { return nil }

func (p *parts) Append(r *authz.Record) (guard.Receipt, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.records = append(p.records, *r)
	return onDisk{}, nil
}

func (p *parts) completion() authz.Record {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.records {
		if r.Event == authz.EventCompletion {
			return r
		}
	}
	return authz.Record{}
}

func (*parts) Decided(authz.Target, string, authz.Effect, authz.Effect) {}
func (*parts) Observed(authz.Target, string)                            {}
func (*parts) Flagged(authz.Target, string)                             {}
func (*parts) Undecided(string)                                         {}
func (*parts) AuthFailed(string)                                        {}
func (*parts) Phase(string, time.Duration)                              {}
func (*parts) Overshoot(authz.Unit, int64)                              {}
func (*parts) Left(authz.Unit, int64)                                   {}
func (*parts) StreamStarted()                                           {}
func (*parts) StreamEnded()                                             {}
func (*parts) Panicked()                                                {}
func (*parts) Unattested()                                              {}
func (*parts) OverrideIgnored()                                         {}
func (*parts) Observability()                                           {}
func (*parts) AnswerRefused(string)                                     {}

// envoy drives one stream as Envoy would.
type envoy struct {
	t      *testing.T
	stream extprocv3.ExternalProcessor_ProcessClient
}

func newParts() *parts {
	return &parts{
		target:   authz.Target{Name: "e", Kind: authz.KindInference, Dialect: "openai"},
		decision: authz.Decision{Effect: authz.Allow, Mask: authz.Mask{Vectors: authz.MaskRedact}},
	}
}

// serve starts the service, with its configuration changed, and returns a connection to it.
func serve(t *testing.T, p *parts, change ...func(*extproc.Config)) (*grpc.ClientConn, *extproc.Server) {
	t.Helper()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	g, err := guard.New(guard.Config{Authenticator: p, Targets: p, Describer: p, Policy: p, Store: p, Journal: p, Observer: p, MaskKeys: true, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	cfg := extproc.Config{Guard: g, Observer: p, Log: log, AttestationTimeout: 50 * time.Millisecond, BodyBytes: 1 << 20}
	for _, c := range change {
		c(&cfg)
	}
	s, err := extproc.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	srv := grpc.NewServer(grpc.ForceServerCodecV2(wire.NewCodec()))
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
	return conn, s
}

func open(t *testing.T, conn *grpc.ClientConn) *envoy {
	t.Helper()
	stream, err := extprocv3.NewExternalProcessorClient(conn).Process(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return &envoy{t: t, stream: stream}
}

func headerMap(kv ...string) *corev3.HeaderMap {
	m := &corev3.HeaderMap{}
	for i := 0; i < len(kv); i += 2 {
		m.Headers = append(m.Headers, &corev3.HeaderValue{Key: kv[i], RawValue: []byte(kv[i+1])})
	}
	return m
}

func requestHeaders(eos bool, kv ...string) *extprocv3.ProcessingRequest {
	return &extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_RequestHeaders{RequestHeaders: &extprocv3.HttpHeaders{Headers: headerMap(kv...), EndOfStream: eos}}}
}

func embeddings() *extprocv3.ProcessingRequest {
	return requestHeaders(false, ":method", "POST", ":path", "/v1/embeddings", ":authority", "h", "authorization", "Bearer x", "content-type", "application/json")
}

func responseHeaders(eos bool, details string, kv ...string) *extprocv3.ProcessingRequest {
	return &extprocv3.ProcessingRequest{
		Request: &extprocv3.ProcessingRequest_ResponseHeaders{ResponseHeaders: &extprocv3.HttpHeaders{Headers: headerMap(kv...), EndOfStream: eos}},
		Attributes: map[string]*structpb.Struct{"envoy.filters.http.ext_proc": {Fields: map[string]*structpb.Value{
			"response.code_details": structpb.NewStringValue(details),
		}}},
	}
}

func ok() *extprocv3.ProcessingRequest {
	return responseHeaders(false, "via_upstream", ":status", "200", "content-type", "application/json", "etag", "x")
}

func requestBody(eos bool, b string) *extprocv3.ProcessingRequest {
	return &extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_RequestBody{RequestBody: &extprocv3.HttpBody{Body: []byte(b), EndOfStream: eos}}}
}

func responseBody(eos bool, b string) *extprocv3.ProcessingRequest {
	return &extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_ResponseBody{ResponseBody: &extprocv3.HttpBody{Body: []byte(b), EndOfStream: eos}}}
}

func (e *envoy) send(ms ...*extprocv3.ProcessingRequest) {
	e.t.Helper()
	for _, m := range ms {
		if err := e.stream.Send(m); err != nil {
			e.t.Fatalf("send: %v", err)
		}
	}
}

// next returns Weir's next message in a few words.
func (e *envoy) next() string {
	e.t.Helper()
	m, err := e.stream.Recv()
	if errors.Is(err, io.EOF) {
		return "end: OK"
	}
	if err != nil {
		return "end: " + status.Code(err).String()
	}
	return describe(m)
}

func describe(m *extprocv3.ProcessingResponse) string {
	mode := ""
	if o := m.GetModeOverride(); o != nil {
		mode = fmt.Sprintf(" {%v,%v}", o.GetRequestBodyMode(), o.GetResponseBodyMode())
	}
	streamed := func(b *extprocv3.BodyResponse) string {
		s := b.GetResponse().GetBodyMutation().GetStreamedResponse()
		return fmt.Sprintf("%q eos=%v", s.GetBody(), s.GetEndOfStream())
	}
	switch r := m.GetResponse().(type) {
	case *extprocv3.ProcessingResponse_RequestHeaders:
		return "request head" + mode
	case *extprocv3.ProcessingResponse_ResponseHeaders:
		return "response head" + mode
	case *extprocv3.ProcessingResponse_RequestBody:
		return "request body " + streamed(r.RequestBody)
	case *extprocv3.ProcessingResponse_ResponseBody:
		return "response body " + streamed(r.ResponseBody)
	case *extprocv3.ProcessingResponse_ImmediateResponse:
		return fmt.Sprintf("refused %d", r.ImmediateResponse.GetStatus().GetCode())
	case nil:
		return "standalone" + mode
	}
	return fmt.Sprintf("%T", m.GetResponse())
}

func (e *envoy) want(ms ...string) {
	e.t.Helper()
	for _, want := range ms {
		if got := e.next(); got != want {
			e.t.Fatalf("got %s\nwant %s", got, want)
		}
	}
}
