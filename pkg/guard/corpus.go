package guard

import (
	"context"

	"github.com/weirgate/weir/pkg/authz"
)

// Corpus counts distinct documents of corpora that have left, for each subject (pkg/distinct in memory, pkg/redisstore in Redis). Every call is
// idempotent by tenant and claim ID. Any error refuses.
type Corpus interface {
	// Claim says how many documents have left to the subject, and would have with the claim's own and every other claim that is open.
	Claim(ctx context.Context, c authz.DocumentClaim) (authz.Read, error)
	// Commit makes the claim's document one that has left.
	Commit(ctx context.Context, c authz.DocumentClaim) error
	// Drop forgets a claim: its document did not leave by it.
	Drop(ctx context.Context, c authz.DocumentClaim) error
}

// claimDocument claims the document that an answer of a corpus hands out, or a piece of it, and tells the operation how much of the corpus that
// makes. What a redirect under guard leads to was counted where the redirect was.
func (a *Admission) claimDocument(ctx context.Context, p authz.Piece) error {
	if a.g.cfg.Corpus == nil || !a.g.cfg.Policy.Reads().Corpus || a.match.Target.Kind != authz.KindCorpus || a.identity.Leave != nil {
		return nil
	}
	c := authz.DocumentClaim{
		ID: a.id, Tenant: a.tenant(), Target: a.match.Target.Name, Subject: a.identity.Subject.Behind(), Object: p.Object, Version: p.Version,
	}
	r, err := a.g.cfg.Corpus.Claim(ctx, c)
	if err != nil {
		return err
	}
	a.document = &c
	a.op.Corpus = authz.NewCorpus(a.match.Target.Documents, r)
	return nil
}

// commitDocument makes what is claimed one that has left, before any of it does.
func (a *Admission) commitDocument(ctx context.Context) error {
	if a.document == nil {
		return nil
	}
	c := *a.document
	a.document = nil
	return a.g.cfg.Corpus.Commit(ctx, c)
}

// dropDocument gives back what a refused document has claimed. What cannot be given back now lapses by itself.
func (a *Admission) dropDocument(ctx context.Context) {
	if a.document == nil {
		return
	}
	if err := a.g.cfg.Corpus.Drop(ctx, *a.document); err != nil {
		a.g.cfg.Log.Warn("a document of a corpus not given back", "decision", a.id, "cause", err)
	}
	a.document = nil
}

// unseenCorpus is what policy is told where no answer is seen (entry ext_authz): that all of the corpus would have left, where anybody says how
// much that is.
func unseenCorpus(documents int64) *authz.Corpus {
	return authz.NewCorpus(documents, authz.Read{After: max(1, documents)})
}
