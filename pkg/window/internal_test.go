package window

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

// TestUnwritable: what cannot be written down is not admitted, and counts once it can.
func TestUnwritable(t *testing.T) {
	m, err := NewMemory(Config{Snapshot: filepath.Join(t.TempDir(), "counters")})
	if err != nil {
		t.Fatal(err)
	}
	good := m.journal.file
	if m.journal.file, err = os.Open(os.DevNull); err != nil { // for reading only
		t.Fatal(err)
	}
	r := authz.Reservation{ID: "a", Tenant: "t", Keys: []authz.MeterKey{{Meter: authz.MeterSubject, Key: "ada"}}, Volume: authz.Volume{1}}
	q, err := m.Reserve(t.Context(), r)
	var e *authz.Error
	if !errors.As(err, &e) || e.Kind != authz.KindUnavailable || q.Granted != (authz.Volume{}) || m.Healthy() == nil {
		t.Fatalf("reserve without a journal: %+v, %v, healthy: %v", q, err, m.Healthy())
	}
	if u, _ := m.Usage(t.Context(), "t", r.Keys); len(u) != 0 {
		t.Errorf("%v is counted of what was refused", u)
	}
	m.journal.file = good
	if _, err := m.Reserve(t.Context(), r); err != nil || m.Healthy() != nil {
		t.Errorf("reserve: %v, healthy: %v", err, m.Healthy())
	}
	// A sync that fails leaves unknown what is on disk: until a snapshot is written, nothing is admitted.
	if err := m.journal.file.Close(); err != nil {
		t.Fatal(err)
	}
	m.sync()
	r.ID = "b"
	if _, err := m.Reserve(t.Context(), r); err == nil {
		t.Error("admitted after a sync failed")
	}
	_ = m.save() // the file before cannot be synced either
	if err := m.save(); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Reserve(t.Context(), r); err != nil {
		t.Error(err)
	}
}

// FuzzReplay: whatever a journal holds, reading it ends, and what it makes is sound.
func FuzzReplay(f *testing.F) {
	dir := f.TempDir()
	m, err := NewMemory(Config{Snapshot: filepath.Join(dir, "counters")})
	if err != nil {
		f.Fatal(err)
	}
	r := authz.Reservation{ID: "a", Tenant: "t", Keys: []authz.MeterKey{{Meter: authz.MeterSubject, Key: "ada"}}, Volume: authz.Volume{3}}
	if _, err := m.Reserve(f.Context(), r); err != nil {
		f.Fatal(err)
	}
	r.Volume = authz.Volume{1}
	if err := m.Settle(f.Context(), r); err != nil {
		f.Fatal(err)
	}
	b, err := os.ReadFile(m.journal.path(1))
	if err != nil {
		f.Fatal(err)
	}
	for len(b) > 0 {
		body, rest, err := nextRecord(b)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
		b = rest
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := NewMemory(Config{Now: func() time.Time { return time.Unix(1_700_000_000, 0) }, Log: slog.New(slog.DiscardHandler)})
		if err != nil || len(body) == 0 {
			return
		}
		d := decoder{m: m, tenants: []*tenant{newTenant("t")}, keys: []authz.MeterKey{{Meter: authz.MeterSubject, Key: "ada"}}}
		_ = d.record(body)
		for _, g := range d.tenants[0].meters {
			for u, n := range g.pending {
				if n < 0 {
					t.Errorf("%d pending of unit %d", n, u)
				}
			}
		}
	})
}
