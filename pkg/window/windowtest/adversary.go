package windowtest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/window"
)

// An adversary sends whatever it likes whenever it likes, and a model that keeps every single admission judges what the store let pass:
//
//   - Never more: after each admission, what was admitted in the window that ends with it is at most the maximum.
//   - Never long: each refusal is owed to what was admitted in the window and one slot before it.
//   - No lie: a claim that is refused is refused until Retry-After, to the microsecond, and admitted then.
type adversary struct {
	*bench
	*rand.Rand
	windows []authz.Window
	keys    []string
	limits  []authz.Limit
	back    bool // sets the clock back
	holds   bool // the store may hold some back
	elapsed time.Duration
	log     []admission
	claims  []*claimed
	refused int
}

// admission is what the store let pass at once: one increase of one claim.
type admission struct {
	at    time.Duration // since the beginning, whatever the clock says
	claim *claimed
	n     authz.Volume
	over  bool // it left without being asked for: Settle charged more than was granted
}

// claimed is one claim that the adversary made.
type claimed struct {
	r      authz.Reservation
	total  authz.Volume
	raises int
}

// maxRaises keeps a claim below the number of charges from which on the store joins them.
const maxRaises = 60

// adversaries are the tests: what each seed does is in newAdversary.
func adversaries() map[string]func(*bench) {
	tests := map[string]func(*bench){}
	for seed := range 10 {
		tests[fmt.Sprintf("adversary %d", seed)] = func(b *bench) { newAdversary(b, uint64(seed)).run() } //nolint:gosec // small
	}
	return tests
}

// longWindows are those that adversaries know, too: the store must keep them.
const (
	day   = authz.Window(24 * time.Hour)
	month = authz.Window(30 * 24 * time.Hour)
)

func newAdversary(b *bench, seed uint64) *adversary {
	a := &adversary{bench: b, Rand: rand.New(rand.NewPCG(seed, 3)), keys: []string{"ada", "team"}, back: seed%5 == 4} //nolint:gosec // repeatable
	all := []authz.Window{minute, hour, day, month}
	a.windows = all[seed%4:]
	for i, w := range a.windows {
		if i > 0 && a.IntN(2) == 0 {
			continue
		}
		for _, k := range a.keys {
			a.limits = append(a.limits, limit(k, authz.UnitVectors, w, 20+a.Int64N(20)*int64(1+i)))
		}
	}
	a.limits = append(a.limits, limit("ada", authz.UnitBytes, a.windows[0], 1000))
	return a
}

func (a *adversary) run() {
	for range 500 {
		a.pause()
		switch n := a.IntN(20); {
		case n < 9:
			a.claim()
		case n < 13:
			a.grow()
		case n < 17:
			a.end()
		case n < 19:
			a.repeat()
		default:
			a.waitFor()
		}
		if a.t.Failed() {
			return
		}
	}
	least := 60
	if a.holds {
		least = 20
	}
	if admitted := len(a.log); admitted < least || a.refused < 20 {
		a.t.Errorf("%d admissions and %d refusals: it does not try enough", admitted, a.refused)
	}
}

// holders are the tests of stores that may hold some back.
func holders() map[string]func(b *bench, settle func()) {
	tests := map[string]func(*bench, func()){
		"concurrent": func(b *bench, settle func()) {
			testConcurrent(b)
			settle()
			b.used("ada", hour, 100)
		},
	}
	seeds := []uint64{319, 1031, 1054} // once they passed a limit that others do not reach
	for seed := range uint64(20) {
		seeds = append(seeds, seed)
	}
	for _, seed := range seeds {
		tests[fmt.Sprintf("adversary %d", seed)] = func(b *bench, settle func()) {
			a := newAdversary(b, seed)
			a.holds, a.back = true, false
			a.run()
			settle()
			a.counted()
		}
	}
	return tests
}

