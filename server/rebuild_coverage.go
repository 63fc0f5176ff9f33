package server

import (
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
		ID: f.Decision, Tenant: authz.Target{Tenant: f.Tenant}.MeterTenant(), Target: f.Target, Holders: []string{"subject|" + f.UserID},
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

// tenantOf returns the tenant of a target as it is configured now.
func tenantOf(c *config.Config, target string) string {
	for _, t := range c.Targets {
		if t.Name == target {
			return t.Tenant
		}
	}
	return ""
}

// countPieces counts what restoreCoverage would commit.
func (b *rebuild) countPieces(e audit.Entry) error {
	if e.Event != authz.EventCompletion {
		return nil
	}
	f, err := e.Fields()
	if _, left := leftOf(b.cfg, &f); left {
		b.found.Pieces++
	}
	return err
}

// restoreCoverage reads the journals once more, and commits what left of stored objects. What has left already counts once.
func (b *rebuild) restoreCoverage(ctx context.Context, s counters) (err error) {
	if b.found.Pieces == 0 {
		return nil
	}
	var commit func(context.Context, authz.CoverClaim) error
	if r, ok := s.(*redisstore.Store); ok {
		commit = r.Coverage().Commit
	} else {
		m, failed := coverageInMemory(b.cfg)
		if failed != nil {
			return failed
		}
		defer func() { err = errors.Join(err, m.Close()) }()
		commit = m.Commit
	}
	for _, dir := range b.journals {
		if err := b.read(ctx, dir, func(e audit.Entry) error {
			if e.Event != authz.EventCompletion {
				return nil
			}
			f, err := e.Fields()
			if err != nil {
				return err
			}
			if claim, left := leftOf(b.cfg, &f); left {
				return commit(ctx, claim)
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}
