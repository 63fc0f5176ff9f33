package redisstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// SetLogger has go-redis say to log, at the level debug, what it otherwise writes to standard error in a form of its own: that it cannot dial,
// many times a second while Redis is away, of which Store tells once. It is for all clients of the process, and to be called before any.
func SetLogger(log *slog.Logger) { redis.SetLogger(clientLog{log}) }

type clientLog struct{ log *slog.Logger }

// Printf implements the logger of go-redis.
func (c clientLog) Printf(ctx context.Context, format string, v ...any) {
	if c.log.Enabled(ctx, slog.LevelDebug) {
		c.log.DebugContext(ctx, "redis client", "said", fmt.Sprintf(format, v...))
	}
}

// connect returns a client whose calls end in time: of a Redis, of the master that Sentinels name (?master_name=), or of a Redis Cluster
// (?addr= alone). connected judges every new connection. Its errors say nothing of what the URL holds.
func connect(cfg Config, connected func(ctx context.Context, c *redis.Conn) error) (redis.UniversalClient, error) {
	bad := errors.New("counters.url: want redis://host:port, rediss://host:port or unix:///path, with options that go-redis knows")
	u, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, bad
	}
	quiet := &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	switch q := u.Query(); {
	case q.Has("master_name"):
		o, err := redis.ParseFailoverURL(cfg.URL)
		if err != nil || o.ReplicaOnly || o.MasterName == "" {
			return nil, bad
		}
		o.ContextTimeoutEnabled, o.DisableIdentity, o.OnConnect = true, true, connected
		o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = cfg.Timeout, cfg.Timeout, cfg.Timeout, cfg.Timeout
		o.MaxRetries, o.DialerRetries, o.MinRetryBackoff, o.MaxRetryBackoff = 1, 1, cfg.Timeout/50, cfg.Timeout/10
		return redis.NewFailoverClient(o), nil
	case q.Has("addr"):
		o, err := redis.ParseClusterURL(cfg.URL)
		if err != nil || o.ReadOnly || o.RouteByLatency || o.RouteRandomly {
			return nil, bad
		}
		o.ContextTimeoutEnabled, o.DisableIdentity, o.OnConnect = true, true, connected
		o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = cfg.Timeout, cfg.Timeout, cfg.Timeout, cfg.Timeout
		o.MaxRedirects, o.DialerRetries, o.MinRetryBackoff, o.MaxRetryBackoff = 2, 1, cfg.Timeout/50, cfg.Timeout/10
		o.MaintNotificationsConfig = quiet
		return redis.NewClusterClient(o), nil
	}
	o, err := redis.ParseURL(cfg.URL)
	if err != nil {
		return nil, bad
	}
	o.ContextTimeoutEnabled, o.DisableIdentity, o.OnConnect = true, true, connected
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = cfg.Timeout, cfg.Timeout, cfg.Timeout, cfg.Timeout
	o.MaxRetries, o.DialerRetries, o.MinRetryBackoff, o.MaxRetryBackoff = 1, 1, cfg.Timeout/50, cfg.Timeout/10
	o.MaintNotificationsConfig = quiet
	return redis.NewClient(o), nil
}
