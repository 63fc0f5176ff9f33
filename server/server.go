package server

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/weirgate/weir/pkg/audit"
	"github.com/weirgate/weir/pkg/authn"
	"github.com/weirgate/weir/pkg/guard"
	"github.com/weirgate/weir/pkg/policy"
	"github.com/weirgate/weir/pkg/registry"
	"github.com/weirgate/weir/pkg/target"
	"github.com/weirgate/weir/pkg/vector"
	"github.com/weirgate/weir/server/internal/admin"
	"github.com/weirgate/weir/server/internal/config"
	"github.com/weirgate/weir/server/internal/extauthz"
	"github.com/weirgate/weir/server/internal/extproc"
	"github.com/weirgate/weir/server/internal/telemetry"
)

// Options is what a Server is told beyond its configuration. The zero value is usable.
type Options struct {
	Version string                   // shown by /healthz, metrics and spans
	Reload  <-chan os.Signal         // SIGHUP: read policy, settings and certificates again; nil: only when they change
	Getenv  func(name string) string // for OTEL_* variables; default os.Getenv
	Log     *slog.Logger             // default slog.Default()
}

// Server is one Weir. Create it with New, run it once with Run.
type Server struct {
	cfg      *config.Config
	opts     Options
	metrics  *telemetry.Metrics
	journal  *audit.Journal
	lost     []audit.Entry        // decisions that an earlier process left open
	shipper  *audit.Shipper       // nil where nothing is exported
	traces   *telemetry.Traces    // nil where nothing is exported
	authn    *authn.Authenticator // nil where policy.identity leaves tokens to the policy
	policy   *policy.Engine
	source   *policySource
	store    store
	departed departed
	registry *registry.Registry // nil where there is none
	guard    *guard.Guard
	proc     *extproc.Server // nil with entry ext_authz
	certs    atomic.Pointer[tls.Config]

	grpc     *grpc.Server
	health   *health.Server
	admin    *http.Server
	listener net.Listener    // gRPC
	pages    net.Listener    // admin
	keys     *vector.Keyring // nil without mask_keys

	configured [sha256.Size]byte         // fingerprint of the configuration file at start
	outdated   atomic.Pointer[time.Time] // since when the policy in force is not the one in its files; nil: it is
	unfetched  atomic.Pointer[time.Time] // since when bundles by URL are not taken; nil: they are
	modelsOld  atomic.Pointer[time.Time] // since when the file of model versions is not taken; nil: it is
	reloading  sync.Mutex                // one reload of the policy at a time
	draining   atomic.Bool
}

// New makes everything that the configuration says, opens the journal and both listeners, and serves nothing yet. The errors name the key
// of the configuration to look at.
func New(ctx context.Context, cfg *config.Config, o Options) (_ *Server, err error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	s := &Server{configured: fingerprint([]string{cfg.File()}), cfg: cfg, opts: o, metrics: telemetry.New(telemetry.Config{Version: o.Version})}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	env, err := telemetry.ReadEnvironment(o.Getenv)
	if err != nil {
		return nil, err
	}
	if err = s.loadPolicy(ctx); err != nil {
		return nil, err
	}
	var handover guard.Handover
	if s.store, handover, err = openStore(cfg, o.Log); err != nil {
		return nil, err
	}
	if s.departed, err = openDeparted(cfg, s.store); err != nil {
		return nil, err
	}
	if s.registry, err = openRegistry(ctx, cfg, s.store); err != nil {
		return nil, err
	}
	if cfg.Policy.Identity != "policy" {
		if s.authn, err = newAuthenticator(ctx, cfg, s.store, o.Log); err != nil {
			return nil, err
		}
	}
	if s.journal, s.lost, err = openJournal(cfg, env.Export, o.Log); err != nil {
		return nil, err
	}
	if s.shipper, s.traces, err = openTraces(ctx, s.journal, env, cfg, o); err != nil {
		return nil, err
	}
	if err = s.listen(ctx); err != nil {
		return nil, err
	}
	if s.keys, err = loadKeys(ctx, &cfg.MaskKeys); err != nil {
		return nil, err
	}
	if err = s.serveEnvoy(handover); err != nil {
		return nil, err
	}
	return s, s.serveAdmin()
}

