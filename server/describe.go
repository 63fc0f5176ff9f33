package server

import (
	"strings"

	"github.com/weirgate/weir/pkg/authn"
	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
	"github.com/weirgate/weir/pkg/target"
)

// describer reads operations by the target's dialect.
type describer struct {
	targets *target.Table
	opens   bool // sealed vectors in requests are opened: a body that may hold some, or be stored, is read, whatever else is in it
}

// Describe implements guard.Describer.
func (d describer) Describe(m authz.Match, req authz.Request) (authz.Operation, bool) {
	api := dialect.Written(dialect.ForTarget(m.Target), m.Host, req.Path)
	path, _ := authn.CutParameter(req.Path, "weir-justification") // for us, whatever the API makes of parameters that it does not know
	_, query, _ := strings.Cut(path, "?")
	op := api.Head(req.Method, m.Path, query, req.Headers)
	if c, ok := api.(dialect.Copier); ok && op.Into != "" && !d.inside(m, c.Other(m.Path, op)) {
		op = dialect.Unknown()
	}
	if !op.Complete { // complete: unknown, or its body would make it nothing else
		return op, api.NeedsBody(req.Method, m.Path)
	}
	if !d.opens {
		return op, false
	}
	_, fields := api.Carries(op)
	return op, len(fields) > 0 || op.Class == authz.ClassWrite && m.Target.Kind == authz.KindVectorDB
}

// inside reports whether both places of a copy belong to one target: policy is asked about one, and its rules may say nothing of what lies in
// another. Which route the other place would take is not known, so that a target which only routes name holds no other.
func (d describer) inside(m authz.Match, other string) bool {
	found, err := d.targets.Resolve(authz.Request{Host: m.Host, Path: other})
	return err == nil && found.Target.Name == m.Target.Name
}
