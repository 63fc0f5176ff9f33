package fault

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/weirgate/weir/integration/harness"
)

// TestRedisEmptiedWhileWeirIsDown: a Weir that is started anew takes a Redis that was emptied meanwhile for what it is, whatever the mode of
// its limits; the first start ever takes an empty one for a new one.
func TestRedisEmptiedWhileWeirIsDown(t *testing.T) {
	_, err := harness.FindRedis()
	harness.Need(t, err)
	for _, mode := range []string{"refuse", "local", "allow"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			port, err := harness.FreePort()
			must(t, err)
			redis, err := harness.StartRedis(t.Context(), r.dir, port)
			must(t, err)
			t.Cleanup(redis.Kill)
			more := fmt.Sprintf("counters: {url: \"redis://127.0.0.1:%d\", away: %s, replicas: 2}\n", redis.Port, mode)
			warned := func() bool {
				status, body := r.page("/readyz")
				return status == http.StatusOK && strings.Contains(body, "store_amnesiac")
			}
			r.serve(more)
			r.well("the first start")
			r.weir.Kill()
			must(t, redis.Command("FLUSHALL"))
			r.serve(more)
			r.until("/readyz says that Redis was emptied", warned)
			if mode == "refuse" {
				if a := r.as("research", embed); a.Err != nil || a.Status != http.StatusServiceUnavailable || saidRule(a) != "store_amnesiac" {
					t.Errorf("emptied: %d, %v, rule %q; want 503, store_amnesiac", a.Status, a.Err, saidRule(a))
				}
			} else {
				r.well("emptied")
			}
			must(t, redis.Command("SET weir:accept-amnesia monday EX 60"))
			r.until("/readyz warns no more", func() bool { return !warned() })
			r.well("accepted")
			r.serve(more)
			r.well("once more")
		})
	}
}
