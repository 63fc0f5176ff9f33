package redisstore

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/weirgate/weir/pkg/authz"
)

// How leases end: what was not given out of them goes back to the slot that they were charged to.

const (
	// giveBackEvery is how often ended leases are looked for.
	giveBackEvery = 100 * time.Millisecond
	// lastGiveBack bounds it when the process ends.
	lastGiveBack = 2 * time.Second
	// maxEnded is how many claims are remembered at least after they ended.
	maxEnded = 1 << 16
)

// sorted returns the leases in the order in which they are locked, each once.
func sorted(all []*lease) []*lease {
	out := slices.Clone(all)
	slices.SortFunc(out, func(a, b *lease) int { return strings.Compare(a.id, b.id) })
	return slices.Compact(out)
}

// forHeld returns a lease for each of a claim's leased meters: the one that others use, too, where it serves its limits, else one of its own.
func (q *leases) forHeld(c *leased, r authz.Reservation) []*lease {
	now := q.clock()
	q.mu.Lock()
	defer q.mu.Unlock()
	out := make([]*lease, len(c.held))
	for i := range c.held {
		key := leaseKey{r.Tenant, c.held[i].meter}
		if l := q.current(key, r.Limits, now); l != nil && l.serves(r.Limits) {
			out[i] = l
			continue
		}
		out[i] = newLease(key, r.Limits)
		out[i].own = true
	}
	return out
}

// retire says that a lease is nobody else's.
func (q *leases) retire(l *lease) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.past = append(q.past, l)
}

// end remembers what a claim came to.
func (q *leases) end(id claimID, total authz.Volume) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.claims, id)
	if len(q.ended) >= maxEnded {
		q.before, q.ended = q.ended, map[claimID]authz.Volume{}
	}
	q.ended[id] = total
}

// goesDirect notes what a claim was granted that Redis is asked for by its own name: so it stays, whatever leases there are later.
func (q *leases) goesDirect(id claimID, granted authz.Volume) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.direct) >= maxEnded {
		q.directs, q.direct = q.direct, map[claimID]authz.Volume{}
	}
	q.direct[id] = granted
}

// directly returns what such a claim was granted.
func (q *leases) directly(id claimID) (granted authz.Volume, is bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if granted, is = q.direct[id]; !is {
		granted, is = q.directs[id]
	}
	return granted, is
}

// giveBackLoop gives back what leases have left over once they have ended, until ctx ends.
func (s *Store) giveBackLoop(ctx context.Context) {
	tick := time.NewTicker(giveBackEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.giveBack(ctx, false)
		case <-ctx.Done():
			return
		}
	}
}

// giveBack gives back what ended leases have left over; all: those that have not ended, too, which then end.
func (s *Store) giveBack(ctx context.Context, all bool) {
	q := s.leases
	now := q.clock()
	q.mu.Lock()
	for key, l := range q.now {
		if all || l.endedAt(now) {
			q.past = append(q.past, l)
			delete(q.now, key)
		}
	}
	past := slices.Clone(q.past) // where reclaim finds them meanwhile, and waits
	q.mu.Unlock()
	done := map[*lease]bool{}
	for _, l := range past {
		done[l] = s.giveBackOne(ctx, l, all)
	}
	q.mu.Lock()
	q.past = slices.DeleteFunc(q.past, func(l *lease) bool { return done[l] })
	q.mu.Unlock()
}

// reclaim gives back what leases have left over that have ended and are of the limits in the way: nobody is refused for what nobody will be
// given.
func (s *Store) reclaim(ctx context.Context, tenant string, over []authz.Exceeded) {
	q := s.leases
	now := q.clock()
	q.mu.Lock()
	var of []*lease
	for _, o := range over {
		key := leaseKey{tenant, authz.MeterKey{Meter: o.Limit.Meter, Key: o.Limit.Key}}
		if l := q.now[key]; l != nil && l.endedAt(now) {
			q.past = append(q.past, l)
			delete(q.now, key)
		}
		for _, l := range q.past {
			if l.leaseKey == key {
				of = append(of, l)
			}
		}
	}
	q.mu.Unlock()
	for _, l := range sorted(of) { // whether one is done with, the next giveBack says
		s.giveBackOne(ctx, l, false)
	}
}

// returned counts how often something was given back.
func (s *Store) returned() int64 {
	if s.leases == nil {
		return 0
	}
	return s.leases.returned.Load()
}

// giveBackOne gives back what one lease has left over, and reports whether that is all there is to do. While claims may give something back it
// stays open.
func (s *Store) giveBackOne(ctx context.Context, l *lease, all bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !all && s.leases.clock().Before(l.until) { // a claim's own: it may go on
		return false
	}
	l.until = ended()
	done := l.holders == 0 || all
	if l.total == l.spent && !done || l.total == (authz.Volume{}) {
		return done
	}
	script := s.scripts.lower
	if done {
		script = s.scripts.settle
	}
	if err := s.tellLease(ctx, l, script, done); err != nil {
		return false
	}
	if l.total != l.spent {
		s.leases.returned.Add(1)
	}
	l.total = l.spent
	return done
}

func (s *Store) tellLease(ctx context.Context, l *lease, script *redis.Script, closed bool) error {
	r := authz.Reservation{ID: l.id, Tenant: l.tenant, Keys: []authz.MeterKey{l.meter}, Volume: l.spent}
	if _, err := s.call(ctx, script, r); err != nil {
		return err
	}
	s.recent.note(r, closed, s.clock())
	return nil
}

// endLeases has the leases of these meters end now: what they have left over is given to nobody.
func (q *leases) endLeases(tenant string, keys []authz.MeterKey) {
	for _, l := range q.takeOut(tenant, keys) {
		l.mu.Lock() // who has found it already finds that it has ended
		l.until = ended()
		l.mu.Unlock()
	}
}

func (q *leases) takeOut(tenant string, keys []authz.MeterKey) (out []*lease) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, k := range keys {
		key := leaseKey{tenant, k}
		if l := q.now[key]; l != nil {
			delete(q.now, key)
			q.past = append(q.past, l)
			out = append(out, l)
		}
	}
	return out
}
