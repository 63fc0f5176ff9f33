package fault

import (
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weirgate/weir/integration/harness"
)

// TestRedisAway: with limits that permit it, exchanges go on while Redis does not count, masked as ever, and Weir stays ready and says that
// something is wrong; with one that does not, they are refused at once.
func TestRedisAway(t *testing.T) {
	_, err := harness.FindRedis()
	harness.Need(t, err)
	const timeout = 500 * time.Millisecond
	faults := []redisFault{
		{name: "refused", befall: bad(harness.Fault{Refuse: true})},
		{name: "stopped", befall: signalled(syscall.SIGSTOP), heal: signalled(syscall.SIGCONT)},
		{name: "too slow", befall: bad(harness.Fault{Delay: 2 * timeout})},
		{name: "out of memory", befall: told("CONFIG SET maxmemory 1"), heal: told("CONFIG SET maxmemory 0")},
		{name: "may evict", befall: told("CONFIG SET maxmemory-policy allkeys-lru"), heal: told("CONFIG SET maxmemory-policy noeviction")},
		{name: "flushed", befall: told("FLUSHALL"), heal: told("SET weir:accept-amnesia monday EX 60")},
		{name: "a replica", befall: told("REPLICAOF 127.0.0.1 1"), heal: told("REPLICAOF NO ONE")},
	}
	for _, mode := range []string{"refuse", "local", "allow"} {
		for _, fault := range faults {
			t.Run(mode+"/"+fault.name, func(t *testing.T) {
				t.Parallel()
				r := newRig(t)
				port, err := harness.FreePort()
				must(t, err)
				redis, err := harness.StartRedis(t.Context(), r.dir, port)
				must(t, err)
				t.Cleanup(redis.Kill)
				link, err := harness.StartLink(fmt.Sprintf("127.0.0.1:%d", redis.Port))
				must(t, err)
				t.Cleanup(func() { _ = link.Close() })
				r.serve(fmt.Sprintf("counters: {url: \"redis://127.0.0.1:%d\", timeout: %v, away: %s, replicas: 2}\n", link.Port, timeout, mode))
				r.well("before")
				must(t, fault.befall(redis, link))
				r.until("/readyz is well and warns of the counters", func() bool {
					status, body := r.page("/readyz")
					return status == http.StatusOK && strings.Contains(body, "limits are judged as their mode says")
				})
				if mode == "refuse" {
					if a := r.as("research", embed); a.Err != nil || a.Status != http.StatusServiceUnavailable || !strings.HasPrefix(saidRule(a), "store_") {
						t.Errorf("meanwhile: %d, %v, rule %q; want 503 of the store", a.Status, a.Err, saidRule(a))
					}
				} else {
					r.well("meanwhile")
				}
				if fault.heal == nil {
					fault.heal = bad(harness.Fault{})
				}
				must(t, fault.heal(redis, link))
				r.until("/readyz warns no more", func() bool {
					status, body := r.page("/readyz")
					return status == http.StatusOK && !strings.Contains(body, "limits are judged as their mode says")
				})
				r.well("afterwards")
			})
		}
	}
}
