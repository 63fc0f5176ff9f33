package main

import (
	"fmt"
	"strings"

	"github.com/weirgate/weir/pkg/authz"
)

// table is lines of a name and a text, for a terminal.
type table struct{ b strings.Builder }

// row adds a line, unless there is nothing to say.
func (t *table) row(name, text string) {
	if text != "" {
		fmt.Fprintf(&t.b, "%-9s %s\n", name, strings.Map(visible, text))
	}
}

func (t *table) String() string { return t.b.String() }

// limitText says a limit as refusals say it.
func limitText(l authz.Limit) string {
	of := string(l.Meter)
	if l.Key != "" && l.Meter == authz.MeterGroup {
		of += " " + l.Key
	}
	s := fmt.Sprintf("%d %s in %s (%s)", l.Max, l.Unit, l.Window, of)
	if l.Over == authz.Hold {
		s += ", beyond which a person must agree"
	}
	return s
}

// maskText says what becomes of an answer.
func maskText(m authz.Mask) string {
	parts := []string{vectorsText(m.Vectors)}
	if m.Scores != authz.ScoreKeep {
		parts = append(parts, "scores: "+string(m.Scores))
	}
	if len(m.Fields) > 0 {
		parts = append(parts, "emptied: "+strings.Join(m.Fields, ", "))
	}
	if m.Strict {
		parts = append(parts, "strict: what looks like a vector where the API has none refuses the answer")
	}
	return strings.Join(parts, "; ")
}

func vectorsText(m authz.MaskMode) string {
	if m.Obfuscates() {
		return string(m) + ": vectors can still be computed on, which is no protection"
	}
	switch m {
	case authz.MaskNone:
		return "none: vectors leave as they are"
	case authz.MaskSeal:
		return "seal: vectors leave encrypted"
	case authz.MaskToken:
		return "token: vectors leave as random numbers, the same for the same vector"
	case authz.MaskZero:
		return "zero: vectors leave as zeros"
	case authz.MaskUnit:
		return "unit: vectors leave as a one and zeros"
	case authz.MaskRefuse:
		return "refuse: an answer that holds a vector is refused"
	}
	return "redact: vectors leave empty"
}

// flagText says what a rule has marked, and why.
func flagText(f authz.Flag) string { return f.Name + " by " + f.Rule + ": " + f.Reason }
