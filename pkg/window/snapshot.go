package window

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

// snapshotVersion is the version of the file; another one is refused.
const snapshotVersion = 1

// snapshot is what a Memory holds, as a file.
type snapshot struct {
	Version int                       `json:"version"`
	Tenants map[string]snapshotTenant `json:"tenants"`
}

type snapshotTenant struct {
	Now    int64                    `json:"now"` // ns since 1970
	Meters []snapshotRing           `json:"meters,omitempty"`
	Claims map[string]snapshotClaim `json:"claims,omitempty"`
}

type snapshotRing struct {
	Key    authz.MeterKey `json:"key"`
	Window int64          `json:"window"` // ns
	Last   int64          `json:"last"`
	Slots  []authz.Volume `json:"slots"`
}

type snapshotClaim struct {
	Charges []snapshotCharge `json:"charges,omitempty"`
	Total   authz.Volume     `json:"total"`
	Closed  bool             `json:"closed,omitempty"`
	Touched int64            `json:"touched"`
}

type snapshotCharge struct {
	At     int64        `json:"at"`
	Volume authz.Volume `json:"volume"`
}

// save writes everything to the snapshot file, in place of the last one only when it is whole and on disk.
func (m *Memory) save() error {
	b, err := json.Marshal(m.snapshot())
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
	return err
}

func (m *Memory) snapshot() snapshot {
	out := snapshot{Version: snapshotVersion, Tenants: map[string]snapshotTenant{}}
	for _, name := range m.names() {
		t := m.lock(name)
		st := snapshotTenant{Now: t.now, Claims: make(map[string]snapshotClaim, len(t.claims))}
		for k := range t.meters {
			for _, g := range m.rings(t, k) {
				if g.total != (authz.Volume{}) {
					st.Meters = append(st.Meters, snapshotRing{Key: k, Window: int64(g.window), Last: g.last, Slots: append([]authz.Volume(nil), g.slots...)})
				}
			}
		}
		for id, c := range t.claims {
			sc := snapshotClaim{Total: c.total, Closed: c.closed, Touched: c.touched}
			for _, ch := range c.charges {
				sc.Charges = append(sc.Charges, snapshotCharge{ch.at, ch.vol})
			}
			st.Claims[id] = sc
		}
		t.mu.Unlock()
		out.Tenants[name] = st
	}
	return out
}

// load reads the snapshot file; that there is none is no error. A window that is not kept any more is dropped, a new one starts at zero.
func (m *Memory) load() error {
	b, err := os.ReadFile(m.cfg.Snapshot)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var s snapshot
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("%w: move it away to start with counters at zero", err)
	}
	if s.Version != snapshotVersion {
		return fmt.Errorf("version %d, want %d: move it away to start with counters at zero", s.Version, snapshotVersion)
	}
	for name, st := range s.Tenants {
		t := m.lock(name)
		t.now = max(t.now, st.Now)
		for _, sr := range st.Meters {
			m.restore(t, sr)
		}
		for id, sc := range st.Claims {
			c := &reservation{total: sc.Total, closed: sc.Closed, touched: sc.Touched}
			for _, ch := range sc.Charges {
				c.charges = append(c.charges, charge{ch.At, ch.Volume})
			}
			t.claims[id] = c
		}
		t.mu.Unlock()
	}
	return nil
}

func (m *Memory) restore(t *tenant, sr snapshotRing) {
	if _, ok := t.meters[sr.Key]; !ok {
		rs := make([]ring, 0, len(m.cfg.Windows))
		for _, w := range m.cfg.Windows {
			rs = append(rs, newRing(w))
		}
		t.meters[sr.Key] = rs
	}
	rs := t.meters[sr.Key]
	for i := range rs {
		if int64(rs[i].window) != sr.Window || len(rs[i].slots) != len(sr.Slots) {
			continue
		}
		rs[i].last = sr.Last
		copy(rs[i].slots, sr.Slots)
		rs[i].total = authz.Volume{}
		for _, v := range sr.Slots {
			rs[i].total = rs[i].total.Add(v)
		}
	}
}

// snapshotEvery is how often the snapshot is written: what was counted since is lost where the process is killed.
const snapshotEvery = 10 * time.Second
