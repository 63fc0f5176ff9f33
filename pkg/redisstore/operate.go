package redisstore

import (
	"context"
	"crypto/rand"
	"slices"
	"time"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/window"
)

// What operators do: restore what was lost, accept that it was, and make meters count nothing.

// Reset makes the keys count nothing. What claims that are open now give back later is not taken off again.
func (s *Store) Reset(ctx context.Context, tenant string, keys []authz.MeterKey) error {
	if s.leases != nil {
		s.leases.endLeases(tenant, keys)
	}
	defer s.overs.forget(tenant, keys)
	for some := range slices.Chunk(keys, maxMeters) {
		if err := s.sure(ctx); err != nil {
			return err
		}
		if _, err := s.run(ctx, step{script: s.scripts.reset, tenant: tenant, claim: claimKey(tag(tenant), ""), meters: some}); err != nil {
			return err
		}
	}
	return nil
}

// restoreAtOnce is how many meters are restored by one script, which holds everything else up.
const restoreAtOnce = 8

// Restore makes every slot count no less than the past says. It never makes one count less, and does nothing when it is repeated. Redis may be
// one that other processes do not believe: they go on refusing until Accept.
func (s *Store) Restore(ctx context.Context, tenant string, past []window.PastMeter) error {
	for some := range slices.Chunk(past, restoreAtOnce) {
		st := step{script: s.scripts.restore, tenant: tenant, claim: claimKey(tag(tenant), "")}
		for i, m := range some {
			st.meters = append(st.meters, m.Key)
			for _, slot := range m.Slots {
				if w := 1 + slices.Index(s.windowsOf(m.Key.Meter), slot.Window); w > 0 {
					st.more = appendCounts(st.more, int64(1+i), int64(w), slot.At)
					st.more = appendCounts(st.more, slot.Volume[:]...)
				}
			}
		}
		if len(st.more) == 0 {
			continue
		}
		if _, err := s.run(ctx, st); err != nil {
			return err
		}
	}
	return nil
}

// PastClaim is a claim that has ended, as a journal tells it.
type PastClaim struct {
	ID     string
	Volume authz.Volume // what it came to, which Restore has counted
}

// RestoreClaims makes claims known, so that what a process tells again, or ends, is not counted twice. Claims that Redis knows stay as they are.
func (s *Store) RestoreClaims(ctx context.Context, tenant string, claims []PastClaim) error {
	tag := tag(tenant)
	for some := range slices.Chunk(claims, maxBatch) {
		ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
		p := s.client.Pipeline()
		for _, c := range some {
			p.SetNX(ctx, claimKey(tag, c.ID), appendCounts([]byte("c"), c.Volume[:]...), ClosedLife)
		}
		_, err := p.Exec(ctx)
		cancel()
		if err != nil {
			return unavailable(err)
		}
	}
	return nil
}

// ClosedLife is how long a claim is known once it has ended, as lua/claim.lua has it.
const ClosedLife = 10 * time.Minute

// acceptLife is how long a word of acceptance stands: long enough for replicas that do not run just now. Each hears it once.
const acceptLife = 24 * time.Hour

// Accept tells all replicas that run, or will within a day, to believe in what Redis holds now, whatever it had lost.
func (s *Store) Accept(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	if err := s.client.Set(ctx, acceptKey, rand.Text(), acceptLife).Err(); err != nil {
		return unavailable(err)
	}
	return nil
}
