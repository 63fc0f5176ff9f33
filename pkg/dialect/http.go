package dialect

import (
	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
)

// HTTP is an upstream of no known dialect: its operations have no meaning here beyond the method, and its answers are measured, not read.
// It suits targets whose policy is about who and how much only.
type HTTP struct {
	// Judge has answers read all the same: JSON without declared vectors. See ForTarget.
	Judge bool
}

// Name implements Dialect.
func (HTTP) Name() string { return "http" }

// NeedsBody implements Dialect.
func (HTTP) NeedsBody(string, string) bool { return false }

// Head implements Dialect.
func (d HTTP) Head(method, p, q string, h authz.Header) authz.Operation {
	op := Files{}.Head(method, p, q, h)
	if d.Judge {
		op.Vectors, op.Documents = authz.Unbounded, authz.Unbounded
	}
	return op
}

// Body implements Dialect.
func (HTTP) Body(op authz.Operation, _ []byte) (authz.Operation, error) { return op, nil }

// Carries implements Dialect: nothing is known of its bodies.
func (HTTP) Carries(authz.Operation) (scan.Format, []scan.Field) { return "", nil }

// Answer implements Dialect.
func (d HTTP) Answer(authz.Operation, authz.Response) Answer {
	if d.Judge {
		return judged()
	}
	return Answer{}
}
