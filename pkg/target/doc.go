// Package target finds what a request is about: (host, path, route) → authz.Target.
//
// It owns the canonical form of hosts and paths, and the table of guarded things. It trusts what the Envoy route says
// (authz.Request.Route) before what the client says (host and path). It refuses whatever two parsers could read differently, because
// the upstream may read it the other way: a path that is ambiguous matches nothing, it is an error.
package target
