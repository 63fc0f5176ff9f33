// Package extauthz serves envoy.service.auth.v3.Authorization.Check: the request head only.
//
// With entry ext_authz it decides for good, so whatever ties a decision to the answer (a mask, a volume without an upper bound) is refused
// by the guard; the reservation is settled at once, because the answer never passes here. With entry both it admits and hands the
// exchange over to ext_proc by a ticket. It trusts Envoy's CheckRequest and returns a denial for everything it cannot decide; only a
// panic becomes a gRPC error, which Envoy (failure_mode_allow: false) refuses too.
package extauthz

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/guard"
	"github.com/weirgate/weir/server/internal/wire"
)

// Observer is told of faults, for metrics. Its methods must not block.
type Observer interface{ Panicked() }

// Config configures a Server.
type Config struct {
	Guard    *guard.Guard // required
	Handover bool         // entry "both": leave a ticket for ext_proc
	Observer Observer     // required
	Now      func() time.Time
	Log      *slog.Logger
}

// Server serves Check. Safe for concurrent use.
type Server struct {
	cfg Config
}

// New returns a Server.
func New(cfg Config) (*Server, error) {
	if cfg.Guard == nil || cfg.Observer == nil {
		return nil, errors.New("extauthz: Config.Guard and Config.Observer are required")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	return &Server{cfg: cfg}, nil
}

// Register serves Check on g, which must use wire.Codec.
func (s *Server) Register(g *grpc.Server) {
	desc := authv3.Authorization_ServiceDesc
	desc.Methods = []grpc.MethodDesc{{MethodName: "Check", Handler: func(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		in := new(wire.CheckInbound)
		if err := decode(in); err != nil {
			return nil, err
		}
		return s.check(ctx, in)
	}}}
	desc.HandlerType = nil
	g.RegisterService(&desc, nil)
}

// check decides about one request head.
func (s *Server) check(ctx context.Context, in *wire.CheckInbound) (_ *authv3.CheckResponse, err error) {
	var adm *guard.Admission
	defer func() {
		if p := recover(); p != nil {
			s.panicked(ctx, adm, p)
			err = status.Error(codes.Internal, "weir: internal error")
		}
	}()
	req := in.Request(ctx)
	req.Time = s.cfg.Now()
	adm = s.cfg.Guard.Begin(req)
	if adm.AsksEnvoy() {
		attributes, body, err := in.Attributes()
		if err != nil {
			adm.Refuse(&authz.Error{Kind: authz.KindUnavailable, Label: "attributes_unreadable", Public: "Weir could not decide about this request", Err: err})
		}
		adm.Attributes(attributes)
		adm.Body(body, wire.WholeBody(req, body))
	}
	adm.Admit(ctx)
	clean := wire.CleanRequest(req, adm.Identity())
	if err := wire.SignedBy(req, clean.Remove); err != nil && !adm.Observed() && (adm.NeedsBody() || adm.Allowed()) {
		adm.Refuse(err)
	}
	if s.cfg.Handover && (adm.NeedsBody() || adm.Allowed()) {
		ticket, err := adm.Suspend(ctx)
		if err != nil {
			adm.Refuse(authz.AsError(err))
			return s.deny(ctx, adm, req), nil
		}
		return wire.CheckOK(clean, ticket, adm.ID()), nil
	}
	if adm.NeedsBody() { // the body is not here: policy is told that the operation is not complete
		adm.Refine(ctx, adm.Operation())
	}
	if err := wire.SignedBy(req, wire.Touched(adm.Edits())); err != nil && adm.Allowed() && !adm.Observed() {
		adm.Refuse(err)
	}
	if !adm.Allowed() || adm.Queued() != nil {
		return s.deny(ctx, adm, req), nil
	}
	op := adm.Operation()
	left := authz.Volume{}.With(authz.UnitVectors, max(0, op.Vectors))
	if err := adm.Finish(ctx, guard.Final{Outcome: authz.OutcomeUnobserved, Head: true, Waits: true, Measured: "declared", Volume: left}); err != nil && !adm.Observed() {
		adm.Refuse(authz.AsError(err))
		return s.deny(ctx, adm, req), nil
	}
	out := wire.CheckOK(clean, "", adm.ID())
	wire.EditOK(out, adm.Edits())
	return out, nil
}

// panicked closes the books of an exchange in which something panicked. What panicked once may do so again there; that must not take the
// other exchanges along.
func (s *Server) panicked(ctx context.Context, adm *guard.Admission, p any) {
	s.cfg.Observer.Panicked()
	if adm == nil {
		s.cfg.Log.Error("panic in a check", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		return
	}
	s.cfg.Log.Error("panic in a check", "decision", adm.ID(), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	defer func() {
		if p := recover(); p != nil {
			s.cfg.Log.Error("panic while a check's books were closed", "decision", adm.ID(), "panic", fmt.Sprint(p))
		}
	}()
	if err := adm.Finish(ctx, guard.Final{Outcome: authz.OutcomeFailed}); err != nil {
		s.cfg.Log.Error("completion", "decision", adm.ID(), "cause", err)
	}
}

func (s *Server) deny(ctx context.Context, adm *guard.Admission, req authz.Request) *authv3.CheckResponse {
	r := wire.RefusalFor(adm.Decision(), adm.ID(), req.Headers, wire.FormOf(adm.Target(), req.Path))
	if err := adm.Finish(ctx, guard.Final{Outcome: authz.OutcomeRefused, Status: r.Status}); err != nil {
		s.cfg.Log.Error("completion", "decision", adm.ID(), "cause", err)
	}
	out := wire.CheckDenied(r)
	wire.EditMetadata(out, adm.Edits())
	return out
}
