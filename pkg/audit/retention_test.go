package audit_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirgate/weir/pkg/audit"
)

// big is a decision record of about 600 KiB: three of them fill a segment of 2 MiB.
func big() []byte { return make([]byte, 100<<10) }

func TestRetention(t *testing.T) {
	for _, drop := range []bool{false, true} {
		dir := t.TempDir()
		j, _ := open(t, audit.Config{Dir: dir, SegmentBytes: 2 << 20, MaxBytes: 4 << 20, DropUnshipped: drop, Log: quiet})
		rec := decision("x")
		rec.Path = string(big())
		var got error
		for range 12 {
			receipt, err := j.Append(rec)
			if err == nil {
				err = receipt.Wait(t.Context())
			}
			if got = err; err != nil {
				break
			}
		}
		if stats := j.Stats(); stats.Bytes > 4<<20 {
			t.Errorf("drop %v: %d bytes", drop, stats.Bytes)
		}
		if drop {
			if got != nil {
				t.Error("although the oldest may go:", got)
			}
			continue
		}
		if label(got) != "journal_full" || j.Err() != nil {
			t.Fatalf("nothing may go: got %v, Err %v", got, j.Err())
		}
		// Shipping makes room, and the journal goes on by itself.
		s, err := audit.NewShipper(audit.ShipperConfig{Journal: j, Sink: &sink{}, Name: "otlp", Log: quiet})
		if err != nil {
			t.Fatal(err)
		}
		if label(j.Ready()) != "journal_full" || !j.Stats().Failed {
			t.Errorf("full: Ready %v, stats %+v", j.Ready(), j.Stats())
		}
		if err := s.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for end := time.Now().Add(10 * time.Second); j.Ready() != nil || j.Stats().Failed; <-tick.C {
			if time.Now().After(end) {
				t.Fatalf("there is room, and nobody asks: Ready %v", j.Ready())
			}
		}
		write(t, j, rec)
		if _, err := os.Stat(filepath.Join(dir, firstSegment)); !errors.Is(err, os.ErrNotExist) {
			t.Error("the oldest segment is still there:", err)
		}
		if report, err := audit.Verify(dir); err != nil || report.First == 1 {
			t.Errorf("%+v, %v", report, err)
		}
	}
}

