// Package handover keeps admissions on their way from ext_authz to ext_proc (entry "both"), each for one use, in this process's memory:
// only the process that issued a ticket can resume it. pkg/redisstore is its sibling for several replicas; handovertest is the suite that
// both must pass. What it is given it hands out once or lets expire; it reads nothing of it.
package handover

import (
	"context"
	"sync"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

// maxEntries bounds how many admissions wait at once.
const maxEntries = 100_000

// Memory is the store in memory. Safe for concurrent use.
type Memory struct {
	now func() time.Time

	mu      sync.Mutex // guards what follows
	entries map[string]entry
	swept   time.Time
}

type entry struct {
	value   []byte
	expires time.Time
}

// NewMemory returns an empty store; now is time.Now in production.
func NewMemory(now func() time.Time) *Memory {
	return &Memory{now: now, entries: map[string]entry{}}
}

// Put stores value under key for ttl. Where too many wait already it is an *authz.Error of KindBusy.
func (m *Memory) Put(_ context.Context, key string, value []byte, ttl time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	if now.Sub(m.swept) > time.Second {
		m.swept = now
		for k, e := range m.entries {
			if !now.Before(e.expires) {
				delete(m.entries, k)
			}
		}
	}
	if len(m.entries) >= maxEntries {
		return &authz.Error{Kind: authz.KindBusy, Label: "handover_full", Public: "too many requests are being handed over right now"}
	}
	m.entries[key] = entry{value, now.Add(ttl)}
	return nil
}

// Take returns the value and forgets it; false when there is none, or no more.
func (m *Memory) Take(_ context.Context, key string) ([]byte, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.entries[key]
	delete(m.entries, key)
	if !ok || !m.now().Before(e.expires) {
		return nil, false, nil
	}
	return e.value, true, nil
}
