package redisstore

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

// Put stores value under key for ttl, in place of what was there. A ttl of 0 or less stores nothing.
func (s *Store) Put(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	var err error
	if ttl <= 0 {
		err = s.client.Del(ctx, handoverKey(key)).Err()
	} else {
		err = s.client.Set(ctx, handoverKey(key), value, max(ttl, time.Millisecond)).Err()
	}
	if err != nil {
		return unavailable(err)
	}
	return nil
}

// Take returns the value and forgets it; false when there is none, or no more. An answer that was lost on its way is lost for good: a value
// is never handed out twice.
func (s *Store) Take(ctx context.Context, key string) ([]byte, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	value, err := s.client.GetDel(ctx, handoverKey(key)).Bytes()
	switch {
	case errors.Is(err, redis.Nil):
		return nil, false, nil
	case err != nil:
		return nil, false, unavailable(err)
	}
	return value, true, nil
}
