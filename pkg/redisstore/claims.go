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
	at := s.time()
	if s.trusted() {
		if over, ok := s.overs.find(&r, at); ok {
			return authz.Quota{Over: over}, nil
		}
	}
	returned := s.returned()
	q, err := s.ask(ctx, r)
	if err == nil && len(q.Over) > 0 && s.leases != nil {
		if s.reclaim(ctx, r.Tenant, q.Over); s.returned() != returned {
			q, err = s.ask(ctx, r)
		}
	}
	switch {
	case err != nil:
	case len(q.Over) > 0:
		s.overs.note(&r, q.Over, at)
	default:
		s.overs.granted(&r)
	}
	return q, err
}

// ask is Reserve, of leases or of Redis.
func (s *Store) ask(ctx context.Context, r authz.Reservation) (authz.Quota, error) {
	if s.leases != nil {
		if q, done, err := s.reserveLeased(ctx, r); done {
			return q, err
		}
	}
	q, err := s.claimDirect(ctx, s.scripts.reserve, r)
	s.noteDirect(&r, q)
	return q, err
}

// Raise charges what r.Volume, the new total, adds to what is charged, as far as the limits permit. A claim that is not known is charged as
// new; one that is closed stays as it is.
func (s *Store) Raise(ctx context.Context, r authz.Reservation) (authz.Quota, error) {
	defer s.overs.forget(r.Tenant, r.Keys)
	if s.leases != nil {
		if q, done, err := s.raiseLeased(ctx, r); done {
			return q, err
		}
	}
	q, err := s.claimDirect(ctx, s.scripts.raise, r)
	s.noteDirect(&r, q)
	return q, err
}

// noteDirect notes what a claim was granted, where leases must know it: see Settle.
func (s *Store) noteDirect(r *authz.Reservation, q authz.Quota) {
	if s.leases != nil && q.Granted != (authz.Volume{}) {
		s.leases.goesDirect(claimID{r.Tenant, r.ID}, q.Granted)
	}
}

// Settle makes r.Volume the final total, more or less than what is charged, and closes the claim. A claim that is not known is charged.
// What is more than was granted no limit is asked for; what leases took ahead under the limits as they were is given to nobody then. Those of
// other replicas are: they were charged before.
func (s *Store) Settle(ctx context.Context, r authz.Reservation) error {
	defer s.overs.forget(r.Tenant, r.Keys)
	if s.leases != nil {
		if done, err := s.endLeased(ctx, r, false); done {
			return err
		}
		if granted, _ := s.leases.directly(claimID{r.Tenant, r.ID}); !granted.Covers(r.Volume) {
			s.leases.endLeases(r.Tenant, r.Keys)
		}
	}
	r.Limits = nil
	_, err := s.claimDirect(ctx, s.scripts.settle, r)
	return err
}

// Cancel gives everything back and closes the claim.
func (s *Store) Cancel(ctx context.Context, r authz.Reservation) error {
	defer s.overs.forget(r.Tenant, r.Keys)
	if s.leases != nil {
		if done, err := s.endLeased(ctx, r, true); done {
			return err
		}
	}
	r.Limits = nil
	_, err := s.claimDirect(ctx, s.scripts.cancel, r)
	return err
}

// bound is a limit, where it stands in the reservation, and the numbers of its meter, unit and window.
type bound struct {
	authz.Limit
	place, meter, unit, window int
}

// claimDirect has Redis run one step of a claim, and remembers what came of it.
func (s *Store) claimDirect(ctx context.Context, script *redis.Script, r authz.Reservation) (authz.Quota, error) {
	if err := readable(r.Volume); err != nil {
		return authz.Quota{}, err
	}
	if err := s.sure(ctx); err != nil {
		return authz.Quota{}, err
	}
	q, err := s.call(ctx, script, r)
	if errors.Is(err, errHistory) { // nothing was sent
		if err := s.sure(ctx); err != nil {
			return authz.Quota{}, err
		}
		q, err = s.call(ctx, script, r)
	}
	if err == nil && (q.Granted != authz.Volume{} || script == s.scripts.settle || script == s.scripts.cancel) {
		r.Volume = q.Granted
		s.recent.note(r, script == s.scripts.settle || script == s.scripts.cancel, s.clock())
	}
	return q, err
}

// call runs one step of a claim.
func (s *Store) call(ctx context.Context, script *redis.Script, r authz.Reservation) (authz.Quota, error) {
	st, limits, err := s.step(script, r)
	if err != nil {
		return authz.Quota{}, err
	}
	answer, err := s.run(ctx, st)
	if errors.Is(err, errUnreadable) {
		return authz.Quota{}, s.unreadable(r.Limits)
	}
	if err != nil {
		return authz.Quota{}, err
	}
	n, ok := counts(answer)
	if !ok || len(n) < authz.NumUnits {
		return authz.Quota{}, unavailable(errAnswer)
	}
	over, err := exceeded(n[authz.NumUnits:], limits)
	if err != nil {
		return authz.Quota{}, err
	}
	return authz.Quota{Granted: authz.Volume(n[:authz.NumUnits]), Over: over}, nil
}

