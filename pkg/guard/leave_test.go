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

// following is a world in which somebody follows a redirect of ours, to an object of 1,000 bytes.
func following(t *testing.T) *world {
	w := reading(t)
	w.leave = &authz.Leave{
		Target: "hub", Tenant: "hubs", Object: "org/llm", Version: "sha", Size: 1000, Budget: 150, Artifact: authz.ArtifactCheckpoint, Justification: "M-1", Credential: "j1",
	}
	return w
}

// TestLeave: whoever follows a redirect of ours asks for what that was about, with what was said there, within the budget of the capability.
func TestLeave(t *testing.T) {
	w := following(t)
	w.reads.Usage = true
	a := w.guard.Begin(authz.Request{Method: "GET"})
	if a.Admit(t.Context()); !a.Allowed() {
		t.Fatal("refused")
	}
	if in := w.inputs[0]; in.Operation.Artifact != authz.ArtifactCheckpoint || in.Justification != "M-1" {
		t.Errorf("policy was asked about %q, for the reason %q", in.Operation.Artifact, in.Justification)
	}
	limit := authz.Limit{Meter: authz.MeterCapability, Unit: authz.UnitBytes, Window: authz.CapabilityWindow, Max: 1500, Away: authz.AwayRefuse}
	uses := authz.Limit{Meter: authz.MeterCapability, Unit: authz.UnitRequests, Window: authz.CapabilityWindow, Max: 1 << 20, Away: authz.AwayRefuse}
	if diff := cmp.Diff([]authz.Limit{uses, limit}, a.Decision().Limits); diff != "" {
		t.Errorf("limits -want +got:\n%s", diff)
	}
	if want := (authz.MeterKey{Meter: authz.MeterCapability, Key: "capability:c"}); w.charged[len(w.charged)-1] != want {
		t.Errorf("charged to %v; want %v among them", w.charged, want)
	}
	resp := piece(0, 100, 1000)
	if a.Respond(t.Context(), resp); !a.Allowed() {
		t.Fatalf("refused: %+v", a.Decision())
	}
	claim := authz.CoverClaim{ID: a.ID(), Tenant: "hubs", Target: "hub", Piece: *resp.Object, Holders: []string{"subject|https://i|ada", "group|g", "group|h"}}
	claim.Piece.Object, claim.Piece.Version = "org/llm", "sha"
	if diff := cmp.Diff([]authz.CoverClaim{claim}, w.ledger.committed); diff != "" {
		t.Errorf("covered as another object (-want +got):\n%s", diff)
	}
	got, err := a.Spend(t.Context(), authz.Volume{}.With(authz.UnitBytes, 100))
	if err != nil || got.Of(authz.UnitBytes) != 100 || w.open[a.ID()].Of(authz.UnitBytes) != 100 {
		t.Errorf("granted %v, booked %v, %v; want 100 bytes, and none ahead", got, w.open[a.ID()], err)
	}
	if err := a.Finish(t.Context(), guard.Final{Head: true, Outcome: authz.OutcomeComplete, Status: 206, Volume: got}); err != nil {
		t.Fatal(err)
	}
	if r := w.records[0]; r.Leave == nil || r.Leave.Object != "org/llm" || r.Subject.Credential != "capability:c" {
		t.Errorf("the record does not say by what leave: %+v", r)
	}

	// Its own words come before those that were said there.
	b := w.guard.Begin(authz.Request{Method: "GET", Headers: authz.Header{"weir-justification": {"M-2"}}})
	if b.Admit(t.Context()); b.Words() != "M-2" {
		t.Errorf("%q; want what this request says", b.Words())
	}
}