// TestKeep: what is younger than Keep stays, over a restart too, whatever comes behind it; what is older makes room.
func TestKeep(t *testing.T) {
	now := time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)
	cfg := audit.Config{Dir: t.TempDir(), SegmentBytes: 2 << 20, MaxBytes: 4 << 20, DropUnshipped: true, Keep: time.Hour, Log: quiet, Now: func() time.Time { return now }}
	rec := decision("x")
	rec.Path = string(big())
	fill := func(j *audit.Journal) error {
		for range 12 {
			receipt, err := j.Append(rec)
			if err == nil {
				err = receipt.Wait(t.Context())
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	j, stop := open(t, cfg)
	if err := fill(j); label(err) != "journal_full" {
		t.Fatalf("an hour has not passed: %v, want journal_full", err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	now = now.Add(59 * time.Minute)
	j, _ = open(t, cfg)
	if err := fill(j); label(err) != "journal_full" {
		t.Fatalf("after a restart: %v, want journal_full", err)
	}
	if report, err := audit.Verify(cfg.Dir); err != nil || report.First != 1 {
		t.Errorf("%+v, %v; want the first record still there", report, err)
	}
	now = now.Add(time.Minute)
	write(t, j, rec)
	if report, err := audit.Verify(cfg.Dir); err != nil || report.First == 1 {
		t.Errorf("%+v, %v; want room made", report, err)
	}
}

// sink takes records, or refuses while err is set.
type sink struct {
	mu   sync.Mutex
	err  error
	got  []audit.Entry
	seen int // Export calls
}

func (s *sink) Export(_ context.Context, entries []audit.Entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen++
	if s.err != nil {
		return s.err
	}
	s.got = append(s.got, entries...)
	return nil
}

func (s *sink) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *sink) state() (n, seen int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.got), s.seen
}

// checkOrder checks that the sink has records 1 to n, once and in order.
func (s *sink) checkOrder(t *testing.T, n int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.got) != n {
		t.Errorf("%d records were shipped, want %d", len(s.got), n)
	}
	for i, e := range s.got {
		if e.Seq != uint64(i+1) {
			t.Fatalf("place %d has record %d", i, e.Seq)
		}
	}
}

// TestShipperOutlastsItsSink: while the sink is away nothing is lost and nothing is hammered; afterwards everything arrives, once.
func TestShipperOutlastsItsSink(t *testing.T) {
	dir := t.TempDir()
	j, stop := open(t, audit.Config{Dir: dir, SegmentBytes: 2 << 20, Log: quiet})
	for i := range 3000 { // more than one segment
		if _, err := j.Append(decision(id(i))); err != nil {
			t.Fatal(err)
		}
	}
	write(t, j, decision(id(3000)))
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		j, err := audit.Open(audit.Config{Dir: dir, SegmentBytes: 2 << 20, Log: quiet})
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		out := &sink{err: errors.New("connection refused")}
		s, err := audit.NewShipper(audit.ShipperConfig{Journal: j, Sink: out, Name: "otlp", Log: quiet, Now: func() time.Time { return start.Add(24 * time.Hour) }})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		sleep(24 * time.Hour)
		if n, seen := out.state(); n != 0 || seen < 24*60 || seen > 24*60*5 {
			t.Errorf("after a day: %d records, %d attempts", n, seen)
		}
		if st := s.Stats(); st.Shipped != 0 || st.Lag != 3001 || st.OldestUnshipped.Hours() < 23 || st.LastError == "" || st.Failures == 0 {
			t.Errorf("while the sink is away: %+v", st)
		}
		out.fail(nil)
		sleep(time.Minute)
		out.checkOrder(t, 3001)
		if st := s.Stats(); st.Shipped != 3001 || st.Lag != 0 || st.OldestUnshipped != 0 || st.LastError != "" || st.Skipped != 0 {
			t.Errorf("afterwards: %+v", st)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// sleep lets the bubble's clock go on.
func sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// TestShipperLive ships while records are written, is stopped, and goes on where it was.
func TestShipperLive(t *testing.T) {
	dir, out := t.TempDir(), &sink{}
	n := 0
	for round := range 3 {
		j, stop := open(t, audit.Config{Dir: dir, SegmentBytes: 2 << 20, Log: quiet})
		s, err := audit.NewShipper(audit.ShipperConfig{Journal: j, Sink: out, Name: "otlp", Interval: time.Millisecond, Batch: 100, Log: quiet})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := audit.NewShipper(audit.ShipperConfig{Journal: j, Sink: out, Name: "otlp", Log: quiet}); err == nil {
			t.Error("two shippers with one cursor")
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		for range 700 {
			write(t, j, decision(id(n)))
			n++
		}
		cancel()
		if err := errors.Join(<-done, stop()); err != nil {
			t.Fatal(err)
		}
		if round < 2 { // the last round is stopped without draining
			if err := s.Drain(t.Context()); err != nil {
				t.Fatal(err)
			}
			out.checkOrder(t, n)
		}
	}
	j, _ := open(t, audit.Config{Dir: dir, SegmentBytes: 2 << 20, Log: quiet})
	s, err := audit.NewShipper(audit.ShipperConfig{Journal: j, Sink: out, Name: "otlp", Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	out.checkOrder(t, n)
}

// TestShipperCursor: a cursor that belongs to another journal is not believed; one that is no JSON is an error.
func TestShipperCursor(t *testing.T) {
	for text, wantErr := range map[string]bool{`{"seq":2,"hash":"00"}`: false, `{"seq":99,"hash":"00"}`: false, `what`: true} {
		dir := t.TempDir()
		j, _ := open(t, audit.Config{Dir: dir, Log: quiet})
		write(t, j, decision(id(0)), decision(id(1)), decision(id(2)))
		if err := os.WriteFile(filepath.Join(dir, "cursor-otlp.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out := &sink{}
		s, err := audit.NewShipper(audit.ShipperConfig{Journal: j, Sink: out, Name: "otlp", Log: quiet})
		if wantErr != (err != nil) {
			t.Errorf("%s: %v", text, err)
		}
		if err != nil {
			continue
		}
		if err := s.Drain(t.Context()); err != nil {
			t.Error(err)
		}
		out.checkOrder(t, 3)
	}
}

// TestShipperPassesOverDamage: a damaged segment that is no longer written does not keep the rest from being shipped.
func TestShipperPassesOverDamage(t *testing.T) {
	dir := t.TempDir()
	rec := decision("x")
	rec.Path = string(big())
	j, _ := open(t, audit.Config{Dir: dir, SegmentBytes: 2 << 20, Log: quiet})
	for range 8 {
		write(t, j, rec)
	}
	first := filepath.Join(dir, firstSegment)
	b, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-100] ^= 1 // the segment's last record
	if err := os.WriteFile(first, b, 0o600); err != nil {
		t.Fatal(err)
	}
	out := &sink{}
	s, err := audit.NewShipper(audit.ShipperConfig{Journal: j, Sink: out, Name: "otlp", Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, _ := out.state(); n != 7 || s.Stats().Skipped != 1 || s.Stats().Shipped != 8 {
		t.Errorf("%d shipped, %+v", n, s.Stats())
	}
}
