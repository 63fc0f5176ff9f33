package redisstore

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

// A lease is a claim that this process has on one busy meter, some ahead of need, of which it gives to the claims of exchanges without asking
// Redis. Redis has charged it before, under the same limits: a lease never passes one. It is good for the tick in which it was taken, which
// Redis tells the end of, so that whatever it is given to counts in the slot in which it left. What is left over then is given back; what
// a killed process had left over stays charged until it leaves its windows.

const (
	// hotAfter is how many claims a meter has in a tick before it is leased.
	hotAfter = 16
	// aheadParts is the part of what limits leave that a lease may take ahead: one in so many, for each replica.
	aheadParts = 8
	// leaseMargin is how much before its tick a lease ends: clocks run at rates that differ.
	leaseMargin = 5 * time.Millisecond
	// maxHot bounds how many meters are looked at.
	maxHot = 50_000
)

type leaseKey struct {
	tenant string
	meter  authz.MeterKey
}

// lease is one lease. The ID is that of its claim in Redis.
type lease struct {
	leaseKey
	id     string
	limits []authz.Limit // of its meter, under which it was taken
	own    bool          // of one claim, for its limits are others

	mu      sync.Mutex // guards what follows; held while Redis is asked for more
	total   authz.Volume
	spent   authz.Volume // given to claims
	until   time.Time
	holders int   // claims that may still give something back
	dry     bool  // there is too little left to take ahead: claims ask Redis themselves
	err     error // of the last call
	failed  time.Time
}

// leases are those of a Store.
type leases struct {
	clock    func() time.Time
	tick     time.Duration
	hotAfter int
	returned atomic.Int64 // how often something was given back

	mu     sync.Mutex // guards what follows; taken before that of a lease, and never while Redis is asked
	now    map[leaseKey]*lease
	past   []*lease // not given out of any more, and still to be given back
	uses   map[leaseKey]int
	since  time.Time // when uses was begun
	claims map[claimID]*leased
	// ended and before are what claims came to that ended since the last turn, and between it and the one before; direct and directs are
	// what those were granted that Redis was asked for by their own name, likewise.
	ended, before   map[claimID]authz.Volume
	direct, directs map[claimID]authz.Volume
}

func newLeases(clock func() time.Time, tick time.Duration) *leases {
	return &leases{
		clock: clock, tick: tick, hotAfter: hotAfter, now: map[leaseKey]*lease{}, uses: map[leaseKey]int{}, claims: map[claimID]*leased{},
		ended: map[claimID]authz.Volume{}, direct: map[claimID]authz.Volume{},
	}
}

// limitsOf returns those of the limits that bound a meter.
func limitsOf(limits []authz.Limit, k authz.MeterKey) []authz.Limit {
	var out []authz.Limit
	for _, l := range limits {
		if l.Meter == k.Meter && l.Key == k.Key {
			out = append(out, l)
		}
	}
	return out
}

// serves reports whether a claim under these limits may be given of the lease: each of them held when it was taken.
func (l *lease) serves(limits []authz.Limit) bool {
	for _, want := range limits {
		if want.Meter != l.meter.Meter || want.Key != l.meter.Key {
			continue
		}
		if !slices.ContainsFunc(l.limits, func(have authz.Limit) bool {
			return have.Unit == want.Unit && have.Window == want.Window && have.Max <= want.Max
		}) {
			return false
		}
	}
	return true
}

// find returns the leases for those of a claim's meters that are busy, in the order in which they are locked.
func (q *leases) find(r *authz.Reservation) []*lease {
	now := q.clock()
	q.mu.Lock()
	defer q.mu.Unlock()
	if now.Sub(q.since) > q.tick || now.Before(q.since) {
		clear(q.uses)
		q.since = now
	}
	var out []*lease
	for _, k := range r.Keys {
		if l := q.current(leaseKey{r.Tenant, k}, r.Limits, now); l != nil && l.serves(r.Limits) && !slices.Contains(out, l) {
			out = append(out, l)
		}
	}
	slices.SortFunc(out, func(a, b *lease) int { return strings.Compare(a.id, b.id) })
	return out
}

