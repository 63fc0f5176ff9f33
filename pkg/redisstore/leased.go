package redisstore

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/weirgate/weir/pkg/authz"
)

// leased is a claim of which some meters, or all, are given out of leases. Redis knows it by its other meters only.
type leased struct {
	mu     sync.Mutex // held through each step
	total  authz.Volume
	held   []held
	direct []authz.MeterKey
	ended  bool
}

// held is what a claim has of one meter's leases.
type held struct {
	meter authz.MeterKey
	parts []part // oldest first
}

type part struct {
	of  *lease
	vol authz.Volume
}

// trusted reports whether Redis may be counted for without being asked.
func (s *Store) trusted() bool {
	last := s.state.Load()
	return !s.suspect.Load() && (last == nil || !last.refuse)
}

// known returns a claim that has leases, or what it came to.
func (q *leases) known(r *authz.Reservation) (c *leased, total authz.Volume, ended bool) {
	id := claimID{r.Tenant, r.ID}
	q.mu.Lock()
	defer q.mu.Unlock()
	if c = q.claims[id]; c != nil {
		return c, authz.Volume{}, false
	}
	if total, ended = q.ended[id]; !ended {
		total, ended = q.before[id]
	}
	return nil, total, ended
}

// reserveLeased is Reserve out of leases; false where it is to be asked of Redis as a whole.
func (s *Store) reserveLeased(ctx context.Context, r authz.Reservation) (authz.Quota, bool, error) {
	c, total, ended := s.leases.known(&r)
	switch {
	case ended:
		return authz.Quota{Granted: total}, true, nil
	case c != nil:
		c.mu.Lock()
		defer c.mu.Unlock()
		return authz.Quota{Granted: c.total}, true, nil
	}
	var got []*lease
	if _, direct := s.leases.directly(claimID{r.Tenant, r.ID}); !direct && s.trusted() {
		var over []authz.Exceeded
		var err error
		if got, over, err = s.spend(ctx, s.leases.find(&r), r.Volume); err != nil || len(over) > 0 {
			return authz.Quota{Over: over}, true, err
		}
	}
	if len(got) == 0 {
		s.leases.goesDirect(claimID{r.Tenant, r.ID}, authz.Volume{})
		return authz.Quota{}, false, nil
	}
	c = &leased{total: r.Volume}
	for _, l := range got {
		c.held = append(c.held, held{l.meter, []part{{l, r.Volume}}})
	}
	rest := c.rest(r)
	c.direct = rest.Keys
	if len(rest.Keys) > 0 {
		q, err := s.claimDirect(ctx, s.scripts.reserve, rest)
		if err != nil || len(q.Over) > 0 {
			c.giveBack(r.Volume)
			c.letGo()
			return authz.Quota{Over: q.Over}, true, err
		}
	}
	s.leases.mu.Lock()
	s.leases.claims[claimID{r.Tenant, r.ID}] = c
	s.leases.mu.Unlock()
	return authz.Quota{Granted: r.Volume}, true, nil
}

// spend gives v out of each lease, as a whole, after Redis has raised those that have too little; leases that have ended, or cannot take ahead
// any more, are left out. Where limits are in the way of one, none gives anything.
func (s *Store) spend(ctx context.Context, all []*lease, v authz.Volume) (got []*lease, over []authz.Exceeded, err error) {
	for _, l := range all {
		l.mu.Lock()
		defer l.mu.Unlock()
	}
	now := s.leases.clock()
	var lacking []*lease
	for _, l := range all {
		switch {
		case now.Before(l.until) && l.room(now).Covers(v):
			got = append(got, l)
		case l.over(now): // while this claim waited for it: raised once more, it would only take ahead of what others need
		case !l.dry:
			lacking = append(lacking, l)
		}
	}
	for _, a := range s.takeAll(ctx, lacking, v, true) {
		switch {
		case errors.Is(a.err, errLeaseEnded):
		case a.err != nil:
			return nil, nil, a.err
		case len(a.over) > 0:
			over = append(over, a.over...)
		default:
			got = append(got, a.of)
		}
	}
	if len(over) > 0 {
		sortOver(over)
		return nil, over, nil
	}
	for _, l := range got {
		l.spent = l.spent.Add(v)
		l.holders++
	}
	return got, nil, nil
}

