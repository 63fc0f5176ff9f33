package window

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

// snapshotVersion is the version of the file; another one is refused.
const snapshotVersion = 2

// snapshot is what a Memory holds, as a file. Closed claims are left out: nobody asks about them after a restart.
type snapshot struct {
	Version int                       `json:"version"`
	Journal uint64                    `json:"journal"` // the first file of the journal that holds changes since
	Tick    int64                     `json:"tick"`    // ns
	Tenants map[string]snapshotTenant `json:"tenants"`
}

type snapshotTenant struct {
	Now    int64                    `json:"now"` // ns since 1970: when the latest tick began
	Seq    uint64                   `json:"seq"` // the last change that is in here
	Meters []snapshotMeter          `json:"meters,omitempty"`
	Claims map[string]snapshotClaim `json:"claims,omitempty"`
}

type snapshotMeter struct {
	Key     authz.MeterKey `json:"key"`
	Tick    int64          `json:"tick"`
	Pending authz.Volume   `json:"pending"`
	Windows []snapshotRing `json:"windows,omitempty"`
}

type snapshotRing struct {
	Window int64          `json:"window"` // ns
	Slots  []snapshotSlot `json:"slots"`
}

type snapshotSlot struct {
	At     int64        `json:"at"`
	Volume authz.Volume `json:"volume"`
}

type snapshotClaim struct {
	Charges []snapshotSlot `json:"charges,omitempty"` // at: when the tick began, ns
	Total   authz.Volume   `json:"total"`
	Touched int64          `json:"touched"`
}

// snapshotEvery is how often the snapshot is written: so much of the journal is read again at a start.
const snapshotEvery = 10 * time.Second

// save writes everything to the snapshot file, in place of the last one only when it is whole and on disk, and begins a new file of the
// journal. What is in older ones is then in the snapshot.
func (m *Memory) save() error {
	first, err := m.journal.turn()
	if err != nil {
		return err
	}
	b, err := json.Marshal(m.snapshot(first))
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(m.cfg.Snapshot), ".snapshot-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone already after the rename
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err2 := f.Close(); err == nil {
		err = err2
	}
	if err == nil {
		err = os.Rename(f.Name(), m.cfg.Snapshot)
	}
	if err == nil {
		err = syncDir(filepath.Dir(m.cfg.Snapshot))
	}
	if err == nil {
		err = m.journal.drop(first)
	}
	return err
}

// syncDir makes what became of a directory's files durable.
func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	err = d.Sync()
	if err2 := d.Close(); err == nil {
		err = err2
	}
	return err
}

// snapshot takes what there is now. first is the file of the journal that was begun before.
func (m *Memory) snapshot(first uint64) snapshot {
	out := snapshot{Version: snapshotVersion, Journal: first, Tick: m.tick, Tenants: map[string]snapshotTenant{}}
	for _, name := range m.names() {
		t := m.lock(name)
		st := snapshotTenant{Now: t.tick, Seq: t.seq, Claims: map[string]snapshotClaim{}}
		for k, g := range t.meters {
			if g.advance(t.tick); !g.empty() {
				st.Meters = append(st.Meters, g.snapshot(k))
			}
		}
		for id, c := range t.open {
			sc := snapshotClaim{Total: c.total, Touched: c.touched}
			for _, ch := range c.charges {
				sc.Charges = append(sc.Charges, snapshotSlot{ch.tick, ch.vol})
			}
			st.Claims[id] = sc
		}
		t.mu.Unlock()
		out.Tenants[name] = st
	}
	return out
}

func (m *meter) snapshot(k authz.MeterKey) snapshotMeter {
	out := snapshotMeter{Key: k, Tick: m.tick, Pending: m.pending}
	for _, r := range m.rings {
		if len(r.slots) == 0 {
			continue
		}
		sr := snapshotRing{Window: int64(r.window)}
		for _, s := range r.slots {
			sr.Slots = append(sr.Slots, snapshotSlot{s.at, s.vol})
		}
		out.Windows = append(out.Windows, sr)
	}
	return out
}

// load reads the snapshot file, and returns the first file of the journal to read after it; that there is none is no error. A window
// that is not kept any more is dropped, a new one starts at zero.
func (m *Memory) load() (first uint64, err error) {
	b, err := os.ReadFile(m.cfg.Snapshot)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	var s snapshot
	if err := json.Unmarshal(b, &s); err != nil {
		return 0, fmt.Errorf("%w: move it away to start with counters at zero", err)
	}
	if s.Version != snapshotVersion {
		return 0, fmt.Errorf("version %d, want %d: move it away to start with counters at zero", s.Version, snapshotVersion)
	}
	for name, st := range s.Tenants {
		t := newTenant(name)
		t.seq = st.Seq
		m.setClock(t, st.Now)
		for _, sm := range st.Meters {
			t.meters[sm.Key] = m.restored(t, sm, s.Tick)
		}
		for id, sc := range st.Claims {
			c := &claim{total: sc.Total, touched: sc.Touched}
			for _, ch := range sc.Charges {
				c.charges = append(c.charges, charge{ch.At, ch.Volume})
			}
			t.open[id] = c
		}
		m.tenants[name] = t
	}
	return s.Journal, nil
}

// restored makes a meter of what a snapshot says of it. Where ticks were of another length, what was pending counts from now on: later
// than it was charged, never earlier.
func (m *Memory) restored(t *tenant, sm snapshotMeter, tick int64) *meter {
	g := &meter{tick: sm.Tick, pending: sm.Pending}
	if tick != m.tick {
		g.tick = t.tick
	}
	for _, w := range m.windows(sm.Key.Meter) {
		r := newRing(w)
		i := slices.IndexFunc(sm.Windows, func(sr snapshotRing) bool { return sr.Window == int64(w) })
		if i >= 0 {
			for _, s := range sm.Windows[i].Slots {
				r.slots = append(r.slots, slot{s.At, s.Volume})
				r.total = r.total.Add(s.Volume)
			}
		}
		g.rings = append(g.rings, r)
	}
	return g
}
