package window

import (
	"context"
	"fmt"
	"slices"

	"github.com/weirgate/weir/pkg/authz"
)

// charge is one increase of a claim: what was charged in which tick, so that a decrease goes back to where it came from.
type charge struct {
	tick int64 // when it began, ns
	vol  authz.Volume
}

// maxCharges bounds what is remembered of a long stream's increases.
const maxCharges = 64

// claim is what is known of one exchange's claim while it is open.
type claim struct {
	charges []charge // oldest first
	total   authz.Volume
	touched int64     // ns
	one     [1]charge // most claims have no more
	next    *claim    // where it is free for use
}

// add notes an increase. Increases that do not fit any more are joined to the older of the two oldest: a decrease then goes to an older slot
// than it came from, which leaves the newer one counting too much for longer, never too little.
func (c *claim) add(tick int64, v authz.Volume) {
	c.total = c.total.Add(v)
	if n := len(c.charges); n > 0 && c.charges[n-1].tick == tick {
		c.charges[n-1].vol = c.charges[n-1].vol.Add(v)
		return
	}
	if len(c.charges) == maxCharges {
		c.charges[0].vol = c.charges[0].vol.Add(c.charges[1].vol)
		c.charges = append(c.charges[:1], c.charges[2:]...)
	}
	if c.charges == nil {
		c.charges = c.one[:0]
	}
	c.charges = append(c.charges, charge{tick, v})
}

// take removes v from the newest charges back, and calls back with each piece.
func (c *claim) take(v authz.Volume, piece func(tick int64, v authz.Volume)) {
	for i := len(c.charges) - 1; i >= 0 && v != (authz.Volume{}); i-- {
		var part authz.Volume
		for u := range v {
			part[u] = min(v[u], c.charges[i].vol[u])
			v[u] -= part[u]
			c.charges[i].vol[u] -= part[u]
			c.total[u] -= part[u]
		}
		if part != (authz.Volume{}) {
			piece(c.charges[i].tick, part)
		}
	}
}

// unreadable is the error of a limit that cannot be read: it denies.
func unreadable(err error) error {
	return &authz.Error{Kind: authz.KindUnavailable, Label: "limit_unreadable", Public: "Weir could not read a limit that applies to this request", Err: err}
}

// maxCount is the largest count of a claim: 2^53, up to which Redis' numbers hold every integer.
const maxCount = 1 << 53

// readable refuses a volume that is none, or too large to be meant.
func readable(v authz.Volume) error {
	for i, n := range v {
		if n < 0 || n > maxCount {
			return &authz.Error{
				Kind: authz.KindUnavailable, Label: "volume_unreadable", Public: "Weir could not count this request",
				Err: fmt.Errorf("%d %s: want 0 to 2^53", n, authz.Units()[i]),
			}
		}
	}
	return nil
}

// Reserve charges r.Volume to every key if no limit is passed by it, else nothing. A known ID returns what is charged already.
func (m *Memory) Reserve(_ context.Context, r authz.Reservation) (authz.Quota, error) {
	t := m.lock(r.Tenant)
	defer t.mu.Unlock()
	if c := t.open[r.ID]; c != nil {
		return authz.Quota{Granted: c.total}, nil
	}
	if have, ok := t.closedAt(r.ID); ok {
		return authz.Quota{Granted: have}, nil
	}
	var room [maxMeters]*meter
	meters := m.meters(t, r.Keys, room[:0])
	_, over, err := m.fit(t, &r, meters, authz.Volume{})
	if err != nil || len(over) > 0 {
		return authz.Quota{Over: over}, err
	}
	if err := m.commit(t, nil, &change{id: r.ID, keys: r.Keys, more: r.Volume}, meters); err != nil {
		return authz.Quota{}, err
	}
	return authz.Quota{Granted: r.Volume}, nil
}

// Raise charges what r.Volume, the new total, adds to what is charged, as far as the limits permit. A claim that is not known (this
// process was restarted) is charged as new: a restart never gives volume away.
func (m *Memory) Raise(_ context.Context, r authz.Reservation) (authz.Quota, error) {
	t := m.lock(r.Tenant)
	defer t.mu.Unlock()
	c := t.open[r.ID]
	have, closed := t.charged(c, r.ID)
	if closed {
		return authz.Quota{Granted: have}, nil
	}
	var room [maxMeters]*meter
	meters := m.meters(t, r.Keys, room[:0])
	grant, over, err := m.fit(t, &r, meters, have)
	if err != nil {
		return authz.Quota{}, err
	}
	if err := m.commit(t, c, &change{id: r.ID, keys: r.Keys, more: grant}, meters); err != nil {
		return authz.Quota{}, err
	}
	return authz.Quota{Granted: have.Add(grant), Over: over}, nil
}

// charged returns what is charged for a claim, c where it is open, and whether it is closed.
func (t *tenant) charged(c *claim, id string) (authz.Volume, bool) {
	if c != nil {
		return c.total, false
	}
	return t.closedAt(id)
}

// Settle makes r.Volume the final total, more or less than what is charged, and closes the claim. A claim that is not known is charged.
func (m *Memory) Settle(_ context.Context, r authz.Reservation) error {
	if err := readable(r.Volume); err != nil {
		return err
	}
	t := m.lock(r.Tenant)
	defer t.mu.Unlock()
	c := t.open[r.ID]
	have, closed := t.charged(c, r.ID)
	if closed {
		return nil
	}
	ch := change{id: r.ID, keys: r.Keys, closes: true}
	for u := range have {
		ch.more[u], ch.less[u] = max(0, r.Volume[u]-have[u]), max(0, have[u]-r.Volume[u])
	}
	var room [maxMeters]*meter
	return m.commit(t, c, &ch, m.meters(t, r.Keys, room[:0]))
}