// readable refuses a volume that is none, or that Lua cannot count exactly.
func readable(v authz.Volume) error {
	for i, n := range v {
		if n < 0 || n > maxCount {
			return failure("volume_unreadable", fmt.Errorf("%d %s: want 0 to 2^53", n, authz.Units()[i]))
		}
	}
	return nil
}

// step says a step of a claim as the scripts take it.
func (s *Store) step(script *redis.Script, r authz.Reservation) (step, []bound, error) {
	if err := readable(r.Volume); err != nil {
		return step{}, nil, err
	}
	st := step{script: script, tenant: r.Tenant, claim: claimKey(tag(r.Tenant), r.ID), volume: r.Volume, meters: make([]authz.MeterKey, 0, len(r.Keys))}
	for _, k := range r.Keys {
		if !slices.Contains(st.meters, k) {
			st.meters = append(st.meters, k)
		}
	}
	st.charged = len(st.meters)
	limits := make([]bound, 0, len(r.Limits))
	for i, l := range r.Limits {
		// Window 0 is none: the script refuses, unless the claim is known and so no limit is asked.
		u, w := l.Unit.Index(), 0
		if u >= 0 {
			w = 1 + slices.Index(s.windowsOf(l.Meter), l.Window)
		}
		if script == s.scripts.reserve && w > 0 && r.Volume[u] == 0 {
			continue // nothing of it is asked for
		}
		at := slices.Index(st.meters, authz.MeterKey{Meter: l.Meter, Key: l.Key})
		if at < 0 {
			at = len(st.meters)
			st.meters = append(st.meters, authz.MeterKey{Meter: l.Meter, Key: l.Key})
		}
		limits = append(limits, bound{l, i, at, u, w})
	}
	slices.SortStableFunc(limits, func(a, b bound) int {
		return cmp.Or(cmp.Compare(a.meter, b.meter), cmp.Compare(a.unit, b.unit), cmp.Compare(a.window, b.window))
	})
	st.limits = make([]byte, 0, limitLen*len(limits))
	for _, l := range limits {
		st.limits = appendLimit(st.limits, l.meter, l.unit, l.window, min(l.Max, maxCount))
	}
	return st, limits, nil
}

// unreadable is the error of a limit that cannot be read: it denies.
func (s *Store) unreadable(limits []authz.Limit) error {
	err := errUnreadable
	for _, l := range limits {
		if l.Unit.Index() < 0 {
			err = fmt.Errorf("unit %q", l.Unit)
			break
		}
		if !slices.Contains(s.windowsOf(l.Meter), l.Window) {
			err = fmt.Errorf("window %v of meter %s is not kept (counters.windows, counters.meters)", l.Window, l.Meter)
			break
		}
	}
	e := failure("limit_unreadable", err)
	e.Public = "Weir could not read a limit that applies to this request"
	return e
}

// exceeded reads the limits in the way of a step: number, use and wait of each.
func exceeded(n []int64, limits []bound) ([]authz.Exceeded, error) {
	type one struct {
		authz.Exceeded
		place int
	}
	var all []one
	if len(n)%3 != 0 {
		return nil, unavailable(errAnswer)
	}
	for over := range slices.Chunk(n, 3) {
		if over[0] >= int64(len(limits)) {
			return nil, unavailable(errAnswer)
		}
		l := limits[over[0]]
		wait := time.Duration(min(over[2], int64(math.MaxInt64/time.Microsecond))) * time.Microsecond
		all = append(all, one{authz.Exceeded{Limit: l.Limit, Used: over[1], RetryAfter: wait}, l.place})
	}
	slices.SortFunc(all, func(a, b one) int {
		return cmp.Or(a.Worse(b.Exceeded), cmp.Compare(a.place, b.place))
	})
	var out []authz.Exceeded
	for _, e := range all {
		out = append(out, e.Exceeded)
	}
	return out, nil
}

// Usage returns what the keys' windows count now.
func (s *Store) Usage(ctx context.Context, tenant string, keys []authz.MeterKey) (authz.Usage, error) {
	if err := s.sure(ctx); err != nil {
		return nil, err
	}
	var out authz.Usage
	for some := range slices.Chunk(keys, maxMeters) {
		u, err := s.usage(ctx, tenant, some)
		if err != nil {
			return nil, err
		}
		out = append(out, u...)
	}
	return out, nil
}

// usage is Usage of as many keys as a script can number.
func (s *Store) usage(ctx context.Context, tenant string, keys []authz.MeterKey) (authz.Usage, error) {
	answer, err := s.run(ctx, step{script: s.scripts.usage, tenant: tenant, claim: claimKey(tag(tenant), ""), meters: keys})
	if err != nil {
		return nil, err
	}
	n, ok := counts(answer)
	var out authz.Usage
	for _, k := range keys {
		for _, w := range s.windowsOf(k.Meter) {
			if !ok || len(n) < authz.NumUnits {
				return nil, unavailable(errAnswer)
			}
			for i, u := range authz.Units() {
				if n[i] > 0 {
					out = append(out, authz.UsageCount{Key: k, Unit: u, Window: w, Count: n[i]})
				}
			}
			n = n[authz.NumUnits:]
		}
	}
	if !ok || len(n) > 0 {
		return nil, unavailable(errAnswer)
	}
	return out, nil
}
