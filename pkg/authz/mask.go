package authz

import (
	"slices"
	"strings"
)

// MaskMode says what happens to the vectors of an answer. The zero value means "not said", which Weir treats as MaskRedact wherever
// an answer can show vectors: raw must be said.
type MaskMode string

// The mask modes. MaskNone releases raw vectors. The obfuscations leave vectors that a client can compute on, and do not protect them
// (pkg/vector/STRENGTH.md). The others protect them.
const (
	MaskUnset  MaskMode = ""       // not said: redact
	MaskNone   MaskMode = "none"   // vectors leave as they are
	MaskSeal   MaskMode = "seal"   // encrypted in place, as many valid floats; opened again on the way in
	MaskToken  MaskMode = "token"  // pseudo-random unit vectors: equal ones stay equal, nothing else is left
	MaskZero   MaskMode = "zero"   // same number of dimensions, all zero
	MaskUnit   MaskMode = "unit"   // as zero, but 1, 0, 0, …: for databases that refuse a vector without a length
	MaskRedact MaskMode = "redact" // empty vectors
	MaskRefuse MaskMode = "refuse" // an answer that holds a vector is refused

	MaskRotate      MaskMode = "obfuscate:rotate"
	MaskNoise       MaskMode = "obfuscate:noise"
	MaskRotateNoise MaskMode = "obfuscate:rotate+noise"
	MaskTruncate    MaskMode = "obfuscate:truncate"
	MaskQuantize    MaskMode = "obfuscate:quantize"
)

// MaskModes lists the mask modes, the one that tells the client most first. Tighten keeps the later of two.
func MaskModes() []MaskMode {
	return []MaskMode{
		MaskNone, MaskQuantize, MaskTruncate, MaskNoise, MaskRotate, MaskRotateNoise, MaskSeal, MaskToken, MaskUnit, MaskZero, MaskRedact, MaskRefuse,
	}
}

// strength orders the masks: the larger tells the client less. What was not said, and what is not known, counts as redact.
func (m MaskMode) strength() int {
	switch m { // no list is made: this is on the request path
	case MaskNone:
		return 0
	case MaskQuantize:
		return 1
	case MaskTruncate:
		return 2
	case MaskNoise:
		return 3
	case MaskRotate:
		return 4
	case MaskRotateNoise:
		return 5
	case MaskSeal:
		return 6
	case MaskToken:
		return 7
	case MaskUnit:
		return 8
	case MaskZero:
		return 9
	case MaskRefuse:
		return 11
	}
	return 10
}

// Valid reports whether m is a mask mode; MaskUnset is none.
func (m MaskMode) Valid() bool { return m == MaskRedact || m.strength() != MaskRedact.strength() }

// Obfuscates reports whether m leaves vectors that can be computed on. Such a mask is no protection.
func (m MaskMode) Obfuscates() bool { return strings.HasPrefix(string(m), "obfuscate:") }

// Protects reports whether nothing about a vector can be computed from what m leaves of it, beyond which vectors are the same.
func (m MaskMode) Protects() bool { return m != MaskNone && !m.Obfuscates() }

// Keyed reports whether m is made with the installation's mask keys.
func (m MaskMode) Keyed() bool { return m == MaskSeal || m == MaskToken || m.Obfuscates() }

// Unit is what a vector that leaves under m is charged to: one that a client can use is charged as it would be raw, a sealed one too,
// since it can be handed back in.
func (m MaskMode) Unit() Unit {
	if m == MaskNone || m == MaskSeal || m.Obfuscates() {
		return UnitVectors
	}
	return UnitVectorsMasked
}

// Stricter returns the mask of the two that tells the client less; MaskUnset counts as MaskRedact.
func (m MaskMode) Stricter(o MaskMode) MaskMode {
	if o.strength() > m.strength() {
		return o
	}
	if m == MaskUnset {
		return MaskRedact
	}
	return m
}

// Mask is the obligation to change an answer. The zero value redacts vectors.
type Mask struct {
	Vectors MaskMode  `json:"vectors,omitempty"`
	Scores  ScoreMask `json:"scores,omitempty"` // of a search
	Fields  []string  `json:"fields,omitempty"` // JSON paths of the answer (scan.Field) whose values are emptied
	// Strict has an answer refused that holds what looks like a vector where its API has none; without it that is masked like the others.
	Strict bool `json:"strict,omitempty"`
}

// Equal reports whether two masks say the same.
func (m Mask) Equal(o Mask) bool {
	return m.Vectors == o.Vectors && m.Scores == o.Scores && m.Strict == o.Strict && slices.Equal(m.Fields, o.Fields)
}

// Tighten joins two masks; the stricter part of each wins.
func (m Mask) Tighten(o Mask) Mask {
	m.Vectors, m.Scores, m.Strict = m.Vectors.Stricter(o.Vectors), m.Scores.Stricter(o.Scores), m.Strict || o.Strict
	for _, f := range o.Fields {
		if !slices.Contains(m.Fields, f) {
			m.Fields = append(slices.Clip(m.Fields), f)
		}
	}
	return m
}
