package window

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

// Shared is a store that replicas share, such as redisstore.Store. Its errors are *authz.Error, of a label that begins with "store_" where it
// cannot be asked, or be believed. One that wraps context.Canceled says that who asked has left, and nothing of the store.
type Shared interface {
	Reserve(ctx context.Context, r authz.Reservation) (authz.Quota, error)
	Raise(ctx context.Context, r authz.Reservation) (authz.Quota, error)
	Settle(ctx context.Context, r authz.Reservation) error
	Cancel(ctx context.Context, r authz.Reservation) error
	Usage(ctx context.Context, tenant string, keys []authz.MeterKey) (authz.Usage, error)
	Reset(ctx context.Context, tenant string, keys []authz.MeterKey) error
	Ready(ctx context.Context) error
	Healthy() error
	Run(ctx context.Context) error
	Close() error
}

// AwayConfig configures an Away. Shared is required.
type AwayConfig struct {
	Shared Shared
	// Default is the mode of limits that name none; its own default is AwayRefuse.
	Default authz.Away
	// Replicas is the largest number of replicas that share the limits. A limit of mode local is a refusal without it: nobody knows this
	// replica's share.
	Replicas int
	Windows  []authz.Window                 // as in Config
	Meters   map[authz.Meter][]authz.Window // as in Config
	Now      func() time.Time               // default time.Now
	// RetryEvery is how often a store that is away is tried; default 1 s. In between, limits that permit it are judged without it at once.
	RetryEvery time.Duration
	Log        *slog.Logger // default slog.Default()
}

// Away is a Shared store whose limits say what becomes of them while it cannot be asked or believed:
//
//	refuse  nothing passes.
//	local   this replica's share, max divided by Replicas, is counted in its memory. All replicas together then admit max at most while the
//	        store is away, whatever they had admitted before: 2 × max in a window that holds the outage's beginning.
//	allow   everything passes, counted and flagged (authz.Quota.Away).
//
// A claim passes only where none of its limits refuses; one without limits has nothing that could permit it. What passed is owed, and
// charged once the store is back, by the same claims: what it knows already it does not count twice. What is owed is gone with the process.
type Away struct {
	cfg   AwayConfig
	local *Memory
	tried atomic.Int64 // when the store was found away last, ns since 1970; 0: it is there

	mu     sync.Mutex // guards claims, and what they hold
	claims map[claimKey]*debt
}

type claimKey struct{ tenant, id string }

// debt is a claim of which the shared store may not know everything.
type debt struct {
	r      authz.Reservation // without limits; its Volume is what the claim comes to
	shared authz.Volume      // what the shared store has granted
	closed bool
	owed   bool // the shared store is still to be told
	since  time.Time
}

const (
	// maxDebts is how many claims are kept track of; beyond it nothing passes while the store is away.
	maxDebts = 200_000
	// payAtOnce is how many debts are paid together.
	payAtOnce = 64
)

