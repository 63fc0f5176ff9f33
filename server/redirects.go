package server

import (
	"time"

	"github.com/weirgate/weir/pkg/authn"
	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/target"
	"github.com/weirgate/weir/server/internal/config"
)

// redirects gives leave to follow redirects between guarded hosts: it implements extproc.Redirects.
type redirects struct {
	table    *target.Table
	authn    *authn.Authenticator // nil where policy.identity leaves tokens to the policy: then there is no leave to give
	lifetime time.Duration
	budget   int64
}

func newRedirects(c *config.Config, table *target.Table, a *authn.Authenticator) *redirects {
	return &redirects{table: table, authn: a, lifetime: c.Capabilities.RedirectLifetime, budget: int64(c.Capabilities.RedirectBudget)}
}

// Lead implements extproc.Redirects.
func (r *redirects) Lead(req authz.Request, location string) target.Lead {
	return r.table.Lead(req, location)
}

// Carry implements extproc.Redirects.
func (r *redirects) Carry(req authz.Request, to target.Lead, id authz.Identity, leave authz.Leave) (location, credential string, err error) {
	if r.authn == nil || r.authn.Parameter(to.Target.Name) == "" {
		return "", "", nil
	}
	if id.Leave == nil {
		leave.Budget = r.budget
	}
	location, credential, err = r.authn.Carry(authn.Redirect{
		Request: req, Identity: id, Location: to.Location, Target: to.Target.Name, Leave: leave, Lifetime: r.lifetime,
	})
	return location + to.Fragment, credential, err
}
