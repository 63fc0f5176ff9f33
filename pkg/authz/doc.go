// Package authz is the vocabulary of Weir: the only words used in code, configuration, Rego, logs and documentation.
//
// It owns the domain types that every other package speaks (Subject, Target, Operation, Request, Response, Input, Decision, Limit,
// Volume, Record) and the few pure functions on them. It trusts nothing and does no I/O. It imports the standard library only, so that
// every feature may import it and no feature needs to import another.
//
// The zero value of every type that decides anything refuses: Effect is Deny, MaskMode redacts, RecordMode is durable.
package authz
