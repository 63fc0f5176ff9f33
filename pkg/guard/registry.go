package guard

import (
	"context"

	"github.com/weirgate/weir/pkg/authz"
)

// Registry is what is known of versions of models (pkg/registry). Any error refuses.
type Registry interface {
	// Standing says what the objects that an operation asks for are, the strictest of them. p is the part of one that the answer hands out;
	// nil before the answer, and where it hands out none. sure says that the request alone tells, and the answer can add nothing.
	Standing(ctx context.Context, t authz.Target, op authz.Operation, p *authz.Piece) (r authz.Registered, sure bool, err error)
}

// register tells the operation what the registry says of its object. Which version that is, the answer's head may have to tell: until then
// one that is not known is not taken for anything, unless the answer never comes here.
func (a *Admission) register(ctx context.Context, resp *authz.Response) error {
	if a.g.cfg.Registry == nil || !a.takesObject() {
		return nil
	}
	var p *authz.Piece
	last := a.g.cfg.Entry == "ext_authz"
	if resp != nil {
		p, last = resp.Object, last || resp.Object != nil || a.sentElsewhere(resp)
	}
	op := a.op
	if l := a.identity.Leave; l != nil { // it has the name and the version of where the redirect was
		op.Object, op.Version = l.Object, l.Version
		if p != nil {
			p = &authz.Piece{Object: l.Object, Version: l.Version, Size: p.Size, Offset: p.Offset, Length: p.Length}
		}
	}
	r, sure, err := a.g.cfg.Registry.Standing(ctx, a.match.Target, op, p)
	if err == nil && (r.Known || sure || last) {
		a.op.Registered = &r
	}
	return err
}

// sentElsewhere reports whether an answer sends the client to another place for a model version whose content it does not state: that hands
// it out, whatever it is.
func (a *Admission) sentElsewhere(resp *authz.Response) bool {
	return a.g.cfg.Registry != nil && a.takesObject() && resp.Object == nil && resp.Status >= 300 && resp.Status < 400 && resp.Status != 304
}
