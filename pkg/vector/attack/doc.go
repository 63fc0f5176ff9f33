// Package attack tries on masked vectors what a client could try, so that the documentation cannot claim more than is true.
//
// It has tests only. The attacks must win on obfuscation and must lose on the masks that protect; one that stops winning is as much a failure
// as one that starts to. What they reach is written to STRENGTH.md, beside package vector, by make attacks.
package attack
