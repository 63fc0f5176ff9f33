package audit_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/audit"
	"github.com/weirgate/weir/pkg/authz"
)

var quiet = slog.New(slog.DiscardHandler)

// run runs a journal until the returned function is called, or the test ends.
func run(t testing.TB, j *audit.Journal) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- j.Run(ctx) }()
	stop = sync.OnceValue(func() error {
		cancel()
		err := <-done
		if cerr := j.Close(); cerr != nil {
			t.Error("close:", cerr)
		}
		return err
	})
	t.Cleanup(func() { _ = stop() })
	return stop
}

// write appends records and waits until they are durable.
func write(t testing.TB, j *audit.Journal, records ...*authz.Record) {
	t.Helper()
	for _, r := range records {
		receipt, err := j.Append(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := receipt.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// decisions lists the decision IDs of a journal, in order.
func decisions(t testing.TB, dir string) (ids []string) {
	t.Helper()
	for e, err := range audit.Read(dir, 0) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, e.Decision)
	}
	return ids
}

func id(i int) string { return fmt.Sprintf("weir-0-%06d", i) }

func label(err error) string {
	var e *authz.Error
	if errors.As(err, &e) {
		return e.Label
	}
	return fmt.Sprint(err)
}

func TestAppendReadReopen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	var want []string
	for round := range 3 {
		j, stop := open(t, audit.Config{Dir: dir, Log: quiet})
		for i := range 10 {
			want = append(want, id(round*10+i))
			write(t, j, decision(id(round*10+i)))
		}
		if got := j.Stats(); got.Last != uint64(len(want)) || got.Queued != 0 || got.Segments != 1 || got.Failed || got.FreeBytes <= 0 {
			t.Errorf("stats %+v", got)
		}
		if j.Repaired() != nil {
			t.Errorf("a whole journal was repaired: %+v", j.Repaired())
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if _, err := j.Append(decision("late")); label(err) != "journal_closed" {
			t.Errorf("Append after Run: %v", err)
		}
	}
	if diff := cmp.Diff(want, decisions(t, dir)); diff != "" {
		t.Error(diff)
	}
	report, err := audit.Verify(dir)
	if err != nil || report.Records != 30 || report.First != 1 || report.Last != 30 || report.Segments != 1 {
		t.Errorf("verify: %+v, %v", report, err)
	}
	found, err := audit.Find(dir, id(17))
	if err != nil || len(found) != 1 || found[0].Seq != 18 {
		t.Errorf("find: %+v, %v", found, err)
	}
	tail, err := audit.Tail(dir, 4)
	if err != nil || len(tail) != 4 || tail[0].Seq != 27 || tail[3].Seq != 30 {
		t.Errorf("tail: %v, %v", tail, err)
	}
	var got []uint64
	for e, err := range audit.Read(dir, 28) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e.Seq)
	}
	if diff := cmp.Diff([]uint64{28, 29, 30}, got); diff != "" {
		t.Error(diff)
	}
}

func TestPermissions(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	j, stop := open(t, audit.Config{Dir: dir, Log: quiet})
	write(t, j, decision("a"))
	_ = stop()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", filepath.Base(path), info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestOneWriter(t *testing.T) {
	dir := t.TempDir()
	_, stop := open(t, audit.Config{Dir: dir, Log: quiet})
	if _, err := audit.Open(audit.Config{Dir: dir, Log: quiet}); err == nil {
		t.Fatal("two writers")
	}
	_ = stop()
	_, stop = open(t, audit.Config{Dir: dir, Log: quiet})
	_ = stop()
}

// TestWaitMeansSynced: no receipt is good before the sync that covers it has returned.
func TestWaitMeansSynced(t *testing.T) {
	d := &disk{}
	syncing, release := make(chan bool), make(chan bool)
	d.set(nil, func() error { syncing <- true; <-release; return nil })
	j, _ := open(t, audit.Config{Dir: t.TempDir(), Wrap: d.wrap, Log: quiet})
	first, err := j.Append(decision("a"))
	if err != nil {
		t.Fatal(err)
	}
	<-syncing // written, not yet synced
	second, err := j.Append(decision("b"))
	if err != nil {
		t.Fatal(err)
	}
	expired, cancel := context.WithCancel(t.Context())
	cancel()
	if err := first.Wait(expired); label(err) != "journal_slow" || !errors.Is(err, context.Canceled) {
		t.Errorf("before its sync: %v", err)
	}
	if got := j.Stats(); got.Last != 0 || got.Queued != 2 {
		t.Errorf("before the sync: %+v", got)
	}
	release <- true
	if err := first.Wait(t.Context()); err != nil || d.synced.Load() < 1 {
		t.Errorf("after its sync: %v", err)
	}
	if err := second.Wait(expired); label(err) != "journal_slow" {
		t.Errorf("the second record is in a later batch: %v", err)
	}
	<-syncing
	release <- true
	if err := second.Wait(t.Context()); err != nil || d.synced.Load() != 2 {
		t.Errorf("second: %v after %d syncs", err, d.synced.Load())
	}
	d.set(nil, nil)
}

