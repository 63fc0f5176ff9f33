package extproc

import (
	"strings"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/server/internal/wire"
)

// facts are what the choice of treatment depends on.
type facts struct {
	needsBody bool // the dialect must read the request's body
	judge     bool // the answer may hold vectors
	observe   bool // nothing may be withheld
	static    bool // the route sends bodies in FULL_DUPLEX_STREAMED by configuration
	attested  bool // this connection honours overrides
	counted   bool // the answer's length must be seen: it is bounded, or in this target answers state none, as far as was seen
	head      bool // a HEAD request: its answer has no body
}

// plan is what Envoy is asked for at the request head.
type plan struct {
	standalone bool           // send {FD, FD} at once, before anything that takes time
	hold       bool           // withhold the request head until the body is read
	override   *wire.Override // given with the answer to the request head
	duplex     bool           // the answer's body will come
}

// choose is the whole choice of treatment at the request head, a pure function (design.md §7). The response mode is chosen here once for
// answers that are read; later it only goes up, from NONE, for an answer of unknown length.
func choose(f facts) plan {
	response := (f.judge || f.counted) && !f.head
	switch {
	case f.static:
		return plan{hold: f.needsBody && !f.observe, duplex: true}
	case f.needsBody && f.observe:
		// The body passes while it is read. The answer is read from its head on (NONE goes up there), so that content-length stays.
		return plan{override: &wire.Override{Request: true}}
	case f.observe:
		return plan{}
	case f.needsBody && f.attested:
		return plan{standalone: true, hold: true, duplex: true}
	case f.needsBody:
		// Not attested: a standalone override that Envoy may not heed would open an Envoy with failure_mode_allow. The head goes
		// upstream, the body is withheld until it is judged, and the answer's head waits for a body message.
		return plan{override: &wire.Override{Request: true, Response: true}, duplex: true}
	case response:
		return plan{override: &wire.Override{Response: true}, duplex: true}
	}
	return plan{}
}

// localDetails are the response.code_details of answers that Envoy makes itself, refusals all of them, and that pass Weir unchanged when
// they are small. Anything not listed, an absent value included, is an upstream's answer: a cache behind us answers with
// cache.response_from_cache_filter and the upstream's body.
var localDetails = [...]string{
	"route_not_found", "no_healthy_upstream", "cluster_not_found", "upstream_reset_before_response_started", "upstream_reset_after_response_started",
	"upstream_response_timeout", "response_timeout", "request_overall_timeout", "stream_idle_timeout", "max_duration_timeout", "duration_timeout",
	"overload", "request_headers_too_large", "request_payload_too_large", "response_payload_too_large", "missing_host_header", "missing_path_rejected",
	"path_normalization_failed", "absolute_path_rejected", "upgrade_failed", "low_version", "http1.", "http2.", "ext_authz_denied", "ext_authz_error",
	"jwt_authn_access_denied", "rbac_access_denied", "direct_response", "filter_chain_not_found", "maintenance_mode", "downstream_",
	"upstream_per_try_timeout", "local_ratelimited", "rate_limited", "request_rate_limited", "unsupported_", "invalid_", "internal_redirect",
}

// maxLocal is the largest body of an answer that counts as Envoy's own, in bytes.
const maxLocal = 8 << 10

// isLocal reports whether an answer's head has the marks of Envoy's own refusals. The body is looked at besides.
func isLocal(r authz.Response) bool {
	if r.Status < 300 || r.ContentLength > maxLocal {
		return false
	}
	for _, d := range localDetails {
		if strings.HasPrefix(r.CodeDetails, d) {
			return true
		}
	}
	return false
}

// isUpgrade reports whether the request asks to leave HTTP: Upgrade (RFC 9110 §7.8) or CONNECT (RFC 9110 §9.3.6, RFC 8441).
func isUpgrade(r authz.Request) bool {
	return strings.EqualFold(r.Method, "CONNECT") || len(r.Headers["upgrade"]) > 0
}
