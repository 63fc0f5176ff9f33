// Package window counts in sliding windows, in this process's memory: the embedded default. pkg/redisstore is its sibling for several
// replicas, and windowtest is the suite that both must pass.
//
// It owns the meaning of a window: a ring of N sub-slots and one more, the oldest counted in full. Any window of length W touches at most
// N+1 slots, all of which are counted, so a limit is never passed in any window; usage is remembered up to W/N longer than W. It trusts
// its clock never to run backwards further than it ignores, and refuses what it cannot key. What it holds is gone with the process:
// where that matters, use Redis.
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

// Slots returns N, the number of sub-slots of a window: 8 up to an hour, 24 up to a day, 30 beyond. A ring has one slot more.
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

// ring is one window of one meter key.
type ring struct {
	window authz.Window
	width  int64 // ns
	last   int64 // index of the newest slot that was touched
	slots  []authz.Volume
	total  authz.Volume
}

func newRing(w authz.Window) ring {
	return ring{window: w, width: Width(w), slots: make([]authz.Volume, Slots(w)+1)}
}

// at returns the slot of an index.
func (r *ring) at(i int64) *authz.Volume { return &r.slots[i%int64(len(r.slots))] }

// advance moves to now, ns since 1970, and forgets the slots that rotated out. It never moves back.
func (r *ring) advance(now int64) {
	i := now / r.width
	if i <= r.last {
		return
	}
	if i-r.last >= int64(len(r.slots)) {
		clear(r.slots)
		r.total = authz.Volume{}
	} else {
		for j := r.last + 1; j <= i; j++ {
			slot := r.at(j)
			old := *slot
			*slot = authz.Volume{}
			r.subtract(old)
		}
	}
	r.last = i
}

// subtract takes v, which left the slots, off the total. A total that had reached the largest number there is says nothing of what it is
// the sum of, and is summed again.
func (r *ring) subtract(v authz.Volume) {
	again := false
	for u := range v {
		again = again || v[u] != 0 && r.total[u] == math.MaxInt64
		r.total[u] -= v[u]
	}
	if !again {
		return
	}
	r.total = authz.Volume{}
	for _, s := range r.slots {
		r.total = r.total.Add(s)
	}
}

// add charges v to the newest slot.
func (r *ring) add(v authz.Volume) {
	s := r.at(r.last)
	*s = s.Add(v)
	r.total = r.total.Add(v)
}

// remove takes v back from the slot that was newest at time at, unless it rotated out. A cell never goes below zero.
func (r *ring) remove(at int64, v authz.Volume) {
	i := min(at/r.width, r.last)
	if r.last-i >= int64(len(r.slots)) {
		return
	}
	s := r.at(i)
	for u := range v {
		v[u] = min(v[u], s[u])
		s[u] -= v[u]
	}
	r.subtract(v)
}

// wait returns how long until at least need units have left the window.
func (r *ring) wait(now int64, u int, need int64) time.Duration {
	n := int64(len(r.slots))
	freed := int64(0)
	for i := max(0, r.last-n+1); i <= r.last; i++ {
		if freed += r.at(i)[u]; freed >= need {
			return max(1, time.Duration((i+n)*r.width-now))
		}
	}
	return time.Duration(n * r.width) // more than there ever is room for
}

// charge is one increase of a reservation: what was charged when, so that a decrease goes back to where it came from.
type charge struct {
	at  int64 // ns
	vol authz.Volume
}

// maxCharges bounds what is remembered of a long stream's increases.
const maxCharges = 64

// reservation is what is known of one exchange's claim.
type reservation struct {
	charges []charge // oldest first
	total   authz.Volume
	closed  bool  // settled or cancelled
	touched int64 // ns
}

// add notes an increase. Increases that do not fit any more are joined to the older of the two oldest: a decrease then goes to an older slot
// than it came from, which leaves the newer one counting too much for longer, never too little.
func (r *reservation) add(now int64, v authz.Volume) {
	r.total = r.total.Add(v)
	if n := len(r.charges); n > 0 && r.charges[n-1].at == now {
		r.charges[n-1].vol = r.charges[n-1].vol.Add(v)
		return
	}
	if len(r.charges) == maxCharges {
		r.charges[0].vol = r.charges[0].vol.Add(r.charges[1].vol)
		r.charges = append(r.charges[:1], r.charges[2:]...)
	}
	r.charges = append(r.charges, charge{now, v})
}

// take removes v from the newest charges back, and calls back with each piece.
func (r *reservation) take(v authz.Volume, piece func(at int64, v authz.Volume)) {
	for i := len(r.charges) - 1; i >= 0 && v != (authz.Volume{}); i-- {
		var part authz.Volume
		for u := range v {
			part[u] = min(v[u], r.charges[i].vol[u])
			v[u] -= part[u]
			r.charges[i].vol[u] -= part[u]
			r.total[u] -= part[u]
		}
		if part != (authz.Volume{}) {
			piece(r.charges[i].at, part)
		}
	}
}
