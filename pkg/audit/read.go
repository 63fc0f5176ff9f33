package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

// reader reads the records of a directory in order, across segments, also while they are written.
type reader struct {
	dir    string
	from   uint64 // records before it are passed over
	verify bool
	at     uint64 // first record of the current segment; 0 before there is one
	cur    *segmentReader
}

func (r *reader) close() {
	if r.cur != nil {
		_ = r.cur.close() // it was only read
		r.cur = nil
	}
}

// next returns the next record, io.EOF where there is none yet, or a *Damage. After a *Damage in a segment that has a successor, reading
// goes on with the successor; in the last segment, the next call tries the same place again.
func (r *reader) next() (Entry, error) {
	for {
		if r.cur == nil {
			if err := r.advance(0, nil); err != nil {
				return Entry{}, err
			}
		}
		seq := r.cur.seq
		payload, err := r.cur.next()
		if err != nil {
			var damage *Damage
			if !errors.Is(err, io.EOF) && !errors.As(err, &damage) {
				return Entry{}, err
			}
			if err := r.advance(r.at, err); err != nil {
				return Entry{}, err
			}
			continue
		}
		if seq < r.from {
			continue
		}
		e, err := Decode(payload)
		if err != nil {
			d := r.cur.damage("the record is no JSON")
			d.Seq = seq
			return Entry{}, d
		}
		e.Seq, e.Hash = seq, r.cur.prev
		return e, nil
	}
}

// advance moves on to the segment after the one that begins with record after; why is what ended that one, and is returned where there is
// no successor. after 0 starts at the segment that holds record from.
func (r *reader) advance(after uint64, why error) error {
	firsts, err := listSegments(r.dir)
	if err != nil {
		return err
	}
	i := 0
	if after == 0 {
		n, found := slices.BinarySearch(firsts, r.from)
		if i = n; !found && n > 0 {
			i--
		}
	} else {
		n, found := slices.BinarySearch(firsts, after)
		if i = n; found {
			i++
		}
	}
	if i >= len(firsts) {
		if why == nil {
			why = io.EOF
		}
		return why
	}
	if r.cur != nil && !r.ended() {
		return nil // it went on before it was sealed
	}
	if r.cur != nil && r.verify && errors.Is(why, io.EOF) {
		if end, err := r.cur.lastByte(r.cur.off); err != nil || end > r.cur.off {
			return errors.Join(err, r.cur.damage("bytes behind the last record"))
		}
	}
	return r.enter(firsts[i], why)
}

// ended looks again whether the current segment, which has a successor and so is sealed, has no further frame.
func (r *reader) ended() bool {
	off, seq, prev := r.cur.off, r.cur.seq, r.cur.prev
	_, err := r.cur.next()
	if err != nil {
		return true
	}
	r.cur.off, r.cur.seq, r.cur.prev, r.cur.window = off, seq, prev, nil
	return false
}

// enter opens the segment that begins with record first and checks that it continues the current one.
func (r *reader) enter(first uint64, why error) error {
	old := r.cur
	next, err := openSegment(r.dir, first)
	if err != nil {
		var damage *Damage
		if errors.As(err, &damage) {
			return r.skip(first, err)
		}
		return err
	}
	r.close()
	r.cur, r.at, next.verify = next, first, r.verify
	var damage *Damage
	switch {
	case errors.As(why, &damage):
		return damage
	case old != nil && old.seq != first:
		return &Damage{Segment: next.name, Seq: old.seq, Reason: fmt.Sprintf("the segment begins with record %d: what comes before it is missing", first)}
	case old != nil && old.prev != next.header.prev:
		return &Damage{Segment: next.name, Seq: first, Reason: "the segment does not continue the chain of the one before it"}
	}
	return nil
}

// skip passes over a segment whose header cannot be read, unless it is the last: that one may just be coming into being, and is tried
// again.
func (r *reader) skip(first uint64, why error) error {
	firsts, err := listSegments(r.dir)
	if err != nil {
		return err
	}
	if len(firsts) == 0 || first >= firsts[len(firsts)-1] {
		return why
	}
	r.close()
	i, _ := slices.BinarySearch(firsts, first+1)
	r.from = max(r.from, firsts[i])
	return why
}

const (
	// pollEvery is how often a live journal is looked at for more.
	pollEvery = 100 * time.Millisecond
	// settle is how long a half-written frame at the end of a live journal may stay so.
	settle = 2 * time.Second
)

// nextSettled is next, but gives a frame that is just being written time to become whole.
func (r *reader) nextSettled(ctx context.Context) (Entry, error) {
	var e Entry
	var err error
	for tries := 0; tries < int(settle/pollEvery); tries++ {
		var damage *Damage
		if e, err = r.next(); !errors.As(err, &damage) || damage.Segment != r.lastName() {
			return e, err
		}
		if !locked(r.dir) {
			return e, err // nobody writes: it stays so
		}
		if werr := pause(ctx, pollEvery); werr != nil {
			return e, werr
		}
	}
	return e, err
}

// lastName is the name of the directory's last segment.
func (r *reader) lastName() string {
	firsts, err := listSegments(r.dir)
	if err != nil || len(firsts) == 0 {
		return ""
	}
	return segmentName(firsts[len(firsts)-1])
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Read returns the records of the journal in dir from number from on (0 or 1: all that is there), oldest first, up to the end as it is
// now. The journal may be live. A *Damage is yielded in place of what cannot be read, and reading goes on with the next segment; any other
// error is the last.
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
			again := err == nil || errors.As(err, &damage) && damage.Segment != r.lastName()
			if !yield(e, err) || !again {
				return
			}
		}
	}
}

// Tail returns the last n records, oldest first.
func Tail(dir string, n int) ([]Entry, error) {
	firsts, err := listSegments(dir)
	if err != nil || len(firsts) == 0 || n <= 0 {
		return nil, err
	}
	var entries []Entry
	for i := len(firsts) - 1; i >= 0 && len(entries) < n; i-- {
		var part []Entry
		for e, err := range Read(dir, firsts[i]) {
			if err != nil {
				return entries, err
			}
			if i+1 < len(firsts) && e.Seq >= firsts[i+1] {
				break
			}
			if part = append(part, e); len(part) >= 2*n+1024 {
				part = slices.Clone(part[len(part)-n:])
			}
		}
		entries = append(part, entries...)
	}
	return entries[max(0, len(entries)-n):], nil
}

// Find returns the records of one decision, oldest first; none is no error. It reads the whole journal.
func Find(dir, decision string) ([]Entry, error) {
	var found []Entry
	for e, err := range Read(dir, 0) {
		if err != nil {
			return found, err
		}
		if e.Decision == decision {
			found = append(found, e)
		}
	}
	return found, nil
}

// Follow calls fn for every record from number from on (0: from the beginning), and for those that come, until ctx ends (nil is
// returned), fn fails or the journal cannot be read (a *Damage, unless it is a frame just being written).
func Follow(ctx context.Context, dir string, from uint64, fn func(Entry) error) error {
	r := &reader{dir: dir, from: from}
	defer r.close()
	for {
		e, err := r.nextSettled(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, io.EOF):
			_ = pause(ctx, pollEvery) // the next round sees that ctx has ended
			continue
		case err != nil:
			return err
		}
		if err := fn(e); err != nil {
			return err
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
