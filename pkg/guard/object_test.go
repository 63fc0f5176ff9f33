package guard_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/guard"
)

// reading is a world in which somebody asks for an object, by a name that tells nothing.
func reading(t *testing.T) *world {
	w := newWorld(t)
	w.op = authz.Operation{Class: authz.ClassRead, Complete: true, Object: "/a", Documents: 1}
	w.groups, w.reads.Object = []string{"g", "h"}, true
	return w
}

func piece(offset, length, size int64) authz.Response {
	return authz.Response{Status: 206, ContentLength: length, Object: &authz.Piece{Object: "/a", Version: "v1", Size: size, Offset: offset, Length: length}}
}

// TestObjectIsDecidedByWhatItIs: at the answer's head policy is told what the object is by its content and how much of it has left; what it
// refuses burns nothing, what it allows is committed before anything leaves.
func TestObjectIsDecidedByWhatItIs(t *testing.T) {
	w := reading(t)
	w.ledger.shares = []authz.Covered{{Before: .1, After: .2}, {Before: .1, After: .2}, {Before: .25, After: .5}}
	a := w.guard.Begin(authz.Request{Method: "GET"})
	if a.Admit(t.Context()); !a.Allowed() || w.inputs[0].Final {
		t.Fatalf("allowed %v, final %v; want an allow that is not final", a.Allowed(), w.inputs[0].Final)
	}
	resp := piece(0, 100, 1000)
	resp.Artifact = authz.Artifact{Class: authz.ArtifactCheckpoint, Format: "gguf"}
	if a.Respond(t.Context(), resp); !a.Allowed() {
		t.Fatal("refused")
	}
	in := w.inputs[1]
	want := &authz.Coverage{Subject: authz.Covered{Before: .1, After: .2}, Group: authz.Covered{Before: .25, After: .5}}
	if diff := cmp.Diff(want, in.Operation.Coverage); diff != "" || in.Operation.Artifact != authz.ArtifactCheckpoint || in.Response.Artifact.Format != "gguf" || !in.Final {
		t.Errorf("policy saw %+v (coverage -want +got: %s)", in, diff)
	}
	claim := authz.CoverClaim{ID: a.ID(), Tenant: "acme", Target: "embeddings", Piece: *resp.Object, Holders: []string{"subject|https://i|ada", "group|g", "group|h"}}
	if diff := cmp.Diff([]authz.CoverClaim{claim}, w.ledger.committed); diff != "" || len(w.ledger.dropped) > 0 {
		t.Errorf("committed (-want +got): %s; dropped %v", diff, w.ledger.dropped)
	}
	if err := a.Finish(t.Context(), guard.Final{Head: true, Outcome: authz.OutcomeComplete, Status: 206}); err != nil {
		t.Fatal(err)
	}
	if r := w.records[1]; r.Object == nil || r.Object.Version != "v1" || r.Artifact.Format != "gguf" || r.Operation.Coverage == nil || r.Input == nil {
		t.Errorf("the completion record tells too little: %+v", r)
	}

	w.second = &authz.Decision{Effect: authz.Deny, Rule: "coverage"}
	b := w.guard.Begin(authz.Request{Method: "GET"})
	b.Admit(t.Context())
	if b.Respond(t.Context(), resp); b.Allowed() || len(w.ledger.committed) != 1 || len(w.ledger.dropped) != 1 || len(w.ledger.open) != 0 {
		t.Errorf("allowed %v, committed %d, dropped %d, open %d; want a refusal that burns nothing", b.Allowed(), len(w.ledger.committed), len(w.ledger.dropped), len(w.ledger.open))
	}
}

// TestWhatNoCoverageIsKeptOf: heads, and what is small and nothing in particular.
func TestWhatNoCoverageIsKeptOf(t *testing.T) {
	small := piece(0, 10, 10)
	known := small
	known.Artifact.Class = authz.ArtifactCorpus
	for name, tt := range map[string]struct {
		method string
		resp   authz.Response
		kept   int
	}{
		"a head":                    {"HEAD", piece(0, 1<<20, 1<<20), 0},
		"a small file":              {"GET", small, 0},
		"a small part of a corpus":  {"GET", known, 1},
		"a large file":              {"GET", piece(0, 10, 1<<20), 1},
		"an object of unknown size": {"GET", piece(0, 10, authz.UnknownLength), 1},
		"no object":                 {"GET", authz.Response{Status: 200}, 0},
	} {
		w := reading(t)
		a := w.guard.Begin(authz.Request{Method: tt.method})
		a.Admit(t.Context())
		if a.Respond(t.Context(), tt.resp); !a.Allowed() || len(w.ledger.committed) != tt.kept {
			t.Errorf("%s: allowed %v, %d claims; want %d", name, a.Allowed(), len(w.ledger.committed), tt.kept)
		}
	}
}

