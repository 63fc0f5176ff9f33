package window

import (
	"context"
	"sync"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

// pay tells the shared store what it does not know of a claim. Paid twice, a debt is charged once: the store knows the claim.
func (a *Away) pay(ctx context.Context, key claimKey) error {
	a.mu.Lock()
	d := a.claims[key]
	if d == nil || !d.owed {
		a.mu.Unlock()
		return nil
	}
	r, closed := d.r, d.closed
	a.mu.Unlock()
	var err error
	switch {
	case !closed:
		_, err = a.cfg.Shared.Raise(ctx, r) // without limits: it has left
	case r.Volume == authz.Volume{}:
		err = a.cfg.Shared.Cancel(ctx, r)
	default:
		err = a.cfg.Shared.Settle(ctx, r)
	}
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if d.closed == closed && d.r.Volume == r.Volume { // nothing came meanwhile
		if d.owed, d.shared = false, r.Volume; closed {
			delete(a.claims, key)
		}
	}
	return nil
}

// owing lists the claims that the shared store is to be told of.
func (a *Away) owing() []claimKey {
	a.mu.Lock()
	defer a.mu.Unlock()
	var keys []claimKey
	for key, d := range a.claims {
		if d.owed {
			keys = append(keys, key)
		}
	}
	return keys
}

// Owed returns how many claims the shared store is still to be told of.
func (a *Away) Owed() int { return len(a.owing()) }

// payAll pays what is owed, as long as the store takes it.
func (a *Away) payAll(ctx context.Context) error {
	keys := a.owing()
	if len(keys) == 0 {
		return nil
	}
	next := make(chan claimKey)
	errs := make(chan error, payAtOnce)
	for range payAtOnce {
		go func() {
			var err error
			for key := range next {
				if err == nil {
					err = a.pay(ctx, key)
				}
			}
			errs <- err
		}()
	}
	for _, key := range keys {
		next <- key
	}
	close(next)
	var err error
	for range payAtOnce {
		if err2 := <-errs; err == nil {
			err = err2
		}
	}
	if err == nil {
		a.heard(nil)
		a.cfg.Log.Info("what was counted while the shared counters were away is counted there, too", "claims", len(keys))
	}
	return err
}

// lastPay bounds the paying of debts when the process ends.
const lastPay = 2 * time.Second

// Run runs the shared store, and pays it what is owed once it is back, until ctx ends.
func (a *Away) Run(ctx context.Context) error {
	var shared sync.WaitGroup
	defer shared.Wait()
	var err error
	shared.Go(func() { err = a.cfg.Shared.Run(ctx) })
	retry, sweep := time.NewTicker(a.cfg.RetryEvery), time.NewTicker(sweepEvery)
	defer retry.Stop()
	defer sweep.Stop()
	for {
		select {
		case <-retry.C:
			if a.cfg.Shared.Healthy() == nil {
				_ = a.payAll(ctx) // what failed is still owed
			}
		case <-sweep.C:
			a.local.Sweep()
			a.forget()
		case <-ctx.Done():
			shared.Wait()
			if a.cfg.Shared.Healthy() == nil {
				last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastPay)
				defer cancel()
				_ = a.payAll(last)
			}
			if n := a.Owed(); n > 0 {
				a.cfg.Log.Error("the shared counters were not told of everything; weir limits rebuild restores it from the journal", "claims", n)
			}
			return err
		}
	}
}

// forget drops claims that nobody ended.
func (a *Away) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for key, d := range a.claims {
		if !d.owed && a.cfg.Now().Sub(d.since) > a.local.cfg.MaxReservation {
			delete(a.claims, key)
		}
	}
}
