package redisstore

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// A Redis that takes over from another one may lack what had not reached it, and says nothing of it: the epoch is the same. Its
// replication ID tells: every master begins one of its own (INFO replication, master_replid). A connection to a master whose ID this process
// has not seen is not used before what was counted lately is counted there too (replay.go).

// histories are the replication IDs of the masters that were seen last.
type histories map[string]bool

// lookKey marks the context of a look, whose connections are not asked what it is there to find out.
type lookKey struct{}

var errHistory = errors.New("another Redis than before answers: it is looked at first")

// role returns a Redis' role and replication ID; both are empty of a Sentinel.
func role(info string) (role, id string) {
	field := func(name string) string {
		_, after, _ := strings.Cut(info, name+":")
		value, _, _ := strings.Cut(after, "\r\n")
		return value
	}
	return field("role"), field("master_replid")
}

// connected judges a new connection. It refuses that to a master that was not looked at.
func (s *Store) connected(ctx context.Context, c *redis.Conn) error {
	s.mu.RLock()
	seen := s.histories
	s.mu.RUnlock()
	if seen == nil || ctx.Value(lookKey{}) != nil {
		return nil
	}
	info, err := c.Info(ctx, "replication").Result()
	if err != nil {
		return err
	}
	if role, id := role(info); role == "master" && !seen[id] {
		s.suspect.Store(true)
		return errHistory
	}
	return nil
}

// sure looks at Redis before the first call after one that failed: another one may have taken its place.
func (s *Store) sure(ctx context.Context) error {
	if !s.suspect.Load() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	select {
	case s.looking <- struct{}{}:
		defer func() { <-s.looking }()
	case <-ctx.Done():
		return unavailable(ctx.Err())
	}
	if !s.suspect.Load() { // somebody looked meanwhile
		return nil
	}
	if err := s.lookNow(ctx); err != nil {
		return err
	}
	return nil
}

// checkHistory asks every master for its replication ID, and counts again what was counted lately where there is a new one.
func (s *Store) checkHistory(ctx context.Context) error {
	now, mu := histories{}, sync.Mutex{}
	ask := func(ctx context.Context, c *redis.Client) error {
		info, err := c.Info(ctx, "replication").Result()
		if err != nil {
			return err
		}
		_, id := role(info)
		mu.Lock()
		defer mu.Unlock()
		now[id] = true
		return nil
	}
	if err := s.masters(ctx, ask); err != nil {
		return err
	}
	s.mu.RLock()
	seen := s.histories
	s.mu.RUnlock()
	if seen != nil && !now.within(seen) {
		s.suspect.Store(true) // until it is done
		n, err := s.replay(context.WithoutCancel(ctx))
		if err != nil {
			return err
		}
		s.cfg.Log.LogAttrs(ctx, slog.LevelWarn, "another Redis has taken over: what was counted lately is counted there too", slog.Int("claims", n))
	}
	s.mu.Lock()
	s.histories = now
	s.mu.Unlock()
	return nil
}

// within reports whether all of h is in seen.
func (h histories) within(seen histories) bool {
	for id := range h {
		if !seen[id] {
			return false
		}
	}
	return true
}

// masters asks every master.
func (s *Store) masters(ctx context.Context, ask func(ctx context.Context, c *redis.Client) error) error {
	switch c := s.client.(type) {
	case *redis.ClusterClient:
		return c.ForEachMaster(ctx, ask)
	case *redis.Client:
		return ask(ctx, c)
	}
	return errAnswer
}
