package redisstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/window"
)

// Config configures a Store. URL is required.
type Config struct {
	// URL says where Redis is: redis://, rediss:// (TLS) or unix://, in the form that go-redis' ParseURL reads. With ?addr=host:port, once
	// or more, it is a Redis Cluster (ParseClusterURL). It may hold a password and is never printed.
	URL string
	// Windows are kept for every meter key; default window.Defaults(). The slots of each must be a whole number of microseconds long, as
	// they are for whole minutes. All replicas should be told the same.
	Windows []authz.Window
	// Timeout bounds each call, retries included; default 500 ms.
	Timeout time.Duration
	// CheckEvery is how often Run looks after Redis; default 2 s.
	CheckEvery time.Duration
	// Now is for tests: it takes the place of Redis' own clock. Default nil: the server's time, so that the replicas' clocks do not matter.
	Now func() time.Time
	// Log is told when Redis is lost and found; default slog.Default().
	Log *slog.Logger
}

// Store keeps sliding windows and hand-overs in Redis. It is safe for concurrent use; several Stores, in one process or many, may share
// one Redis, and then count as one.
type Store struct {
	cfg     Config
	client  redis.UniversalClient
	scripts scripts
	windows []byte        // cfg.Windows as the scripts take them
	life    time.Duration // the longest that anything counts: the longest window and a slot
	start   time.Time     // what the times below are relative to

	state atomic.Pointer[state] // what the last check found

	mu       sync.RWMutex // guards what follows
	epoch    *known       // the epoch of the whole Redis; nil until it is seen
	accepted string       // the word of acceptance seen last
	tenants  map[string]*known
}

// New returns a Store. It does not connect: the first call does.
func New(cfg Config) (*Store, error) {
	if len(cfg.Windows) == 0 {
		cfg.Windows = window.Defaults()
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = 500 * time.Millisecond
	}
	if cfg.CheckEvery <= 0 {
		cfg.CheckEvery = 2 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	s := &Store{cfg: cfg, start: time.Now(), tenants: map[string]*known{}}
	for _, w := range cfg.Windows {
		width := window.Width(w)
		if width < 1000 || width%1000 != 0 {
			return nil, fmt.Errorf("window %v: its slots must be a whole number of microseconds long", w)
		}
		s.windows = appendCounts(s.windows, width/1000, window.Slots(w))
		s.life = max(s.life, time.Duration((window.Slots(w)+1)*width))
	}
	var err error
	if s.scripts, err = loadScripts(); err != nil {
		return nil, err
	}
	if s.client, err = connect(cfg); err != nil {
		return nil, err
	}
	return s, nil
}

// connect returns a client whose calls end in time. Its errors say nothing of what the URL holds.
func connect(cfg Config) (redis.UniversalClient, error) {
	bad := errors.New("counters.url: want redis://host:port, rediss://host:port or unix:///path, with options that go-redis knows")
	u, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, bad
	}
	if u.Query().Has("addr") {
		o, err := redis.ParseClusterURL(cfg.URL)
		if err != nil {
			return nil, bad
		}
		o.ContextTimeoutEnabled, o.DisableIdentity = true, true
		o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = cfg.Timeout, cfg.Timeout, cfg.Timeout, cfg.Timeout
		o.MaxRedirects, o.DialerRetries, o.MinRetryBackoff, o.MaxRetryBackoff = 2, 1, cfg.Timeout/50, cfg.Timeout/10
		o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
		return redis.NewClusterClient(o), nil
	}
	o, err := redis.ParseURL(cfg.URL)
	if err != nil {
		return nil, bad
	}
	o.ContextTimeoutEnabled, o.DisableIdentity = true, true
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = cfg.Timeout, cfg.Timeout, cfg.Timeout, cfg.Timeout
	o.MaxRetries, o.DialerRetries, o.MinRetryBackoff, o.MaxRetryBackoff = 1, 1, cfg.Timeout/50, cfg.Timeout/10
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return redis.NewClient(o), nil
}

// Close closes the connections. Calls that are under way fail.
func (s *Store) Close() error { return s.client.Close() }

// run runs a script for one tenant and returns what follows the epoch in its answer. It refuses before it asks Redis where the last
// check found that Redis cannot be trusted with counts.
func (s *Store) run(ctx context.Context, script *redis.Script, tenant string, keys []string, args ...any) (string, error) {
	if st := s.state.Load(); st != nil && st.refuse {
		return "", st.err
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	epoch, fresh := s.tenantEpoch(tenant), ""
	if epoch == "" {
		fresh = newEpoch()
	}
	now := ""
	if s.cfg.Now != nil {
		now = strconv.FormatInt(s.cfg.Now().UnixMicro(), 10)
	}
	all := append([]any{epoch, fresh, now, s.windows, int64(s.epochLife() / time.Second)}, args...)
	answer, err := script.Run(ctx, s.client, append([]string{tenantKey(tenant)}, keys...), all...).Text()
	switch {
	case redis.HasErrorPrefix(err, "WEIRAMNESIA"):
		return "", errAmnesiac("the epoch of a tenant")
	case redis.HasErrorPrefix(err, "WEIRLIMIT"):
		return "", errUnreadable
	case err != nil:
		return "", unavailable(err)
	case len(answer) < epochLen:
		return "", unavailable(errAnswer)
	}
	if !s.saw(tenant, answer[:epochLen]) {
		return "", errAmnesiac("the epoch of a tenant")
	}
	return answer[epochLen:], nil
}

var (
	errAnswer     = errors.New("no script of Weir answers what Redis did")
	errUnreadable = errors.New("a limit cannot be read")
)

// failure is the error of a call that could not be answered; all of them deny.
func failure(label string, err error) *authz.Error {
	return &authz.Error{Kind: authz.KindUnavailable, Label: label, Public: "Weir could not read its counters", Err: err}
}

func unavailable(err error) *authz.Error { return failure("store_unavailable", err) }

// errAmnesiac says that Redis lost what it was trusted with, and what to do.
func errAmnesiac(what string) *authz.Error {
	return failure("store_amnesiac", fmt.Errorf("%s is not the one that this process has seen: Redis was emptied or replaced and its counts are gone. "+
		"Bring the right Redis back, or accept the loss: SET %s <a new word> EX 60", what, acceptKey))
}
