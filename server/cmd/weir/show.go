package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/weirgate/weir/pkg/audit"
	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
)

// show prints what became of a decision, and its records where they are asked for.
func (a *auditor) show(decision string) error {
	entries, damage := audit.Find(a.dir, decision)
	if len(entries) == 0 {
		a.leftOut(damage)
		return fmt.Errorf("decision %s is not in %s", decision, a.dir)
	}
	each := a.raw
	if !a.json {
		if err := a.summary(entries); err != nil {
			return err
		}
		each = a.record
	}
	if a.json || a.full {
		for _, e := range entries {
			if err := each(e); err != nil {
				return err
			}
		}
	}
	a.leftOut(damage)
	return a.whole()
}

// record prints a record with one field a line.
func (a *auditor) record(e audit.Entry) error {
	indented, err := json.MarshalIndent(e.Raw, "", "  ")
	if err != nil {
		return nil //nolint:nilerr // the summary has named it
	}
	text := strings.Map(func(r rune) rune {
		if r == '\n' { // between fields: inside of one it is escaped
			return r
		}
		return visible(r)
	}, string(indented))
	_, err = fmt.Fprintf(a.out, "\nrecord %d, hash %s\n%s\n", e.Seq, hex.EncodeToString(e.Hash[:]), text)
	return err
}

// summary prints a few lines on an exchange, out of its records: the last one has the last word.
func (a *auditor) summary(entries []audit.Entry) error {
	var first, last *audit.Fields
	var seqs []string
	for _, e := range entries {
		seqs = append(seqs, fmt.Sprint(e.Seq))
		f, err := e.Fields()
		if err != nil {
			a.leftOut(err)
			continue
		}
		if last = &f; first == nil {
			first = &f
		}
	}
	if last == nil {
		return nil
	}
	var t table
	t.row("decision", last.Decision)
	t.row("when", whenOf(last))
	t.row("who", whoOf(last))
	t.row("what", whatOf(last))
	t.row("version", versionOf(last))
	t.row("verdict", changed(first, last))
	t.row("rule", ruleOf(last))
	t.row("reason", last.Reason)
	t.row("cause", last.ErrorType)
	t.row("detail", last.Detail)
	t.row("fault", last.Fault)
	for _, e := range last.Exceeded {
		t.row("over", fmt.Sprintf("%s; %d used before", limitText(e.Limit), e.Used))
	}
	t.row("instead", strings.Join(last.Alternatives, "; "))
	t.row("mask", maskOf(last))
	t.row("found", foundOf(last))
	t.row("observed", observedOf(last))
	for _, f := range last.Flagged() {
		t.row("flag", flagText(f))
	}
	t.row("left", leftOf(last))
	if !a.full {
		t.row("records", strings.Join(seqs, ", ")+" (--full prints them)")
	}
	_, err := fmt.Fprint(a.out, t.String())
	return err
}

func whenOf(f *audit.Fields) string {
	s := stamp(f.Started)
	if f.Event == authz.EventCompletion {
		s += fmt.Sprintf(", took %v", f.Time.Sub(f.Started).Round(time.Millisecond))
	}
	return s
}

func whoOf(f *audit.Fields) string {
	s := subjectOf(f)
	if f.ActorType != "" {
		s += ", " + string(f.ActorType)
	}
	if len(f.UserRoles) > 0 {
		s += ", groups " + strings.Join(f.UserRoles, ", ")
	}
	if len(f.ActorChain) > 0 {
		s += ", through " + strings.Join(f.ActorChain, ", ")
	}
	if f.Owner != "" && f.Owner != f.UserID {
		s += ", for " + f.Owner
	}
	return s
}

