package redisstore

import (
	"encoding/binary"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

// Who is over a limit and asks again, and again, is refused from memory: what was refused a moment ago would be refused now. It is forgotten as
// soon as this process counts anything for one of the meters in the way, either way, and after overFor at the latest: what another process
// gives back is seen so much later.

const (
	overFor  = 250 * time.Millisecond
	maxOvers = 4096
)

// overs are the refusals of the last moment. Safe for concurrent use.
type overs struct {
	n  atomic.Int64 // how many there are; 0 needs no look
	mu sync.Mutex
	by map[leaseKey]map[string]refusal // by the meter whose limit was in the way, and what was asked
	// known and before are the claims that were granted last: they are not refused when they are made again.
	known, before map[claimID]struct{}
}

type refusal struct {
	over []authz.Exceeded
	at   time.Time
}

// asked is what a claim asks for, but for its ID.
func asked(r *authz.Reservation) string {
	var b []byte
	text := func(s string) {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	for _, n := range r.Volume {
		b = binary.AppendVarint(b, n)
	}
	b = binary.AppendUvarint(b, uint64(len(r.Keys)))
	for _, k := range r.Keys {
		text(string(k.Meter))
		text(k.Key)
	}
	for _, l := range r.Limits {
		text(string(l.Meter))
		text(l.Key)
		text(string(l.Unit))
		b = binary.AppendVarint(b, int64(l.Window))
		b = binary.AppendVarint(b, l.Max)
	}
	return string(b)
}

// find returns the refusal of what r asks for, as it would be now.
func (o *overs) find(r *authz.Reservation, now time.Time) ([]authz.Exceeded, bool) {
	if o.n.Load() == 0 {
		return nil, false
	}
	what, id := asked(r), claimID{r.Tenant, r.ID}
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, ok := o.known[id]; ok {
		return nil, false
	}
	if _, ok := o.before[id]; ok {
		return nil, false
	}
	for _, l := range r.Limits {
		of, ok := o.by[leaseKey{r.Tenant, authz.MeterKey{Meter: l.Meter, Key: l.Key}}][what]
		if !ok {
			continue
		}
		since := now.Sub(of.at)
		over := slices.Clone(of.over)
		for i := range over {
			if over[i].RetryAfter == 0 { // it never passes
				continue
			}
			if over[i].RetryAfter -= since; over[i].RetryAfter <= 0 {
				return nil, false
			}
		}
		return over, since >= 0 && since < overFor
	}
	return nil, false
}

// note remembers a refusal. at is before Redis was asked.
func (o *overs) note(r *authz.Reservation, over []authz.Exceeded, at time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.by == nil || o.n.Load() >= maxOvers {
		o.by = map[leaseKey]map[string]refusal{}
		o.n.Store(0)
	}
	what := asked(r)
	for _, e := range over {
		key := leaseKey{r.Tenant, authz.MeterKey{Meter: e.Limit.Meter, Key: e.Limit.Key}}
		if o.by[key] == nil {
			o.by[key] = map[string]refusal{}
		}
		if _, ok := o.by[key][what]; !ok {
			o.n.Add(1)
		}
		o.by[key][what] = refusal{over, at}
	}
}

// granted notes that a claim was granted.
func (o *overs) granted(r *authz.Reservation) {
	o.mu.Lock()
	if o.known == nil || len(o.known) >= maxEnded {
		o.before, o.known = o.known, map[claimID]struct{}{}
	}
	o.known[claimID{r.Tenant, r.ID}] = struct{}{}
	o.mu.Unlock()
	o.forget(r.Tenant, r.Keys)
}

// forget forgets the refusals for which the meters were in the way.
func (o *overs) forget(tenant string, keys []authz.MeterKey) {
	if o.n.Load() == 0 {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, k := range keys {
		key := leaseKey{tenant, k}
		o.n.Add(-int64(len(o.by[key])))
		delete(o.by, key)
	}
}
