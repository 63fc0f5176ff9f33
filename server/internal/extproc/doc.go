// Package extproc serves envoy.service.ext_proc.v3.ExternalProcessor: one stream per HTTP exchange.
//
// It owns the phase machine of a stream and the choice of treatment: which bodies Envoy is asked for, when a message head is withheld,
// what is answered. It composes guard (may it?), dialect (what is it?), inflate (is it compressed?) and vector (what is in it?), and knows
// the traps of the protocol:
//
//   - a handler that returns nil before both directions ended lets everything through, so every way out of a stream that Envoy did not
//     end first is a gRPC error or an ImmediateResponse;
//   - an override that Envoy ignores leaves bodies unseen, so a connection must be attested (seen to deliver a body after an override)
//     before anything depends on it, and until then response heads are withheld;
//   - the response mode only ever goes up.
//
// Two goroutines work on a stream, one at a time under its lock: one reads messages and handles each where it was read, the other waits
// for time to pass and for the end. Streams share nothing but the connection's attestation and the body memory budget.
package extproc
