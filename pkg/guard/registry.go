package guard

import (
	"context"

	"github.com/weirgate/weir/pkg/authz"
)

// Registry is what is known of versions of models (pkg/registry). Any error refuses.
type Registry interface {
	// Standing says what the objects that an operation asks for are, the strictest of them. p is the part of one that the answer hands out;
	// nil before the answer, and where it hands out none. l is what the subject came by, where that was a redirect of ours: it is the same object,
	// which had another name there. sure says that the request alone tells, and the answer can add nothing.
	Standing(ctx context.Context, t authz.Target, op authz.Operation, p *authz.Piece, l *authz.Leave) (r authz.Registered, sure bool, err error)
}

// register tells the operation what the registry says of its object. Which version that is, the answer's head may have to tell: until then
// one that is not known is not taken for anything, unless the answer never comes here.
func (a *Admission) register(ctx context.Context, resp *authz.Response) error {
	if a.g.cfg.Registry == nil || !a.takesObject() {
		return nil
	}
	var p *authz.Piece
	if resp != nil {
		p = resp.Object
	} else if a.g.cfg.Entry == "ext_authz" {
		p = &authz.Piece{Object: a.op.Object} // of whatever version
	}
	r, sure, err := a.g.cfg.Registry.Standing(ctx, a.match.Target, a.op, p, a.identity.Leave)
	if err == nil && (r.Known || sure || p != nil) {
		a.op.Registered = &r
	}
	return err
}
