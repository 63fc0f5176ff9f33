package main

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"
)

// All paces are measured in turns, sweeps times, for turnTime each and in turnRounds rounds at least: so that what else the machine does at some
// time, its caches and its memory included, falls on all of them a little and not on one. The first round of a turn finds nothing warm, and
// does not count.
const (
	sweeps     = 8
	turnTime   = 100 * time.Millisecond
	turnRounds = 3
)

// task is one whole job: a document from its first byte to its last.
type task func() error

// pace is a goal of how many times as fast as something else a job is done, both on one core.
type pace struct {
	name   string
	want   float64 // 0: no goal, for information
	size   int     // of what goes in, in bytes
	job    task
	base   task
	allocs func() (float64, error) // of the job, for each piece in steady state; nil where that is no goal
}

// paceTimes are what was measured of a pace, a value for each round.
type paceTimes struct {
	ratios []float64
	job    []float64 // seconds
}

// measurePaces measures each pace and prints its figures. name is that of the goal that nothing is allocated.
func measurePaces(out io.Writer, name string, all []pace) ([]goal, error) {
	times := make([]paceTimes, len(all))
	for range sweeps {
		for i, p := range all {
			if err := p.turn(&times[i]); err != nil {
				return nil, fmt.Errorf("%s: %w", p.name, err)
			}
		}
	}
	var goals []goal
	allocs, counted := goal{name: name}, false
	for i, p := range all {
		ratio := median(times[i].ratios)
		fmt.Fprintf(out, "%-40s %8.0f MB/s %9.4f x", p.name, float64(p.size)/median(times[i].job)/1e6, ratio)
		if p.allocs != nil {
			n, err := p.allocs()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p.name, err)
			}
			fmt.Fprintf(out, " %6.2f allocations a piece", n)
			allocs.measured, counted = max(allocs.measured, n), true
		}
		fmt.Fprintln(out)
		if p.want > 0 {
			goals = append(goals, goal{name: p.name, measured: ratio, want: p.want, atLeast: true})
		}
	}
	if counted {
		goals = append(goals, allocs)
	}
	return goals, nil
}

// turn measures a pace for a while. In each round the base runs twice, and its second time counts: the first finds its memory in nobody's
// cache.
func (p pace) turn(t *paceTimes) error {
	start := time.Now()
	for round := 0; round <= turnRounds || time.Since(start) < turnTime; round++ {
		var took [3]float64
		for i, f := range []task{p.base, p.base, p.job} {
			var err error
			if took[i], err = timed(f); err != nil {
				return err
			}
		}
		if round > 0 {
			t.ratios, t.job = append(t.ratios, took[1]/took[2]), append(t.job, took[2])
		}
	}
	return nil
}

// timed returns how much of the process's CPU time a task takes, in seconds.
func timed(t task) (float64, error) {
	before, err := ownTime()
	if err != nil {
		return 0, err
	}
	if err := t(); err != nil {
		return 0, err
	}
	after, err := ownTime()
	return max(after-before, time.Microsecond).Seconds(), err
}

// copying is the base of most paces: the same bytes, copied once.
func copying(doc []byte) task {
	to := make([]byte, len(doc))
	return func() error {
		copy(to, doc)
		return nil
	}
}

// piece is how much is read at a time, in bytes: about what Envoy sends in one message.
const piece = 64 << 10

// inPieces passes a document to f.
func inPieces(doc []byte, f func(piece []byte) error) error {
	for p := range slices.Chunk(doc, piece) {
		if err := f(p); err != nil {
			return err
		}
	}
	return nil
}

// allocations returns how often f allocates for a piece of the document's latter half, its last piece excepted: what is new there is new once.
func allocations(doc []byte, f func(piece []byte) error) (float64, error) {
	pieces := len(doc) / piece
	half := pieces / 2
	if err := inPieces(doc[:half*piece], f); err != nil {
		return 0, err
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := inPieces(doc[half*piece:pieces*piece], f)
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / float64(pieces-half), err
}
