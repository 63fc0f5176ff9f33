package redisstore

import (
	"context"
	"time"
)

// Pin gives key its value, unless it has one, and returns the one it has; it is forgotten after ttl (at least 1 ms). It is what pkg/guard
// asks about the version of an object that a redirect led to. A Redis that was emptied or replaced has forgotten it: then the next is the first.
func (s *Store) Pin(ctx context.Context, key, value string, ttl time.Duration) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	name := pinKey(key)
	first, err := s.client.SetNX(ctx, name, value, max(ttl, time.Millisecond)).Result()
	if err != nil {
		return "", unavailable(err)
	}
	if first {
		return value, nil
	}
	held, err := s.client.Get(ctx, name).Result()
	if err != nil { // redis.Nil too: its time ended in between
		return "", unavailable(err)
	}
	return held, nil
}
