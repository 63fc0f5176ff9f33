package redisstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/weirgate/weir/pkg/authz"
)

// Reserve charges r.Volume to every key if no limit is passed by it, else nothing. A known ID returns what is charged already.
func (s *Store) Reserve(ctx context.Context, r authz.Reservation) (authz.Quota, error) {
	return s.claim(ctx, s.scripts.reserve, r)
}

// Raise charges what r.Volume, the new total, adds to what is charged, as far as the limits permit. A claim that is not known is charged as
// new; one that is closed stays as it is.
func (s *Store) Raise(ctx context.Context, r authz.Reservation) (authz.Quota, error) {
	return s.claim(ctx, s.scripts.raise, r)
}

// Settle makes r.Volume the final total, more or less than what is charged, and closes the claim. A claim that is not known is charged.
func (s *Store) Settle(ctx context.Context, r authz.Reservation) error {
	r.Limits = nil
	_, err := s.claim(ctx, s.scripts.settle, r)
	return err
}

// Cancel gives everything back and closes the claim.
func (s *Store) Cancel(ctx context.Context, r authz.Reservation) error {
	r.Limits = nil
	_, err := s.claim(ctx, s.scripts.cancel, r)
	return err
}

// claim runs one step of a claim.
func (s *Store) claim(ctx context.Context, script *redis.Script, r authz.Reservation) (authz.Quota, error) {
	for i, n := range r.Volume {
		if n < 0 || n > maxCount {
			return authz.Quota{}, failure("volume_unreadable", fmt.Errorf("%d %s: want 0 to 2^53", n, authz.Units()[i]))
		}
	}
	tag := tag(r.Tenant)
	keys := make([]string, 0, 1+len(r.Keys))
	keys = append(keys, claimKey(tag, r.ID))
	for _, k := range r.Keys {
		if key := meterKey(tag, k); !slices.Contains(keys[1:], key) {
			keys = append(keys, key)
		}
	}
	charged := len(keys) - 1
	limits := make([]byte, 0, 32*len(r.Limits))
	for _, l := range r.Limits {
		key := meterKey(tag, authz.MeterKey{Meter: l.Meter, Key: l.Key})
		at := 1 + slices.Index(keys[1:], key)
		if at == 0 {
			keys = append(keys, key)
			at = len(keys) - 1
		}
		w := 0 // none: the script refuses, unless the claim is known and so no limit is asked
		if l.Unit.Index() >= 0 {
			w = 1 + slices.Index(s.cfg.Windows, l.Window)
		}
		limits = appendCounts(limits, int64(at), int64(1+l.Unit.Index()), int64(w), min(l.Max, maxCount))
	}
	answer, err := s.run(ctx, script, r.Tenant, keys, appendCounts(nil, r.Volume[:]...), charged, limits)
	if errors.Is(err, errUnreadable) {
		return authz.Quota{}, s.unreadable(r.Limits)
	}
	if err != nil {
		return authz.Quota{}, err
	}
	return quota(answer, r.Limits)
}

// unreadable is the error of a limit that cannot be read: it denies.
func (s *Store) unreadable(limits []authz.Limit) error {
	err := errUnreadable
	for _, l := range limits {
		if l.Unit.Index() < 0 {
			err = fmt.Errorf("unit %q", l.Unit)
			break
		}
		if !slices.Contains(s.cfg.Windows, l.Window) {
			err = fmt.Errorf("window %v is not kept (counters.windows)", l.Window)
			break
		}
	}
	e := failure("limit_unreadable", err)
	e.Public = "Weir could not read a limit that applies to this request"
	return e
}

// quota reads a step's answer: the volume granted, then number, use and wait of each limit in the way.
func quota(answer string, limits []authz.Limit) (authz.Quota, error) {
	var q authz.Quota
	n, ok := counts(answer)
	if !ok || len(n) < len(q.Granted) || (len(n)-len(q.Granted))%3 != 0 {
		return authz.Quota{}, unavailable(errAnswer)
	}
	copy(q.Granted[:], n)
	for over := range slices.Chunk(n[len(q.Granted):], 3) {
		if over[0] >= int64(len(limits)) {
			return authz.Quota{}, unavailable(errAnswer)
		}
		wait := time.Duration(min(over[2], int64(math.MaxInt64/time.Microsecond))) * time.Microsecond
		q.Over = append(q.Over, authz.Exceeded{Limit: limits[over[0]], Used: over[1], RetryAfter: max(wait, 1)})
	}
	slices.SortStableFunc(q.Over, func(a, b authz.Exceeded) int { return cmp.Compare(b.RetryAfter, a.RetryAfter) })
	return q, nil
}

// Usage returns what the keys' windows count now.
func (s *Store) Usage(ctx context.Context, tenant string, keys []authz.MeterKey) (authz.Usage, error) {
	tag := tag(tenant)
	names := make([]string, 0, len(keys))
	for _, k := range keys {
		names = append(names, meterKey(tag, k))
	}
	answer, err := s.run(ctx, s.scripts.usage, tenant, names)
	if err != nil {
		return nil, err
	}
	n, ok := counts(answer)
	if !ok || len(n) != len(keys)*len(s.cfg.Windows)*authz.NumUnits {
		return nil, unavailable(errAnswer)
	}
	var out authz.Usage
	for _, k := range keys {
		for _, w := range s.cfg.Windows {
			for i, u := range authz.Units() {
				if n[i] > 0 {
					out = append(out, authz.UsageCount{Key: k, Unit: u, Window: w, Count: n[i]})
				}
			}
			n = n[authz.NumUnits:]
		}
	}
	return out, nil
}
