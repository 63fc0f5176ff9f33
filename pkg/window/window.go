// Package window counts in sliding windows, in this process's memory: the embedded default. pkg/redisstore is its sibling for several
// replicas, and windowtest is the suite that both must pass.
//
// It owns the meaning of a window: N sub-slots and one more, the oldest counted in full. Any window of length W touches at most N+1 slots,
// all of which are counted, so a limit is never passed in any window; usage is remembered up to W/N longer than W. It trusts its clock
// never to run backwards further than it ignores, and refuses what it cannot key. What it holds is gone with the process, unless
// Config.Snapshot keeps it.
package window

import (
	"math"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

// Defaults returns the windows that are kept unless configured otherwise.
func Defaults() []authz.Window {
	return []authz.Window{authz.Window(time.Minute), authz.Window(time.Hour), authz.Window(24 * time.Hour), authz.Window(30 * 24 * time.Hour)}
}

// Slots returns N, the number of sub-slots of a window: 8 up to an hour, 24 up to a day, 30 beyond. One slot more is counted.
func Slots(w authz.Window) int64 {
	switch d := time.Duration(w); {
	case d <= time.Hour:
		return 8
	case d <= 24*time.Hour:
		return 24
	default:
		return 30
	}
}

// Width returns the length of a window's slot in nanoseconds.
func Width(w authz.Window) int64 { return int64(w) / Slots(w) }

// Tick returns the longest time, in nanoseconds, of which the slots of all the windows are whole multiples: what is charged within one
// tick lies in the same slot of every window. It is 7.5 s for Defaults, and 0 without windows.
func Tick(windows []authz.Window) int64 {
	tick := int64(0)
	for _, w := range windows {
		a, b := tick, Width(w)
		for b != 0 {
			a, b = b, a%b
		}
		tick = a
	}
	return tick
}

// slot is what one slot of a window counts.
type slot struct {
	at  int64 // its number: time divided by width
	vol authz.Volume
}

// ring is one window of one meter.
type ring struct {
	window   authz.Window
	width, n int64        // ns; slots, without the one more
	slots    []slot       // those that count something, oldest first
	total    authz.Volume // of them
}

func newRing(w authz.Window) ring { return ring{window: w, width: Width(w), n: Slots(w)} }

// advance forgets the slots that have left the window at time now, ns since 1970.
func (r *ring) advance(now int64) {
	oldest, gone := now/r.width-r.n, 0
	for gone < len(r.slots) && r.slots[gone].at < oldest {
		gone++
	}
	if gone == 0 {
		return
	}
	for _, s := range r.slots[:gone] {
		r.subtract(s.vol, r.slots[gone:])
	}
	r.slots = append(r.slots[:0], r.slots[gone:]...)
}

// subtract takes v off the total. A total that had reached the largest number there is says nothing of what it is the sum of, and is summed
// again over what is left.
func (r *ring) subtract(v authz.Volume, left []slot) {
	again := false
	for u := range v {
		again = again || v[u] != 0 && r.total[u] == math.MaxInt64
		r.total[u] -= v[u]
	}
	if !again {
		return
	}
	r.total = authz.Volume{}
	for _, s := range left {
		r.total = r.total.Add(s.vol)
	}
}

// add counts v in the slot of time at, which is none before the newest.
func (r *ring) add(at int64, v authz.Volume) {
	r.total = r.total.Add(v)
	at /= r.width
	if n := len(r.slots); n > 0 && r.slots[n-1].at >= at {
		r.slots[n-1].vol = r.slots[n-1].vol.Add(v)
		return
	}
	r.slots = append(r.slots, slot{at, v})
}

// remove takes v back from the slot of time at, unless that has left the window. A count never goes below zero.
func (r *ring) remove(at int64, v authz.Volume) {
	at /= r.width
	for i := len(r.slots) - 1; i >= 0 && r.slots[i].at >= at; i-- {
		s := &r.slots[i]
		if s.at != at {
			continue
		}
		for u := range v {
			v[u] = min(v[u], s.vol[u])
			s.vol[u] -= v[u]
		}
		r.subtract(v, r.slots)
		if s.vol == (authz.Volume{}) {
			r.slots = append(r.slots[:i], r.slots[i+1:]...)
		}
		return
	}
}

// meter is what is counted for one meter key: its windows, and what came since the tick began, which all of them count too.
type meter struct {
	tick    int64 // when it began, ns since 1970
	pending authz.Volume
	rings   []ring
}

// advance moves to the tick that began at tick, which is none before the last.
func (m *meter) advance(tick int64) {
	if tick == m.tick {
		return
	}
	for i := range m.rings {
		r := &m.rings[i]
		if m.pending != (authz.Volume{}) {
			r.advance(m.tick)
			r.add(m.tick, m.pending)
		}
		r.advance(tick)
	}
	m.tick, m.pending = tick, authz.Volume{}
}

// used returns what a window of the meter counts.
func (m *meter) used(r *ring, u int) int64 {
	if r.total[u] > math.MaxInt64-m.pending[u] {
		return math.MaxInt64
	}
	return r.total[u] + m.pending[u]
}

// remove takes v back from where it was charged: the tick that began at tick.
func (m *meter) remove(tick int64, v authz.Volume) {
	if tick < m.tick {
		for i := range m.rings {
			m.rings[i].remove(tick, v)
		}
		return
	}
	for u := range v {
		m.pending[u] -= min(v[u], m.pending[u])
	}
}

// empty reports whether the meter counts nothing.
func (m *meter) empty() bool {
	for i := range m.rings {
		if len(m.rings[i].slots) > 0 {
			return false
		}
	}
	return m.pending == authz.Volume{}
}

// wait returns how long until at least need units have left a window of the meter.
func (m *meter) wait(r *ring, now int64, u int, need int64) time.Duration {
	leaves := func(at int64) time.Duration { return max(1, time.Duration((at+r.n+1)*r.width-now)) }
	freed := int64(0)
	for _, s := range r.slots {
		if freed += s.vol[u]; freed >= need {
			return leaves(s.at)
		}
	}
	if freed += m.pending[u]; freed >= need {
		return leaves(m.tick / r.width)
	}
	return time.Duration((r.n + 1) * r.width) // not reached: all that is counted leaves
}
