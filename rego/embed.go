// Package rego is the shipped policy, embedded: Rego files under weir/, their numbers in weir/settings.yaml, the schema of their input in
// schemas/input.json, and a cookbook of rules to add, one directory each. It decides nothing by itself; pkg/policy evaluates it, or a
// directory of the operator's in its place.
package rego

import "embed"

// The schema of the input is made from its Go types.
//
//go:generate go test ../pkg/policy -run TestSchemaIsTheInput -count=1 -update

// FS holds weir/ (the policy and its tests), schemas/, cookbook/, template/ (the rule that "weir policy new" writes) and .regal/.
//
//go:embed weir schemas cookbook template all:.regal
var FS embed.FS
