package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// auditTrail looks every decision that the answers named up in the journal.
func auditTrail(ctx context.Context, w *walk) {
	w.title("The audit trail holds every decision of this walk")
	tail, err := w.stack.weirCommand(ctx, "audit", "tail", "--config", "weir.yaml", "-n", "1000")
	if err == nil {
		for _, d := range w.decisions {
			if !strings.Contains(tail, d.id) {
				err = errors.Join(err, fmt.Errorf("decision %s (status %d) is not in it", d.id, d.status))
			}
		}
	}
	fmt.Fprintf(w.out, "   $ weir audit tail\n")
	for _, line := range lastLines(tail, 6) {
		fmt.Fprintf(w.out, "     %s\n", line)
	}
	w.verdict(err, "all %d decisions that the answers named are there", len(w.decisions))

	w.title("One decision, as it was written down")
	if len(w.decisions) == 0 {
		w.verdict(errors.New("no answer named a decision"), "")
		return
	}
	last := w.decisions[len(w.decisions)-1].id
	shown, err := w.stack.weirCommand(ctx, "audit", "show", "--config", "weir.yaml", last)
	if err == nil && !strings.Contains(shown, last) {
		err = errors.New("the record does not name the decision")
	}
	fmt.Fprintf(w.out, "   $ weir audit show %s\n", last)
	for _, line := range telling(shown) {
		fmt.Fprintf(w.out, "     %s\n", line)
	}
	w.verdict(err, "who, what, what was decided, and how much left; these are the lines that tell it, the whole record has more")
}

func lastLines(text string, n int) []string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[max(0, len(lines)-n):]
}

// telling returns the lines of the last record that say most.
func telling(shown string) (lines []string) {
	_, last, _ := strings.Cut(shown, "weir.completion")
	for line := range strings.Lines(last) {
		for _, key := range []string{"user.id", "user.roles", "url.path", "weir.target\"", "weir.verdict", "weir.rule.id", "weir.mask.vectors", "weir.outcome", "weir.volume"} {
			if strings.Contains(line, `"`+key) {
				lines = append(lines, strings.TrimSpace(line))
			}
		}
	}
	return lines
}