func TestFailureIsSticky(t *testing.T) {
	broken := errors.New("input/output error")
	for name, set := range map[string]func(*disk){
		"sync":        func(d *disk) { d.set(nil, func() error { return broken }) },
		"write":       func(d *disk) { d.set(func([]byte) (int, error) { return 0, broken }, nil) },
		"short write": func(d *disk) { d.set(func(p []byte) (int, error) { return len(p) / 2, nil }, nil) },
		"disk full":   func(d *disk) { d.set(func(p []byte) (int, error) { return len(p) / 3, syscall.ENOSPC }, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			dir, d := t.TempDir(), &disk{}
			j, stop := open(t, audit.Config{Dir: dir, Wrap: d.wrap, Log: quiet})
			write(t, j, decision("before"))
			set(d)
			receipt, err := j.Append(decision("during"))
			if err == nil {
				err = receipt.Wait(t.Context())
			}
			if label(err) != "journal_failed" {
				t.Errorf("the record that failed: %v", err)
			}
			d.set(nil, nil) // the disk is well again: what it holds is still unknown
			if _, err := j.Append(decision("after")); label(err) != "journal_failed" || authz.AsError(err).Kind != authz.KindUnavailable {
				t.Errorf("Append after a failure: %v", err)
			}
			if label(j.Err()) != "journal_failed" || !j.Stats().Failed {
				t.Errorf("Err: %v", j.Err())
			}
			if err := stop(); label(err) != "journal_failed" {
				t.Errorf("Run returned %v", err)
			}
			j, stop = open(t, audit.Config{Dir: dir, Log: quiet})
			write(t, j, decision("restarted"))
			_ = stop()
			ids := decisions(t, dir)
			if ids[0] != "before" || ids[len(ids)-1] != "restarted" {
				t.Errorf("after a restart: %v", ids)
			}
			if _, err := audit.Verify(dir); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestQueueIsBounded(t *testing.T) {
	j, err := audit.Open(audit.Config{Dir: t.TempDir(), Queue: 3, Log: quiet}) // nobody writes yet
	if err != nil {
		t.Fatal(err)
	}
	var receipts []audit.Receipt
	for range 3 {
		r, err := j.Append(decision("a"))
		if err != nil {
			t.Fatal(err)
		}
		receipts = append(receipts, r)
	}
	if _, err := j.Append(decision("b")); label(err) != "journal_full" || authz.AsError(err).Kind != authz.KindBusy {
		t.Errorf("got %v", err)
	}
	run(t, j)
	for _, r := range receipts {
		if err := r.Wait(t.Context()); err != nil {
			t.Error(err)
		}
	}
	write(t, j, decision("c"))
	huge := decision("d")
	huge.Path = string(make([]byte, 1<<20))
	if _, err := j.Append(huge); label(err) != "record_unwritable" {
		t.Errorf("a huge record: %v", err)
	}
}

func TestQueuedAtTheEndIsWritten(t *testing.T) {
	dir := t.TempDir()
	j, err := audit.Open(audit.Config{Dir: dir, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	r, err := j.Append(decision("a"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := j.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if err := r.Wait(t.Context()); err != nil {
		t.Error(err)
	}
	if err := j.Close(); err != nil {
		t.Error(err)
	}
	if err := (audit.Receipt{}).Wait(t.Context()); err == nil {
		t.Error("the zero receipt is good")
	}
}

// TestManyWriters: every record that was acknowledged is there once, whole, in a chain that holds, over several segments.
func TestManyWriters(t *testing.T) {
	dir := t.TempDir()
	j, stop := open(t, audit.Config{Dir: dir, SegmentBytes: 2 << 20, Log: quiet})
	const writers, each = 32, 100
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			r := decision("")
			r.Path = "/" + string(make([]byte, 300)) // six bytes each in JSON
			for i := range each {
				r.Decision = id(w*each + i)
				receipt, err := j.Append(r)
				if err == nil {
					err = receipt.Wait(t.Context())
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, d := range decisions(t, dir) {
		seen[d]++
	}
	report, err := audit.Verify(dir)
	if err != nil || len(seen) != writers*each || report.Records != writers*each || report.Segments < 3 {
		t.Errorf("%d decisions, %+v, %v", len(seen), report, err)
	}
	sealed, err := os.Stat(filepath.Join(dir, "00000000000000000001.weir"))
	if err != nil || sealed.Size() >= 2<<20 {
		t.Errorf("a sealed segment keeps its preallocated rest: %v, %v", sealed.Size(), err)
	}
	tail, err := audit.Tail(dir, 2500) // across segments
	if err != nil || len(tail) != 2500 || tail[2499].Seq != writers*each {
		t.Errorf("tail: %d, %v", len(tail), err)
	}
}
