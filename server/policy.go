package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/weirgate/weir/pkg/authn"
	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/guard"
	"github.com/weirgate/weir/pkg/policy"
	"github.com/weirgate/weir/server/internal/config"
)

// policySource is where the policy comes from, read anew each time but for a bundle by URL, of which the last one that was taken is
// remembered.
type policySource struct {
	cfg     *config.Config
	log     *slog.Logger
	remote  *policy.Remote  // nil without policy.bundle.url
	serials *policy.Serials // nil where they are ignored, or there is no bundle
	file    *policy.Bundle  // that config read last; nil without policy.bundle.file

	mu     sync.Mutex // guards bundle
	bundle *policy.Bundle
}

func newPolicySource(c *config.Config, log *slog.Logger) (*policySource, error) {
	s := &policySource{cfg: c, log: log}
	b := &c.Policy.Bundle
	var err error
	if b.Set() && b.Serial != "ignore" {
		if s.serials, err = policy.NewSerials(serialFile(c), b.Serial == "required"); err != nil {
			return nil, fmt.Errorf("policy.bundle.serial: %w", err)
		}
	}
	if b.URL == "" {
		return s, nil
	}
	verified, err := s.bundleConfig()
	if err != nil {
		return nil, err
	}
	s.remote, err = policy.NewRemote(policy.RemoteConfig{URL: b.URL, Header: b.Header.Reveal(), Keep: b.Keep, Bundle: verified})
	if err != nil {
		return nil, fmt.Errorf("policy.bundle: %w", err)
	}
	if kept, err := s.remote.Kept(); err == nil && s.serials != nil {
		s.serials.Raise(kept) // it was taken, even where the file of serials is gone
	}
	return s, nil
}

// serialFile is where the process that serves keeps which serial was taken last.
func serialFile(c *config.Config) string {
	return cmp.Or(c.Policy.Bundle.SerialFile, filepath.Join(c.Audit.Dir, "policy-serial.json"))
}

func (s *policySource) bundleConfig() (policy.BundleConfig, error) {
	c, b := s.cfg, &s.cfg.Policy.Bundle
	out := policy.BundleConfig{
		Algorithm: b.Algorithm, Scope: b.Scope, Unsigned: b.Unsigned, MaxBytes: int64(b.MaxBytes), Compat: compat(c), Serials: s.serials,
	}
	if b.Key != "" {
		key, err := os.ReadFile(b.Key)
		if err != nil {
			return out, fmt.Errorf("policy.bundle.key: %w", err)
		}
		out.Key = string(key)
	}
	return out, nil
}

// compat is policy.compat as pkg/policy takes it.
func compat(c *config.Config) string {
	if c.Policy.Compat == policy.CompatOPAEnvoy {
		return policy.CompatOPAEnvoy
	}
	return ""
}

// config reads directory, file and settings. b is the bundle by URL; nil without one.
func (s *policySource) config(b *policy.Bundle) (policy.Config, error) {
	c := s.cfg
	out := policy.Config{
		Entrypoint: c.Policy.Entrypoint, Compat: compat(c), Lenient: c.Policy.BuiltinErrors == "undefined", MaskKeys: c.MaskKeys.Current != "",
		Meters: c.Counters.Specs(), Windows: c.Counters.Windows, Observe: c.Policy.Observe, Timeout: c.Policy.Timeout, Memory: int64(c.Policy.Memory), RunTests: c.Policy.TestOnReload, Log: s.log,
	}
	if c.Policy.Dir != "" {
		if _, err := os.Stat(c.Policy.Dir); err != nil {
			return policy.Config{}, fmt.Errorf("policy.dir: %w", err)
		}
		out.FS = os.DirFS(c.Policy.Dir)
	}
	if c.Policy.Bundle.File != "" {
		verified, err := s.bundleConfig()
		if err == nil {
			b, err = policy.ReadBundleFile(c.Policy.Bundle.File, verified)
		}
		if err != nil {
			return policy.Config{}, fmt.Errorf("policy.bundle: %w", err)
		}
		s.file = b
	}
	if b != nil {
		out.FS, out.Revision = b.FS, b.Revision
	}
	if c.Policy.Settings != "" {
		b, err := os.ReadFile(c.Policy.Settings)
		if err != nil {
			return policy.Config{}, fmt.Errorf("policy.settings: %w", err)
		}
		out.Settings, out.Name = b, c.Policy.Settings
	}
	return out, nil
}

// last is the bundle in force; nil where the policy is none by URL, or none has come yet.
func (s *policySource) last() *policy.Bundle {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bundle
}

func (s *policySource) took(b *policy.Bundle) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bundle = b
}

// first returns the bundle to begin with: fetched, or the one that was kept. nil without policy.bundle.url.
func (s *policySource) first(ctx context.Context) (*policy.Bundle, error) {
	if s.remote == nil {
		return nil, nil
	}
	b, err := s.remote.Next(ctx)
	if err == nil {
		return b, nil
	}
	kept, keptErr := s.remote.Kept()
	if keptErr != nil {
		return nil, fmt.Errorf("policy.bundle: %w", err)
	}
	s.log.Warn("the bundle was not fetched; the one that was kept is taken", "revision", kept.Revision, "cause", err)
	return kept, nil
}

// PolicyConfig reads what the configuration says about policy, so that every command evaluates what serve does. A bundle by URL is fetched.
func PolicyConfig(ctx context.Context, c *config.Config, log *slog.Logger) (policy.Config, error) {
	s, err := newPolicySource(c, log)
	if errors.Is(err, fs.ErrPermission) { // the file of serials is the serving process's own; who asks need not be its user
		open := *c
		open.Policy.Bundle.Serial = "ignore"
		s, err = newPolicySource(&open, log)
	}
	if err != nil {
		return policy.Config{}, err
	}
	b, err := s.first(ctx)
	if err != nil {
		return policy.Config{}, err
	}
	return s.config(b)
}

