package redisstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/weirgate/weir/pkg/authz"
)

// state is what a check found.
type state struct {
	err    *authz.Error // nil: all is well
	refuse bool         // do not even ask: Redis answers, but what it answers is not to be trusted
}

// Run looks after Redis until ctx ends, and then returns nil: is it there, may it evict, is it still the one that was seen. It logs what
// changes and forgets tenants that are long idle. Without Run, only what a script can see is noticed.
func (s *Store) Run(ctx context.Context) error {
	tick := time.NewTicker(s.cfg.CheckEvery)
	defer tick.Stop()
	if s.leases != nil {
		go s.giveBackLoop(ctx)
	}
	for {
		_ = s.look(ctx) // recorded
		s.sweep()
		_ = s.remember(ctx) // logged
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// Ready asks Redis now whether it can be used, and says what is wrong and what to change if not: an *authz.Error labelled
// store_unavailable, store_evicts or store_amnesiac.
func (s *Store) Ready(ctx context.Context) error {
	if err := s.look(ctx); err != nil {
		return err
	}
	return nil
}

// Healthy returns what the last check by Run or Ready found. It does not block.
func (s *Store) Healthy() error {
	st := s.state.Load()
	switch {
	case st == nil:
		return unavailable(errors.New("nobody asked Redis yet"))
	case st.err != nil:
		return st.err
	}
	return nil
}

// look asks Redis how it is, and records it. One looks at a time.
func (s *Store) look(ctx context.Context) *authz.Error {
	select {
	case s.looking <- struct{}{}:
		defer func() { <-s.looking }()
	case <-ctx.Done():
		return unavailable(ctx.Err())
	}
	return s.lookNow(ctx)
}

// lookNow is look for who holds the token.
func (s *Store) lookNow(ctx context.Context) *authz.Error {
	parent := ctx
	ctx, cancel := context.WithTimeout(context.WithValue(ctx, lookKey{}, true), s.cfg.Timeout)
	defer cancel()
	var fault *authz.Error
	err := s.checkEviction(ctx)
	if err == nil {
		err = s.checkEpoch(ctx)
	}
	if err == nil {
		err = s.checkHistory(ctx)
	}
	if err != nil && !errors.As(err, &fault) {
		fault = unavailable(fmt.Errorf("ask Redis (counters.url) within %v (counters.timeout): %w", s.cfg.Timeout, err))
	}
	if parent.Err() == nil { // else it says nothing of Redis
		s.record(parent, fault)
	}
	if fault == nil {
		s.suspect.Store(false)
	}
	return fault
}

func (s *Store) record(ctx context.Context, fault *authz.Error) {
	next := &state{err: fault, refuse: fault != nil && fault.Label != "store_unavailable"}
	last := s.state.Swap(next)
	var was, is string
	if last != nil && last.err != nil {
		was = last.err.Label
	}
	if fault != nil {
		is = fault.Label
	}
	switch {
	case was == is:
	case is == "":
		s.cfg.Log.LogAttrs(ctx, slog.LevelInfo, "counters in Redis are back", slog.String("after", was))
	default:
		s.cfg.Log.LogAttrs(ctx, slog.LevelError, "counters in Redis cannot be used: all that is counted is refused", slog.String("error", fault.Error()))
	}
}

// checkEviction asks every node of Redis what it does when its memory is full. INFO is asked, for many providers forbid CONFIG.
func (s *Store) checkEviction(ctx context.Context) error {
	ask := func(ctx context.Context, c *redis.Client) error {
		info, err := c.Info(ctx, "memory").Result()
		if err != nil {
			return err
		}
		_, after, found := strings.Cut(info, "maxmemory_policy:")
		policy, _, _ := strings.Cut(after, "\r\n")
		switch {
		case !found && !strings.Contains(info, "used_memory:"):
			return errors.New("INFO memory was answered with something else: this is no Redis, or something stands before it")
		case !found:
			return failure("store_evicts", errors.New("maxmemory_policy must be noeviction, and Redis' INFO memory does not say it is"))
		case policy != "noeviction":
			return failure("store_evicts", fmt.Errorf("maxmemory-policy of Redis is %q, so that it may evict counters: set it to noeviction", policy))
		}
		return nil
	}
	return s.masters(ctx, ask)
}

// checkEpoch asks whether Redis is still the one that was seen, after it looked whether an operator accepts that it is not.
func (s *Store) checkEpoch(ctx context.Context) error {
	word, err := s.client.Get(ctx, acceptKey).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return err
	}
	s.accept(ctx, word)
	expected := s.redisEpoch()
	epoch, err := s.client.GetEx(ctx, epochKey, s.epochLife()).Result()
	if errors.Is(err, redis.Nil) {
		if expected != "" {
			return errAmnesiac(epochKey)
		}
		if err := s.client.SetNX(ctx, epochKey, rand.Text(), s.epochLife()).Err(); err != nil {
			return err
		}
		epoch, err = s.client.Get(ctx, epochKey).Result()
	}
	if err != nil {
		return err
	}
	if expected != "" && epoch != expected {
		return errAmnesiac(epochKey)
	}
	s.sawRedis(epoch)
	// Nothing above fails on a Redis whose memory is full, where no call can count.
	return s.client.Set(ctx, probeKey, "", time.Minute).Err()
}

// accept forgets all epochs when an operator says a new word.
func (s *Store) accept(ctx context.Context, word string) {
	s.mu.Lock()
	forget := word != "" && word != s.accepted && (s.epoch != nil || len(s.tenants) > 0)
	if word != s.accepted {
		s.memory.changed.Store(true)
	}
	s.accepted = word
	if forget {
		s.epoch, s.tenants = nil, map[string]*known{}
		s.histories = histories{} // so that what was counted lately is counted again
	}
	s.mu.Unlock()
	if forget {
		s.cfg.Log.LogAttrs(ctx, slog.LevelWarn, "an operator accepted what Redis holds, whatever it lost", slog.String("key", acceptKey))
	}
}

func (s *Store) redisEpoch() string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.epoch != nil && s.fresh(s.epoch) {
		return s.epoch.epoch
	}
	return ""
}

func (s *Store) sawRedis(epoch string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.epoch == nil || !s.fresh(s.epoch) {
		s.epoch = &known{epoch: epoch}
		s.memory.changed.Store(true)
	}
	s.epoch.last.Store(s.clock())
}
