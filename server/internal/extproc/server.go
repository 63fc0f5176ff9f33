package extproc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/weirgate/weir/pkg/artifact"
	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/guard"
	"github.com/weirgate/weir/pkg/vector"
)

// Observer is told what concerns streams, for metrics. Its methods must not block.
type Observer interface {
	StreamStarted()
	StreamEnded()
	Panicked()
	Unattested()      // an exchange went the careful way, because its connection is not attested
	OverrideIgnored() // Envoy did not heed a mode override
	Observability()   // Envoy runs the filter in observability_mode
	AnswerRefused(label string)
}

// Artifacts remember what objects are, by their content (pkg/artifact in memory, pkg/redisstore in Redis). Any error refuses.
type Artifacts interface {
	// Known returns what an object was recognised as; false where it was not.
	Known(ctx context.Context, k artifact.Key) (authz.Artifact, bool, error)
	// Note takes up a piece of an object and judges the object by all that was seen of it.
	Note(ctx context.Context, k artifact.Key, offset int64, b []byte) (authz.Artifact, artifact.Verdict, error)
}

// Config configures a Server. Zero values mean the stated default.
type Config struct {
	Guard    *guard.Guard // required
	Handover bool         // entry "both": every stream must bring a ticket

	Keys *vector.Keyring // for the masks that need keys, and for opening sealed vectors on requests; nil: no such mask

	Artifacts Artifacts // what objects are, by their content; nil: by their names only

	Redirects Redirects // nil: no redirect leads to anything that is guarded

	BodyBytes        int64 // largest request body that is read; default 8 MiB
	SubjectBodyBytes int64 // request bodies held at once per subject; default 32 MiB
	TotalBodyBytes   int64 // request bodies held at once in all; default 512 MiB

	BodyTimeout        time.Duration // for a request body to arrive; default 30 s
	IdleTimeout        time.Duration // without any message from Envoy; default 10 min
	AttestationTTL     time.Duration // how long one body message attests a connection; default 60 s
	AttestationTimeout time.Duration // for a body message on a connection that is not attested; default 1 s

	Observer Observer // required
	Now      func() time.Time
	Log      *slog.Logger
}

func (c *Config) defaults() {
	def := func(p *int64, v int64) {
		if *p <= 0 {
			*p = v
		}
	}
	def(&c.BodyBytes, 8<<20)
	def(&c.SubjectBodyBytes, 32<<20)
	def(&c.TotalBodyBytes, 512<<20)
	for p, v := range map[*time.Duration]time.Duration{
		&c.BodyTimeout: 30 * time.Second, &c.IdleTimeout: 10 * time.Minute, &c.AttestationTTL: time.Minute, &c.AttestationTimeout: time.Second,
	} {
		if *p <= 0 {
			*p = v
		}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
}

// Server serves ext_proc streams. Safe for concurrent use.
type Server struct {
	cfg     Config
	bodies  budget
	outputs outputs
	maskers maskers

	drain     chan struct{} // closed by Drain
	drainOnce sync.Once
	ignored   atomic.Int64 // overrides that Envoy ignored since the last one it honoured
	observing atomic.Bool  // some Envoy runs the filter in observability_mode
	unsized   sync.Map     // target name → true: answers of unknown length were seen
}

// New returns a Server.
func New(cfg Config) (*Server, error) {
	if cfg.Guard == nil || cfg.Observer == nil {
		return nil, errors.New("extproc: Config.Guard and Config.Observer are required")
	}
	cfg.defaults()
	made, err := newMaskers(cfg.Keys)
	if err != nil {
		return nil, err
	}
	return &Server{
		cfg: cfg, maskers: made, drain: make(chan struct{}),
		bodies: budget{each: cfg.BodyBytes, perSubject: cfg.SubjectBodyBytes, total: cfg.TotalBodyBytes, subjects: map[string]int64{}},
	}, nil
}

// Register adds the service to a gRPC server that uses wire.Codec. The stream handler is registered by hand, because the generated one
// would unmarshal every body.
func (s *Server) Register(g *grpc.Server) {
	desc := extprocv3.ExternalProcessor_ServiceDesc
	desc.Streams = []grpc.StreamDesc{{StreamName: "Process", ServerStreams: true, ClientStreams: true, Handler: func(_ any, ss grpc.ServerStream) error { return s.process(ss) }}}
	desc.HandlerType = nil
	g.RegisterService(&desc, nil)
}

// Drain refuses exchanges that wait for their request body, and lets the others end.
func (s *Server) Drain() { s.drainOnce.Do(func() { close(s.drain) }) }

// BodyMemory returns the bytes of request bodies held now.
func (s *Server) BodyMemory() int64 { return s.bodies.inUse() }

// refusesWithin is how soon an Envoy that does not heed a standalone override ends the stream: within 2 ms, as measured. Later it was the client.
const refusesWithin = 50 * time.Millisecond

// maxIgnored is how many overrides in a row Envoy may seem to ignore before readiness fails: clients that leave at once look the same.
const maxIgnored = 16

// Ready returns nil, or tells which Envoy settings keep Weir from enforcing.
func (s *Server) Ready() error {
	switch {
	case s.observing.Load():
		return errors.New("an Envoy runs ext_proc in observability_mode: set observability_mode: false, or nothing is enforced")
	case s.ignored.Load() >= maxIgnored:
		return errors.New("an Envoy ignores mode overrides: set allow_mode_override: true (and failure_mode_allow: false) on its ext_proc filter, or configure FULL_DUPLEX_STREAMED per route")
	}
	return nil
}

// process runs one stream. It never returns nil unless Envoy ended the stream first: a nil return is an OK close, upon which Envoy lets
// whatever is left pass unseen.
func (s *Server) process(ss grpc.ServerStream) (err error) {
	s.cfg.Observer.StreamStarted()
	defer s.cfg.Observer.StreamEnded()
	st := newStream(s, ss)
	defer func() {
		if p := recover(); p != nil {
			st.panicked(p)
			err = status.Error(codes.Internal, "weir: internal error")
		}
	}()
	return st.run()
}

// panicked closes the books of an exchange in which something panicked. What panicked once may do so again there; that must not take the
// other exchanges along.
func (st *stream) panicked(p any) {
	s := st.s
	s.cfg.Observer.Panicked()
	s.cfg.Log.Error("panic in an exchange", "decision", st.decisionID(), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	defer func() {
		if p := recover(); p != nil {
			s.cfg.Log.Error("panic while an exchange's books were closed", "decision", st.decisionID(), "panic", fmt.Sprint(p))
		}
	}()
	st.end(authz.OutcomeFailed)
}

// metadataOf returns what the route says of an exchange, from gRPC metadata that a client cannot reach: the target's name
// (grpc_initial_metadata) and the trace that Envoy goes on with.
func metadataOf(ctx context.Context) (route, traceparent string) {
	md, _ := metadata.FromIncomingContext(ctx)
	one := func(k string) string {
		if v := md.Get(k); len(v) == 1 {
			return v[0]
		}
		return ""
	}
	return one("x-weir-target"), one("traceparent")
}