// taken is what became of a take.
type taken struct {
	of   *lease
	over []authz.Exceeded
	err  error
}

// takeAll takes for several leases at once: their calls go to Redis together. The caller holds their mu.
func (s *Store) takeAll(ctx context.Context, all []*lease, need authz.Volume, whole bool) []taken {
	out := make([]taken, len(all))
	var wg sync.WaitGroup
	for i, l := range all {
		one := func() { out[i].of = l; out[i].over, out[i].err = s.take(ctx, l, need, whole) }
		if i == len(all)-1 {
			one()
			continue
		}
		wg.Go(one)
	}
	wg.Wait()
	return out
}

func sortOver(over []authz.Exceeded) {
	slices.SortStableFunc(over, authz.Exceeded.Worse)
}

// rest is what Redis is to know of the claim by its own name.
func (c *leased) rest(r authz.Reservation) authz.Reservation {
	of := func(m authz.Meter, key string) bool {
		return slices.ContainsFunc(c.held, func(h held) bool { return h.meter.Meter == m && h.meter.Key == key })
	}
	keys, limits := r.Keys, r.Limits
	r.Keys, r.Limits = nil, nil
	for _, k := range keys {
		if !of(k.Meter, k.Key) {
			r.Keys = append(r.Keys, k)
		}
	}
	for _, l := range limits {
		if !of(l.Meter, l.Key) {
			r.Limits = append(r.Limits, l)
		}
	}
	return r
}

// giveBack gives v back to the leases, newest part first. The caller holds c's mu, or nobody else knows c.
func (c *leased) giveBack(v authz.Volume) {
	for i := range c.held {
		less := v
		parts := c.held[i].parts
		for j := len(parts) - 1; j >= 0 && less != (authz.Volume{}); j-- {
			var back authz.Volume
			for u := range less {
				back[u] = min(less[u], parts[j].vol[u])
				less[u] -= back[u]
				parts[j].vol[u] -= back[u]
			}
			l := parts[j].of
			l.mu.Lock()
			for u := range back {
				l.spent[u] -= back[u]
			}
			l.mu.Unlock()
		}
	}
}

// letGo says that the claim gives nothing back any more.
func (c *leased) letGo() {
	for i := range c.held {
		for _, p := range c.held[i].parts {
			p.of.mu.Lock()
			p.of.holders--
			p.of.mu.Unlock()
		}
	}
}