// counted compares what the longest window counts with what was admitted in it, and a slot before it.
func (a *adversary) counted() {
	u, err := a.s.Usage(a.t.Context(), "t", []authz.MeterKey{key("ada")})
	if err != nil {
		a.t.Fatal(err)
	}
	got := int64(0)
	for _, c := range u {
		if c.Window == month && c.Unit == authz.UnitVectors {
			got = c.Count
		}
	}
	least := a.sum(authz.UnitVectors, time.Duration(month))
	most := a.sum(authz.UnitVectors, time.Duration(month)+time.Duration(window.Width(month)))
	if got < least || got > most {
		a.t.Errorf("%d are counted in the end, and %d to %d were admitted", got, least, most)
	}
}

// pause lets time pass: none, a little, up to or just before or after the edge of a slot or of a window.
func (a *adversary) pause() {
	w := time.Duration(a.windows[0])
	switch a.IntN(12) {
	case 0, 1, 2, 3, 4, 5, 6: // all at once
	case 7:
		a.advance(w - time.Duration(a.IntN(2))*time.Microsecond)
	case 8: // to the edge of a slot
		width := time.Duration(window.Width(a.windows[a.IntN(min(2, len(a.windows)))]))
		to := width - time.Duration(a.clock.Now().UnixNano())%width
		a.advance(max(0, to+time.Duration(a.IntN(3)-1)*time.Microsecond).Truncate(time.Microsecond))
	case 9:
		if a.back && a.IntN(8) == 0 {
			a.clock.Advance(-time.Duration(a.Int64N(int64(3 * w))).Truncate(time.Microsecond))
		}
	default: // any length, short ones as likely as long ones
		a.advance(time.Duration(math.Pow(float64(w), a.Float64())).Truncate(time.Microsecond))
	}
}

func (a *adversary) advance(d time.Duration) {
	a.clock.Advance(d)
	a.elapsed += d
}

func (a *adversary) volume() authz.Volume {
	v := vectors(1 + a.Int64N(8))
	if a.IntN(4) == 0 {
		v = v.With(authz.UnitBytes, a.Int64N(400))
	}
	return v
}

func (a *adversary) claim() {
	r := authz.Reservation{ID: a.id(), Tenant: "t", Keys: []authz.MeterKey{key("ada"), key("team")}, Volume: a.volume(), Limits: a.limits}
	if q := a.reserve(r); !a.judge(r.Volume, q) {
		return
	}
	c := &claimed{r: r}
	a.admit(c, r.Volume, false)
	a.claims = append(a.claims, c)
}

// judge says whether a claim of v more was granted as a whole; a refusal must be owed to something.
func (a *adversary) judge(v authz.Volume, q authz.Quota) bool {
	if len(q.Over) == 0 {
		return true
	}
	a.refused++
	for _, o := range q.Over {
		u := o.Limit.Unit
		slot := time.Duration(window.Width(o.Limit.Window))
		if counted := a.sum(u, time.Duration(o.Limit.Window)+slot); counted+v.Of(u) <= o.Limit.Max && !a.back && !a.holds {
			a.t.Errorf("at %v: %d more %s refused for %v, and only %d were admitted in the window and a slot", a.elapsed, v.Of(u), u, o.Limit, counted)
		}
		if o.RetryAfter <= 0 || o.RetryAfter > time.Duration(o.Limit.Window)+2*slot && !a.back {
			a.t.Errorf("at %v: Retry-After %v of %v", a.elapsed, o.RetryAfter, o.Limit)
		}
	}
	return false
}

// sum is what was admitted in the last d.
func (a *adversary) sum(u authz.Unit, d time.Duration) int64 {
	n := int64(0)
	for i := len(a.log) - 1; i >= 0 && a.log[i].at > a.elapsed-d; i-- {
		n += a.log[i].n.Of(u)
	}
	return n
}

// admit notes what was admitted, and that it is not too much.
func (a *adversary) admit(c *claimed, n authz.Volume, over bool) {
	c.total = c.total.Add(n)
	a.log = append(a.log, admission{a.elapsed, c, n, over})
	for _, l := range a.limits {
		if sum := a.sum(l.Unit, time.Duration(l.Window)); sum > l.Max && n.Of(l.Unit) > 0 && !over {
			a.t.Errorf("at %v: %d %s in the last %v, at most %d may be (%s)", a.elapsed, sum, l.Unit, l.Window, l.Max, l.Key)
		}
	}
}

func (a *adversary) any() *claimed {
	if len(a.claims) == 0 {
		return nil
	}
	return a.claims[a.IntN(len(a.claims))]
}

