package window

import (
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
	Windows []authz.Window // kept for every meter key; default Defaults()
	// Meters names the meters that keep other windows than these.
	Meters map[authz.Meter][]authz.Window
	Now    func() time.Time // default time.Now
	// MaxReservation is how long a claim that nobody settles is remembered; what it charged ages out of its windows by itself.
	// Default 48 h.
	MaxReservation time.Duration
	// Snapshot is a file in which the counters are kept: Run writes it every ten seconds and when it ends, every change goes to a journal
	// beside it before it counts, and NewMemory reads both. Default: none.
	Snapshot string
	Log      *slog.Logger // default slog.Default()
}

// Memory keeps the windows in memory. It is safe for concurrent use; the claims of one tenant are decided one after the other, which makes
// a claim over several keys all or nothing.
type Memory struct {
	cfg     Config
	tick    int64    // ns
	journal *journal // nil without a snapshot

	mu      sync.RWMutex // guards tenants, not what they hold
	tenants map[string]*tenant
}

// tenant is one tenant's meters. mu guards all of it.
type tenant struct {
	name string

	mu     sync.Mutex
	now    int64  // ns since 1970, as the clock says
	tick   int64  // when the latest tick that was seen began: this never runs back
	seq    uint64 // changes so far, where they are journalled
	meters map[authz.MeterKey]*meter
	open   map[string]*claim
	// closed and before are what claims came to that were closed since the last turn, and between it and the one before: repeating their
	// calls changes nothing.
	closed, before map[string]authz.Volume
	free           *claim
}

func newTenant(name string) *tenant {
	return &tenant{name: name, meters: map[authz.MeterKey]*meter{}, open: map[string]*claim{}, closed: map[string]authz.Volume{}}
}

// closedAt returns what a claim came to that was closed lately.
func (t *tenant) closedAt(id string) (authz.Volume, bool) {
	v, ok := t.closed[id]
	if !ok && len(t.before) > 0 {
		v, ok = t.before[id]
	}
	return v, ok
}

// turn forgets the claims that were closed before the last turn.
func (t *tenant) turn() {
	t.before, t.closed = t.closed, make(map[string]authz.Volume, len(t.closed))
}

// NewMemory returns a store that is empty, or holds what its snapshot and journal do.
func NewMemory(cfg Config) (*Memory, error) {
	if len(cfg.Windows) == 0 {
		cfg.Windows = Defaults()
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
	all := slices.Clone(cfg.Windows)
	for _, windows := range cfg.Meters {
		all = append(all, windows...)
	}
	for _, w := range all {
		if Width(w) <= 0 {
			return nil, fmt.Errorf("window %v: too short", w)
		}
	}
	m.tick = Tick(all)
	if cfg.Snapshot == "" {
		return m, nil
	}
	if err := m.open(); err != nil {
		return nil, fmt.Errorf("snapshot %s: %w", cfg.Snapshot, err)
	}
	return m, nil
}

// windows returns the windows that a meter keeps.
func (m *Memory) windows(of authz.Meter) []authz.Window {
	if w, ok := m.cfg.Meters[of]; ok {
		return w
	}
	return m.cfg.Windows
}

// lock returns the tenant, locked, with its clock at now.
func (m *Memory) lock(name string) *tenant {
	m.mu.RLock()
	t := m.tenants[name]
	m.mu.RUnlock()
	if t == nil {
		m.mu.Lock()
		if t = m.tenants[name]; t == nil {
			t = newTenant(name)
			m.tenants[name] = t
		}
		m.mu.Unlock()
	}
	t.mu.Lock()
	m.setClock(t, m.cfg.Now().UnixNano())
	if len(t.closed) >= maxClosed {
		t.turn()
	}
	return t
}

// setClock moves a tenant to a time. Where the clock was set back, nothing leaves a window until it has caught up.
func (m *Memory) setClock(t *tenant, now int64) {
	t.now, t.tick = now, max(t.tick, now-now%m.tick)
}

// meter returns what is counted for a key, moved to now.
func (m *Memory) meter(t *tenant, k authz.MeterKey) *meter {
	g := t.meters[k]
	if g == nil {
		windows := m.windows(k.Meter)
		g = &meter{tick: t.tick, rings: make([]ring, len(windows))}
		for i, w := range windows {
			g.rings[i] = newRing(w)
		}
		t.meters[k] = g
	}
	g.advance(t.tick)
	return g
}

// Reset makes the keys count nothing. What claims that are open now give back later is not taken off again.
func (m *Memory) Reset(_ context.Context, name string, keys []authz.MeterKey) error {
	t := m.lock(name)
	defer t.mu.Unlock()
	return m.commit(t, nil, &change{keys: keys, resets: true}, nil)
}

// Ready says whether the counters can be written down, where they are to be.
func (m *Memory) Ready(context.Context) error { return m.Healthy() }

// Healthy says whether the counters can be written down, where they are to be. It does not block.
func (m *Memory) Healthy() error {
	if m.journal == nil {
		return nil
	}
	return m.journal.healthy()
}

// Close gives the files back, where there are any.
func (m *Memory) Close() error {
	if m.journal == nil {
		return nil
	}
	return m.journal.close()
}

const (
	sweepEvery = time.Minute
	// A closed claim is remembered until Run has swept twice, or so many more were closed, so that repeating its calls changes nothing.
	maxClosed = 1 << 16
)

// Run forgets claims and meters that count nothing any more, and keeps snapshot and journal, until ctx ends.
func (m *Memory) Run(ctx context.Context) error {
	sweep, save, sync := time.NewTicker(sweepEvery), time.NewTicker(snapshotEvery), time.NewTicker(syncEvery)
	defer sweep.Stop()
	defer save.Stop()
	defer sync.Stop()
	for {
		select {
		case <-sweep.C:
			m.Sweep()
			continue
		case <-sync.C:
			m.sync()
			continue
		case <-save.C:
		case <-ctx.Done():
		}
		if m.cfg.Snapshot != "" {
			if err := m.save(); err != nil {
				m.cfg.Log.Error("the counters' snapshot was not written; their journal goes on", "file", m.cfg.Snapshot, "cause", err)
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
		t.turn()
		for id, c := range t.open {
			if time.Duration(t.now-c.touched) > m.cfg.MaxReservation {
				delete(t.open, id)
			}
		}
		for k, g := range t.meters {
			if g.advance(t.tick); g.empty() {
				delete(t.meters, k)
			}
		}
		t.mu.Unlock()
	}
}