// serveEnvoy makes the gRPC server with the services that the entry needs.
func (s *Server) serveEnvoy(h guard.Handover) error {
	table, err := target.New(s.cfg.TargetTable())
	if err != nil {
		return fmt.Errorf("targets: %w", err)
	}
	s.guard, err = newGuard(s.cfg, s.keys != nil, s.authn, table, s.policy, s.store, s.departed, s.registry, h, s.journal, s.metrics, s.opts.Log)
	if err != nil {
		return err
	}
	tlsConfig, err := tlsFor(s.cfg.Listen.TLS, s.opts.Log)
	if err != nil {
		return err
	}
	s.certs.Store(tlsConfig)
	s.grpc = newGRPC(s.currentTLS(tlsConfig))
	s.health = health.NewServer()
	healthv1.RegisterHealthServer(s.grpc, s.health)
	both := s.cfg.Entry == entryBoth
	if both || s.cfg.Entry == entryExtAuthz {
		check, err := extauthz.New(extauthz.Config{Guard: s.guard, Handover: both, Observer: s.metrics, Log: s.opts.Log})
		if err != nil {
			return err
		}
		check.Register(s.grpc)
	}
	if s.cfg.Entry != entryExtAuthz {
		l := &s.cfg.Limits
		known, err := openArtifacts(s.store)
		if err != nil {
			return err
		}
		s.proc, err = extproc.New(extproc.Config{
			Guard: s.guard, Handover: both, Keys: s.keys, Artifacts: known, Redirects: newRedirects(s.cfg, table, s.authn),
			BodyBytes: int64(l.RequestBodyBytes), SubjectBodyBytes: int64(l.RequestBodyBytesPerSubject), TotalBodyBytes: int64(l.RequestBodyBytesTotal),
			BodyTimeout: l.BodyTimeout, IdleTimeout: l.StreamIdleTimeout, AttestationTTL: l.AttestationTTL, AttestationTimeout: l.AttestationTimeout,
			Observer: s.metrics, Log: s.opts.Log,
		})
		if err != nil {
			return err
		}
		s.proc.Register(s.grpc)
	}
	return nil
}

// serveAdmin makes the HTTP server.
func (s *Server) serveAdmin() error {
	sources := telemetry.Sources{Journal: s.journal.Stats, Store: s.store.Healthy}
	if s.proc != nil {
		sources.BodyMemory = s.proc.BodyMemory
	}
	if s.shipper != nil {
		sources.Shippers = map[string]func() audit.ShipperStats{"otlp": s.shipper.Stats}
	}
	if err := s.metrics.Watch(sources); err != nil {
		return err
	}
	models, err := s.openModels()
	if err != nil {
		return err
	}
	host, _, _ := net.SplitHostPort(s.pages.Addr().String())
	h, err := admin.New(admin.Config{
		Ready: s.checks, Metrics: s.metrics.Handler(), Models: models, Version: s.opts.Version, Pprof: net.ParseIP(host).IsLoopback(), Log: s.opts.Log,
	})
	if err != nil {
		return err
	}
	s.admin = admin.NewServer(h, s.opts.Log)
	return nil
}

// checks are what /readyz shows: whether Weir can decide.
func (s *Server) checks(ctx context.Context) []admin.Check {
	checks := s.able(ctx)
	if s.proc != nil {
		checks = append(checks, admin.Result("envoy", s.proc.Ready(), "allow_mode_override of Envoy's ext_proc filter"))
	}
	if s.registry != nil {
		checks = append(checks, s.modelsCheck(ctx))
	}
	if s.draining.Load() {
		checks = append(checks, admin.Check{Name: "drain", Reason: "Weir is shutting down"})
	}
	return checks
}

// able are the checks of what Weir itself depends on; gRPC health follows them. An Envoy that is configured wrongly is not among them: to
// take Weir out of its cluster would mend nothing.
func (s *Server) able(ctx context.Context) []admin.Check {
	return []admin.Check{
		admin.Result("keys", s.keysReady(), "issuers"),
		s.countersCheck(ctx),
		admin.Result("journal", s.journal.Ready(), "audit.dir"),
		s.policyCheck(),
	}
}

