package redisstore_test

import (
	"fmt"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/redisstore"
	"github.com/weirgate/weir/pkg/redisstore/redistest"
	"github.com/weirgate/weir/pkg/window"
)

// TestServerClockSetBack: a Redis whose own clock is set back, and right again, gives no budget away, in any mode; and goes on forgetting once the
// clock has caught up.
func TestServerClockSetBack(t *testing.T) {
	for _, mode := range []authz.Away{authz.AwayRefuse, authz.AwayLocal, authz.AwayAllow} {
		for _, leases := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/leases=%v", mode, leases), func(t *testing.T) {
				server, clock := redistest.StartWithClock(t)
				id := 0
				admit := func(n int) (admitted int64) { // by a replica that remembers nothing of its own
					t.Helper()
					s := newStore(t, redisstore.Config{URL: server.URL(), Leases: leases, Log: slog.New(slog.DiscardHandler)})
					a, err := window.NewAway(window.AwayConfig{Shared: s, Replicas: 1, Log: slog.New(slog.DiscardHandler)})
					if err != nil {
						t.Fatal(err)
					}
					if err := a.Ready(t.Context()); err != nil {
						t.Fatal(err)
					}
					for range n {
						r := claim(strconv.Itoa(id))
						r.Limits[0].Max, r.Limits[0].Away = 10, mode
						id++
						q, err := a.Reserve(t.Context(), r)
						if err != nil || q.Away != authz.AwayUnset {
							t.Fatalf("%+v, %v", q, err)
						}
						admitted += q.Granted.Of(authz.UnitVectors)
					}
					return admitted
				}
				admitted := admit(5)
				for _, wrong := range []time.Duration{-time.Hour, -25 * time.Hour, -30 * time.Minute, 0, -10 * time.Minute, time.Minute} {
					clock.Set(t, wrong)
					if off := clockOf(t, server) - time.Since(time.Unix(0, 0)) - wrong; off.Abs() > 10*time.Second {
						t.Fatalf("the clock of Redis is off by %v from what was set", off)
					}
					admitted += admit(4)
				}
				if admitted != 10 {
					t.Errorf("%d admitted in an hour of 10", admitted)
				}
				clock.Set(t, 2*time.Hour)
				if more := admit(12); more != 10 {
					t.Errorf("%d admitted two hours later, want 10", more)
				}
			})
		}
	}
}

// clockOf is the time since 1970 by the server's clock.
func clockOf(t *testing.T, server *redistest.Server) time.Duration {
	t.Helper()
	seconds, err := strconv.ParseInt(server.Do(t, "EVAL return(redis.call([[TIME]])[1]) 0"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(seconds) * time.Second
}
