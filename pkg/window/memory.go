package window

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

// Config configures a Memory. The zero value is usable.
type Config struct {
	Windows []authz.Window   // kept for every meter key; default Defaults()
	Now     func() time.Time // default time.Now
	// MaxReservation is how long a claim that nobody settles is remembered; what it charged ages out of its windows by itself.
	// Default 48 h.
	MaxReservation time.Duration
	// Snapshot is a file in which Run keeps the counters, every ten seconds and when it ends; NewMemory reads it. Default: none.
	Snapshot string
	Log      *slog.Logger // default slog.Default()
}

// Memory keeps the windows in memory. It is safe for concurrent use; the claims of one tenant are decided one after the other, which makes
// a claim over several keys all or nothing.
type Memory struct {
	cfg Config

	mu      sync.RWMutex // guards tenants, not what they hold
	tenants map[string]*tenant
}

// tenant is one tenant's meters. mu guards all of it.
type tenant struct {
	mu     sync.Mutex
	now    int64 // the latest time seen
	meters map[authz.MeterKey][]ring
	claims map[string]*reservation
}

// NewMemory returns a store that is empty, or holds what its snapshot does.
func NewMemory(cfg Config) (*Memory, error) {
	if len(cfg.Windows) == 0 {
		cfg.Windows = Defaults()
	}
	for _, w := range cfg.Windows {
		if Width(w) <= 0 {
			return nil, fmt.Errorf("window %v: too short", w)
		}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.MaxReservation <= 0 {
		cfg.MaxReservation = 48 * time.Hour
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	m := &Memory{cfg: cfg, tenants: map[string]*tenant{}}
	if cfg.Snapshot != "" {
		if err := m.load(); err != nil {
			return nil, fmt.Errorf("snapshot %s: %w", cfg.Snapshot, err)
		}
	}
	return m, nil
}

// lock returns the tenant, locked, with its clock at now.
func (m *Memory) lock(name string) *tenant {
	m.mu.RLock()
	t := m.tenants[name]
	m.mu.RUnlock()
	if t == nil {
		m.mu.Lock()
		if t = m.tenants[name]; t == nil {
			t = &tenant{meters: map[authz.MeterKey][]ring{}, claims: map[string]*reservation{}}
			m.tenants[name] = t
		}
		m.mu.Unlock()
	}
	t.mu.Lock()
	t.now = max(t.now, m.cfg.Now().UnixNano())
	return t
}

// rings returns a meter's windows, moved to now.
func (m *Memory) rings(t *tenant, k authz.MeterKey) []ring {
	rs, ok := t.meters[k]
	if !ok {
		rs = make([]ring, 0, len(m.cfg.Windows))
		for _, w := range m.cfg.Windows {
			rs = append(rs, newRing(w))
		}
		t.meters[k] = rs
	}
	for i := range rs {
		rs[i].advance(t.now)
	}
	return rs
}

// ring returns the window that a limit speaks of.
func (m *Memory) ring(t *tenant, l authz.Limit) (*ring, error) {
	if l.Unit.Index() < 0 {
		return nil, unreadable(fmt.Errorf("unit %q", l.Unit))
	}
	rs := m.rings(t, authz.MeterKey{Meter: l.Meter, Key: l.Key})
	for i := range rs {
		if rs[i].window == l.Window {
			return &rs[i], nil
		}
	}
	return nil, unreadable(fmt.Errorf("window %v is not kept (counters.windows)", l.Window))
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
	if c := t.claims[r.ID]; c != nil {
		return authz.Quota{Granted: c.total}, nil
	}
	_, over, err := m.fit(t, r, authz.Volume{})
	if err != nil || len(over) > 0 {
		return authz.Quota{Over: over}, err
	}
	m.charge(t, r, r.Volume)
	return authz.Quota{Granted: r.Volume}, nil
}

// Raise charges what r.Volume, the new total, adds to what is charged, as far as the limits permit. A claim that is not known (this
// process was restarted) is charged as new: a restart never gives volume away.
func (m *Memory) Raise(_ context.Context, r authz.Reservation) (authz.Quota, error) {
	t := m.lock(r.Tenant)
	defer t.mu.Unlock()
	var have authz.Volume
	if c := t.claims[r.ID]; c != nil {
		if have = c.total; c.closed {
			return authz.Quota{Granted: have}, nil
		}
	}
	grant, over, err := m.fit(t, r, have)
	if err != nil {
		return authz.Quota{}, err
	}
	m.charge(t, r, grant)
	return authz.Quota{Granted: have.Add(grant), Over: over}, nil
}

// fit returns how much more than have may be charged, and the limits in the way of the rest.
func (m *Memory) fit(t *tenant, r authz.Reservation, have authz.Volume) (grant authz.Volume, over []authz.Exceeded, err error) {
	if err := readable(r.Volume); err != nil {
		return authz.Volume{}, nil, err
	}
	for u := range grant {
		grant[u] = max(0, r.Volume[u]-have[u])
	}
	for _, l := range r.Limits {
		g, err := m.ring(t, l)
		if err != nil {
			return authz.Volume{}, nil, err
		}
		u := l.Unit.Index()
		want := r.Volume[u] - have[u]
		used := g.total[u]
		if want <= 0 || want <= l.Max-used { // neither is negative: no sum that could pass the largest number
			continue
		}
		grant[u] = min(grant[u], max(0, l.Max-used))
		over = append(over, authz.Exceeded{Limit: l, Used: used, RetryAfter: g.wait(t.now, u, used+want-l.Max)})
	}
	slices.SortStableFunc(over, func(a, b authz.Exceeded) int { return cmp.Compare(b.RetryAfter, a.RetryAfter) })
	return grant, over, nil
}

// charge books v to every key now, and remembers it with the claim.
func (m *Memory) charge(t *tenant, r authz.Reservation, v authz.Volume) {
	c := t.claims[r.ID]
	if c == nil {
		c = &reservation{}
		t.claims[r.ID] = c
	}
	c.touched = t.now
	if v == (authz.Volume{}) {
		return
	}
	c.add(t.now, v)
	for _, k := range r.Keys {
		rs := m.rings(t, k)
		for i := range rs {
			rs[i].add(v)
		}
	}
}

// uncharge takes v back from where it was charged.
func (m *Memory) uncharge(t *tenant, r authz.Reservation, c *reservation, v authz.Volume) {
	c.take(v, func(at int64, v authz.Volume) {
		for _, k := range r.Keys {
			rs := m.rings(t, k)
			for i := range rs {
				rs[i].remove(at, v)
			}
		}
	})
}

// Settle makes r.Volume the final total, more or less than what is charged, and closes the claim. A claim that is not known is charged.
func (m *Memory) Settle(_ context.Context, r authz.Reservation) error {
	if err := readable(r.Volume); err != nil {
		return err
	}
	t := m.lock(r.Tenant)
	defer t.mu.Unlock()
	c := t.claims[r.ID]
	if c != nil && c.closed {
		return nil
	}
	var more, less authz.Volume
	for u := range more {
		have := int64(0)
		if c != nil {
			have = c.total[u]
		}
		more[u], less[u] = max(0, r.Volume[u]-have), max(0, have-r.Volume[u])
	}
	m.charge(t, r, more)
	c = t.claims[r.ID]
	m.uncharge(t, r, c, less)
	c.closed, c.charges = true, nil
	return nil
}

// Cancel gives everything back and closes the claim.
func (m *Memory) Cancel(_ context.Context, r authz.Reservation) error {
	t := m.lock(r.Tenant)
	defer t.mu.Unlock()
	c := t.claims[r.ID]
	if c == nil || c.closed {
		return nil
	}
	m.uncharge(t, r, c, c.total)
	c.closed, c.charges, c.touched = true, nil, t.now
	return nil
}

// Usage returns what the keys' windows count now.
func (m *Memory) Usage(_ context.Context, name string, keys []authz.MeterKey) (authz.Usage, error) {
	t := m.lock(name)
	defer t.mu.Unlock()
	var out authz.Usage
	for _, k := range keys {
		if _, ok := t.meters[k]; !ok {
			continue
		}
		for _, g := range m.rings(t, k) {
			for i, u := range authz.Units() {
				if n := g.total[i]; n > 0 {
					out = append(out, authz.UsageCount{Key: k, Unit: u, Window: g.window, Count: n})
				}
			}
		}
	}
	return out, nil
}

// Ready returns nil: memory is always there.
func (*Memory) Ready(context.Context) error { return nil }

// Healthy returns nil: memory is always there.
func (*Memory) Healthy() error { return nil }

// Close does nothing: what is in memory needs no giving back.
func (*Memory) Close() error { return nil }

const (
	sweepEvery = time.Minute
	// keepClosed is how long a closed claim is remembered, so that repeating its calls changes nothing.
	keepClosed = 10 * time.Minute
)

// Run forgets claims and meters that count nothing any more, and keeps the snapshot, until ctx ends.
func (m *Memory) Run(ctx context.Context) error {
	sweep, save := time.NewTicker(sweepEvery), time.NewTicker(snapshotEvery)
	defer sweep.Stop()
	defer save.Stop()
	for {
		select {
		case <-sweep.C:
			m.Sweep()
			continue
		case <-save.C:
		case <-ctx.Done():
		}
		if m.cfg.Snapshot != "" {
			if err := m.save(); err != nil {
				m.cfg.Log.Error("the counters were not written to their snapshot: a restart forgets what was counted", "file", m.cfg.Snapshot, "cause", err)
			}
		}
		if ctx.Err() != nil {
			return nil
		}
	}
}

// names lists the tenants.
func (m *Memory) names() []string {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return slices.Collect(maps.Keys(m.tenants))
}

// Sweep forgets what counts nothing any more. Run calls it every minute.
func (m *Memory) Sweep() {
	for _, n := range m.names() {
		t := m.lock(n)
		for id, c := range t.claims {
			age := time.Duration(t.now - c.touched)
			if c.closed && age > keepClosed || age > m.cfg.MaxReservation {
				delete(t.claims, id)
			}
		}
		for k := range t.meters {
			empty := true
			for _, g := range m.rings(t, k) {
				empty = empty && g.total == authz.Volume{}
			}
			if empty {
				delete(t.meters, k)
			}
		}
		t.mu.Unlock()
	}
}
