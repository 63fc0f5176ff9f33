package audit_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirgate/weir/pkg/audit"
	"github.com/weirgate/weir/pkg/authz"
)

// TestRecordsGather: a record that nobody waits for is written with one that somebody waits for, in one sync, and alone 2 ms later.
func TestRecordsGather(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := &disk{}
		j, stop := open(t, audit.Config{Dir: dir, Wrap: d.wrap, Log: quiet})
		add := func() audit.Receipt {
			r, err := j.Append(&authz.Record{Event: authz.EventDecision, Decision: "d"})
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		synctest.Wait()
		before := d.synced.Load()
		decision, completion := add(), add()
		if err := completion.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := decision.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := d.synced.Load() - before; got != 1 {
			t.Errorf("%d syncs for the two records of an exchange, want 1", got)
		}

		before = d.synced.Load()
		add()
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if got := d.synced.Load() - before; got > 1 {
			t.Errorf("%d syncs for one record", got)
		}
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		if got := d.synced.Load() - before; got != 1 {
			t.Errorf("%d syncs 3 ms after a record that nobody waits for, want 1", got)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}
