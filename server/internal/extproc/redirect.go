package extproc

import (
	"slices"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/target"
)

// Redirects knows where redirects lead, and gives leave to follow them.
type Redirects interface {
	// Lead tells where the location of an answer to a request leads.
	Lead(req authz.Request, location string) target.Lead
	// Carry returns the location with leave in it for whoever made the request, and that by its name as a credential; both empty where what it
	// leads to takes none: then the client shows something else there, or is refused. An error refuses.
	Carry(req authz.Request, to target.Lead, id authz.Identity, leave authz.Leave) (location, credential string, err error)
}

// redirected reports whether clients follow an answer of that status to its Location, by the method that they asked with or by GET. Some follow all
// that send one (curl), 304 aside.
func redirected(status int) bool { return status >= 300 && status < 400 && status != 304 }

// elsewhere is the object that a redirect hands out of which nobody says how large it is.
func elsewhere(op authz.Operation, resp *authz.Response) (authz.Piece, bool) {
	reads := op.Class == authz.ClassRead || op.Class == authz.ClassExport
	if !redirected(resp.Status) || !reads || op.Object == "" || len(resp.Headers["location"]) == 0 {
		return authz.Piece{}, false
	}
	return authz.Piece{Object: op.Object, Size: authz.UnknownLength, Length: authz.UnknownLength}, true
}

// leadsHome finds where a redirect leads, and reports whether to the very host that was asked: whoever follows asks here again, and shows again who
// asks. In observe mode nothing of an answer is changed, so that nothing is found.
func (st *stream) leadsHome(resp *authz.Response) bool {
	st.lead = nil
	to := resp.Headers["location"]
	if !redirected(resp.Status) || len(to) != 1 || st.s.cfg.Redirects == nil || st.adm.Observed() {
		return false
	}
	lead := st.s.cfg.Redirects.Lead(st.req, to[0])
	if lead.Guarded && !lead.Home {
		st.lead = &lead
	}
	return lead.Home
}

// follow does what an object is due that an answer hands out elsewhere: to another guarded host the client gets leave to go, and what it has there
// is counted there; anywhere else it is not seen, so that the answer is the release. A HEAD is no less: huggingface_hub asks by HEAD
// where a file is, and for the file there.
func (st *stream) follow() error {
	if err := st.chargeRedirect(); err != nil || st.refused || st.lead == nil {
		return err
	}
	p, op, t := st.response.head.Object, st.adm.Operation(), st.adm.Target()
	leave := authz.Leave{
		Target: t.Name, Tenant: t.MeterTenant(), Object: p.Object, Version: p.Version, Size: p.Size,
		Artifact: op.Artifact, Justification: st.adm.Words(), Credential: st.adm.Identity().Subject.Credential,
	}
	if had := st.adm.Identity().Leave; had != nil { // one redirect after the other: it is still the first one's object, and budget
		leave = *had
	}
	location, credential, err := st.s.cfg.Redirects.Carry(st.req, *st.lead, st.adm.Identity(), leave)
	if err != nil {
		return st.deny(authz.AsError(err))
	}
	if location != "" {
		st.adm.Carries(credential)
		m := &st.response.mutation
		m.Set = slices.DeleteFunc(m.Set, func(kv [2]string) bool { return kv[0] == "cache-control" })
		m.Set = append(m.Set, [2]string{"location", location}, [2]string{"cache-control", "private, no-store"}) // a bearer's secret, and soon worth nothing
		m.Remove = append(m.Remove, "expires")
	}
	return nil
}

// chargeRedirect charges an object that the answer hands out elsewhere: whoever follows the redirect is not seen here. Where it is seen, it is
// only asked whether there is room for it, so that one that would pass the budget is refused here already.
func (st *stream) chargeRedirect() error {
	n := st.response.head.Object.Length
	if n == authz.UnknownLength {
		if st.lead != nil || !st.adm.Limits(authz.UnitBytes) {
			return nil
		}
		return st.deny(&authz.Error{Kind: authz.KindBadAnswer, Label: "length_unknown", Public: "the upstream sends you elsewhere for an object and does not say how large it is"})
	}
	want := authz.Volume{}.With(authz.UnitBytes, n)
	got, err := st.adm.Spend(st.ctx, want)
	if err != nil {
		return st.deny(authz.AsError(err))
	}
	if !got.Covers(want) {
		return st.refuse()
	}
	if st.lead == nil {
		st.response.left = want
	}
	return nil
}
