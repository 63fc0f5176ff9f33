package guard

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"strconv"

	"github.com/weirgate/weir/pkg/authz"
)

// Coverage keeps which parts of stored objects have left, and to whom (pkg/coverage in memory, pkg/redisstore in Redis). Every call is
// idempotent by tenant and claim ID. Any error refuses.
type Coverage interface {
	// Claim says how much of an object has left to each holder, and would have with the claim's piece and every other claim that is open.
	Claim(ctx context.Context, c authz.CoverClaim) ([]authz.Covered, error)
	// Commit makes the claim's piece one that has left.
	Commit(ctx context.Context, c authz.CoverClaim) error
	// Drop forgets a claim: nothing of it has left.
	Drop(ctx context.Context, c authz.CoverClaim) error
}

// defaultUnseen is Target.Unseen where the target says none.
const defaultUnseen = 1 << 20

// smallObject is the size in bytes below which no coverage is kept of an object that nobody calls an artifact.
const smallObject = 1 << 20

// takesObject reports whether the operation asks for a stored object.
func (a *Admission) takesObject() bool {
	return a.op.Object != "" && (a.op.Class == authz.ClassRead || a.op.Class == authz.ClassExport)
}

// object takes up what an answer hands out of a stored object: what it is, from now on, and how much of it has left.
func (a *Admission) object(ctx context.Context, resp *authz.Response) error {
	a.piece, a.artifact = resp.Object, resp.Artifact
	if err := a.heldTo(ctx, resp); err != nil {
		return err
	}
	if resp.Unseen {
		opaque, err := a.unseen(ctx, *resp.Object)
		if err != nil {
			return err
		}
		if opaque {
			a.artifact = authz.Artifact{Class: authz.ArtifactOpaque}
			resp.Artifact = a.artifact
		}
	}
	a.op.Artifact = authz.StricterArtifact(a.op.Artifact, a.artifact.Class)
	leaves := a.req.Method != "HEAD" || redirects(resp)
	if err := a.claimCoverage(ctx, *resp.Object, leaves); err != nil || !leaves {
		return err
	}
	return a.claimDocument(ctx, *resp.Object)
}

// unseen books a piece of an object that nobody knows, and reports whether the subject has had too much of it for that. Its versions share
// what there is: to an upstream that states another one in each answer, each would have it anew.
func (a *Admission) unseen(ctx context.Context, p authz.Piece) (opaque bool, err error) {
	most := a.match.Target.Unseen
	if most == 0 {
		most = defaultUnseen
	}
	if p.Length == authz.UnknownLength || p.Length > most {
		return true, nil
	}
	key := authz.MeterKey{Meter: authz.MeterUnseen, Key: a.identity.Subject.Behind() + "|" + a.match.Target.Name + "|" + digest(p.Object)}
	r := authz.Reservation{
		ID: a.id + ".unseen", Tenant: a.tenant(), Keys: []authz.MeterKey{key}, Volume: authz.Volume{}.With(authz.UnitBytes, p.Length),
		Limits: []authz.Limit{{Meter: key.Meter, Key: key.Key, Unit: authz.UnitBytes, Window: authz.UnseenWindow, Max: most}},
	}
	q, err := a.g.cfg.Store.Reserve(ctx, r)
	if err == nil && len(q.Over) == 0 {
		a.unknown = &r
	}
	return len(q.Over) > 0, err
}

// digest names something by a hash, so that no name is too long for a key.
func digest(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(strconv.Itoa(len(p)) + ":" + p))
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16])
}

// claimCoverage claims the piece for the subject and for its groups, and tells the operation what that makes. Of what is small and nobody
// calls an artifact no coverage is kept, nor of a head alone, from which nothing leaves.
func (a *Admission) claimCoverage(ctx context.Context, p authz.Piece, leaves bool) error {
	known := a.op.Artifact != ""
	if a.g.cfg.Coverage == nil || !leaves || !known && p.Size != authz.UnknownLength && p.Size < smallObject {
		return nil
	}
	c := authz.CoverClaim{ID: a.id, Tenant: a.tenant(), Target: a.match.Target.Name, Piece: p, Holders: []string{"subject|" + a.identity.Subject.Behind()}}
	if l := a.identity.Leave; l != nil { // it is the same object as where the redirect was, and covered once
		c.Tenant, c.Target, c.Piece.Object, c.Piece.Version = l.Tenant, l.Target, l.Object, l.Version
	}
	for _, g := range a.identity.Subject.Groups { // more than coverage can be kept for are an error of Claim, which refuses
		c.Holders = append(c.Holders, "group|"+g)
	}
	shares, err := a.g.cfg.Coverage.Claim(ctx, c)
	if err != nil {
		return err
	}
	a.claimed = &c
	cover := authz.Coverage{Subject: shares[0]}
	for _, s := range shares[1:] {
		if tells(s, cover.Group) {
			cover.Group = s
		}
	}
	a.op.Coverage = &cover
	return nil
}

// tells reports whether a group's coverage tells more than another group's. One that gains goes before one that does not: who shares a group
// with somebody who has had all of it would hide behind that what his other groups gain.
func tells(s, than authz.Covered) bool {
	if gains := s.After > s.Before; gains != (than.After > than.Before) {
		return gains
	}
	return s.After > than.After || s.After == than.After && s.Before > than.Before
}

// commitCoverage makes what is claimed one that has left, before any of it does.
func (a *Admission) commitCoverage(ctx context.Context) error {
	if a.claimed == nil {
		return nil
	}
	c := *a.claimed
	a.claimed = nil
	return a.g.cfg.Coverage.Commit(ctx, c)
}

// letGo gives back what a refused piece of an object has claimed: it burns nothing. What cannot be given back now lapses by itself.
func (a *Admission) letGo(ctx context.Context) {
	if a.claimed != nil {
		if err := a.g.cfg.Coverage.Drop(ctx, *a.claimed); err != nil {
			a.g.cfg.Log.Warn("coverage not given back", "decision", a.id, "cause", err)
		}
		a.claimed = nil
	}
	a.dropDocument(ctx)
	if a.unknown != nil {
		if err := a.g.cfg.Store.Cancel(ctx, *a.unknown); err != nil {
			a.g.cfg.Log.Warn("bytes of an unknown object not given back", "decision", a.id, "cause", err)
		}
		a.unknown = nil
	}
	if a.having != nil {
		if err := a.g.cfg.Store.Cancel(ctx, *a.having); err != nil {
			a.g.cfg.Log.Warn("an object that was refused stays noted as one that may be had", "decision", a.id, "cause", err)
		}
		a.having = nil
	}
}
