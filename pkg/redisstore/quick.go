package redisstore

import (
	"context"
	"encoding/binary"
	"slices"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/weirgate/weir/pkg/authz"
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
	limits, readable := s.quickLimits(&st)
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

// inGroup is how many windows, one beside the other, a group of limits is about.
const inGroup = 4

// quickLimits are a step's packed limits without their windows, those of a reserve in groups where they are about the same unit in windows close to
// each other: a script that reads one group spends less than one that reads limits. It is false where a limit cannot be read.
func (s *Store) quickLimits(st *step) ([]byte, bool) {
	out := make([]byte, 0, len(st.limits))
	for rest := st.limits; len(rest) > 0; {
		l := rest[:limitLen]
		if l[2] == 0 {
			return nil, false
		}
		first, n := 0, 1
		if st.script == s.scripts.reserve {
			first, n = group(rest, len(s.windowsOf(st.meters[l[0]-1].Meter)))
		}
		if n == 1 {
			out = append(append(out, l[:2]...), l[3:]...)
		} else {
			out = append(out, l[0], l[1]+authz.NumUnits)
			out = binary.LittleEndian.AppendUint16(out, binary.LittleEndian.Uint16(l[3:])-uint16(40*(int(l[2])-first))) //nolint:gosec // see appendLimit
			at := len(out)
			out = appendCounts(out, maxCount, maxCount, maxCount, maxCount)
			for m := range slices.Chunk(rest[:n*limitLen], limitLen) {
				copy(out[at+8*(int(m[2])-first):], m[5:])
			}
		}
		rest = rest[n*limitLen:]
	}
	return out, true
}

// group returns how many of the limits, from the first on, make a group, and its first window, of so many. 1 is no group.
func group(limits []byte, windows int) (first, n int) {
	l := limits[:limitLen]
	first, n = min(int(l[2]), windows-inGroup+1), 1
	if first < 1 {
		return 0, 1
	}
	for next := range slices.Chunk(limits[limitLen:], limitLen) {
		last := limits[(n-1)*limitLen:]
		if next[0] != l[0] || next[1] != l[1] || next[2] <= last[2] || int(next[2]) >= first+inGroup {
			break
		}
		n++
	}
	return first, n
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