// NewAway returns an Away.
func NewAway(cfg AwayConfig) (*Away, error) {
	if cfg.Shared == nil {
		return nil, errors.New("window: AwayConfig.Shared is required")
	}
	if !cfg.Default.Valid() {
		return nil, fmt.Errorf("window: mode %q is not known", cfg.Default)
	}
	if cfg.Default == authz.AwayUnset {
		cfg.Default = authz.AwayRefuse
	}
	if cfg.RetryEvery <= 0 {
		cfg.RetryEvery = time.Second
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	m, err := NewMemory(Config{Windows: cfg.Windows, Meters: cfg.Meters, Now: cfg.Now, Log: cfg.Log})
	if err != nil {
		return nil, err
	}
	return &Away{cfg: cfg, local: m, claims: map[claimKey]*debt{}}, nil
}

// Tolerant reports whether limits may pass while the store is away, so that it being away does not keep Weir from deciding.
func (a *Away) Tolerant() bool { return a.cfg.Replicas > 0 || a.cfg.Default != authz.AwayRefuse }

// isAway reports whether an error says that the shared store cannot be asked or believed.
func isAway(err error) bool {
	var e *authz.Error
	return errors.As(err, &e) && strings.HasPrefix(e.Label, "store_")
}

// mode returns the laxest mode of the limits; AwayRefuse where one of them refuses, or there are none.
func (a *Away) mode(limits []authz.Limit) authz.Away {
	laxest := authz.AwayRefuse
	for _, l := range limits {
		switch m := a.modeOf(l); {
		case m == authz.AwayAllow:
			laxest = m
		case m == authz.AwayLocal && a.cfg.Replicas > 0:
			if laxest == authz.AwayRefuse {
				laxest = m
			}
		default:
			return authz.AwayRefuse
		}
	}
	return laxest
}

func (a *Away) modeOf(l authz.Limit) authz.Away {
	if l.Away == authz.AwayUnset {
		return a.cfg.Default
	}
	return l.Away
}

// shares returns the limits that hold while the store is away: this replica's share of those of mode local.
func (a *Away) shares(limits []authz.Limit) []authz.Limit {
	var out []authz.Limit
	for _, l := range limits {
		if a.modeOf(l) == authz.AwayLocal {
			l.Max /= int64(a.cfg.Replicas)
			out = append(out, l)
		}
	}
	return out
}

// try reports whether to ask the shared store: always while it is there, and once in RetryEvery while it is away.
func (a *Away) try() bool {
	last := a.tried.Load()
	if last == 0 {
		return true
	}
	now := a.cfg.Now().UnixNano()
	return now-last >= int64(a.cfg.RetryEvery) && a.tried.CompareAndSwap(last, now)
}

// heard notes whether the shared store could be asked.
func (a *Away) heard(err error) {
	switch {
	case errors.Is(err, context.Canceled): // clients that come and go must not have everybody's limits judged without a store that is there
	case !isAway(err):
		a.tried.Store(0)
	case a.tried.Swap(a.cfg.Now().UnixNano()) == 0:
		a.cfg.Log.Warn("the shared counters are away: limits are judged as their modes say (away)", "cause", err)
	}
}

// errAway is the error of a store that was found away a moment ago.
func errAway() error {
	return &authz.Error{
		Kind: authz.KindUnavailable, Label: "store_unavailable", Public: "Weir could not read its counters",
		Err: errors.New("the shared counters were away a moment ago"),
	}
}

// Reserve asks the shared store, and in its place this replica's memory where the limits permit.
func (a *Away) Reserve(ctx context.Context, r authz.Reservation) (authz.Quota, error) {
	return a.claim(ctx, r, a.cfg.Shared.Reserve, a.local.Reserve)
}

// Raise asks the shared store, and in its place this replica's memory where the limits permit. What the shared store has granted before stays
// granted.
func (a *Away) Raise(ctx context.Context, r authz.Reservation) (authz.Quota, error) {
	return a.claim(ctx, r, a.cfg.Shared.Raise, a.local.Raise)
}

type claimFunc func(ctx context.Context, r authz.Reservation) (authz.Quota, error)

func (a *Away) claim(ctx context.Context, r authz.Reservation, shared, local claimFunc) (authz.Quota, error) {
	mode := a.mode(r.Limits)
	if mode == authz.AwayRefuse {
		q, err := shared(ctx, r)
		if isAway(err) {
			a.mu.Lock()
			a.refused(r)
			a.mu.Unlock()
		} else if err == nil {
			a.goesOn(r)
		}
		return q, err
	}
	err := errAway()
	if a.try() {
		if err = a.pay(ctx, claimKey{r.Tenant, r.ID}); err == nil {
			var q authz.Quota
			if q, err = shared(ctx, r); err == nil {
				a.heard(nil)
				a.granted(r, q.Granted)
				return q, nil
			}
		}
		if errors.Is(err, context.Canceled) {
			a.mu.Lock()
			a.refused(r)
			a.mu.Unlock()
			return authz.Quota{}, err
		}
		if a.heard(err); !isAway(err) {
			return authz.Quota{}, err
		}
	}
	return a.claimHere(ctx, r, mode, local, err)
}

// claimHere judges a claim by this replica's memory.
func (a *Away) claimHere(ctx context.Context, r authz.Reservation, mode authz.Away, local claimFunc, cause error) (authz.Quota, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	d := a.claims[claimKey{r.Tenant, r.ID}]
	if d == nil || d.closed {
		if d == nil && len(a.claims) >= maxDebts {
			return authz.Quota{}, cause
		}
		d = &debt{}
	}
	here := r
	here.Limits = a.shares(r.Limits)
	for u := range here.Volume {
		here.Volume[u] = max(0, here.Volume[u]-d.shared[u])
	}
	q, err := local(ctx, here)
	if err != nil {
		return authz.Quota{}, err
	}
	q.Away = mode
	if q.Granted == (authz.Volume{}) && len(q.Over) > 0 {
		if q.Granted = d.shared; q.Granted == (authz.Volume{}) {
			a.refused(r)
		}
		return q, nil
	}
	q.Granted = d.shared.Add(q.Granted)
	a.owe(d, r, q.Granted, false)
	return q, nil
}

// owe notes what a claim comes to, of which the shared store is to be told. The caller holds mu.
func (a *Away) owe(d *debt, r authz.Reservation, total authz.Volume, closed bool) {
	r.Limits, r.Volume = nil, total
	d.r, d.closed, d.owed, d.since = r, closed, true, a.cfg.Now()
	a.claims[claimKey{r.Tenant, r.ID}] = d
}

// refused owes that a claim is given back which was refused here, in case the shared store was asked, has granted it, and its answer was
// lost: a refusal burns nothing. The caller holds mu.
func (a *Away) refused(r authz.Reservation) {
	if d := a.claims[claimKey{r.Tenant, r.ID}]; d == nil && len(a.claims) < maxDebts {
		a.owe(&debt{}, r, authz.Volume{}, true)
	}
}

// goesOn forgets that a claim was refused: it is made after all.
func (a *Away) goesOn(r authz.Reservation) {
	a.mu.Lock()
	defer a.mu.Unlock()
	key := claimKey{r.Tenant, r.ID}
	if d := a.claims[key]; d != nil && d.closed {
		delete(a.claims, key)
	}
}

// granted notes what the shared store has granted a claim that may have to go on without it.
func (a *Away) granted(r authz.Reservation, v authz.Volume) {
	if v == (authz.Volume{}) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	key := claimKey{r.Tenant, r.ID}
	d := a.claims[key]
	if d == nil || d.closed {
		if len(a.claims) >= maxDebts {
			return
		}
		d = &debt{}
		a.claims[key] = d
	}
	r.Limits, r.Volume = nil, v
	d.r, d.shared, d.since = r, v, a.cfg.Now()
}

// Settle closes a claim in the shared store, or owes that it is closed. An error is that of a claim whose limits do not permit to go on
// without the store; it is owed all the same.
func (a *Away) Settle(ctx context.Context, r authz.Reservation) error {
	return a.end(ctx, r, r.Volume, a.cfg.Shared.Settle)
}

// Cancel gives a claim back in the shared store, or owes that it is given back; errors are as those of Settle.
func (a *Away) Cancel(ctx context.Context, r authz.Reservation) error {
	return a.end(ctx, r, authz.Volume{}, a.cfg.Shared.Cancel)
}

func (a *Away) end(ctx context.Context, r authz.Reservation, total authz.Volume, shared func(context.Context, authz.Reservation) error) error {
	if err := readable(total); err != nil {
		return err
	}
	permits := a.mode(r.Limits) != authz.AwayRefuse
	err := errAway()
	if !permits || a.try() {
		if err = shared(ctx, r); permits {
			a.heard(err)
		}
	}
	if err != nil && !isAway(err) {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	key := claimKey{r.Tenant, r.ID}
	d := a.claims[key]
	if d != nil { // what was granted here is corrected here; it goes on counting until it leaves its windows
		here := r
		here.Limits, here.Volume = nil, total
		for u := range total {
			here.Volume[u] = max(0, total[u]-d.shared[u])
		}
		if d.owed {
			_ = a.local.Settle(ctx, here)
		}
	}
	if err == nil {
		delete(a.claims, key)
		return nil
	}
	if d == nil {
		if len(a.claims) >= maxDebts {
			return err
		}
		d = &debt{}
	}
	a.owe(d, r, total, true)
	if permits {
		return nil
	}
	return err
}

// Usage asks the shared store: there is no count of all replicas without it.
func (a *Away) Usage(ctx context.Context, tenant string, keys []authz.MeterKey) (authz.Usage, error) {
	return a.cfg.Shared.Usage(ctx, tenant, keys)
}

// Reset makes the keys count nothing, in the shared store and here.
func (a *Away) Reset(ctx context.Context, tenant string, keys []authz.MeterKey) error {
	if err := a.cfg.Shared.Reset(ctx, tenant, keys); err != nil {
		return err
	}
	return a.local.Reset(ctx, tenant, keys)
}

// Ready asks the shared store whether it can be used.
func (a *Away) Ready(ctx context.Context) error { return a.cfg.Shared.Ready(ctx) }

// Healthy returns what the shared store says of itself. It does not block.
func (a *Away) Healthy() error { return a.cfg.Shared.Healthy() }

// Close closes the shared store.
func (a *Away) Close() error { return a.cfg.Shared.Close() }