// current returns the lease of a meter that is busy, a new one where the last has ended; nil for others. The caller holds mu.
func (q *leases) current(key leaseKey, limits []authz.Limit, now time.Time) *lease {
	l := q.now[key]
	if l != nil && l.endedAt(now) {
		q.past = append(q.past, l)
		delete(q.now, key)
		l = nil
	}
	if l != nil {
		return l
	}
	if len(q.uses) < maxHot || q.uses[key] > 0 {
		q.uses[key]++
	}
	if q.uses[key] <= q.hotAfter {
		return nil
	}
	l = newLease(key, limits)
	q.now[key] = l
	return l
}

func newLease(key leaseKey, limits []authz.Limit) *lease {
	return &lease{leaseKey: key, id: "lease-" + strings.ToLower(rand.Text()), limits: limitsOf(limits, key.meter)}
}

// endedAt reports whether the lease's tick is over. One that Redis was not asked for yet has no end. A lease that is busy with Redis has not.
func (l *lease) endedAt(now time.Time) bool {
	if !l.mu.TryLock() {
		return false
	}
	defer l.mu.Unlock()
	return l.over(now)
}

// over reports whether the lease's tick is over. The caller holds mu.
func (l *lease) over(now time.Time) bool { return !l.until.IsZero() && !now.Before(l.until) }

// room is what the lease has left to give. The caller holds mu.
func (l *lease) room(now time.Time) authz.Volume {
	var v authz.Volume
	if !now.Before(l.until) {
		return v
	}
	for u := range v {
		v[u] = max(0, l.total[u]-l.spent[u])
	}
	return v
}

// errLeaseEnded says that a lease's tick is over.
var errLeaseEnded = errors.New("the lease has ended")

// ended is when leases ended of which nothing more is given.
func ended() time.Time { return time.Unix(0, 1) }

// take has Redis raise the lease so that need is left, and more ahead of it; whole: all of need or nothing. It returns the limits in the way.
// The caller holds mu.
func (s *Store) take(ctx context.Context, l *lease, need authz.Volume, whole bool) ([]authz.Exceeded, error) {
	if l.err != nil && time.Since(l.failed) < s.cfg.Timeout { // who waited for the call that failed does not wait for another
		return nil, l.err
	}
	if l.over(s.leases.clock()) {
		return nil, errLeaseEnded
	}
	ahead := l.spent
	for u := range ahead {
		ahead[u] = max(ahead[u], hotAfter*need[u])
	}
	sent := s.leases.clock()
	r := authz.Reservation{ID: l.id, Tenant: l.tenant, Keys: []authz.MeterKey{l.meter}, Volume: l.spent.Add(need), Limits: l.limits}
	total, left, over, err := s.raiseLease(ctx, r, ahead, whole)
	if !errors.Is(err, context.Canceled) { // else who asked has left, which says nothing to who waits
		l.err, l.failed = err, time.Now()
	}
	if err != nil {
		return nil, err
	}
	l.total = total
	now, until := s.leases.clock(), sent.Add(left-leaseMargin)
	if l.until.IsZero() {
		l.until = until
	}
	// Redis is in another tick by now, or may be: it took so long that nobody can tell.
	if until.After(l.until.Add(s.leases.tick/2)) || !now.Before(l.until) || now.Sub(sent) > s.leases.tick/4 {
		l.until = ended()
		return nil, errLeaseEnded
	}
	l.dry = len(over) > 0 || l.room(now) == need
	return over, nil
}

// raiseLease is the script.
func (s *Store) raiseLease(ctx context.Context, r authz.Reservation, ahead authz.Volume, whole bool) (total authz.Volume, left time.Duration, over []authz.Exceeded, err error) {
	st, limits, err := s.step(s.scripts.lease, r)
	if err != nil {
		return total, 0, nil, err
	}
	all := int64(0)
	if whole {
		all = 1
	}
	st.more = appendCounts(appendCounts(nil, ahead[:]...), aheadParts*int64(max(1, s.cfg.Replicas)), all)
	answer, err := s.run(ctx, st)
	if errors.Is(err, errUnreadable) {
		return total, 0, nil, s.unreadable(r.Limits)
	}
	if err != nil {
		return total, 0, nil, err
	}
	n, ok := counts(answer)
	if !ok || len(n) < authz.NumUnits+1 {
		return total, 0, nil, unavailable(errAnswer)
	}
	if over, err = exceeded(n[authz.NumUnits+1:], limits); err != nil {
		return total, 0, nil, err
	}
	r.Volume = authz.Volume(n[:authz.NumUnits])
	s.recent.note(r, false, s.clock())
	return r.Volume, time.Duration(n[authz.NumUnits]) * time.Microsecond, over, nil
}
