package guard_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/guard"
)

// tally keeps the attempts of a test, as the stores do: what is cancelled counts no more.
type tally struct {
	*world
	claims map[string]authz.Reservation
	closed []string
	err    error
}

func (s *tally) Reserve(ctx context.Context, r authz.Reservation) (authz.Quota, error) {
	if r.Keys[0].Meter != authz.MeterAttempts {
		return s.world.Reserve(ctx, r)
	}
	if _, twice := s.claims[r.ID]; twice || r.Volume != (authz.Volume{1}) {
		s.t.Errorf("Reserve(%s) of %v, twice: %v", r.ID, r.Volume, twice)
	}
	s.claims[r.ID] = r
	return authz.Quota{Granted: r.Volume}, s.err
}

func (s *tally) Cancel(ctx context.Context, r authz.Reservation) error {
	if r.Keys[0].Meter != authz.MeterAttempts {
		return s.world.Cancel(ctx, r)
	}
	if _, ok := s.claims[r.ID]; !ok {
		s.t.Errorf("Cancel(%s): nothing is reserved", r.ID)
	}
	delete(s.claims, r.ID)
	return nil
}

func (s *tally) Settle(ctx context.Context, r authz.Reservation) error {
	if r.Keys[0].Meter != authz.MeterAttempts {
		return s.world.Settle(ctx, r)
	}
	if _, ok := s.claims[r.ID]; !ok || r.Volume != (authz.Volume{1}) {
		s.t.Errorf("Settle(%s) to %v: not reserved", r.ID, r.Volume)
	}
	s.closed = append(s.closed, r.ID)
	return s.err
}

func (s *tally) Usage(_ context.Context, _ string, keys []authz.MeterKey) (out authz.Usage, err error) {
	for _, k := range keys {
		n := int64(0)
		for _, r := range s.claims {
			if r.Keys[0] == k {
				n++
			}
		}
		for _, w := range authz.AttemptWindows() {
			out = append(out, authz.UsageCount{Key: k, Unit: authz.UnitRequests, Window: w, Count: n})
		}
	}
	return out, s.err
}

func newTally(t *testing.T) *tally {
	w := newWorld(t)
	w.target.Kind, w.reads.Attempts = authz.KindWeights, true
	s := &tally{world: w, claims: map[string]authz.Reservation{}}
	w.rebuild(func(c *guard.Config) { c.Store = s })
	return s
}

func object(name, ranged string, part int64) authz.Operation {
	return authz.Operation{Class: authz.ClassRead, Complete: true, Object: name, Range: ranged, Part: part, Documents: 1}
}

// TestAttempts: each request for weights counts, refused or not; the pieces of what one was let have do not, and those of what was refused do.
func TestAttempts(t *testing.T) {
	type step struct {
		op     authz.Operation
		effect authz.Effect
		want   int64
	}
	list := authz.Operation{Class: authz.ClassList, Complete: true}
	for name, steps := range map[string][]step{
		"refused ones and allowed ones": {{object("a", "", 0), authz.Deny, 1}, {object("a", "", 0), authz.Allow, 2}, {object("b", "", 0), authz.Deny, 3}},
		"lists":                         {{list, authz.Allow, 1}, {list, authz.Deny, 2}},
		"a download in pieces": {
			{object("a", "bytes=0-9", 0), authz.Allow, 1},
			{object("a", "bytes=10-19", 0), authz.Allow, 1},
			{object("a", "", 2), authz.Allow, 1},
			{object("a", "bytes=0-9", 0), authz.Allow, 2},
			{object("b", "bytes=10-19", 0), authz.Allow, 3},
			{object("b", "bytes=20-29", 0), authz.Allow, 3},
		},
		"all of it again, as a range": {
			{object("a", "", 0), authz.Allow, 1},
			{object("a", "bytes=-999999999", 0), authz.Allow, 2},
			{object("a", "bytes=00-", 0), authz.Allow, 3},
			{object("a", "bytes=1-,0-0", 0), authz.Allow, 4},
			{object("a", "Bytes=0-", 0), authz.Allow, 5},
			{object("a", "bytes=010-", 0), authz.Allow, 5},
			{object("a", "bytes=", 0), authz.Allow, 6},
		},
		"pieces of what is refused": {{object("a", "bytes=10-19", 0), authz.Deny, 1}, {object("a", "bytes=10-19", 0), authz.Deny, 2}, {object("a", "", 3), authz.Deny, 3}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newTally(t)
			for i, step := range steps {
				s.op, s.decision.Effect = step.op, step.effect
				a := s.guard.Begin(authz.Request{Method: "GET"})
				a.Admit(t.Context())
				got := s.inputs[len(s.inputs)-1].Operation.Attempts
				if diff := cmp.Diff(&authz.Attempts{Hour: step.want, Day: step.want}, got); diff != "" {
					t.Errorf("step %d (-want +got):\n%s", i, diff)
				}
			}
		})
	}
}

// TestFollowingIsNoAttempt: whoever follows a redirect of ours was counted where that was.
func TestFollowingIsNoAttempt(t *testing.T) {
	s := newTally(t)
	ask := func() int64 {
		s.op = object("a", "", 0)
		s.guard.Begin(authz.Request{Method: "GET"}).Admit(t.Context())
		return s.inputs[len(s.inputs)-1].Operation.Attempts.Hour
	}
	first := ask()
	s.leave = &authz.Leave{Target: "hub", Object: "o", Size: 10, Budget: 100}
	if follows, again := ask(), ask(); first != 1 || follows != 1 || again != 1 {
		t.Errorf("%d attempts, then %d and %d; want 1 throughout", first, follows, again)
	}
}

