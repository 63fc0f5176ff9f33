package authn

import (
	"crypto/sha256"
	"sync"
	"time"
)

// shards is how many locks the cache is spread over: a power of two, at most 256.
const shards = 32

// cache keeps verified tokens by their SHA-256, never the tokens. An entry counts only while the key set that it was verified with is the
// issuer's current one, and the revocation list the one that it was not on: no flush can come too late. It is bounded; the oldest entry makes room.
type cache struct {
	shards [shards]shard
}

type shard struct {
	mu    sync.RWMutex
	index map[[sha256.Size]byte]int // into ring
	ring  []entry
	next  int // the oldest entry, once the ring is full
	size  int
}

type entry struct {
	sum [sha256.Size]byte
	verified
	until time.Time
}

// newCache returns a cache for at least size entries, and at most shards-1 more.
func newCache(size int) *cache {
	c := &cache{}
	for i := range c.shards {
		c.shards[i] = shard{index: map[[sha256.Size]byte]int{}, size: (size + shards - 1) / shards}
	}
	return c
}

// get returns what was found out about a token, where that may still be believed.
func (c *cache) get(sum *[sha256.Size]byte, list *revocations, now time.Time) (verified, bool) {
	s := &c.shards[sum[0]%shards]
	s.mu.RLock()
	defer s.mu.RUnlock()
	i, ok := s.index[*sum]
	if !ok {
		return verified{}, false
	}
	if e := &s.ring[i]; e.list == list && now.Before(e.until) && (e.set == nil || e.set.live(now)) {
		return e.verified, true
	}
	return verified{}, false
}

// put keeps a verified token until a time.
func (c *cache) put(sum *[sha256.Size]byte, v verified, until time.Time) {
	s := &c.shards[sum[0]%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	e := entry{sum: *sum, verified: v, until: until}
	if i, ok := s.index[*sum]; ok {
		s.ring[i] = e
		return
	}
	if len(s.ring) < s.size {
		s.index[*sum] = len(s.ring)
		s.ring = append(s.ring, e)
		return
	}
	delete(s.index, s.ring[s.next].sum)
	s.ring[s.next] = e
	s.index[*sum] = s.next
	s.next = (s.next + 1) % s.size
}
