package window

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

// Past adds up what was charged, and when, as a journal tells it: the slots that a store would hold had it lost nothing. It is not safe for
// concurrent use.
type Past struct {
	windows []authz.Window
	meters  map[authz.Meter][]authz.Window
	now     int64
	sums    map[string]map[authz.MeterKey]map[pastSlot]authz.Volume // by tenant
}

type pastSlot struct {
	window authz.Window
	at     int64
}

// PastMeter is what is known of one meter key.
type PastMeter struct {
	Key   authz.MeterKey
	Slots []PastSlot // by window and time
}

// PastSlot is what one slot of a window has counted.
type PastSlot struct {
	Window authz.Window
	At     int64 // number of the slot: time divided by Width
	Volume authz.Volume
}

// NewPast returns a Past that knows of nothing, for stores that keep these windows.
func NewPast(windows []authz.Window, meters map[authz.Meter][]authz.Window, now time.Time) *Past {
	if len(windows) == 0 {
		windows = Defaults()
	}
	return &Past{windows: windows, meters: meters, now: now.UnixNano(), sums: map[string]map[authz.MeterKey]map[pastSlot]authz.Volume{}}
}

// Since is the time before which nothing counts any more.
func (p *Past) Since() time.Time {
	longest := int64(0)
	for _, w := range slices.Concat(append(slices.Collect(maps.Values(p.meters)), p.windows)...) {
		longest = max(longest, (Slots(w)+1)*Width(w))
	}
	return time.Unix(0, p.now-longest)
}

// Add counts v for the keys. A time to come is taken as now.
func (p *Past) Add(tenant string, keys []authz.MeterKey, at time.Time, v authz.Volume) {
	if v == (authz.Volume{}) || readable(v) != nil {
		return
	}
	t := p.sums[tenant]
	if t == nil {
		t = map[authz.MeterKey]map[pastSlot]authz.Volume{}
		p.sums[tenant] = t
	}
	when := min(at.UnixNano(), p.now)
	for _, k := range keys {
		windows, ok := p.meters[k.Meter]
		if !ok {
			windows = p.windows
		}
		for _, w := range windows {
			s := pastSlot{w, when / Width(w)}
			if s.at < p.now/Width(w)-Slots(w) {
				continue
			}
			if t[k] == nil {
				t[k] = map[pastSlot]authz.Volume{}
			}
			t[k][s] = t[k][s].Add(v)
		}
	}
}

// Tenants lists the tenants that something counts for.
func (p *Past) Tenants() []string { return slices.Sorted(maps.Keys(p.sums)) }

// Meters lists what counts for a tenant, in a fixed order.
func (p *Past) Meters(tenant string) []PastMeter {
	var out []PastMeter
	for k, slots := range p.sums[tenant] {
		m := PastMeter{Key: k}
		for s, v := range slots {
			m.Slots = append(m.Slots, PastSlot{s.window, s.at, v})
		}
		slices.SortFunc(m.Slots, func(a, b PastSlot) int { return cmp.Or(cmp.Compare(a.Window, b.Window), cmp.Compare(a.At, b.At)) })
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b PastMeter) int {
		return cmp.Or(cmp.Compare(a.Key.Meter, b.Key.Meter), cmp.Compare(a.Key.Key, b.Key.Key))
	})
	return out
}

// Restore makes every slot count no less than the past says. It never makes one count less, and does nothing when it is repeated. What is
// kept on disk is written at once.
func (m *Memory) Restore(_ context.Context, tenant string, past []PastMeter) error {
	t := m.lock(tenant)
	for _, pm := range past {
		g := m.meter(t, pm.Key)
		for _, s := range pm.Slots {
			for i := range g.rings {
				if g.rings[i].window == s.Window {
					g.rings[i].atLeast(s.At, s.Volume)
				}
			}
		}
		for i := range g.rings {
			g.rings[i].advance(t.tick)
		}
	}
	t.mu.Unlock()
	if m.journal == nil {
		return nil
	}
	return m.save()
}

// atLeast makes a slot count v at least.
func (r *ring) atLeast(at int64, v authz.Volume) {
	i, found := slices.BinarySearchFunc(r.slots, at, func(s slot, at int64) int { return cmp.Compare(s.at, at) })
	if !found {
		r.slots = slices.Insert(r.slots, i, slot{at: at})
	}
	r.slots[i].vol = r.slots[i].vol.Max(v)
	r.total = authz.Volume{}
	for _, s := range r.slots {
		r.total = r.total.Add(s.vol)
	}
}

// ReadMemory returns the counters that a process keeps in cfg.Snapshot, as they are now, and changes nothing: the process may be running.
func ReadMemory(cfg Config) (*Memory, error) {
	const tries = 5 // the process may replace the files while they are read
	name := cfg.Snapshot
	cfg.Snapshot = ""
	var err error
	for range tries {
		var m *Memory
		if m, err = NewMemory(cfg); err != nil {
			return nil, err
		}
		m.cfg.Snapshot = name
		m.journal = &journal{base: name}
		if err = m.read(); err == nil {
			m.journal = nil
			return m, nil
		}
	}
	return nil, err
}
