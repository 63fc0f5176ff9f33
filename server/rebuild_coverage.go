package server

import (
	"cmp"
	"context"
	"errors"

	"github.com/weirgate/weir/pkg/audit"
	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/redisstore"
	"github.com/weirgate/weir/server/internal/config"
)

// leftOf returns what a completion says has left of a stored object, and whose that is: as guard claims it. False where no coverage is kept
// of it, or nothing left: what a redirect gave leave for left where that led, if at all.
func leftOf(c *config.Config, f *audit.Fields) (authz.CoverClaim, bool) {
	if f.Entry == operatorEntry || f.SubjectAfter == 0 || f.Enforced != authz.Allow || f.Carried != "" {
		return authz.CoverClaim{}, false
	}
	claim := authz.CoverClaim{
		ID: f.Decision, Tenant: authz.Target{Tenant: f.Tenant}.MeterTenant(), Target: f.Target, Holders: []string{"subject|" + behind(f)},
		Piece: authz.Piece{Object: f.Object, Version: f.Version, Size: f.Size, Offset: f.Offset, Length: f.Length},
	}
	if f.LeaveTarget != "" { // it is the object that was redirected from
		claim.Tenant = authz.Target{Tenant: tenantOf(c, f.LeaveTarget)}.MeterTenant()
		claim.Target, claim.Piece.Object, claim.Piece.Version = f.LeaveTarget, f.LeaveObject, f.LeaveVersion
	}
	for _, g := range f.UserRoles {
		claim.Holders = append(claim.Holders, "group|"+g)
	}
	return claim, true
}

// behind returns whose it is, as authz.Subject.Behind has it.
func behind(f *audit.Fields) string { return cmp.Or(f.Owner, f.UserID) }

// tenantOf returns the tenant of a target as it is configured now.
func tenantOf(c *config.Config, target string) string {
	for _, t := range c.Targets {
		if t.Name == target {
			return t.Tenant
		}
	}
	return ""
}

// readOf returns the document of a corpus that a completion says has left, as guard claims it. False where none is counted, or nothing left. What a
// redirect gave leave for has left with the redirect.
func readOf(f *audit.Fields) (authz.DocumentClaim, bool) {
	if f.Entry == operatorEntry || f.CorpusAfter == 0 || f.Enforced != authz.Allow {
		return authz.DocumentClaim{}, false
	}
	return authz.DocumentClaim{
		ID: f.Decision, Tenant: authz.Target{Tenant: f.Tenant}.MeterTenant(), Target: f.Target, Subject: behind(f), Object: f.Object, Version: f.Version,
	}, true
}

// countPieces counts what restoreDeparted would commit.
func (b *rebuild) countPieces(e audit.Entry) error {
	if e.Event != authz.EventCompletion {
		return nil
	}
	f, err := e.Fields()
	if _, left := leftOf(b.cfg, &f); left {
		b.found.Pieces++
	}
	if _, left := readOf(&f); left {
		b.found.Readings++
	}
	return err
}

// restoreDeparted reads the journals once more, and commits what left of stored objects and of corpora. What has left already counts once; a document
// counts from today.
func (b *rebuild) restoreDeparted(ctx context.Context, s counters) (err error) {
	if b.found.Pieces+b.found.Readings == 0 {
		return nil
	}
	var d departed
	if r, ok := s.(*redisstore.Store); ok {
		d = departed{coverage: r.Coverage(), corpus: r.Documents()}
	} else if d, err = departedInMemory(b.cfg); err != nil {
		return err
	}
	defer func() {
		for _, f := range d.files {
			err = errors.Join(err, f.Close())
		}
	}()
	for _, dir := range b.journals {
		if err := b.read(ctx, dir, func(e audit.Entry) error { return b.depart(ctx, &d, e) }); err != nil {
			return err
		}
	}
	return nil
}

// depart commits what a record says has left.
func (b *rebuild) depart(ctx context.Context, d *departed, e audit.Entry) error {
	if e.Event != authz.EventCompletion {
		return nil
	}
	f, err := e.Fields()
	if err != nil {
		return err
	}
	if claim, left := leftOf(b.cfg, &f); left {
		err = d.coverage.Commit(ctx, claim)
	}
	if claim, left := readOf(&f); left && err == nil {
		err = d.corpus.Commit(ctx, claim)
	}
	return err
}
