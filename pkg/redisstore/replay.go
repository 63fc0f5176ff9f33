package redisstore

import (
	"context"
	"sync"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

// What this process counted lately, to be counted again by a Redis that took over (history.go). Every step is known by its claim: what
// the new master has, it does not count twice.

const (
	// replayFor is how long a step is remembered while others follow it: how far a replica of Redis may lag.
	replayFor = 5 * time.Second
	maxReplay = 1 << 16
	// replayAtOnce is how many steps are sent together.
	replayAtOnce = 128
)

// counted is what a claim came to.
type counted struct {
	r      authz.Reservation // its Volume is what is charged in total
	closed bool
	at     int64 // ns since Store.start
	queued int64 // at, when it was put where it stands in the queue
}

// recent remembers the last steps. Safe for concurrent use.
type recent struct {
	mu    sync.Mutex
	known map[claimID]*counted
	queue []*counted // oldest first
}

type claimID struct{ tenant, id string }

// note remembers a step that Redis has made.
func (q *recent) note(r authz.Reservation, closed bool, now int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	r.Limits = nil
	id := claimID{r.Tenant, r.ID}
	c := q.known[id]
	switch {
	case c == nil:
		c = &counted{queued: now}
		if q.known == nil {
			q.known = map[claimID]*counted{}
		}
		q.known[id] = c
		q.queue = append(q.queue, c)
	case c.closed: // a late step changes nothing
		return
	}
	c.r, c.closed, c.at = r, closed, now
	q.forget(now)
}

// forget drops what is older than replayFor, or too many. The caller holds mu.
func (q *recent) forget(now int64) {
	for len(q.queue) > 0 {
		c := q.queue[0]
		switch {
		case now-c.at > int64(replayFor) || len(q.queue) > maxReplay:
			delete(q.known, claimID{c.r.Tenant, c.r.ID})
		case now-c.queued > int64(replayFor): // there was a step since
			c.queued = c.at
			q.queue = append(q.queue, c)
		default:
			return
		}
		q.queue = q.queue[1:]
	}
}

// steps returns what is remembered, oldest first.
func (q *recent) steps() []counted {
	q.mu.Lock()
	defer q.mu.Unlock()
	out := make([]counted, 0, len(q.queue))
	for _, c := range q.queue {
		out = append(out, *c)
	}
	return out
}

// replay counts again what was counted lately, and returns how many claims that were. An error says that not all of them were.
func (s *Store) replay(ctx context.Context) (int, error) {
	var steps []func() error
	for _, c := range s.recent.steps() {
		steps = append(steps, func() error { return s.again(ctx, c) })
	}
	for _, d := range s.departed.commits() {
		steps = append(steps, func() error { return d.again(ctx) })
	}
	errs := make(chan error, replayAtOnce)
	next := make(chan func() error)
	for range replayAtOnce {
		go func() {
			var err error
			for step := range next {
				if err == nil {
					err = step()
				}
			}
			errs <- err
		}()
	}
	for _, step := range steps {
		next <- step
	}
	close(next)
	var err error
	for range replayAtOnce {
		if err2 := <-errs; err == nil {
			err = err2
		}
	}
	return len(steps), err
}

// again makes a claim what it came to, where Redis does not know of it.
func (s *Store) again(ctx context.Context, c counted) error {
	script := s.scripts.raise
	if c.closed {
		script = s.scripts.settle
	}
	_, err := s.call(ctx, script, c.r)
	return err
}
