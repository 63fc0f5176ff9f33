package window_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/window"
)

// hour is a limit's window in these tests.
const hour = authz.Window(time.Hour)

// claimOf is a claim of n vectors by ada, of whom at most 20,000 may have them in an hour.
func claimOf(id string, n int64) authz.Reservation {
	k := authz.MeterKey{Meter: authz.MeterSubject, Key: "ada"}
	return authz.Reservation{ID: id, Tenant: "t", Keys: []authz.MeterKey{k}, Volume: authz.Volume{}.With(authz.UnitVectors, n), Limits: []authz.Limit{
		{Meter: k.Meter, Key: k.Key, Unit: authz.UnitVectors, Window: hour, Max: 20_000},
	}}
}

// kept opens the counters that are kept in dir.
func kept(t *testing.T, dir string, now func() time.Time) *window.Memory {
	t.Helper()
	m, err := window.NewMemory(window.Config{Windows: []authz.Window{hour}, Snapshot: filepath.Join(dir, "counters"), Now: now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

// used is what ada's hour counts.
func used(t *testing.T, m *window.Memory) int64 {
	t.Helper()
	u, err := m.Usage(t.Context(), "t", claimOf("", 0).Keys)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range u {
		if c.Unit == authz.UnitVectors {
			return c.Count
		}
	}
	return 0
}

// TestKilled: a process that is killed while it counts has forgotten nothing that it admitted, and what it gave back is back. The process is
// this test, run again, which says what it did before it does more.
func TestKilled(t *testing.T) {
	if dir := os.Getenv("WEIR_TEST_COUNTERS"); dir != "" {
		hammer(t, dir)
		return
	}
	dir := t.TempDir()
	admitted := int64(0)
	for life := range 3 {
		admitted = max(admitted, killOne(t, dir, life))
		m := kept(t, dir, nil)
		if got := used(t, m); got < admitted-2 || got > admitted+5 { // it may have made one step more than it had time to tell of
			t.Fatalf("life %d: %d vectors are counted of %d that were admitted", life, got, admitted)
		}
		admitted = used(t, m)
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// killOne runs the hammer, kills it once it has told enough, and returns what is charged by what it told.
func killOne(t *testing.T, dir string, life int) int64 {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilled$") //nolint:gosec // this test
	cmd.Env = append(os.Environ(), "WEIR_TEST_COUNTERS="+dir, "WEIR_TEST_LIFE="+strconv.Itoa(life))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	charged, lines := int64(0), 0
	for s := bufio.NewScanner(out); s.Scan(); lines++ {
		if n, err := strconv.ParseInt(s.Text(), 10, 64); err == nil {
			charged = n
		}
		if lines == 1000+700*life {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait()
	if lines < 1000 {
		t.Fatalf("the process ended by itself after %d lines", lines)
	}
	return charged
}

// hammer counts, with snapshots meanwhile, and prints what is charged after each claim.
func hammer(t *testing.T, dir string) {
	m := kept(t, dir, nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for ctx.Err() == nil {
			short, stop := context.WithTimeout(ctx, time.Millisecond)
			_ = m.Run(short) // which writes a snapshot when it ends
			stop()
		}
	}()
	total := used(t, m)
	for i := range 3000 {
		r := claimOf(os.Getenv("WEIR_TEST_LIFE")+"-"+strconv.Itoa(i), 5)
		if q, err := m.Reserve(t.Context(), r); err != nil || len(q.Over) > 0 {
			t.Fatal(q, err)
		}
		if i%2 == 0 {
			fmt.Println(total + 5)
			r.Volume = r.Volume.With(authz.UnitVectors, 3)
			if err := m.Settle(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			total -= 2
		}
		total += 5
		fmt.Println(total)
	}
	<-t.Context().Done()
}

// TestRestart: claims that were open go on, those that gave back have, the clock does not run back, and what was reset is.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	at := time.Unix(1_700_000_000, 0)
	now := func() time.Time { return at }
	step := func(what string, want int64, f func(m *window.Memory)) {
		t.Helper()
		m := kept(t, dir, now)
		f(m)
		if got := used(t, m); got != want {
			t.Errorf("%s: %d, want %d", what, got, want)
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
	}
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	reserve := func(m *window.Memory, id string, n int64) {
		_, err := m.Reserve(t.Context(), claimOf(id, n))
		ok(err)
	}
	step("reserved", 30, func(m *window.Memory) { reserve(m, "a", 10); reserve(m, "b", 20) })
	at = at.Add(20 * time.Minute)
	step("settled after a restart", 22, func(m *window.Memory) { ok(m.Settle(t.Context(), claimOf("a", 2))) })
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	step("with a snapshot", 22, func(m *window.Memory) { ok(m.Run(ended)) })
	step("settled after a snapshot", 7, func(m *window.Memory) { ok(m.Settle(t.Context(), claimOf("b", 5))) })
	at = at.Add(-10 * time.Minute)
	step("clock set back", 8, func(m *window.Memory) { reserve(m, "c", 1) })
	step("reset", 3, func(m *window.Memory) {
		ok(m.Reset(t.Context(), "t", claimOf("", 0).Keys))
		reserve(m, "d", 3)
		ok(m.Settle(t.Context(), claimOf("c", 1)))
	})
	at = at.Add(3 * time.Hour)
	step("all forgotten", 0, func(*window.Memory) {})
	if names, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(names) > 12 {
		t.Errorf("%v, %v", names, err)
	}
}

// TestTornJournal: whatever of the last record a crash left, what came before it counts.
func TestTornJournal(t *testing.T) {
	dir := t.TempDir()
	m := kept(t, dir, nil)
	for i := range 3 {
		if _, err := m.Reserve(t.Context(), claimOf(strconv.Itoa(i), 10)); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "counters.journal.1")
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int64]int{}
	for n := range len(whole) + 1 {
		torn := t.TempDir()
		if err := os.WriteFile(filepath.Join(torn, "counters.journal.1"), whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		m := kept(t, torn, nil)
		seen[used(t, m)]++
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if len(seen) != 4 || seen[30] != 1 {
		t.Errorf("cut at each of %d bytes it counts %v; want 0, 10, 20 and, when whole, 30", len(whole), seen)
	}
	bad := []byte(strings.Clone(string(whole)))
	bad[len(bad)-3] ^= 1
	torn := t.TempDir()
	if err := os.WriteFile(filepath.Join(torn, "counters.journal.1"), bad, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := used(t, kept(t, torn, nil)); got != 20 {
		t.Errorf("with a bit turned in the last record: %d, want 20", got)
	}
}

// TestSnapshotWhileCounting: a snapshot and the journal that went on beside it never count twice, nor too little.
func TestSnapshotWhileCounting(t *testing.T) {
	dir := t.TempDir()
	at := time.Unix(1_700_000_000, 0)
	m := kept(t, dir, func() time.Time { return at })
	ctx, cancel := context.WithCancel(t.Context())
	saving := make(chan struct{})
	go func() {
		defer close(saving)
		ended, stop := context.WithCancel(context.WithoutCancel(ctx))
		stop()
		for ctx.Err() == nil {
			_ = m.Run(ended) // writes a snapshot
		}
	}()
	for i := range 20_000 {
		r := claimOf(strconv.Itoa(i), 1)
		if _, err := m.Reserve(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if i%16 == 0 {
			continue
		}
		if err := m.Settle(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	counted := used(t, m)
	cancel()
	<-saving
	// The files as they are now, without a last snapshot, in another place: as after a crash.
	copied := t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(counted, used(t, kept(t, copied, func() time.Time { return at }))); diff != "" || counted != 20_000 {
		t.Errorf("-before +after the crash: %s", diff)
	}
}