// TestLeaveIsForOneObject: an answer of another size or version is not what the capability is for, nor is one that is of no object.
func TestLeaveIsForOneObject(t *testing.T) {
	version := func(r authz.Response, v string) authz.Response { r.Object.Version = v; return r }
	unknown := func(r authz.Response) authz.Response {
		r.Object.Size, r.Object.Length = authz.UnknownLength, authz.UnknownLength
		return r
	}
	for name, tt := range map[string]struct {
		size    int64
		method  string
		answers []authz.Response
		want    string // of the last answer; "": allowed
		budget  int64
	}{
		"the object":                    {1000, "GET", []authz.Response{piece(0, 10, 1000), piece(10, 10, 1000)}, "", 1500},
		"another size":                  {1000, "GET", []authz.Response{piece(0, 10, 1001)}, "weir.capability_wrong_object", 1500},
		"a size that nobody says":       {1000, "GET", []authz.Response{unknown(piece(0, 10, 0))}, "", 1500},
		"another version":               {1000, "GET", []authz.Response{piece(0, 10, 1000), version(piece(10, 10, 1000), "v2")}, "weir.capability_wrong_object", 1500},
		"no version any more":           {1000, "GET", []authz.Response{piece(0, 10, 1000), version(piece(10, 10, 1000), "")}, "weir.capability_wrong_object", 1500},
		"no object":                     {1000, "GET", []authz.Response{{Status: 200}}, "weir.capability_wrong_object", 1500},
		"an error":                      {1000, "GET", []authz.Response{{Status: 404}}, "", 1500},
		"its head":                      {1000, "HEAD", []authz.Response{piece(0, 0, 0)}, "", 1500},
		"a redirect":                    {1000, "GET", []authz.Response{{Status: 302, Forwarded: true, Object: &authz.Piece{Size: authz.UnknownLength}}, piece(0, 10, 1000)}, "", 1500},
		"sized by its answer":           {authz.UnknownLength, "GET", []authz.Response{piece(0, 10, 500)}, "", 750},
		"never sized":                   {authz.UnknownLength, "GET", []authz.Response{unknown(piece(0, 10, 0))}, "weir.capability_wrong_object", 0},
		"sized as nothing real is":      {authz.UnknownLength, "GET", []authz.Response{piece(0, 10, authz.MaxObject+1)}, "weir.capability_wrong_object", 0},
		"with the error of a first one": {1000, "GET", []authz.Response{{Status: 500}, piece(0, 10, 1000)}, "", 1500},
	} {
		w := following(t)
		w.leave.Size = tt.size
		var a *guard.Admission
		for _, resp := range tt.answers {
			a = w.guard.Begin(authz.Request{Method: tt.method})
			a.Admit(t.Context())
			a.Respond(t.Context(), resp)
		}
		rule := ""
		if !a.Allowed() {
			rule = a.Decision().Rule
		}
		budget := int64(0)
		for _, l := range a.Decision().Limits {
			if l.Unit == authz.UnitBytes {
				budget = l.Max
			}
		}
		if rule != tt.want || budget != tt.budget {
			t.Errorf("%s: %q, a budget of %d; want %q, %d", name, rule, budget, tt.want, tt.budget)
		}
	}
}

// TestLeaveRefuses: a capability that is used up, a store that cannot tell, and an Envoy that shows no answers.
func TestLeaveRefuses(t *testing.T) {
	w := following(t)
	w.bounded = true
	a := w.guard.Begin(authz.Request{Method: "GET"})
	if d := a.Admit(t.Context()); a.Allowed() || d.Rule != "weir.capability_spent" || d.Kind != authz.KindForbidden || len(d.Exceeded) != 0 {
		t.Errorf("used up: allowed %v, %+v", a.Allowed(), d)
	}
	w = following(t)
	w.rebuild(func(c *guard.Config) { c.Pins = pinsAway{} })
	a = w.guard.Begin(authz.Request{Method: "GET"})
	a.Admit(t.Context())
	if a.Respond(t.Context(), piece(0, 10, 1000)); a.Allowed() || len(w.ledger.committed) != 0 {
		t.Errorf("without the store: allowed %v, %+v", a.Allowed(), a.Decision())
	}
	w = following(t)
	w.rebuild(func(c *guard.Config) { c.Entry = "ext_authz" })
	a = w.guard.Begin(authz.Request{Method: "GET"})
	if d := a.Admit(t.Context()); a.Allowed() || d.Rule != "weir.obligation_unmet" {
		t.Errorf("without the answer: allowed %v, %+v", a.Allowed(), d)
	}
}

