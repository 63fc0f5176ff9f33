package redisstore

import (
	"context"
	"sync"
)

// departure is a commit that Redis has made: of coverage, or of documents.
type departure struct {
	at    int64 // ns since Store.start
	again func(context.Context) error
}

// departed remembers the last commits, to be made again by a Redis that took over, as recent does claims. Safe for concurrent use.
type departed struct {
	mu    sync.Mutex
	queue []departure // oldest first
}

func (q *departed) note(d departure) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.queue = append(q.queue, d)
	for d.at-q.queue[0].at > int64(replayFor) || len(q.queue) > maxReplay {
		q.queue = q.queue[1:]
	}
}

// commits returns what is remembered, oldest first.
func (q *departed) commits() []departure {
	q.mu.Lock()
	defer q.mu.Unlock()
	return append([]departure(nil), q.queue...)
}
