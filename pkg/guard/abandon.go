package guard

import (
	"bytes"
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

// What is handed over and never taken up (the client left between the two filters, or Envoy refused it there) has no other end: the
// process that handed it over closes its books once no ticket can be redeemed for it any more.

const (
	abandonEvery = time.Second
	// keepAfter is how much longer than its ticket an admission is kept, so that it can be taken back.
	keepAfter = 30 * time.Second
	// maxSuspended bounds how many are remembered; what is beyond it is closed by the next start of this replica (audit.Unfinished).
	maxSuspended = 100_000
)

// suspended remembers what was handed over, oldest first. Safe for concurrent use.
type suspended struct {
	mu   sync.Mutex
	list []handedOver
	here map[string]bool // keys that are in the list and were not redeemed by this process
}

type handedOver struct {
	key    string
	expiry time.Time
}

func (s *suspended) add(key string, expiry time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.list) == maxSuspended {
		return
	}
	if s.here == nil {
		s.here = map[string]bool{}
	}
	s.list = append(s.list, handedOver{key, expiry})
	s.here[key] = true
}

func (s *suspended) redeemed(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.here, key)
}

// expired removes and returns the keys whose tickets have expired and that were not redeemed here.
func (s *suspended) expired(now time.Time) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var keys []string
	n := 0
	for ; n < len(s.list) && !now.Before(s.list[n].expiry); n++ {
		if key := s.list[n].key; s.here[key] {
			delete(s.here, key)
			keys = append(keys, key)
		}
	}
	if s.list = s.list[n:]; len(s.list) == 0 {
		s.list = nil // give the array back
	}
	return keys
}

// Run closes the books of exchanges that were handed over and never taken up: what they reserved is given back, and their completion
// record says aborted. It returns nil when ctx ends. Call it once, for entry "both"; without it they stay charged until a restart.
func (g *Guard) Run(ctx context.Context) error {
	tick := time.NewTicker(abandonEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		for _, key := range g.suspended.expired(g.cfg.Now()) {
			if err := g.abandon(ctx, key); err != nil {
				g.cfg.Log.Error("an exchange that was handed over and never taken up could not be closed: it stays charged until a restart", "cause", err)
			}
		}
	}
}

func (g *Guard) abandon(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(ctx, g.cfg.Timeout)
	defer cancel()
	value, ok, err := g.cfg.Handover.Take(ctx, key)
	if err != nil || !ok { // taken up by another replica
		return err
	}
	h, err := readHanded(value)
	if err != nil {
		return err
	}
	return g.resume(h, authz.Request{}).Finish(ctx, Final{Outcome: authz.OutcomeAborted})
}

// readHanded reads what Suspend stored.
func readHanded(value []byte) (h handed, err error) {
	d := json.NewDecoder(bytes.NewReader(value))
	d.UseNumber() // claims keep their numbers: what policy decides must not depend on the entry
	return h, d.Decode(&h)
}
