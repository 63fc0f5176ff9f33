package redisstore

import (
	"crypto/rand"
	"sync/atomic"
	"time"
)

// epochLen is the length of an epoch, a random text that marks one life of what Redis holds.
const epochLen = 16

func newEpoch() string { return rand.Text()[:epochLen] }

// known is an epoch that this process has seen. It is forgotten once nothing that this process knew to be counted counts any more: by
// then a Redis that lost it has lost nothing.
type known struct {
	epoch string
	last  atomic.Int64 // when it was seen last, ns since Store.start
}

// epochLife is how long an epoch stays in Redis without being used: longer than any process remembers it.
func (s *Store) epochLife() time.Duration { return s.life + 24*time.Hour }

func (s *Store) clock() int64 { return int64(time.Since(s.start)) }

// tenantEpoch returns the epoch that a tenant is known by, or "".
func (s *Store) tenantEpoch(tenant string) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if k := s.tenants[tenant]; k != nil && s.fresh(k) {
		return k.epoch
	}
	return ""
}

func (s *Store) fresh(k *known) bool { return s.clock()-k.last.Load() <= int64(s.life) }

// saw remembers a tenant's epoch. It is false where another is remembered meanwhile: then Redis lost it in between.
func (s *Store) saw(tenant, epoch string) bool {
	s.mu.RLock()
	k := s.tenants[tenant]
	s.mu.RUnlock()
	if k == nil || !s.fresh(k) {
		s.mu.Lock()
		if k = s.tenants[tenant]; k == nil || !s.fresh(k) {
			k = &known{epoch: epoch}
			k.last.Store(s.clock())
			s.tenants[tenant] = k
		}
		s.mu.Unlock()
	}
	if k.epoch != epoch {
		return false
	}
	k.last.Store(s.clock())
	return true
}

// sweep forgets the tenants that have not been asked about for so long that nothing of theirs counts.
func (s *Store) sweep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, k := range s.tenants {
		if !s.fresh(k) {
			delete(s.tenants, name)
		}
	}
}
