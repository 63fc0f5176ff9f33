package redisstore

import (
	"context"
	"sync"

	"github.com/weirgate/weir/pkg/coverage"
)

// departure is a commit of coverage that Redis has made.
type departure struct {
	tenant string
	marks  coverage.Marks
	at     int64 // ns since Store.start
}

// piece is the bitmap of what left, packed.
func (d *departure) piece() []byte {
	var b coverage.Bitmap
	b.Mark(d.marks.First, d.marks.End)
	return b.Append(nil)
}

// departed remembers the last commits of coverage, to be made again by a Redis that took over, as recent does claims. Safe for concurrent use.
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

// leaveAgain makes a commit that was made already, where Redis does not know of it.
func (s *Store) leaveAgain(ctx context.Context, d departure) error {
	_, err := s.Coverage().once(ctx, s.scripts.coverCommit, d.tenant, d.marks, d.piece())
	return err
}