// raiseLeased is Raise of a claim that has leases; false where there is none.
func (s *Store) raiseLeased(ctx context.Context, r authz.Reservation) (authz.Quota, bool, error) {
	c, total, ended := s.leases.known(&r)
	if ended {
		return authz.Quota{Granted: total}, true, nil
	}
	if c == nil {
		return authz.Quota{}, false, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var delta authz.Volume
	for u := range delta {
		delta[u] = max(0, r.Volume[u]-c.total[u])
	}
	if c.ended || delta == (authz.Volume{}) {
		return authz.Quota{Granted: c.total}, true, nil
	}
	if !s.trusted() {
		if err := s.sure(ctx); err != nil {
			return authz.Quota{}, true, err
		}
		if last := s.state.Load(); last != nil && last.refuse {
			return authz.Quota{}, true, last.err
		}
	}
	leases, grant, over, err := s.more(ctx, c, r, delta)
	if err != nil {
		return authz.Quota{}, true, err
	}
	c.hold(leases, grant)
	if len(c.direct) > 0 {
		rest := c.rest(r)
		rest.Volume = c.total.Add(grant)
		q, err := s.claimDirect(ctx, s.scripts.raise, rest)
		if err != nil {
			c.giveBack(grant)
			return authz.Quota{}, true, err
		}
		over = append(over, q.Over...)
		var back authz.Volume
		for u := range back {
			back[u] = max(0, c.total[u]+grant[u]-q.Granted[u])
			grant[u] -= back[u]
		}
		c.giveBack(back)
	}
	c.total = c.total.Add(grant)
	sortOver(over)
	return authz.Quota{Granted: c.total, Over: over}, true, nil
}

// more gives as much of delta as all leases of the claim's meters have, after Redis has raised those that have too little. The leases have spent
// it already.
func (s *Store) more(ctx context.Context, c *leased, r authz.Reservation, delta authz.Volume) ([]*lease, authz.Volume, []authz.Exceeded, error) {
	all := s.leases.forHeld(c, r)
	for _, l := range sorted(all) {
		l.mu.Lock()
		defer l.mu.Unlock()
	}
	now := s.leases.clock()
	var lacking []*lease
	for _, l := range all {
		if l.own {
			s.leases.retire(l)
		}
		if !l.room(now).Covers(delta) {
			lacking = append(lacking, l)
		}
	}
	var over []authz.Exceeded
	for _, a := range s.takeAll(ctx, lacking, delta, false) {
		if a.err != nil && !errors.Is(a.err, errLeaseEnded) {
			return nil, authz.Volume{}, nil, a.err
		}
		over = append(over, a.over...)
	}
	grant := delta
	for i, l := range all {
		if now := s.leases.clock(); !now.Before(l.until) { // its tick ended a moment ago: Redis is asked for a lease of this claim's own
			l = newLease(l.leaseKey, r.Limits)
			l.mu.Lock()
			defer l.mu.Unlock()
			s.leases.retire(l)
			more, err := s.take(ctx, l, delta, false)
			if err != nil && !errors.Is(err, errLeaseEnded) {
				return nil, authz.Volume{}, nil, err
			}
			all[i], over = l, append(over, more...)
		}
		room := l.room(s.leases.clock())
		for u := range grant {
			grant[u] = min(grant[u], room[u])
		}
	}
	for _, l := range all {
		l.spent = l.spent.Add(grant)
		l.holders++
	}
	return all, grant, over, nil
}

// hold notes what the claim has been given.
func (c *leased) hold(leases []*lease, v authz.Volume) {
	for i, l := range leases {
		h := &c.held[i]
		if n := len(h.parts); n > 0 && h.parts[n-1].of == l {
			h.parts[n-1].vol = h.parts[n-1].vol.Add(v)
			l.mu.Lock()
			l.holders--
			l.mu.Unlock()
			continue
		}
		h.parts = append(h.parts, part{l, v})
	}
}

// endLeased is Settle, and Cancel, of a claim that has leases; false where there is none.
func (s *Store) endLeased(ctx context.Context, r authz.Reservation, cancel bool) (bool, error) {
	c, _, ended := s.leases.known(&r)
	if ended {
		return true, nil
	}
	if c == nil {
		return false, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return true, nil
	}
	script := s.scripts.settle
	if cancel {
		script, r.Volume = s.scripts.cancel, authz.Volume{}
	}
	var more, less authz.Volume
	for u := range more {
		more[u], less[u] = max(0, r.Volume[u]-c.total[u]), max(0, c.total[u]-r.Volume[u])
	}
	if more != (authz.Volume{}) {
		s.leases.endLeases(r.Tenant, r.Keys)
	}
	if len(c.direct) > 0 {
		rest := c.rest(r)
		rest.Limits = nil
		if _, err := s.claimDirect(ctx, script, rest); err != nil {
			return true, err
		}
	}
	if more != (authz.Volume{}) { // it has left: no limit is asked
		for i := range c.held {
			l := newLease(leaseKey{r.Tenant, c.held[i].meter}, nil)
			total, _, _, err := s.raiseLease(ctx, authz.Reservation{ID: l.id, Tenant: l.tenant, Keys: []authz.MeterKey{l.meter}, Volume: more}, authz.Volume{}, false)
			if err != nil {
				return true, err
			}
			l.total, l.spent = total, total
			s.leases.retire(l)
		}
	}
	c.giveBack(less)
	c.letGo()
	c.ended = true
	s.leases.end(claimID{r.Tenant, r.ID}, r.Volume)
	return true, nil
}
