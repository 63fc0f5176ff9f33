package authz

import "time"

// Header holds HTTP header fields by lower-case name, values in the order in which they arrived. Pseudo-headers are not in it.
type Header map[string][]string

// Get returns the first value of a lower-case name, or "".
func (h Header) Get(name string) string {
	if v := h[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// Request is the head of an exchange as Envoy saw it. Nothing in it is trusted but what says so.
type Request struct {
	Method   string
	Scheme   string
	Host     string // :authority as sent
	Path     string // :path as sent, query included
	Protocol string // "HTTP/1.1", "HTTP/2", or "" when Envoy did not say
	Headers  Header
	Source   string // address of the direct peer, "ip:port"; trusted (Envoy's attribute)

	// Route is the target's name as the Envoy route states it (context_extensions, grpc_initial_metadata); trusted, and empty when
	// the route does not name one.
	Route string
	// Peer is the SPIFFE or DNS name of the client certificate that Envoy verified; empty without one.
	Peer string
	// Certificate is the client certificate of Envoy's connection; trusted.
	Certificate Certificate
	// RequestID is Envoy's x-request-id. A client may choose it: it is written down, never relied on.
	RequestID string
	// TraceParent is the W3C traceparent to continue, Envoy's own where it traces, else the client's; possibly malformed.
	TraceParent string
	// EndOfStream is true when the request has no body.
	EndOfStream bool
	// Time is when Weir saw the request.
	Time time.Time
}

// Certificate is a client certificate, as far as Envoy tells of it. The zero value: there is none, or Envoy does not tell.
type Certificate struct {
	Digest   string // SHA-256 of the certificate, lower-case hexadecimal
	Verified bool   // Envoy has verified it against its authorities; false where it does not say
	URI      string // its first URI, where there is one: a SPIFFE ID
	DNS      string // its first DNS name
	Subject  string // its subject, as in RFC 2253
	DER      string // itself, where Envoy hands it over without a word on whether it has verified it; empty elsewhere
}

// UnknownLength is the ContentLength of a response that does not state one.
const UnknownLength int64 = -1

// Response is the head of an answer, and what its first bytes showed.
type Response struct {
	Status          int    `json:"status"`
	ContentType     string `json:"content_type,omitempty"`
	ContentLength   int64  `json:"content_length"` // UnknownLength when not stated
	ContentEncoding string `json:"-"`
	// Artifact is what its first bytes showed, and those of other answers with the same object before.
	Artifact Artifact `json:"artifact,omitzero"`
	// Unseen says that the object's content was looked at, and what was seen of it does not tell what it is: a piece from its middle.
	Unseen bool `json:"-"`
	// Object is the part of a stored object that it hands out; nil where it hands out none.
	Object *Piece `json:"object,omitempty"`
	// Forwarded says that it redirects to another guarded host: the object leaves there, and is counted there, and none of it leaves here.
	Forwarded   bool   `json:"-"`
	Headers     Header `json:"-"`
	EndOfStream bool   `json:"-"`
	// CodeDetails is Envoy's response.code_details: "via_upstream" for an upstream's answer.
	CodeDetails string `json:"-"`
}
