// Package wire holds the only conversions between Envoy's protobuf messages and Weir's own words, in both directions, and the table from
// authz.Kind to HTTP status and gRPC code.
//
// It trusts the gRPC connection to be Envoy's (the listener sees to that) and, of what a message says, only what Envoy itself states:
// attributes, metadata_context, gRPC metadata. Everything taken from a client's header stays a hint. It refuses messages that merge
// several bodies, and it keeps request bodies by reference: body bytes are neither copied nor unmarshalled on their way through.
package wire