// grow raises a stream that is under way.
func (a *adversary) grow() {
	c := a.any()
	if c == nil || c.raises == maxRaises {
		return
	}
	more := a.volume()
	r := c.r
	r.Volume = c.total.Add(more)
	q := a.raise(r)
	c.raises++
	a.judge(more, q)
	if !q.Granted.Covers(c.total) || !r.Volume.Covers(q.Granted) {
		a.t.Errorf("raise of %v to %v: %v granted", c.total, r.Volume, q.Granted)
		return
	}
	for u := range more {
		more[u] = q.Granted[u] - c.total[u]
	}
	a.admit(c, more, false)
}

// end settles or cancels a claim. What never left is taken out of the model, newest first.
func (a *adversary) end() {
	if len(a.claims) == 0 {
		return
	}
	i := a.IntN(len(a.claims))
	c := a.claims[i]
	a.claims = append(a.claims[:i], a.claims[i+1:]...)
	r, n := c.r, a.IntN(4)
	if n == 0 {
		r.Volume = authz.Volume{}
		for range 1 + a.IntN(2) {
			if err := a.s.Cancel(a.t.Context(), r); err != nil {
				a.t.Fatal(err)
			}
		}
	} else {
		r.Volume = c.total
		for u := range r.Volume {
			switch n {
			case 1: // as much as was granted
			case 2:
				r.Volume[u] = a.Int64N(c.total[u] + 1)
			default:
				r.Volume[u] += a.Int64N(3)
			}
		}
		for range 1 + a.IntN(2) {
			a.settle(r)
		}
	}
	var more, less authz.Volume
	for u := range more {
		more[u], less[u] = max(0, r.Volume[u]-c.total[u]), max(0, c.total[u]-r.Volume[u])
	}
	a.takeBack(c, less)
	a.admit(c, more, true)
}

func (a *adversary) takeBack(c *claimed, less authz.Volume) {
	for i := len(a.log) - 1; i >= 0; i-- {
		if a.log[i].claim != c {
			continue
		}
		for u := range less {
			n := min(less[u], a.log[i].n[u])
			a.log[i].n[u] -= n
			less[u] -= n
		}
	}
}

// repeat makes a call again: it must change nothing, and say the same.
func (a *adversary) repeat() {
	c := a.any()
	if c == nil {
		return
	}
	r := c.r
	if q := a.reserve(r); q.Granted != c.total {
		a.t.Errorf("at %v: reserve again: %v granted, and %v is charged", a.elapsed, q.Granted, c.total)
	}
	r.Volume = c.total
	if q := a.raise(r); q.Granted != c.total || len(q.Over) > 0 {
		a.t.Errorf("at %v: raise again: %+v, and %v is charged", a.elapsed, q, c.total)
	}
}

// waitFor does as it is told by Retry-After, and a microsecond less.
func (a *adversary) waitFor() {
	if a.holds {
		return
	}
	r := authz.Reservation{ID: a.id(), Tenant: "t", Keys: []authz.MeterKey{key("ada"), key("team")}, Volume: vectors(12), Limits: a.limits}
	q := a.reserve(r)
	if a.judge(r.Volume, q) {
		a.settle(func() authz.Reservation { r := r; r.Volume = authz.Volume{}; return r }())
		return
	}
	wait := q.Over[0].RetryAfter
	if rest := wait % time.Microsecond; rest > 0 { // the store's clock is finer than Redis': in whole microseconds there is room a little later
		wait += time.Microsecond - rest
	}
	a.advance(wait - time.Microsecond)
	r.ID = a.id()
	if q := a.reserve(r); a.judge(r.Volume, q) {
		a.t.Errorf("at %v: admitted a microsecond before Retry-After (%v)", a.elapsed, wait)
	}
	a.advance(time.Microsecond)
	r.ID = a.id()
	if q := a.reserve(r); len(q.Over) > 0 {
		a.t.Errorf("at %v: refused after Retry-After (%v): %+v", a.elapsed, wait, q)
		return
	}
	c := &claimed{r: r}
	a.admit(c, r.Volume, false)
	a.claims = append(a.claims, c)
}
