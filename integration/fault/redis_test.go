package fault

import (
	"fmt"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/weirgate/weir/integration/harness"
)

// redisFault is a way for Redis to fail.
type redisFault struct {
	name   string
	befall func(*harness.Redis, *harness.Link) error
	heal   func(*harness.Redis, *harness.Link) error // default: the link is good again
	fine   bool                                      // it is no failure: all goes on
}

// bad is a fault of the way to Redis.
func bad(f harness.Fault) func(*harness.Redis, *harness.Link) error {
	return func(_ *harness.Redis, l *harness.Link) error { return l.Set(f) }
}

// told is a command to Redis.
func told(command string) func(*harness.Redis, *harness.Link) error {
	return func(r *harness.Redis, _ *harness.Link) error { return r.Command(command) }
}

// signalled is a signal to Redis.
func signalled(s syscall.Signal) func(*harness.Redis, *harness.Link) error {
	return func(r *harness.Redis, _ *harness.Link) error { return r.Signal(s) }
}

// TestRedis: while Redis does not count, everything that is counted is refused, and answers under way are cut; once it does, all is as it was.
func TestRedis(t *testing.T) {
	_, err := harness.FindRedis()
	harness.Need(t, err)
	const timeout = 500 * time.Millisecond
	tests := []redisFault{
		{name: "refused", befall: bad(harness.Fault{Refuse: true})},
		{name: "stopped", befall: signalled(syscall.SIGSTOP), heal: signalled(syscall.SIGCONT)},
		{name: "too slow", befall: bad(harness.Fault{Delay: 2 * timeout})},
		{name: "slow but in time", befall: bad(harness.Fault{Delay: timeout / 6}), fine: true}, // a new connection asks twice before its first call
		{name: "reset in a reply", befall: bad(harness.Fault{Cut: 3})},
		{name: "loading", befall: bad(harness.Fault{Say: "-LOADING Redis is loading the dataset in memory\r\n"})},
		{name: "wants a password", befall: bad(harness.Fault{Say: "-NOAUTH Authentication required.\r\n"})},
		{name: "cannot save", befall: bad(harness.Fault{Say: "-MISCONF Errors writing to the AOF file: No space left on device\r\n"})},
		{name: "says OK to everything", befall: bad(harness.Fault{Say: "+OK\r\n"})},
		{name: "says nothing to everything", befall: bad(harness.Fault{Say: "$-1\r\n"})},
		{name: "is another service", befall: bad(harness.Fault{Say: "HTTP/1.1 400 Bad Request\r\n\r\n"})},
		{name: "out of memory", befall: told("CONFIG SET maxmemory 1"), heal: told("CONFIG SET maxmemory 0")},
		{name: "a replica", befall: told("REPLICAOF 127.0.0.1 1"), heal: told("REPLICAOF NO ONE")},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
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
			r.serve(fmt.Sprintf("counters: {url: \"redis://127.0.0.1:%d\", timeout: %v}\n", link.Port, timeout))
			r.well("before")
			end, thinking := r.underWay(embed, "pause=600:700ms"), r.underWay(export, "delay=700ms")
			must(t, tc.befall(redis, link))
			if tc.fine {
				r.whole(end())
				r.whole(thinking())
				r.well("meanwhile")
				return
			}
			r.refusedAtOnce("store_unavailable")
			r.cut(end())
			if a := thinking(); a.Status != http.StatusServiceUnavailable || saidRule(a) != "store_unavailable" {
				t.Errorf("the answer that had not begun: %d, %v, rule %q; want 503, store_unavailable", a.Status, a.Err, saidRule(a))
			}
			r.unready("counters")
			if tc.heal == nil {
				tc.heal = bad(harness.Fault{})
			}
			must(t, tc.heal(redis, link))
			r.ready()
			r.well("afterwards")
		})
	}
}