// TestUnseen: bytes of an object that nobody can tell what it is share an allowance; beyond it the object is opaque, which policy judges.
func TestUnseen(t *testing.T) {
	ask := func(w *world, length int64) (*guard.Admission, string) {
		a := w.guard.Begin(authz.Request{Method: "GET"})
		a.Admit(t.Context())
		resp := piece(500, length, 1<<30)
		resp.Unseen = true
		a.Respond(t.Context(), resp)
		return a, a.Operation().Artifact
	}
	w := reading(t)
	if a, what := ask(w, 1<<20); !a.Allowed() || what != "" || w.open[a.ID()+".unseen"].Of(authz.UnitBytes) != 1<<20 {
		t.Errorf("allowed %v as %q, booked %v; want a piece within the allowance", a.Allowed(), what, w.open)
	}
	if a, what := ask(w, 1<<20+1); !a.Allowed() || what != authz.ArtifactOpaque {
		t.Errorf("allowed %v as %q; want an opaque object that the policy allows", a.Allowed(), what)
	}
	w.target.Unseen = 10
	if _, what := ask(w, 11); what != authz.ArtifactOpaque {
		t.Errorf("%q; want opaque: the target allows less", what)
	}
	w.second = &authz.Decision{Effect: authz.Deny, Rule: "late"}
	before := w.cancels
	if a, _ := ask(w, 10); a.Allowed() || w.cancels != before+1 {
		t.Errorf("allowed %v, %d cancelled; want a refusal that burns nothing", a.Allowed(), w.cancels-before)
	}
}

// TestNothingLeavesUncovered: a store that cannot tell refuses.
func TestNothingLeavesUncovered(t *testing.T) {
	w := reading(t)
	w.ledger.err = &authz.Error{Kind: authz.KindUnavailable, Label: "store_unavailable", Err: errors.New("x")}
	a := w.guard.Begin(authz.Request{Method: "GET"})
	a.Admit(t.Context())
	if d := a.Respond(t.Context(), piece(0, 10, 1<<20)); a.Allowed() || d.Rule != "weir.store_unavailable" {
		t.Errorf("allowed %v by %q; want a refusal", a.Allowed(), d.Rule)
	}
}

// TestUnseenVersions: an upstream that states another version in each answer makes no allowance anew, and another object has its own.
func TestUnseenVersions(t *testing.T) {
	w := reading(t)
	booked := func(object, version string) authz.MeterKey {
		a := w.guard.Begin(authz.Request{Method: "GET"})
		a.Admit(t.Context())
		resp := piece(500, 10, 1<<30)
		resp.Unseen, resp.Object.Object, resp.Object.Version = true, object, version
		a.Respond(t.Context(), resp)
		return w.charged[0]
	}
	first := booked("/a", "v1")
	if first.Meter != authz.MeterUnseen || booked("/a", "v2") != first || booked("/a", "") != first || booked("/b", "v1") == first {
		t.Errorf("booked in %v, which other versions do not share, or another object does", first)
	}
}

// TestAgentsOfOnePerson: what a person's agents have of an object, seen or unseen, the person has.
func TestAgentsOfOnePerson(t *testing.T) {
	w := reading(t)
	w.owner = "https://i|eve"
	a := w.guard.Begin(authz.Request{Method: "GET"})
	a.Admit(t.Context())
	resp := piece(500, 10, 1<<30)
	resp.Unseen = true
	a.Respond(t.Context(), resp)
	if !a.Allowed() || len(w.ledger.committed) != 1 || w.ledger.committed[0].Holders[0] != "subject|https://i|eve" || !strings.HasPrefix(w.charged[0].Key, "https://i|eve|") {
		t.Errorf("allowed %v, claims %+v, charged %v; want what counts for the owner", a.Allowed(), w.ledger.committed, w.charged)
	}
}