// loadPolicy compiles the policy for the first time. Where it is a bundle that cannot be had, everything is refused until it can.
func (s *Server) loadPolicy(ctx context.Context) error {
	var err error
	if s.source, err = newPolicySource(s.cfg, s.opts.Log); err != nil {
		return err
	}
	b, err := s.source.first(ctx)
	if err != nil {
		s.opts.Log.Error("there is no policy: every request is refused until there is", "cause", err)
		s.metrics.PolicyReloadFailed()
		s.policy, err = policy.Await(s.opts.Log, compat(s.cfg))
		return err
	}
	cfg, err := s.source.config(b)
	if err != nil {
		return err
	}
	if s.policy, err = policy.New(ctx, cfg); err != nil {
		return fmt.Errorf("policy: %w", err)
	}
	s.policyTaken(b)
	if cfg.RunTests {
		return nil
	}
	if err := policy.Check(ctx, cfg); err != nil { // weir check refuses it; a running mesh is not held up by a test
		s.opts.Log.Warn("the policy's own tests fail; policy.test_on_reload would refuse it", "cause", err)
	}
	return nil
}

// policyTaken tells of a policy that is in force now, and remembers the bundle that it came from, if any.
func (s *Server) policyTaken(b *policy.Bundle) {
	s.outdated.Store(nil)
	s.metrics.PolicyLoaded(s.policy.Revision(), time.Now())
	for _, w := range s.policy.Warnings() {
		s.opts.Log.Warn("the policy warns", "warning", w)
	}
	if taken := cmp.Or(b, s.source.file); taken != nil && s.source.serials != nil {
		if err := s.source.serials.Taken(taken); err != nil {
			s.opts.Log.Error("after a restart an older bundle would be taken", "cause", err)
		}
	}
	if b == nil || s.source.remote == nil {
		return
	}
	s.source.took(b)
	if err := s.source.remote.Taken(b); err != nil {
		s.opts.Log.Error("a start while the bundle's server is away would have none", "cause", err)
	}
}

// reloadPolicy reads the policy again; b is the bundle by URL that it is made of, nil without one.
func (s *Server) reloadPolicy(ctx context.Context, b *policy.Bundle) error {
	before := s.policy.Revision()
	cfg, err := s.source.config(b)
	if err != nil {
		return err
	}
	if err := s.policy.Reload(ctx, cfg); err != nil {
		return err
	}
	s.policyTaken(b)
	s.opts.Log.Info("policy loaded", "revision", s.policy.Revision(), "before", before)
	return nil
}

// errNoPolicy says that everything is refused.
var errNoPolicy = errors.New("there is no policy yet: every request is refused")

// refreshPolicy reads directory, file and settings again.
func (s *Server) refreshPolicy(ctx context.Context) {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	b := s.source.last()
	if b == nil && s.source.remote != nil {
		return // fetchBundle takes the settings along
	}
	err := s.reloadPolicy(ctx, b)
	if err == nil {
		return
	}
	now := time.Now()
	s.outdated.CompareAndSwap(nil, &now)
	s.metrics.PolicyReloadFailed()
	s.opts.Log.Error("the policy was not taken; the last good one stays in force", "revision", s.policy.Revision(), "cause", err)
}

// pollBundle asks for another bundle by URL until ctx ends.
func (s *Server) pollBundle(ctx context.Context) error {
	if s.source.remote == nil {
		return nil
	}
	every := s.cfg.Policy.Bundle.Poll
	for {
		wait := every + time.Duration((rand.Float64()-0.5)*float64(every)/5) //nolint:gosec // so that replicas do not ask at once
		if s.policy.Missing() {
			wait = min(wait, 5*time.Second)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		s.fetchBundle(ctx)
	}
}

// fetchBundle takes another bundle where there is one.
func (s *Server) fetchBundle(ctx context.Context) {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	b, err := s.source.remote.Next(ctx)
	switch {
	case errors.Is(err, policy.ErrUnchanged):
		s.unfetched.Store(nil)
		return
	case err == nil:
		err = s.reloadPolicy(ctx, b)
	}
	if err == nil || ctx.Err() != nil {
		s.unfetched.Store(nil)
		return
	}
	now := time.Now()
	s.unfetched.CompareAndSwap(nil, &now)
	s.metrics.PolicyReloadFailed()
	s.opts.Log.Error("the bundle was not taken; the last good one stays in force", "revision", s.policy.Revision(), "cause", err)
}

// authenticator is who is asked who somebody is: nobody, where policy.identity leaves it to the policy.
func authenticator(c *config.Config, a *authn.Authenticator) guard.Authenticator {
	if c.Policy.Identity == "policy" {
		return unasked{}
	}
	return a
}

// keysReady reports whether there is something to judge tokens by, where Weir judges them.
func (s *Server) keysReady() error {
	if s.authn == nil {
		return nil
	}
	return s.authn.Ready()
}

// runAuthn fetches keys until ctx ends, where there are issuers.
func (s *Server) runAuthn(ctx context.Context) error {
	if s.authn == nil {
		return nil
	}
	return s.authn.Run(ctx)
}

// unasked knows nobody, and strips nothing.
type unasked struct{}

// Authenticate implements guard.Authenticator.
func (unasked) Authenticate(context.Context, authz.Request, authz.Target) (authz.Identity, error) {
	return authz.Identity{}, nil
}
