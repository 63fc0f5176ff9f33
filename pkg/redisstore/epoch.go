package redisstore

import (
	"crypto/rand"
	"encoding/binary"
	"sync/atomic"
	"time"
)

// epochLen is the length of a tenant's epoch, a random number that marks one life of what Redis holds of the tenant, as scripts pack it.
const epochLen = 8

// noEpoch is that of a tenant that this process has not seen.
const noEpoch = "\x00\x00\x00\x00\x00\x00\x00\x00"

// newEpoch returns the epoch for a tenant that has none: up to 2^52, never 0.
func newEpoch() string {
	var b [8]byte
	_, _ = rand.Read(b[:])                                                          // never fails
	return string(appendCounts(nil, 1+int64(binary.LittleEndian.Uint64(b[:])>>12))) //nolint:gosec // 52 bits
}

// known is an epoch that this process has seen. It is forgotten once nothing that this process knew to be counted counts any more: by
// then a Redis that lost it has lost nothing.
type known struct {
	epoch string
	last  atomic.Int64 // when it was seen last, ns since Store.start
}

// epochLife is how long an epoch stays in Redis without being used: longer than any process remembers it.
func (s *Store) epochLife() time.Duration { return s.life + 24*time.Hour }

func (s *Store) clock() int64 { return int64(time.Since(s.start)) }

// tenantEpoch returns the epoch that a tenant is known by, or noEpoch.
func (s *Store) tenantEpoch(tenant string) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if k := s.tenants[tenant]; k != nil && s.fresh(k) {
		return k.epoch
	}
	return noEpoch
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
			s.memory.changed.Store(true)
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
