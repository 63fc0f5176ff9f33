package authz_test

import (
	"testing"

	"github.com/weirgate/weir/pkg/authz"
)

// TestLeaveLimits: the budget is a share of the size, exactly, however large; and what revokes is more than any of it.
func TestLeaveLimits(t *testing.T) {
	for _, tt := range []struct{ size, budget, want int64 }{
		{0, 200, 0},
		{1, 100, 1},
		{1, 150, 1},
		{99, 150, 148},
		{300_000, 200, 600_000},
		{authz.MaxObject, 500, 5 * authz.MaxObject},
	} {
		l := authz.Leave{Size: tt.size, Budget: tt.budget}
		limits := l.Limits()
		if len(limits) != 2 || limits[1].Unit != authz.UnitBytes || limits[1].Max != tt.want || limits[1].Away != authz.AwayRefuse {
			t.Errorf("%d %% of %d: %+v; want %d bytes", tt.budget, tt.size, limits, tt.want)
		}
		for _, limit := range limits {
			if spent := authz.Spent().Of(limit.Unit); spent <= limit.Max || spent+limit.Max >= 1<<53 {
				t.Errorf("%+v: spent at %d; want more than that, and a number that stores can add", limit, spent)
			}
		}
	}
	if limits := (&authz.Leave{Size: authz.UnknownLength, Budget: 200}).Limits(); len(limits) != 1 || limits[0].Unit != authz.UnitRequests {
		t.Errorf("of unknown size: %+v; want requests only", limits)
	}
}
