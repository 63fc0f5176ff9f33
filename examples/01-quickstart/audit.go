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
	for line := range strings.Lines(shown) {
		fmt.Fprintf(w.out, "     %s", line)
	}
	w.verdict(err, "who, what, what was decided, and how much left; --full prints the records")
}

func lastLines(text string, n int) []string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[max(0, len(lines)-n):]
}
