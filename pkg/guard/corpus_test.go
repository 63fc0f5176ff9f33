package guard_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/guard"
)

// reader is what somebody has read of a corpus, as the test says; it holds the guard to what a store is owed: nothing is committed or dropped
// that was not claimed.
type reader struct {
	read               authz.Read
	err                error
	open               map[string]authz.DocumentClaim
	committed, dropped []authz.DocumentClaim
}

func (s *reader) Claim(_ context.Context, c authz.DocumentClaim) (authz.Read, error) {
	if s.err != nil {
		return authz.Read{}, s.err
	}
	s.open[c.ID] = c
	return s.read, nil
}

func (s *reader) Commit(_ context.Context, c authz.DocumentClaim) error {
	return s.end(c, &s.committed)
}

func (s *reader) Drop(_ context.Context, c authz.DocumentClaim) error { return s.end(c, &s.dropped) }

func (s *reader) end(c authz.DocumentClaim, to *[]authz.DocumentClaim) error {
	if _, ok := s.open[c.ID]; !ok {
		return errors.New("nothing is claimed")
	}
	delete(s.open, c.ID)
	*to = append(*to, c)
	return nil
}

// inCorpus is a world in which somebody reads a corpus of 100 documents.
func inCorpus(t *testing.T) (*world, *reader) {
	w := reading(t)
	w.target.Kind, w.target.Documents, w.reads.Corpus = authz.KindCorpus, 100, true
	s := &reader{open: map[string]authz.DocumentClaim{}, read: authz.Read{Before: 9, After: 10}}
	w.rebuild(func(c *guard.Config) { c.Corpus = s })
	return w, s
}

// TestDocumentsAreCounted: policy is told how much of the corpus somebody has read, before any of the document leaves; what it refuses counts for
// nothing, what it allows is committed.
func TestDocumentsAreCounted(t *testing.T) {
	w, s := inCorpus(t)
	ask := func() *guard.Admission {
		a := w.guard.Begin(authz.Request{Method: "GET"})
		a.Admit(t.Context())
		a.Respond(t.Context(), piece(0, 10, 10))
		return a
	}
	a := ask()
	want := &authz.Corpus{Documents: 100, Read: s.read, Share: &authz.Covered{Before: .09, After: .1}}
	if diff := cmp.Diff(want, w.inputs[1].Operation.Corpus); diff != "" || !a.Allowed() {
		t.Errorf("allowed %v; policy saw (-want +got):\n%s", a.Allowed(), diff)
	}
	claim := authz.DocumentClaim{ID: a.ID(), Tenant: "acme", Target: "embeddings", Subject: "https://i|ada", Object: "/a", Version: "v1"}
	if diff := cmp.Diff([]authz.DocumentClaim{claim}, s.committed); diff != "" || len(s.dropped) > 0 {
		t.Errorf("committed (-want +got): %s; dropped %v", diff, s.dropped)
	}
	w.second = &authz.Decision{Effect: authz.Deny, Rule: "corpus"}
	if b := ask(); b.Allowed() || len(s.committed) != 1 || len(s.dropped) != 1 || len(s.open) > 0 {
		t.Errorf("allowed %v, %d committed, %d dropped, %d open", b.Allowed(), len(s.committed), len(s.dropped), len(s.open))
	}
}

// TestSharesOfACorpus: a corpus of no stated size has numbers only, and nobody has read more than all of one.
func TestSharesOfACorpus(t *testing.T) {
	if c := authz.NewCorpus(0, authz.Read{Before: 3, After: 4}); c.Share != nil || c.Read.After != 4 {
		t.Errorf("%+v", c)
	}
	if c := authz.NewCorpus(3, authz.Read{Before: 3, After: 4}); *c.Share != (authz.Covered{Before: 1, After: 1}) {
		t.Errorf("%+v", c.Share)
	}
}

// TestWhatIsNoDocument is counted nowhere.
func TestWhatIsNoDocument(t *testing.T) {
	for name, set := range map[string]func(w *world, req *authz.Request){
		"a head":                        func(_ *world, req *authz.Request) { req.Method = "HEAD" },
		"an object of no corpus":        func(w *world, _ *authz.Request) { w.target.Kind = authz.KindWeights },
		"what no rule has a word about": func(w *world, _ *authz.Request) { w.reads.Corpus = false },
	} {
		w, s := inCorpus(t)
		req := authz.Request{Method: "GET"}
		set(w, &req)
		a := w.guard.Begin(req)
		a.Admit(t.Context())
		a.Respond(t.Context(), piece(0, 10, 10))
		if !a.Allowed() || len(s.committed)+len(s.dropped) > 0 || a.Operation().Corpus != nil {
			t.Errorf("%s: allowed %v, %v", name, a.Allowed(), s.committed)
		}
	}
}

// TestNoDocumentLeavesUncounted: counts that cannot be read, or written, refuse; and where no answer is seen, all of the corpus would leave.
func TestNoDocumentLeavesUncounted(t *testing.T) {
	w, s := inCorpus(t)
	s.err = &authz.Error{Kind: authz.KindUnavailable, Label: "store_unavailable", Err: errors.New("x")}
	a := w.guard.Begin(authz.Request{Method: "GET"})
	a.Admit(t.Context())
	if d := a.Respond(t.Context(), piece(0, 10, 1<<20)); a.Allowed() || d.Rule != "weir.store_unavailable" || len(w.ledger.open) > 0 {
		t.Errorf("allowed %v by %q, %d parts claimed", a.Allowed(), d.Rule, len(w.ledger.open))
	}
	w, s = inCorpus(t)
	w.rebuild(func(c *guard.Config) { c.Corpus, c.Entry = s, "ext_authz" })
	w.guard.Begin(authz.Request{Method: "GET"}).Admit(t.Context())
	if c := w.inputs[0].Operation.Corpus; c == nil || *c.Share != (authz.Covered{After: 1}) {
		t.Errorf("with ext_authz alone policy saw %+v", c)
	}
}

// TestDocumentsAreHandedOver: the second filter knows how large the corpus is.
func TestDocumentsAreHandedOver(t *testing.T) {
	w, _ := inCorpus(t)
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
	b.Respond(t.Context(), piece(0, 10, 10))
	if c := b.Operation().Corpus; c == nil || c.Documents != 100 {
		t.Errorf("%+v", c)
	}
}

// TestForwardedDocuments: one that a redirect under guard leads to counts at the redirect, and not once more where it is followed.
func TestForwardedDocuments(t *testing.T) {
	w, s := inCorpus(t)
	a := w.guard.Begin(authz.Request{Method: "GET"})
	a.Admit(t.Context())
	resp := piece(0, 10, 10)
	resp.Status, resp.Forwarded = 302, true
	if a.Respond(t.Context(), resp); !a.Allowed() || len(s.committed) != 1 || len(s.open) > 0 {
		t.Errorf("allowed %v, %d committed, %d open", a.Allowed(), len(s.committed), len(s.open))
	}
	w, s = inCorpus(t)
	w.leave = &authz.Leave{Target: "embeddings", Tenant: "acme", Object: "/a", Version: "v1", Size: 10, Budget: 150}
	b := w.guard.Begin(authz.Request{Method: "GET"})
	b.Admit(t.Context())
	b.Respond(t.Context(), piece(0, 10, 10))
	if !b.Allowed() || len(s.committed)+len(s.dropped) > 0 {
		t.Errorf("allowed %v, and counted again where it is followed: %v", b.Allowed(), s.committed)
	}
}