// Cancel gives everything back and closes the claim. A claim that is not known stays unknown.
func (m *Memory) Cancel(_ context.Context, r authz.Reservation) error {
	t := m.lock(r.Tenant)
	defer t.mu.Unlock()
	c := t.open[r.ID]
	if c == nil {
		return nil
	}
	var room [maxMeters]*meter
	return m.commit(t, c, &change{id: r.ID, keys: r.Keys, less: c.total, closes: true}, m.meters(t, r.Keys, room[:0]))
}

// Usage returns what the keys' windows count now.
func (m *Memory) Usage(_ context.Context, name string, keys []authz.MeterKey) (authz.Usage, error) {
	t := m.lock(name)
	defer t.mu.Unlock()
	var out authz.Usage
	for _, k := range keys {
		g := t.meters[k]
		if g == nil {
			continue
		}
		g.advance(t.tick)
		for w := range g.rings {
			for i, u := range authz.Units() {
				if n := g.used(&g.rings[w], i); n > 0 {
					out = append(out, authz.UsageCount{Key: k, Unit: u, Window: g.rings[w].window, Count: n})
				}
			}
		}
	}
	return out, nil
}

// maxMeters is how many meters a claim may have before finding them takes memory of its own.
const maxMeters = 12

// meters appends the meters of keys.
func (m *Memory) meters(t *tenant, keys []authz.MeterKey, to []*meter) []*meter {
	for i := range keys {
		to = append(to, m.meter(t, keys[i]))
	}
	return to
}

// window returns what a limit bounds: a window of one of the claim's meters, or of another one.
func (m *Memory) window(t *tenant, r *authz.Reservation, meters []*meter, l *authz.Limit) (*meter, *ring) {
	var g *meter
	for i := range r.Keys {
		if k := &r.Keys[i]; k.Meter == l.Meter && k.Key == l.Key {
			g = meters[i]
			break
		}
	}
	if g == nil {
		g = m.meter(t, authz.MeterKey{Meter: l.Meter, Key: l.Key})
	}
	for i := range g.rings {
		if g.rings[i].window == l.Window {
			return g, &g.rings[i]
		}
	}
	return g, nil
}

// fit returns how much more than have may be charged, and the limits in the way of the rest. meters are those of r.Keys.
func (m *Memory) fit(t *tenant, r *authz.Reservation, meters []*meter, have authz.Volume) (grant authz.Volume, over []authz.Exceeded, err error) {
	if err := readable(r.Volume); err != nil {
		return authz.Volume{}, nil, err
	}
	for u := range grant {
		grant[u] = max(0, r.Volume[u]-have[u])
	}
	for i := range r.Limits {
		l := &r.Limits[i]
		u := l.Unit.Index()
		if u < 0 {
			return authz.Volume{}, nil, unreadable(fmt.Errorf("unit %q", l.Unit))
		}
		g, w := m.window(t, r, meters, l)
		if w == nil {
			return authz.Volume{}, nil, unreadable(fmt.Errorf("window %v of meter %s is not kept (counters.windows, counters.meters)", l.Window, l.Meter))
		}
		want, used := r.Volume[u]-have[u], g.used(w, u)
		if want <= 0 || want <= l.Max-used { // neither is negative: no sum that could pass the largest number
			continue
		}
		grant[u] = min(grant[u], max(0, l.Max-used))
		e := authz.Exceeded{Limit: *l, Used: used}
		if want <= l.Max {
			e.RetryAfter = g.wait(w, t.now, u, used+want-l.Max)
		}
		over = append(over, e)
	}
	if len(over) > 1 {
		slices.SortStableFunc(over, authz.Exceeded.Worse)
	}
	return grant, over, nil
}

// change is one step of a claim, or the reset of meters, once it is decided.
type change struct {
	id         string
	keys       []authz.MeterKey
	more, less authz.Volume // charged to every key, or taken back from where it was charged
	closes     bool
	resets     bool // the keys count nothing any more; nothing else is set
}

// commit writes a change down, where the counters are kept on disk, and then makes it: of claim c, which is nil for a new one, and the meters
// of its keys.
func (m *Memory) commit(t *tenant, c *claim, ch *change, meters []*meter) error {
	if m.journal != nil {
		if err := m.journal.append(t, ch); err != nil {
			return err
		}
	}
	t.apply(c, ch, meters)
	return nil
}

// apply makes a change.
func (t *tenant) apply(c *claim, ch *change, meters []*meter) {
	if ch.resets {
		for _, k := range ch.keys {
			delete(t.meters, k)
		}
		return
	}
	if c == nil {
		if c = t.free; c == nil {
			c = &claim{}
		}
		t.free, c.next = c.next, nil
		t.open[ch.id] = c
	}
	c.touched = t.now
	if ch.more != (authz.Volume{}) {
		c.add(t.tick, ch.more)
		for _, g := range meters {
			g.pending = g.pending.Add(ch.more)
		}
	}
	if ch.less != (authz.Volume{}) {
		c.take(ch.less, func(tick int64, v authz.Volume) {
			for _, g := range meters {
				g.remove(tick, v)
			}
		})
	}
	if ch.closes {
		delete(t.open, ch.id)
		t.closed[ch.id] = c.total
		*c = claim{next: t.free}
		t.free = c
	}
}
