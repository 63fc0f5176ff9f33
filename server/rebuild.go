package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/weirgate/weir/pkg/audit"
	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/redisstore"
	"github.com/weirgate/weir/pkg/window"
	"github.com/weirgate/weir/server/internal/config"
)

// Rebuilt is what Rebuild found and did.
type Rebuilt struct {
	Exchanges int       `json:"exchanges"` // that charged something
	Open      int       `json:"open"`      // of them: not ended yet; what they reserved is charged
	Meters    int       `json:"meters"`    // restored
	Pieces    int       `json:"pieces"`    // of stored objects that left, of which coverage is kept: restored
	Readings  int       `json:"readings"`  // of documents of corpora: restored, a document once however often it was read
	Since     time.Time `json:"since"`     // what is older counts no more
	// Unreadable counts the exchanges of which not all meters can be told: these are kept for claims or labels, and the records hold no input.
	Unreadable int `json:"unreadable"`
	// Damaged lists what cannot be read of the journals, which is then not charged.
	Damaged []string `json:"damaged,omitempty"`
}

// Rebuild makes the counters count no less than the journals say, and then has replicas believe in them. Give it the journals of all replicas:
// what is in none of them is not counted. It never makes anything count less, and may be repeated. dry only reads.
func Rebuild(ctx context.Context, c *config.Config, journals []string, dry bool) (Rebuilt, error) {
	now := time.Now()
	b := &rebuild{cfg: c, journals: journals, meters: c.Counters.Specs(), past: window.NewPast(c.Counters.Windows, c.Counters.WindowsOf(), now), now: now}
	b.found.Since = b.past.Since()
	b.reset, b.open, b.ended, b.claims = map[resetKey]time.Time{}, map[string]booking{}, map[string]bool{}, map[string][]redisstore.PastClaim{}
	for _, read := range []func(audit.Entry) error{b.resets, b.charges, b.countPieces} {
		for _, dir := range journals {
			if err := b.read(ctx, dir, read); err != nil {
				return b.found, err
			}
		}
	}
	b.stillOpen()
	for _, tenant := range b.past.Tenants() {
		b.found.Meters += len(b.past.Meters(tenant))
	}
	if dry {
		return b.found, nil
	}
	return b.found, b.restore(ctx)
}

// rebuild is a Rebuild under way.
type rebuild struct {
	cfg      *config.Config
	journals []string
	meters   authz.Meters
	past     *window.Past
	now      time.Time
	found    Rebuilt
	reset    map[resetKey]time.Time            // when a meter was reset last
	open     map[string]booking                // by decision: those without a completion so far
	ended    map[string]bool                   // completions whose decision is still to come, in another journal
	claims   map[string][]redisstore.PastClaim // that ended lately, by tenant
	going    []authz.Reservation               // exchanges that have not ended
}

type resetKey struct {
	tenant string
	key    authz.MeterKey
}

// booking is what an exchange charges.
type booking struct {
	at     time.Time
	tenant string
	keys   []authz.MeterKey
	volume authz.Volume
	partly bool // not all of its meters can be told
	id     string
}

// read goes through a journal, newest records included. What cannot be read is named, and passed over.
func (b *rebuild) read(ctx context.Context, dir string, use func(audit.Entry) error) error {
	for e, err := range audit.Read(dir, 0) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var damage *audit.Damage
		switch {
		case errors.As(err, &damage):
			if text := fmt.Sprintf("%s: %v", dir, damage); !slices.Contains(b.found.Damaged, text) {
				b.found.Damaged = append(b.found.Damaged, text)
			}
			continue
		case err != nil:
			return fmt.Errorf("journal %s: %w", dir, err)
		}
		if e.Time.Before(b.found.Since) {
			continue
		}
		if err := use(e); err != nil {
			return fmt.Errorf("journal %s: %w", dir, err)
		}
	}
	return nil
}

// resets notes when operators had meters count nothing.
func (b *rebuild) resets(e audit.Entry) error {
	if e.Event != authz.EventCompletion {
		return nil
	}
	f, err := e.Fields()
	if err != nil {
		return err
	}
	if f.Entry != operatorEntry || f.Rule != resetRule || f.Outcome != authz.OutcomeComplete {
		return nil
	}
	var keys []authz.MeterKey
	if err := json.Unmarshal([]byte(f.Object), &keys); err != nil {
		return fmt.Errorf("record %d: %w", e.Seq, err)
	}
	for _, k := range keys {
		at := resetKey{f.Tenant, k}
		if b.reset[at].Before(f.Time) {
			b.reset[at] = f.Time
		}
	}
	return nil
}

