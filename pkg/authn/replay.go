package authn

import (
	"context"
	"sync"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

// maxReplays bounds what MemoryReplays remembers: about 100 MiB.
const maxReplays = 1 << 20

// MemoryReplays are the Replays of one process. It remembers each key for its ttl at least, and twice as long at most. Safe for concurrent use.
type MemoryReplays struct {
	now func() time.Time

	mu       sync.Mutex // guards what follows
	keys     [2]map[string]struct{}
	lifetime time.Duration // the longest ttl so far
	turned   time.Time     // when keys[0] was begun
}

// NewMemoryReplays returns an empty memory; now is time.Now in production.
func NewMemoryReplays(now func() time.Time) *MemoryReplays {
	return &MemoryReplays{now: now, keys: [2]map[string]struct{}{{}, {}}}
}

// First implements Replays. Where it remembers too much already it is an *authz.Error of KindBusy.
func (m *MemoryReplays) First(_ context.Context, key string, ttl time.Duration) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	m.lifetime = max(m.lifetime, ttl)
	if since := now.Sub(m.turned); since >= m.lifetime {
		m.keys[1], m.keys[0] = m.keys[0], map[string]struct{}{}
		if since >= 2*m.lifetime {
			m.keys[1] = map[string]struct{}{}
		}
		m.turned = now
	}
	for _, keys := range m.keys {
		if _, seen := keys[key]; seen {
			return false, nil
		}
	}
	if len(m.keys[0])+len(m.keys[1]) >= maxReplays {
		return false, &authz.Error{Kind: authz.KindBusy, Label: "replays_full", Public: "too many proofs were used lately"}
	}
	m.keys[0][key] = struct{}{}
	return true, nil
}