// pinsAway are pins whose store is away.
type pinsAway struct{}

func (pinsAway) Pin(context.Context, string, string, time.Duration) (string, error) {
	return "", &authz.Error{Kind: authz.KindUnavailable, Label: "store_unavailable", Err: errors.New("x")}
}

// TestRedirectsAreDecidedAsWhatTheyLeadTo: whatever the method, policy sees the coverage that there would be; it is kept where the object leaves.
func TestRedirectsAreDecidedAsWhatTheyLeadTo(t *testing.T) {
	for name, tt := range map[string]struct {
		method             string
		forwarded, refused bool
		committed, dropped int
	}{
		"unguarded, by GET":  {"GET", false, false, 1, 0},
		"unguarded, by HEAD": {"HEAD", false, false, 1, 0},
		"guarded, by GET":    {"GET", true, false, 0, 1},
		"guarded, by HEAD":   {"HEAD", true, false, 0, 1},
		"refused":            {"HEAD", true, true, 0, 1},
	} {
		w := reading(t)
		w.op.Artifact = authz.ArtifactCheckpoint
		w.ledger.shares = []authz.Covered{{After: 1}, {After: 1}, {After: 1}}
		if tt.refused {
			w.second = &authz.Decision{Effect: authz.Deny, Rule: "coverage"}
		}
		a := w.guard.Begin(authz.Request{Method: tt.method})
		a.Admit(t.Context())
		resp := piece(0, 1000, 1000)
		resp.Status, resp.Forwarded = 302, tt.forwarded
		a.Respond(t.Context(), resp)
		in := w.inputs[len(w.inputs)-1]
		if a.Allowed() == tt.refused || in.Operation.Coverage == nil || in.Operation.Coverage.Subject.After != 1 {
			t.Errorf("%s: allowed %v, coverage %+v", name, a.Allowed(), in.Operation.Coverage)
		}
		if len(w.ledger.committed) != tt.committed || len(w.ledger.dropped) != tt.dropped || len(w.ledger.open) != 0 {
			t.Errorf("%s: committed %d, dropped %d, open %d; want %d, %d, 0", name, len(w.ledger.committed), len(w.ledger.dropped), len(w.ledger.open), tt.committed, tt.dropped)
		}
	}
}

// TestLeaveSurvivesTheHandOver: with both filters, what ext_authz admitted by a capability ext_proc holds to it.
func TestLeaveSurvivesTheHandOver(t *testing.T) {
	w := following(t)
	w.rebuild(func(c *guard.Config) { c.Entry = "both" })
	req := authz.Request{Method: "GET", Host: "h", Path: "/p"}
	a := w.guard.Begin(req)
	a.Admit(t.Context())
	ticket, err := a.Suspend(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b, err := w.guard.Redeem(t.Context(), ticket, req)
	if err != nil {
		t.Fatal(err)
	}
	if b.Respond(t.Context(), piece(0, 10, 999)); b.Allowed() || b.Decision().Rule != "weir.capability_wrong_object" {
		t.Errorf("allowed %v, %+v; want a refusal", b.Allowed(), b.Decision())
	}
}

// TestMemoryPins: the first value stays for its time at least, and not for ever.
func TestMemoryPins(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	p := guard.NewMemoryPins(func() time.Time { return now })
	for _, tt := range []struct {
		after      time.Duration
		key, value string
		want       string
	}{
		{0, "a", "1", "1"},
		{0, "a", "2", "1"},
		{0, "b", "", ""},
		{0, "b", "2", ""},
		{59 * time.Minute, "a", "3", "1"},
		{61 * time.Minute, "c", "1", "1"},
		{2 * time.Hour, "a", "4", "4"},
	} {
		now = now.Add(tt.after)
		if held, err := p.Pin(t.Context(), tt.key, tt.value, time.Hour); err != nil || held != tt.want {
			t.Errorf("%v later, %s: %q, %v; want %q", tt.after, tt.key, held, err, tt.want)
		}
	}
}