// whatOf says what was asked for: the request, what it means, and of which target.
func whatOf(f *audit.Fields) string {
	s := or(f.Method, "-") + " " + f.Host + f.Path
	if f.Class != "" {
		s += ": " + string(f.Class)
	}
	for _, v := range []struct {
		n    int64
		name string
	}{{f.AskedVectors, "vectors"}, {f.AskedDocuments, "documents"}} {
		switch {
		case v.n > 0:
			s += fmt.Sprintf(", %d %s", v.n, v.name)
		case v.n < 0:
			s += ", any number of " + v.name
		}
	}
	for _, v := range [][2]string{{"model", f.Model}, {"collection", f.Collection}, {"object", f.Object}} {
		if v[1] != "" {
			s += ", " + v[0] + " " + v[1]
		}
	}
	if f.Target != "" {
		s += fmt.Sprintf("; target %s (%s)", f.Target, f.TargetKind)
	}
	return s
}

// versionOf says what the registry of model versions knows of the object.
func versionOf(f *audit.Fields) string {
	if f.ModelState == "" {
		return ""
	}
	s := fmt.Sprintf("%s, %s, %s", or(f.ModelVersion, "not registered"), f.ObjectSensitivity, f.ModelState)
	if f.PromotedBy != "" {
		s += ", promoted by " + f.PromotedBy
	}
	return s
}

// changed is the verdict, and what it was before the answer was seen.
func changed(first, last *audit.Fields) string {
	s := effectOf(last)
	if first.Verdict != last.Verdict {
		s += ", at first " + first.Verdict.String()
	}
	return s
}

func ruleOf(f *audit.Fields) string {
	s := or(f.Rule, "none")
	if f.Revision != "" {
		s += " (policy " + f.Revision + ")"
	}
	return s
}

// maskOf says what became of the answer; nothing of one that was refused.
func maskOf(f *audit.Fields) string {
	if f.Verdict != authz.Allow {
		return ""
	}
	s := maskText(authz.Mask{Vectors: f.MaskVectors, Scores: f.MaskScores, Fields: f.MaskFields, Strict: f.MaskStrict})
	switch {
	case f.MaskVectors == authz.MaskNone:
	case f.Mode == string(authz.ModeObserve):
		s += " (observe: not done)"
	case !dialect.ReadsAnswers(dialect.ForTarget(authz.Target{Kind: f.TargetKind, Dialect: f.Dialect})):
		s += " (nothing is: answers of this target are not read for vectors)"
	}
	return s
}

// foundOf says what of an answer was found and emptied that the mask alone does not tell.
func foundOf(f *audit.Fields) string {
	var parts []string
	if f.Undeclared > 0 {
		parts = append(parts, fmt.Sprintf("%d vectors where the API has none", f.Undeclared))
	}
	if f.Event == authz.EventCompletion && f.Verdict == authz.Allow && f.Mode != string(authz.ModeObserve) && len(f.MaskFields) > 0 {
		parts = append(parts, fmt.Sprintf("%d values at the places to be emptied", f.Emptied))
	}
	return strings.Join(parts, "; ")
}

// observedOf says what was not done, and by which rule that is only observed.
func observedOf(f *audit.Fields) string {
	s := f.Observed
	if f.ObservedRule != "" {
		s += " by " + f.ObservedRule
	}
	if f.ObservedReason != "" {
		s += ": " + f.ObservedReason
	}
	return s
}

// leftOf says how the exchange ended and what left.
func leftOf(f *audit.Fields) string {
	if f.Event != authz.EventCompletion {
		return "not known: it has not ended, or its end was not recorded"
	}
	s := string(f.Outcome)
	if f.Outcome == authz.OutcomeLocal {
		s += " (Envoy answered by itself)"
	}
	if f.Status != 0 {
		s = fmt.Sprintf("%s, status %d", s, f.Status)
	}
	if f.Outcome == authz.OutcomeUnobserved || f.ErrorType == audit.LostLabel {
		return s + ": not known"
	}
	if f.Outcome == authz.OutcomeRefused {
		return s + ": nothing"
	}
	counts := counted([]count{{f.VolumeVectors, "vectors"}, {f.VolumeVectorsMasked, "masked vectors"}, {f.VolumeDocuments, "documents"}, {f.VolumeBytes, "bytes"}})
	return s + ": " + or(strings.Join(counts, ", "), "nothing that is counted")
}
