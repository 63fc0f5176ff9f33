package server

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/weirgate/weir/pkg/artifact"
	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/coverage"
	"github.com/weirgate/weir/pkg/distinct"
	"github.com/weirgate/weir/pkg/guard"
	"github.com/weirgate/weir/pkg/handover"
	"github.com/weirgate/weir/pkg/redisstore"
	"github.com/weirgate/weir/pkg/window"
	"github.com/weirgate/weir/server/internal/admin"
	"github.com/weirgate/weir/server/internal/config"
	"github.com/weirgate/weir/server/internal/extproc"
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

// departed is where it is kept what has left: parts of stored objects, and documents of corpora.
type departed struct {
	coverage guard.Coverage
	corpus   guard.Corpus
	files    []file // that this process keeps it in
}

// file is what is kept in memory, and brought to a file while it runs.
type file interface {
	Run(ctx context.Context) error
	Close() error
}

// openDeparted returns where it is kept what has left: with the counters, in Redis or in memory, and where those are kept on disk beside them.
func openDeparted(c *config.Config, s store) (d departed, err error) {
	if shared, ok := s.(sharedStore); ok {
		return departed{coverage: shared.redis.Coverage(), corpus: shared.redis.Documents()}, nil
	}
	return departedInMemory(c)
}

func departedInMemory(c *config.Config) (d departed, err error) {
	parts, err := coverage.New(coverage.Config{File: beside(c, ".coverage")})
	if err != nil {
		return d, fmt.Errorf("counters.snapshot: %w", err)
	}
	documents, err := distinct.New(distinct.Config{File: beside(c, ".documents")})
	if err != nil {
		_ = parts.Close() // nothing was kept in it yet
		return d, fmt.Errorf("counters.snapshot: %w", err)
	}
	return departed{parts, documents, []file{parts, documents}}, nil
}

// beside is a file beside the counters' snapshot; empty where they are kept nowhere.
func beside(c *config.Config, suffix string) string {
	if c.Counters.Snapshot == "" {
		return ""
	}
	return c.Counters.Snapshot + suffix
}

// openArtifacts returns where it is kept what objects are, by their content: with the counters in Redis, so that what one replica recognised all
// know, and the next process too; else in memory, and forgotten with it.
func openArtifacts(s store) (extproc.Artifacts, error) {
	if shared, ok := s.(sharedStore); ok {
		return shared.redis.Artifacts()
	}
	return artifact.New(artifact.Config{})
}

// close closes the files. Nothing is decided any more.
func (d *departed) close(log *slog.Logger) {
	for _, f := range d.files {
		if err := f.Close(); err != nil {
			log.Error("close what is kept of what has left", "cause", err)
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
