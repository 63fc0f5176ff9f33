package audit

import (
	"context"
	"errors"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

// Read returns the records of the journal in dir from number from on (0 or 1: all that is there), oldest first, up to the end as it is
// now. The journal may be live. A *Damage is yielded in place of what cannot be read, and reading goes on behind it; any other error is the
// last.
func Read(dir string, from uint64) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		r := &reader{dir: dir, from: from}
		defer r.close()
		for {
			e, err := r.nextSettled(context.Background())
			if errors.Is(err, io.EOF) {
				return
			}
			var damage *Damage
			again := err == nil || errors.As(err, &damage) && (damage.Segment != r.lastName() || r.past(damage))
			if !yield(e, err) || !again {
				return
			}
		}
	}
}

// Tail returns the last n records that can be read, oldest first. The error holds a *Damage for each place among them that cannot
// (errors.Join); the records are good all the same.
func Tail(dir string, n int) ([]Entry, error) {
	firsts, err := listSegments(dir)
	if err != nil || len(firsts) == 0 || n <= 0 {
		return nil, err
	}
	var entries []Entry
	var damaged []*Damage
	for i := len(firsts) - 1; i >= 0 && len(entries) < n; i-- {
		var part []Entry
		for e, err := range Read(dir, firsts[i]) {
			var damage *Damage
			switch {
			case err == nil:
			case !errors.As(err, &damage):
				return entries, err
			case !slices.ContainsFunc(damaged, func(d *Damage) bool { return *d == *damage }): // met from the segment before, too
				damaged = append(damaged, damage)
			}
			if i+1 < len(firsts) && max(e.Seq, seqOf(damage)) >= firsts[i+1] {
				break
			}
			if err != nil {
				continue
			}
			if part = append(part, e); len(part) >= 2*n+1024 {
				part = slices.Clone(part[len(part)-n:])
			}
		}
		entries = append(part, entries...)
	}
	if len(entries) > n {
		entries = entries[len(entries)-n:]
		damaged = slices.DeleteFunc(damaged, func(d *Damage) bool { return d.Seq < entries[0].Seq })
	}
	return entries, joined(damaged)
}

// seqOf is the number of the record that a damage begins with; 0 without one.
func seqOf(d *Damage) uint64 {
	if d == nil {
		return 0
	}
	return d.Seq
}

// joined is one error of many, in the order of the journal.
func joined(damaged []*Damage) error {
	slices.SortFunc(damaged, func(a, b *Damage) int { return int(int64(a.Seq) - int64(b.Seq)) })
	errs := make([]error, len(damaged))
	for i, d := range damaged {
		errs[i] = d
	}
	return errors.Join(errs...)
}

// Find returns the records of one decision, oldest first; none is no error. It reads the whole journal. The error holds a *Damage for each
// place that cannot be read (errors.Join); what was found is good all the same.
func Find(dir, decision string) ([]Entry, error) {
	var found []Entry
	var damaged []*Damage
	for e, err := range Read(dir, 0) {
		var damage *Damage
		switch {
		case errors.As(err, &damage):
			damaged = append(damaged, damage)
		case err != nil:
			return found, err
		case e.Decision == decision:
			found = append(found, e)
		}
	}
	return found, joined(damaged)
}

// Follow yields every record from number from on (0: from the beginning), and those that come, until ctx ends. A *Damage is yielded once in
// place of what cannot be read, unless it is a frame just being written, and reading goes on behind it; any other error is the last.
func Follow(ctx context.Context, dir string, from uint64) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		r := &reader{dir: dir, from: from}
		defer r.close()
		var last Damage
		for {
			e, err := r.nextSettled(ctx)
			var damage *Damage
			switch {
			case ctx.Err() != nil:
				return
			case errors.Is(err, io.EOF):
				_ = pause(ctx, pollEvery) // the next round sees that ctx has ended
				continue
			case errors.As(err, &damage):
				again := damage.Segment == last.Segment && damage.Offset == last.Offset
				if last = *damage; again { // the journal ends with it, so far
					_ = pause(ctx, pollEvery)
					continue
				}
			}
			if !yield(e, err) || err != nil && damage == nil {
				return
			}
		}
	}
}

// Unfinished returns the decisions without a completion, oldest first. Segments that ended before since are passed over (zero: none
// are): a server that has just opened its journal names the longest an exchange may last, and appends Lost for each. On a live journal
// exchanges that are still running are among them.
func Unfinished(dir string, since time.Time) ([]Entry, error) {
	firsts, err := listSegments(dir)
	if err != nil {
		return nil, err
	}
	var from uint64
	for i := 1; i < len(firsts); i++ { // a segment ended when its successor was created
		s, err := openSegment(dir, firsts[i])
		if err != nil {
			return nil, err
		}
		if err := s.close(); err != nil || !s.header.created.Before(since) {
			break
		}
		from = firsts[i]
	}
	open := map[string]Entry{}
	for e, err := range Read(dir, from) {
		if err != nil {
			return nil, err
		}
		switch e.Event {
		case authz.EventDecision:
			e.Raw, e.Input = slices.Clone(e.Raw), nil
			open[e.Decision] = e
		case authz.EventCompletion:
			delete(open, e.Decision)
		}
	}
	entries := make([]Entry, 0, len(open))
	for _, e := range open {
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b Entry) int { return int(int64(a.Seq) - int64(b.Seq)) })
	return entries, nil
}
