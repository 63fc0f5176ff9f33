package guard_test

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/guard"
)

// withMeters makes the world's guard anew, with meters of the configuration.
func (w *world) withMeters(meters ...authz.MeterSpec) {
	g, err := guard.New(guard.Config{
		Authenticator: w, Targets: w, Describer: w, Policy: w, Store: w, Journal: w, Observer: w, Meters: meters,
		Replica: "r1", Now: func() time.Time { return w.now }, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.guard = g
}

// TestMeters: an exchange is charged to every meter of the configuration that can be kept for it, and a limit may bound each.
func TestMeters(t *testing.T) {
	hour := authz.Window(time.Hour)
	for name, tc := range map[string]struct {
		limit authz.Limit
		kind  authz.Kind
		allow bool
	}{
		"claim":                 {authz.Limit{Meter: "number", Unit: authz.UnitVectors, Window: hour, Max: 5}, 0, true},
		"group and target":      {authz.Limit{Meter: "group_target", Key: "staff", Unit: authz.UnitVectors, Window: hour, Max: 5}, 0, true},
		"group is not named":    {authz.Limit{Meter: "group_target", Unit: authz.UnitVectors, Window: hour, Max: 5}, authz.KindUnavailable, false},
		"no such claim":         {authz.Limit{Meter: "team", Unit: authz.UnitVectors, Window: hour, Max: 5}, authz.KindUnavailable, false},
		"unit is not counted":   {authz.Limit{Meter: "number", Unit: authz.UnitBytes, Window: hour, Max: 5}, authz.KindUnavailable, false},
		"meter that nobody has": {authz.Limit{Meter: "person", Unit: authz.UnitVectors, Window: hour, Max: 5}, authz.KindUnavailable, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.withMeters(
				authz.MeterSpec{Name: "number", Keys: []string{"claim:number", "tenant"}, Units: []authz.Unit{authz.UnitVectors}},
				authz.MeterSpec{Name: "team", Keys: []string{"claim:team"}},
				authz.MeterSpec{Name: "group_target", Keys: []string{"group", "target"}},
			)
			w.decision.Limits = []authz.Limit{tc.limit}
			a := w.guard.Begin(authz.Request{})
			d := a.Admit(t.Context())
			if a.Allowed() != tc.allow || d.Kind != tc.kind {
				t.Fatalf("%+v; want allowed %v, kind %v", d, tc.allow, tc.kind)
			}
			if !tc.allow {
				return
			}
			want := []authz.MeterKey{{Meter: "number", Key: "16:9007199254740993|11:tenant acme"}}
			if tc.limit.Key != "" {
				want = append(want, authz.MeterKey{Meter: "group_target", Key: "5:staff|10:embeddings"})
			}
			for _, k := range want {
				if !slices.Contains(w.charged, k) {
					t.Errorf("charged to %v, not to %v", w.charged, k)
				}
			}
			if slices.ContainsFunc(w.charged, func(k authz.MeterKey) bool { return k.Meter == "team" }) {
				t.Errorf("charged to %v: there is no claim of a team", w.charged)
			}
		})
	}
}

// TestLateMeter: a later decision may tighten a limit on a meter that the first named; one on another cannot be counted, and refuses.
func TestLateMeter(t *testing.T) {
	group := func(key string, most int64) authz.Limit {
		return authz.Limit{Meter: authz.MeterGroup, Key: key, Unit: authz.UnitVectors, Window: authz.Window(time.Hour), Max: most}
	}
	for name, tc := range map[string]struct {
		late authz.Limit
		kind authz.Kind
	}{
		"the same group": {group("staff", 4), 0},
		"another":        {group("guests", 100), authz.KindUnavailable},
		"the subject":    {authz.Limit{Meter: authz.MeterSubject, Unit: authz.UnitVectors, Window: authz.Window(time.Hour), Max: 9}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.reads.Response = true
			w.decision.Limits = []authz.Limit{group("staff", 100)}
			second := w.decision
			second.Limits = []authz.Limit{tc.late}
			w.second = &second
			a := w.guard.Begin(authz.Request{})
			a.Admit(t.Context())
			if !a.Allowed() {
				t.Fatalf("%+v", a.Decision())
			}
			d := a.Respond(t.Context(), authz.Response{Status: 200})
			if d.Kind != tc.kind || a.Allowed() != (tc.kind == 0) {
				t.Errorf("%+v; want kind %v", d, tc.kind)
			}
		})
	}
}

// away answers in place of a store that cannot be asked.
type away struct {
	*world
	mode authz.Away
}

func (s away) Reserve(ctx context.Context, r authz.Reservation) (authz.Quota, error) {
	q, err := s.world.Reserve(ctx, r)
	q.Away = s.mode
	return q, err
}

// TestAwayIsFlagged: what was judged without the shared store says so in both of its records.
func TestAwayIsFlagged(t *testing.T) {
	w := newWorld(t)
	g, err := guard.New(guard.Config{
		Authenticator: w, Targets: w, Describer: w, Policy: w, Store: away{w, authz.AwayAllow}, Journal: w, Observer: w,
		Now: func() time.Time { return w.now }, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	a := g.Begin(authz.Request{})
	a.Admit(t.Context())
	if !a.Allowed() {
		t.Fatalf("%+v", a.Decision())
	}
	if err := a.Finish(t.Context(), guard.Final{Outcome: authz.OutcomeComplete, Head: true, Status: 200}); err != nil {
		t.Fatal(err)
	}
	if len(w.records) != 2 || w.records[0].Label != "store_away_allow" || w.records[1].Label != "store_away_allow" || !slices.Contains(w.undecided, "store_away_allow") {
		t.Errorf("%d records, %+v; metrics %v", len(w.records), w.records, w.undecided)
	}
}