// TestWhatIsNoAttempt is counted nowhere, and policy is told of none.
func TestWhatIsNoAttempt(t *testing.T) {
	for name, set := range map[string]func(*tally){
		"an upload":          func(s *tally) { s.op.Class = authz.ClassWrite },
		"another target":     func(s *tally) { s.target.Kind = authz.KindCorpus },
		"nobody reads of it": func(s *tally) { s.reads.Attempts = false },
	} {
		s := newTally(t)
		s.op = object("a", "", 0)
		set(s)
		s.guard.Begin(authz.Request{Method: "GET"}).Admit(t.Context())
		if got := s.inputs[0].Operation.Attempts; got != nil || len(s.claims) > 0 {
			t.Errorf("%s: %v, %v", name, got, s.claims)
		}
	}
}

// TestAttemptsAreReadOrRefused: to a rule a count that cannot be read would look like none.
func TestAttemptsAreReadOrRefused(t *testing.T) {
	s := newTally(t)
	s.op, s.err = object("a", "", 0), errors.New("away")
	a := s.guard.Begin(authz.Request{Method: "GET"})
	if d := a.Admit(t.Context()); a.Allowed() || d.Effect != authz.Deny || len(s.inputs) > 0 {
		t.Errorf("%+v", d)
	}
}

// TestRecognisedLate: what only its content shows to be weights is an attempt from then on, and once; refused then, it is not one that may be had.
func TestRecognisedLate(t *testing.T) {
	s := newTally(t)
	s.target.Kind, s.op, s.reads.Object = authz.KindCorpus, object("a", "", 0), true
	s.second = &authz.Decision{Effect: authz.Deny}
	a := s.guard.Begin(authz.Request{Method: "GET"})
	a.Admit(t.Context())
	piece := &authz.Piece{Object: "a", Version: "v", Size: 4 << 20, Length: 4 << 20}
	a.Respond(t.Context(), authz.Response{Status: 200, Object: piece, Artifact: authz.Artifact{Class: authz.ArtifactCheckpoint}})
	if got := s.inputs[len(s.inputs)-1].Operation.Attempts; len(s.inputs) != 2 || got == nil || got.Hour != 1 || a.Allowed() || len(s.claims) != 1 {
		t.Errorf("%v in %d inputs, %d counted", got, len(s.inputs), len(s.claims))
	}
}

// TestRefusedAtTheAnswer: an object that was let have at first and refused at its head is not one that may be had.
func TestRefusedAtTheAnswer(t *testing.T) {
	s := newTally(t)
	s.op, s.reads.Object = object("a", "", 0), true
	s.second = &authz.Decision{Effect: authz.Deny}
	a := s.guard.Begin(authz.Request{Method: "GET"})
	if a.Admit(t.Context()); len(s.claims) != 2 {
		t.Fatalf("%d counted", len(s.claims))
	}
	a.Respond(t.Context(), authz.Response{Status: 200, Object: &authz.Piece{Object: "a", Size: 4 << 20, Length: 4 << 20}})
	if a.Allowed() || len(s.claims) != 1 {
		t.Errorf("allowed %v, %d counted", a.Allowed(), len(s.claims))
	}
}

// TestAttemptsAreHandedOver: an exchange that goes on in the second filter has been counted in the first.
func TestAttemptsAreHandedOver(t *testing.T) {
	s := newTally(t)
	s.op, s.reads.Object = object("a", "", 0), true
	s.second = &authz.Decision{Effect: authz.Deny}
	req := authz.Request{Method: "GET", Host: "h", Path: "/p", Time: time.Unix(1, 0)}
	a := s.guard.Begin(req)
	a.Admit(t.Context())
	ticket, err := a.Suspend(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.guard.Redeem(t.Context(), ticket, req)
	if err != nil {
		t.Fatal(err)
	}
	b.Respond(t.Context(), authz.Response{Status: 200, Object: &authz.Piece{Object: "a", Size: 4 << 20, Length: 4 << 20}})
	if err := b.Finish(t.Context(), guard.Final{Outcome: authz.OutcomeRefused}); err != nil || len(s.closed) != 1 {
		t.Errorf("%v; %d claims are closed", err, len(s.closed))
	}
	if got := s.inputs[len(s.inputs)-1].Operation.Attempts; len(s.inputs) != 2 || got == nil || got.Hour != 1 || len(s.claims) != 1 {
		t.Errorf("%v in %d inputs, %d counted", got, len(s.inputs), len(s.claims))
	}
}

// TestAttemptsAreClosed: an exchange that is over leaves no claim open, whatever became of it: open ones take room for two days.
func TestAttemptsAreClosed(t *testing.T) {
	for name, set := range map[string]func(*tally){
		"allowed":               func(*tally) {},
		"refused":               func(s *tally) { s.decision.Effect = authz.Deny },
		"refused at the answer": func(s *tally) { s.second = &authz.Decision{Effect: authz.Deny} },
	} {
		s := newTally(t)
		s.op, s.reads.Object = object("a", "", 0), true
		set(s)
		a := s.guard.Begin(authz.Request{Method: "GET"})
		a.Admit(t.Context())
		a.Respond(t.Context(), authz.Response{Status: 200, Object: &authz.Piece{Object: "a", Size: 4 << 20, Length: 4 << 20}})
		if err := a.Finish(t.Context(), guard.Final{Head: a.Allowed(), Outcome: authz.OutcomeComplete}); err != nil {
			t.Fatal(err)
		}
		if len(s.closed) != len(s.claims) || len(s.closed) == 0 {
			t.Errorf("%s: %d of %d claims are closed", name, len(s.closed), len(s.claims))
		}
	}
}
