package redisstore

import (
	"context"
	"slices"
	"sync"

	"github.com/redis/go-redis/v9"
)

// A step of meters that were counted in this tick before is a short script, which knows nothing of slots (lua/quick.lua). Redis is asked for that
// first where this process has seen the meters counted in the tick, by its own clock: where it errs, the whole script follows.

// warm are the meters that were counted in a tick. Safe for concurrent use.
type warm struct {
	mu    sync.Mutex
	tick  int64
	heads map[string]struct{}
}

// maxWarm bounds how many meters are remembered.
const maxWarm = 1 << 17

// has reports whether all heads were counted in the tick.
func (w *warm) has(tick int64, heads []string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.tick != tick {
		return false
	}
	for _, h := range heads {
		if _, ok := w.heads[h]; !ok {
			return false
		}
	}
	return true
}

// note says that the heads were counted in the tick.
func (w *warm) note(tick int64, heads []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.tick != tick || w.heads == nil || len(w.heads) >= maxWarm {
		w.tick, w.heads = tick, map[string]struct{}{}
	}
	for _, h := range heads {
		w.heads[h] = struct{}{}
	}
}

// quickly is the short script of a step; nil where there is none.
func (s *Store) quickly(script *redis.Script) *redis.Script {
	switch script {
	case s.scripts.reserve:
		return s.scripts.quickReserve
	case s.scripts.raise:
		return s.scripts.quickRaise
	case s.scripts.settle:
		return s.scripts.quickSettle
	}
	return nil
}

// quick runs the short script of a step, and returns what the whole one would; false where that is to be run. keys are the whole one's.
func (s *Store) quick(ctx context.Context, st step, keys []string) (string, bool, error) {
	script, heads := s.quickly(st.script), keys[3:3+len(st.meters)]
	epoch := s.tenantEpoch(st.tenant)
	limits, readable := quickLimits(st.limits)
	if script == nil || !readable || epoch == noEpoch || !s.warm.has(s.localTick(), heads) {
		return "", false, nil
	}
	frame := append(make([]byte, 0, 11*8+len(limits)), epoch...)
	frame = appendCounts(frame, s.given(), s.tick, s.stamp, int64(len(st.meters)), int64(st.charged))
	frame = append(appendCounts(frame, st.volume[:]...), limits...)
	answer, err := s.pipe.send(ctx, &call{script: script, keys: keys[:3+len(st.meters)], args: []any{frame}})
	if err != nil || answer != "1" {
		return "", false, err
	}
	return epoch + string(appendCounts(nil, st.volume[:]...)), true, nil
}

// quickLimits are packed limits without their windows; false where one of them cannot be read.
func quickLimits(limits []byte) ([]byte, bool) {
	out := make([]byte, 0, len(limits))
	for l := range slices.Chunk(limits, limitLen) {
		if l[2] == 0 {
			return nil, false
		}
		out = append(append(out, l[:2]...), l[3:]...)
	}
	return out, true
}

// localTick is the number of the tick by this process's clock.
func (s *Store) localTick() int64 { return s.time().UnixMicro() / s.tick }

// given is the time that tests give; below 0 for Redis' own.
func (s *Store) given() int64 {
	if s.cfg.Now == nil {
		return -1
	}
	return s.cfg.Now().UnixMicro()
}
