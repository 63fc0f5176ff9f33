package audit_test

import (
	"context"
	"testing"
	"time"

	"github.com/weirgate/weir/pkg/audit"
)

func TestFollow(t *testing.T) {
	dir := t.TempDir()
	j, _ := open(t, audit.Config{Dir: dir, SegmentBytes: 2 << 20, Log: quiet})
	write(t, j, decision(id(0)), completion(id(0)))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	got := make(chan audit.Entry, 10000)
	done := make(chan error, 1)
	go func() {
		for e, err := range audit.Follow(ctx, dir, 2) {
			if err != nil {
				done <- err
				return
			}
			got <- e
		}
		done <- nil
	}()
	next := uint64(2)
	expect := func(n int) {
		t.Helper()
		for range n {
			select {
			case e := <-got:
				if e.Seq != next {
					t.Fatalf("got record %d, want %d", e.Seq, next)
				}
				next++
			case err := <-done:
				t.Fatal("ended early:", err)
			}
		}
	}
	expect(1)
	var last audit.Receipt
	for i := range 2000 { // more than one segment
		var err error
		if last, err = j.Append(decision(id(i))); err != nil {
			t.Fatal(err)
		}
	}
	if err := last.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	expect(2000)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestUnfinished(t *testing.T) {
	dir := t.TempDir()
	j, stop := open(t, audit.Config{Dir: dir, Log: quiet})
	write(t, j, decision("a"), decision("b"), completion("a"), decision("c"))
	_ = stop()
	j, err := audit.Open(audit.Config{Dir: dir, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	lost, err := audit.Unfinished(dir, time.Time{})
	if err != nil || len(lost) != 2 || lost[0].Decision != "b" || lost[1].Decision != "c" {
		t.Fatalf("got %v, %v", lost, err)
	}
	run(t, j)
	for _, e := range lost {
		r, err := audit.Lost(e, start)
		if err != nil {
			t.Fatal(err)
		}
		write(t, j, r)
	}
	if lost, err = audit.Unfinished(dir, time.Time{}); err != nil || len(lost) != 0 {
		t.Errorf("afterwards: %v, %v", lost, err)
	}
}
