// Package harness runs the real programs that Weir's tests, benchmarks and examples are made of: Envoy, weir itself, and an upstream whose
// answers can be shaped to the awkward ones that occur in the field.
//
// It owns child processes and loopback ports, and cleans up what it started. It is for tests on one machine: nothing in it is secure, and
// nothing in the weir binary imports it.
package harness
