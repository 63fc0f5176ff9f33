package server

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/weirgate/weir/pkg/audit"
	"github.com/weirgate/weir/pkg/authz"
)

// TestRebuildsTheMeterOfANumber: what is kept for a claim that is a number is restored where it was counted, however long the number.
func TestRebuildsTheMeterOfANumber(t *testing.T) {
	meters := authz.Meters{{Name: "team", Keys: []string{"claim:team"}}}
	for _, number := range []string{"7", "12345678", "9007199254740993", "1.50"} {
		who := authz.Subject{Issuer: "https://i", ID: "ada", Claims: map[string]any{"team": json.Number(number)}}
		what := authz.Target{Name: "docs", Tenant: "acme"}
		input, err := json.Marshal(authz.Input{Subject: who, Target: what})
		if err != nil {
			t.Fatal(err)
		}
		b := &rebuild{meters: meters}
		got := b.book(&audit.Fields{UserID: "https://i|ada", Target: "docs", Tenant: "acme"}, input, authz.Volume{1})
		want := meters.Charged(who, what, nil, false)
		if !slices.Equal(got.keys, want) || got.partly {
			t.Errorf("team %s: rebuilt for %v, counted for %v", number, got.keys, want)
		}
	}
}