// charges books what a record charges: a completion what left, a decision what it reserved, until its completion is read. The meters are those
// of the decision, whose record holds the claims.
func (b *rebuild) charges(e audit.Entry) error {
	f, err := e.Fields()
	if err != nil {
		return err
	}
	if f.Entry == operatorEntry {
		return nil
	}
	if e.Event == authz.EventDecision {
		if f.Enforced == authz.Allow && !b.ended[e.Decision] {
			b.open[e.Decision] = b.book(&f, e.Input, f.Reserved())
		}
		return nil
	}
	bk, known := b.open[e.Decision]
	if delete(b.open, e.Decision); !known {
		b.ended[e.Decision] = true
		bk = b.book(&f, e.Input, authz.Volume{})
	}
	bk.at, bk.volume = f.Time, f.Left()
	if f.ErrorType == audit.LostLabel {
		bk.volume = f.Reserved()
	}
	b.add(bk)
	return nil
}

// book says which meters a record charges.
func (b *rebuild) book(f *audit.Fields, input json.RawMessage, v authz.Volume) booking {
	who, what := f.Subject(), authz.Target{Name: f.Target, Kind: f.TargetKind, Tenant: f.Tenant}
	whole := false
	if len(input) > 0 { // which has claims and labels, too
		var in struct {
			Subject authz.Subject `json:"subject"`
			Target  authz.Target  `json:"target"`
		}
		d := json.NewDecoder(bytes.NewReader(input))
		d.UseNumber() // as tokens are read: a meter's key has the claim's own digits
		if d.Decode(&in) == nil && in.Subject.ID == who.ID && in.Target.Name == what.Name {
			who, what, whole = in.Subject, in.Target, true
		}
	}
	limits, err := b.meters.Bind(f.Limits, who, what)
	bk := booking{id: f.Decision, at: f.Time, tenant: what.MeterTenant(), keys: b.meters.Charged(who, what, limits, false), volume: v}
	bk.partly = err != nil || !whole && b.needsInput()
	return bk
}

// needsInput reports whether some meter is kept for what only inputs hold.
func (b *rebuild) needsInput() bool {
	return slices.ContainsFunc(b.meters, func(m authz.MeterSpec) bool {
		return slices.ContainsFunc(m.Keys, func(k string) bool {
			return strings.HasPrefix(k, authz.KeyClaim) || strings.HasPrefix(k, authz.KeyLabel)
		})
	})
}

// add counts what an exchange has charged.
func (b *rebuild) add(bk booking) {
	if !b.counts(bk) {
		return
	}
	b.past.Add(bk.tenant, b.kept(bk), bk.at, bk.volume)
	if b.now.Sub(bk.at) < redisstore.ClosedLife { // so long a replica may still tell of it
		b.claims[bk.tenant] = append(b.claims[bk.tenant], redisstore.PastClaim{ID: bk.id, Volume: bk.volume})
	}
}

// counts reports whether an exchange has charged anything, and counts it.
func (b *rebuild) counts(bk booking) bool {
	if bk.volume == (authz.Volume{}) {
		return false
	}
	b.found.Exchanges++
	if bk.partly {
		b.found.Unreadable++
	}
	return true
}

// kept are the meters of an exchange that were not reset since.
func (b *rebuild) kept(bk booking) []authz.MeterKey {
	return slices.DeleteFunc(slices.Clone(bk.keys), func(k authz.MeterKey) bool {
		at, ok := b.reset[resetKey{bk.tenant, k}]
		return ok && !bk.at.After(at)
	})
}

// stillOpen claims what exchanges have reserved that have not ended: they may be taking it now.
func (b *rebuild) stillOpen() {
	for _, bk := range b.open {
		if b.now.Sub(bk.at) < longestExchange && b.counts(bk) {
			b.found.Open++
			b.going = append(b.going, authz.Reservation{ID: bk.id, Tenant: bk.tenant, Keys: b.kept(bk), Volume: bk.volume})
		}
	}
}

// restore writes it all, and says so to the replicas.
func (b *rebuild) restore(ctx context.Context) error {
	quiet := slog.New(slog.DiscardHandler)
	if b.cfg.Counters.URL == "" && b.cfg.Counters.Snapshot == "" {
		return errNotKept
	}
	if b.cfg.Counters.URL == "" { // they may not be another process's
		j, _, err := openJournal(b.cfg, true, quiet)
		if err != nil {
			return fmt.Errorf("counters in memory are rebuilt while nobody serves: %w", err)
		}
		defer j.Close() //nolint:errcheck // nothing was written
	}
	s, err := openCounters(b.cfg, quiet)
	if err != nil {
		return err
	}
	for _, tenant := range b.past.Tenants() {
		if err := s.Restore(ctx, tenant, b.past.Meters(tenant)); err != nil {
			return errors.Join(err, s.Close())
		}
	}
	for _, r := range b.going {
		if _, err := s.Raise(ctx, r); err != nil { // without limits; known twice, it is charged once
			return errors.Join(err, s.Close())
		}
	}
	if err := b.restoreDeparted(ctx, s); err != nil {
		return errors.Join(err, s.Close())
	}
	if r, ok := s.(*redisstore.Store); ok {
		for tenant, claims := range b.claims {
			if err := r.RestoreClaims(ctx, tenant, claims); err != nil {
				return errors.Join(err, s.Close())
			}
		}
		if err := r.Accept(ctx); err != nil {
			return errors.Join(err, s.Close())
		}
	}
	return s.Close()
}
