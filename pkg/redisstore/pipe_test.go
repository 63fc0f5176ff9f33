package redisstore

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirgate/weir/pkg/redisstore/redistest"
)

// TestCallsGoTogether: calls that come while others are under way reach Redis in fewer writes than there are calls, by its own account, and each
// gets its own answer.
func TestCallsGoTogether(t *testing.T) {
	const callers, each = 64, 50
	server := redistest.Start(t)
	s, err := New(Config{URL: server.URL(), Timeout: 5 * time.Second, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := s.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := statistic(t, server, "total_reads_processed")
	server.Do(t, "CONFIG RESETSTAT")
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := range each {
				r := vectorsUnder(fmt.Sprint(c, "-", i), int64(1+c), 1<<40)
				if q, err := s.Reserve(t.Context(), r); err != nil || q.Granted != r.Volume {
					t.Error(q, err)
					return
				}
			}
		})
	}
	wg.Wait()
	calls, reads := scriptCalls(t, server), statistic(t, server, "total_reads_processed")
	t.Logf("%d scripts in %d reads; %d before", calls, reads, before)
	if calls < callers*each || reads*2 > calls {
		t.Errorf("Redis read %d times for %d scripts", reads, calls)
	}
	if got, want := hourOf(t, s), int64(each*callers*(callers+1)/2); got != want {
		t.Errorf("%d are counted, want %d", got, want)
	}
}

// statistic is a number of INFO stats.
func statistic(t *testing.T, server *redistest.Server, name string) int {
	t.Helper()
	_, after, ok := strings.Cut(server.Do(t, "INFO stats"), name+":")
	text, _, _ := strings.Cut(after, "\r\n")
	n, err := strconv.Atoi(text)
	if !ok || err != nil {
		t.Skipf("this Redis does not say %s (7.0 does)", name)
	}
	return n
}
