package redisstore

import (
	"context"
	"time"
)

// First reports whether key is shown for the first time, and remembers it for ttl (at least 1 ms). It is what pkg/authn asks about proofs that
// may be used once. A Redis that was emptied or replaced has forgotten them: what was shown before may be shown once more, for as long as
// its own time runs (a minute or so).
func (s *Store) First(ctx context.Context, key string, ttl time.Duration) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	first, err := s.client.SetNX(ctx, onceKey(key), "", max(ttl, time.Millisecond)).Result()
	if err != nil {
		return false, unavailable(err)
	}
	return first, nil
}
