package authz

import (
	"strconv"
	"strings"
)

// ScoreMask says what becomes of the scores of an answer: similarities and distances tell the vectors that they were taken of, a query at a
// time. A score stays a number whatever becomes of it, because clients require one. The zero value leaves scores as they are.
type ScoreMask string

// The score masks. Besides, "round:N" rounds to N decimals, 0 to 6; that alone stops nobody who asks often enough.
const (
	ScoreKeep ScoreMask = ""     // as they are
	ScoreRank ScoreMask = "rank" // 1, 2, 3, …: an array's scores in the order in which they stand
	ScoreDrop ScoreMask = "drop" // 0
)

// maxDecimals is how many decimals a score may be rounded to.
const maxDecimals = 6

// Decimals returns the N of "round:N"; ok is false for any other mask.
func (m ScoreMask) Decimals() (n int, ok bool) {
	digits, ok := strings.CutPrefix(string(m), "round:")
	if !ok || len(digits) != 1 {
		return 0, false
	}
	n, err := strconv.Atoi(digits)
	return n, err == nil && n <= maxDecimals
}

// Valid reports whether m is a score mask.
func (m ScoreMask) Valid() bool {
	_, rounds := m.Decimals()
	return rounds || m == ScoreKeep || m == ScoreRank || m == ScoreDrop
}

// strength orders the masks: the larger tells the client less. What is none of them tells nothing.
func (m ScoreMask) strength() int {
	if n, ok := m.Decimals(); ok {
		return 1 + maxDecimals - n
	}
	switch m {
	case ScoreKeep:
		return 0
	case ScoreRank:
		return 2 + maxDecimals
	default:
		return 3 + maxDecimals
	}
}

// Stricter returns the mask of the two that tells the client less.
func (m ScoreMask) Stricter(o ScoreMask) ScoreMask {
	if o.strength() > m.strength() {
		return o
	}
	return m
}
