package guard

import (
	"strings"

	"github.com/weirgate/weir/pkg/authz"
)

// AsksEnvoy reports whether the policy is asked about what Envoy said of the request, and not about an operation (policy.compat): Attributes
// must then be called before Admit, and Body before Refine.
func (a *Admission) AsksEnvoy() bool { return a.g.cfg.Policy.Reads().Envoy }

// Attributes tells what Envoy said of the request: an AttributeContext in its JSON form, without a body.
func (a *Admission) Attributes(attributes map[string]any) {
	a.envoy = &authz.EnvoyRequest{Attributes: attributes}
}

// Body gives the request's body to a policy that reads it. whole is false where it is only the beginning of it. The caller may use body again
// after Refine.
func (a *Admission) Body(body []byte, whole bool) {
	if a.envoy != nil {
		a.envoy.Body, a.bodied = body, whole
	}
}

// wantsBody reports whether the policy reads the body of this request, whatever its dialect needs. The messages of gRPC are not read so.
func (a *Admission) wantsBody() bool {
	return a.g.cfg.Policy.Reads().Body && !a.req.EndOfStream && !strings.HasPrefix(a.req.Headers.Get("content-type"), "application/grpc")
}

// asked is what a policy of policy.compat is asked about; nil for others. A body that the policy reads and that never came is one that was cut
// off: a policy that was taken meanwhile may read more than the last one.
func (a *Admission) asked() *authz.EnvoyRequest {
	if a.envoy == nil {
		return nil
	}
	in := *a.envoy
	in.Truncated = !a.bodied && (a.wantsBody() || len(in.Body) > 0)
	return &in
}

// told keeps of what was asked about only what may be recorded.
func told(in *authz.EnvoyRequest) *authz.EnvoyRequest {
	if in == nil {
		return nil
	}
	return &authz.EnvoyRequest{Recorded: in.Recorded, Hash: in.Hash}
}

// Edits are what the policy does to the exchange's messages; nil for nothing, and in observe mode, where nothing is changed.
func (a *Admission) Edits() *authz.Edits {
	if a.Observed() {
		return nil
	}
	return a.verdict.Edits
}
