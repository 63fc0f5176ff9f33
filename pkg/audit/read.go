package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
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
// goes on behind the damaged record where its length can be believed, else with the successor. In the last segment the next call tries the
// same place again, unless the reader is past it: the record may just be being written.
func (r *reader) next() (Entry, error) {
	for {
		if r.cur == nil {
			if err := r.advance(0, nil); err != nil {
				return Entry{}, err
			}
		}
		seq, off := r.cur.seq, r.cur.off
		payload, err := r.cur.next()
		if err != nil {
			var damage *Damage
			if !errors.Is(err, io.EOF) && !errors.As(err, &damage) {
				return Entry{}, err
			}
			if damage != nil && !r.verify && r.cur.name != r.lastName() && r.ended() && r.cur.pass(damage) {
				return Entry{}, damage
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
			return Entry{}, &Damage{Segment: r.cur.name, Offset: off, Seq: seq, Reason: "the record is no JSON"}
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
			return r.skip(first, damage)
		}
		return err
	}
	r.close()
	r.cur, r.at, next.verify = next, first, r.verify
	var damage *Damage
	switch {
	case errors.As(why, &damage):
		if !r.verify {
			damage.extend(first - 1)
		}
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
func (r *reader) skip(first uint64, why *Damage) error {
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
	if !r.verify {
		why.extend(firsts[i] - 1)
	}
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
	for tries := 1; ; tries++ {
		e, err := r.next()
		var damage *Damage
		if !errors.As(err, &damage) || damage.Segment != r.lastName() || r.past(damage) {
			return e, err
		}
		if tries >= int(settle/pollEvery) || !locked(r.dir) { // nobody writes: it stays so
			if !r.verify && r.cur != nil && r.cur.name == damage.Segment {
				r.cur.pass(damage)
			}
			return e, err
		}
		if werr := pause(ctx, pollEvery); werr != nil {
			return e, werr
		}
	}
}

// past reports whether reading goes on behind the damage, within its segment.
func (r *reader) past(d *Damage) bool {
	return r.cur != nil && r.cur.name == d.Segment && r.cur.off > d.Offset
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
