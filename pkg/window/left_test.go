package window_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/window"
)

// busyShared is a shared store that has no time for who has left already, as redisstore.Store has none where calls wait.
type busyShared struct{ *distant }

func (b busyShared) Reserve(ctx context.Context, r authz.Reservation) (authz.Quota, error) {
	if err := ctx.Err(); err != nil {
		return authz.Quota{}, &authz.Error{Kind: authz.KindUnavailable, Label: "store_unavailable", Err: err}
	}
	return b.distant.Reserve(ctx, r)
}

// TestAwayWhoeverLeaves: a client that leaves while its claim waits is no sign that the shared store is away: nobody's limits are judged without
// it, not even its own, and it is made sure that the claim is not charged.
func TestAwayWhoeverLeaves(t *testing.T) {
	for _, mode := range []authz.Away{authz.AwayLocal, authz.AwayAllow, authz.AwayRefuse} {
		t.Run(string(mode), func(t *testing.T) {
			shared := busyShared{&distant{Memory: newMemory(t, []authz.Window{hour}, nil)}}
			a, err := window.NewAway(window.AwayConfig{
				Shared: shared, Windows: []authz.Window{hour}, Replicas: 1, Log: slog.New(slog.DiscardHandler),
			})
			if err != nil {
				t.Fatal(err)
			}
			if q, err := a.Reserve(t.Context(), vectorsOf("all", 10, mode)); err != nil || len(q.Over) > 0 {
				t.Fatal(q, err)
			}
			gone, leave := context.WithCancel(t.Context())
			leave()
			if q, err := a.Reserve(gone, vectorsOf("gone", 1, mode)); err == nil {
				t.Errorf("granted to who has left: %+v", q)
			}
			if n := a.Owed(); n != 1 {
				t.Errorf("%d claims are owed: want that of who has left, which is to be given back", n)
			}
			if q, err := a.Reserve(t.Context(), vectorsOf("more", 1, mode)); err != nil || len(q.Over) != 1 {
				t.Errorf("an eleventh of ten: %+v, %v", q, err)
			}
		})
	}
}