// Run serves until ctx ends, then drains: no new exchange is taken, those that run may end within limits.drain_timeout, and what is in
// the journal is shipped as far as the collector takes it. It returns nil after a drain, and what failed otherwise; then the process
// should end.
func (s *Server) Run(ctx context.Context) error {
	defer s.close()
	// The parts outlive ctx: exchanges that drain still need them.
	inner, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	parts, running := errgroup.WithContext(inner)
	for _, run := range []func(context.Context) error{s.journal.Run, s.runAuthn, s.store.Run, s.watchFiles, s.watchHealth, s.pollBundle} {
		parts.Go(func() error { return run(running) })
	}
	for _, f := range s.departed.files {
		parts.Go(func() error { return f.Run(running) })
	}
	parts.Go(func() error { return s.watchResets(running) })
	if s.shipper != nil {
		parts.Go(func() error { return s.shipper.Run(running) })
	}
	if s.cfg.Entry == entryBoth {
		parts.Go(func() error { return s.guard.Run(running) })
	}
	parts.Go(func() error { return completeLost(running, s.journal, s.lost, s.opts.Log) })
	parts.Go(func() error {
		if err := s.grpc.Serve(s.listener); !errors.Is(err, grpc.ErrServerStopped) { // told to end before it began
			return err
		}
		return nil
	})
	parts.Go(func() error {
		if err := s.admin.Serve(s.pages); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("admin: %w", err)
		}
		return nil
	})
	s.opts.Log.Info("weir ready", "grpc", s.cfg.Listen.GRPC, "admin", s.pages.Addr().String(), "entry", s.cfg.Entry, "policy", s.policy.Revision())
	select {
	case <-ctx.Done():
		s.drain(running)
	case <-running.Done(): // a part failed: exchanges must be refused, not half served
		s.grpc.Stop()
	}
	_ = s.admin.Close()
	stop()
	err := parts.Wait()
	s.shipRest()
	return err
}

// drain ends serving: first Envoy and the load balancer are told, then streams may end.
func (s *Server) drain(running context.Context) {
	s.opts.Log.Info("draining", "timeout", s.cfg.Limits.DrainTimeout)
	s.draining.Store(true)
	s.health.Shutdown()
	if s.proc != nil {
		s.proc.Drain()
	}
	done := make(chan struct{})
	go func() {
		s.grpc.GracefulStop()
		close(done)
	}()
	timer := time.NewTimer(s.cfg.Limits.DrainTimeout)
	defer timer.Stop()
	select {
	case <-done:
		return
	case <-timer.C:
		s.opts.Log.Warn("exchanges still run after limits.drain_timeout: they are cut off")
	case <-running.Done():
	}
	s.grpc.Stop() // cancels their contexts; each still settles and writes its completion
	<-done
}

// shipTimeout bounds the last shipping of records; what is left waits for the next start.
const shipTimeout = 5 * time.Second

func (s *Server) shipRest() {
	if s.shipper == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), shipTimeout)
	defer cancel()
	if err := s.shipper.Drain(ctx); err != nil {
		s.opts.Log.Warn("not everything in the journal was shipped; it will be at the next start", "cause", err)
	}
}

// healthEvery is how often gRPC health follows the checks.
const healthEvery = 2 * time.Second

// watchHealth keeps grpc.health.v1 in step with what Weir depends on.
func (s *Server) watchHealth(ctx context.Context) error {
	tick := time.NewTicker(healthEvery)
	defer tick.Stop()
	for {
		status := healthv1.HealthCheckResponse_SERVING
		for _, c := range s.able(ctx) {
			if !c.OK {
				status = healthv1.HealthCheckResponse_NOT_SERVING
			}
		}
		for _, name := range []string{"", authv3.Authorization_ServiceDesc.ServiceName, extprocv3.ExternalProcessor_ServiceDesc.ServiceName} {
			s.health.SetServingStatus(name, status)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// close gives everything back; safe on a Server half made.
func (s *Server) close() {
	for _, l := range []net.Listener{s.listener, s.pages} {
		if l != nil {
			_ = l.Close()
		}
	}
	if s.traces != nil {
		_ = s.traces.Close(context.Background())
	}
	if s.journal != nil {
		if err := s.journal.Close(); err != nil {
			s.opts.Log.Error("close the journal", "cause", err)
		}
	}
	if s.store != nil {
		_ = s.store.Close()
	}
	s.departed.close(s.opts.Log)
}
