package authz

import "slices"

// Flag is a rule's mark on an exchange, for those who read records: it refuses nothing, and the requester is not told.
type Flag struct {
	Name   string `json:"name"`   // what was noticed, such as "repeated_attempts"; see WellformedFlag
	Rule   string `json:"rule"`   // the rule that noticed, such as "weir.rules.attempts"
	Reason string `json:"reason"` // for whoever reads the record: never a secret
}

// WellformedFlag reports whether s may name a flag: lower-case letters, digits and '_', a letter first, at most 64. Names are labels of a
// metric, so they are few and do not hold what a request says.
func WellformedFlag(s string) bool { return Meter(s).Wellformed() }

// JoinFlags returns the flags of both, each once, those of a first. Of one rule's flag of one name the reason of a is kept.
func JoinFlags(a, b []Flag) []Flag {
	out := slices.Clip(a)
	for _, f := range b {
		if !slices.ContainsFunc(out, func(o Flag) bool { return o.Name == f.Name && o.Rule == f.Rule }) {
			out = append(out, f)
		}
	}
	return out
}
