package server

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/coverage"
	"github.com/weirgate/weir/pkg/guard"
	"github.com/weirgate/weir/pkg/handover"
	"github.com/weirgate/weir/pkg/redisstore"
	"github.com/weirgate/weir/pkg/window"
	"github.com/weirgate/weir/server/internal/admin"
	"github.com/weirgate/weir/server/internal/config"
)

// store is where counters live: pkg/window in memory, pkg/redisstore in Redis.
type store interface {
	guard.Store
	Reset(ctx context.Context, tenant string, keys []authz.MeterKey) error
	Ready(ctx context.Context) error
	Healthy() error
	Run(ctx context.Context) error
	Close() error
}

// sharedStore is counters in Redis, whose limits say what becomes of them while it is away.
type sharedStore struct {
	*window.Away
	redis *redisstore.Store
}

// First implements authn.Replays: what may be used once is remembered in Redis only.
func (s sharedStore) First(ctx context.Context, key string, ttl time.Duration) (bool, error) {
	return s.redis.First(ctx, key, ttl)
}

// Pin implements guard.Pins.
func (s sharedStore) Pin(ctx context.Context, key, value string, ttl time.Duration) (string, error) {
	return s.redis.Pin(ctx, key, value, ttl)
}

// openStore returns the counters that the configuration names, and where admissions wait between the two filters of entry both.
func openStore(c *config.Config, log *slog.Logger) (store, guard.Handover, error) {
	if c.Counters.URL == "" {
		m, err := window.NewMemory(memoryConfig(c, log))
		if err != nil {
			return nil, nil, fmt.Errorf("counters: %w", err)
		}
		return m, handover.NewMemory(time.Now), nil
	}
	cfg := redisConfig(c, log)
	cfg.Leases, cfg.Replicas, cfg.Remember = c.Counters.Leases, c.Counters.Replicas, rememberFile(c)
	r, err := redisstore.New(cfg)
	if err != nil {
		return nil, nil, fmt.Errorf("counters.url: %w", err)
	}
	a, err := window.NewAway(window.AwayConfig{
		Shared: r, Default: c.Counters.Away, Replicas: c.Counters.Replicas, Windows: c.Counters.Windows, Meters: c.Counters.WindowsOf(), Log: log,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("counters: %w", err)
	}
	return sharedStore{a, r}, r, nil
}

// openCoverage returns where it is kept what has left of stored objects: with the counters, in Redis or in memory, and where those are kept on
// disk beside them.
func openCoverage(c *config.Config, s store) (guard.Coverage, error) {
	if shared, ok := s.(sharedStore); ok {
		return shared.redis.Coverage(), nil
	}
	return coverageInMemory(c)
}

func coverageInMemory(c *config.Config) (*coverage.Memory, error) {
	var cfg coverage.Config
	if c.Counters.Snapshot != "" {
		cfg.File = c.Counters.Snapshot + ".coverage"
	}
	m, err := coverage.New(cfg)
	if err != nil {
		return nil, fmt.Errorf("counters.snapshot: %w", err)
	}
	return m, nil
}

// runCoverage brings coverage to the disk until ctx ends, where it is kept there.
func (s *Server) runCoverage(ctx context.Context) error {
	if m, ok := s.coverage.(*coverage.Memory); ok {
		return m.Run(ctx)
	}
	return nil
}

// closeCoverage closes the file of coverage, where there is one. Nothing is decided any more.
func (s *Server) closeCoverage() {
	if m, ok := s.coverage.(*coverage.Memory); ok {
		if err := m.Close(); err != nil {
			s.opts.Log.Error("close coverage", "cause", err)
		}
	}
}

// rememberFile is where the process that serves keeps which Redis it has counted in.
func rememberFile(c *config.Config) string {
	return cmp.Or(c.Counters.Remember, filepath.Join(c.Audit.Dir, "redis-seen.json"))
}

// countersCheck is the counters' line of /readyz. Counters that are away do not keep Weir from deciding where limits may say how.
func (s *Server) countersCheck(ctx context.Context) admin.Check {
	err := s.store.Ready(ctx)
	c := admin.Result("counters", err, "counters.url")
	if t, ok := s.store.(interface{ Tolerant() bool }); ok && err != nil && t.Tolerant() {
		c.OK, c.Reason = true, ""
		c.Warning = "limits are judged as their mode says (counters.away): " + err.Error()
	}
	return c
}
